"""The schema of a candidate: statements, of which some are executed for each part of the workload.

Owns the lines `-- for each part` and `-- end`, and where `:"name"` and `:'name'` may stand. They are psql's own, so
that psql can read the file for one part: `psql -v part=north`. Must not know parts, nor talk to a server.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pglast.parser import ParseError, Token, split

from schemabench.errors import SchemabenchError, WorkloadError
from schemabench.sqlfile.block import marks
from schemabench.sqlfile.tokens import scanned, without_comments
from schemabench.statements import Kind, Mark, Query, Statement, Text

_BEGIN = re.compile(r"--\s*for each part\s*")
_END = re.compile(r"--\s*end\s*")
BEGIN, END = "-- for each part", "-- end"
LINES = {
    "for each part": "what follows is executed for each part of the workload, with its `:\"name\"` and `:'name'`",
    "end": "ends it",
}
"""What may stand among the statements of a schema -> its meaning."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Successive statements of a schema."""

    text: Text
    """The whole section, without the lines around it."""
    each_part: bool
    """Whether they are executed for each part."""
    statements: tuple[Statement, ...]


def sections(preamble: Text, error: type[SchemabenchError]) -> tuple[Section, ...]:
    """Return the sections of a schema, in order.

    Args:
        preamble: The text of the schema.
        error: The class of error to raise.

    Raises:
        SchemabenchError: A line has no counterpart, or a `:"name"` or `:'name'` stands outside of `-- for each part`.
    """
    return tuple(
        Section(text=text, each_part=each_part, statements=tuple(_statements(text, error, each_part=each_part)))
        for text, each_part in _texts(preamble, error)
    )


def rendered(statement: Statement, names: Mapping[str, str]) -> Query:
    """Return a statement of a schema as the server receives it, with the names of a part, which it does not lack.

    Raises:
        WorkloadError: The value of a `:"name"` is no name.
    """
    return statement.render(names, WorkloadError, names)


def _texts(preamble: Text, error: type[SchemabenchError]) -> Iterator[tuple[Text, bool]]:
    """Yield the text of each section, and whether it is for each part."""
    begun: Token | None = None
    before = 0
    for token in scanned(preamble, error):
        comment = preamble.sql[token.start : token.end + 1] if token.name == "SQL_COMMENT" else ""
        begins, ends = _BEGIN.fullmatch(comment), _END.fullmatch(comment)
        if not begins and not ends:
            continue
        if begins and begun:
            raise error(
                f"`{BEGIN}` stands between another one and its `{END}`",
                where=preamble.place(token.start),
                remedies=[f"write `{END}` above it"],
            )
        if ends and not begun:
            raise error(
                f"`{END}` ends nothing here",
                where=preamble.place(token.start),
                remedies=[f"write `{BEGIN}` above the statements that are for each part", "remove the line"],
            )
        yield preamble.part(before, token.start), bool(begun)
        begun, before = token if begins else None, token.end + 1
    if begun:
        raise error(
            f"`{BEGIN}` has no `{END}`",
            where=preamble.place(begun.start),
            remedies=[f"write `{END}` below the last statement that is for each part"],
        )
    yield preamble.part(before, len(preamble.sql)), False


def _statements(text: Text, error: type[SchemabenchError], *, each_part: bool) -> Iterator[Statement]:
    """Yield the statements of a section; all of it as one if the grammar cannot parse it.

    The grammar is that of one Postgres version, the server may be newer: text that it cannot parse is left to the
    server.
    """
    found = [mark for mark in marks(text, without_comments(scanned(text, error))) if mark.kind is not Kind.VALUE]
    if found and not each_part:
        name = text.sql[found[0].start : found[0].end]
        raise error(
            f"{name} stands outside of `{BEGIN}`",
            where=text.place(found[0].start),
            remedies=[f"write the statement between `{BEGIN}` and `{END}`"],
        )
    try:
        slices = split(_parseable(text.sql, found), only_slices=True)
    except ParseError:
        slices = (slice(0, len(text.sql)),)
    for piece in slices:
        own = (
            mark._replace(start=mark.start - piece.start, end=mark.end - piece.start)
            for mark in found
            if piece.start <= mark.start < piece.stop
        )
        yield Statement(text=text.part(piece.start, piece.stop), marks=tuple(own))


def _parseable(sql: str, found: list[Mark]) -> str:
    """Return SQL of the same length in which names stand for themselves."""
    for mark in found:
        sql = f"{sql[: mark.start]} {sql[mark.start + 1 :]}"
    return sql
