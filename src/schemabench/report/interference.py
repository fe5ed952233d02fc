"""How much the parts of a workload slow each other: the sentence, and the table.

Owns their wording. Must not judge: the record says what is beyond chance.
"""

from schemabench.records import Experiment, Interference
from schemabench.report import figures
from schemabench.report.text import name
from schemabench.report.tree import Cell, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View

_PLACES = 2


def section(view: View) -> Section | None:
    """Return each writer's time beside the other parts over its time alone; None if that was not measured."""
    headings = ("candidate", "part", "writer", "alone", "beside the others", "ratio", "waited for their locks")
    rows = tuple(
        cells(
            name(result.name),
            name(one.part),
            name(one.writer),
            figures.duration_cell(one.alone_s),
            figures.duration_cell(one.beside_s),
            Cell(text=_ratio(one), sort=one.ratio.value),
            figures.share_cell(one.lock_share),
        )
        for result in view.results
        for one in result.interference
    )
    if not rows:
        return None
    explained = Paragraph(
        text="In each block, every part also executed a burst of the same size alone. The ratio is a writer's time "
        "beside the other parts over its time alone: 1 means that they do not slow it. Parts share the processors and "
        "the disk of one server under every candidate, so compare candidates, too. Lock waits are the share of the "
        "time of the part's writers, in trials, in which they waited for a lock of another part. A ratio in "
        "parentheses cannot be told from 1."
    )
    table = Table(
        caption="Time beside the other parts over time alone",
        columns=columns(*headings, numbers=headings[3:]),
        rows=rows,
    )
    return Section(id="interference", title="Interference: how parts slow each other", nodes=(explained, table))


def _ratio(one: Interference) -> str:
    drawn = figures.ratio_with_interval(one.ratio, _PLACES)
    return drawn if one.differs else f"({drawn})"


def sentence(experiment: Experiment) -> str:
    """Return where parts slow each other least and most; empty if that was not measured."""
    worst = {
        result.name: max(one.ratio.value for one in result.interference)
        for result in experiment.candidates
        if result.interference
    }
    if not worst:
        return ""
    span = figures.span(worst, figures.multiple)
    return f"beside the other parts, the most impeded writer takes {span} of its time alone"
