"""Notices as numbered footnotes.

Owns the numbers: equal notices share one throughout a run. Must not draw them.
"""

from collections.abc import Iterable, Mapping

from schemabench.records import Experiment, Notice, Run

Numbers = Mapping[Notice, int]


def numbers(run: Run) -> Numbers:
    """Return the number of every notice of a run, from 1, in the order in which they are shown."""
    every = [*run.notices, *(notice for experiment in run.experiments for notice in of(experiment))]
    return {notice: number for number, notice in enumerate(dict.fromkeys(every), start=1)}


def of(experiment: Experiment) -> list[Notice]:
    """Return the notices of an experiment and of its candidates, each once, in order."""
    candidates = (notice for result in experiment.candidates for notice in result.notices)
    return list(dict.fromkeys([*experiment.notices, *candidates]))


def marks(notices: Iterable[Notice], known: Numbers) -> str:
    """Return the marks of some notices, as in `1,3`; empty for none."""
    return ",".join(str(number) for number in sorted({known[notice] for notice in notices}))
