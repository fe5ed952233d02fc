"""What was derived from a database, before it is written into files.

Owns the record, and what all files say of it. Must not know any file.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemabench.deriving import references
from schemabench.deriving.dump import Schema
from schemabench.deriving.found import Executed, ForeignKey, LeftOut, Table, Traffic
from schemabench.deriving.log import Log
from schemabench.deriving.operations import Operation
from schemabench.deriving.rows import Rows
from schemabench.deriving.scale import Scale
from schemabench.deriving.states import State
from schemabench.deriving.writers import Writer
from schemabench.production import Production

_WIDTH = 116


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What was derived from a database."""

    name: str
    """Of the workload."""
    server: str
    """As in `PostgreSQL 18.6`."""
    day: str
    """When it was read, as in `2026-11-29`."""
    production: Production
    """Its sizes and statistics."""
    schema: Schema
    path: Sequence[str]
    """The schemas in which names are looked for."""
    rows: Sequence[Rows]
    operations: Sequence[Operation]
    others: Sequence[Executed]
    """Statements beyond the number that was asked for."""
    left_out: Sequence[LeftOut]
    traffic: Traffic
    writers: Sequence[Writer]
    slice_s: float
    scale: Scale
    states: Sequence[State]
    not_compared: Sequence[str]
    """Tables that are written, and that no state is about."""
    unused: Sequence[str]
    """The names of indexes that no query reads, as SQL writes them."""
    views: Sequence[str]
    """Materialized views, as SQL writes them, in the order in which they are filled."""
    values: bool
    """Whether contents were read."""
    log: Log | None = None
    """Where the statements come from a log: its calls, as a file to replay."""

    @property
    def origin(self) -> str:
        """Where it comes from, in a sentence."""
        with_log = " and a log" if self.log else ""
        return f"Derived by `schemabench init --from` from {self.server}{with_log} on {self.day}."

    @property
    def sequences(self) -> dict[str, str]:
        """The sequences that columns take numbers from, and the table whose rows are numbered by each."""
        return {
            column.sequence.replace("'", "''"): one.name
            for one in self.rows
            for column in one.table.columns.values()
            if column.sequence
        }

    @property
    def circles(self) -> list[tuple[Table, ForeignKey]]:
        """The foreign keys to tables that are filled later."""
        return references.circular([one.table for one in self.rows])

    def target(self, operation: Operation) -> Rows | None:
        """Return the table that an operation changes; None if it changes none."""
        relation: Any = getattr(operation.root, "relation", None)
        named = [one for one in self.rows if relation is not None and one.table.name == relation.relname]
        return next((one for one in named if relation.schemaname in {None, one.table.schema}), None)


def prose(*paragraphs: str) -> str:
    """Return paragraphs in lines, as in a docstring."""
    return "\n\n".join(textwrap.fill(one, _WIDTH) for one in paragraphs)


def comment(*paragraphs: str) -> str:
    """Return paragraphs as a comment in SQL."""
    filled = (
        textwrap.fill(one, _WIDTH, initial_indent="-- ", subsequent_indent="-- ", break_long_words=False)
        for one in paragraphs
    )
    return "\n--\n".join(filled)


def python_comment(paragraph: str) -> str:
    """Return a paragraph as a comment in Python."""
    return textwrap.fill(paragraph, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
