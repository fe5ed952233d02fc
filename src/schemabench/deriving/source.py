"""A session in a live database: read only, one snapshot, with limits on time.

Owns the session and the errors of the server. Must not know what is read.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from schemabench import sqlfile
from schemabench.errors import ServerError, UsageError
from schemabench.server.dsn import Conninfo, connect, describe, pinned, with_words, without_secrets

SESSION_NAME = "schemabench init"
"""What the session is called in `pg_stat_activity`."""
LOCK_LIMIT_S = 2
"""The longest wait for a lock."""
_SETTINGS = {
    "statement_timeout": "60s",
    "lock_timeout": f"{LOCK_LIMIT_S}s",
    "idle_in_transaction_session_timeout": "400s",  # while pg_dump works
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "client_encoding": "UTF8",
}
Record = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A session in the database that a project is derived from, in one transaction."""

    connection: psycopg.Connection[Any]
    conninfo: Conninfo
    """May hold a password."""

    def ask(self, name: str, values: Mapping[str, object] | None = None) -> list[Record]:
        """Return the rows of a query of `catalog.sql`, by column."""
        return self.execute(_QUERIES[name], values)

    def execute(self, sql: str, values: Mapping[str, object] | None = None) -> list[Record]:
        """Return the rows of a query, by column."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(sql.encode(), values).fetchall()

    def tried(self, *statements: str) -> list[Record]:
        """Return the rows of the last of some statements, whose locks and effects end with them.

        Raises:
            psycopg.Error: The server refused one; the transaction goes on.
        """
        found: list[Record] = []
        with self.connection.transaction(force_rollback=True), self.connection.cursor(row_factory=dict_row) as cursor:
            for statement in statements:
                cursor.execute(statement.encode(), prepare=False)
            if cursor.description:
                found = cursor.fetchall()
        return found

    def definitions(self) -> list[str]:
        """Return the statements that make the schema, by the catalogs; every name has its schema."""
        return [row["statement"] for row in self.tried("SET LOCAL search_path = ''", _QUERIES["definitions"])]

    @property
    def snapshot(self) -> str:
        """The name under which other sessions can have the same snapshot."""
        (row,) = self.execute("SELECT pg_catalog.pg_export_snapshot() AS name")
        return str(row["name"])


@contextmanager
def opened(conninfo: Conninfo) -> Iterator[Source]:
    """Open a session, and raise the server's errors in words.

    Raises:
        ServerError: The server cannot be reached, refused or failed.
    """
    with closing(connect(with_words(conninfo, application_name=SESSION_NAME))) as connection:
        try:
            with connection.transaction():  # settings end with it
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                for name, value in _SETTINGS.items():
                    connection.execute(f"SET LOCAL {name} = '{value}'".encode())
                yield Source(connection, pinned(conninfo, connection))
        except psycopg.Error as cause:
            raise refused(cause, conninfo) from cause


def refused(cause: psycopg.Error, conninfo: Conninfo) -> ServerError:
    """Return the error for what the server refused."""
    said = without_secrets(cause.diag.message_primary or str(cause).strip(), conninfo)
    todo = ["run the command again: it changes nothing in the database"]
    if isinstance(cause, errors.InsufficientPrivilege):
        role = _name(conninfo)
        todo = [f"grant what is missing: GRANT pg_read_all_stats, pg_read_all_data TO {role}", "use another role"]
    elif isinstance(cause, errors.QueryCanceled | errors.LockNotAvailable):
        todo = ["run the command when the server is less busy: it waits for no lock longer than a few seconds"]
    return ServerError(f"Reading {describe(conninfo)} failed: {said}", sqlstate=cause.sqlstate, remedies=todo)


def no_database(text: str) -> UsageError:
    """Return the error for a database without anything to derive from."""
    return UsageError(text, remedies=["name another database: --from postgresql://user@host/database"])


def _name(conninfo: Conninfo) -> str:
    words = psycopg.conninfo.conninfo_to_dict(conninfo)
    return str(words.get("user") or "the role")


def _read() -> dict[str, str]:
    with as_file(files("schemabench.deriving") / "catalog.sql") as path:
        file = sqlfile.read(path, UsageError)
    return {name: one.statements[0].text.sql for name, one in file.operations.items()}


_QUERIES = _read()
"""Block of `catalog.sql` -> its query."""
