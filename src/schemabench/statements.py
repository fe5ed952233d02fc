"""Pieces of annotated SQL: texts that know their file and line, statements, and operations made of these.

Owns how a statement is rendered, and where in its file a position of the server's is. Must not parse SQL.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import NamedTuple

from schemabench.errors import Place, SchemabenchError
from schemabench.redaction import redact_sql
from schemabench.sending import AS_IS, Sending
from schemabench.units import plural

LONGEST_NAME = 63
"""Bytes of an identifier: the server cuts longer ones, and two of them may then be the same."""


@dataclass(frozen=True, kw_only=True)
class Omission:
    """Lines of a file that its text leaves out, in place of which the text has one comment line."""

    offset: int
    """Where the comment line starts, in characters of the text."""
    lines: int
    """The number of lines that the file has and the text lacks."""
    rows: tuple[int, int] | None
    """What was left out, if it is the rows of the `COPY ... FROM stdin` above: from which byte of the file to which."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A part of an SQL file with its position."""

    path: Path
    """The file."""
    source: str
    """The whole text of the file."""
    start: int
    """The start of the part in `source`, in characters."""
    end: int
    """The end, exclusive."""
    omissions: tuple[Omission, ...] = ()
    """What `source` leaves out of the file, in order."""

    @property
    def sql(self) -> str:
        """The SQL of the part."""
        return self.source[self.start : self.end]

    def part(self, start: int, end: int) -> "Text":
        """Return a smaller part, by offsets into `sql`."""
        return Text(
            path=self.path,
            source=self.source,
            start=self.start + start,
            end=self.start + end,
            omissions=self.omissions,
        )

    def line(self, offset: int = 0) -> int:
        """Return the line of an offset into `sql` in the file, counted from 1: cheap, unlike its place."""
        position = min(self.start + offset, len(self.source))
        begins = self.source.rfind("\n", 0, position) + 1
        left_out = sum(one.lines for one in self.omissions if one.offset < begins)
        return self.source.count("\n", 0, position) + 1 + left_out

    def place(self, offset: int = 0) -> Place:
        """Return the place of an offset into `sql`, in characters."""
        position = min(self.start + offset, len(self.source))
        line = self.source.count("\n", 0, position)
        begins = self.source.rfind("\n", 0, position) + 1
        return Place(
            path=self.path,
            line=self.line(offset),
            column=position - begins + 1,
            text=redact_sql(self.source).split("\n")[line].rstrip(),
            caret=len(redact_sql(self.source[:position]).split("\n")[line]) + 1,
        )


class Kind(Enum):
    """What stands in SQL for something else."""

    VALUE = ":name"
    """A parameter. With a dot in its name, as in `:placed.id`, it is a column of an earlier statement's row."""
    IDENTIFIER = ':"name"'
    LITERAL = ":'name'"
    """A value that is written into the SQL, since the statement cannot have parameters, as in CREATE TABLE."""


class Mark(NamedTuple):
    """A place in a statement where something else is put."""

    start: int
    """By offsets into the statement's SQL; likewise the end, exclusive."""
    end: int
    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Query:
    """A statement as the server receives it."""

    sql: str
    """SQL with `$1`, `$2`, ... for parameters."""
    parameters: tuple[str, ...]
    """The name of each parameter, in the order of the numbers."""
    text: Text
    """The statement's source."""
    offsets: tuple[tuple[int, int], ...]
    """(offset into `sql`, offset into `text.sql`) of the start of each run of equal characters, ascending."""

    def place(self, offset: int = 0) -> Place:
        """Return the place in the file of an offset into `sql`, in characters."""
        sent, written = self.offsets[bisect_right(self.offsets, (offset, len(self.text.source))) - 1]
        return self.text.place(written + offset - sent)


