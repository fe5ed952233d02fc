"""What parameters of counted statements are called, and what they are about."""

import doctest

import pytest

from schemabench.deriving import catalog, code, contents, dump, grouping, parameters, rewriting
from schemabench.deriving.found import Column, Table, quoted
from schemabench.deriving.parameters import Role


def _table(name: str, *columns: str) -> Table:
    found = {
        one: Column(
            name=one,
            type="text",
            base="text",
            category="S",
            required=False,
            generated=False,
            sequence=None,
            default=None,
            labels=(),
            statistics=None,
        )
        for one in columns
    }
    return Table(id=hash(name), schema="public", name=name, rows=0, inserted=0, updated=0, deleted=0, columns=found)


TABLES = [
    _table("account", "id", "site_id", "balance", "email", "data", "placed_at", "status"),
    _table("site", "id", "name", "category"),
    _table("line", "id", "address", "address_2"),
]


def named(sql: str) -> dict[int, str]:
    """Return the names of a statement's parameters."""
    return parameters.names(parameters.read(sql, TABLES, ["public"]))


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT * FROM account WHERE site_id = $1", ["site_id"]),
        ("SELECT * FROM account a WHERE a.site_id = $1 AND $2 = a.status", ["site_id", "status"]),
        ("SELECT * FROM public.account WHERE lower(email) = lower($1)", ["email"]),
        ("SELECT * FROM account WHERE site_id = $1::bigint LIMIT $2 OFFSET $3", ["site_id", "limit", "offset"]),
        ("SELECT * FROM account WHERE site_id = ANY ($1)", ["site_ids"]),
        ("SELECT * FROM site WHERE category = ANY ($1) OR name <> ALL ($2)", ["categories", "names"]),
        ("SELECT * FROM account WHERE site_id IN ($1, $2, $3)", ["site_id", "site_id_2", "site_id_3"]),
        ("SELECT * FROM account WHERE placed_at BETWEEN $1 AND $2", ["placed_at_from", "placed_at_to"]),
        ("SELECT * FROM account WHERE placed_at >= $1 AND placed_at < $2", ["placed_at_from", "placed_at_to"]),
        ("SELECT * FROM account WHERE $1 < placed_at", ["placed_at_from"]),
        ("SELECT * FROM account WHERE email LIKE $1", ["email_pattern"]),
        ("SELECT data ->> $1 FROM account WHERE data ->> $2 = $3", ["data_key", "data_key_2", "data"]),
        ("UPDATE account SET balance = balance + $1 WHERE id = $2", ["balance_change", "id"]),
        ("UPDATE account SET status = $1 WHERE id = $2 AND status = $3", ["status", "id", "status_2"]),
        ("UPDATE account SET email = coalesce($1, email) WHERE id = $2", ["email", "id"]),
        ("UPDATE account a SET status = $1 FROM site s WHERE s.id = a.site_id AND s.name = $2", ["status", "name"]),
        ("INSERT INTO site (id, name) VALUES ($1, $2), ($3, $4)", ["id", "name", "id_2", "name_2"]),
        ("INSERT INTO site VALUES ($1, $2, $3)", ["id", "name", "category"]),
        ("INSERT INTO site (id, name) SELECT $1, email FROM account WHERE id = $2", ["id", "id_2"]),
        (
            "INSERT INTO site (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = $3",
            ["id", "name", "name_2"],
        ),
        (
            "INSERT INTO line VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET address = $4, address_2 = $5",
            ["id", "address", "address_2", "address_3", "address_2_2"],
        ),
        ("DELETE FROM account WHERE id = $1", ["id"]),
        ("SELECT * FROM account WHERE placed_at > now() - $1::interval", ["placed_at_from"]),
        ("SELECT date_trunc($1, placed_at) FROM account", ["date_trunc_1"]),
        ("SELECT * FROM account WHERE placed_at > date_trunc($1, now()) - $2", ["date_trunc_1", "placed_at_from"]),
        (
            "SELECT * FROM account WHERE placed_at BETWEEN date_trunc($1, now()) AND $2",
            ["date_trunc_1", "placed_at_to"],
        ),
        ("SELECT place_order($1, $2)", ["place_order_1", "place_order_2"]),
        (
            "WITH one AS (SELECT id FROM site WHERE name = $1) SELECT * FROM account JOIN one USING (id)",
            ["name"],
        ),
        (
            "SELECT * FROM account a JOIN site s ON s.id = a.site_id WHERE s.name = $1 AND a.email = $2",
            ["name", "email"],
        ),
        ("SELECT $1", ["value"]),
        ("SELECT * FROM account WHERE (placed_at, id) > ($1, $2) LIMIT $3", ["placed_at_from", "id_from", "limit"]),
        ("SELECT * FROM account WHERE (site_id, email) IN (($1, $2))", ["site_id", "email"]),
        ("UPDATE account SET (status, email) = ($1, $2) WHERE id = $3", ["status", "email", "id"]),
        ("UPDATE account SET data[$1] = $2 WHERE id = $3", ["value", "data", "id"]),
        ("INSERT INTO site (id, name) SELECT * FROM unnest($1::int[], $2::text[])", ["ids", "names"]),
        ("INSERT INTO site (name, id) SELECT b, a FROM unnest($1, $2) AS new (a, b)", ["ids", "names"]),
        ("INSERT INTO site (id, name) SELECT unnest($1::int[]), $2", ["ids", "name"]),
        ("SELECT * FROM a_view WHERE owner = $1 AND at > $2 AND kind = ANY ($3)", ["owner", "at_from", "kinds"]),
    ],
)
def test_a_parameter_is_called_after_what_it_is_about(sql: str, names: list[str]) -> None:
    assert list(named(sql).values()) == names


