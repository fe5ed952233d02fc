"""What is found in a live database: tables, columns, keys, statistics, statements.

Owns the records. Must not know how they are read, nor what becomes of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pglast.keywords import RESERVED_KEYWORDS, TYPE_FUNC_NAME_KEYWORDS

from schemabench.deriving.statement import Kind


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What the server's statistics say of a column."""

    nulls: float = 0.0
    """The share of NULL."""
    distinct: float = 0.0
    """As in pg_stats: a number of values, or below 0 the negative share of rows; 0 if unknown."""
    width: int = 0
    """Mean bytes of a value."""
    correlation: float = 0.0
    """How far the order of values is that of rows, from -1 to 1."""
    common: Sequence[tuple[str | None, float]] = ()
    """(value, or shape for a text, or None if it may not be read; share of the rows) of the most common values."""
    bounds: Sequence[str] = ()
    """Of the histogram: values, or shapes for texts."""
    elements: Sequence[tuple[str, float]] = ()
    """(value, or shape for a text; share of the rows) of the most common elements of arrays."""
    lengths: Sequence[int] = ()
    """How many different elements arrays have, at equal distances."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    type: str
    """As SQL writes it, as in `character varying(20)`."""
    base: str
    """The name of its type in pg_type, without domains, as in `int8`."""
    category: str
    """The category of that type: N, D, S, B, E, A, I, U, ..."""
    required: bool
    """Whether it is NOT NULL."""
    generated: bool
    """Whether the server computes it."""
    sequence: str | None
    """The sequence that its default takes numbers from, as SQL writes its name."""
    default: str | None
    """The default expression."""
    labels: Sequence[str]
    """Of an enum, in order; or what a check allows, of any type."""
    statistics: Statistics | None
    """None where there are none, or the role may not see them."""


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """A reference to another table."""

    name: str
    columns: Sequence[str]
    target: int
    """The object id of the other table."""
    keys: Sequence[str]
    """Its columns, in the order of `columns`."""
    definition: str = ""
    """As in `FOREIGN KEY (site_id) REFERENCES sites(id)`."""
    declared: bool = True
    """Whether the database has it, rather than its column a name that says so."""


@dataclass(frozen=True, kw_only=True)
class Partial:
    """An index over some of the rows."""

    columns: Collection[str]
    """The columns by which it finds rows."""
    tests: Mapping[tuple[str, str], Sequence[str]]
    """(column, `=` or `<>`) -> the values that its rows have, or lack."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, or a partitioned one with all its partitions."""

    id: int
    """Its object id."""
    schema: str
    name: str
    rows: int
    """As the server estimates."""
    inserted: int
    """Rows that were inserted since its counters were reset; likewise below."""
    updated: int
    deleted: int
    columns: Mapping[str, Column]
    primary: Sequence[str] = ()
    """The columns of its primary key."""
    unique: Sequence[Sequence[str]] = ()
    """The columns of each unique index over columns and all rows, the primary key among them."""
    apart: Sequence[Sequence[str]] = ()
    """The columns of each unique index over expressions, or over some of the rows."""
    partial: Sequence[Partial] = ()
    """Indexes over the rows with certain values of a column."""
    references: Sequence[ForeignKey] = ()
    triggered: Collection[str] = ()
    """The columns that triggers may set."""
    touched: Collection[str] = ()
    """The words of its triggers' functions, among which are the tables that they change."""
    checked: Sequence[str] = ()
    """The columns that a CHECK is about."""
    ascending: Sequence[tuple[str, str]] = ()
    """Pairs of columns of which the second is never below the first, by a CHECK."""
    triggers: bool = False
    """Whether it has triggers of the schema's own."""

    @property
    def qualified(self) -> str:
        """Its name as SQL writes it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A statement that the server has counted."""

    sql: str
    """With `$1`, `$2`, ... for parameters and constants."""
    kind: Kind
    role: str
    calls: int
    total_ms: float
    """The time of all executions."""
    rows: int
    """Rows that all executions returned or changed."""
    lengths: tuple[tuple[int, int], ...] = ()
    """(length, calls) of a statement with a list, where the server counts each length by itself."""
    shapes: tuple[int, ...] = ()
    """The numbers of its shapes in a log that it comes from."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A statement that becomes no operation."""

    what: str
    """What it is, without any constant."""
    why: str
    calls: int


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What the server has counted since its statistics were reset."""

    executed: Sequence[Executed]
    """Statements that may become operations."""
    left_out: Sequence[LeftOut]
    since: datetime | None
    """When counting began; None if the server does not say."""
    until: datetime
    """When it was read."""
    notes: Sequence[str] = field(default_factory=tuple)
    """What restricts the figures, in sentences."""

    @property
    def seconds(self) -> float | None:
        """The time in which it was counted."""
        return None if self.since is None else max(1.0, (self.until - self.since).total_seconds())


def quoted(name: str) -> str:
    """Return an identifier as SQL writes it: in quotes unless it needs none."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and not name[0].isdigit()
    return name if plain and name not in _RESERVED else '"' + name.replace('"', '""') + '"'


_RESERVED = frozenset(RESERVED_KEYWORDS | TYPE_FUNC_NAME_KEYWORDS)
"""The key words that cannot name a table or a column without quotes."""
