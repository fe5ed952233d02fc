"""One table of a run as a DataFrame, declared once for both the code and the documentation.

Owns the types of columns, which do not depend on the run. Must not know the subject of a run, nor load pandas before a
frame is used: this package is also imported without it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from schemabench.records import CandidateResult, Estimate, Experiment, Run

Row = Mapping[str, Any]
"""Column -> value; None if there is none."""

TEXT, REAL, WHOLE, FLAG, ANY = "string", "float64", "int64", "bool", "object"
MAYBE_WHOLE, MAYBE_FLAG = "Int64", "boolean"
"""As above, with missing values: integers stay integers next to `<NA>`."""


class Column(NamedTuple):
    """A column of a frame."""

    name: str
    """In snake_case, with the unit."""
    dtype: str
    """The pandas dtype, regardless of the rows."""
    meaning: str
    """A short description, with the unit and the meaning of a missing value if they are not obvious."""


class Frames(Protocol):
    """An object that has tables."""

    run: Run


class Table(cached_property[Any]):
    """A frame as an attribute, built on first access.

    Args:
        about: The meaning of a row, in a sentence.
        columns: All columns, in order.
        rows: Returns the rows of a run. Columns that it adds are figures, and come last.
    """

    def __init__(self, about: str, columns: Sequence[Column], rows: Callable[[Run], Iterable[Row]]) -> None:
        super().__init__(self._made)
        self.about = about
        self.columns = tuple(columns)
        self._rows = rows
        lines = (f"    {one.name} ({one.dtype}): {one.meaning}" for one in self.columns)
        self.__doc__ = "\n".join([f"{about}\n\nColumns:", *lines])

    def _made(self, frames: Frames) -> Any:  # noqa: ANN401 (a DataFrame: pandas is not loaded yet, and ships no types)
        import pandas as pd  # noqa: PLC0415 (takes a second to load)

        rows = list(self._rows(frames.run))
        types = {one.name: one.dtype for one in self.columns}
        types |= {name: REAL for row in rows for name in row if name not in types}
        return pd.DataFrame(rows, columns=list(types)).astype(types)


EXPERIMENT = (
    Column("workload", TEXT, "the workload's name"),
    Column("cardinality", TEXT, "the cardinality's name"),
)
"""The first columns of every table of experiments."""
CANDIDATE = (*EXPERIMENT, Column("candidate", TEXT, "the candidate's name"))
"""The first columns of every table of candidates."""


def estimated(name: str, meaning: str) -> tuple[Column, ...]:
    """Return the columns of a figure and of its 95 % interval, in whose place may be a range."""
    return (
        Column(name, REAL, meaning),
        *(
            Column(f"{name}_{end}", REAL, f"{which} end of its 95 % interval or, with too few blocks, of their range")
            for end, which in (("low", "lower"), ("high", "upper"))
        ),
    )


def spread(name: str, estimate: Estimate | None) -> Row:
    """Return the values of the columns that `estimated` names."""
    value, low, high = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def of_experiment(experiment: Experiment) -> Row:
    """Return the values of the columns in `EXPERIMENT`."""
    return {"workload": experiment.workload, "cardinality": experiment.cardinality}


def each_candidate(run: Run) -> Iterator[tuple[Row, Experiment, CandidateResult]]:
    """Yield every candidate of every experiment, with the values of the columns in `CANDIDATE`."""
    for experiment in run.experiments:
        for candidate in experiment.candidates:
            yield {**of_experiment(experiment), "candidate": candidate.name}, experiment, candidate


def fields(record: object, columns: Iterable[Column]) -> Row:
    """Return the columns that are fields of the record."""
    return {one.name: getattr(record, one.name) for one in columns if hasattr(record, one.name)}
