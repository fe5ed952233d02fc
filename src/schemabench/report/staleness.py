"""How old answers were: the sentence, and the table.

Owns their wording. Must not judge: the record says which candidates are disqualified.
"""

from collections.abc import Sequence

from schemabench.records import Experiment, Staleness
from schemabench.report import figures
from schemabench.report.text import name
from schemabench.report.tree import Paragraph, Section, Table, cells, columns
from schemabench.report.view import View

_PHASES = {"trials": "trials", "adequacy": "production's pace"}


def section(view: View) -> Section | None:
    """Return how old each candidate's answers were; None if no answer may be old."""
    headings = ("candidate", "operation", "measured in", "p50", "p99", "oldest", "certain", "allowed", "answers")
    rows = tuple(
        cells(
            name(result.name),
            name(one.operation),
            _PHASES[one.phase],
            *map(figures.duration_cell, (one.p50_s, one.p99_s, one.oldest_s, one.certain_s, one.within_s)),
            one.count,
        )
        for result in view.experiment.candidates
        for one in result.staleness
    )
    if not rows:
        return None
    explained = Paragraph(
        text="Age: rows that were committed before the read was sent and that its answer lacks, as seconds of "
        "production. Trials are faster than production, so that their ages are too high: more is written during the "
        "run of a job. Certain is the age of what was committed before the burst began, when nothing was under way. "
        "Candidates that are certainly beyond what is allowed are disqualified; at production's pace if that was "
        "measured."
    )
    table = Table(
        caption="The age of answers, in seconds of production",
        columns=columns(*headings, numbers=headings[3:]),
        rows=rows,
    )
    return Section(id="staleness", title="Staleness: how old answers were", nodes=(explained, table))


def sentence(experiment: Experiment) -> str:
    """Return the freshest and the stalest candidates; empty if no answer may be old."""
    known = {result.name: some for result in experiment.candidates if (some := _decisive(result.staleness))}
    if not known:
        return ""
    paced = {label: some for label, some in known.items() if some[0].phase == "adequacy"}
    decisive, others = paced or known, [name(label) for label in known if paced and label not in paced]
    every = [one for some in decisive.values() for one in some]
    oldest = {label: max(one.oldest_s for one in some) for label, some in decisive.items()}
    span = figures.span(oldest, figures.duration)
    allowed = f"up to {figures.duration(every[0].within_s)} is allowed"
    if paced:
        without = [f"{figures.listed(others, len(others))}: in trials alone, see the table"] if others else []
        return "; ".join([f"the oldest answers were {span} old", allowed, *without])
    certain = figures.duration(max(one.certain_s for one in every))
    return f"the oldest answers were at most {span} old in trials, which exaggerate, {certain} for certain; {allowed}"


def _decisive(some: Sequence[Staleness]) -> list[Staleness]:
    """Return the ages at production's pace, or those in trials if it was not measured."""
    return [one for one in some if one.phase == "adequacy"] or list(some)
