"""What a reader takes from a curve at a glance: how candidates compare, in which order, and what is missing and why."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from drawn import markdown
from fixed_run import USAGE
from sections import rows
from test_growth_figures import doubtful
from test_report_growth import GROWN, GROWTH, STEPS, about, figures, tables

from schemabench import report
from schemabench.records import (
    CandidateResult,
    Edge,
    Estimate,
    Experiment,
    Growth,
    Notice,
    Projection,
    Run,
    Standing,
    StepFigures,
)
from schemabench.report import document, flavored, page
from schemabench.report.drawings import Growing
from schemabench.report.page.charts import chart
from schemabench.report.page.charts.looks import looks
from schemabench.report.text import plain
from schemabench.report.tree import Beside, Chart, Table

BASE = USAGE.candidates[0]


def result(name: str, ratio: Estimate) -> CandidateResult:
    """Return a ranked candidate."""
    standing = Standing(name=name, figure=about(1_000.0), to_baseline=ratio, rank=1, tied_with=(name,))
    return replace(BASE, name=name, status="ranked", standings={"throughput": standing})


def step(cardinality: str, **ratios: float) -> Experiment:
    """Return the experiment of a step: each candidate's throughput over the baseline's."""
    results = (result("baseline", about(1.0)), *(result(name, about(ratio, 0.1)) for name, ratio in ratios.items()))
    return replace(USAGE, cardinality=cardinality, candidates=results)


def run(growth: Growth, *experiments: Experiment) -> Run:
    """Return a run of one curve."""
    return replace(GROWN, experiments=experiments, growths=(growth,))


def drawn(of: Run) -> list[Chart]:
    """Return the charts of the first curve."""
    sections = document(of).parts[0].sections
    return [one for section in sections for node in section.nodes if isinstance(node, Beside) for one in node.charts]


def verdict(of: Run) -> str:
    """Return the verdict of the first curve, as one text."""
    return " ".join(plain(one.text) for one in document(of).parts[0].verdict)


MEASURED = (step("rows=10000", hash_by_site=0.26), step("rows=1000", hash_by_site=0.84))
"""The larger one first, as it was measured."""


def with_wal(*figures_of: Estimate) -> Run:
    """Return a run of one candidate, with WAL per call at each step."""
    found = tuple(
        replace(one, figures=(replace(one.figures[0], wal_bytes_per_call=figure),))
        for one, figure in zip(STEPS, figures_of, strict=False)
    )
    return run(replace(GROWTH, steps=found, projections=()))


def test_the_verdict_compares_each_candidate_with_the_baseline_at_both_ends_in_every_format() -> None:
    told = "hash_by_site 0.84x [0.76, 0.92] at 1,000, 0.26x [0.23, 0.29] at 10,000."
    shown = run(GROWTH, *MEASURED)

    assert verdict(shown).endswith(f"1 crossing. Throughput relative to the baseline's: {told}")
    assert told in " ".join(report.terminal(shown).split())
    assert "`hash_by_site` 0.84x [0.76, 0.92] at 1,000, 0.26x" in markdown(shown).replace("\\", "")
    assert "<code>hash_by_site</code> 0.84x [0.76, 0.92] at 1,000, 0.26x" in page.html(document(shown))


def against_the_baseline(*ratios: dict[str, float], doubtful_at: int | None = None, limited: str = "") -> str:
    """Return what the terminal says of candidates, whose throughput over the baseline's is given step by step."""
    values = [1_000 * 10**place for place in range(len(ratios))]
    own = tuple(figures(name, 1_000, 1_000, 1_000) for name in ("baseline", *ratios[0]))
    grown = replace(
        GROWTH,
        steps=tuple(replace(STEPS[0], value=value, cardinality=f"rows={value}", figures=own) for value in values),
        crossings=(),
        projections=(),
        forecasts=(),
    )
    measured = [step(f"rows={value}", **each) for value, each in zip(values, ratios, strict=True)]
    if doubtful_at is not None:
        measured[doubtful_at] = doubtful(measured[doubtful_at])
    measured = [
        replace(
            one,
            candidates=tuple(replace(own, busy_share=0.9) if own.name == limited else own for own in one.candidates),
        )
        for one in measured
    ]
    return " ".join(report.terminal(run(grown, *measured)).split())


