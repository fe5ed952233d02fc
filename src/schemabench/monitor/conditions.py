"""The settings of a session, read in that session.

Owns the choice of settings, without those that affect no figure. Must not know the source of a setting, nor compare
sessions.

They are not read in another session: a session's settings come from the server's configuration, the database, the role,
both together, the environment of its client, and the statements executed in it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple, TypeAlias

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow

from schemabench.load import LostConnectionError, Session
from schemabench.server.settings import shown

_SILENT = frozenset(
    {
        "application_name",
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "port",
        "unix_socket_directories",
    }
)
"""Names and addresses of sessions and servers, which affect no figure."""
_USUAL = {("client_encoding", "UTF8")}
"""Settings that are irrelevant at this value."""
_TRUE = b"t"


class Condition(NamedTuple):
    """One setting in one session."""

    value: str
    """With its unit, as in `8MB`; masked if it may hold a secret."""
    source: str
    """Its source, as the server names it."""
    default: bool
    """Whether the value is PostgreSQL's own default."""

    @property
    def chosen(self) -> bool:
        """Whether it was set by someone: `override` marks facts, such as the encoding of the database."""
        return self.source not in {"default", "override"}


Reading: TypeAlias = Mapping[str, Condition]
"""Setting -> its state in a session."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """The settings of one session of a writer."""

    writer: str
    worker: str
    """The session's worker, as in `gw1`; empty without workers."""
    reading: Reading


def read(session: Session, custom: Mapping[str, str]) -> Reading:
    """Return the settings of a session, between two bursts.

    Args:
        session: A session without an open transaction.
        custom: Custom settings of the server's command line, as in `myapp.tenant`, with their texts: the server shows
            them only by name. Those of the database and of the role are found anyway.

    Raises:
        LostConnectionError: The connection broke.
        psycopg.Error: The server refused, as in a transaction that has failed.
    """
    found = session.query(_text("settings"))
    if session.connection.status != ConnStatus.OK:
        raise LostConnectionError(session.connection.get_error_message())
    if found.status != ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(found)
    # the server refuses to show a custom setting to a role without the right: then it is omitted
    further = session.query(_text("custom_settings"), [json.dumps(dict(custom)).encode()])
    return {
        name: condition
        for answer in (found, further)
        if answer.status == ExecStatus.TUPLES_OK
        for name, condition in _rows(answer)
        if name not in _SILENT and (name, condition.value) not in _USUAL
    }


def deadlock_timeout_s(connection: psycopg.Connection[TupleRow]) -> float:
    """Return how long a session waits for a lock before it checks for a deadlock."""
    row = connection.execute(
        "SELECT setting::float8 / 1000 FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
    ).fetchone()
    assert row is not None, "every server has the setting"
    return float(row[0])


def _rows(answer: PGresult) -> Sequence[tuple[str, Condition]]:
    rows = [[answer.get_value(row, column) or b"" for column in range(answer.nfields)] for row in range(answer.ntuples)]
    return [
        (name.decode(), Condition(shown(name.decode(), value.decode(errors="replace")), source.decode(), own == _TRUE))
        for name, value, source, own in rows
    ]


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(f"queries/{name}.sql").read_text(encoding="utf-8")
