"""Annotated SQL: headers, a preamble, named blocks, and statements with their file and line.

Owns the format of candidates and of `operations.sql`: plain SQL in which `-- name:` opens a block, `:name` is a
parameter, `:"name"` an identifier and `:'name'` a literal, as in psql. Postgres' own scanner and grammar (pglast) find
comments, statements and parameters, so quoting of every kind is understood. Must not talk to a server.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pglast.parser import Token, scan, split

from schemabench.errors import Place, SchemabenchError
from schemabench.sqlfile import block, dump
from schemabench.sqlfile.tokens import copies, scanned, without_comments
from schemabench.statements import Omission, Operation, Text

_HEADER = re.compile(r"--\s*(?P<key>[a-z][a-z_ ]*):(?!//)\s*(?P<value>.*)")
UP = re.compile(r"--\s*(?:migrate:up|\+goose\s+up)\b.*", re.IGNORECASE | re.DOTALL)
DOWN = re.compile(r"--\s*(?:migrate:down|\+goose\s+down)\b.*", re.IGNORECASE | re.DOTALL)
"""What dbmate and goose write above the parts of a migration: see `migration`."""
_CONTINUATION = re.compile(r"--\s{2,}(?P<value>\S.*)")
LINES = {
    "name: place_order": "opens a block: an operation, a query or a companion's SQL; a candidate's overrides that of "
    "`operations.sql`",
}
"""What divides a file, as in an example -> its meaning."""


@dataclass(frozen=True, kw_only=True)
class SqlFile:
    """A file of annotated SQL."""

    path: Path
    source: str
    headers: Mapping[str, str]
    """The `-- key: value` lines at the top of the file; a comment line indented further continues the one above."""
    header_offsets: Mapping[str, int]
    """Where the line of each header begins, in characters of `source`."""
    preamble: Text
    """Everything before the first `-- name:`."""
    named: Text
    """Everything from the first `-- name:` on."""
    operations: Mapping[str, Operation]
    """The named blocks, in order."""
    connects: bool = False
    """Whether it connects to a database, as `pg_dump --create` writes it; see `dump.Plain`."""
    one_transaction: bool = False
    """Whether its schema is executed in one transaction, as by the tools whose migrations these are."""

    def header(self, key: str) -> Place:
        """Return the place of a header that the file has."""
        return replace(self.preamble, start=0).place(self.header_offsets[key])


def read(path: Path, error: type[SchemabenchError]) -> SqlFile:
    """Read a file of annotated SQL.

    Args:
        path: The file, in UTF-8.
        error: The class of error to raise.

    Raises:
        SchemabenchError: The file cannot be read, `dump.plain` refuses it, or `parse` refuses its text.
    """
    try:
        plain = dump.plain(path, error)
    except OSError as cause:
        raise error(f"Cannot read {path}: {cause.strerror}") from cause
    return replace(parse(path, plain.source, error, plain.omissions), connects=plain.connects)


def parse(path: Path, source: str, error: type[SchemabenchError], omissions: tuple[Omission, ...] = ()) -> SqlFile:
    """Parse an annotated SQL text.

    Args:
        path: The file of the text.
        source: The text.
        error: As in `read`.
        omissions: What the text leaves out of the file.

    Raises:
        SchemabenchError: The text holds a NUL, an unterminated quote or comment, a block without a name or without a
            statement, two blocks of one name, a parameter by number, a copy to the client, a value of a row that no
            earlier statement gives, or a line on how to send that says something else.
    """
    whole = Text(path=path, source=source, start=0, end=len(source), omissions=omissions)
    if "\0" in source:
        raise error(
            f"{path} contains a NUL character, which Postgres does not accept", where=whole.place(source.index("\0"))
        )
    tokens = scanned(whole, error)
    names = [(token, match) for token in tokens if (match := _is_name(whole, token))]
    ends = [*(token.start for token, _ in names[1:]), len(source)]
    operations: dict[str, Operation] = {}
    for (token, match), end in zip(names, ends, strict=False):
        operation = block.operation(match["name"], whole.part(token.end + 1, end), whole.place(token.start), error)
        if operation.name in operations:
            raise error(
                f"The operation {operation.name!r} is defined twice",
                where=whole.place(token.start),
                remedies=["keep one of the two blocks"],
            )
        operations[operation.name] = operation
    first = names[0][0].start if names else len(source)
    headers, offsets = _headers(source)
    return SqlFile(
        path=path,
        source=source,
        headers=headers,
        header_offsets=offsets,
        preamble=whole.part(0, first),
        named=whole.part(first, len(source)),
        operations=operations,
    )


def comments(preamble: Text) -> Iterator[Text]:
    """Yield the complete `--` comments of a preamble, except those within a function's body."""
    for token in scan(preamble.sql):
        if token.name == "SQL_COMMENT":
            yield preamble.part(token.start, token.end + 1)


def client_copy(statement: Text) -> int | None:
    """Return the offset into a statement's SQL of a copy from or to the client; None if there is none.

    Args:
        statement: One statement, or several if the grammar cannot parse them.
    """
    for piece in split(statement.sql, with_parser=False, only_slices=True):
        words = without_comments(scan(statement.sql[piece]))
        if copies(words):
            return int(piece.start + words[0].start)
    return None


def _is_name(whole: Text, token: Token) -> re.Match[str] | None:
    comment = whole.source[token.start : token.end + 1] if token.name == "SQL_COMMENT" else ""
    return dump.NAME.fullmatch(comment)


def _headers(source: str) -> tuple[dict[str, str], dict[str, int]]:
    """Return the value of each header, and where its line begins."""
    headers: dict[str, str] = {}
    offsets: dict[str, int] = {}
    key = None
    start = len(source) - len(source.lstrip())
    for line in source[start:].split("\n"):
        if not line.startswith("--") or dump.NAME.fullmatch(line) or UP.fullmatch(line):
            break
        if key is not None and (match := _CONTINUATION.fullmatch(line)):
            headers[key] += " " + match["value"].strip()
        elif match := _HEADER.fullmatch(line):
            key = match["key"]
            headers[key] = match["value"].strip()
            offsets.setdefault(key, start)
        else:
            key = None
        start += len(line) + 1
    return headers, offsets
