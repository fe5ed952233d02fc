"""Production's sizes and statistics: the file `production.json` of a workload.

Owns the file's format. It holds numbers and names, and no value of any column. Must not query a server.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from schemabench.errors import WorkloadError

FILE = "production.json"
FORMAT = 1
"""The version of the file: raised when a field changes its meaning or goes away."""
Kind = Literal["table", "partitioned table", "materialized view", "index"]
_MOST = 2**31 - 1
"""What a catalog's `integer` holds."""
_MOST_ROWS = 1e15
"""Far more than 2^32 pages of the smallest rows, and far less than what overflows once multiplied."""
Pages: TypeAlias = Annotated[int, Meta(ge=-1, le=_MOST)]
"""-1 for a partitioned table, which has none of its own."""
Rows: TypeAlias = Annotated[float, Meta(ge=-1, le=_MOST_ROWS)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Text: TypeAlias = Annotated[str, Meta(pattern="^[^\\x00]*$")]


@dataclass(frozen=True, kw_only=True)
class Column:
    """The statistics of a column, or of an index's expression, as in pg_stats, without its values."""

    type: Text
    """As SQL writes it."""
    nulls: Share
    """The share of NULL."""
    width: Annotated[int, Meta(ge=0, le=_MOST)]
    """Mean bytes of a value."""
    distinct: Rows
    """A number of values, or below 0 the negative share of rows; 0 if unknown."""
    correlation: Annotated[float, Meta(ge=-1, le=1)] | None = None
    """How far the order of values is that of rows, from -1 to 1; None for a type without an order."""
    shares: tuple[Share, ...] = ()
    """The shares of the rows that have the most common values, the most common first."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table, a partition, a materialized view or an index, as the planner sees it."""

    name: Text
    """With its schema, as SQL writes it, as in `public.orders`."""
    kind: Kind
    root: Text
    """The topmost table that it is a part or an index of; its own name for a table that is no partition."""
    rows: Rows
    """By the last vacuum or analyze; -1 if there was none, and for an index without figures of its own."""
    pages: Pages
    """Likewise."""
    visible: Pages
    """Pages that are visible to all transactions; likewise."""
    columns: Mapping[Text, Column] = field(default_factory=dict)
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
    settings: Mapping[Text, Text] = field(default_factory=dict)
    """The settings on which plans depend, where they are not PostgreSQL's defaults."""
    relations: tuple[Relation, ...]
    """Tables before their partitions and indexes."""

    @property
    def by_name(self) -> Mapping[str, Relation]:
        """The relations by name."""
        return {one.name: one for one in self.relations}

    @property
    def unseen(self) -> tuple[str, ...]:
        """The tables and materialized views that are not empty, and of whose columns it has no statistics."""
        with_rows = (one for one in self.relations if one.kind in {"table", "materialized view"} and one.rows)
        return tuple(one.name for one in with_rows if not one.columns)


def read(path: Path) -> Production:
    """Return what a file holds.

    Raises:
        WorkloadError: It cannot be read, or is of another format.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Production)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as cause:
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
