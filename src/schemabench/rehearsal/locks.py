"""What samples of a migration add up to: the locks of each statement, who blocked it, and who waited for it.

Pure: it uses no clock and no connection.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemabench.rehearsal.record import Blocker, Locked, Waiter
from schemabench.rehearsal.watching import Sample

MODES = (
    "AccessExclusiveLock",
    "ExclusiveLock",
    "ShareRowExclusiveLock",
    "ShareLock",
    "ShareUpdateExclusiveLock",
    "RowExclusiveLock",
    "RowShareLock",
    "AccessShareLock",
)
"""The strongest first: https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES."""


def of_statement(samples: Iterable[Sample], step: int) -> tuple[Locked, ...]:
    """Return the locks that a statement was seen with, the strongest first, each mode and relation once.

    Args:
        samples: All samples of the migration.
        step: The statement, by its place.
    """
    held: dict[tuple[str, str], bool] = {}
    waited_s: dict[tuple[str, str], float] = {}
    blocked_s: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for sample in samples:
        for row in sample.rows if sample.step == step else ():
            key = row.mode, row.relation
            if row.kind == "own":
                held[key] = held.get(key, False) or row.granted
                waited_s[key] = max(waited_s.get(key, 0.0), row.waited_s)
            elif row.kind == "blocker":
                blocked_s[key][row.who] = max(blocked_s[key].get(row.who, 0.0), row.waited_s)
    return tuple(
        Locked(
            mode=key[0],
            relation=key[1],
            granted=held[key],
            waited_s=waited_s[key],
            blockers=tuple(_blockers(blocked_s[key])),
        )
        for key in sorted(held, key=lambda key: (strength(key[0]), key[1]))
    )


def _blockers(blocked_s: Mapping[str, float]) -> Iterator[Blocker]:
    """Yield who blocked a statement, whoever did for the longest wait first."""
    for who, longest_s in sorted(blocked_s.items(), key=lambda one: (-one[1], one[0])):
        yield Blocker(who=who, longest_s=longest_s)


def strength(mode: str) -> int:
    """Return the rank of a lock's mode: 0 for the strongest; modes that no table has come last."""
    return MODES.index(mode) if mode in MODES else len(MODES)


def telling(locks: Sequence[Locked]) -> tuple[Locked, ...]:
    """Return the strongest lock on each relation, and those that were waited for, of locks as of `of_statement`."""
    strongest: dict[str, Locked] = {}
    for one in locks:
        strongest.setdefault(one.relation, one)
    return tuple(one for one in locks if one.waited_s or one is strongest[one.relation])


def waiters(samples: Iterable[Sample]) -> tuple[Waiter, ...]:
    """Return who was seen to wait for the migration, the longest wait first."""
    at_once: Counter[tuple[str, str, str]] = Counter()
    longest_s: dict[tuple[str, str, str], float] = {}
    for sample in samples:
        now: Counter[tuple[str, str, str]] = Counter()
        for row in sample.rows:
            if row.kind == "waiter":
                key = row.who, row.mode, row.relation
                now[key] += 1
                longest_s[key] = max(longest_s.get(key, 0.0), row.waited_s)
        at_once |= now
    found = [
        Waiter(who=who, mode=mode, relation=relation, at_once=count, longest_s=longest_s[who, mode, relation])
        for (who, mode, relation), count in at_once.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.longest_s, one.who, one.mode, one.relation)))
