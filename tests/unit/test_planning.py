"""What is said of plans that changed, went stale or are made for empty tables, from made-up plans."""

from typing import Any

import pytest

from schemabench.experiment import production
from schemabench.experiment.planning import FEW_ROWS, SMALLER, Begun, Ended, notices
from schemabench.monitor.choices import Choice, Choices, Table
from schemabench.monitor.nodes import outline
from schemabench.records import GrownPlan, StatementPlan

READ = ("read_total", 0)


def _scan(relation: str = "votes", cost: float = 500.0) -> list[dict[str, Any]]:
    return [{"Plan": {"Node Type": "Seq Scan", "Relation Name": relation, "Alias": relation, "Total Cost": cost}}]


def _index(name: str = "votes_pkey") -> list[dict[str, Any]]:
    node = {"Node Type": "Index Scan", "Relation Name": "votes", "Index Name": name, "Total Cost": 8.3}
    return [{"Plan": {"Node Type": "Aggregate", "Strategy": "Plain", "Total Cost": 8.4, "Plans": [node]}}]


def _choice(custom: list[dict[str, Any]], generic: list[dict[str, Any]] | None = None) -> Choice:
    return Choice(custom=custom, generic=generic or custom)


def _own(plan: list[dict[str, Any]] | None, triggers: bool = False) -> tuple[StatementPlan, ...]:  # noqa: FBT001, FBT002 (a case)
    if plan and triggers:
        plan = [{**plan[0], "Triggers": [{"Trigger Name": "counted"}]}]
    return (StatementPlan(operation="read_total", position=0, nodes="", summary="", same=None, plan=plan),)


def _table(name: str = "votes", believed: float = -1.0, live: int = 20_000, pages: int = 100, root: str = "") -> Table:
    return Table(name=name, root=root or name, believed_rows=believed, live_rows=live, pages=pages)


def _said(
    *,
    begun: Choices | None = None,
    then: Choices | None = None,
    now: Choices | None = None,
    own: tuple[StatementPlan, ...] = (),
    tables: tuple[Table, ...] = (),
) -> dict[str, str]:
    ended = Ended(begun=then or {}, now=now or {}, tables=tables)
    choices = {"trigger_counter": begun or {}}
    found = notices(Begun(choices=choices), {"trigger_counter": ended}, {"trigger_counter": own})
    return {one.code: one.text for one in found["trigger_counter"]}


def test_the_same_change_of_several_candidates_is_one_notice_of_all_of_them() -> None:
    changed = Ended(begun={READ: _choice(_index())}, now={}, tables=())
    other = Ended(begun={READ: _choice(_index("other"))}, now={}, tables=())
    ended = {"a": changed, "b": changed, "c": changed, "d": changed, "e": other}
    begun = Begun(choices={name: {READ: _choice(_scan())} for name in ended})
    found = notices(begun, ended, dict.fromkeys(ended, ()))

    (shared,) = {*found["a"], *found["b"], *found["c"], *found["d"]}
    assert shared.text.startswith("Plans of a, b, c and 1 more in the last block differ from those in the first: ")
    (own,) = found["e"]
    assert own.text.startswith("Plans of e in the last block differ ")


@pytest.mark.parametrize(
    ("cost", "made"),
    [(0.0, " (planned when votes was empty)"), (9.9, " (planned when votes was far smaller)"), (10.0, "")],
)
def test_writers_that_execute_what_nobody_would_choose_are_noted_with_what_it_was_made_for(
    cost: float, made: str
) -> None:
    found = _said(now={READ: _choice(_index())}, own=_own(_scan(cost=cost)), tables=(_table(believed=20_000),))

    assert found == {
        "plan-stale": "Writers of trigger_counter still use plans that a new connection would not choose: "
        f"read_total{made}: Seq Scan on votes; a new connection would use Index Scan using votes_pkey "
        "on votes, Aggregate"
    }


@pytest.mark.parametrize("own", [_scan(), _index()])
def test_a_plan_that_a_new_connection_begins_with_or_may_come_to_is_not_stale(own: list[dict[str, Any]]) -> None:
    assert not _said(now={READ: _choice(_index(), _scan())}, own=_own(own))


def test_triggers_that_only_an_execution_shows_make_no_plan_stale() -> None:
    assert not _said(now={READ: _choice(_scan())}, own=_own(_scan(), triggers=True))


