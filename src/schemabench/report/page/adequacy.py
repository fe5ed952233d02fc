"""The section that says whether production is kept up with, and how long responses take then.

Owns what stands in the section. Must not judge who keeps up, nor word it: `report.adequacy` does.
"""

from collections.abc import Sequence

from markupsafe import Markup

from schemabench.records import Estimate, Experiment, Run
from schemabench.report import adequacy, figures, verdict
from schemabench.report.adequacy import Fared, Timed
from schemabench.report.page import wording
from schemabench.report.page.footnotes import marks
from schemabench.report.page.section import Section
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.page.templates import render

_OF_LAG = "schedule-lag"
"""The code of the notice that limits what the times say."""

_FARED = (
    Column(heading="candidate"),
    Column(heading="keeps up"),
    Column(heading="waiting at the end"),
    Column(heading="done so much later", number=True),
    Column(heading="slowest operation"),
    Column(heading="its responses", number=True),
    Column(heading="p99 of the client's own lag", number=True),
)
_PACED = (
    Column(heading="candidate"),
    Column(heading="writer"),
    Column(heading="connections", number=True),
    Column(heading="time taken", number=True),
    Column(heading="by the busiest connection", number=True),
    Column(heading="left at the end", number=True),
    Column(heading="done within", number=True),
    Column(heading="keeps up"),
)
_TIMED = (
    Column(heading="candidate"),
    *(Column(heading=f"response, {level}", number=True) for level in ("p50", "p95", "p99", "max")),
    Column(heading="service, p99", number=True),
    Column(heading="calls", number=True),
)


def section(experiment: Experiment, run: Run) -> Section | None:
    """Return how the candidates fared at production's pace; None where that was not asked."""
    known = adequacy.fared([result for result, _ in verdict.ranked(experiment)])
    if not known:
        return None
    html = render(
        "adequacy.html.j2",
        limits=marks([one for one in experiment.notices if one.code == _OF_LAG], experiment, run),
        sentence=wording.sentence(adequacy.sentence(experiment, wording.name)),
        fared=_fared(known),
        paced=_paced(known),
        tables=[_timed(operation, found) for operation, found in adequacy.by_operation(known).items()],
    )
    return Section(id="adequacy", title="Adequacy", html=html)


def _fared(known: Sequence[Fared]) -> Markup:
    rows = [
        (
            wording.code(name),
            adequacy.answer(one.keeps_up),
            adequacy.waiting(one),
            Cell(text=adequacy.over(one), sort=max(0.0, one.elapsed_s - one.duration_s)),
            wording.code(adequacy.slowest(one).operation),
            Cell(text=adequacy.within(one), sort=adequacy.slowest_ns(one)),
            _time(one.lag_p99_ns),
        )
        for name, one in known
    ]
    return table(_FARED, rows, "Candidates at production's pace")


def _paced(known: Sequence[Fared]) -> Markup | None:
    rows = [
        (
            wording.code(name),
            wording.code(one.name),
            Cell(text=str(one.clients), sort=one.clients),
            _share(one.utilisation),
            _share(one.busiest),
            Cell(text=adequacy.seconds(one.backlog_s), sort=one.backlog_s),
            Cell(text=adequacy.drained(one), sort=one.drain_s),
            adequacy.answer(one.keeps_up),
        )
        for name, one in adequacy.by_writer(known)
    ]
    return table(_PACED, rows, "Writers at production's pace") if rows else None


def _timed(operation: str, found: Sequence[Timed]) -> Markup:
    rows = [
        (
            wording.code(name),
            *(_time(time_ns) for time_ns in (response.p50_ns, response.p95_ns, response.p99_ns, response.max_ns)),
            _time(service.p99_ns),
            Cell(text=f"{response.count:,}", sort=response.count),
        )
        for name, response, service in found
    ]
    return table(_TIMED, rows, f"{operation} at production's pace")


def _share(share: Estimate | None) -> Cell:
    return Cell(text=figures.share_with_interval(share), sort=share.value) if share else Cell(text=figures.DASH)


def _time(time_ns: float | None) -> Cell:
    return Cell(text=figures.time(time_ns), sort=time_ns)
