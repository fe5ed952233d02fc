"""For whom autovacuum is at work, while somebody has a turn: looks at a fixed rate, in the load loop.

Owns the connection that looks, and the shares of looks. Must not know candidates, nor what a vacuum costs.

Autovacuum goes by the clock on the wall: a vacuum that begins in one's turn goes on in another's, whose calls it slows.
No version of the server tells this afterwards.
"""

from collections.abc import Collection
from time import perf_counter_ns
from typing import NamedTuple

import psycopg
from psycopg.pq import ExecStatus

from schemabench.load import LostConnectionError, Session, Talk
from schemabench.load.talk import Pause, Want, ask, hear
from schemabench.monitor import queries
from schemabench.units import NANOSECONDS

HZ = 20
"""Looks per second: a look takes the server less than 1 ms, and vacuums of less than 50 ms cost little."""
_INTERVAL_NS = NANOSECONDS // HZ
_LOOK = b"vacuuming"


class Shares(NamedTuple):
    """The shares of all looks, from 0 to 1."""

    own: float
    """In which autovacuum was at work in one's own databases."""
    others: float
    """In which it was at work in any other of the server."""


class Vacuuming:
    """A connection that looks for whom autovacuum is at work.

    Args:
        conninfo: The conninfo of any database of the server.

    Raises:
        LostConnectionError: The server cannot be reached or refused.
    """

    def __init__(self, conninfo: str) -> None:
        self._session = Session.open(conninfo)
        self._session.prepare(_LOOK, queries.text("vacuuming"))
        self._due_ns = perf_counter_ns()
        self._looks = self._own = self._others = 0

    def begin(self) -> None:
        """Forget the looks so far."""
        self._looks = self._own = self._others = 0

    def watch(self, databases: Collection[str]) -> tuple[int, Talk]:
        """Return the socket and the conversation that looks until it is stopped, also in several parts of a turn.

        The conversation raises `LostConnectionError` if its connection broke.

        Args:
            databases: The names of one's own databases.
        """
        connection = self._session.connection
        while connection.get_result() is not None:
            pass  # the answer to a look that came too late for the previous part
        return connection.socket, self._talk(databases)

    def shares(self) -> Shares | None:
        """Return the shares of the looks since `begin`; None if there was none."""
        return Shares(self._own / self._looks, self._others / self._looks) if self._looks else None

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _talk(self, databases: Collection[str]) -> Talk:
        connection = self._session.connection
        try:
            while True:
                yield Pause(self._due_ns)
                self._due_ns = perf_counter_ns() + _INTERVAL_NS
                yield from ask(connection, (_LOOK, ()))
                yield Want.READ_AGAIN
                answer = yield from hear(connection)
                if answer is None:
                    raise LostConnectionError(connection.get_error_message())
                if answer.status != ExecStatus.TUPLES_OK:
                    continue
                names = {(answer.get_value(row, 0) or b"").decode(errors="replace") for row in range(answer.ntuples)}
                self._looks += 1
                self._own += not names.isdisjoint(databases)
                self._others += not names <= set(databases)
        except psycopg.OperationalError as cause:
            raise LostConnectionError(str(cause).strip()) from cause
