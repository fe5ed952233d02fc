"""An experiment as the sections of a report use it.

Owns the queries that several sections share. Must not word anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Experiment, Notice, Run, Standing
from schemabench.report import figures, footnotes, text
from schemabench.report.footnotes import Numbers
from schemabench.report.tree import Cell


@dataclass(frozen=True)
class View:
    """An experiment, with the run that it belongs to."""

    experiment: Experiment
    run: Run

    @cached_property
    def numbers(self) -> Numbers:
        """The numbers of all notices of the run."""
        return footnotes.numbers(self.run)

    @cached_property
    def ranked(self) -> list[tuple[CandidateResult, Standing]]:
        """The candidates that have a rank, in order, each with its standing."""
        return ranked(self.experiment)

    @property
    def results(self) -> list[CandidateResult]:
        """The candidates that have a rank, in order."""
        return [result for result, _ in self.ranked]

    @cached_property
    def places(self) -> int:
        """The decimals of ratios."""
        return figures.decimals(self.experiment)

    def marks(self, notices: Iterable[Notice]) -> tuple[int, ...]:
        """Return the numbers of some notices, in order."""
        return tuple(sorted({self.numbers[notice] for notice in notices}))

    def named(self, result: CandidateResult) -> Cell:
        """Return a cell with a candidate's name and the marks of its notices."""
        return Cell(text=text.name(result.name), notes=self.marks(result.notices))


def ranked(experiment: Experiment) -> list[tuple[CandidateResult, Standing]]:
    """Return the candidates that have a rank, in order, each with its standing."""
    return [
        (result, result.standing)
        for result in experiment.candidates
        if result.status == "ranked" and result.standing is not None
    ]


def baseline(experiment: Experiment) -> CandidateResult | None:
    """Return the baseline, if it was ranked."""
    return next((result for result, _ in ranked(experiment) if result.name == BASELINE), None)


def names(run: Run, workload: str) -> tuple[str, ...]:
    """Return the candidates of a workload in the same order for all of its experiments, regardless of ranks.

    The baseline comes first, then the ranked candidates by name.
    """
    results = [
        result
        for experiment in run.experiments
        if experiment.workload == workload
        for result in experiment.candidates
        if result.name != BASELINE
    ]
    with_rank = {result.name for result in results if result.standing}
    return BASELINE, *sorted({result.name for result in results}, key=lambda name: (name not in with_rank, name))
