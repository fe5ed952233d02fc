"""Who stands beside an experiment and reads around each trial, over connections of its own, what the server says.

Owns how a test comes by figures that the harness had no part in. Must not know any effect.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from psycopg.conninfo import make_conninfo

from schemabench.experiment import Plan
from schemabench.experiment.burst import Burst, Turn
from schemabench.experiment.copies import Copies
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.team import Alone, Executed, Samples
from schemabench.load import Limits, Talk
from schemabench.records import CandidateResult

Connection = psycopg.Connection[tuple[Any, ...]]
Reading = Mapping[str, float]
Read = Callable[[Connection, Connection], Reading]
"""From a connection to the maintenance database and one to the entrant's to what stands there now, by name."""


FLUSH = "SELECT pg_stat_force_next_flush()"
"""A session hands over what it counted at once rather than within a minute."""


def nothing(_: Connection, __: Connection) -> Reading:
    """Read nothing."""
    return {}


@contextmanager
def staying() -> Iterator[None]:
    """Have no database copied anew until the end of the block: whoever is connected to it would be in the way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Copies, "due", lambda *_: False)
        yield


class Witness(Alone):
    """A team of one that is watched.

    Attributes:
        growth: Entrant -> by how much each figure of `look` grew from before the first trial to after the last.
    """

    def __init__(  # noqa: PLR0913 (what to read, and how)
        self,
        plan: Plan,
        conninfo: str,
        *,
        read: Read = nothing,
        look: Read = nothing,
        settings: str = "",
        hold: bool = False,
    ) -> None:
        """Watch a plan.

        Args:
            plan: The experiment.
            conninfo: Of the maintenance database.
            read: What reads before and after each trial; it must not write, not even hints.
            look: What reads before the first trial and after the last.
            settings: What the watching sessions set for themselves, in SQL.
            hold: Whether to keep a snapshot from before the first trial, so that no dead row is ever removed.
        """
        super().__init__(plan)
        self._conninfo = conninfo
        self._read = read
        self._look = look
        self._settings = settings
        self._hold = hold
        self._connections: dict[str, tuple[Connection, Connection]] = {}
        self._held: list[Connection] = []
        self._first: dict[str, Reading] = {}
        self._block = 0
        self._increases: dict[str, dict[int, dict[str, float]]] = {}
        self.growth: dict[str, dict[str, float]] = {}

    def increases(self, baseline: CandidateResult) -> dict[str, dict[str, float]]:
        """Return by how much each figure of `read` grew, by entrant, added up over the blocks that count."""
        counted = [trial.block for trial in baseline.trials if not trial.warmup]
        return {
            name: {figure: sum(blocks[number][figure] for number in counted) for figure in blocks[counted[0]]}
            for name, blocks in self._increases.items()
        }

    def join(self, entrants: Sequence[Entrant]) -> Mapping[str, Mapping[int, str]]:
        """Connect to the entrants' databases, which must be `staying`."""
        assert not self._connections, "who is watched is not copied anew"
        server = self._open()
        for one in entrants:
            self._connections[one.name] = server, self._open(one.databases.of("").name)
            if self._hold:
                held = self._open(one.databases.of("").name)
                held.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                held.execute("SELECT 1")
                self._held.append(held)
            self._first[one.name] = self._look(*self._connections[one.name])
            self._flush(one)
        return super().join(entrants)

    def announce(
        self,
        block: int,
        label: str,
        turns: Sequence[Turn],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Note which block it is."""
        self._block = block
        super().announce(block, label, turns, order, duration_s)

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None, limits: Limits
    ) -> tuple[Executed, Samples]:
        """Execute a burst, and add up what it moved."""
        connections = self._connections[entrant.name]
        before = self._read(*connections)
        executed = super().execute(entrant, burst, random, watch, limits)
        increase = _increase(before, self._read(*connections))
        self._flush(entrant)
        self._increases.setdefault(entrant.name, {}).setdefault(self._block, increase)
        return executed

    def samples(self) -> Mapping[tuple[str, str], Sequence[NDArray[np.int64]]]:
        """Look for the last time: all blocks are over."""
        for name, connections in self._connections.items():
            self.growth[name] = _increase(self._first[name], self._look(*connections))
        return super().samples()

    def close(self) -> None:
        """Close all connections."""
        for connection in (*self._held, *(one for pair in self._connections.values() for one in pair)):
            connection.close()

    def _flush(self, entrant: Entrant) -> None:
        """Have it counted now what was written by reading, as who reads catalogs first does: it marks their rows."""
        for connection in self._connections[entrant.name]:
            connection.execute(FLUSH)

    def _open(self, database: str | None = None) -> Connection:
        conninfo = self._conninfo if database is None else make_conninfo(self._conninfo, dbname=database)
        connection = psycopg.connect(conninfo, autocommit=True)
        if self._settings:
            connection.execute(self._settings)  # type: ignore[call-overload]
        return connection


def _increase(before: Reading, after: Reading) -> dict[str, float]:
    return {name: after[name] - before[name] for name in before}
