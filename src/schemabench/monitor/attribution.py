"""Lock waits and wait events: the samples of one entrant, added up.

Owns the sums over the samples of counted trials and their conversion to a record. Must not take a sample, nor open a
connection: the names of relations are passed in at the end, so that no name is looked up during a trial.

The writers' time is the number of observations of active sessions. At a fixed rate, independent of the sessions, the
probability of a state in a sample is its share of the time: a count over the observations is a share. A writer that
pauses before a retry is in no transaction and so not sampled; the load loop times the pause, which counts as the
observations that would have been made in it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from schemabench.monitor.sample import Lock, Sample, Samples, Seen
from schemabench.records import CONTENDED, PAUSE, TIME_CLASSES, WAIT_CLASSES, Contention, LockWait, WaitEvent, WaitPair

MOST_ENTRIES = 20
"""Limit for listed events, locks and pairs: every event or lock left out has less than a twentieth of the writers'
time. Sums by class are complete."""

ANOTHER_SESSION = "(another session)"
"""A blocking session that is not an active writer, or a writer that has not begun an operation."""
PREPARED_TRANSACTION = "(a prepared transaction)"
"""A blocker without a process."""
UNKNOWN_OPERATION = "(unknown)"
"""The operation of a waiting writer, if the sample does not tell it."""
DROPPED = "a relation since dropped"
"""The name of a relation that no longer exists."""

_NO_RELATION = 0
_PREPARED = 0
"""The process id that the server reports for a prepared transaction."""

_Names = TypeVar("_Names", bound=tuple[str, ...])
"""The key of a count."""


class Relation(NamedTuple):
    """The name of a table or an index."""

    name: str
    parent: str
    """The name of its topmost parent if it is a partition; otherwise empty."""


class _LockKey(NamedTuple):
    """The key of lock waits before relations have names."""

    kind: str
    mode: str
    relation: int


@dataclass(kw_only=True)
class Tally:
    """The samples of some trials of one entrant, added up."""

    samples: int = 0
    late: int = 0
    lost: int = 0
    deepest_queue: int = 0
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(wait class, event) -> observations."""
    locks: Counter[_LockKey] = field(default_factory=Counter)
    longest_s: dict[_LockKey, float] = field(default_factory=dict)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(waiting operation, blocking operation or companion) -> observations."""
    companions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(companion, wait class) -> observations, which are not among the others."""
    parts: Counter[str] = field(default_factory=Counter)
    """Part -> observations of its writers; all of them under an empty name in a workload without parts."""
    across: Counter[str] = field(default_factory=Counter)
    """Part -> those in which one of its writers waits for a lock of another part's."""

    def add(
        self,
        samples: Samples,
        companions: Mapping[int, str] = MappingProxyType({}),
        parts: Mapping[int, str] = MappingProxyType({}),
        others: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        """Add the samples of a trial.

        Args:
            samples: Of the writers' sessions, and of companions'.
            companions: The name of each companion's session, by its process id.
            parts: The part of each writer's session, by its process id; empty if it has none.
            others: What to call further sessions that may block writers, by process id.
        """
        self.lost += samples.lost
        for sample in samples.taken:
            self._add(sample, companions, parts, others)

    def waits(self) -> dict[str, int]:
        """Return the number of observations in each of `WAIT_CLASSES`.

        Empty without samples; all zero if samples found no active session.
        """
        classes: Counter[str] = Counter()
        for (wait_class, _), count in self.events.items():
            classes[wait_class] += count
        return {name: classes[name] for name in WAIT_CLASSES} if self.samples else {}

    def merge(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.samples += other.samples
        self.late += other.late
        self.lost += other.lost
        self.deepest_queue = max(self.deepest_queue, other.deepest_queue)
        self.events += other.events
        self.locks += other.locks
        self.pairs += other.pairs
        self.companions += other.companions
        self.parts += other.parts
        self.across += other.across
        for key, longest_s in other.longest_s.items():
            self.longest_s[key] = max(self.longest_s.get(key, 0.0), longest_s)

    def contention(self, relations: Mapping[int, Relation], *, paused: float = 0.0) -> Contention | None:
        """Return the record of the samples, or None without any.

        Args:
            relations: Tables and indexes by OID; any other is shown as dropped.
            paused: The writers' pauses before retries, as the observations that would have been made in that time.
        """
        if not self.samples:
            return None
        observations = self.events.total()
        whole = observations + paused
        counts: dict[str, float] = {**self.waits(), PAUSE: paused}
        return Contention(
            samples=self.samples,
            late=self.late,
            lost=self.lost,
            observations=observations,
            classes={name: counts[name] / whole for name in TIME_CLASSES} if observations else {},
            events=tuple(
                WaitEvent(wait_class=wait_class, name=name, share=count / whole)
                for (wait_class, name), count in _largest(self.events)
            ),
            locks=tuple(self._lock_waits(relations, whole)),
            pairs=tuple(
                WaitPair(waiting=waiting, blocking=blocking, share=count / whole)
                for (waiting, blocking), count in _largest(self.pairs)
            ),
            deepest_queue=self.deepest_queue,
            longest_wait_s=max(self.longest_s.values(), default=0.0),
        )

    def lock_share(self, companion: str) -> float | None:
        """Return the share of a companion's time in transactions that it waited for locks; None without samples."""
        counts = {kind: count for (name, kind), count in self.companions.items() if name == companion}
        return counts.get(CONTENDED[0], 0) / sum(counts.values()) if counts else None

    def across_share(self, part: str) -> float | None:
        """Return the share of the time of a part's writers in which they waited for another part; None if unknown."""
        return self.across[part] / self.parts[part] if self.parts[part] else None

    def _add(
        self, sample: Sample, companions: Mapping[int, str], parts: Mapping[int, str], others: Mapping[int, str]
    ) -> None:
        """Add one sample."""
        self.samples += 1
        self.late += sample.late
        working = [seen for seen in sample.seen if seen.pid not in companions]
        self.companions.update((companions[one.pid], one.wait_class) for one in sample.seen if one.pid in companions)
        self.events.update((seen.wait_class, seen.event) for seen in working)
        self.parts.update(parts.get(seen.pid, "") for seen in working)
        locked = [(seen, seen.lock) for seen in working if seen.lock]
        if not locked:  # as in most samples
            return
        operations = {**others, **{seen.pid: _operation(seen, parts) for seen in working}, **companions}
        queues = Counter(lock.target for _, lock in locked)
        self.deepest_queue = max(self.deepest_queue, *queues.values())
        for seen, lock in locked:
            self._add_lock(lock)
            part = parts.get(seen.pid, "")
            self.across[part] += any(parts.get(pid, part) != part for pid in seen.blockers)
            for blocking in _blocking(seen, operations):
                self.pairs[operations[seen.pid] or UNKNOWN_OPERATION, blocking] += 1

    def _add_lock(self, lock: Lock) -> None:
        """Add one session's wait for a lock."""
        key = _LockKey(lock.kind, lock.mode, lock.relation)
        self.locks[key] += 1
        self.longest_s[key] = max(self.longest_s.get(key, 0.0), lock.waited_s)

    def _lock_waits(self, relations: Mapping[int, Relation], whole: float) -> Iterator[LockWait]:
        """Yield the waits for locks in descending order, a partition's added to those of its topmost parent.

        Args:
            relations: As for `contention`.
            whole: The writers' time, in observations.
        """
        counts: Counter[tuple[str, str, str]] = Counter()
        members: defaultdict[tuple[str, str, str], list[_LockKey]] = defaultdict(list)
        for key, count in self.locks.items():
            folded = key.kind, key.mode, _shown(key.relation, relations)
            counts[folded] += count
            members[folded].append(key)
        for folded, count in _largest(counts):
            kind, mode, relation = folded
            known = [relations[key.relation] for key in members[folded] if key.relation in relations]
            yield LockWait(
                kind=kind,
                mode=mode,
                relation=relation,
                partitions=sum(bool(member.parent) for member in known),
                share=count / whole,
                longest_s=max(self.longest_s[key] for key in members[folded]),
            )


def _largest(counts: Counter[_Names]) -> list[tuple[_Names, int]]:
    """Return the entries with the largest counts in descending order, equal ones by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_ENTRIES]


def _operation(seen: Seen, parts: Mapping[int, str]) -> str:
    """Return what a session executes, with its part if it has one; empty if that is unknown."""
    part = parts.get(seen.pid, "")
    return f"{seen.operation} ({part})" if part and seen.operation else seen.operation


def _blocking(seen: Seen, operations: Mapping[int, str]) -> set[str]:
    """Return the operations that a session waits for: several sessions with the same one count once."""
    return {
        PREPARED_TRANSACTION if pid == _PREPARED else operations.get(pid) or ANOTHER_SESSION for pid in seen.blockers
    }


def _shown(oid: int, relations: Mapping[int, Relation]) -> str:
    """Return the name under which the locks of a relation are added up."""
    if oid == _NO_RELATION:
        return ""
    relation = relations.get(oid)
    return DROPPED if relation is None else relation.parent or relation.name
