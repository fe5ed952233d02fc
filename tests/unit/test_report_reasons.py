"""What differs from the baseline, in words: of ties and of leads alike, by what was counted and by plans."""

from dataclasses import replace

import pytest
from fixed_run import BASELINE, PAGEVIEWS, USAGE, estimate, latency, ranked, standing
from test_report_costs import TIED, cost, differing, experiment

from schemabench.records import (
    CandidateResult,
    Cost,
    Estimate,
    Experiment,
    InnerPlan,
    Standing,
    StatementPlan,
    WriterRatio,
)
from schemabench.report import reasons
from schemabench.report.text import plain

AHEAD = standing("other", 1, estimate(1.5))
SCAN = {"Node Type": "Seq Scan", "Relation Name": "item"}
LOOK = {"Node Type": "Index Scan", "Relation Name": "item", "Index Name": "item_pkey"}


def lines(experiment: Experiment) -> list[str]:
    """Return what is told, without the marks of names."""
    return [plain(line) for line in reasons.lines(experiment)]


def told(found: list[Cost], baseline: list[Cost] | None = None, place: Standing = TIED) -> list[str]:
    return lines(experiment(place, found, baseline))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (differing(0.621), "38 % less WAL"),
        (differing(1.12), "12 % more WAL"),
        (differing(3.1), "3.10x the WAL"),
        (differing(0.04), "0.040x the WAL"),
        (differing(0.62, title="dead rows", unit="rows"), "38 % fewer dead rows"),
    ],
)
def test_difference_is_worded_against_the_baseline(found: Cost, expected: str) -> None:
    assert told([found]) == [f"other: {expected}"]


def test_shares_are_told_side_by_side() -> None:
    hot = {"name": "hot_share", "title": "HOT share", "unit": "share", "per": "update"}
    assert told([cost(**hot, value=0.0, differs=True)], [cost(**hot, value=0.987)]) == [
        "other: HOT share 0 % instead of 99 %"
    ]


def test_figure_that_is_zero_on_one_side_is_told_without_a_ratio() -> None:
    locks = {"name": "deadlocks", "title": "deadlocks", "unit": "count", "per": "run"}
    assert told([cost(**locks, value=12.0, differs=True)], [cost(**locks, value=0.0)]) == [
        "other: deadlocks in all 12 instead of 0"
    ]


@pytest.mark.parametrize(
    "found",
    [
        differing(0.97),
        cost(ratio=estimate(0.5)),
        cost(value=None, differs=True),
        cost(name="unknown", differs=True),
    ],
    ids=["too small", "not told apart", "not known", "not known of the baseline"],
)
def test_what_is_no_clear_difference_is_not_told(found: Cost) -> None:
    assert told([found]) == []


def test_most_telling_measures_come_first_and_few_are_told() -> None:
    ratios = {"a": 1.2, "b": 0.4, "c": 1.9, "d": 0.9}
    (line,) = told([differing(ratio, name=name, title=name) for name, ratio in ratios.items()])

    assert line == "other: 60 % less b, 90 % more c, 20 % more a"


@pytest.mark.parametrize("name", ["hot_share", "wal_bytes", "rows_dead", "retries", "seq_scans"])
def test_what_explains_most_is_told_wherever_it_differs(name: str) -> None:
    others = [differing(ratio, name=title, title=title) for title, ratio in (("a", 0.2), ("b", 0.3), ("c", 0.4))]
    (line,) = told([*others, differing(0.9, name=name, title="the usual cause")], [cost(), cost(name=name)])

    assert line == "other: 80 % less a, 70 % less b, 60 % less c, 10 % less the usual cause"


@pytest.mark.parametrize("place", [TIED, AHEAD, standing("other", 2, estimate(0.4))], ids=["tied", "ahead", "behind"])
def test_reasons_are_told_whether_candidates_tie_or_not(place: Standing) -> None:
    assert told([differing(0.5)], place=place) == ["other: 50 % less WAL"]


def by_writer(place: Standing, *own: tuple[str, Estimate, bool]) -> list[str]:
    """Return what is told of a candidate under which writers have these ratios, told apart from 1 or not."""
    other, base = experiment(place, [], [cost()]).candidates
    ratios = tuple(WriterRatio(writer=writer, ratio=ratio, differs=differs) for writer, ratio, differs in own)
    return lines(replace(USAGE, candidates=(replace(other, writers=ratios), base)))


def test_a_writer_that_is_done_sooner_though_all_of_them_tie_is_told() -> None:
    found = by_writer(TIED, ("stream", estimate(2.0), True), ("reader", estimate(1.0), False))

    assert found == ["other: stream 2.00x [1.92, 2.08] as fast"]