def test_a_statement_without_a_plan_on_either_side_is_passed_over() -> None:
    assert not _said(now={READ: _choice(_scan())}, own=_own(None))
    assert not _said(now={}, own=_own(_scan()))
    assert not _said(begun={READ: _choice(_scan())}, then={})


def test_a_plan_that_changed_is_noted_by_what_the_two_do_not_share() -> None:
    found = _said(begun={READ: _choice(_index("votes_old"))}, then={READ: _choice(_index())})

    assert found == {
        "plan-changed": "Plans of trigger_counter in the last block differ from those in the first: read_total: "
        "Index Scan using votes_pkey on votes instead of Index Scan using votes_old on votes"
    }


@pytest.mark.parametrize("code", ["plan-changed", "plan-stale"])
def test_plans_that_differ_far_into_their_texts_are_not_shown_as_the_same(code: str) -> None:
    long = "votes_by_topic_and_region_and_hour_of_the_day_for_the_"
    old, new = _index(f"{long}report"), _index(f"{long}export")
    found = _said(begun={READ: _choice(old)}, then={READ: _choice(new)}, now={READ: _choice(new)}, own=_own(old))[code]

    assert f"{long[-20:]}report" in found
    assert f"{long[-20:]}export" in found


def test_plans_of_the_same_nodes_in_another_order_are_shown_from_where_they_differ() -> None:
    old, new = _scan("votes")[0]["Plan"], _scan("topics")[0]["Plan"]
    plans = []
    for inputs in ([old, new], [new, old]):
        plan: dict[str, Any] = {"Node Type": "Nested Loop", "Plans": inputs}
        for _ in range(9):
            plan = {"Node Type": "Materialize", "Plans": [plan]}
        plans.append([{"Plan": plan}])
    found = _said(begun={READ: _choice(plans[0])}, then={READ: _choice(plans[1])})["plan-changed"]

    assert "Seq Scan on topics" in found.partition("instead of")[0]
    assert "[Seq Scan on votes, " in found.partition("instead of")[2]


def test_plans_at_productions_size_that_differ_late_are_not_shown_as_the_same() -> None:
    """Fifteen nodes above the scan take more room than a notice has for a plan."""
    measured: dict[str, Any] = {"Node Type": "Seq Scan", "Relation Name": "votes"}
    for _ in range(15):
        measured = {"Node Type": "Materialize", "Plans": [measured]}
    line = outline([{"Plan": measured}])
    grown = GrownPlan(operation="read_total", position=0, nodes=line.replace("votes", "topics"), same=False, plan=[])
    ((_, said),) = production._differing("at production's size", [grown], _own([{"Plan": measured}]))

    assert "Seq Scan on topics; measured was" in said
    assert said.endswith("Seq Scan on votes")


def test_a_plan_that_stayed_is_not_noted_though_its_figures_moved() -> None:
    assert not _said(begun={READ: _choice(_scan(cost=1.0))}, then={READ: _choice(_scan(cost=900.0))})


def test_many_statements_are_shown_up_to_a_few() -> None:
    begun = {(f"read_{number}", 0): _choice(_scan()) for number in range(5)}
    found = _said(begun=begun, then={key: _choice(_index()) for key in begun})

    assert found["plan-changed"].endswith("; and others of read_1, read_2, read_3 and 1 more")


@pytest.mark.parametrize(
    ("believed", "live", "words"),
    [
        (-1.0, FEW_ROWS, "votes holds 1,000 rows, but the planner assumes none"),
        (0.0, 20_000, "votes holds 20,000 rows, but the planner assumes none"),
        (1999.0, 20_000, "votes holds 20,000 rows, but the planner assumes 1,999"),
        (20_000 / SMALLER, 20_000, ""),
        (0.0, FEW_ROWS - 1, ""),
    ],
)
def test_statistics_of_another_size_of_table_are_noted(believed: float, live: int, words: str) -> None:
    found = _said(tables=(_table(believed=believed, live=live),))

    assert found.get("statistics-of-empty-table", "").endswith(words)
    assert bool(found) is bool(words)


def test_partitions_are_one_table() -> None:
    parts = tuple(_table(f"votes_{number}", live=2000, root="votes") for number in range(40))

    assert _said(tables=parts)["statistics-of-empty-table"].endswith(
        ": votes holds 80,000 rows, but the planner assumes none"
    )
