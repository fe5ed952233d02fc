"""What is seen of one entrant beside its speed: who waits for whom, and what its writes cost.

Owns the order of things around a trial: what is read before it and after it, outside the clock. Must not know blocks,
nor compare entrants.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import psycopg

from schemabench.experiment import entrant as entrants
from schemabench.experiment.entrant import Entrant
from schemabench.load import Talk
from schemabench.monitor import relations
from schemabench.monitor.attribution import Tally
from schemabench.monitor.counters import Counters, Reading, growth, increase
from schemabench.monitor.sampler import Sampler
from schemabench.records import Contention
from schemabench.server import Server, opened


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of one trial."""

    waits: Mapping[str, int] = field(default_factory=dict)
    """Wait class -> observations, as in `records.Trial`; likewise below."""
    counters: Mapping[str, float] = field(default_factory=dict)


class Observer:
    """Looks at one entrant.

    Args:
        server: Where the entrant is.
        entrant: Whom to look at.
        others: The process ids of its sessions that belong to other workers.
        sampler: What looks while a burst is executed; None for counters alone.

    Raises:
        ServerError: The server cannot be reached or refused.
    """

    def __init__(self, server: Server, entrant: Entrant, others: Sequence[int], sampler: Sampler | None) -> None:
        self._server = server
        self._entrant = entrant
        self._sampler = sampler
        self._pids = [*entrant.pids, *others]
        with _words(server):
            with opened(server.conninfo_for(entrant.database.name)) as connection:
                self._relations = relations.read(connection)
            self._counters = Counters.open(
                server.conninfo_for(entrant.database.name), pids=self._pids, local=server.is_local
            )
            self._sizes = self._counters.sizes()
        self._before: Reading = {}
        self._tally = Tally()

    @property
    def missing(self) -> Mapping[str, str]:
        """Counter -> why the server does not offer it."""
        return self._counters.missing

    def begin(self, random: Random) -> tuple[int, Talk] | None:
        """Read the counters before a trial; return who watches it.

        Raises:
            ServerError: The server failed.
        """
        with _words(self._server):
            self._before = self._counters.read()
        return self._sampler.watch(self._pids, random) if self._sampler else None

    def end(self, *, counted: bool) -> Seen:
        """Return what was seen since `begin`; everyone's sessions have handed their statistics over by now.

        Args:
            counted: Whether the trial counts towards `contention`.

        Raises:
            ServerError: The server failed.
        """
        samples = self._sampler.taken(self._relations.tables) if self._sampler else None
        with _words(self._server):
            after = self._counters.read()
        waits = self._tally.add(samples) if samples and counted else {}
        return Seen(waits=waits, counters=increase(self._before, after))

    def grown(self) -> Reading:
        """Return by how much tables and indexes have grown since the observer was made; negative where they shrank.

        Sizes are not read for each trial: that takes milliseconds for a hundred relations, and a file grows by leaps.

        Raises:
            ServerError: The server failed.
        """
        with _words(self._server):
            return growth(self._sizes, self._counters.sizes())

    def contention(self) -> Contention | None:
        """Return who waited for whom in all counted trials; None where nothing was sampled.

        Raises:
            ServerError: The server failed.
        """
        conninfo = self._server.conninfo_for(self._entrant.database.name)
        with _words(self._server), opened(conninfo) as connection:
            return self._tally.contention({**self._relations.named, **relations.read(connection).named})

    def close(self) -> None:
        """Close the connection."""
        self._counters.close()


@contextmanager
def _words(server: Server) -> Iterator[None]:
    """Put what goes wrong between us and the server into words."""
    try:
        yield
    except psycopg.Error as cause:
        raise entrants.lost(server, str(cause)) from cause
