"""Annotated SQL: headers, a preamble, named blocks, and statements with their file and line.

Owns the format of candidates and of `operations.sql`: plain SQL in which `-- name:` opens a block, `:name` is a
parameter, `:"name"` an identifier and `:'name'` a literal, as in psql. Postgres' own scanner and grammar (pglast) find
comments, statements and parameters, so quoting of every kind is understood. Must not talk to a server.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pglast.parser import Token, scan, split

from schemabench.errors import Place, SchemabenchError
from schemabench.sqlfile import block
from schemabench.sqlfile.tokens import copies, scanned, without_comments
from schemabench.statements import Operation, Text

_HEADER = re.compile(r"--\s*(?P<key>[a-z][a-z_ ]*):(?!//)\s*(?P<value>.*)")
_CONTINUATION = re.compile(r"--\s{2,}(?P<value>\S.*)")
LINES = {
    "name: place_order": "opens a block: an operation, a query or a companion's SQL; a candidate's overrides that of "
    "`operations.sql`",
}
"""What divides a file, as in an example -> its meaning."""
_NAME = re.compile(r"--\s*name:\s*(?P<name>\S*)\s*")


@dataclass(frozen=True, kw_only=True)
class SqlFile:
    """A file of annotated SQL."""

    path: Path
    source: str
    headers: Mapping[str, str]
    """The `-- key: value` lines at the top of the file; a comment line indented further continues the one above."""
    preamble: Text
    """Everything before the first `-- name:`."""
    operations: Mapping[str, Operation]
    """The named blocks, in order."""

    def header(self, key: str) -> Place:
        """Return the place of a header that the file has."""
        line = re.search(rf"^--\s*{re.escape(key)}:", self.source, re.MULTILINE)
        assert line is not None, f"{self.path} has no header {key!r}"
        return Text(path=self.path, source=self.source, start=0, end=len(self.source)).place(line.start())


def read(path: Path, error: type[SchemabenchError]) -> SqlFile:
    """Read a file of annotated SQL.

    Args:
        path: The file, in UTF-8.
        error: The class of error to raise.

    Raises:
        SchemabenchError: The file cannot be read, is not UTF-8, or `parse` refuses its text.
    """
    try:
        source = path.read_text(encoding="utf-8-sig")  # like psql: editors on Windows write a byte-order mark
    except OSError as cause:
        raise error(f"Cannot read {path}: {cause.strerror}") from cause
    except UnicodeDecodeError as cause:
        raise error(
            f"{path} is not UTF-8: byte {cause.start} is 0x{cause.object[cause.start]:02x}",
            remedies=["save the file as UTF-8"],
        ) from cause
    return parse(path, source, error)


def parse(path: Path, source: str, error: type[SchemabenchError]) -> SqlFile:
    """Parse an annotated SQL text.

    Args:
        path: The file of the text.
        source: The text.
        error: As in `read`.

    Raises:
        SchemabenchError: The text holds a NUL, an unterminated quote or comment, a block without a name or without a
            statement, two blocks of one name, a parameter by number, a copy to the client, a value of a row that no
            earlier statement gives, or a line on how to send that says something else.
    """
    whole = Text(path=path, source=source, start=0, end=len(source))
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
    preamble = whole.part(0, names[0][0].start if names else len(source))
    return SqlFile(path=path, source=source, headers=_headers(source), preamble=preamble, operations=operations)


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
    return _NAME.fullmatch(comment)


def _headers(source: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    key = None
    for line in source.lstrip().split("\n"):
        if not line.startswith("--") or _NAME.fullmatch(line):
            break
        if key is not None and (match := _CONTINUATION.fullmatch(line)):
            headers[key] += " " + match["value"].strip()
        elif match := _HEADER.fullmatch(line):
            key = match["key"]
            headers[key] = match["value"].strip()
        else:
            key = None
    return headers
