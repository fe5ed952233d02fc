"""What use leaves in a candidate's databases: dead rows and growth, and autovacuum's work on them.

Owns the readings between two turns of a candidate, for its own databases and for the whole server. Must not know turns,
nor compare candidates.
"""

from collections.abc import Mapping, Sequence
from importlib import resources

import psycopg
from psycopg.rows import TupleRow

from schemabench.monitor.counters import SIZES, Counters, Reading, increase

_TIMED_SINCE = 18
"""The first major version that tells how long autovacuum took for a table."""
_VERSIONS_IN_MAJOR = 10_000
_OF_AUTOVACUUM = ("vacuums", "analyzes", "vacuum_s")
_OF_THE_SERVER = ("wal_bytes", "wal_fpi", "checkpoints")


class Wear:
    """Reads the wear of one candidate's databases, added up.

    Args:
        conninfos: The conninfo of each database.
        pids: The process ids of the writers' sessions.
        local: Whether these processes are on this machine.

    Raises:
        psycopg.Error: The server cannot be reached, refused a connection or failed.
    """

    def __init__(self, conninfos: Sequence[str], pids: Sequence[int], *, local: bool) -> None:
        self._counters = Counters.open(conninfos, pids=pids, local=local)
        self._before: Reading = {}
        self._looked_after: Reading = {}

    def begin(self) -> None:
        """Read before a turn.

        Raises:
            psycopg.Error: The server failed; likewise below.
        """
        self._before = self._counters.read()
        if not self._looked_after:
            self._looked_after = self._read()

    def end(self) -> tuple[Reading, Reading, Reading]:
        """Return the state after a turn, what the server did in it, and what autovacuum did since the last turn.

        All sessions have flushed their statistics by now.
        """
        meanwhile = increase(self._before, self._counters.read())
        now = self._read()
        done = increase(self._looked_after, now)
        self._looked_after = now
        sizes = self._counters.sizes()
        state = _only({**sizes, **now}, (*SIZES, *(() if "rows_dead" in self._counters.missing else ("dead_rows",))))
        return state, _only(meanwhile, _OF_THE_SERVER), _only(done, _OF_AUTOVACUUM)

    def close(self) -> None:
        """Close the connections."""
        self._counters.close()

    def _read(self) -> Reading:
        found: dict[str, float] = {}
        for connection in self._counters.connections:
            for name, value in _row(connection).items():
                found[name] = found.get(name, 0.0) + value
        return found


def _only(reading: Reading, names: Sequence[str]) -> dict[str, float]:
    return {name: reading[name] for name in names if name in reading}


def _row(connection: psycopg.Connection[TupleRow]) -> Mapping[str, float]:
    major = connection.info.server_version // _VERSIONS_IN_MAJOR
    name = "wear_post_18" if major >= _TIMED_SINCE else "wear"
    query = resources.files(__package__).joinpath(f"queries/{name}.sql").read_bytes()
    cursor = connection.execute(query, prepare=True)
    row = cursor.fetchone()
    assert row is not None, "sums are one row"
    return {column.name: float(value) for column, value in zip(cursor.description or (), row, strict=True)}
