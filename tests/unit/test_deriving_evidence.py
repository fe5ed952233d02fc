"""What is concluded from catalogs and counters: kinds that are asked for, limits, circles, columns that ascend."""

import doctest

import pytest
from stated import column, table

from schemabench.deriving import catalog, evidence, lists, references
from schemabench.deriving.found import ForeignKey


@pytest.mark.parametrize("module", [catalog, evidence, lists])
def test_examples_in_docstrings_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]

    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("rows", "limit"), [(20.0, (20, True)), (7.0, (7, True)), (8.2, (10, False)), (0.4, (1, False)), (1.0, (1, False))]
)
def test_a_limit_is_what_every_call_finds_or_a_number_that_people_write(rows: float, limit: tuple[int, bool]) -> None:
    assert evidence.limit(rows) == limit


@pytest.mark.parametrize(
    ("predicate", "tests"),
    [
        ("(state = 'new'::job_state)", {("state", "="): ("new",)}),
        ("(state = ANY (ARRAY['new'::text, 'late'::text]))", {("state", "="): ("new", "late")}),
        ("((state <> 'done'::text) AND (gone_at IS NULL))", {("state", "<>"): ("done",)}),
        ("(gone_at IS NULL)", {}),
    ],
)
def test_an_index_over_some_rows_says_which(predicate: str, tests: dict[tuple[str, str], tuple[str, ...]]) -> None:
    assert catalog.tests(predicate) == tests


def test_of_a_circle_the_table_that_refers_to_the_fewest_comes_first() -> None:
    def key(name: str, target: int) -> ForeignKey:
        return ForeignKey(name=name, columns=[name], target=target, keys=["id"])

    store = table("store", column("id"), column("manager"), column("city"), number=1)
    clerk = table("clerk", column("id"), column("store"), number=2)
    buyer = table("buyer", column("id"), column("store"), number=3)
    city = table("city", column("id"), number=4)
    given = {"store": [key("manager", 2), key("city", 4)], "clerk": [key("store", 1)], "buyer": [key("store", 1)]}
    tables = [
        table(one.name, *one.columns.values(), number=one.id, references=given.get(one.name, []))
        for one in (buyer, store, clerk, city)
    ]

    found = references.ordered(tables)

    assert [one.name for one in found] == ["city", "store", "buyer", "clerk"]
    assert [(one.name, key.name) for one, key in references.circular(found)] == [("store", "manager")]


def test_a_circle_is_opened_at_a_foreign_key_that_there_is() -> None:
    def key(target: int, *, declared: bool) -> ForeignKey:
        return ForeignKey(name="key", columns=["other"], target=target, keys=["id"], declared=declared)

    first = table("first", column("id"), column("other"), number=1, references=[key(2, declared=False)])
    second = table("second", column("id"), column("other"), number=2, references=[key(1, declared=True)])

    assert references.circular([first, second]) == []
    assert [one.name for one, _ in references.circular([second, first])] == ["second"]
