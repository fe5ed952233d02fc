"""Who left a race, when and on what: the verdict's sentence, and the table.

Owns their wording. Must not judge: the record says who left.
"""

from schemabench.records import CandidateResult, Estimate, Experiment, Retirement
from schemabench.report import figures
from schemabench.report.text import name
from schemabench.report.tree import Cell, Column, Paragraph, Section, Table
from schemabench.report.view import View, ranked
from schemabench.units import format_duration, plural

_RULE = (
    "In the race, every pair of candidates was compared after each block, by an interval that holds at all looks "
    "together. A candidate left when the leader and enough others were proved faster for it to be out of the first "
    "{places}, and the others got its share of the budget. Its figures are those of its own blocks, so that it is "
    "compared with the others by throughput alone."
)

_DOUBTED = "raced-in-doubt"
"""The code of the notice on a candidate that left on what did not hold in the end."""


def section(view: View) -> Section | None:
    """Return who left the race and on what; None without a race."""
    if not view.experiment.race:
        return None
    gone = left(view.experiment)
    places = "place" if view.experiment.race == 1 else f"{view.experiment.race} places"
    if not gone:
        nobody = Paragraph(text=f"No candidate left the race: none was proved to be out of the first {places}.")
        return Section(id="race", title="Race", nodes=(nobody,), brief=True)
    rule = Paragraph(text=_RULE.format(places=places))
    return Section(id="race", title="Race", nodes=(rule, _table(view, gone)), brief=True)


def left(experiment: Experiment) -> list[tuple[CandidateResult, Retirement, Estimate]]:
    """Return the candidates that left a race, the first first, each with its throughput over the leader's."""
    gone = [
        (result, result.retired, result.retired.behind)
        for result, _ in ranked(experiment)
        if result.retired and result.retired.behind
    ]
    return sorted(gone, key=lambda one: (one[1].trials, one[2].value))


def sentence(experiment: Experiment) -> str:
    """Return who left the race, and for whom that is in doubt; empty if nobody left."""
    gone = [result for result, _, _ in left(experiment)]
    if not gone:
        return ""
    told = f"Left the race, proved slower than the leader: {figures.listed(name(one.name) for one in gone)}."
    doubted = [name(one.name) for one in gone if any(notice.code == _DOUBTED for notice in one.notices)]
    return f"{told} {figures.listed(doubted)} may have a place after all." if doubted else told


def on(retired: Retirement, behind: Estimate, places: int) -> str:
    """Return when a candidate left and on what, in a few words."""
    return (
        f"left the race after {plural(retired.trials, 'block')}: "
        f"{figures.ratio_with_interval(behind, places)} the throughput of {name(retired.leader)}"
    )


def _table(view: View, gone: list[tuple[CandidateResult, Retirement, Estimate]]) -> Table:
    return Table(
        caption="Who left the race, and on what",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="blocks", align="right", legend="in which it took part, and that count"),
            Column(heading="left after", align="right", legend="time of the blocks until then", drop=1),
            Column(heading="leader"),
            Column(
                heading="ratio to the leader [95 % interval]",
                short="ratio",
                align="right",
                legend="its throughput over the leader's until then, paired by block",
            ),
        ),
        rows=tuple(
            (
                view.named(result),
                Cell(text=str(retired.trials), sort=retired.trials),
                Cell(text=format_duration(retired.left_s or 0.0), sort=retired.left_s),
                Cell(text=name(retired.leader)),
                Cell(
                    text=f"{figures.ratio(behind.value, view.places)}x",
                    interval=figures.ratio_interval(behind, view.places),
                    sort=behind.value,
                ),
            )
            for result, retired, behind in gone
        ),
    )
