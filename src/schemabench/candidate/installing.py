"""How a candidate's objects are created: file by file, statement by statement as psql does.

Owns the session of each file, and what is noted on the way. Must not know how databases are created.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import psycopg
from pglast import ast
from pglast.enums import ObjectType
from psycopg.pq import TransactionStatus
from psycopg.sql import Identifier

from schemabench import sqlfile
from schemabench.candidate.passing import Passed, missing_roles, parsed, passed
from schemabench.candidate.refusals import ends_sessions, refused
from schemabench.candidate.remarks import Remark
from schemabench.candidate.variation import Candidate, Script
from schemabench.errors import CandidateError
from schemabench.statements import Query, Statement, Text, block

Connection = psycopg.Connection[tuple[object, ...]]

_SETTERS = {
    "user": "the role",
    "client": "the environment or the DSN",
    "database": "the database",
    "global": "all roles",
}
"""The source of a setting, by the server's name for it."""
_OWN_SETTINGS = "SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session'"
_SET = "SELECT pg_catalog.set_config($1, $2, false)"
_AVAILABLE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = $1)"
_CHUNK_BYTES = 1 << 18
"""Of rows in memory at a time."""
_WRITES = {"INSERT", "UPDATE", "DELETE", "MERGE"}


def install(
    candidate: Candidate,
    connection: Connection,
    parts: Sequence[Mapping[str, str]] = (),
    offering: Callable[[str], Sequence[str]] = lambda _: (),
) -> tuple[Remark, ...]:
    """Create the candidate's objects, those of what it extends first; return what is to be known of that.

    Each file begins as if it had a session of its own: what an earlier one SET, such as the empty search path of a
    dump, does not reach it.

    Args:
        candidate: The candidate to install, which fits the workload's parts: see `check_parts`.
        connection: A connection to an empty database, in autocommit mode.
        parts: The value of each `:"name"`, for each part that lives in the database.
        offering: (extension) -> how to have a server that has it, for one that lacks it.

    Raises:
        CandidateError: The server refused a statement, with its place, line, caret and SQLSTATE; it lacks an extension;
            a statement copies from or to the client without rows in the file; or a file leaves a transaction open.
        ServerError: The server refused for reasons of its own, such as a full disk.
        psycopg.OperationalError: The connection was lost.
    """
    scripts = [one for one in candidate.scripts if any(section.statements for section in one.sections)]
    connection.prepare_threshold = None  # the driver would prepare DISCARD ALL the sixth time, which discards itself
    settings = connection.execute(_OWN_SETTINGS).fetchall()
    installation = _Installation(candidate, connection, offering)
    for place, script in enumerate(scripts):
        if place:
            _begin_anew(connection, settings)
        installation.execute(script, parts)
    return tuple(installation.remarks)


def _begin_anew(connection: Connection, settings: Sequence[tuple[object, ...]]) -> None:
    """Give a session the state of a new one, but for the settings of whoever opened it."""
    connection.execute("DISCARD ALL")
    for setting in settings:
        psycopg.RawCursor(connection).execute(_SET.encode(), setting)