def test_the_size_from_which_on_a_candidate_is_faster_or_slower_than_the_baseline_is_told() -> None:
    rates = {
        "hash_by_site": (0.5, 0.6, 1.02, 2.0, 3.0),
        "slow": (0.5, 0.5, 0.5, 0.5, 0.5),
        "two_tables": (1.0, 1.0, 1.05, 1.0, 1.0),
        "brin": (1.0, 2.0, 1.0, 2.0, 2.0),
    }
    told = against_the_baseline(*({name: own[place] for name, own in rates.items()} for place in range(5)))
    more = against_the_baseline(*[{"brin": 2.0, "index": 1.0, "two_tables": 1.0}] * 2)

    assert "Against the baseline, beyond chance at 5 steps together:" in told
    assert "hash_by_site: slower up to 10,000, faster from 1,000,000 on" in told
    assert "slow: slower throughout" in told
    assert "brin: faster at 10,000 and from 1,000,000 on" in told
    assert "two_tables: neither faster nor slower at any step" in told
    assert "brin: faster throughout index, two_tables: neither faster nor slower at any step" in more
    assert (
        "No candidate is faster or slower than the baseline at any step, beyond chance at 2 steps together."
    ) in against_the_baseline({"index": 1.0}, {"index": 1.0})


def test_a_difference_that_holds_at_one_step_alone_is_not_told_of_all_steps_together() -> None:
    small, large = {"brin": 0.88}, {"brin": 0.2}

    assert "brin: slower throughout" in against_the_baseline(small, large)
    assert "brin: slower from 10,000 on" in against_the_baseline(small, *[large] * 6)
    assert "brin: slower at 10,000 marks:" in against_the_baseline({"brin": 0.95}, large)


def test_a_step_that_cannot_tell_candidates_apart_is_in_no_span_against_the_baseline() -> None:
    told = against_the_baseline({"brin": 0.5}, {"brin": 0.5}, {"brin": 0.5}, doubtful_at=1)
    last = against_the_baseline({"brin": 0.5}, {"brin": 0.5}, {"brin": 0.5}, doubtful_at=2)

    assert "brin: slower at 1,000 and at 100,000" in told
    assert "brin: slower up to 10,000" in last
    assert "beyond chance" not in against_the_baseline({"brin": 0.5}, {"brin": 0.5}, doubtful_at=1)
    assert "beyond chance" not in against_the_baseline({}, {}), "there is no other candidate"


def test_a_candidate_of_which_no_step_tells_anything_is_not_said_to_be_as_fast_as_the_baseline() -> None:
    told = against_the_baseline(*[{"brin": 2.0, "index": 1.0}] * 2, limited="index")
    alone = against_the_baseline(*[{"index": 1.0}] * 2, limited="index")

    assert "brin: faster throughout index: no step tells" in told
    assert "index: no step tells" in alone
    assert "No candidate is faster or slower" not in alone


@pytest.mark.parametrize(("operations", "is_told"), [(333, False), (667, True)])
def test_bursts_that_are_much_longer_at_one_step_than_at_another_are_told(operations: int, *, is_told: bool) -> None:
    small, large = (
        replace(one, operations=long) for one, long in zip(reversed(MEASURED), (operations, 300), strict=True)
    )
    told = " ".join(report.terminal(run(GROWTH, small, large)).split())

    assert ("bursts: of 300 operations at 10,000 to 667 at 1,000: what is done once in a burst" in told) is is_told


def test_a_verdict_names_the_candidates_that_change_most_and_counts_the_others() -> None:
    small = step("rows=1000", a=1.0, b=1.0, c=1.0, d=1.0, e=1.0)
    large = step("rows=10000", a=1.1, b=0.2, c=3.0, d=1.5, e=1.2)
    said = verdict(run(GROWTH, small, large))

    assert [said.index(f" {name} ") for name in "bcd"] == sorted(said.index(f" {name} ") for name in "bcd")
    assert said.endswith("; 2 more, in the tables below.")


def test_steps_of_too_few_blocks_are_compared_only_where_all_are_and_without_intervals() -> None:
    first = replace(GROWTH, steps=(replace(STEPS[0], has_intervals=False), STEPS[1]))
    every = replace(GROWTH, steps=tuple(replace(one, has_intervals=False) for one in STEPS))

    assert "hash_by_site 0.26x [0.23, 0.29] at 10,000." in verdict(run(first, *MEASURED))
    assert "hash_by_site 0.84x at 1,000, 0.26x at 10,000." in verdict(run(every, *MEASURED))


def test_a_candidate_that_is_not_ranked_at_an_end_says_so() -> None:
    gone = run(GROWTH, step("rows=1000", hash_by_site=0.84), step("rows=10000"))
    assert "hash_by_site 0.84x [0.76, 0.92] at 1,000, not ranked at 10,000" in verdict(gone)
    assert "relative to the baseline's" not in verdict(run(GROWTH))


