"""From the columns of rows to the Python that draws their values.

Owns how a value is drawn: as rows have it, as often as others refer to it, or of certain kinds. Must not know
statements.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from schemabench.deriving.code import Made, rendered, text
from schemabench.deriving.found import ForeignKey
from schemabench.deriving.rows import Rows

_MOST_KINDS = 20
"""With more values than this, a column does not tell kinds of rows apart."""
_SMALL = 20
"""What changes by one at a time is seldom larger."""
_LIKE_ITS_OWN = 0.5
"""Chosen by one of its rows, a parent with rows by chance has one more than on average; this is half way."""
_AROUND = {"Maybe", "Drawn", "AtLeast"}
"""Columns that have another one in them."""


@dataclass(frozen=True, kw_only=True)
class Popular:
    """Which column tells how often each row of a table is needed."""

    table: str
    """The name of the rows that refer to it."""
    column: str


@dataclass(frozen=True)
class Draws:
    """Writes what draws values.

    Args:
        rows: What is made up for each table, by its object id.
        argument: What a cardinality is called.
    """

    rows: Mapping[int, Rows]
    argument: str

    def value(self, rows: Rows, column: str, *, among: Collection[str] = (), keep_nulls: bool = False) -> str:
        """Return what draws a value of a column: as rows have it, or as often as others refer to it.

        Args:
            rows: Its table.
            column: Its name.
            among: The columns that are drawn one by one, though they make a key together.
            keep_nulls: Whether it may be NULL.
        """
        if popular := self.popular(rows, column, among):
            return f"tables.{popular.table}.draw({text(popular.column)}, {self.argument}, random)"
        nulls = "" if keep_nulls or rows.columns[column].name != "Maybe" else ", nulls=False"
        return f"tables.{rows.name}.draw({text(column)}, {self.argument}, random{nulls})"

    def row(self, rows: Rows, columns: Collection[str], wanted: Mapping[str, str]) -> str:
        """Return what chooses a row.

        Args:
            rows: Its table.
            columns: The columns that must not be NULL.
            wanted: Column -> Python that makes the value that the row must have.
        """
        having = {
            column: wanted.get(column, "...")
            for column in rows.columns
            if column in wanted or (column in columns and is_sometimes_null(rows.columns[column]))
        }
        shown = ", ".join(f"{text(column)}: {value}" for column, value in having.items())
        return f"tables.{rows.name}.any({self.argument}, random{f', having={{{shown}}}' if having else ''})"

    def fresh(self, rows: Rows) -> str:
        """Return what makes a new row."""
        return f"tables.{rows.name}.row({self.argument}.{rows.name} + next(fresh), {self.argument}, random)"

    def popular(self, rows: Rows, column: str, among: Collection[str]) -> Popular | None:
        """Return what tells how often each value of a key is needed; None if rows themselves tell it."""
        reference = next((one for one in rows.table.references if column in one.columns), None)
        if reference and column not in among:
            return None
        target = reference.target if reference else rows.table.id
        key = reference.keys[reference.columns.index(column)] if reference else column
        skewed = [
            (one.table.inserted, one.table.rows, one.name, own.columns[own.keys.index(key)])
            for one in self.rows.values()
            for own in one.table.references
            if own.target == target
            and key in own.keys
            and one.size
            and _has_skew(one.columns.get(own.columns[own.keys.index(key)]))
        ]
        return Popular(table=max(skewed)[2], column=max(skewed)[3]) if skewed else None

    def parent(self, rows: Rows, columns: Collection[str], found: float) -> tuple[Rows, ForeignKey] | None:
        """Return the table whose rows are asked for by a foreign key, if a call finds as many rows as each has.

        Whoever looks at a task reads its comments, also where there are none. Chosen by a comment, tasks with many come
        up more often, and a call finds more.

        Args:
            rows: The table that refers.
            columns: The columns of the condition.
            found: The rows that a call finds on average.
        """
        for key in rows.table.references:
            other = self.rows.get(key.target)
            if other is None or set(key.columns) != set(columns) or not other.table.rows:
                continue
            each = rows.table.rows / other.table.rows
            return (other, key) if found < each + _LIKE_ITS_OWN else None
        return None


def _has_skew(column: Made | None) -> bool:
    """Return whether some rows are referred to more often than others."""
    while column and column.name == "Maybe":
        column = column.positional[1]
    return bool(column and column.name == "Reference" and "skew" in column.keywords)


def kind(rows: Rows, column: str, wanted: Sequence[str]) -> str:
    """Return what makes one of certain values of a column, as often as rows have it."""
    if len(wanted) == 1:
        return text(wanted[0])
    known = {value: (shares(rows.columns[column]) or {}).get(value, 0.0) for value in wanted}
    return one_of(known if any(known.values()) else dict.fromkeys(wanted, 1.0))


def one_of(weights: Mapping[str, float] | Mapping[int, int]) -> str:
    """Return what makes one of several values, by their weights."""
    return f"Choice({rendered(weights, before=-1_000)}).draw(random)"


def shares(column: Made) -> Mapping[str, float] | None:
    """Return the shares of a column's texts, if they are a few kinds."""
    column = _inner(column)
    if column.name != "Choice" or len(column.positional[0]) > _MOST_KINDS:
        return None
    return {value: share for value, share in column.positional[0].items() if isinstance(value, str)} or None


def elements(column: Made) -> Mapping[str, float] | None:
    """Return the elements of a column of arrays, with their weights; None for any other, or if nothing is known."""
    column = _inner(column)
    return column.positional[0] if column.name == "Elements" else None


def is_sometimes_null(column: Made) -> bool:
    """Return whether some rows have NULL in a column."""
    while column.name == "AtLeast":
        column = column.positional[0]
    return column.name == "Maybe"


def is_small(column: Made) -> bool:
    """Return whether a column holds small numbers alone, as counters of attempts do."""
    if column.name not in {*_AROUND, "Mixed", "Histogram", "Choice"}:
        return False
    return all(
        is_small(one) if isinstance(one, Made) else max(one) <= _SMALL
        for one in column.positional
        if isinstance(one, Made | tuple | Mapping)
    )


def _inner(column: Made) -> Made:
    """Return a column or distribution without those around it."""
    while column.name in _AROUND:
        column = column.positional[-1] if column.name == "Maybe" else column.positional[0]
    return column
