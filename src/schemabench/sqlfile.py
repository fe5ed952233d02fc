"""Annotated SQL: headers, a preamble, named blocks, and statements with their file and line.

Owns the format of candidates and of `operations.sql`: plain SQL in which `-- name:` opens a block, `:name` is a
parameter, `:"name"` an identifier and `:'name'` a literal, as in psql. Postgres' own scanner and grammar (pglast) find
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
from pglast.stream import RawStream

from schemabench import sending
from schemabench.errors import Place, SchemabenchError
from schemabench.naming import nearest
from schemabench.sending import Sending
from schemabench.statements import Kind, Mark, Operation, Statement, Text

_HEADER = re.compile(r"--\s*(?P<key>[a-z][a-z_ ]*):(?!//)\s*(?P<value>.*)")
_CONTINUATION = re.compile(r"--\s{2,}(?P<value>\S.*)")
_NAME = re.compile(r"--\s*name:\s*(?P<name>\S*)\s*")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_NOTHING = re.compile(r"--\s*nothing")
_GIVES = re.compile(r"--\s*as:\s*(?P<name>.*?)\s*")
_WITHOUT_ROW = re.compile(r"--\s*if none:\s*(?P<then>.*?)\s*")
_STOP, _FAIL = "stop", "fail"
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
            statement, two blocks of one name, a parameter by number, a copy to the client, a value of a row that no
            earlier statement gives, or a line on how to send that says something else.
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
    if operation.sending.batch > 1 and not statements:
        raise error(f"The operation {name!r} gathers calls, but has no statement", where=place)
    _check_links(operation, error)
    return operation


def _check_links(operation: Operation, error: type[SchemabenchError]) -> None:
    """Refuse what is taken from a row that no earlier statement gives, and a row that is given twice."""
    given: set[str] = set()
    for statement in operation.statements:
        for giver, column in statement.takes:
            if giver not in given:
                raise error(
                    f"No earlier statement of {operation.name!r} gives :{giver}.{column}{nearest(giver, given)}",
                    where=statement.text.place(statement.mark(f"{giver}.{column}")),
                    remedies=[
                        f"write `-- as: {giver}` above the statement whose row has {column!r}",
                        "for an array slice, write a space after the colon",
                    ],
                )
        if statement.gives in given:
            raise error(f"Two statements of {operation.name!r} give {statement.gives!r}", where=statement.text.place())
        given |= {statement.gives} - {""}
        if operation.sending.batch > 1 and statement.literals:
            raise error(
                f"The operation {operation.name!r} gathers calls, and :'name' takes one value of one call",
                where=statement.text.place(statement.mark(min(statement.literals))),
                remedies=["write :name, which is an array of the calls' values", "remove the line `-- batch:`"],
            )


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
        comment = text.sql[token.start : token.end + 1]
        line = sending.line(comment)
        if line is None:
            if token.start < first and (meant := sending.suggestion(comment)):
                raise error(
                    f"`{comment.rstrip()}` has no effect{meant}",
                    where=text.place(token.start),
                    remedies=["if it is a comment, remove the colon or begin with a capital letter"],
                )
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
    pieces = split(text.sql, with_parser=False, only_slices=True)
    rest = text.part(pieces[-1].stop if pieces else 0, len(text.sql))
    for whole in [*(text.part(piece.start, piece.stop) for piece in pieces), rest]:
        tokens = _scan(whole, error)
        words = [token for token in _words(tokens) if token.name != "ASCII_59"]
        gives, stops = _row(whole, tokens, words, error)
        if not words:
            continue
        first = words[0].start
        if number := next((token for token in words if token.name == "PARAM"), None):
            raise error(
                f"A parameter has a name, not a number: {whole.sql[number.start : number.end + 1]}",
                where=whole.place(number.start),
                remedies=["write :name, as in :customer::text"],
            )
        marks = tuple(mark._replace(start=mark.start - first, end=mark.end - first) for mark in _marks(whole, words))
        sql = whole.part(first, len(whole.sql))
        statement = Statement(text=sql, marks=marks, gives=gives, stops=stops)
        yield _copying(statement, error) if _copies(words) else statement


def _row(
    whole: Text, tokens: Sequence[Token], words: Sequence[Token], error: type[SchemabenchError]
) -> tuple[str, bool]:
    """Return what the comments above a statement call its row, and whether the operation ends without one."""
    gives, then = "", ""
    for token in (token for token in tokens if token.name == "SQL_COMMENT"):
        comment = whole.sql[token.start : token.end + 1].rstrip()
        named, without = _GIVES.fullmatch(comment), _WITHOUT_ROW.fullmatch(comment)
        if named is None and without is None:
            continue
        if not words or token.start > words[0].start:
            raise error(
                f"`{comment}` has no effect here",
                where=whole.place(token.start),
                remedies=["write it directly above the statement whose row it is about"],
            )
        if named and not _IDENTIFIER.fullmatch(named["name"]):
            raise error(
                f"{named['name']!r} is not a valid name for a row",
                where=whole.place(token.start),
                remedies=["write lower-case letters, digits and underscores, as in `-- as: placed`"],
            )
        if without and without["then"] not in {_STOP, _FAIL}:
            raise error(
                f"`-- if none:` {without['then']!r} is neither `{_STOP}` nor `{_FAIL}`", where=whole.place(token.start)
            )
        gives, then = named["name"] if named else gives, without["then"] if without else then
    if then and not gives:
        raise error(
            "`-- if none:` is about a row that has no name",
            where=whole.place(words[0].start),
            remedies=["name it with `-- as:`, as in `-- as: placed`"],
        )
    return gives, then == _STOP


def copied(sql: str) -> str:
    """Return a query for the columns that a copy from the client fills, none of its rows."""
    (parsed,) = parse_sql(sql)
    copy: Any = parsed.stmt
    columns = ", ".join('"' + one.sval.replace('"', '""') + '"' for one in copy.attlist)
    return f"SELECT {columns} FROM {RawStream()(copy.relation)} LIMIT 0"  # noqa: S608 (of the author's own statement)


def _copying(statement: Statement, error: type[SchemabenchError]) -> Statement:
    """Return a statement that copies from the client with its columns and its format."""
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
    if any(mark.kind is not Kind.IDENTIFIER for mark in statement.marks):
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
    if copy.options and formats not in (["text"], ["binary"]):
        raise error(
            "An operation copies in text or binary format, without other options",
            where=statement.text.place(),
            remedies=["write COPY t (a, b) FROM STDIN", "write COPY t (a, b) FROM STDIN (FORMAT binary)"],
        )
    return replace(statement, columns=tuple(one.sval for one in copy.attlist), binary=formats == ["binary"])


def _words(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.name not in _COMMENTS]


def _copies(words: Sequence[Token]) -> bool:
    return bool(words) and words[0].name == "COPY" and not {"STDIN", "STDOUT"}.isdisjoint(one.name for one in words)


def _marks(text: Text, words: Sequence[Token]) -> Iterator[Mark]:
    """Yield what stands for something else: a colon and what follows it without a space."""
    for place, (colon, token) in enumerate(pairwise(words)):
        if colon.name != "ASCII_58" or token.start != colon.end + 1:
            continue
        word = text.sql[token.start : token.end + 1]
        if token.name == "IDENT" and word.startswith('"'):
            yield Mark(colon.start, token.end + 1, word[1:-1].replace('""', '"'), Kind.IDENTIFIER)
        elif token.name == "SCONST" and word.startswith("'"):
            yield Mark(colon.start, token.end + 1, word[1:-1].replace("''", "'"), Kind.LITERAL)
        elif _is_word(token):
            end = _after_dot(words, place + 1)
            yield Mark(colon.start, end, text.sql[token.start : end], Kind.VALUE)


def _is_word(token: Token) -> bool:
    return bool(token.name == "IDENT" or token.kind != "NO_KEYWORD")


def _after_dot(words: Sequence[Token], place: int) -> int:
    """Return where a name ends that may have a second part after a dot, both without spaces."""
    name, *rest = words[place : place + 3]
    if len(rest) == 2 and rest[0].name == "ASCII_46" and _is_word(rest[1]):  # noqa: PLR2004 (the dot and what follows it)
        adjacent = rest[0].start == name.end + 1 and rest[1].start == rest[0].end + 1
        return int(rest[1].end + 1 if adjacent else name.end + 1)
    return int(name.end + 1)


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
