"""The settings of a session, read in that session.

Owns the choice of settings, without those that affect no figure. Must not know the source of a setting, nor compare
sessions.

They are not read in another session: a session's settings come from the server's configuration, the database, the role,
both together, the environment of its client, and the statements executed in it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
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


_Row: TypeAlias = tuple[bytes, bytes, bytes, bytes | None]
"""A row of our queries: the name of a setting, its value, its source, and whether that is PostgreSQL's default."""
Reading: TypeAlias = Mapping[str, Condition]
"""Setting -> its state in a session."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """The settings of one session of a writer."""

    writer: str
    worker: str
    """The session's worker, as in `gw1`; empty without workers."""
    reading: Reading


def read(sessions: Sequence[Session], custom: Mapping[str, str]) -> list[Reading]:
    """Return the settings of each of some sessions, between two bursts.

    All are asked before the first answer is read, so that the server answers several at once.

    Args:
        sessions: Sessions without an open transaction.
        custom: Custom settings of the server's command line, as in `myapp.tenant`, with their texts: the server shows
            them only by name. Those of the database and of the role are found anyway.

    Raises:
        LostConnectionError: A connection broke.
        psycopg.Error: The server refused, as in a transaction that has failed.
    """
    found = [list(_rows(answer)) for answer in _answers(sessions, "settings", [])]
    further = _answers(sessions, "custom_settings", [json.dumps(dict(custom)).encode()], refusable=True)
    conditions: dict[_Row, tuple[str, Condition]] = {}
    readings: dict[tuple[_Row, ...], Reading] = {}
    held = [(*rows, *_rows(answer)) for rows, answer in zip(found, further, strict=True)]
    for rows in dict.fromkeys(held):  # sessions hardly differ
        conditions |= {row: _condition(row) for row in rows if row not in conditions}
        pairs = [conditions[row] for row in rows]
        readings[rows] = {name: one for name, one in pairs if name not in _SILENT and (name, one.value) not in _USUAL}
    return [readings[rows] for rows in held]


def deadlock_timeout_s(connection: psycopg.Connection[TupleRow]) -> float:
    """Return how long a session waits for a lock before it checks for a deadlock."""
    row = connection.execute(
        "SELECT setting::float8 / 1000 FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
    ).fetchone()
    assert row is not None, "every server has the setting"
    return float(row[0])


def _answers(
    sessions: Sequence[Session], name: str, parameters: Sequence[bytes], *, refusable: bool = False
) -> list[PGresult]:
    """Return the answers of sessions to a query of ours."""
    query = _text(name).encode()
    answers = []
    for session in sessions:
        session.connection.nonblocking = 0
        session.connection.send_query_params(query, parameters)
    for session in sessions:
        answer = None
        while (part := session.connection.get_result()) is not None:
            answer = part
        session.connection.nonblocking = 1
        if answer is None or session.connection.status != ConnStatus.OK:
            raise LostConnectionError(session.connection.get_error_message())
        if answer.status != ExecStatus.TUPLES_OK and not refusable:
            raise psycopg.errors.error_from_result(answer)
        answers.append(answer)
    return answers


def _rows(answer: PGresult) -> Iterator[_Row]:
    """Yield the rows of an answer; none of a refusal."""
    get = answer.get_value
    return ((get(row, 0) or b"", get(row, 1) or b"", get(row, 2) or b"", get(row, 3)) for row in range(answer.ntuples))


def _condition(row: _Row) -> tuple[str, Condition]:
    """Return a setting and its state."""
    name, value, source, own = row
    told = shown(name.decode(), value.decode(errors="replace"))
    return name.decode(), Condition(told, source.decode(), own == _TRUE)


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(f"queries/{name}.sql").read_text(encoding="utf-8")
