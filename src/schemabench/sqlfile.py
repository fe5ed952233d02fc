"""Annotated SQL: headers, a preamble, named blocks, and statements with their file and line.

Owns the format of candidates and of `operations.sql`: plain SQL in which `-- name:` opens a block, `:name` is a
parameter and `:"name"` an identifier that is fixed per writer. Postgres' own scanner and grammar (pglast) find
comments, statements and parameters, so quoting of every kind is understood. Must not talk to a server.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError, Token, scan, split

from schemabench import sending
from schemabench.errors import Place, SchemabenchError
from schemabench.sending import Sending
from schemabench.statements import Operation, Statement, Text

_HEADER = re.compile(r"--\s*(?P<key>[a-z][a-z_ ]*):(?!//)\s*(?P<value>.*)")
_CONTINUATION = re.compile(r"--\s{2,}(?P<value>\S.*)")
_NAME = re.compile(r"--\s*name:\s*(?P<name>\S*)\s*")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_NOTHING = re.compile(r"--\s*nothing")
_COMMENTS = {"SQL_COMMENT", "C_COMMENT"}


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
            statement, two blocks of one name, a parameter by number, a copy to the client, or a line on how to send
            that says something else.
    """
    whole = Text(path=path, source=source, start=0, end=len(source))
    if "\0" in source:
        raise error(
            f"{path} contains a NUL character, which Postgres does not accept", where=whole.place(source.index("\0"))
        )
    tokens = _scan(whole, error)
    names = [(token, match) for token in tokens if (match := _is_name(whole, token))]
    ends = [*(token.start for token, _ in names[1:]), len(source)]
    operations: dict[str, Operation] = {}
    for (token, match), end in zip(names, ends, strict=False):
        operation = _operation(match["name"], whole.part(token.end + 1, end), whole.place(token.start), error)
        if operation.name in operations:
            raise error(
                f"The operation {operation.name!r} is defined twice",
                where=whole.place(token.start),
                remedies=["keep one of the two blocks"],
            )
        operations[operation.name] = operation
    preamble = whole.part(0, names[0][0].start if names else len(source))
    return SqlFile(path=path, source=source, headers=_headers(source), preamble=preamble, operations=operations)


def split_preamble(preamble: Text) -> tuple[Text, ...]:
    """Return the statements of a preamble; the whole preamble as one if the grammar cannot parse it.

    The grammar is that of one Postgres version, the server may be newer: text that it cannot parse is left to the
    server.
    """
    try:
        slices = split(preamble.sql, only_slices=True)
    except ParseError:
        return (preamble,)
    return tuple(preamble.part(piece.start, piece.stop) for piece in slices)


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
        words = _words(scan(statement.sql[piece]))
        if _copies(words):
            return int(piece.start + words[0].start)
    return None


def _is_name(whole: Text, token: Token) -> re.Match[str] | None:
    comment = whole.source[token.start : token.end + 1] if token.name == "SQL_COMMENT" else ""
    return _NAME.fullmatch(comment)


def _operation(name: str, text: Text, place: Place, error: type[SchemabenchError]) -> Operation:
    if not _IDENTIFIER.fullmatch(name):
        raise error(
            f"{name!r} is not a valid operation name",
            where=place,
            remedies=[
                "write `-- name:` with lower-case letters, digits and underscores, as in `-- name: insert_order`"
            ],
        )
    statements = tuple(_statements(text, error))
    if not statements and not _has_nothing(text, error):
        raise error(
            f"The operation {name!r} has no statement",
            where=place,
            remedies=["write its SQL below the name", "write `-- nothing` below the name where there is nothing to do"],
        )
    operation = Operation(name=name, text=text, statements=statements, sending=_sending(text, error))
    if operation.copies and len(statements) > 1:
        raise error(
            f"The operation {name!r} copies from the client and has {len(statements)} statements, not one", where=place
        )
    if refusal := _unsendable(operation):
        raise error(f"The operation {name!r} {refusal[0]}", where=place, remedies=refusal[1:])
    return operation


def _unsendable(operation: Operation) -> tuple[str, ...]:
    """Return why an operation cannot be sent as its lines say, and what to do; nothing if it can."""
    sending = operation.sending
    if sending.calls > 1 and not operation.statements:
        return ("gathers calls, but has no statement",)
    if sending.pipeline > 1 and not operation.statements:
        return ("has a pipeline, but no statement",)
    if sending.batch > 1 and sending.transaction > 1:
        return "gathers calls both into a batch and into a transaction", "keep one of `-- batch:` and `-- transaction:`"
    if sending.pipeline > 1 and operation.copies:
        return (
            "copies from the client in a pipeline, and libpq's pipeline mode has no COPY",
            "leave out `-- pipeline:`; `-- batch:` makes each COPY larger",
        )
    if sending.transaction > 1 and operation.copies:
        return "copies from the client, which gathers calls by `-- batch:`", "write `-- batch:`, not `-- transaction:`"
    return ()


