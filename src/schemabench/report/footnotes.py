"""Notices as numbered footnotes.

Owns the numbers: equal notices share one throughout a run. Must not draw them.
"""

from collections.abc import Iterable, Mapping

from schemabench.records import Experiment, Notice, Run

Numbers = Mapping[Notice, int]


def numbers(run: Run) -> Numbers:
    """Return the number of every notice of a run, from 1, in order of appearance."""
    every = [*run.notices, *(notice for experiment in run.experiments for notice in of(experiment))]
    return {notice: number for number, notice in enumerate(dict.fromkeys(every), start=1)}


def of(experiment: Experiment) -> list[Notice]:
    """Return the notices of an experiment and of its candidates, each once, in order."""
    candidates = (notice for result in experiment.candidates for notice in result.notices)
    return list(dict.fromkeys([*experiment.notices, *candidates]))


def numbered(notices: Iterable[Notice], known: Numbers) -> tuple[tuple[int, str], ...]:
    """Return the numbers and texts of notices, each once, by number."""
    return tuple(sorted((known[notice], notice.text) for notice in dict.fromkeys(notices)))