def test_a_parameter_within_a_query_belongs_to_the_table_of_that_query() -> None:
    sql = "SELECT * FROM account WHERE id = $1 AND EXISTS (SELECT FROM site WHERE site.id = site_id AND name = $2)"
    uses = parameters.read(sql, TABLES, ["public"])

    assert [(use.alias, use.role) for use in uses.values()] == [("account", Role.EQUALS), ("site", Role.EQUALS)]


def test_a_taken_away_amount_is_told_from_an_added_one() -> None:
    uses = parameters.read("UPDATE account SET balance = balance - $1 WHERE id = $2", TABLES, ["public"])

    assert uses[1].subtracted
    assert not uses[2].subtracted


@pytest.mark.parametrize(
    "module", [parameters, rewriting, grouping, catalog, code, contents, dump], ids=lambda module: module.__name__
)
def test_examples_are_as_they_are_shown(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]

    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("sql", "prepared"),
    [
        ("SELECT interval $1, date $2", "SELECT $1::interval, $2::date"),
        ("/* who asks */ SELECT 1 -- why\nFROM t;", "SELECT 1\nFROM t"),
        ("SELECT 1 FROM t WHERE id NOT IN ($1 /*, ... */)", "SELECT 1 FROM t WHERE id  <> ALL ($1)"),
        ("SELECT 1 FROM t WHERE id IN ($1, $2)", "SELECT 1 FROM t WHERE id IN ($1, $2)"),
    ],
)
def test_what_cannot_be_prepared_as_it_is_counted_is_rewritten(sql: str, prepared: str) -> None:
    assert rewriting.prepared(sql) == prepared


def test_long_statements_are_broken_between_words_and_stay_the_same() -> None:
    sql = "SELECT " + ", ".join(f"'a {number}' AS column_{number}" for number in range(60)) + " FROM t"  # noqa: S608 (never executed)
    wrapped = rewriting.wrapped(sql)

    assert max(map(len, wrapped.split("\n"))) <= 120
    assert wrapped.replace("\n    ", " ") == sql


def test_a_slice_of_an_array_stays_one() -> None:
    named = rewriting.named("SELECT a[1:$1] FROM t", {1: "most"}, {1: "integer"})

    assert named == "SELECT a[1: :most::integer] FROM t"


def test_left_out_statements_show_no_constant() -> None:
    assert rewriting.command("ALTER ROLE app PASSWORD 'x'") == "ALTER ROLE"
    assert rewriting.command("SET application_name = 'secret'") == "SET"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("orders", "orders"), ("order", '"order"'), ("Orders", '"Orders"'), ('a"b', '"a""b"'), ("1a", '"1a"')],
)
def test_names_are_quoted_where_they_must_be(name: str, shown: str) -> None:
    assert quoted(name) == shown
