"""Samples added up: shares, locks by relation, who waits for whom."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.monitor.attribution import MOST_ENTRIES, Relation, Tally
from schemabench.monitor.sample import Lock, Sample, Samples, Seen
from schemabench.records import TIME_CLASSES, WAIT_CLASSES, Contention, LockWait, WaitEvent, WaitPair

ROW = Lock(kind="transactionid", mode="ShareLock", target="transactionid 700", relation=0, waited_s=0.01)


def working(pid: int, operation: str = "write", wait_class: str = "running", event: str = "") -> Seen:
    return Seen(pid=pid, operation=operation, wait_class=wait_class, event=event, lock=None, blockers=())


def waiting(pid: int, *blockers: int, lock: Lock = ROW, operation: str = "write") -> Seen:
    return Seen(pid=pid, operation=operation, wait_class="Lock", event=lock.kind, lock=lock, blockers=blockers)


def on(oid: int, waited_s: float = 0.01) -> Lock:
    return Lock("relation", "RowExclusiveLock", target=f"relation {oid}", relation=oid, waited_s=waited_s)


def sample(*seen: Seen, late: bool = False) -> Sample:
    return Sample(seen=seen, late=late)


def taken(*samples: Sample, lost: int = 0) -> Tally:
    """Return the samples of one trial."""
    tally = Tally()
    tally.add(Samples(samples, lost=lost))
    return tally


def found(*samples: Sample, relations: dict[int, Relation] | None = None) -> Contention:
    contention = taken(*samples).contention(relations or {})
    assert contention is not None
    return contention


def test_trial_counts_sessions_by_what_they_did() -> None:
    counts = taken(sample(working(1), waiting(2, 1)), sample(working(1))).waits()
    assert counts == {"running": 2, "Lock": 1, "LWLock": 0, "IO": 0, "Client": 0, "other": 0}


def test_trial_without_a_look_has_no_counts_and_one_that_saw_nobody_has_zeros() -> None:
    assert taken(lost=3).waits() == {}
    assert taken(sample()).waits() == dict.fromkeys(WAIT_CLASSES, 0)


def test_without_a_sample_nothing_is_known() -> None:
    tally = Tally()
    tally.add(Samples((), lost=4))
    assert tally.contention({}) is None


def test_samples_that_saw_nobody_have_no_shares() -> None:
    contention = found(sample(), sample(late=True))
    assert (contention.samples, contention.late, contention.observations) == (2, 1, 0)
    assert (contention.classes, contention.events, contention.locks, contention.pairs) == ({}, (), (), ())
    assert (contention.deepest_queue, contention.longest_wait_s) == (0, 0)


def test_late_and_lost_samples_add_up_over_trials() -> None:
    tally = Tally()
    tally.add(Samples((sample(working(1), late=True),), lost=2))
    tally.add(Samples((sample(working(1)), sample(working(1), late=True)), lost=1))
    contention = tally.contention({})
    assert contention is not None
    assert (contention.samples, contention.late, contention.lost, contention.observations) == (3, 2, 3, 3)


def test_pauses_before_retries_are_part_of_the_writers_time_though_no_look_finds_them() -> None:
    tally = taken(sample(working(1), waiting(2, 1)), sample(working(1)), sample(waiting(1, 2)))
    contention = tally.contention({}, paused=4.0)
    assert contention is not None
    assert tuple(contention.classes) == TIME_CLASSES
    assert (contention.observations, sum(contention.classes.values())) == (4, pytest.approx(1))
    assert (contention.classes["pause"], contention.classes["Lock"]) == (0.5, 0.25)
    assert contention.locks[0].share == contention.pairs[0].share * 2 == 0.25


def test_shares_are_of_sessions_seen_at_work() -> None:
    contention = found(
        sample(working(1), waiting(2, 1)), sample(working(1, wait_class="IO", event="WALSync"), working(2))
    )
    assert {kind: share for kind, share in contention.classes.items() if share} == {
        "running": 0.5,
        "Lock": 0.25,
        "IO": 0.25,
    }
    assert contention.events == (
        WaitEvent(wait_class="running", name="", share=0.5),
        WaitEvent(wait_class="IO", name="WALSync", share=0.25),
        WaitEvent(wait_class="Lock", name="transactionid", share=0.25),
    )


def test_partitions_count_for_their_topmost_parent() -> None:
    relations = {oid: Relation(f"event_{oid}", "event") for oid in (11, 12)} | {10: Relation("event", "")}
    contention = found(
        sample(waiting(1, 9, lock=on(11, 0.2)), waiting(2, 9, lock=on(12, 0.3)), waiting(3, 9, lock=on(10, 0.1))),
        sample(waiting(1, 9, lock=on(11, 0.25)), working(2)),
        relations=relations,
    )
    assert contention.locks == (
        LockWait(kind="relation", mode="RowExclusiveLock", relation="event", partitions=2, share=4 / 5, longest_s=0.3),
    )
    assert contention.longest_wait_s == 0.3


def test_table_without_partitions_has_none() -> None:
    (lock,) = found(sample(waiting(1, 9, lock=on(10))), relations={10: Relation("item", "")}).locks
    assert (lock.relation, lock.partitions) == ("item", 0)


def test_dropped_relations_are_one_and_locks_of_no_relation_another() -> None:
    locks = found(sample(waiting(1, 9, lock=on(10)), waiting(2, 9, lock=on(11)), waiting(3, 9))).locks
    assert [(lock.kind, lock.relation, lock.partitions) for lock in locks] == [
        ("relation", "a relation since dropped", 0),
        ("transactionid", "", 0),
    ]


def test_locks_of_one_relation_are_told_apart_by_kind_and_mode() -> None:
    tuple_lock = Lock("tuple", "ExclusiveLock", target="tuple 10/1/2", relation=10, waited_s=0.0)
    locks = found(sample(waiting(1, 9, lock=on(10)), waiting(2, 9, lock=tuple_lock))).locks
    assert [(lock.kind, lock.mode) for lock in locks] == [("relation", "RowExclusiveLock"), ("tuple", "ExclusiveLock")]


def test_who_blocks_is_looked_up_in_the_same_look() -> None:
    contention = found(
        sample(waiting(1, 2, operation="upsert"), working(2, "refresh")),
        sample(waiting(1, 2, operation="upsert"), working(3, "refresh")),
    )
    assert contention.pairs == (
        WaitPair(waiting="upsert", blocking="(another session)", share=0.25),
        WaitPair(waiting="upsert", blocking="refresh", share=0.25),
    )


def test_who_has_no_operation_or_no_process_is_named_in_brackets() -> None:
    contention = found(sample(waiting(1, 2, 0, operation=""), working(2, "")))
    assert [(pair.waiting, pair.blocking) for pair in contention.pairs] == [
        ("(unknown)", "(a prepared transaction)"),
        ("(unknown)", "(another session)"),
    ]


def test_waiting_for_two_sessions_of_one_operation_counts_once_and_for_two_operations_twice() -> None:
    contention = found(sample(waiting(1, 2, 3, 4), working(2, "a"), working(3, "a"), working(4, "b")))
    assert contention.pairs == (
        WaitPair(waiting="write", blocking="a", share=0.25),
        WaitPair(waiting="write", blocking="b", share=0.25),
    )


def test_deepest_queue_is_for_one_lock_in_one_look() -> None:
    contention = found(
        sample(waiting(1, 9), waiting(2, 9, 1), waiting(3, 9, lock=on(10))),
        sample(waiting(4, 9), waiting(5, 9, lock=on(10)), waiting(6, 9, lock=on(11))),
    )
    assert contention.deepest_queue == 2


def test_lists_are_short_and_sums_are_whole() -> None:
    events = [working(pid, wait_class="IO", event=f"event {pid:02}") for pid in range(MOST_ENTRIES + 10)]
    contention = found(sample(*events))
    assert len(contention.events) == MOST_ENTRIES
    assert contention.classes["IO"] == 1


def test_largest_come_first_whatever_the_order_of_samples() -> None:
    one, two = sample(waiting(1, 2), working(2, "refresh")), sample(waiting(1, 9, lock=on(10)), working(2))
    three = sample(waiting(1, 9, lock=on(10)))
    assert found(one, two, three) == found(three, two, one)
    assert [lock.kind for lock in found(one, two, three).locks] == ["relation", "transactionid"]


@given(st.lists(st.lists(st.sampled_from(WAIT_CLASSES), max_size=5), min_size=1, max_size=6), st.integers(0, 6))
def test_adding_trial_by_trial_is_adding_all_at_once(looks: Sequence[Sequence[str]], cut: int) -> None:
    samples = [sample(*(working(pid, wait_class=name, event=name) for pid, name in enumerate(look))) for look in looks]
    whole = taken(*samples)
    total = Tally()
    for part in (samples[:cut], samples[cut:]):
        total.merge(taken(*part))

    assert total == whole
    contention = total.contention({})
    assert contention is not None
    assert sum(contention.classes.values()) == pytest.approx(1 if contention.observations else 0)


def test_companions_are_named_as_blockers_and_are_not_among_the_writers() -> None:
    tally = Tally()
    seen = sample(waiting(1, 7), working(2), waiting(7, 2, operation="scan"), working(8, "look"))
    tally.add(Samples((seen, sample(working(2), working(7))), lost=0), {7: "reader", 8: "holder", 9: "idle"})
    contention = tally.contention({})

    assert contention is not None
    assert contention.observations == 3
    assert tally.waits()["Lock"] == 1
    assert [(pair.waiting, pair.blocking) for pair in contention.pairs] == [("write", "reader")]
    assert contention.deepest_queue == 1
    assert tally.lock_share("reader") == 0.5
    assert tally.lock_share("holder") == 0
    assert tally.lock_share("idle") is None


def test_the_samples_of_companions_are_added_up_over_trials() -> None:
    one, other = Tally(), Tally()
    one.add(Samples((sample(waiting(7, 1)),), lost=0), {7: "reader"})
    other.add(Samples((sample(working(7)),), lost=0), {7: "reader"})
    one.merge(other)

    assert one.lock_share("reader") == 0.5


def test_a_session_of_the_noise_that_blocks_a_writer_is_named() -> None:
    tally = Tally()
    tally.add(Samples((sample(waiting(1, 7)),), lost=0), others={7: "(noise)"})

    contention = tally.contention({})

    assert contention is not None
    assert [(pair.waiting, pair.blocking) for pair in contention.pairs] == [("write", "(noise)")]
