"""Production's sizes and statistics: the file `production.json` of a workload.

Owns the file's format. It holds numbers and names, and no value of any column. Must not query a server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from schemabench.errors import WorkloadError

FILE = "production.json"
FORMAT = 1
"""The version of the file: raised when a field changes its meaning or goes away."""
Kind = Literal["table", "partitioned table", "materialized view", "index"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """The statistics of a column, or of an index's expression, as in pg_stats, without its values."""

    type: str
    """As SQL writes it."""
    nulls: float
    """The share of NULL."""
    width: int
    """Mean bytes of a value."""
    distinct: float
    """A number of values, or below 0 the negative share of rows; 0 if unknown."""
    correlation: float | None = None
    """How far the order of values is that of rows, from -1 to 1; None for a type without an order."""
    shares: tuple[float, ...] = ()
    """The shares of the rows that have the most common values, the most common first."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table, a partition, a materialized view or an index, as the planner sees it."""

    name: str
    """With its schema, as SQL writes it, as in `public.orders`."""
    kind: Kind
    root: str
    """The topmost table that it is a part or an index of; its own name for a table that is no partition."""
    rows: float
    """By the last vacuum or analyze; -1 if there was none, and for an index without figures of its own."""
    pages: int
    """Likewise."""
    visible: int
    """Pages that are visible to all transactions; likewise."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Column -> statistics, of all partitions together for a partitioned table; without those that the role may not
    see."""


@dataclass(frozen=True, kw_only=True)
class Production:
    """A database's sizes, statistics and settings of the planner."""

    format: int = FORMAT
    server: str
    """As in `PostgreSQL 18.6`."""
    day: str
    """When it was read, as in `2026-11-29`."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The settings on which plans depend, where they are not PostgreSQL's defaults."""
    relations: tuple[Relation, ...]
    """Tables before their partitions and indexes."""

    @property
    def by_name(self) -> Mapping[str, Relation]:
        """The relations by name."""
        return {one.name: one for one in self.relations}


def read(path: Path) -> Production:
    """Return what a file holds.

    Raises:
        WorkloadError: It cannot be read, or is of another format.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Production)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as cause:
        said = cause.strerror if isinstance(cause, OSError) else str(cause)
        raise WorkloadError(
            f"{path} does not hold production's statistics: {said}",
            remedies=["make it anew: schemabench production FILE.json --from DSN", "do without: --production off"],
        ) from cause
    if found.format != FORMAT:
        raise WorkloadError(
            f"{path} has format {found.format}, and this version of schemabench reads {FORMAT}",
            remedies=["make it anew: schemabench production FILE.json --from DSN", "do without: --production off"],
        )
    return found


def written(production: Production) -> str:
    """Return the text of a file."""
    return msgspec.json.format(msgspec.json.encode(production), indent=1).decode() + "\n"
