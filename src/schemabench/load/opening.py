"""Several connections at once: the server starts the next session while it still prepares others.

Owns the wait for them. Must not know what a connection is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from select import POLLIN, POLLOUT, poll
from time import monotonic

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, timeout_from_conninfo
from psycopg.pq import ConnStatus, PollingStatus
from psycopg.pq.abc import PGconn

AT_ONCE = 16
"""Connections that are being opened at a time: far fewer than a server keeps in its queue (`listen` with twice its
max_connections, 128 at least), enough for the processors of a large one."""


class NotOpenedError(Exception):
    """A connection could not be opened; with the server's words, or libpq's."""


@dataclass(kw_only=True)
class _Opening:
    """A connection that is being opened."""

    place: int
    connection: PGconn
    deadline_s: float
    """On the clock of `time.monotonic`."""
    event: int = POLLOUT
    """What it waits for."""


def opened(conninfos: Sequence[str]) -> list[PGconn]:
    """Return a connection for each of these, in order: all, or none.

    Args:
        conninfos: libpq's connection strings; each attempt may take as long as `connect_timeout` says.

    Raises:
        NotOpenedError: One was refused, or took too long.
    """
    found: dict[int, PGconn] = {}
    running: list[_Opening] = []
    try:
        while len(found) < len(conninfos):
            begun = len(found) + len(running)
            for place in range(begun, min(len(conninfos), begun + AT_ONCE - len(running))):
                limit_s = timeout_from_conninfo(conninfo_to_dict(conninfos[place]))
                connection: PGconn = pq.PGconn.connect_start(conninfos[place].encode())
                running.append(_Opening(place=place, connection=connection, deadline_s=monotonic() + limit_s))
            for one in _ready(running):
                if _advanced(one):
                    found[one.place] = one.connection
                    running.remove(one)
    except BaseException:
        for connection in (*found.values(), *(one.connection for one in running)):
            connection.finish()
        raise
    return [found[place] for place in range(len(conninfos))]


def _ready(running: Sequence[_Opening]) -> list[_Opening]:
    """Wait until some can go on, and return them."""
    if bad := [one for one in running if one.connection.status == ConnStatus.BAD]:
        return bad  # it has no socket
    watch, by_socket = poll(), {one.connection.socket: one for one in running}
    for socket, one in by_socket.items():
        watch.register(socket, one.event)
    left_s = min(one.deadline_s for one in running) - monotonic()
    ready = watch.poll(max(0.0, left_s) * 1000)
    if not ready and any(one.deadline_s <= monotonic() for one in running):
        raise NotOpenedError("connection timeout expired")
    return [by_socket[socket] for socket, _ in ready]


def _advanced(one: _Opening) -> bool:
    """Take the next step of opening a connection; return whether it was the last."""
    status = one.connection.connect_poll()
    if status == PollingStatus.FAILED:
        raise NotOpenedError(one.connection.get_error_message())
    one.event = POLLIN if status == PollingStatus.READING else POLLOUT
    return status == PollingStatus.OK
