"""The section that says why: waits, service times, retries, and throughput over the run.

Owns what stands in the section. Must not draw a chart itself.
"""

from collections.abc import Sequence

from markupsafe import Markup

from schemabench.records import TIME_CLASSES, CandidateResult, Experiment, Run
from schemabench.report import contention, figures, verdict
from schemabench.report.page import drift, latencies, waits, wording
from schemabench.report.page.looks import looks
from schemabench.report.page.section import Section
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.page.templates import render


def section(experiment: Experiment, run: Run) -> Section | None:
    """Return what explains the ranks of an experiment; None where nothing was ranked."""
    results = [result for result, _ in verdict.ranked(experiment)]
    if not results:
        return None
    known = looks(run, experiment.workload)
    sampled = [(result, result.contention) for result in results if result.contention and result.contention.classes]
    html = render(
        "why.html.j2",
        why=wording.sentence(contention.why(experiment, wording.name)),
        key=[(result.name, known[result.name]) for result in results],
        wait_key=[(kind, colour, waits.BOX) for kind, colour in zip(TIME_CLASSES, waits.COLOURS, strict=True)],
        classes=waits.classes(sampled) if sampled else "",
        locks=waits.locks(sampled),
        pairs=waits.pairs(sampled),
        samples=waits.samples(sampled),
        curves=latencies.curves(results, known),
        few=latencies.few(results),
        retries=_retries(results),
        attempted=any(result.attempts_per_s for result in results),
        drift=drift.over_blocks(results, known),
        events=[(event.name, event.colour, event.shape) for event in drift.events(results)],
    )
    return Section(id="why", title="Why", html=html)


def _retries(results: Sequence[CandidateResult]) -> Markup:
    """Return the table of attempts that the server undid; nothing where it undid none."""
    rows = [
        (
            wording.code(result.name),
            wording.code(one.operation),
            one.reason,
            Cell(text=f"{one.count:,}", sort=one.count),
            Cell(text=figures.per_call(one.count, one.calls), sort=one.count / one.calls if one.calls else None),
            figures.rate_with_interval(result.operations_per_s),
            figures.rate_with_interval(result.attempts_per_s),
        )
        for result in results
        for one in result.retries
    ]
    columns = [
        Column(heading="candidate"),
        Column(heading="operation"),
        Column(heading="reason"),
        Column(heading="undone attempts", number=True),
        Column(heading="per call", number=True),
        Column(heading="operations/s of the candidate [95 % interval]", number=True),
        Column(heading="attempts/s of the candidate [95 % interval]", number=True),
    ]
    return table(columns, rows, "Attempts that the server undid, and that were repeated") if rows else Markup()
