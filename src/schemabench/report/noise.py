"""The section on noise: which other tenants there were, and what their jobs did and took.

Owns its wording. Must not compute a figure.
"""

from schemabench.records import PROCESSOR, READS, WAL, Experiment, Noise
from schemabench.report import figures
from schemabench.report.text import name
from schemabench.report.tree import Cell, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View
from schemabench.units import format_duration, format_significant, plural

_HEADINGS = ("jobs", "due", "begun", "done", "late", "failed", "longest wait")
_RESOURCES = {WAL: "WAL", READS: "blocks read", PROCESSOR: "processor time"}


def short(one: Noise) -> str:
    """Return what noise it is, as in `noise of 10 organisations, 70 runs/s`."""
    return f"noise of {plural(one.organisations, 'organisation')}, {format_significant(one.pace_per_s, 2)} runs/s"


def fact(one: Noise) -> str:
    """Return what noise it is, with all that repeats it."""
    speed = "" if one.speed == 1 else f" at {one.speed:g} times its speed"
    places = ", in the candidates' own tables, too" if one.tenants else ""
    return (
        f"{name(one.path)}{speed}: {plural(one.organisations, 'organisation')}, {plural(one.rows, 'row')}{places}; "
        f"{format_significant(one.pace_per_s)} runs a second on {plural(one.connections, 'connection')}; "
        f"digest {name(one.digest[:12])}"
    )


def sentence(experiment: Experiment) -> str:
    """Return what the noise did, and its share of the server; empty without."""
    one = experiment.noise
    if one is None or not one.lasted_s:
        return ""
    done, late = sum(runs.done for runs in one.runs), sum(runs.late for runs in one.runs)
    pace = f"{format_significant(done / one.lasted_s, 2)} runs a second of {format_significant(one.pace_per_s, 2)} due"
    shares = [
        f"{figures.share(one.shares[key])} of the {what}" for key, what in _RESOURCES.items() if key in one.shares
    ]
    return f"{pace}, {plural(late, 'run')} late" + (f"; it took {', '.join(shares)}" if shares else "")


def section(view: View) -> Section | None:
    """Return what the jobs of each kind did; None without noise."""
    one = view.experiment.noise
    if one is None:
        return None
    unknown = [f"{_RESOURCES[key]}: {reason}" for key, reason in one.missing.items()]
    told = sentence(view.experiment)
    text = (
        f"Other tenants were on the server, and their jobs ran in a process of their own, at their own pace: "
        f"{fact(one)}. "
        + (f"In {format_duration(one.lasted_s)}, they made {told}. " if told else "")
        + (f"Their share is not known of {'; '.join(unknown)}. " if unknown else "")
        + "A run is late if it begins more than a second after it was due. With more than a tenth late or failed, "
        "there would be no result."
    )
    table = Table(
        caption="Runs of jobs, from before the first block until after the last",
        columns=columns(*_HEADINGS, numbers=_HEADINGS[1:]),
        rows=tuple(
            cells(
                name(runs.kind),
                *(getattr(runs, heading) for heading in _HEADINGS[1:-1]),
                Cell(text=format_duration(runs.longest_wait_s), sort=runs.longest_wait_s),
            )
            for runs in one.runs
        ),
    )
    return Section(id="noise", title="Noise: other tenants", nodes=(Paragraph(text=text), table), brief=True)
