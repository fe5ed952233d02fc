"""What writers waited for: a stacked bar for each candidate, and the tables of locks and of waiting pairs.

Owns how samples are drawn. Must not say more than they do: where time went is no proof of what would be faster
without it.
"""

from collections.abc import Sequence

import altair as alt
from markupsafe import Markup

from schemabench.records import TIME_CLASSES, CandidateResult, Contention
from schemabench.report import figures
from schemabench.report.contention import MOST_ROWS
from schemabench.report.page.charts import data, figure
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.page.wording import code
from schemabench.units import NANOSECONDS

COLOURS = tuple(f"var(--wait-{kind.lower()})" for kind in TIME_CLASSES)
"""Of `TIME_CLASSES`, in the style sheet."""
BOX = "M-1,-1H1V1H-1Z"
"""What stands for a part of a bar, as a path in a square from -1 to 1."""
_ROW_PX = 26
_MOST_EVENTS = 3
"""Of one candidate in the table, the largest first."""
_TITLE = "Where the writers' time goes, by wait class (% of it)"

Sampled = Sequence[tuple[CandidateResult, Contention]]
"""Candidates whose writers were seen at work, in order of rank."""


def classes(sampled: Sampled) -> Markup:
    """Return the chart of the wait classes."""
    names = [result.name for result, _ in sampled]
    rows = [
        {
            "candidate": result.name,
            "class": kind,
            "place": place,
            "share": found.classes.get(kind, 0.0),
            "of the time": figures.share(found.classes.get(kind, 0.0)),
        }
        for result, found in sampled
        for place, kind in enumerate(TIME_CLASSES)
    ]
    chart = (
        alt.Chart(data(rows))
        .mark_bar(stroke="var(--paper)", strokeWidth=1)
        .encode(
            y=alt.Y("candidate:N", sort=names, title=None),
            x=alt.X(
                "share:Q",
                stack="zero",
                title="the writers' time (%)",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%"),
            ),
            color=alt.Color("class:N", scale=alt.Scale(domain=list(TIME_CLASSES), range=list(COLOURS)), legend=None),
            order=alt.Order("place:O"),
            tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("class:N"), alt.Tooltip("of the time:N")],
        )
        .properties(height=_ROW_PX * len(names))
    )
    return figure(chart, _TITLE, _described(sampled), _classes_table(sampled))


def _described(sampled: Sampled) -> str:
    """Return the largest class of every candidate in words."""
    largest = ((result.name, max(found.classes.items(), key=lambda one: one[1])) for result, found in sampled)
    said = "; ".join(f"{name} {kind} {figures.share(share)}" for name, (kind, share) in largest)
    return f"A stacked bar for each candidate. What each spends most of the time on: {said}."


def _classes_table(sampled: Sampled) -> Markup:
    columns = [
        Column(heading="candidate"),
        *(Column(heading=f"{kind} (%)", number=True) for kind in TIME_CLASSES),
        Column(heading="waited for most", prose=True),
    ]
    rows = [
        (
            code(result.name),
            *(
                Cell(text=figures.share(found.classes.get(kind, 0.0)), sort=found.classes.get(kind))
                for kind in TIME_CLASSES
            ),
            _events(found),
        )
        for result, found in sampled
    ]
    return table(columns, rows, _TITLE)


def _events(found: Contention) -> str:
    waits = [event for event in found.events if event.name]
    return ", ".join(f"{event.name} {figures.share(event.share)}" for event in waits[:_MOST_EVENTS]) or figures.DASH


def locks(sampled: Sampled) -> Markup:
    """Return the table of heavyweight locks that were waited for; nothing where none were."""
    rows = [
        (
            code(result.name),
            lock.kind,
            lock.mode,
            code(lock.relation),
            Cell(text=f"{lock.partitions:,}" if lock.partitions else figures.DASH, sort=lock.partitions),
            Cell(text=figures.share(lock.share), sort=lock.share),
            _lasting(lock.longest_s),
        )
        for result, found in sampled
        for lock in found.locks[:MOST_ROWS]
    ]
    columns = [
        Column(heading="candidate"),
        Column(heading="lock"),
        Column(heading="mode asked for"),
        Column(heading="table or index"),
        Column(heading="partitions", number=True),
        Column(heading="% of the writers' time", number=True),
        Column(heading="longest wait seen", number=True),
    ]
    caption = f"Heavyweight locks that were waited for, at most {MOST_ROWS} for each candidate"
    return table(columns, rows, caption) if rows else Markup()


def pairs(sampled: Sampled) -> Markup:
    """Return the table of operations that waited for one another; nothing where none did."""
    rows = [
        (
            code(result.name),
            code(pair.waiting),
            code(pair.blocking),
            Cell(text=figures.share(pair.share), sort=pair.share),
        )
        for result, found in sampled
        for pair in found.pairs[:MOST_ROWS]
    ]
    columns = [
        Column(heading="candidate"),
        Column(heading="waiting operation"),
        Column(heading="waits for"),
        Column(heading="% of the writers' time", number=True),
    ]
    caption = f"Operations that waited for one another, at most {MOST_ROWS} pairs for each candidate"
    return table(columns, rows, caption) if rows else Markup()


def samples(sampled: Sampled) -> Markup:
    """Return the table of how far the samples reach."""
    columns = [
        Column(heading="candidate"),
        *(Column(heading=heading, number=True) for heading in ("deepest queue (sessions)", "longest wait seen")),
        *(Column(heading=heading, number=True) for heading in ("looks", "late", "lost", "sessions seen at work")),
    ]
    rows = [
        (
            code(result.name),
            found.deepest_queue,
            _lasting(found.longest_wait_s),
            *(
                Cell(text=f"{count:,}", sort=count)
                for count in (found.samples, found.late, found.lost, found.observations)
            ),
        )
        for result, found in sampled
    ]
    return table(columns, rows, "What the samples rest on: looks at the server, and what they saw")


def _lasting(seconds: float) -> Cell:
    """Return how long a wait was; a dash for one that had only begun, or for none."""
    return Cell(text=figures.time(seconds * NANOSECONDS) if seconds else figures.DASH, sort=seconds)
