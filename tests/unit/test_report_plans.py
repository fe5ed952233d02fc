"""Plans as one line each: the baseline's, what differs, and nothing twice."""

import re
from dataclasses import replace

from drawn import markdown
from fixed_run import BASELINE, NO_PLAN, PAGEVIEWS, RUN, USAGE, estimate, ranked, standing
from sections import rows, tables

from schemabench import report
from schemabench.records import CandidateResult, GrownPlan, Notice, StatementPlan
from schemabench.report import plans
from schemabench.report.text import plain

_ENDING = ", from the outside in"


def candidate(name: str, *found: tuple[int, str, bool | None]) -> CandidateResult:
    place = standing(name, 1, BASELINE if name == "baseline" else estimate(1.1))
    shown = (
        StatementPlan(operation="read", position=position, nodes=line, summary=line, same=same, plan=None)
        for position, line, same in found
    )
    return replace(ranked(place, ""), plans=tuple(shown))


def planned(*results: CandidateResult) -> dict[str, list[tuple[str, ...]]]:
    """Return the rows of each table of plans, by the statement that it is of."""
    found = tables(plans.section, replace(USAGE, candidates=results))
    return {plain(one.caption).removeprefix("Plans of ").removesuffix(_ENDING): rows(one) for one in found}


def test_baseline_comes_first_and_what_is_as_it_is_comes_last() -> None:
    found = planned(
        candidate("same", (0, "Seq Scan; 3 rows", True)),
        candidate("other", (0, "Index Scan", False)),
        candidate("baseline", (0, "Seq Scan; 1 row", None)),
        candidate("alike", (0, "Seq Scan; 2 rows", True)),
    )
    assert found == {
        "read": [
            ("baseline", "Seq Scan; 1 row"),
            ("other", "Index Scan"),
            ("same, alike", "as the baseline"),
        ]
    }


def test_statements_of_one_operation_are_numbered_for_people() -> None:
    found = planned(candidate("baseline", (0, "Result", None), (1, "Seq Scan", None)))
    assert list(found) == ["read, statement 1", "read, statement 2"]


def test_reason_for_which_there_is_no_plan_is_told_once() -> None:
    refreshed = planned(*USAGE.candidates)["refresh_usage, statement 1"]
    assert [text for _, text in refreshed] == [NO_PLAN]


def test_there_is_no_table_where_nothing_was_explained() -> None:
    assert planned(*PAGEVIEWS.candidates) == {}


def grown(operation: str, *, same: bool) -> GrownPlan:
    return GrownPlan(operation=operation, position=0, nodes="Seq Scan on item", same=same, plan=[])


def test_plans_at_productions_size_are_counted_and_those_that_differ_named() -> None:
    both = candidate("baseline"), candidate("indexed")
    alike = (grown("read", same=True), grown("count", same=True))
    other = (grown("read", same=False), grown("count", same=True))

    def said(*found: tuple[GrownPlan, ...]) -> str:
        pairs = zip(both, found, strict=True)
        results = tuple(replace(one, grown_plans=some) for one, some in pairs)
        return plain(plans.at_production(replace(USAGE, candidates=results)))

    assert said(alike, alike) == "as measured for 4 of 4 statements"
    assert said(alike, other) == "as measured for 3 of 4 statements; another for indexed: read"
    assert said((), ()) == ""


def scanning(name: str, index: str) -> CandidateResult:
    """Return a candidate whose only plan is the scan of an index."""
    plan = [{"Plan": {"Node Type": "Index Scan", "Index Name": index, "Relation Name": "item"}}]
    same = None if name == "baseline" else False
    found = StatementPlan(operation="read", position=0, nodes="", summary="", same=same, plan=plan)
    return replace(candidate(name), plans=(found,))


def test_plans_that_differ_late_in_their_texts_are_not_told_as_the_same() -> None:
    long = "item_by_owner_and_colour_and_weight_and_"
    said = plain(plans.changed(scanning("other", f"{long}length"), scanning("baseline", f"{long}height")))

    assert "weight_and_length on item instead of ..." in said
    assert said.endswith("weight_and_height on item")


def test_notice_on_a_plan_at_productions_size_is_in_every_report() -> None:
    text = (
        "indexed: at production's size, look would have the plan Index Scan using item_owner on item; measured was Seq"
    )
    told = replace(candidate("baseline"), notices=(Notice(code="production-plan", text=text),))
    run = replace(RUN, experiments=(replace(USAGE, candidates=(told,)),))

    for drawn in (report.terminal(run), markdown(run), report.brief(run)):
        shown = re.sub(r"<[^>]*>|`", "", drawn).replace("&#39;", "'").replace("&#x27;", "'")
        assert text in " ".join(shown.split())
