"""The settings of a session, read in that session.

Owns the choice of settings, without those that affect no figure. Must not know the source of a setting, nor compare
sessions.

They are not read in another session: a session's settings come from the server's configuration, the database, the role,
both together, the environment of its client, and the statements executed in it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeAlias

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.rows import TupleRow

from schemabench.load import LostConnectionError, Session
from schemabench.monitor import queries
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
_BETWEEN_ROWS, _BETWEEN_FIELDS, _TRUE = b"\x1e", b"\x1f", "t"
"""As our queries have them."""


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
    own = _answers(sessions, "settings", [])
    further = _answers(sessions, "custom_settings", [json.dumps(dict(custom)).encode()], refusable=True)
    held = list(zip(own, further, strict=True))
    readings = {texts: dict(chain.from_iterable(map(_conditions, texts))) for texts in set(held)}  # they hardly differ
    return [readings[texts] for texts in held]


def deadlock_timeout_s(connection: psycopg.Connection[TupleRow]) -> float:
    """Return how long a session waits for a lock before it checks for a deadlock."""
    row = connection.execute(
        "SELECT setting::float8 / 1000 FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'"
    ).fetchone()
    assert row is not None, "every server has the setting"
    return float(row[0])


def _answers(
    sessions: Sequence[Session], name: str, parameters: Sequence[bytes], *, refusable: bool = False
) -> list[bytes]:
    """Return the answers of sessions to a query of ours, each one value; empty where it was refused, or has none."""
    query = queries.text(name).encode()
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
        answers.append((answer.get_value(0, 0) or b"") if answer.ntuples else b"")
    return answers


def _conditions(text: bytes) -> Iterator[tuple[str, Condition]]:
    """Yield the settings of a session and their states, from an answer."""
    for row in text.split(_BETWEEN_ROWS) if text else ():
        name, value, source, own = (one.decode(errors="replace") for one in row.split(_BETWEEN_FIELDS))
        told = shown(name, value)
        if name not in _SILENT and (name, told) not in _USUAL:
            yield name, Condition(told, source, own == _TRUE)
