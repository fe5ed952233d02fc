"""What samples of a migration add up to: the locks of each statement, and who waited for them.

Pure: it uses no clock and no connection.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from schemabench.monitor.sampler import marked
from schemabench.redaction import redact_sql
from schemabench.rehearsal.record import Locked, Waiter
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
    for sample in samples:
        for row in sample.rows if sample.step == step else ():
            if row.kind == "own":
                key = row.mode, row.relation
                held[key] = held.get(key, False) or row.granted
                waited_s[key] = max(waited_s.get(key, 0.0), row.waited_s)
    return tuple(
        Locked(mode=mode, relation=relation, granted=held[mode, relation], waited_s=waited_s[mode, relation])
        for mode, relation in sorted(held, key=lambda key: (strength(key[0]), key[1]))
    )


def strength(mode: str) -> int:
    """Return the rank of a lock's mode: 0 for the strongest; modes that no table has come last."""
    return MODES.index(mode) if mode in MODES else len(MODES)


def strongest(locks: Sequence[Locked]) -> tuple[Locked, ...]:
    """Return the strongest lock on each relation, of locks in the order of `of_statement`."""
    first: dict[str, Locked] = {}
    for one in locks:
        first.setdefault(one.relation, one)
    return tuple(first.values())


def waiters(samples: Iterable[Sample]) -> tuple[Waiter, ...]:
    """Return who was seen to wait for the migration, the longest wait first."""
    at_once: Counter[tuple[str, str, str]] = Counter()
    longest_s: dict[tuple[str, str, str], float] = {}
    for sample in samples:
        now: Counter[tuple[str, str, str]] = Counter()
        for row in sample.rows:
            if row.kind == "waiter":
                key = marked(row.query) or _shown(row.query), row.mode, row.relation
                now[key] += 1
                longest_s[key] = max(longest_s.get(key, 0.0), row.waited_s)
        at_once |= now
    found = [
        Waiter(who=who, mode=mode, relation=relation, at_once=count, longest_s=longest_s[who, mode, relation])
        for (who, mode, relation), count in at_once.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.longest_s, one.who, one.mode, one.relation)))


def _shown(query: str) -> str:
    """Return what another session executes, on one line."""
    return redact_sql(" ".join(query.split())) or "a session without a statement"
