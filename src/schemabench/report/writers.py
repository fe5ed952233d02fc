"""Each writer's own ratio: what a candidate does to each of them, where there are several; alike in every format.

Owns which ratios are shown and how. Must not compute any.
"""

from collections.abc import Sequence

from schemabench.records import CandidateResult, Estimate, Experiment, Standing
from schemabench.report import figures, verdict
from schemabench.report.verdict import Name

TITLE = "Each writer by itself"
LEGEND = (
    "how many times as soon its part of a burst is done as under the baseline, paired by block; 95 % intervals hold "
    "jointly for all candidates, writer by writer"
)
"""What the figures are."""


def names(experiment: Experiment) -> list[str]:
    """Return the writers that have ratios of their own, in order; none where there is one writer."""
    known = {one.writer: None for result, _ in verdict.ranked(experiment) for one in result.writers}
    return list(known)


def rows(experiment: Experiment) -> list[tuple[CandidateResult, list[str]]]:
    """Return each candidate but the baseline, in order of rank, with a figure for each of `names`."""
    writers, places = names(experiment), figures.decimals(experiment)
    return [
        (result, _cells(result, writers, places))
        for result, standing in verdict.ranked(experiment)
        if writers and standing.name != verdict.BASELINE
    ]


def lines(experiment: Experiment, name: Name) -> list[str]:
    """Return a line for each of `rows`, as in `two_tables: stream 1.31x [1.26, 1.36], reader 0.98x [0.95, 1.01]`."""
    writers = names(experiment)
    return [f"{name(result.name)}: {_listed(writers, cells, name)}" for result, cells in rows(experiment)]


def hidden(experiment: Experiment, result: CandidateResult, name: Name) -> str:
    """Return which writers fare otherwise than throughput says, as in `stream done 1.95x [1.90, 2.00] as soon`.

    That is, the candidate is told apart from the baseline for the writer, and for all of them together it is not, or to
    the other side. Empty where there is no such writer.
    """
    standing = result.standing
    assert standing is not None, "who is ranked has a standing"
    whole, places = (
        _side(standing.ratio, differs=verdict.BASELINE not in standing.tied_with),
        figures.decimals(experiment),
    )
    own = [one for one in result.writers if one.differs and _side(one.ratio, differs=True) != whole]
    return ", ".join(f"{name(one.writer)} done {_drawn(one.ratio, standing, places)} as soon" for one in own)


def _side(ratio: Estimate, *, differs: bool) -> int:
    """Return whether a candidate is better than the baseline, 1, or worse, -1; 0 for a tie."""
    return (1 if ratio.value > 1 else -1) if differs else 0


def _drawn(ratio: Estimate, standing: Standing | None, places: int) -> str:
    drawn = figures.ratio_at_least if standing and standing.at_least else figures.ratio_with_interval
    return drawn(ratio, places)


def _listed(writers: Sequence[str], cells: Sequence[str], name: Name) -> str:
    return ", ".join(f"{name(writer)} {cell}" for writer, cell in zip(writers, cells, strict=True))


def _cells(result: CandidateResult, writers: Sequence[str], places: int) -> list[str]:
    known = {one.writer: one.ratio for one in result.writers}
    return [_drawn(known[writer], result.standing, places) if writer in known else figures.DASH for writer in writers]
