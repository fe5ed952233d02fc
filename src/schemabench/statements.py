"""Pieces of annotated SQL: texts that know their file and line, statements, and operations made of these.

Owns how a statement is rendered, and where in its file a position of the server's is. Must not parse SQL.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemabench.errors import Place, SchemabenchError
from schemabench.redaction import redact_sql
from schemabench.sending import AS_IS, Sending


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

    @property
    def sql(self) -> str:
        """The SQL of the part."""
        return self.source[self.start : self.end]

    def part(self, start: int, end: int) -> "Text":
        """Return a smaller part, by offsets into `sql`."""
        return Text(path=self.path, source=self.source, start=self.start + start, end=self.start + end)

    def place(self, offset: int = 0) -> Place:
        """Return the place of an offset into `sql`, in characters."""
        position = min(self.start + offset, len(self.source))
        line = self.source.count("\n", 0, position)
        return Place(
            path=self.path,
            line=line + 1,
            column=position - self.source.rfind("\n", 0, position),
            text=redact_sql(self.source).split("\n")[line].rstrip(),
            caret=len(redact_sql(self.source[:position]).split("\n")[line]) + 1,
        )


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


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a block, as written."""

    text: Text
    marks: tuple[tuple[int, int, str, bool], ...]
    """(start, end, name, whether an identifier) of each `:name` and `:"name"`, by offsets into `text.sql`."""
    columns: tuple[str, ...] = ()
    """Of a copy from the client: the columns, which are the names of the values that it copies; empty for any other."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, each once, in order of appearance; of the columns that it copies."""
        return self.columns or tuple(dict.fromkeys(name for _, _, name, identifier in self.marks if not identifier))

    def mark(self, name: str) -> int:
        """Return the offset into `text.sql` at which `:name` first appears; 0 for a column that is copied."""
        return next((start for start, _, found, _ in self.marks if found == name), 0)

    def render(self, identifiers: Mapping[str, str], error: type[SchemabenchError] = SchemabenchError) -> Query:
        """Return the statement with numbers for parameters and with each `:"name"` replaced.

        Args:
            identifiers: The value of each `:"name"`.
            error: The class of error to raise.

        Raises:
            SchemabenchError: The statement has a `:"name"` that is not among `identifiers`.
        """
        numbers = {name: number for number, name in enumerate(self.parameters, start=1)}
        source, pieces, offsets, written, sent = self.text.sql, [], [(0, 0)], 0, 0
        for start, end, name, identifier in self.marks:
            if identifier and name not in identifiers:
                raise error(
                    f'No writer sets the identifier :"{name}"',
                    where=self.text.place(start),
                    remedies=[f"add {name!r} to the identifiers of the writers that execute this operation"],
                )
            quoted = '"' + identifiers[name].replace('"', '""') + '"' if identifier else f"${numbers[name]}"
            pieces += [source[written:start], quoted]
            sent += start - written + len(quoted)
            written = end
            offsets.append((sent, written))
        pieces.append(source[written:])
        return Query(sql="".join(pieces), parameters=self.parameters, text=self.text, offsets=tuple(offsets))


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One named piece of SQL; several statements are one transaction."""

    name: str
    text: Text
    statements: tuple[Statement, ...]
    """None where it has nothing to do."""
    sending: Sending = AS_IS
    """How its calls are sent."""

    @property
    def copies(self) -> bool:
        """Whether it copies rows from the client."""
        return any(statement.columns for statement in self.statements)

    @property
    def sql(self) -> str:
        """How its calls are sent, and its statements, each with its semicolon, without other comments."""
        statements = (f"{statement.text.sql.rstrip()};\n" for statement in self.statements)
        return "".join([*(f"{line}\n" for line in self.sending.lines), *statements])

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, each once, in order of appearance."""
        return tuple(dict.fromkeys(name for statement in self.statements for name in statement.parameters))
