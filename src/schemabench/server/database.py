"""Databases of a run: their names, marks, creation, cloning and removal, and the sweep after killed runs.

Owns the mark, a comment on the database, and the rule that a database is dropped only if it has both our mark and a
name of the mark's run. Any user may write such a comment; that alone does not make a database ours. A run is alive
while a session holds its advisory lock: any machine can check that, and killing the run releases the lock.
"""

import hashlib
import json
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import psycopg
from psycopg import errors, sql
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import TupleRow

from schemabench.errors import ServerError
from schemabench.server import holding

NAME_LIMIT = 63
"""Bytes of an identifier (NAMEDATALEN - 1); the server silently truncates longer ones."""
PREFIX = "sb"
"""Prefix of the names of our databases."""
FILE_COPY_SINCE = 150000
"""The first version with CREATE DATABASE ... STRATEGY; older ones always copy files."""
NO_SPACE = "No space left on device"
"""What the system says of a full disk, and the server with it."""

_MARK_VERSION = 1
_FULL_DISK_REMEDIES = (
    "free some space on the server's disk",
    "run fewer candidates at a time, or a smaller cardinality: `--candidate`, `--cardinality`",
)
_FOUND = """
SELECT oid, datname, pg_catalog.shobj_description(oid, 'pg_database')
FROM pg_catalog.pg_database
WHERE pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
ORDER BY datname
"""
_EXISTS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %s)"


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database of this run."""

    name: str
    """As in `sb_3f2a_baseline`."""
    label: str
    """Its purpose, as its creator named it."""


@dataclass(frozen=True, kw_only=True)
class Databases:
    """The databases of one template, entrant or check: one, or one for each part of the workload."""

    label: str
    """Their purpose."""
    by_part: Mapping[str, Database]
    """Part -> its database; under an empty name the one of all parts."""

    def __iter__(self) -> Iterator[Database]:
        return iter(self.by_part.values())

    @property
    def names(self) -> dict[str, str]:
        """The name of each database, in the form of `by_part`."""
        return {part: one.name for part, one in self.by_part.items()}

    def of(self, part: str) -> Database:
        """Return the database in which a part lives."""
        return self.by_part.get(part) or self.by_part[""]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The content of the comment on one of our databases."""

    run: str
    """The run that created it."""
    label: str
    """The database's purpose."""
    keep: bool
    """Whether it outlives its run; sweeps then keep it, too."""

    def __str__(self) -> str:
        """Return the comment's text."""
        return json.dumps({"schemabench": _MARK_VERSION, **asdict(self)})


def read_mark(name: str, comment: str | None) -> Mark | None:
    """Return the mark in a database's comment; None without a mark, or with a name that is not of the mark's run."""
    try:
        match json.loads(comment or ""):
            case {"schemabench": 1, "run": str(run), "label": str(label), "keep": bool(keep)}:
                mark = Mark(run=run, label=label, keep=keep)
                return mark if _plain(run) and name.startswith(f"{_plain(PREFIX, run)}_") else None
    except (ValueError, RecursionError):
        pass
    return None


def database_name(run_id: str, label: str, taken: Iterable[str] = ()) -> str:
    """Return a name for a database that needs no quotes, fits the server's limit and is not among `taken`."""
    plain = _plain(PREFIX, run_id, label)
    names = set(taken)
    name = _cut(plain, label)
    number = 2
    while name in names:
        name = _cut(f"{plain}_{number}", f"{label} {number}")
        number += 1
    return name


