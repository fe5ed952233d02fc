"""The section that says whether production is kept up with, and how long responses take then.

Owns what stands in the section. Must not judge who keeps up, nor word it: `report.adequacy` does.
"""

from collections.abc import Sequence

from markupsafe import Markup

from schemabench.records import Experiment, Run
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
    *(Column(heading=f"{level} of all responses", number=True) for level in ("p99", "max")),
    Column(heading="p99 of the client's own lag", number=True),
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
        tables=[_timed(operation, found) for operation, found in adequacy.by_operation(known).items()],
    )
    return Section(id="adequacy", title="Adequacy", html=html)


def _fared(known: Sequence[Fared]) -> Markup:
    rows = [
        (
            wording.code(name),
            "yes" if one.keeps_up else "no",
            adequacy.waiting(one),
            Cell(text=adequacy.over(one), sort=max(0.0, one.elapsed_s - one.duration_s)),
            *(_time(time_ns) for time_ns in (one.p99_ns, one.max_ns, one.lag_p99_ns)),
        )
        for name, one in known
    ]
    return table(_FARED, rows, "Candidates at production's pace")


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


def _time(time_ns: float | None) -> Cell:
    return Cell(text=figures.time(time_ns), sort=time_ns)
