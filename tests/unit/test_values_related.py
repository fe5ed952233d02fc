"""Rows that belong together: of one tenant, in a circle, in pairs; and columns that depend on each other."""

from collections import Counter
from dataclasses import dataclass
from random import Random

from schemabench.values import (
    AtLeast,
    Choice,
    Combination,
    Digit,
    Document,
    Drawn,
    Elements,
    Listed,
    Matching,
    Maybe,
    Met,
    Numbered,
    Reference,
    Related,
    Shares,
    Table,
    Words,
)


@dataclass(frozen=True)
class Firm:
    """A cardinality."""

    tenants: int = 20
    members: int = 60
    projects: int = 40
    tasks: int = 2_000
    joined: int = 100


FIRM = Firm()
SKEW = Shares((0.3, 0.1))
tenants = Table("tenants", {"id": Numbered()})
members = Table("members", {"id": Numbered(), "tenant": Reference(tenants, "id", SKEW)})
projects = Table("projects", {"id": Numbered(), "tenant": Reference(tenants, "id", SKEW)})
MET = (Met(members, "tenant", "tenant"),)
tasks = Table(
    "tasks",
    {
        "project": Reference(projects, "id", constraint="project", met=MET),
        "tenant": Reference(projects, "tenant", constraint="project", met=MET),
        "reporter": Related(members, "id", "tenant", "tenant"),
        "assignee": Maybe(0.5, Related(members, "id", "tenant", "tenant")),
        "state": Drawn(Choice({"open": 0.1, "done": 0.9})),
    },
)
pairs = Matching(projects, members, ("tenant", "tenant"), ((0, "tenant"), (0, "id"), (1, "id")))
joined = Table("joined", {name: Digit(pairs, place) for place, name in enumerate(("tenant", "project", "member"))})


def seeded(seed: int = 1) -> Random:
    """Return a generator."""
    return Random(seed)  # noqa: S311 (reproducible on purpose)


def test_all_that_a_row_refers_to_is_of_one_tenant() -> None:
    tenant_of = dict(members.rows(["id", "tenant"], FIRM))
    project_of = dict(projects.rows(["id", "tenant"], FIRM))
    rows = [tasks.row(place, FIRM) for place in range(FIRM.tasks)]
    rows += [tasks.row(FIRM.tasks + place, FIRM, seeded(place)) for place in range(500)]

    assert all(row["tenant"] == project_of[row["project"]] == tenant_of[row["reporter"]] for row in rows)
    assert all(row["assignee"] is None or row["tenant"] == tenant_of[row["assignee"]] for row in rows)
    assert sum(row["assignee"] is None for row in rows) > len(rows) // 3


def test_pairs_of_one_tenant_are_different() -> None:
    rows = list(joined.rows(["tenant", "project", "member"], FIRM))
    tenant_of = dict(members.rows(["id", "tenant"], FIRM))

    assert len(set(rows)) == FIRM.joined
    assert all(tenant == tenant_of[member] for tenant, _, member in rows)


def test_rows_with_a_value_are_found() -> None:
    random = seeded()
    found = [tasks.any(FIRM, random, having={"state": "open", "assignee": ...}) for _ in range(50)]

    assert {row["state"] for row in found} == {"open"}
    assert None not in {row["assignee"] for row in found}


def test_tables_refer_to_each_other_in_a_circle() -> None:
    first = Table("members", {"id": Numbered(), "other": Reference(lambda: second, "id")})
    second = Table("projects", {"id": Numbered(), "other": Reference(first, "id")})

    assert {other for (other,) in first.rows(["other"], FIRM)} <= set(range(1, FIRM.projects + 1))
    assert {other for (other,) in second.rows(["other"], FIRM)} <= set(range(1, FIRM.members + 1))


def test_an_end_is_not_before_its_beginning() -> None:
    numbers = Choice(dict.fromkeys(range(10), 1.0))
    spans = Table("tasks", {"low": Drawn(numbers), "high": Maybe(0.2, AtLeast(Drawn(numbers), "low"))})

    found = list(spans.rows(["low", "high"], FIRM))

    assert all(high is None or low <= high for low, high in found)
    assert any(high is None for _, high in found)


def test_new_rows_have_combinations_that_no_other_has() -> None:
    key = Combination((Reference(tenants, "id"), Listed((1, 2, 3, 4, 5, 6, 7))), (0, 7))
    lines = Table("joined", {"tenant": Digit(key, 0), "line": Digit(key, 1)})
    rows = [tuple(lines.row(place, FIRM).values()) for place in range(140)]

    assert len(set(rows)) == 140


def test_lists_have_elements_as_often_as_stated() -> None:
    labels = Table("tasks", {"labels": Elements({"bug": 0.6, "urgent": 0.3, "idea": 0.1}, {0: 0.5, 1: 0.25, 2: 0.25})})
    rows = [row for (row,) in labels.rows(["labels"], FIRM)]
    found = Counter(label for row in rows for label in row)

    assert found["bug"] > found["urgent"] > found["idea"] > 0
    assert all(len(set(row)) == len(row) <= 2 for row in rows)
    assert 0.4 < sum(not row for row in rows) / len(rows) < 0.6


def test_searches_find_several_rows() -> None:
    texts = Table("tasks", {"title": Words({"a{30}": 1.0}, vocabulary=50), "fields": Document(60, distinct=20)})
    titles = [title.split() for (title,) in texts.rows(["title"], FIRM)]
    documents = {document for (document,) in texts.rows(["fields"], FIRM)}

    assert len({word for title in titles for word in title}) == 50
    assert sum(titles[0][0] in title for title in titles) > 50
    assert len(documents) == 20
