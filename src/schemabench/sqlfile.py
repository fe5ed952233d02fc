"""Annotated SQL: headers, a preamble, named blocks, and statements with their file and line.

Owns the format of candidates and of `operations.sql`: plain SQL in which `-- name:` opens a block, `:name` is a
parameter and `:"name"` an identifier that is fixed per writer. Postgres' own scanner and grammar (pglast) find
comments, statements and parameters, so quoting of every kind is understood. Must not talk to a server.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pglast.parser import ParseError, Token, scan, split

from schemabench.errors import Place, SchemabenchError
from schemabench.redaction import redact_sql

_HEADER = re.compile(r"--\s*(?P<key>[a-z][a-z_ ]*):(?!//)\s*(?P<value>.*)")
_CONTINUATION = re.compile(r"--\s{2,}(?P<value>\S.*)")
_NAME = re.compile(r"--\s*name:\s*(?P<name>\S*)\s*")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


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

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, each once, in order of appearance."""
        return tuple(dict.fromkeys(name for _, _, name, identifier in self.marks if not identifier))

    def mark(self, name: str) -> int:
        """Return the offset into `text.sql` at which `:name` first appears."""
        return next(start for start, _, found, _ in self.marks if found == name)

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

    @property
    def sql(self) -> str:
        """Its statements, each with its semicolon, without the comments between them."""
        return "".join(f"{statement.text.sql.rstrip()};\n" for statement in self.statements)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, each once, in order of appearance."""
        return tuple(dict.fromkeys(name for statement in self.statements for name in statement.parameters))


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
            statement, two blocks of one name, a parameter by number, or copies from or to the client.
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
    if not statements:
        raise error(f"The operation {name!r} has no statement", where=place, remedies=["write its SQL below the name"])
    return Operation(name=name, text=text, statements=statements)


def _statements(text: Text, error: type[SchemabenchError]) -> Iterator[Statement]:
    for piece in split(text.sql, with_parser=False, only_slices=True):
        whole = text.part(piece.start, piece.stop)
        tokens = _scan(whole, error)
        words = _words(tokens)
        if not words:
            continue
        first = words[0].start
        if _copies(words):
            raise error(
                "An operation cannot copy from or to the client",
                where=whole.place(first),
                remedies=["insert from arrays: INSERT INTO t SELECT * FROM unnest(:names::text[], :sizes::bigint[])"],
            )
        if number := next((token for token in words if token.name == "PARAM"), None):
            raise error(
                f"A parameter has a name, not a number: {whole.sql[number.start : number.end + 1]}",
                where=whole.place(number.start),
                remedies=["write :name, as in :customer::text"],
            )
        marks = ((start - first, end - first, *what) for start, end, what in _marks(whole, tokens))
        yield Statement(text=whole.part(first, piece.stop - piece.start), marks=tuple(marks))


def _words(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.name not in {"SQL_COMMENT", "C_COMMENT"}]


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
