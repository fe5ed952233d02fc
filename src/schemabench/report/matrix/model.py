"""The matrix as plain records: candidates by runs, ready to be drawn in any format.

Owns what a matrix holds. Must not compute, word or draw any of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from schemabench.records import Criterion, Experiment, Notice, Run, Standing

Untold = Literal["doubtful", "too few blocks", "nothing ranked"]
"""Why a run shows no leaders. doubtful: the baseline differs from itself; too few blocks: no difference, however large,
could have been seen."""
UNTOLD: tuple[Untold, ...] = get_args(Untold)
Winner = Literal["first to tell", "same", "changes", "cannot be told apart"] | Untold
"""What a run says of the winner, beside the runs before it. first to tell: none before it said anything; same: as the
run before, it has one leader, and that is the same; changes: an earlier run has others; cannot be told apart: a leader
is shared, or either run lacks what leads the other; else why it shows none."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """An experiment, and the run file that it was read from."""

    file: str
    run: Run
    experiment: Experiment


@dataclass(frozen=True, kw_only=True)
class Lead:
    """Who is first in one run by one criterion."""

    leaders: tuple[str, ...]
    """The candidates of rank 1, in order; empty where nothing was ranked."""
    winner: Winner
    """How they compare with those of the runs before it."""
    changed_from: str = ""
    """The label of the last run before it that others lead; empty unless the winner changes."""
    beside: tuple[str, ...] = ()
    """What it differs in from that run besides what labels name, as in `the setting jit`."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One run."""

    label: str
    """What distinguishes it from the other runs, as in `PostgreSQL 16`; unique within a matrix."""
    source: Source
    leads: Mapping[str, Lead]
    """By every criterion."""
    notices: tuple[Notice, ...] = ()
    """Of its run, its experiment and its control."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one candidate stands in one run by one criterion."""

    text: str
    """The rank, as in `1=`; else why it has none: its status, `not run`, or a dash where the run does not know."""
    standing: Standing | None = None
    """What the rank rests on; None without one."""

    @property
    def rank(self) -> int | None:
        """The rank; None without one."""
        return self.standing.rank if self.standing else None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One candidate in one run."""

    places: Mapping[str, Place]
    """By every criterion."""
    on_front: bool = False
    """Whether no candidate of the run is better by one criterion without being worse by another."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate in every run."""

    candidate: str
    cells: tuple[Cell, ...]
    """One for each column."""
    notices: tuple[Notice, ...] = ()
    """On the candidate in all runs."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """One workload in several runs."""

    workload: str
    cardinality: str
    """Empty where that is what the runs differ in."""
    differ: tuple[str, ...]
    """What the labels name, as in `PostgreSQL version`."""
    preposition: str
    """What stands before a label in a sentence, as in `on`."""
    columns: tuple[Column, ...]
    """In order of what the labels name."""
    rows: tuple[Row, ...]
    """By mean rank by throughput, the best first; those without a rank last."""
    criteria: tuple[Criterion, ...]
    """Those that any of the runs was ranked by."""
    notices: tuple[Notice, ...] = ()
    """On how far the runs can be compared."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that several run files have in common."""

    files: tuple[str, ...]
    matrices: tuple[Matrix, ...]
    notices: tuple[Notice, ...] = ()
    """On what is in no matrix."""
