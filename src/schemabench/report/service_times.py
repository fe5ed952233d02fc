"""The section on service times: percentile curves and a table for each operation.

Must not compute a percentile: runs of older versions hold three, and no curve.
"""

from collections.abc import Sequence

from schemabench.records import CandidateResult, Latency
from schemabench.report import figures
from schemabench.report.drawings import Curve, Curves
from schemabench.report.text import name
from schemabench.report.tree import Beside, Cell, Chart, Fold, Node, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View

_HEADINGS = ("candidate", "p50", "p95", "p99", "max", "calls", "retries")

Named = tuple[str, Latency]
"""A candidate and the service times of one operation under it."""


def section(view: View) -> Section | None:
    """Return a chart for each operation with enough calls for a curve, and a table of all others."""
    operations = _by_operation(view.results)
    curves = tuple(_chart(operation, found) for operation, found in operations.items() if _is_curved(found))
    few = [
        cells(name(operation), *_row(who, latency))
        for operation, found in operations.items()
        if not _is_curved(found)
        for who, latency in found
    ]
    if not operations:
        return None
    nodes: list[Node] = [
        Paragraph(
            text="Service times over all counted trials. A retry is an attempt that was rolled back and repeated. A "
            "dash: too few calls for the percentile. In charts, rarer calls are further right."
        )
    ]
    if curves:
        nodes.append(Beside(charts=curves))
    if few:
        caption = "Service times of operations with too few calls for a curve"
        table = Table(caption=caption, columns=columns("operation", *_HEADINGS, numbers=_HEADINGS[1:]), rows=tuple(few))
        nodes.append(Fold(summary="Operations with too few calls for a curve", nodes=(table,)))
    return Section(id="times", title="Service times of each operation", nodes=tuple(nodes))


def _by_operation(results: Sequence[CandidateResult]) -> dict[str, list[Named]]:
    operations: dict[str, list[Named]] = {}
    for result in results:
        for latency in result.latencies:
            operations.setdefault(latency.operation, []).append((result.name, latency))
    return operations


def _is_curved(found: Sequence[Named]) -> bool:
    """Return whether at least one candidate has two points to draw a line between."""
    return any(len(_points(latency)) > 1 for _, latency in found)


def _chart(operation: str, found: Sequence[Named]) -> Chart:
    title = f"{operation}: service time (log scale)"
    drawn = [(who, latency) for who, latency in found if _points(latency)]
    said = "; ".join(
        f"{who} median {figures.time(latency.p50_ns)}, 99th percentile {figures.time(latency.p99_ns)}"
        for who, latency in drawn
    )
    return Chart(
        title=title,
        description=f"A line for each candidate: {said}.",
        drawing=Curves(curves=tuple(Curve(name=who, points=tuple(_points(latency))) for who, latency in drawn)),
        table=Table(
            caption=f"{name(operation)}: service time",
            columns=columns(*_HEADINGS, numbers=_HEADINGS[1:]),
            rows=tuple(_row(who, latency) for who, latency in found),
        ),
    )


def _points(latency: Latency) -> list[tuple[float, float]]:
    """Return the levels of a curve with their times in nanoseconds; the known percentiles if there is no curve."""
    known = ((0.5, latency.p50_ns), (0.95, latency.p95_ns), (0.99, latency.p99_ns))
    points = latency.curve or [(level, time_ns) for level, time_ns in known if time_ns is not None]
    return [(level, time_ns) for level, time_ns in points if time_ns > 0]


def _row(who: str, latency: Latency) -> tuple[Cell, ...]:
    times = (latency.p50_ns, latency.p95_ns, latency.p99_ns, latency.max_ns)
    return cells(name(who), *map(figures.time_cell, times), latency.count, latency.retries)
