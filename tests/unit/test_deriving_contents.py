"""What is made up for a column, how it is written, and what candidates must agree on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from stated import STATED, column, operation, table

from schemabench import values
from schemabench.deriving import contents, rows, states
from schemabench.deriving.code import Made, Name, made, rendered
from schemabench.deriving.found import Column, ForeignKey, Statistics
from schemabench.deriving.scale import Scale, usual

NAMES = {**vars(values), "UTC": UTC, "date": date, "datetime": datetime, "Decimal": Decimal}


def drawn(expression: Made, rows_of_table: int = 1_000) -> list[Any]:
    """Return values of a column that is written as Python."""
    found = values.Table("size", {"c": eval(rendered(expression), {**NAMES})})  # noqa: S307 (what was just written)
    size = type("Sizes", (), {"size": rows_of_table})
    return [value for (value,) in found.rows(["c"], size)]


@pytest.mark.parametrize(
    "value",
    [
        {"a": (1, 2), "b": [0.25, None, True]},
        (Decimal("1.50"), date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=UTC), 'it\'s "quoted"'),
        tuple(range(0, 3_000_000, 10_007)),
        (1,),
    ],
)
def test_written_python_means_what_was_written(value: object) -> None:
    text = rendered(value)

    assert eval(text, {"UTC": UTC, "date": date, "datetime": datetime, "Decimal": Decimal}) == value  # noqa: S307 (likewise)
    assert max(map(len, text.split("\n"))) <= 120


def test_a_name_is_written_without_quotes() -> None:
    assert rendered(made("Reference", Name("tenants"), "id", skew=None)) == 'Reference(tenants, "id", skew=None)'


def test_a_text_of_which_nothing_is_known_fits_its_type() -> None:
    found = [
        drawn(contents.plain(column("c", "bpchar", "S", type=one), values=False)) for one in ("character(3)", "text")
    ]

    assert [{len(text) for text in some} for some in found] == [{3}, {8}]


def test_frequent_numbers_keep_their_shares_and_others_lie_between_the_bounds() -> None:
    known = Statistics(common=[("7", 0.5), ("9", 0.001)], bounds=["10", "20", "30"])
    found = drawn(contents.plain(column(statistics=known), values=False))

    assert found.count(7) == pytest.approx(500, abs=60)
    assert {one for one in found if one != 7} <= set(range(10, 31))


def test_values_that_are_in_the_order_of_rows_stay_so() -> None:
    times = [f"2026-01-{day:02} 00:00:00+00" for day in range(1, 20)]
    known = Statistics(bounds=times, correlation=0.99)
    found = drawn(contents.plain(column(base="timestamptz", category="D", statistics=known), values=False))

    assert found == sorted(found)
    assert found[0] == datetime(2026, 1, 1, tzinfo=UTC)


def test_labels_have_the_shares_of_their_shapes() -> None:
    known = Statistics(common=[("aaaa", 0.7), ("aaa", 0.2)])
    one = column(base="text", category="S", labels=("free", "pro", "enterprise"), statistics=known)
    found = drawn(contents.plain(one, values=False))

    assert found.count("free") == pytest.approx(700, abs=60)
    assert found.count("enterprise") == pytest.approx(100, abs=40)


def test_texts_are_in_the_shape_of_the_real_ones_unless_values_are_wanted() -> None:
    one = column(base="text", category="S", statistics=Statistics(common=[("Aa{4}-99", 1.0)]))
    real = column(base="text", category="S", statistics=Statistics(common=[("Paris-75", 1.0)]))

    assert all(
        len(text) == 8 and text[5] == "-" and text[6:].isdigit() for text in drawn(contents.plain(one, values=False))
    )
    assert set(drawn(contents.plain(real, values=True))) == {"Paris-75"}


def test_a_column_without_statistics_is_guessed_by_its_type() -> None:
    for base, category, kind in (
        ("int4", "N", int),
        ("numeric", "N", Decimal),
        ("text", "S", str),
        ("bytea", "U", bytes),
    ):
        assert isinstance(drawn(contents.plain(column(base=base, category=category), values=False))[0], kind)


def test_infinity_is_left_out_of_times() -> None:
    known = Statistics(bounds=["2026-01-01 00:00:00+00", "2026-02-01 00:00:00+00", "infinity"])
    found = drawn(contents.plain(column(base="timestamptz", category="D", statistics=known), values=False))

    assert max(found) < datetime(2026, 2, 2, tzinfo=UTC)


def test_a_scale_is_one_number_and_leaves_small_tables_alone() -> None:
    assert [Scale(0.01).of(number) for number in (0, 7, 5_000, 1_000_000)] == [0, 7, 100, 10_000]
    assert usual([10_000_000]).of(10_000_000) == 100_000
    assert usual([10]).share == 1


def test_referenced_tables_come_first_and_have_a_row() -> None:
    parent = table("tenant", column("id"), number=1, count=0, primary=["id"], unique=[["id"]])
    key = ForeignKey(name="fk", columns=["tenant"], target=1, keys=["id"])
    child = table("orders", column("id"), column("tenant"), number=2, unique=[["id"]], references=[key])

    found = rows.planned([child, parent], Scale(1.0), values=False)

    assert [(one.name, one.size) for one in found] == [("tenant", 1), ("orders", 1_000)]
    assert rendered(found[1].columns["tenant"]) == 'Reference(tenant, "id")'


def of_tenants(*orders: ForeignKey) -> rows.Rows:
    """Return what is made up for orders, beside tenants and their customers and clerks."""
    own = ForeignKey(name="fk", columns=["tenant"], target=1, keys=["id"])
    tenant = table("tenant", column("id"), number=1, unique=[["id"]])
    customer = table("customer", column("id"), column("tenant"), number=2, unique=[["id"]], references=[own])
    clerk = table("clerk", column("id"), column("tenant"), number=3, unique=[["id"]], references=[own])
    columns = [column("id"), column("tenant"), column("customer"), column("clerk")]
    order = table("orders", *columns, number=4, unique=[["id"]], references=[own, *orders])
    return rows.planned([tenant, customer, clerk, order], Scale(1.0), values=False)[-1]


def test_the_tenant_of_a_row_is_that_of_the_row_it_refers_to() -> None:
    found = of_tenants(ForeignKey(name="fk2", columns=["customer"], target=2, keys=["id"]))

    assert rendered(found.columns["tenant"]) == 'Reference(customer, "tenant", constraint="fk2")'
    assert rendered(found.columns["customer"]) == 'Reference(customer, "id", constraint="fk2")'


def test_all_that_a_row_refers_to_belongs_to_one_tenant() -> None:
    customer = ForeignKey(name="fk2", columns=["customer"], target=2, keys=["id"])
    clerk = ForeignKey(name="fk3", columns=["clerk"], target=3, keys=["id"])

    found = of_tenants(customer, clerk)

    assert rendered(found.columns["clerk"]) == 'Related(clerk, "id", "tenant", "tenant")'
    assert 'met=(Met(clerk, "tenant", "tenant"),)' in rendered(found.columns["customer"], before=-1_000)


@pytest.mark.parametrize(
    ("statements", "columns"),
    [
        (["INSERT INTO t (key, total, state) VALUES ($1, $2, $3)"], "key, total, state"),
        (["UPDATE t SET total = total + $1 WHERE key = $2"], "id, key, total, state, made_at"),
        (["UPDATE t SET total = $1 WHERE key = $2"], "id, key, state, made_at"),
        (["UPDATE t SET total = total + $1, state = $2 WHERE key = $3 AND state = $4"], "id, key, made_at"),
        (["UPDATE t SET total = total + random() WHERE key = $1"], "id, key, state, made_at"),
        (["INSERT INTO t (key, total) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING"], "key, state"),
        (
            ["INSERT INTO t (key, total) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET total = t.total + $2"],
            "key, total, state",
        ),
        (["INSERT INTO t (key, state) VALUES ($1, now()::text)"], "key, total"),
        (["UPDATE t SET total = total - $1 WHERE key = $2 AND total >= $3"], "id, key, state, made_at"),
        (["UPDATE t SET total = total + $1 WHERE id IN (SELECT id FROM t LIMIT 3)"], "id, key, state, made_at"),
        (["INSERT INTO t (key) VALUES ($1)", "UPDATE t SET total = total + $1 WHERE state = $2"], "key, state"),
        (["INSERT INTO t (key) VALUES ($1)", "UPDATE t SET total = total + $1 WHERE key = $2"], "key, total, state"),
        (["INSERT INTO t (key) SELECT 1 UNION SELECT 2"], None),
        (["INSERT INTO t DEFAULT VALUES"], None),
        (["DELETE FROM t WHERE key = $1"], None),
        (["INSERT INTO t (key) SELECT key + 1 FROM t WHERE key = $1"], None),
        (["SELECT * FROM t WHERE key = $1"], None),
    ],
)
def test_a_state_has_the_columns_that_do_not_depend_on_the_order(statements: list[str], columns: str | None) -> None:
    made_up = rows.planned([STATED], Scale(1.0), values=False)
    found, _ = states.states(made_up, [operation(sql) for sql in statements])

    assert [one.sql.split("\n")[0] for one in found] == ([f"SELECT {columns}"] if columns else [])


def test_a_column_that_a_trigger_may_set_is_in_no_state() -> None:
    statement = "INSERT INTO t (key, total) VALUES ($1, $2)"
    made_up = rows.planned([replace(STATED, triggers=True)], Scale(1.0), values=False)
    found, _ = states.states(made_up, [operation(statement)])

    assert [one.sql.split("\n")[0] for one in found] == ["SELECT key, total"]


def test_a_key_of_repeating_columns_has_no_more_rows_than_combinations() -> None:
    tenant = table("tenant", column("id"), number=1, count=40, unique=[["id"]])
    own = ForeignKey(name="fk", columns=["tenant"], target=1, keys=["id"])
    day = column("day", "date", "D", statistics=Statistics(distinct=10, bounds=["2026-01-01", "2026-01-10"]))
    daily = table("daily", column("tenant"), day, number=2, count=1_000, unique=[["tenant", "day"]], references=[own])

    found = rows.planned([tenant, daily], Scale(0.5), values=False)[-1]

    assert (found.size, found.whole, found.combined) == (400, 400, ("tenant", "day"))
    assert rendered(found.combination) == 'Combination((Reference(tenant, "id"), Dated(date(2026, 1, 1))), (0, 10))'


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (column(base="uuid", category="U", statistics=Statistics(distinct=5)), UUID),
        (column(base="bool", category="B", statistics=Statistics(distinct=2)), bool),
        (column(base="inet", category="I", statistics=Statistics(distinct=300)), str),
        (column(base="timestamptz", category="D", statistics=Statistics(distinct=300)), datetime),
        (column(base="timestamp", category="D", statistics=Statistics(distinct=2, bounds=["2026-01-01"])), datetime),
    ],
)
def test_each_column_of_a_key_has_as_many_values_of_its_type_as_in_production(one: Column, kind: type) -> None:
    other = column("other", "date", "D", statistics=Statistics(distinct=20))
    count = round(one.statistics.distinct) if one.statistics else 0
    given = table("t", one, other, count=count * 20, unique=[["c", "other"]])
    (found,) = rows.planned([given], Scale(1.0), values=False)
    digits = {name: place for place, name in enumerate(found.combined)}
    written = f"{found.key} = {rendered(found.combination)}"

    names: dict[str, Any] = {**NAMES}
    exec(written, names)  # noqa: S102 (what was just written)
    made_up = values.Table("size", {name: values.Digit(names[found.key], place) for name, place in digits.items()})
    keys = list(made_up.rows(["c", "other"], type("Sizes", (), {"size": found.size})))

    assert (len({*keys}), len({value for value, _ in keys})) == (count * 20, count)
    assert {type(value) for value, _ in keys} == {kind}


@pytest.mark.parametrize("bounds", [(), ("2026-01-01", "2026-01-02", "2026-03-01")], ids=["unknown", "known"])
@pytest.mark.parametrize(
    ("base", "category", "kind"),
    [("timestamptz", "D", datetime), ("timestamp", "D", datetime), ("date", "D", date), ("inet", "I", str)],
)
def test_each_row_has_a_value_of_its_own_in_a_unique_column(
    base: str, category: str, kind: type, bounds: Sequence[str]
) -> None:
    one = column(base=base, category=category, statistics=Statistics(bounds=bounds, correlation=0.5))
    (found,) = rows.planned([table("t", one, unique=[["c"]])], Scale(1.0), values=False)
    made_up = drawn(found.columns["c"], 20_000)

    assert len({*made_up}) == 20_000
    assert {type(one) for one in made_up} == {kind}


def test_values_that_python_lacks_take_no_share_from_others() -> None:
    known = Statistics(common=[("NaN", 0.7), ("1", 0.2), ("2", 0.1)])
    found = contents.plain(column(base="numeric", statistics=known), values=False)

    assert 'Decimal("1"): 0.2, Decimal("2"): 0.1' in rendered(found, before=-1_000)


@pytest.mark.parametrize(
    ("kind", "most"), [("numeric(3,2)", "9.99"), ("numeric(2,2)", "0.99"), ("numeric(10,2)", "1000.00")]
)
def test_a_number_of_which_nothing_is_known_has_the_digits_of_its_type(kind: str, most: str) -> None:
    found = drawn(contents.plain(column(base="numeric", type=kind), values=False))

    assert {one.as_tuple().exponent for one in found} == {-2}
    assert Decimal(most) / 2 < max(found) <= Decimal(most)


def test_a_list_of_ranges_is_written_as_one() -> None:
    one = column(base="int4multirange", category="R")
    (apart,) = rows.planned([table("t", one, apart=[["c"]])], Scale(1.0), values=False)

    assert rendered(contents.plain(one, values=False)) == rendered(apart.columns["c"]) == 'Fixed("{}")'


def test_the_combinations_of_a_key_have_a_name_that_no_table_has() -> None:
    label, note = (column("label", "text", "S", labels=("a", "b")), column("note", "text", "S", labels=("c", "d")))
    tables = [
        table(name, label, note, number=number, unique=[["label", "note"]])
        for number, name in enumerate(["translation_key", "translation", "translation_key_2"], start=1)
    ]

    found = rows.planned(tables, Scale(1.0), values=False)

    assert len({name for one in found for name in (one.name, one.key)}) == 6
