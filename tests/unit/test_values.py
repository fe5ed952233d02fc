"""Distributions for workloads: within their bounds, as skewed as they say, and the same from the same place."""

import doctest
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.values import (
    Ascending,
    Choice,
    Combination,
    Dated,
    Digit,
    Document,
    Drawn,
    Even,
    Geometric,
    Histogram,
    Hot,
    Identified,
    Maybe,
    Mixed,
    Network,
    Numbered,
    Octets,
    Power,
    Recent,
    Reference,
    Shares,
    Skew,
    Table,
    Words,
    Zipf,
    distributions,
    filled,
    made_up,
    scattered,
    scattering,
    skews,
)

SHARES = st.floats(0, 1, exclude_max=True)
SKEWS = [Even(), Zipf(1.1), Power(3), Geometric(0.5), Hot(0.1, 0.9), Recent(0.1), Shares((0.5, 0.2, 0.1)), Shares(())]
DRAWS = 20_000


@dataclass(frozen=True)
class Sizes:
    """A cardinality."""

    parents: int = 20
    children: int = 300


PARENTS = Table(
    "parents", {"tenant": Drawn(Choice({1: 3, 2: 1})), "id": Numbered(), "name": Words({"Aaa": 1.0}, unique=True)}
)
CHILDREN = Table(
    "children",
    {
        "id": Identified(),
        "tenant": Reference(PARENTS, "tenant", Shares((0.5,)), constraint="parent"),
        "parent": Reference(PARENTS, "id", Shares((0.5,)), constraint="parent"),
        "above": Maybe(0.5, Reference(None, "id")),
        "at": Ascending(Histogram((datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)))),
        "note": Maybe(0.25, Words({"a{5} 99": 0.5, "A9": 0.5}, distinct=7)),
    },
)


def seeded(seed: int = 1) -> Random:
    """Return a generator."""
    return Random(seed)  # noqa: S311 (reproducible on purpose)


@pytest.mark.parametrize("module", [skews, distributions, made_up, scattering], ids=lambda module: module.__name__)
def test_examples_are_as_they_are_shown(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]

    assert found.attempted > 0
    assert found.failed == 0


@given(skew=st.sampled_from(SKEWS), size=st.integers(1, 500), share=SHARES)
def test_a_place_is_below_the_size(skew: Skew, size: int, share: float) -> None:
    assert 0 <= skew.place(size, share) < size