def test_steps_are_shown_by_size_with_thousands_separators_under_a_title_of_their_own() -> None:
    shown = document(run(GROWTH, *MEASURED))

    assert shown.title == "Growth of candidate schemas"
    assert [one.link for one in shown.parts[1:]] == ["usage rows=1,000", "usage rows=10,000"]
    assert [plain(one.title) for one in shown.parts[1:]] == ["usage at rows=1,000", "usage at rows=10,000"]
    assert not any(one.brief for one in shown.parts[1:])
    assert document(replace(GROWN, growths=())).title == "Ranking of candidate schemas"


def test_a_page_shows_the_curves_before_their_figures() -> None:
    (curves, *_) = document(run(GROWTH, *MEASURED)).parts[0].sections

    assert [type(node) for node in curves.nodes] == [Beside, Table, Table, Table]


def test_no_heading_is_cut_on_a_terminal() -> None:
    own = tuple(figures(name, 1_000, 1_000, 1_000) for name in ("baseline", "straight_to_daily_with_more"))
    steps = tuple(replace(one, figures=own) for one in STEPS[:2])
    for over, heading in (("orders_of_the_background", "step"), ("history_of_votes", "history_of_votes")):
        lines = report.terminal(run(replace(GROWTH, over=over, steps=steps, forecasts=()))).splitlines()
        headings = [above.split() for above, rule in pairwise(lines) if rule.startswith("-----")]
        assert [words[1] for words in headings[:3]] == [heading] * 3
        assert headings[3] == ["candidate", "law", heading, "projected"]


def test_a_point_whose_interval_reaches_zero_is_drawn_with_its_whisker_down_to_the_axis() -> None:
    found = {one.title: one for one in drawn(with_wal(Estimate(value=181.0, low=0.0, high=881.0), about(200.0)))}[
        "WAL per call (bytes)"
    ]
    assert isinstance(found.drawing, Growing)
    specification = chart(found.drawing, looks(("baseline",))).to_dict()
    data = [row for some in specification["datasets"].values() for row in some if "low" in row]
    floors = {
        layer["encoding"]["y"]["scale"].get("domainMin") for layer in specification["layer"] if "y" in layer["encoding"]
    }

    assert [(row["at"], row["value"]) for row in data] == [(1_000, 181.0), (10_000, 200.0)]
    assert 0 < data[0]["low"] < 90.5, "beyond the axis, which is below every figure"
    assert all(
        layer["mark"]["clip"]
        for layer in specification["layer"]
        if layer["mark"]["type"] == "rule" and "y" in layer["encoding"]
    )
    assert floors == {90.5}
    assert data[1]["low"] == 190.0


def test_a_chart_of_a_single_point_is_not_drawn_and_a_figure_of_zero_is_told() -> None:
    nothing = Estimate(value=0.0, low=0.0, high=0.0)
    one = {found.title for found in drawn(with_wal(about(181.0)))}
    (costs,) = [
        found for found in drawn(run(_three(nothing, about(181.0), about(190.0)))) if found.title.startswith("WAL")
    ]

    assert one == set(), "one candidate at one step has no curve"
    assert "WAL per call (bytes)" not in {found.title for found in drawn(with_wal(nothing, about(181.0)))}
    assert costs.table.legend == (("0", "has no place on a logarithmic axis, and is not drawn"),)


def _three(*figures_of: Estimate) -> Growth:
    steps = tuple(
        replace(
            STEPS[0],
            value=value,
            figures=(replace(figures("baseline", 9_000, 1_000, 1_000), wal_bytes_per_call=figure),),
        )
        for value, figure in zip((1_000, 10_000, 100_000), figures_of, strict=True)
    )
    return replace(GROWTH, steps=steps, projections=())


@pytest.mark.parametrize(
    ("operations", "has_intervals", "reason"),
    [
        (1, True, "too few calls"),
        (100_000, False, "too few blocks for an interval"),
        (100_000, True, "blocks that differ too much for an interval"),
    ],
)
def test_a_missing_service_time_has_its_true_reason(operations: int, has_intervals: bool, reason: str) -> None:  # noqa: FBT001 (a parameter of the test)
    lacks = replace(STEPS[0].figures[0], p99_ns=None)
    alone = replace(GROWTH, steps=(replace(STEPS[0], figures=(lacks,), has_intervals=has_intervals),), projections=())
    trials = tuple(replace(one, operations=operations, warmup=False) for one in 6 * BASE.trials[:1])
    measured = replace(USAGE, cardinality="rows=1000", candidates=(replace(BASE, name="baseline", trials=trials),))
    _, times, _ = tables(run(alone, measured))[:3]

    assert dict(times.legend)["-"] == reason


def test_a_candidate_that_was_not_ranked_has_no_service_time_for_that_reason() -> None:
    _, times, costs = tables(GROWN)[:3]

    assert dict(times.legend)["-"] == "not ranked"
    assert dict(costs.legend)["-"] == "not reported, or not ranked"