def _plain(*parts: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", "_".join(parts).lower()).strip("_")


def lock_key(run_id: str) -> int:
    """Return the key of a run's advisory lock, a signed 64-bit number."""
    digest = hashlib.sha256(f"schemabench run {run_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def take_lock(connection: psycopg.Connection[TupleRow], run_id: str) -> None:
    """Show on the server that the run is alive, until the connection ends."""
    # shared: the sessions of one run's workers hold one lock together
    connection.execute("SELECT pg_advisory_lock_shared(%s)", [lock_key(run_id)])


def create(connection: psycopg.Connection[TupleRow], name: str, mark: Mark) -> None:
    """Create an empty marked database in UTF-8."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
    try:
        _make(connection, statement, name, mark)
    except errors.InvalidParameterValue:  # the server's default locale has another encoding
        _make(connection, statement + sql.SQL(" LC_COLLATE 'C' LC_CTYPE 'C'"), name, mark)


def clone(connection: psycopg.Connection[TupleRow], template: str, name: str, mark: Mark) -> None:
    """Create a marked copy of a database without connections.

    Raises:
        HeldError: It holds objects that a copy would lack, or that prevent copying.
    """
    holding.check(connection, template, f"Copying the database {template}")
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    if connection.info.server_version < FILE_COPY_SINCE:
        _make(connection, statement, name, mark)
        return
    try:  # copies files, twice as fast as writing them to the WAL
        _make(connection, statement + sql.SQL(" STRATEGY file_copy"), name, mark)
    except (errors.FeatureNotSupported, errors.InvalidParameterValue, errors.InsufficientPrivilege, errors.SyntaxError):
        _make(connection, statement, name, mark)


def ours(connection: psycopg.Connection[TupleRow]) -> list[int]:
    """Return the oids of the databases of all runs, identified by name and mark."""
    return [number for number, _, _ in marked(connection)]


def worded(error: psycopg.Error, doing: str) -> ServerError:
    """Return the error for a statement of ours that the server refused."""
    remedies: Iterable[str] = ()
    if isinstance(error, errors.DiskFull) or NO_SPACE in str(error):
        remedies = _FULL_DISK_REMEDIES
    elif isinstance(error, errors.ObjectInUse):
        remedies = ("close the connections to the template first",)
    return ServerError(
        f"{doing} failed: {error.diag.message_primary or str(error).strip()}",
        sqlstate=error.sqlstate,
        remedies=tuple(remedies),
    )


def lost(reason: str, doing: str) -> ServerError:
    """Return the error for a statement of ours that a dying server did not answer."""
    remedies: Iterable[str] = (
        "run again; if it happens again, check memory: the kernel kills processes that use too much",
    )
    if NO_SPACE in reason:
        remedies = _FULL_DISK_REMEDIES
    return ServerError(f"{doing} failed: {reason}", remedies=tuple(remedies))


def _make(connection: psycopg.Connection[TupleRow], statement: sql.Composed, name: str, mark: Mark) -> None:
    """Create and mark a database in one step.

    CREATE DATABASE cannot run in a transaction. But the server receives both statements before it starts the first, and
    answers only after both: so it marks the database even if the run is killed meanwhile.
    """
    if exists(connection, name):
        raise ServerError(
            f"The database {name} already exists", remedies=[f"if it is not needed, drop it: DROP DATABASE {name}"]
        )
    *before, problem = _execute_together(connection, [statement, _comment(name, mark)])
    if problem is not None:
        if before:  # it was created just now, by us, though it has no mark
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        raise problem


def _execute_together(
    connection: psycopg.Connection[TupleRow], statements: Sequence[sql.Composed]
) -> list[psycopg.Error | None]:
    """Send all statements before reading the first answer; return each outcome, up to the first refusal.

    Uses libpq's pipeline mode directly: psycopg's own waits for an answer after each transaction. All statements share
    one synchronization: at each one the server would answer, and stop if the client is gone.
    """
    pgconn = connection.pgconn
    complete = False
    try:
        pgconn.enter_pipeline_mode()
        for statement in statements:
            pgconn.send_query_params(statement.as_bytes(connection), None)
        complete = True
        pgconn.pipeline_sync()  # nothing is sent before this
        while pgconn.flush():
            pass  # a few hundred bytes: they fit the socket's buffer
        answers = _answers(pgconn)
        pgconn.exit_pipeline_mode()
    except BaseException:
        if complete:
            _finish(pgconn)
        else:
            _cut_off(pgconn)
        connection.close()
        raise
    return answers


def _finish(pgconn: PGconn) -> None:
    """Wait until the server has finished the statements that were sent before an interruption.

    The cleanup that follows must find the new database.
    """
    with suppress(psycopg.Error):
        pgconn.pipeline_sync()  # the interruption may have come before the first one: then no answer would ever come
        while pgconn.transaction_status == TransactionStatus.ACTIVE:
            pgconn.get_result()


def _cut_off(pgconn: PGconn) -> None:
    """Prevent queued statements from being sent, as closing a connection would do."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(pgconn.socket)) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def _answers(pgconn: PGconn) -> list[psycopg.Error | None]:
    """Read the answers up to the synchronization: an error or None for each statement that was not skipped."""
    answers: list[psycopg.Error | None] = []
    while (result := pgconn.get_result()) is None or result.status != ExecStatus.PIPELINE_SYNC:
        if result is None:
            if pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(pgconn.get_error_message())
        elif result.status == ExecStatus.FATAL_ERROR:
            answers.append(errors.error_from_result(result))
        elif result.status == ExecStatus.COMMAND_OK:
            answers.append(None)
    return answers


def marked(connection: psycopg.Connection[TupleRow]) -> list[tuple[int, str, Mark]]:
    """Return the oid, the name and the mark of each database of a run."""
    rows = connection.execute(_FOUND).fetchall()
    return [(number, name, mark) for number, name, comment in rows if (mark := read_mark(name, comment))]


def remark(connection: psycopg.Connection[TupleRow], name: str, mark: Mark) -> None:
    """Give a database of a run another mark."""
    connection.execute(_comment(name, mark))


def _comment(name: str, mark: Mark) -> sql.Composed:
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), str(mark))


def exists(connection: psycopg.Connection[TupleRow], name: str) -> bool:
    """Return whether there is a database of this name."""
    row = connection.execute(_EXISTS, [name]).fetchone()
    return bool(row and row[0])


def _cut(name: str, label: str) -> str:
    """Return a name within the limit; a truncated one ends in a digest to keep long labels distinct."""
    if len(name) <= NAME_LIMIT:
        return name
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    return f"{name[: NAME_LIMIT - 9]}_{digest}"
