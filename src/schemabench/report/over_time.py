"""The section on the course of the run: drift and scatter of throughput, and the server's events.

Must not judge: candidates are compared within blocks, and changes of the machine between blocks do not matter.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from schemabench.records import CHECKPOINTED, VACUUMED, Trial
from schemabench.report import figures
from schemabench.report.drawings import Moment, OverTime
from schemabench.report.text import name
from schemabench.report.tree import Cell, Chart, Column, Paragraph, Section, Table, cells
from schemabench.report.view import View
from schemabench.units import NANOSECONDS, format_count, plural

MOST_POINTS = 120
"""Limit of one candidate's points: in a longer run, several blocks in a row become one point to keep the chart
legible."""
_EVENTS: Mapping[str, tuple[str, ...]] = {"checkpoint": CHECKPOINTED, "autovacuum": VACUUMED}
"""Occasional events of the server: one of the counters is above zero in a trial during which the event ran."""


def section(view: View) -> Section | None:
    """Return the chart of throughput over blocks; None if no trial was counted."""
    counted = {result.name: [trial for trial in result.trials if _has_rate(trial)] for result in view.results}
    counted = {who: trials for who, trials in counted.items() if trials}
    if not counted:
        return None
    per_row = all(trial.rows for trials in counted.values() for trial in trials)
    unit = "rows/s" if per_row else "operations/s"
    blocks = [trial.block for trials in counted.values() for trial in trials]
    first, size = min(blocks), -(-(max(blocks) - min(blocks) + 1) // MOST_POINTS)
    moments = tuple(
        _moment(who, some, 1 + place * size, per_row=per_row)
        for who, trials in counted.items()
        for place, some in _together(trials, first, size).items()
    )
    title = f"Throughput over the run ({unit}, log scale)"
    if size > 1:
        title += f", each point the median of {size} blocks"
    marked = " Marked points: such an event ended on the server during the trial."
    said = Paragraph(
        text="If all lines rise and fall together, the machine drifted. Candidates are compared within blocks, so this "
        f"does not affect the ratios.{marked if any(one.events for one in moments) else ''}"
    )
    chart = Chart(
        title=title,
        description=_described(moments),
        drawing=OverTime(moments=moments, unit=unit),
        table=_table(moments, list(counted), title),
    )
    return Section(id="run", title="Over the run", nodes=(said, chart), needs_charts=True)


def _has_rate(trial: Trial) -> bool:
    """Return whether a trial was counted, and has a rate."""
    return not trial.warmup and trial.operations > 0 and 0 < trial.duration_s < math.inf


def _together(trials: Sequence[Trial], first: int, size: int) -> dict[int, list[Trial]]:
    """Return the trials that become one point, by the position of the point: those of `size` blocks in a row."""
    found: dict[int, list[Trial]] = {}
    for trial in trials:
        found.setdefault((trial.block - first) // size, []).append(trial)
    return found


def _moment(who: str, trials: Sequence[Trial], block: int, *, per_row: bool) -> Moment:
    return Moment(
        name=who,
        block=block,
        started_s=trials[0].started_s,
        rate=median((trial.rows if per_row else trial.operations) / trial.duration_s for trial in trials),
        events=tuple(
            event
            for event, counters in _EVENTS.items()
            if any(trial.counters.get(counter) for trial in trials for counter in counters)
        ),
    )


def _described(moments: Sequence[Moment]) -> str:
    """Return the range of each candidate's points, and the number of events, as text."""
    rates: dict[str, list[float]] = {}
    for moment in moments:
        rates.setdefault(moment.name, []).append(moment.rate)
    spread = "; ".join(f"{who} {format_count(min(some))} to {format_count(max(some))}" for who, some in rates.items())
    marked = "; ".join(
        f"{event}s at {plural(sum(event in moment.events for moment in moments), 'point')}" for event in _EVENTS
    )
    return f"A line for each candidate, from its slowest block to its fastest: {spread}. Marks: {marked}."


def _table(moments: Sequence[Moment], names: Sequence[str], title: str) -> Table:
    """Return a row for each block and a column for each candidate, with events next to the figure."""
    found = {(moment.block, moment.name): moment for moment in moments}
    began = {moment.block: moment.started_s for moment in reversed(moments)}
    return Table(
        caption=title,
        columns=(
            Column(heading="block", align="right"),
            Column(heading="began after", align="right"),
            *(Column(heading=name(one), align="right") for one in names),
        ),
        rows=tuple(
            cells(
                block,
                Cell(text=figures.time(began[block] * NANOSECONDS), sort=began[block]),
                *(_cell(found.get((block, one))) for one in names),
            )
            for block in sorted(began)
        ),
    )


def _cell(moment: Moment | None) -> Cell:
    if moment is None:
        return Cell(text=figures.DASH)
    return Cell(text=" ".join([format_count(moment.rate), *moment.events]), sort=moment.rate)
