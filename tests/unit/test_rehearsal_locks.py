"""What samples of a migration's locks add up to: by made-up samples."""

from schemabench.rehearsal import locks
from schemabench.rehearsal.record import Blocker, Locked, Waiter
from schemabench.rehearsal.watching import Row, Sample


def _own(mode: str, relation: str, *, granted: bool = True, waited_s: float = 0.0) -> Row:
    return Row(kind="own", mode=mode, relation=relation, granted=granted, waited_s=waited_s)


def _waiter(who: str, waited_s: float) -> Row:
    return Row(kind="waiter", mode="RowExclusiveLock", relation="entry", granted=False, waited_s=waited_s, who=who)


def _blocker(who: str, waited_s: float) -> Row:
    return Row(kind="blocker", mode="AccessExclusiveLock", relation="entry", granted=False, waited_s=waited_s, who=who)


def test_locks_of_a_statement_come_with_the_strongest_first_and_each_once() -> None:
    samples = [
        Sample(0, 0, (_own("AccessShareLock", "account"), _own("AccessExclusiveLock", "entry"))),
        Sample(0, 1, (_own("AccessShareLock", "account"), _own("ShareRowExclusiveLock", "account"))),
        Sample(1, 2, (_own("ExclusiveLock", "other"),)),
    ]

    assert [(one.mode, one.relation) for one in locks.of_statement(samples, 0)] == [
        ("AccessExclusiveLock", "entry"),
        ("ShareRowExclusiveLock", "account"),
        ("AccessShareLock", "account"),
    ]


def test_a_lock_that_was_waited_for_says_how_long_and_whether_it_came() -> None:
    samples = [
        Sample(0, 0, (_own("AccessExclusiveLock", "entry", granted=False, waited_s=0.1),)),
        Sample(0, 1, (_own("AccessExclusiveLock", "entry", granted=False, waited_s=0.3),)),
        Sample(0, 2, (_own("AccessExclusiveLock", "entry"),)),
        Sample(0, 2, (_own("ShareLock", "virtualxid", granted=False, waited_s=0.2),)),
    ]

    assert locks.of_statement(samples, 0) == (
        Locked(mode="AccessExclusiveLock", relation="entry", granted=True, waited_s=0.3),
        Locked(mode="ShareLock", relation="virtualxid", granted=False, waited_s=0.2),
    )


def test_a_lock_that_was_waited_for_says_who_blocked_it_the_longest_wait_first() -> None:
    waiting = _own("AccessExclusiveLock", "entry", granted=False, waited_s=0.3)
    samples = [
        Sample(0, 0, (waiting, _blocker("change", 0.1), _blocker("change", 0.1), _blocker("report", 0.1))),
        Sample(0, 1, (waiting, _blocker("report", 0.3))),
        Sample(1, 2, (waiting, _blocker("another statement's", 0.5))),
    ]

    (only,) = locks.of_statement(samples, 0)

    assert only.blockers == (Blocker(who="report", longest_s=0.3), Blocker(who="change", longest_s=0.1))


def test_the_strongest_lock_on_each_relation_stands_for_it_beside_what_was_waited_for() -> None:
    weak, strong = _own("AccessShareLock", "a"), _own("ShareLock", "a")
    awaited = _own("RowExclusiveLock", "a", waited_s=0.1)
    some = locks.of_statement([Sample(0, 0, (weak, strong, awaited, _own("RowShareLock", "b")))], 0)

    assert [(one.mode, one.relation) for one in locks.telling(some)] == [
        ("ShareLock", "a"),
        ("RowExclusiveLock", "a"),
        ("RowShareLock", "b"),
    ]


def test_who_waits_is_told_with_the_most_at_once_and_the_longest_wait() -> None:
    samples = [
        Sample(0, 0, (_waiter("change", 0.1), _waiter("change", 0.05))),
        Sample(0, 1, (_waiter("change", 0.2), _waiter("postgres: VACUUM entry", 0.4), _blocker("look", 1.0))),
    ]

    assert locks.waiters(samples) == (
        Waiter(who="postgres: VACUUM entry", mode="RowExclusiveLock", relation="entry", at_once=1, longest_s=0.4),
        Waiter(who="change", mode="RowExclusiveLock", relation="entry", at_once=2, longest_s=0.2),
    )