@given(share=SHARES)
def test_a_value_lies_between_the_bounds(share: float) -> None:
    for low, high in (
        (0, 10),
        (Decimal("0.10"), Decimal("9.95")),
        (date(2026, 1, 1), date(2026, 1, 9)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (0.5, 0.75),
    ):
        value = Histogram((low, high)).at(share)

        assert type(value) is type(low)
        assert low <= value <= high


def test_shares_are_the_frequencies_of_the_first_places() -> None:
    random, skew = seeded(), Shares((0.5, 0.2))
    found = Counter(skew.draw(10, random) for _ in range(DRAWS))

    assert found[0] / DRAWS == pytest.approx(0.5, abs=0.02)
    assert found[1] / DRAWS == pytest.approx(0.2, abs=0.02)
    assert found[5] / DRAWS == pytest.approx(0.3 / 8, abs=0.01)


def test_a_hot_set_has_its_share() -> None:
    random = seeded()

    assert sum(Hot(0.1, 0.9).draw(100, random) < 10 for _ in range(DRAWS)) / DRAWS == pytest.approx(0.9, abs=0.02)


def test_mixed_values_have_their_shares_and_the_rest_is_drawn() -> None:
    random, mixed = seeded(), Mixed({-1: 0.4}, Histogram((0, 9)))
    found = Counter(mixed.draw(random) for _ in range(DRAWS))

    assert found[-1] / DRAWS == pytest.approx(0.4, abs=0.02)
    assert set(found) == {-1, *range(10)}


@given(
    shape=st.sampled_from(["", "a", "A9", "Aaaa-99", "a{5} a{7}@a{4}.aaa", "ä"]), numbers=st.sets(st.integers(0, 10**6))
)
def test_two_numbers_have_different_texts_of_a_shape(shape: str, numbers: set[int]) -> None:
    assert len({filled(shape, number) for number in numbers}) == len(numbers)


@given(number=st.integers(0, 10**6))
def test_a_text_has_the_characters_of_its_shape(number: int) -> None:
    first, _, rest = filled("Aa{11}-99_a{3}", number).partition("-")

    assert (first[0].isupper(), first[1:].islower(), len(first)) == (True, True, 12)
    assert (rest[:2].isdigit(), rest[2], rest[3:].isalpha(), len(rest)) == (True, "_", True, 6)


@given(size=st.integers(1, 1_000))
def test_scattering_moves_each_place_to_one_of_its_own(size: int) -> None:
    assert sorted(scattered(place, size) for place in range(size)) == list(range(size))


def test_a_row_is_the_same_whenever_it_is_asked_for() -> None:
    rows = list(CHILDREN.rows(list(CHILDREN.columns), Sizes()))

    assert rows == list(CHILDREN.rows(list(CHILDREN.columns), Sizes()))
    assert rows[17] == tuple(CHILDREN.row(17, Sizes()).values())
    assert rows[17][0] == CHILDREN.value("id", 17, Sizes())


def test_columns_of_one_constraint_are_about_one_row() -> None:
    known = {(PARENTS.value("tenant", place, Sizes()), PARENTS.value("id", place, Sizes())) for place in range(20)}
    random = seeded()
    new = [CHILDREN.row(300 + number, Sizes(), random) for number in range(300)]

    assert {
        (row["tenant"], row["parent"]) for row in (*new, *(CHILDREN.row(number, Sizes()) for number in range(300)))
    } <= known


def test_a_reference_is_as_skewed_as_it_says() -> None:
    found = Counter(CHILDREN.value("parent", place, Sizes(children=DRAWS)) for place in range(DRAWS))

    assert found.most_common(1)[0][1] / DRAWS == pytest.approx(0.5, abs=0.02)


def test_a_reference_may_be_as_skewed_as_the_values_of_a_column() -> None:
    words = {"skew": Shares((0.1,)), "constraint": "parent", "within": "tenant"}
    own = Table("children", {name: Reference(PARENTS, name, **words) for name in ("tenant", "id")})
    rows = list(own.rows(["tenant", "id"], Sizes(children=DRAWS)))
    known = {(PARENTS.value("tenant", place, Sizes()), PARENTS.value("id", place, Sizes())) for place in range(20)}

    assert set(rows) == known
    assert sum(tenant == 1 for tenant, _ in rows) / DRAWS == pytest.approx(0.1, abs=0.02)


def test_a_table_may_refer_to_itself() -> None:
    known = {CHILDREN.value("id", place, Sizes()) for place in range(300)}

    assert {CHILDREN.value("above", place, Sizes()) for place in range(300)} - {None} <= known


def test_nulls_have_their_share() -> None:
    sizes = Sizes(children=DRAWS)
    notes = [CHILDREN.value("note", place, sizes) for place in range(DRAWS)]

    assert notes.count(None) / DRAWS == pytest.approx(0.25, abs=0.02)
    assert len(set(notes)) <= 8


def test_times_ascend_with_rows_and_go_on_behind_them() -> None:
    times = [CHILDREN.value("at", place, Sizes()) for place in range(310)]

    assert times == sorted(times)
    assert times[309] - times[308] == timedelta(milliseconds=1)


def test_combinations_of_repeating_columns_are_unique() -> None:
    key = Combination((Reference(PARENTS, "id"), Dated(date(2026, 1, 1))), (0, 15))
    daily = Table("children", {"parent": Digit(key, 0), "day": Digit(key, 1)})
    rows = list(daily.rows(["parent", "day"], Sizes()))

    assert len(set(rows)) == 300 == 20 * 15
    assert {day for _, day in rows} == {date(2026, 1, 1) + timedelta(days=day) for day in range(15)}


def test_a_combination_with_a_key_of_two_columns_is_about_one_row() -> None:
    whole = (Reference(PARENTS, "tenant"), Reference(PARENTS, "id"), Numbered())
    key = Combination(whole, (0, -1, 5))
    lines = Table("children", {name: Digit(key, place) for place, name in enumerate(("tenant", "parent", "line"))})
    known = {(PARENTS.value("tenant", place, Sizes()), PARENTS.value("id", place, Sizes())) for place in range(20)}
    rows = list(lines.rows(["tenant", "parent", "line"], Sizes(children=100)))

    assert len(set(rows)) == 100
    assert {row[:2] for row in rows} <= known


def test_a_value_is_drawn_as_rows_have_it() -> None:
    random = seeded()
    found = Counter(PARENTS.draw("tenant", Sizes(), random) for _ in range(DRAWS))

    assert found[1] / DRAWS == pytest.approx(0.75, abs=0.02)
    assert PARENTS.any(Sizes(), random, Recent(0.05))["id"] == 20


def test_contents_that_say_nothing_have_the_size_asked_for() -> None:
    table = Table("parents", {"document": Document(100, ("a", "b")), "octets": Octets(33), "address": Network()})
    row = table.row(0, Sizes())

    assert 60 <= len(row["document"]) <= 110
    assert len(row["octets"]) == 33
    assert row["address"].startswith("10.")


def test_a_number_between_two_others_may_have_all_digits_that_postgres_has() -> None:
    low, high = Decimal("1." + "0" * 18), Decimal("9" * 20 + "." + "9" * 18)

    assert low < Histogram((low, high)).at(0.5) < high
