"""What is seen of one entrant beside its speed: who waits for whom, what its writes cost, which plans it would have.

Owns the order of things around a trial: what is read before it and after it, outside the clock. Must not know blocks,
nor compare entrants.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from random import Random

import psycopg

from schemabench import candidate as candidates
from schemabench.experiment import planning
from schemabench.experiment.burst import Encoded
from schemabench.experiment.entrant import Entrant
from schemabench.load import Talk
from schemabench.monitor import conditions, relations
from schemabench.monitor.attribution import Tally
from schemabench.monitor.choices import Choices
from schemabench.monitor.counters import AT_THE_END, Counters, Reading, growth, increase
from schemabench.monitor.sampler import Sampler
from schemabench.monitor.upkeep import Counts, Upkeep
from schemabench.records import Contention
from schemabench.server import Server, gone, lost, opened
from schemabench.workload import Writer


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of one trial."""

    waits: Mapping[str, int] = field(default_factory=dict)
    """Wait class -> observations, as in `records.Trial`; likewise below."""
    counters: Mapping[str, float] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    """The samples."""

    @property
    def looks(self) -> int:
        """How often the server was looked at."""
        return self.tally.samples


class Observer:
    """Looks at one entrant, copy after copy of its database, and looks after its tables.

    Args:
        server: Where the entrant is.
        entrant: Whom to look at.
        others: The process ids of its sessions that belong to other workers.
        sampler: What looks while a burst is executed; None for counters alone.

    Attributes:
        deadlock_timeout_s: For how long the server lets a session wait before it looks for a deadlock.

    Raises:
        ServerError: The server cannot be reached or refused.
    """

    def __init__(self, server: Server, entrant: Entrant, others: Sequence[int], sampler: Sampler | None) -> None:
        self._server = server
        self._entrant = entrant
        self._sampler = sampler
        self._upkeep = Upkeep()
        self._counts: Mapping[int, Counts] = {}
        self._before: Reading = {}
        with _words(server), opened(self._conninfo) as connection:
            self._relations = relations.read(connection)
            self.deadlock_timeout_s = conditions.deadlock_timeout_s(connection)
        self._open(others)
        with _words(server):
            self._sizes = self._counters.sizes()

    def leave(self) -> None:
        """Disconnect from the entrant's database, which is about to be copied.

        Raises:
            ServerError: The server failed.
        """
        with _words(self._server), closing(self._counters):
            self._counts = self._upkeep.counts(self._counters.connection)

    def follow(self, others: Sequence[int], *, copied: bool) -> None:
        """Look at the entrant's new sessions from now on; what was seen before is kept.

        Args:
            others: As when the observer was made.
            copied: Whether they are in a copy of the database, whose counts begin anew.

        Raises:
            ServerError: The server failed.
        """
        if copied:
            self._upkeep.carry(self._counts)
        self._open(others)

    @property
    def _conninfo(self) -> str:
        return self._server.conninfo_for(self._entrant.database.name)

    def _open(self, others: Sequence[int]) -> None:
        self._pids = [*self._entrant.sessions.pids, *others]
        with _words(self._server):
            self._counters = Counters.open(self._conninfo, pids=self._pids, local=self._server.is_local)

    @property
    def missing(self) -> Mapping[str, str]:
        """Counter -> why the server does not offer it."""
        return self._counters.missing

    def begin(self, random: Random, expected_s: float = math.inf) -> tuple[int, Talk] | None:
        """Read the counters before a trial; return who watches it.

        Args:
            random: Where the moment of the first look comes from.
            expected_s: About how long the trial will take; without it, it is looked at as often as a long one.

        Raises:
            ServerError: The server failed.
        """
        with _words(self._server):
            self._before = self._counters.read()
        return self._sampler.watch(self._pids, random, expected_s) if self._sampler else None

    def end(self) -> Seen:
        """Return what was seen since `begin`; everyone's sessions have handed their statistics over by now.

        Raises:
            ServerError: The server failed.
        """
        samples = self._sampler.taken(self._relations.tables) if self._sampler else None
        with _words(self._server):
            after = self._counters.read()
        tally = Tally()
        if samples:
            tally.add(samples)
        return Seen(waits=tally.waits(), counters=increase(self._before, after), tally=tally)

    def look_after(self) -> dict[str, float]:
        """Vacuum and analyze the tables that are due; return what that took, as counters.

        Raises:
            CandidateError: The server refused, as where an index holds a function that fails.
            ServerError: The server failed.
        """
        try:
            done = self._upkeep.maintain(self._counters.connection, self._conninfo)
        except psycopg.Error as cause:
            if gone(cause):
                raise lost(self._server, cause) from cause
            candidate = self._entrant.template.candidate
            raise candidates.refused(candidate, candidate.file.preamble, cause) from cause
        return {f"upkeep_{name}": float(value) for name, value in asdict(done).items()}

    def choices(self, calls: Sequence[tuple[Writer, Encoded]]) -> Choices:
        """Return the plans that a new connection would choose for calls; to be asked between blocks.

        Raises:
            ServerError: The server failed.
        """
        return planning.choices(self._entrant, calls)

    def sizes(self) -> Reading:
        """Return by how much tables and indexes have grown since the observer was made, and how large they are now.

        A growth is negative where they shrank. Sizes are not read for each trial: that takes milliseconds for a hundred
        relations, and a file grows by leaps.

        Raises:
            ServerError: The server failed.
        """
        with _words(self._server):
            now = self._counters.sizes()
        return growth(self._sizes, now) | {AT_THE_END[name]: size for name, size in now.items()}

    def contention(self, tally: Tally, paused: float) -> Contention | None:
        """Return who waited for whom; None where nothing was sampled.

        Args:
            tally: The samples of the trials that count.
            paused: The writers' pauses in them, in observations.

        Raises:
            ServerError: The server failed.
        """
        with _words(self._server), opened(self._conninfo) as connection:
            named = {**self._relations.named, **relations.read(connection).named}
            return tally.contention(named, paused=paused)

    def close(self) -> None:
        """Close the connection."""
        self._counters.close()


@contextmanager
def _words(server: Server) -> Iterator[None]:
    """Put what goes wrong between us and the server into words."""
    try:
        yield
    except psycopg.Error as cause:
        raise lost(server, cause) from cause
