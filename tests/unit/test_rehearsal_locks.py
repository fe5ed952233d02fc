"""What samples of a migration's locks add up to: by made-up samples."""

from schemabench.rehearsal import locks
from schemabench.rehearsal.record import Locked, Waiter
from schemabench.rehearsal.watching import Row, Sample


def _own(mode: str, relation: str, *, granted: bool = True, waited_s: float = 0.0) -> Row:
    return Row(kind="own", mode=mode, relation=relation, granted=granted, waited_s=waited_s, pid=0, query="")


def _waiter(pid: int, query: str, waited_s: float) -> Row:
    return Row(
        kind="waiter", mode="RowExclusiveLock", relation="entry", granted=False, waited_s=waited_s, pid=pid, query=query
    )


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


def test_the_strongest_lock_on_each_relation_stands_for_it() -> None:
    some = locks.of_statement(
        [Sample(0, 0, (_own("AccessShareLock", "a"), _own("ShareLock", "a"), _own("RowShareLock", "b")))], 0
    )

    assert [(one.mode, one.relation) for one in locks.strongest(some)] == [("ShareLock", "a"), ("RowShareLock", "b")]


def test_who_waits_is_named_by_operation_with_the_most_at_once_and_the_longest_wait() -> None:
    samples = [
        Sample(0, 0, (_waiter(7, "/* change */ UPDATE entry", 0.1), _waiter(8, "/* change */ UPDATE entry", 0.05))),
        Sample(0, 1, (_waiter(7, "/* change */ UPDATE entry", 0.2), _waiter(9, "VACUUM\n  entry", 0.4))),
    ]

    assert locks.waiters(samples) == (
        Waiter(who="VACUUM entry", mode="RowExclusiveLock", relation="entry", at_once=1, longest_s=0.4),
        Waiter(who="change", mode="RowExclusiveLock", relation="entry", at_once=2, longest_s=0.2),
    )
