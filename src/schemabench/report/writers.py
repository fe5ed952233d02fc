"""Each writer's own ratio, in workloads with several writers.

Owns the choice and form of the ratios. Must not compute any.
"""

from collections.abc import Iterator, Sequence

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, Experiment, Standing
from schemabench.report import brackets, figures
from schemabench.report.text import name
from schemabench.report.tree import Cell, Column, Section, Table
from schemabench.report.view import View, ranked

_CAPTION = (
    "Speedup of each writer: how fast it finishes its part of a burst, as a ratio to the baseline, paired by block"
)
_HELD = {
    brackets.INTERVAL: "95 % intervals hold jointly for all candidates, separately for each writer",
    brackets.RANGE: "with too few blocks for intervals, the observed range is in brackets",
}


def section(view: View) -> Section | None:
    """Return each writer's own ratio under each candidate but the baseline; None if there is only one writer."""
    writers = list(dict.fromkeys(one.writer for result in view.results for one in result.writers))
    rows = [
        (view.named(result), *_cells(result, writers, view.places))
        for result in view.results
        if writers and result.name != BASELINE
    ]
    if not rows:
        return None
    table = Table(
        caption=caption(view.experiment),
        columns=(Column(heading="candidate"), *(Column(heading=name(one), align="right") for one in writers)),
        rows=tuple(rows),
    )
    return Section(id="writers", title="Writer by writer", nodes=(table,), brief=True)


def caption(*experiments: Experiment) -> str:
    """Return what the ratios are, and what is in brackets beside them."""
    within = brackets.of_pairs(*experiments)
    return "; ".join([_CAPTION, *(told for held, told in _HELD.items() if held in within)])


def ratios(experiment: Experiment) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield candidate and writer with the writer's own ratio as text, in order of rank."""
    places = figures.decimals(experiment)
    for result, standing in ranked(experiment):
        for one in result.writers if result.name != BASELINE else ():
            yield (result.name, one.writer), _drawn(one.ratio, standing, places)


def hidden(experiment: Experiment, result: CandidateResult) -> str:
    """Return the writers whose own ratios disagree with throughput, as in `stream 1.95x [1.90, 2.00] as fast`.

    That is, the candidate differs from the baseline for the writer, but ties or differs in the other direction for all
    writers together. Empty if there is no such writer.
    """
    standing = result.standing
    assert standing is not None, "a ranked candidate has a standing"
    whole, places = (
        _side(standing.to_baseline, differs=BASELINE not in standing.tied_with),
        figures.decimals(experiment),
    )
    own = [one for one in result.writers if one.differs and _side(one.ratio, differs=True) != whole]
    return ", ".join(f"{name(one.writer)} {_drawn(one.ratio, standing, places)} as fast" for one in own)


def _side(ratio: Estimate, *, differs: bool) -> int:
    """Return whether a candidate is better than the baseline, 1, or worse, -1; 0 for a tie."""
    return (1 if ratio.value > 1 else -1) if differs else 0


def _drawn(ratio: Estimate, standing: Standing | None, places: int) -> str:
    drawn = figures.ratio_at_least if standing and standing.at_least else figures.ratio_with_interval
    return drawn(ratio, places)


def _cells(result: CandidateResult, writers: Sequence[str], places: int) -> Iterator[Cell]:
    known = {one.writer: one.ratio for one in result.writers}
    for writer in writers:
        ratio = known.get(writer)
        yield Cell(text=figures.DASH) if ratio is None else _cell(ratio, result.standing, places)


def _cell(ratio: Estimate, standing: Standing | None, places: int) -> Cell:
    if standing and standing.at_least:
        return Cell(text=figures.ratio_at_least(ratio, places), sort=ratio.low)
    shown = figures.ratio(ratio.value, places)
    if shown == figures.DASH:
        return Cell(text=shown)
    return Cell(text=f"{shown}x", interval=figures.ratio_interval(ratio, places), sort=ratio.value)