@dataclass(frozen=True)
class _Installation:
    """An installation that is under way."""

    candidate: Candidate
    connection: Connection
    offering: Callable[[str], Sequence[str]]
    remarks: list[Remark] = field(default_factory=list)

    def execute(self, script: Script, parts: Sequence[Mapping[str, str]]) -> None:
        """Execute the schema of one file."""
        if script.file.connects:
            self._note(script.file.preamble, Passed("database", ()))
        if script.file.one_transaction:
            self.connection.execute("BEGIN")
        for section in script.sections:
            for names in parts if section.each_part else ({},):
                for statement in section.statements:
                    self._statement(statement, names)
        end = script.file.preamble.part(len(script.file.preamble.sql.rstrip()), len(script.file.preamble.sql))
        if script.file.one_transaction:
            self._commit(end)
        if self.connection.info.transaction_status is not TransactionStatus.IDLE:
            raise CandidateError(
                f"The schema of {self.candidate.name!r} leaves a transaction open, which nobody commits: psql rolls "
                "it back when it disconnects",
                where=end.place(),
                remedies=["write COMMIT", "leave out BEGIN"],
            )

    def _commit(self, end: Text) -> None:
        try:
            self.connection.execute("COMMIT")
        except psycopg.Error as cause:  # deferred constraints
            self._raise(end, cause)

    def _statement(self, statement: Statement, names: Mapping[str, str]) -> None:
        """Execute a statement with the names of a part, or pass it over."""
        if sqlfile.client_copy(statement.text) is not None:
            self._copy(statement, names)
            return
        query = sqlfile.rendered(statement, names)
        node = parsed(query.sql)
        if why := passed(node, self.connection):
            self._note(statement.text, why)
            return
        self._check_extension(statement.text, node)
        try:
            cursor = self.connection.execute(query.sql.encode())
        except psycopg.Error as cause:
            self._raise(query, cause)
        if not cursor.rowcount and _writes_rows(node, cursor.statusmessage or ""):
            self._note(statement.text, None)

    def _check_extension(self, text: Text, node: ast.Node | None) -> None:
        """Refuse to create an extension that the server lacks: its own error depends on the version."""
        if not isinstance(node, ast.CreateExtensionStmt):
            return
        name = str(node.extname)
        row = psycopg.RawCursor(self.connection).execute(_AVAILABLE.encode(), [name]).fetchone()
        if row and row[0]:
            return
        others = [f"use a server that has it: {one}" for one in self.offering(name)]
        raise CandidateError(
            f"The candidate {self.candidate.name!r} needs the extension {name!r}, which the server does not have",
            where=text.place(len(text.sql) - len(text.sql.lstrip())),
            checked=[] if others else ["other servers of this machine: none has it"],
            remedies=[*others, "install it on the server", "leave it out"],
        )

    def _copy(self, statement: Statement, names: Mapping[str, str]) -> None:
        """Send the rows that follow a COPY in the file."""
        rows = _rows(statement.text)
        if rows is None:
            raise CandidateError(
                f"The schema of the candidate {self.candidate.name!r} cannot copy from or to the client",
                where=statement.text.place(sqlfile.client_copy(statement.text) or 0),
                remedies=["load rows in the workload's background", "write INSERT, as pg_dump --inserts does"],
            )
        query = sqlfile.rendered(statement, names)
        try:
            with psycopg.Cursor(self.connection).copy(query.sql.encode()) as copy:
                for chunk in _chunks(statement.text, *rows):
                    copy.write(chunk)
        except psycopg.Error as cause:
            self._raise(query, cause)

    def _raise(self, query: Query | Text, cause: psycopg.Error) -> NoReturn:
        """Raise the error for a statement that the server refused; the cause itself if the connection was lost."""
        if not self.connection.closed:
            self.connection.rollback()
        elif not ends_sessions(self.candidate, cause.sqlstate):
            raise cause
        raise refused(
            self.candidate,
            query,
            cause,
            checked=_search_path(self.connection, cause),
            further=_roles_to_create(self.connection, cause, query.sql),
        ) from cause

    def _note(self, text: Text, why: Passed | None) -> None:
        line = text.line(len(text.sql) - len(text.sql.lstrip()))
        self.remarks.append(Remark(path=text.path, line=line, passed=why))


def _rows(text: Text) -> tuple[int, int] | None:
    """Return from which byte of its file to which the rows of a COPY are; None if no rows follow it."""
    for one in text.omissions:
        if one.rows and one.offset >= text.end and not text.source[text.end : one.offset].strip(" \t\n;"):
            return one.rows
    return None


def _chunks(text: Text, start: int, end: int) -> Iterator[bytes]:
    """Yield a part of a file, in pieces.

    Raises:
        CandidateError: The file is another one than it was.
    """
    with text.path.open("rb") as file:
        file.seek(start)
        for begin in range(start, end, _CHUNK_BYTES):
            yield file.read(min(_CHUNK_BYTES, end - begin))
        if not file.readline().startswith(b"\\."):
            raise CandidateError(f"{text.path} was changed after it was read", remedies=["run again"])


def _writes_rows(node: ast.Node | None, status: str) -> bool:
    """Return whether a statement writes the rows that it finds."""
    if status.partition(" ")[0] in _WRITES:
        return True
    match node:
        case ast.CreateTableAsStmt(objtype=ObjectType.OBJECT_TABLE, into=ast.IntoClause(skipData=False)):
            return True
    return False


def _search_path(connection: Connection, cause: psycopg.Error) -> list[str]:
    """Return the source of a search path without a schema of the candidate's database; otherwise nothing."""
    if not isinstance(cause, psycopg.errors.InvalidSchemaName):
        return []
    row = connection.execute("SELECT setting, source FROM pg_catalog.pg_settings WHERE name = 'search_path'").fetchone()
    if row is None or row[1] == "default":
        return []
    setter = _SETTERS.get(str(row[1]), str(row[1]))
    return [
        f"search_path is {row[0]}, set by {setter}; a new database has the schema public alone",
        "to have it otherwise: CREATE SCHEMA in the candidate's file, or ?options=-c%20search_path%3Dpublic in the DSN",
    ]


def _roles_to_create(connection: Connection, cause: psycopg.Error, sql: str) -> list[str]:
    """Return what to do about roles that a refused statement needs and the server lacks; otherwise nothing."""
    if not isinstance(cause, psycopg.errors.UndefinedObject):
        return []
    role = next(iter(missing_roles(connection, parsed(sql))), "")
    if not role:
        return []
    created = Identifier(role).as_string()
    making = block(f"BEGIN CREATE ROLE {created}; EXCEPTION WHEN duplicate_object THEN NULL; END")
    return [
        f"have a writer execute as the role, which is then made: Writer(role={role!r})",
        f"make the role above: {making}",
    ]
