"""Several connections at once: the server starts the next session while it still prepares others.

Owns the wait for them. Must not know what a connection is for.
"""

from collections.abc import Mapping, Sequence
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


def opened(conninfos: Sequence[str]) -> list[PGconn]:
    """Return a connection for each of these, in order: all, or none.

    Args:
        conninfos: libpq's connection strings; each attempt may take as long as `connect_timeout` says.

    Raises:
        NotOpenedError: One was refused, or took too long.
    """
    limits_s = {one: timeout_from_conninfo(conninfo_to_dict(one)) for one in dict.fromkeys(conninfos)}
    found: dict[int, PGconn] = {}
    running: dict[int, _Opening] = {}
    """By socket, which may be another one after each step."""
    watch = poll()
    try:
        while len(found) < len(conninfos):
            begun = len(found) + len(running)
            for place in range(begun, min(len(conninfos), begun + AT_ONCE - len(running))):
                one = _begun(place, conninfos[place], limits_s[conninfos[place]])
                running[one.connection.socket] = one
                watch.register(one.connection.socket, POLLOUT)
            for socket in _ready(watch, running):
                one = running[socket]
                status = _advanced(one.connection)
                watch.unregister(socket)
                del running[socket]
                if status == PollingStatus.OK:
                    found[one.place] = one.connection
                else:
                    running[one.connection.socket] = one
                    watch.register(one.connection.socket, POLLIN if status == PollingStatus.READING else POLLOUT)
    except BaseException:
        for connection in (*found.values(), *(one.connection for one in running.values())):
            connection.finish()
        raise
    return [found[place] for place in range(len(conninfos))]


def _begun(place: int, conninfo: str, limit_s: int) -> _Opening:
    """Begin to open a connection."""
    connection: PGconn = pq.PGconn.connect_start(conninfo.encode())
    if connection.status == ConnStatus.BAD:
        message = connection.get_error_message()
        connection.finish()
        raise NotOpenedError(message)
    return _Opening(place=place, connection=connection, deadline_s=monotonic() + limit_s)


def _advanced(connection: PGconn) -> PollingStatus:
    """Take the next step of opening a connection; return what it waits for."""
    status = connection.connect_poll()
    if status == PollingStatus.FAILED:
        raise NotOpenedError(connection.get_error_message())
    return PollingStatus(status)


def _ready(watch: poll, running: Mapping[int, _Opening]) -> list[int]:
    """Wait until some can go on, and return their sockets."""
    left_s = min(one.deadline_s for one in running.values()) - monotonic()
    ready = watch.poll(max(0.0, left_s) * 1000)
    if not ready and any(one.deadline_s <= monotonic() for one in running.values()):
        raise NotOpenedError("connection timeout expired")
    return [socket for socket, _ in ready]