def _has_nothing(text: Text, error: type[SchemabenchError]) -> bool:
    """Return whether a block says that there is nothing to do."""
    comments = (text.sql[token.start : token.end + 1] for token in _scan(text, error))
    return any(_NOTHING.fullmatch(comment.rstrip()) for comment in comments)


def _sending(text: Text, error: type[SchemabenchError]) -> Sending:
    """Return what the comments above a block's first statement say of how its calls are sent."""
    tokens = _scan(text, error)
    first = next((token.start for token in tokens if token.name not in _COMMENTS), len(text.sql))
    found = Sending()
    for token in (token for token in tokens if token.name == "SQL_COMMENT"):
        line = sending.line(text.sql[token.start : token.end + 1])
        if line is None:
            continue
        if token.start > first:
            raise error(
                f"`-- {line[0]}:` has no effect here",
                where=text.place(token.start),
                remedies=["write it between `-- name:` and the operation's first statement"],
            )
        try:
            found = sending.parse([line], found)
        except ValueError as cause:
            raise error(f"`-- {line[0]}:` {cause}", where=text.place(token.start)) from cause
    return found


def _statements(text: Text, error: type[SchemabenchError]) -> Iterator[Statement]:
    for piece in split(text.sql, with_parser=False, only_slices=True):
        whole = text.part(piece.start, piece.stop)
        tokens = _scan(whole, error)
        words = _words(tokens)
        if not words:
            continue
        first = words[0].start
        if number := next((token for token in words if token.name == "PARAM"), None):
            raise error(
                f"A parameter has a name, not a number: {whole.sql[number.start : number.end + 1]}",
                where=whole.place(number.start),
                remedies=["write :name, as in :customer::text"],
            )
        marks = ((start - first, end - first, *what) for start, end, what in _marks(whole, tokens))
        statement = Statement(text=whole.part(first, piece.stop - piece.start), marks=tuple(marks))
        yield replace(statement, columns=_copied(statement, error)) if _copies(words) else statement


def _copied(statement: Statement, error: type[SchemabenchError]) -> tuple[str, ...]:
    """Return the columns that a statement copies from the client."""
    sql = statement.text.sql
    for start, end, name, _ in reversed(statement.marks):
        sql = f'{sql[:start]}"{name}"{sql[end:]}'
    try:
        (parsed,) = parse_sql(sql)
    except ParseError as cause:
        raise error(f"Postgres cannot read this SQL: {cause.args[0]}", where=statement.text.place()) from cause
    copy: Any = parsed.stmt
    if not copy.is_from:
        raise error("An operation cannot copy to the client", where=statement.text.place())
    if any(not identifier for *_, identifier in statement.marks):
        raise error(
            "A copy takes its values from its columns, and has no parameters",
            where=statement.text.place(),
            remedies=["name the columns as the call's values are named: COPY t (customer, amount) FROM STDIN"],
        )
    if not copy.attlist:
        raise error(
            "A copy from the client must name its columns",
            where=statement.text.place(),
            remedies=["name them as the call's values are named: COPY t (customer, amount) FROM STDIN"],
        )
    formats = [one.arg.sval.lower() for one in copy.options or () if one.defname == "format"]
    if copy.options and formats != ["text"]:
        raise error(
            "An operation copies in text format, without options",
            where=statement.text.place(),
            remedies=["write COPY t (a, b) FROM STDIN"],
        )
    return tuple(one.sval for one in copy.attlist)


def _words(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.name not in _COMMENTS]


def _copies(words: Sequence[Token]) -> bool:
    return bool(words) and words[0].name == "COPY" and not {"STDIN", "STDOUT"}.isdisjoint(one.name for one in words)


def _marks(text: Text, tokens: list[Token]) -> Iterator[tuple[int, int, tuple[str, bool]]]:
    for colon, token in pairwise(tokens):
        if colon.name != "ASCII_58" or token.start != colon.end + 1:
            continue
        word = text.sql[token.start : token.end + 1]
        if token.name == "IDENT" and word.startswith('"'):
            yield colon.start, token.end + 1, (word[1:-1].replace('""', '"'), True)
        elif token.name == "IDENT" or token.kind != "NO_KEYWORD":
            yield colon.start, token.end + 1, (word, False)


def _scan(text: Text, error: type[SchemabenchError]) -> list[Token]:
    try:
        return list(scan(text.sql))
    except ParseError as cause:
        message, offset = cause.args[0], cause.args[1] if len(cause.args) > 1 else 0
        raise error(f"Postgres cannot read this SQL: {message}", where=text.place(max(0, offset))) from cause


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
