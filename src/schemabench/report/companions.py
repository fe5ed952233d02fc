"""The section on companions: what ran beside the trials, and how long it took.

Owns the wording of what a companion does. Must not compute a figure.
"""

from schemabench.records import CompanionShare, Experiment
from schemabench.report import figures
from schemabench.report.text import name
from schemabench.report.tree import Paragraph, Section, Table, cells, columns
from schemabench.report.view import View
from schemabench.units import format_duration, plural

_HEADINGS = ("candidate", "companion", "executions", "cancelled", "every", "p50", "p99", "max", "waiting for locks")


def manner(one: CompanionShare) -> str:
    """Return how a companion executes, as in `every 5 s, 2 connections`."""
    pace = f"every {format_duration(one.every_s)}" if one.every_s else "without end"
    how = f"holds its transaction open, {one.isolation}" if one.holds else pace
    return how + (f", {plural(one.clients, 'connection')}" if one.clients > 1 else "")


def fact(experiment: Experiment) -> str:
    """Return what ran beside the trials, or was left out; empty if the workload has no companions."""
    if experiment.without_companions:
        return f"left out (--without-companions): {', '.join(map(name, experiment.without_companions))}"
    return "; ".join(f"{name(one.name)}: {name(one.operation)}, {manner(one)}" for one in experiment.companions)


def section(view: View) -> Section | None:
    """Return what each companion executed under each candidate; None without companions."""
    rows = tuple(
        cells(
            name(result.name),
            name(one.companion),
            one.executions,
            one.cut,
            figures.duration_cell(one.every_s),
            *map(figures.time_cell, (one.p50_ns, one.p99_ns, one.max_ns)),
            figures.share_cell(one.lock_share),
        )
        for result in view.results
        for one in result.companions
    )
    if not rows:
        return None
    text = (
        "Companions run beside all trials and belong to no writer, whose figures do not contain them. Here: "
        f"{fact(view.experiment)}. The column 'every' is the time in trials for each execution of one connection."
    )
    table = Table(
        caption="Executions of companions in counted trials, and their service times; a dash: too few for the figure",
        columns=columns(*_HEADINGS, numbers=_HEADINGS[2:]),
        rows=rows,
    )
    return Section(id="companions", title="Companions", nodes=(Paragraph(text=text), table), brief=True)