def test_figures_of_too_few_blocks_are_marked() -> None:
    few = run(replace(GROWTH, steps=(replace(STEPS[0], has_intervals=False), STEPS[1]), projections=()))
    throughput, times, costs = tables(few)[:3]
    said = "too few blocks to tell candidates apart, or it left after too few; with fewer than six, a range over blocks"
    legend = ("*", said)

    assert [row[2] for row in rows(throughput)[:2]] == ["9.00k [8.55k, 9.45k]*", "1.00k [950, 1.05k]"]
    assert all(legend in table.legend for table in (throughput, times, costs))
    assert rows(costs)[0][2:] == ("512 B [486, 538]*", "80.0 B"), "what was read once has no range"
    assert throughput.caption == "Throughput over rows, with 95 % intervals over blocks"
    assert not any(legend in table.legend for table in tables(GROWN))


def test_candidates_that_the_law_was_not_fitted_to_are_listed_with_the_reason() -> None:
    fitted = Projection(candidate="baseline", measure="calls_per_s", law=None, parameters={"sigma": about(0.5)})
    refused = replace(fitted, candidate="hash_by_site", parameters={}, refused="a projection needs 4 steps")
    clients = replace(GROWTH, over="clients", projections=(fitted, refused), forecasts=())
    said = " ".join(report.terminal(run(clients)).split())

    assert (
        "Not fitted: hash_by_site: a projection needs 4 steps; slow: its throughput has an interval at no step."
    ) in said
    unlike = replace(clients, projections=(fitted, replace(refused, refused="")))
    assert "hash_by_site: the law does not fit its steps" in " ".join(report.terminal(run(unlike)).split())


def test_notes_below_a_table_are_one_sentence_in_markdown() -> None:
    shown = flavored.markdown(document(run(GROWTH)))

    assert "or not ranked; to the step before: calls/s over those" in shown


def test_a_step_without_any_figure_leaves_the_others() -> None:
    failed = replace(STEPS[1], figures=(StepFigures(candidate="slow", reason="failed: it took too long"),))
    throughput = tables(run(replace(GROWTH, steps=(STEPS[0], failed))))[0]

    assert [row[1] for row in rows(throughput) if row[2] != "-"] == ["1,000"] * len(STEPS[0].figures)


def test_a_host_that_took_processor_time_at_some_steps_is_told_with_how_much_at_which() -> None:
    large, small = (replace(one, steal_share=share) for one, share in zip(MEASURED, (0.3, 0.004), strict=True))
    slowed = replace(large, notices=(Notice(code="stolen-time", text="The host gave 30 % to others"),))

    said = " ".join(report.terminal(run(GROWTH, small, slowed)).split())
    assert "from 0.4 % at 1,000 to 30 % at 10,000 of this machine's, by others on its host: figures differ" in said
    assert "by others on its host" not in " ".join(report.terminal(run(GROWTH, small, large)).split())


def specified(of: Run, title: str) -> dict[str, Any]:
    """Return the specification of a chart of the first curve."""
    (found,) = [one for one in drawn(of) if one.title == title]
    return chart(found.drawing, looks(("baseline", "hash_by_site"))).to_dict()


def test_all_charts_of_a_curve_begin_at_its_first_step_and_reach_its_last() -> None:
    lacks = replace(STEPS[0], figures=tuple(replace(one, p99_ns=None) for one in STEPS[0].figures))
    steps = lacks, STEPS[1], replace(STEPS[1], value=50_000, cardinality="rows=50000")
    shown = run(replace(GROWTH, steps=steps, projections=(), edges=()))
    ends = {
        tuple(layer["encoding"]["x"]["scale"]["domain"])
        for title in ("Throughput (calls per second)", "Service time of 99 % of all calls (p99)")
        for layer in specified(shown, title)["layer"]
        if "scale" in layer["encoding"].get("x", {})
    }

    assert ends == {(1_000, 50_000)}


def test_a_mark_has_its_text_along_its_line_towards_the_middle_of_the_chart_in_a_colour_of_the_page() -> None:
    edges = (
        Edge(title="shared_buffers (1 MiB) full", value=1_200.0),
        Edge(title="memory (1 GiB) full", value=8_000.0),
    )
    found = specified(run(replace(GROWTH, edges=edges, projections=())), "Throughput (calls per second)")
    sides = {row["mark"]: row["early"] for rows in found["datasets"].values() for row in rows if "mark" in row}
    texts = [layer["mark"] for layer in found["layer"] if layer["mark"]["type"] == "text"]

    assert sides == {"shared_buffers (1 MiB) full": True, "memory (1 GiB) full": False}
    assert [(one["angle"], one["baseline"], one["color"]) for one in texts] == [
        (270, "top", "var(--soft)"),
        (270, "bottom", "var(--soft)"),
    ]
