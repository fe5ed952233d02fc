"""Who left a race, when and on what: the verdict's sentence, and the section.

Owns their wording, and that of the rule. Must not judge: the record says who left.
"""

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, Experiment, Retirement
from schemabench.report import figures
from schemabench.report.text import name
from schemabench.report.tree import Cell, Column, Paragraph, Section, Table
from schemabench.report.view import View, ranked
from schemabench.units import format_duration, plural

_RULE = (
    "In a race, every pair of candidates is compared after each block, by an interval that holds at all looks "
    "together. A candidate leaves once {proved}, and the others get its share of the budget. Its figures are those of "
    "its own blocks, so that it is compared with the others by throughput alone."
)

_NOBODY = "No {candidate} left by the rule of the race: nobody does before {proved}."

_DOUBTED = "raced-in-doubt"
"""The code of the notice on a candidate that left on what did not hold in the end."""


def section(view: View) -> Section | None:
    """Return who left the race and on what; None without a race."""
    if not view.experiment.race:
        return None
    gone = left(view.experiment)
    table = [_table(view, gone)] if gone else []
    return Section(id="race", title="Race", nodes=(Paragraph(text=_told(view.experiment)), *table), brief=True)


def proved(places: int) -> str:
    """Return what is proved of the others when a candidate leaves a race about some places."""
    if places == 1:
        return "the leader is proved faster"
    return f"the leader and enough others for all {places} places, or all others still in the race, are proved faster"


def left(experiment: Experiment) -> list[tuple[CandidateResult, Retirement, Estimate]]:
    """Return the ranked candidates that left a race, the first first, each with its throughput over the leader's."""
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


def _told(experiment: Experiment) -> str:
    """Return the rule, or that nobody left by it; and whom that does not cover: those far slower, or without a rank."""
    unranked = [name(one.name) for one in experiment.candidates if one.trials and not one.standing]
    far = [name(one.name) for one, _ in ranked(experiment) if one.retired and not one.retired.behind]
    text = _RULE if left(experiment) else _NOBODY
    said = [text.format(proved=proved(experiment.race), candidate="ranked candidate" if unranked else "candidate")]
    if far:
        said.append(f"Left as far slower than the {BASELINE}, as in any run: {figures.listed(far)}.")
    if unranked:
        said.append(f"Without a rank, and so not considered here: {figures.listed(unranked)}.")
    return " ".join(said)


def _table(view: View, gone: list[tuple[CandidateResult, Retirement, Estimate]]) -> Table:
    return Table(
        caption="Who left the race, and on what",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="blocks", align="right", legend="in which it took part, and that counted when it left"),
            Column(
                heading="left after",
                align="right",
                legend="time of all blocks until then, warm-up included",
                drop=1,
            ),
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