class Rest(NamedTuple):
    """How long the client pauses before it sends a statement."""

    name: str
    """The call's value that says how long; empty if it is always as long."""
    seconds: float
    """The time, or that of one unit of the value."""
    line: str
    """What says so, as in `-- pause: 5 ms`."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a block, as written."""

    text: Text
    marks: tuple[Mark, ...]
    """In order."""
    columns: tuple[str, ...] = ()
    """Of a copy from the client: the columns, which are the names of the values that it copies; empty for any other."""
    binary: bool = False
    """Whether it copies rows in binary format."""
    gives: str = ""
    """What its only row is called in later statements; empty if they take nothing from it."""
    stops: bool = False
    """Whether the operation ends if it has no row; otherwise that is an error."""
    rest: Rest | None = None
    """The pause before it."""

    @property
    def sql(self) -> str:
        """The pause before it, what its row is called, and its SQL with a semicolon."""
        lines = [self.rest.line] if self.rest else []
        lines += [f"-- as: {self.gives}"] if self.gives else []
        lines += ["-- if none: stop"] if self.stops else []
        return "\n".join([*lines, f"{self.text.sql.rstrip()};\n"])

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, each once, in order of appearance; of the columns that it copies."""
        return self.columns or tuple(dict.fromkeys(self._names(Kind.VALUE)))

    @cached_property
    def takes(self) -> tuple[tuple[str, str], ...]:
        """(earlier statement, column) of each value that it takes from an earlier row."""
        return tuple((giver, column) for giver, dot, column in map(_parted, self.parameters) if dot)

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The names of the values that it takes from a call, each once."""
        own = (name for name in self.parameters if self.columns or not _parted(name)[1])
        return tuple(dict.fromkeys([*own, *self._names(Kind.LITERAL), *_needed(self.rest)]))

    def lacks(self, values: Collection[str], names: Collection[str]) -> list[str]:
        """Return what it needs and has no value: `values` are a call's, `names` may stand for a `:'name'`."""
        return [name for name in self.needs if name not in (values if name in {*self.parameters} else names)]

    @property
    def identifiers(self) -> frozenset[str]:
        """The names of its identifiers, which come from a writer or from a call."""
        return frozenset(self._names(Kind.IDENTIFIER))

    @property
    def literals(self) -> frozenset[str]:
        """The names of the values that are written into its SQL."""
        return frozenset(self._names(Kind.LITERAL))

    def mark(self, name: str) -> int:
        """Return the offset into `text.sql` at which a name first appears; 0 for a column that is copied."""
        return next((mark.start for mark in self.marks if mark.name == name), 0)

    def render(
        self,
        identifiers: Mapping[str, str],
        error: type[SchemabenchError] = SchemabenchError,
        literals: Mapping[str, str | None] | None = None,
    ) -> Query:
        """Return the statement with numbers for parameters, and everything else in its place.

        Args:
            identifiers: The value of each `:"name"`.
            error: The class of error to raise.
            literals: The value of each `:'name'`.

        Raises:
            SchemabenchError: The statement has a `:"name"` or a `:'name'` without a value, or with one that no
                identifier can have.
        """
        known: Mapping[Kind, Mapping[str, str | None]] = {Kind.IDENTIFIER: identifiers, Kind.LITERAL: literals or {}}
        numbers = {name: f"${number}" for number, name in enumerate(self.parameters, start=1)}
        source, pieces, offsets, written, sent = self.text.sql, [], [(0, 0)], 0, 0
        for start, end, name, kind in self.marks:
            if kind is not Kind.VALUE and name not in known[kind]:
                noun = "the identifier" if kind is Kind.IDENTIFIER else "the value"
                raise error(
                    f"Neither a writer nor a call sets {noun} {source[start:end]}",
                    where=self.text.place(start),
                    remedies=[
                        f"add {name!r} to the identifiers of the writers that execute this operation",
                        f"add {name!r} to the values of its calls, if it changes from call to call",
                    ],
                )
            if kind is Kind.IDENTIFIER and not 0 < (size := len(identifiers[name].encode())) <= LONGEST_NAME:
                raise error(
                    f"The writers set the identifier {source[start:end]} to {identifiers[name]!r}, of "
                    f"{plural(size, 'byte')}",
                    where=self.text.place(start),
                    remedies=[f"use a text of 1 to {LONGEST_NAME} bytes"],
                )
            if kind is Kind.IDENTIFIER:
                replaced = '"' + identifiers[name].replace('"', '""') + '"'
            else:
                replaced = numbers[name] if kind is Kind.VALUE else literal(known[kind][name])
            pieces += [source[written:start], replaced]
            sent += start - written + len(replaced)
            written = end
            offsets.append((sent, written))
        pieces.append(source[written:])
        return Query(sql="".join(pieces), parameters=self.parameters, text=self.text, offsets=tuple(offsets))

    def _names(self, kind: Kind) -> Iterator[str]:
        return (mark.name for mark in self.marks if mark.kind is kind)


def literal(value: str | None) -> str:
    """Return a value as SQL writes it, whatever the setting of standard_conforming_strings."""
    if value is None:
        return "NULL"
    quoted = "'" + value.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


def block(body: str) -> str:
    """Return an anonymous block of PL/pgSQL, in dollar quotes with a tag that its body does not contain.

    >>> block("BEGIN NULL; END")
    'DO $$ BEGIN NULL; END $$'
    """
    text = f" {body} "
    tag = next(tag for number in count() if (tag := f"$block_{number}$" if number else "$$") not in text)
    return f"DO {tag}{text}{tag}"


def _needed(rest: Rest | None) -> tuple[str, ...]:
    """Return the name of the value that says how long a pause is, if any."""
    return (rest.name,) if rest and rest.name else ()


def _parted(name: str) -> tuple[str, str, str]:
    """Return what is before the first dot of a name, the dot, and what is after it."""
    return name.partition(".")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One named piece of SQL; several statements are one transaction."""

    name: str
    text: Text
    statements: tuple[Statement, ...]
    """None where it has nothing to do."""
    sending: Sending = AS_IS
    """How its calls are sent."""
    rest: Rest | None = None
    """The pause behind its last statement, before the commit."""

    @property
    def transacts(self) -> bool:
        """Whether each request begins and commits a transaction."""
        return len(self.statements) > 1 or self.sending.begins

    @property
    def copies(self) -> bool:
        """Whether it copies rows from the client."""
        return any(statement.columns for statement in self.statements)

    @property
    def sql(self) -> str:
        """How its calls are sent, and its statements, each with its semicolon, without other comments."""
        last = [f"{self.rest.line}\n"] if self.rest else []
        return "".join([*(f"{line}\n" for line in self.sending.lines), *(one.sql for one in self.statements), *last])

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the values that its statements take from a call, each once, in order of appearance."""
        own = (name for statement in self.statements for name in statement.needs)
        return tuple(dict.fromkeys([*own, *_needed(self.rest)]))

    def taken(self, place: int) -> tuple[str, ...]:
        """Return the columns of one statement's row that later ones take, each once."""
        gives, later = self.statements[place].gives, self.statements[place + 1 :]
        return tuple(dict.fromkeys(column for one in later for giver, column in one.takes if giver == gives))