def test_a_writer_that_is_done_later_under_a_faster_candidate_is_told() -> None:
    found = by_writer(AHEAD, ("stream", estimate(1.5), True), ("reader", estimate(0.5), True))

    assert found == ["other: reader 0.50x [0.48, 0.52] as fast"]


def test_a_writer_under_a_candidate_that_the_client_limits_is_told_by_its_lower_bound() -> None:
    bound = replace(TIED, at_least=True)

    assert by_writer(bound, ("stream", estimate(2.0), True)) == ["other: stream at least 1.92x as fast"]


@pytest.mark.parametrize(
    ("place", "ratio", "differs"),
    [(TIED, 2.0, False), (AHEAD, 2.0, True), (AHEAD, 1.0, False)],
    ids=["not told apart", "as all of them", "tied where all lead"],
)
def test_a_writer_that_throughput_does_not_hide_is_not_told(place: Standing, ratio: float, differs: bool) -> None:  # noqa: FBT001 (the kind of writer)
    assert by_writer(place, ("stream", estimate(ratio), differs)) == []


def test_candidates_are_told_of_in_order_of_rank() -> None:
    def result(name: str, rank: int, ratio: float) -> CandidateResult:
        return replace(ranked(standing(name, rank, estimate(1.5)), ""), costs=(differing(ratio),))

    base = replace(ranked(standing("baseline", 2, BASELINE), ""), costs=(cost(),))
    every = replace(USAGE, candidates=(result("one", 1, 1.1), base, result("two", 3, 0.5)))

    assert lines(every) == ["one: 10 % more WAL", "two: 50 % less WAL"]


def plan(operation: str, node: dict[str, object], *, same: bool | None = None) -> StatementPlan:
    return StatementPlan(operation=operation, position=0, nodes="", summary="", same=same, plan=[{"Plan": node}])


def planned(own: list[StatementPlan], baseline: list[StatementPlan]) -> list[str]:
    other, base = experiment(AHEAD, [], [cost()]).candidates
    latencies = latency("look", 100, 1.0), latency("add", 100, 2.0), latency("end", 1, 3.0)
    both = replace(other, plans=tuple(own), latencies=latencies), replace(base, plans=tuple(baseline))
    return lines(replace(USAGE, candidates=both))


def test_another_plan_is_told_with_what_it_does_instead() -> None:
    assert planned([plan("look", LOOK, same=False)], [plan("look", SCAN)]) == [
        "other: look by Index Scan using item_pkey on item instead of Seq Scan on item"
    ]
    assert planned([plan("look", SCAN, same=True)], [plan("look", SCAN)]) == []


def test_a_statement_that_only_one_of_them_has_is_told_as_such() -> None:
    waits = {"Node Type": "Result"}
    both = [plan("look", waits), replace(plan("look", SCAN), position=1)]
    alone = [plan("look", SCAN, same=False)]

    assert planned(alone, both) == ["other: look without Result"]
    own = [replace(one, same=False) for one in both]
    assert planned(own, [plan("look", SCAN)]) == ["other: look by Result besides"]


def test_of_several_plans_that_are_others_the_one_that_takes_most_time_is_told() -> None:
    names = ("end", "look", "add")
    own, base = [plan(name, LOOK, same=False) for name in names], [plan(name, SCAN) for name in names]

    assert planned(own, base) == [
        "other: add by Index Scan using item_pkey on item instead of Seq Scan on item, and other plans of look and end"
    ]


def test_plans_that_differ_in_more_than_their_nodes_are_named() -> None:
    fires = [plan(name, LOOK, same=False) for name in ("look", "add")]

    assert planned(fires, [plan(name, LOOK) for name in ("look", "add")]) == ["other: other plans of add and look"]


def test_another_plan_inside_a_function_is_told_likewise() -> None:
    def calling(node: dict[str, object], *, same: bool | None = None) -> StatementPlan:
        inner = InnerPlan(function="f line 1", statement="SELECT", times=1, plan=[{"Plan": node}])
        return replace(plan("look", {"Node Type": "Result"}, same=same), inside=(inner,))

    assert planned([calling(LOOK, same=False)], [calling(SCAN)]) == [
        "other: look by Index Scan using item_pkey on item instead of Seq Scan on item"
    ]


def test_nothing_is_told_where_nothing_was_counted_or_there_is_no_baseline() -> None:
    alone: Experiment = replace(USAGE, candidates=USAGE.candidates[:1])

    assert lines(PAGEVIEWS) == []
    assert lines(alone) == []
