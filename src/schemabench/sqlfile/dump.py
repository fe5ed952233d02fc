r"""The text of an SQL file without what only psql reads: rows after `COPY ... FROM stdin`, and commands of psql's own.

Owns which of psql's commands are understood: those that pg_dump writes, which are `\restrict`, `\unrestrict`,
`\connect` and the `\.` that ends rows. Any other is left where it is, for the server to refuse. Rows are read once, for
their number and digest, and never held in memory. Must not talk to a server.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile
from pathlib import Path

from pglast import ast, parse_sql
from pglast.enums import ObjectType
from pglast.parser import ParseError, Token, scan, split

from schemabench.errors import Place, SchemabenchError
from schemabench.sqlfile.tokens import copies, without_comments
from schemabench.statements import Omission, Statement, Text
from schemabench.units import plural

NAME = re.compile(r"--\s*name:\s*(?P<name>\S*)\s*")
"""The line that opens an operation: below it, no rows follow a COPY."""
_COPY = re.compile(r"\bFROM\s+STDIN\b[^;]*;\s*", re.IGNORECASE)
_UNDERSTOOD = (r"\restrict", r"\unrestrict")
_CONNECT = (r"\connect", r"\c")
_END = b"\\."
_CUSTOM, _TAR = b"PGDMP", b"toc.dat\0"
"""How pg_dump's custom and tar formats begin."""
_DIRECTORY = "toc.dat"
"""A file in the folder of pg_dump's directory format."""
_OF_SESSIONS = (ast.SelectStmt, ast.VariableSetStmt)
"""What else pg_dump writes above `\\connect`: settings, some of them by set_config()."""
_OF_DATABASES = (
    ast.AlterDatabaseSetStmt,
    ast.AlterDatabaseStmt,
    ast.CreatedbStmt,
    ast.DropdbStmt,
)
_DIGITS = 16
"""Of the digest of rows: 64 bits tell any two apart that a project has."""


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A file as plain SQL."""

    source: str
    """Its text, with line feeds alone between lines. Rows are one comment line with their number and digest."""
    omissions: tuple[Omission, ...]
    connects: bool
    """Whether it names a database to connect to, as `pg_dump --create` does; what is above is left out."""


def archived(path: Path) -> bool:
    """Return whether a file or folder is an archive of pg_dump, in any format but plain SQL."""
    if path.is_dir():
        return (path / _DIRECTORY).is_file()
    if not path.is_file() or not os.access(path, os.R_OK):
        return False
    with path.open("rb") as file:
        return file.read(len(_TAR)).startswith((_CUSTOM, _TAR))


def plain(path: Path, error: type[SchemabenchError]) -> Plain:
    """Read a file as psql would.

    Args:
        path: The file, in UTF-8; rows may be in any encoding.
        error: The class of error to raise.

    Raises:
        SchemabenchError: The file is an archive, its text is not UTF-8, rows have no end, or it connects to several
            databases.
        OSError: It cannot be read.
    """
    if archived(path):
        raise not_sql(path, error)
    reading = _Reading(path, error)
    with path.open("rb") as file:
        lines = iter(file)
        for line in lines:
            reading.take(line, lines)
    return Plain(
        source="".join(reading.pieces), omissions=tuple(reading.omissions), connects=reading.connected is not None
    )


def not_sql(path: Path, error: type[SchemabenchError]) -> SchemabenchError:
    """Return the error for an archive of pg_dump."""
    return error(
        f"{path} is an archive of pg_dump, not SQL",
        remedies=[f"write its schema as SQL: pg_restore --schema-only -f {path.parent}/NAME.sql {path}"],
    )


def of_database(statement: Statement) -> bool:
    """Return whether a statement of a schema is about a whole database, as `pg_dump --create` writes some."""
    return any(map(_is_of_database, _parsed(statement.text.sql)))


def _parsed(sql: str) -> list[ast.Node | None]:
    """Return the trees of statements; none if the grammar cannot parse them."""
    try:
        return [one.stmt for one in parse_sql(sql)]
    except ParseError:
        return []


def _is_of_database(node: ast.Node | None) -> bool:
    match node:
        case ast.UpdateStmt(relation=ast.RangeVar(relname="pg_database")):  # as it makes a template of one
            return True
    return isinstance(node, _OF_DATABASES) or _object(node) is ObjectType.OBJECT_DATABASE


def _object(node: ast.Node | None) -> ObjectType | None:
    """Return the kind of object that a statement is about, if it may be about many kinds."""
    match node:
        case ast.GrantStmt() | ast.CommentStmt() | ast.SecLabelStmt():
            return node.objtype
        case ast.AlterOwnerStmt():
            return node.objectType
    return None


@dataclass
class _Reading:
    """A file that is being read, line by line."""

    path: Path
    error: type[SchemabenchError]
    pieces: list[str] = field(default_factory=list)
    """The lines of the text so far."""
    omissions: list[Omission] = field(default_factory=list)
    connected: str | None = None
    """The database that it connects to; None before it does."""
    _since: int = 0
    """The first of the pieces after a place that is in no statement: after a statement, or a line of psql's."""
    _length: int = 0
    """Characters of the pieces."""
    _bytes: int = 0
    """Bytes of the file so far."""
    _lines: int = 0
    """Lines of the file so far."""
    _top: list[str] = field(default_factory=list)
    """The comment lines at the top of the file; known once it connects."""
    _named: bool = False
    """Whether an operation was opened."""

    def take(self, raw: bytes, following: Iterator[bytes]) -> None:
        """Take a line, and the rows that follow it."""
        line = self._decoded(raw)
        self._bytes += len(raw)
        self._lines += 1
        if self._named:
            self._add(line)
        elif NAME.fullmatch(line.rstrip("\n")):
            self._named = self._tokens("") is not None
            self._add(line)
        elif line.startswith("\\") and self._tokens("") is not None:
            self._command(line)
        elif _COPY.search(line) and self._copies(line):
            self._add(line)
            self._rows(following)
        else:
            self._add(line)

    def _decoded(self, raw: bytes) -> str:
        try:
            text = raw.decode("utf-8" if self._bytes else "utf-8-sig")  # like psql: editors write a byte-order mark
        except UnicodeDecodeError as cause:
            raise self.error(
                f"{self.path} is not UTF-8: byte {self._bytes + cause.start} is 0x{cause.object[cause.start]:02x}",
                remedies=["save the file as UTF-8"],
            ) from cause
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _add(self, line: str) -> None:
        self.pieces.append(line)
        self._length += len(line)

    def _tokens(self, line: str) -> list[Token] | None:
        """Return the tokens since the last known end of a statement; None in the middle of a string or comment.

        Args:
            line: The line up to which they are, which is about to be added; empty for the line before it.
        """
        try:
            words = without_comments(scan("".join([*self.pieces[self._since :], line])))
        except ParseError:
            return None
        if words and words[-1].name == "ASCII_59":
            self._since = len(self.pieces) + bool(line)
        return words

    def _copies(self, line: str) -> bool:
        """Return whether a statement ends with a line, and copies from the client."""
        words = self._tokens(line) or []
        if not words or words[-1].name != "ASCII_59":
            return False
        ends = [place for place, word in enumerate(words[:-1]) if word.name == "ASCII_59"]
        return copies(words[ends[-1] + 1 if ends else 0 :])

    def _rows(self, following: Iterator[bytes]) -> None:
        """Leave out the rows of a COPY, which end with a line of their own."""
        digest, start, rows = sha256(), self._bytes, 0
        for raw in following:
            self._bytes += len(raw)
            self._lines += 1
            if raw.rstrip(b"\r\n") == _END:
                break
            digest.update(raw)
            rows += 1
        else:
            raise self.error(
                "The rows after this COPY have no end",
                where=self._place(),
                remedies=["write a line `\\.` below the last row", "load rows in the workload's background"],
            )
        self.omissions.append(Omission(offset=self._length, lines=rows, rows=(start, self._bytes - len(raw))))
        self._add(f"-- {plural(rows, 'row')}, sha256 {digest.hexdigest()[:_DIGITS]}\n")
        self._since = len(self.pieces)

    def _command(self, line: str) -> None:
        word, _, rest = line.rstrip().partition(" ")
        self._add(f"-- {line}" if word in _UNDERSTOOD else line)
        database = rest.strip() if word in _CONNECT else ""
        connects = database and not database.startswith("- ")  # a hyphen is the same database, for another role
        if connects:
            self._connect(database)
        if connects or word in _UNDERSTOOD:
            self._since = len(self.pieces)

    def _connect(self, database: str) -> None:
        """Leave out what is above, which belongs to another database, but the comment lines at the top of the file."""
        if self.connected is None:
            self._top = list(takewhile(lambda one: not one.strip() or one.startswith("--"), self.pieces))
        elif self.connected != database:
            raise self.error(
                f"{self.path} holds several databases: {self.connected} and {database}",
                where=self._place(),
                remedies=["write one of them: pg_dump DATABASE, not pg_dumpall"],
            )
        self._check_above(database)
        self.connected = database
        self.pieces, self.omissions, self._length = [], [], 0
        for line in self._top:
            self._add(line)
        self.omissions.append(Omission(offset=self._length, lines=self._lines - 1 - len(self._top), rows=None))
        self._add("-- \\connect: what is above belongs to another database\n")

    def _check_above(self, database: str) -> None:
        """Refuse what would be left out, though it is neither about a database nor a setting."""
        above = self._text().part(0, self._length - len(self.pieces[-1]))
        for piece in split(above.sql, with_parser=False, only_slices=True):
            words = without_comments(scan(above.sql[piece]))
            found = _parsed(above.sql[piece])
            if words and not (found and all(isinstance(one, _OF_SESSIONS) or _is_of_database(one) for one in found)):
                raise self.error(
                    f"What stands above `\\connect {database}` is for another database",
                    where=above.place(piece.start + words[0].start),
                    remedies=["write it below", f"remove the line `\\connect {database}`"],
                )

    def _place(self) -> Place:
        """Return the place of the last piece."""
        return self._text().place(self._length - len(self.pieces[-1]))

    def _text(self) -> Text:
        """Return the text so far."""
        text = "".join(self.pieces)
        return Text(path=self.path, source=text, start=0, end=len(text), omissions=tuple(self.omissions))
