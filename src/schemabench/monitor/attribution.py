"""Who waited for whom, and on what: the looks at one entrant, added up.

Owns the sums over the samples of counted trials and how they become a record. Must not take a sample, nor open a
connection: the names of relations are handed in at the end, so that no name is looked up while a trial runs.

The writers' time is the number of observations of sessions at work. At a fixed rate, independent of what sessions do,
each has the chance of being in some state that the state has of the time: a count over the observations is a share.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from schemabench.monitor.sample import Lock, Sample, Samples, Seen
from schemabench.records import WAIT_CLASSES, Contention, LockWait, WaitEvent, WaitPair

MOST_ENTRIES = 20
"""Events, locks and pairs are listed up to so many each: of events and locks, whatever is left out has less than a
twentieth of the writers' time. Sums by class leave nothing out."""

ANOTHER_SESSION = "(another session)"
"""Who blocks and is no writer at work, or a writer that has not begun an operation."""
PREPARED_TRANSACTION = "(a prepared transaction)"
"""Who blocks and has no process."""
UNKNOWN_OPERATION = "(unknown)"
"""What a writer that waits was doing, where the sample does not say."""
DROPPED = "a relation since dropped"
"""What has no name any more."""

_NO_RELATION = 0
_PREPARED = 0
"""The process id that the server gives for a prepared transaction."""

_Names = TypeVar("_Names", bound=tuple[str, ...])
"""What a count is kept by."""


class Relation(NamedTuple):
    """What a table or an index is called."""

    name: str
    parent: str
    """Of its topmost parent, where it is a partition; empty where it is none."""


class _LockKey(NamedTuple):
    """What lock waits are told apart by while relations have no names yet."""

    kind: str
    mode: str
    relation: int


class Tally:
    """The samples of one entrant's counted trials, added up."""

    def __init__(self) -> None:
        self._samples = 0
        self._late = 0
        self._lost = 0
        self._deepest_queue = 0
        self._events: Counter[tuple[str, str]] = Counter()
        self._locks: Counter[_LockKey] = Counter()
        self._longest_s: defaultdict[_LockKey, float] = defaultdict(float)
        self._pairs: Counter[tuple[str, str]] = Counter()

    def add(self, samples: Samples) -> dict[str, int]:
        """Add the samples of a trial; return how often a session was seen in each of `WAIT_CLASSES` during it.

        Empty where no sample was taken; all zero where samples saw nobody at work.
        """
        self._lost += samples.lost
        for sample in samples.taken:
            self._add(sample)
        classes = Counter(seen.wait_class for sample in samples.taken for seen in sample.seen)
        return {name: classes[name] for name in WAIT_CLASSES} if samples.taken else {}

    def contention(self, relations: Mapping[int, Relation]) -> Contention | None:
        """Return what was seen, or None where no sample was taken.

        Args:
            relations: Tables and indexes by OID; what is not among them is shown as dropped.
        """
        if not self._samples:
            return None
        observations = self._events.total()
        classes: Counter[str] = Counter()
        for (wait_class, _), count in self._events.items():
            classes[wait_class] += count
        return Contention(
            samples=self._samples,
            late=self._late,
            lost=self._lost,
            observations=observations,
            classes={name: classes[name] / observations for name in WAIT_CLASSES} if observations else {},
            events=tuple(
                WaitEvent(wait_class=wait_class, name=name, share=count / observations)
                for (wait_class, name), count in _largest(self._events)
            ),
            locks=tuple(self._lock_waits(relations, observations)),
            pairs=tuple(
                WaitPair(waiting=waiting, blocking=blocking, share=count / observations)
                for (waiting, blocking), count in _largest(self._pairs)
            ),
            deepest_queue=self._deepest_queue,
            longest_wait_s=max(self._longest_s.values(), default=0.0),
        )

    def _add(self, sample: Sample) -> None:
        """Add one look at the server."""
        self._samples += 1
        self._late += sample.late
        operations = {seen.pid: seen.operation for seen in sample.seen}
        queues = Counter(seen.lock.target for seen in sample.seen if seen.lock)
        self._deepest_queue = max(self._deepest_queue, *queues.values(), 0)
        for seen in sample.seen:
            self._events[seen.wait_class, seen.event] += 1
            if seen.lock:
                self._add_lock(seen.lock)
            for blocking in _blocking(seen, operations):
                self._pairs[seen.operation or UNKNOWN_OPERATION, blocking] += 1

    def _add_lock(self, lock: Lock) -> None:
        """Add one session's wait for a lock."""
        key = _LockKey(lock.kind, lock.mode, lock.relation)
        self._locks[key] += 1
        self._longest_s[key] = max(self._longest_s[key], lock.waited_s)

    def _lock_waits(self, relations: Mapping[int, Relation], observations: int) -> Iterator[LockWait]:
        """Yield the waits for locks, the largest first, a partition's with those of its topmost parent."""
        counts: Counter[tuple[str, str, str]] = Counter()
        members: defaultdict[tuple[str, str, str], list[_LockKey]] = defaultdict(list)
        for key, count in self._locks.items():
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
                share=count / observations,
                longest_s=max(self._longest_s[key] for key in members[folded]),
            )


def _largest(counts: Counter[_Names]) -> list[tuple[_Names, int]]:
    """Return the entries with the largest counts, the largest first, equal ones by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_ENTRIES]


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
