"""Observations of one entrant apart from its speed: lock waits, costs of writes, plans of a new connection.

Owns the order of reads before and after a trial, outside the timed part. Must not know blocks, nor compare entrants.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from random import Random

import psycopg
from psycopg.errors import LockNotAvailable

from schemabench.experiment import failures, planning
from schemabench.experiment.burst import Encoded
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.neighbours import Neighbours
from schemabench.load import Talk
from schemabench.monitor import conditions, relations
from schemabench.monitor.attribution import Tally
from schemabench.monitor.choices import Choices
from schemabench.monitor.counters import AT_THE_END, DEAD_AT_THE_END, LOCK_LIMIT_S, Counters, Reading, growth, increase
from schemabench.monitor.relations import Relations
from schemabench.monitor.sampler import Sampler
from schemabench.monitor.upkeep import Counts, Done, Upkeep
from schemabench.records import Contention
from schemabench.server import Server, lost, opened
from schemabench.workload import Writer


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Observations of one trial."""

    waits: Mapping[str, int] = field(default_factory=dict)
    """Wait class -> observations, as in `records.Trial`; likewise below."""
    counters: Mapping[str, float] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    """The samples."""

    @property
    def looks(self) -> int:
        """The number of samples."""
        return self.tally.samples


class Observer:
    """Observes one entrant, copy after copy of its database, and maintains its tables.

    Args:
        server: The entrant's server.
        entrant: The entrant to observe.
        others: Its sessions that belong to other workers: process id -> its part.
        sampler: Takes samples while a burst is executed; None for counters only.
        neighbours: The noise, whose sessions may block writers.

    Attributes:
        deadlock_timeout_s: How long the server lets a session wait before it checks for a deadlock.

    Raises:
        ServerError: The server cannot be reached or refused.
    """

    def __init__(
        self,
        server: Server,
        entrant: Entrant,
        others: Mapping[int, str],
        sampler: Sampler | None,
        neighbours: Neighbours,
    ) -> None:
        self._server = server
        self._entrant = entrant
        self._sampler = sampler
        self._neighbours = neighbours
        self._upkeeps = [Upkeep() for _ in entrant.databases]
        self._counts: Sequence[Mapping[int, Counts]] = ()
        self._before: Reading = {}
        self._relations = self._read_relations()
        with self._words(), opened(self._conninfos[0]) as connection:
            self.deadlock_timeout_s = conditions.deadlock_timeout_s(connection)
        self._open(others)
        with self._words():
            self._sizes = self._counters.sizes()

    def leave(self) -> None:
        """Disconnect from the entrant's databases, which are about to be copied.

        Raises:
            ServerError: The server failed.
        """
        with self._words(), closing(self._counters):
            self._counts = self._read_counts()

    def follow(self, others: Mapping[int, str], *, copied: bool) -> None:
        """Observe the entrant's new sessions from now on; earlier observations are kept.

        Args:
            others: As when the observer was made.
            copied: Whether they are in copies of the databases, whose counts start at zero.

        Raises:
            ServerError: The server failed.
        """
        for upkeep, counts in zip(self._upkeeps, self._counts if copied else (), strict=False):
            upkeep.carry(counts)
        self._open(others)

    def attend(self, others: Mapping[int, str]) -> None:
        """Observe new sessions in the same databases from now on, between two trials.

        Args:
            others: As when the observer was made.
        """
        self._parts = {**self._entrant.sessions.parts, **others}
        self._counters.attend([*self._parts])

    @property
    def _conninfos(self) -> list[str]:
        return [self._server.conninfo_for(one.name) for one in self._entrant.databases]

    def _read_counts(self) -> list[Mapping[int, Counts]]:
        """Return the counts of each database's tables."""
        pairs = zip(self._upkeeps, self._counters.connections, strict=True)
        return [upkeep.counts(connection) for upkeep, connection in pairs]

    def _read_relations(self) -> Relations:
        """Return the relations of all databases: the server takes their OIDs from one sequence."""
        found = Relations(named={}, tables={})
        for conninfo in self._conninfos:
            with self._words(), opened(conninfo) as connection:
                own = relations.read(connection)
            found = Relations(named={**found.named, **own.named}, tables={**found.tables, **own.tables})
        return found

    def _open(self, others: Mapping[int, str]) -> None:
        self._parts = {**self._entrant.sessions.parts, **others}
        with self._words():
            self._counters = Counters.open(self._conninfos, pids=[*self._parts], local=self._server.is_local)

    @property
    def missing(self) -> Mapping[str, str]:
        """Counter -> why the server does not provide it."""
        return self._counters.missing

    def begin(self, random: Random, expected_s: float = math.inf) -> tuple[int, Talk] | None:
        """Read the counters before a trial; return the sampler's conversation.

        Args:
            random: Determines the time of the first sample.
            expected_s: About how long the trial will take; without it, the sampling rate is that of a long trial.

        Raises:
            ServerError: The server failed.
        """
        with self._words():
            self._before = self._counters.read()
        return (
            self._sampler.watch([*self._parts, *self._entrant.companions.names], random, expected_s)
            if self._sampler
            else None
        )

    def end(self) -> Seen:
        """Return the observations since `begin`; all sessions have flushed their statistics by now.

        Raises:
            ServerError: The server failed.
        """
        samples = self._sampler.taken(self._relations.tables) if self._sampler else None
        with self._words():
            after = self._counters.read()
        tally = Tally()
        if samples:
            tally.add(samples, self._entrant.companions.names, self._parts, self._neighbours.names)
        return Seen(waits=tally.waits(), counters=increase(self._before, after), tally=tally)

    def look_after(self) -> dict[str, float]:
        """Vacuum and analyze the tables that are due; return the cost, as counters.

        Raises:
            CandidateError: The server refused, for example because a function in an index fails.
            ServerError: The server failed.
        """
        places = zip(self._upkeeps, self._counters.connections, self._conninfos, strict=True)
        try:
            done = [upkeep.maintain(connection, conninfo) for upkeep, connection, conninfo in places]
        except psycopg.Error as cause:
            raise failures.refused(self._entrant.template, cause) from cause
        return {f"upkeep_{one.name}": float(sum(getattr(its, one.name) for its in done)) for one in fields(Done)}

    def choices(self, calls: Sequence[tuple[Writer, Encoded]]) -> Choices:
        """Return the plans that a new connection would choose for calls; for use between blocks.

        Raises:
            ServerError: The server failed.
        """
        return planning.choices(self._entrant, calls)

    def sizes(self) -> Reading:
        """Return the growth of tables and indexes since the observer was made, their current sizes, and dead rows.

        A growth is negative if they shrank. Sizes are not read for each trial: that takes milliseconds for a hundred
        relations, and a file grows in steps.

        Raises:
            ServerError: The server failed.
        """
        with self._words():
            now = self._counters.sizes()
            pairs = zip(self._upkeeps, self._counters.connections, strict=True)
            dead = sum(upkeep.dead_rows(connection) for upkeep, connection in pairs)
        ended = {AT_THE_END[name]: size for name, size in now.items()}
        if DEAD_AT_THE_END not in self.missing:
            ended[DEAD_AT_THE_END] = dead
        return growth(self._sizes, now) | ended

    def contention(self, tally: Tally, paused: float) -> Contention | None:
        """Return the lock waits; None if nothing was sampled.

        Args:
            tally: The samples of the counted trials.
            paused: The writers' pauses in them, in observations.

        Raises:
            ServerError: The server failed.
        """
        named = {**self._relations.named, **self._read_relations().named}
        return tally.contention(named, paused=paused)

    def close(self) -> None:
        """Close the connection."""
        self._counters.close()

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Raise a failed connection to the server as a ServerError, and a table that remained locked in our words."""
        try:
            yield
        except LockNotAvailable as cause:
            raise failures.locked_table(self._entrant.template, LOCK_LIMIT_S) from cause
        except psycopg.Error as cause:
            raise lost(self._server, cause) from cause
