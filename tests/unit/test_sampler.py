"""When the sampler looks, what it counts as late or lost, and how it understands an answer: with a played server."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from fake_connection import Answer, FakeConnection, FakeResult, refused
from psycopg.pq import ExecStatus

from schemabench.load import LostConnectionError, Session, Talk
from schemabench.load.talk import Pause
from schemabench.monitor import sampler as sampler_module
from schemabench.monitor.sample import Lock, Seen
from schemabench.monitor.sampler import Sampler, mark, rate_hz
from schemabench.units import NANOSECONDS

HZ = 50
INTERVAL_NS = NANOSECONDS // HZ
PIDS = (7, 8)
ITEM, ITEM_KEY, PARENT, ONE_PART, OTHER_PART = 100, 101, 200, 201, 202
TABLES = {ITEM: ITEM, PARENT: PARENT, ONE_PART: PARENT, OTHER_PART: PARENT}
Cell = str | None


class Clock:
    """A clock that moves when it is told to."""

    now_ns = 1_000

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_ns


class Watched:
    """A sampler whose server is played, and the trial that it watches."""

    def __init__(self, clock: Clock, connection: FakeConnection) -> None:
        self.clock = clock
        self.connection = connection
        self.sampler = Sampler("", HZ)
        self.talk: Talk = iter(())  # type: ignore[assignment] # until a trial begins

    def begin(self, seed: int = 1, expected_s: float = math.inf) -> int:
        """Begin a trial; return when the first look is due."""
        socket, self.talk = self.sampler.watch(PIDS, Random(seed), expected_s)  # noqa: S311 (reproducible)
        assert socket == self.connection.socket
        return self._due()

    def look(self, *rows: tuple[Cell, ...], late_ns: int = 0, answer: Answer | None = None) -> int:
        """Read the answer before and take the look that is due, so much later; return when the next one is."""
        self.clock.now_ns = max(self.clock.now_ns, self.due_ns) + late_ns
        self.connection.script.append(answer or _answer(*rows))
        return self._due()

    def wait(self) -> None:
        """Begin to read an answer that is not there yet."""
        self.clock.now_ns = self.due_ns
        assert next(self.talk) is None

    def answered(self, *rows: tuple[Cell, ...], later_ns: int) -> int:
        """Have the awaited answer come, so much later, and take the next look; return when the one after it is due."""
        self.clock.now_ns += later_ns
        self.connection.script.append(_answer(*rows))
        return self._due()

    def _due(self) -> int:
        pause = next(self.talk)
        assert isinstance(pause, Pause)
        self.due_ns = pause.until_ns
        return self.due_ns


def _answer(*rows: tuple[Cell, ...], late: int = 0) -> Answer:
    cells = [[None if cell is None else cell.encode() for cell in row] for row in rows]
    return Answer(FakeResult(ExecStatus.TUPLES_OK, rows=cells), late=late)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    clock, played = Clock(), FakeConnection()
    connection: Any = played
    monkeypatch.setattr(sampler_module, "perf_counter_ns", clock)
    monkeypatch.setattr(sampler_module.Session, "open", lambda _: Session(connection))
    yield Watched(clock, played)
    played.finish()


def _row(query: Cell = "/* add */ INSERT", *wait: Cell) -> tuple[Cell, ...]:
    """Return a row of `look.sql`; `wait` is class, event, lock, blockers."""
    return ("7", query, *wait, *[None] * (4 - len(wait)))


def _told(kind: str, relation: int, *, mode: str = "RowExclusiveLock") -> str:
    """Return what `look.sql` tells of a lock that is held."""
    return f"(7,t,{mode},,{kind},5,{relation},,,,,,,)"


def _waiting(*held: str, seconds: str = "0.5", blockers: Cell = "8") -> tuple[Cell, ...]:
    """Return a row of a session that holds these locks and waits for another transaction's end."""
    awaited = f"(7,f,ShareLock,{seconds},transactionid,,,,,,733,,,)"
    return _row("/* add */ INSERT", "Lock", "transactionid", " ".join((*held, awaited)), blockers)


def _seen(watched: Watched, row: tuple[Cell, ...]) -> Seen:
    watched.begin()
    watched.look(row)
    (sample,) = watched.sampler.taken(TABLES).taken
    (seen,) = sample.seen
    return seen


def test_a_look_asks_about_the_sessions_that_it_shall_watch(watched: Watched) -> None:
    watched.begin()
    watched.look()

    assert watched.connection.sent == [(b"look", [b"{7,8}"])]


def test_the_first_look_falls_anywhere_in_the_first_interval(watched: Watched) -> None:
    phases = [watched.begin(seed) - watched.clock.now_ns for seed in range(50)]

    assert min(phases) >= 0
    assert max(phases) <= INTERVAL_NS
    assert max(phases) - min(phases) > INTERVAL_NS / 2
    assert watched.begin(7) == watched.begin(7)


@pytest.mark.parametrize(
    ("expected_s", "hz"), [(math.inf, 50), (10, 50), (0.08, 50), (0.04, 100), (0.02, 200), (0.001, 200)]
)
def test_short_trials_are_looked_at_more_often_up_to_what_costs_little(
    watched: Watched, expected_s: float, hz: float
) -> None:
    first_ns = watched.begin(expected_s=expected_s)

    assert watched.look() == first_ns + round(NANOSECONDS / hz)


@pytest.mark.parametrize("hz", [200.0, 500.0])
def test_nothing_is_looked_at_less_often_than_asked_for(hz: float) -> None:
    assert [rate_hz(hz, expected_s) for expected_s in (0.001, 0.02, 10)] == [hz] * 3


def test_looks_are_due_at_the_rate_however_late_they_are_taken(watched: Watched) -> None:
    due_ns = [watched.begin(), *(watched.look(late_ns=INTERVAL_NS * tenths // 10) for tenths in (1, 9, 5, 0))]

    assert due_ns == [due_ns[0] + place * INTERVAL_NS for place in range(5)]
    samples = watched.sampler.taken({})
    assert (len(samples.taken), samples.lost) == (4, 0)


@pytest.mark.parametrize(("late_ns", "late"), [(0, False), (INTERVAL_NS // 2, False), (INTERVAL_NS // 2 + 1, True)])
def test_a_look_is_late_after_half_an_interval(watched: Watched, late_ns: int, late: bool) -> None:  # noqa: FBT001 (the expected value)
    watched.begin()
    watched.look(late_ns=late_ns)

    assert [sample.late for sample in watched.sampler.taken({}).taken] == [late]


def test_looks_that_fall_due_during_a_slow_answer_are_lost_and_the_rate_is_kept(watched: Watched) -> None:
    first_ns = watched.begin()
    watched.look(answer=_answer(late=1))
    watched.wait()

    assert watched.answered(later_ns=22 * INTERVAL_NS // 10) == first_ns + 4 * INTERVAL_NS
    samples = watched.sampler.taken({})
    assert (len(samples.taken), samples.lost) == (2, 2)


def test_looks_that_fall_due_while_the_last_answer_is_awaited_are_lost(watched: Watched) -> None:
    watched.begin()
    watched.look(answer=_answer(late=9))
    watched.clock.now_ns += 32 * INTERVAL_NS // 10

    assert watched.sampler.taken({}) == ((), 3)


def test_an_answer_that_is_there_when_the_burst_ends_is_read(watched: Watched) -> None:
    watched.begin()
    watched.look(_row("/* add */ SELECT"))

    (sample,) = watched.sampler.taken({}).taken
    assert [seen.operation for seen in sample.seen] == ["add"]


def test_a_look_that_is_cut_short_by_the_end_is_neither_taken_nor_lost(watched: Watched) -> None:
    watched.begin()
    watched.look()
    watched.look(answer=_answer(late=9))
    watched.clock.now_ns += INTERVAL_NS // 10

    samples = watched.sampler.taken({})
    assert (len(samples.taken), samples.lost) == (1, 0)


def test_a_look_that_is_cut_short_does_not_leak_into_the_next_trial(watched: Watched) -> None:
    watched.begin()
    watched.look(answer=_answer(_row("/* earlier */ SELECT"), late=9))
    watched.begin()
    watched.look(_row("/* later */ SELECT"))

    (sample,) = watched.sampler.taken({}).taken
    assert [seen.operation for seen in sample.seen] == ["later"]


def test_each_trial_counts_from_nothing(watched: Watched) -> None:
    watched.begin()
    watched.look(late_ns=INTERVAL_NS)
    watched.clock.now_ns += 3 * INTERVAL_NS
    assert watched.sampler.taken({}).lost > 0
    watched.begin()

    assert watched.sampler.taken({}) == ((), 0)


def test_a_look_that_the_server_refuses_is_lost(watched: Watched) -> None:
    watched.begin()
    watched.look(answer=Answer(refused("42501")))
    watched.look()

    samples = watched.sampler.taken({})
    assert (len(samples.taken), samples.lost) == (1, 1)


def test_a_connection_that_breaks_is_a_lost_connection(watched: Watched) -> None:
    watched.begin()
    watched.look(answer=Answer(lost="server closed the connection\n"))

    with pytest.raises(LostConnectionError, match=r"^server closed the connection$"):
        next(watched.talk)


def test_a_connection_that_breaks_at_the_end_of_the_burst_leaves_what_was_seen(watched: Watched) -> None:
    watched.begin()
    watched.look(_row())
    watched.look(answer=Answer(lost="server closed the connection\n"))

    samples = watched.sampler.taken({})
    assert (len(samples.taken), samples.lost) == (1, 0)


def test_a_look_may_see_nobody_at_work(watched: Watched) -> None:
    watched.begin()
    watched.look()

    assert [sample.seen for sample in watched.sampler.taken({}).taken] == [()]


@pytest.mark.parametrize("operation", ["a", "_", "upsert_2", "x" * 63])
def test_the_operation_is_read_from_the_mark_before_its_statement(watched: Watched, operation: str) -> None:
    assert _seen(watched, _row(mark(operation) + "SELECT '/* other */ '")).operation == operation


@pytest.mark.parametrize("query", [None, "", "SELECT 1", "SELECT '/* add */ '", "<insufficient privilege>"])
def test_an_operation_without_a_mark_is_unknown(watched: Watched, query: Cell) -> None:
    assert _seen(watched, _row(query)).operation == ""


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        ((None, None), ("running", "")),
        ((None, "WALSync"), ("running", "")),
        (("Client", "ClientRead"), ("Client", "ClientRead")),
        (("LWLock", "WALWrite"), ("LWLock", "WALWrite")),
        (("IO", None), ("IO", "")),
        (("IPC", "SyncRep"), ("other", "SyncRep")),
        (("Timeout", "PgSleep"), ("other", "PgSleep")),
    ],
)
def test_a_wait_has_its_class_and_its_event(
    watched: Watched, wait: tuple[Cell, Cell], expected: tuple[str, str]
) -> None:
    seen = _seen(watched, _row("/* add */ INSERT", *wait))

    assert (seen.wait_class, seen.event) == expected
    assert (seen.pid, seen.lock, seen.blockers) == (7, None, ())


def test_a_lock_wait_has_all_that_the_server_says(watched: Watched) -> None:
    awaited = f"(7,f,ExclusiveLock,0.25,tuple,5,{ITEM_KEY},3,1,,,,,)"
    seen = _seen(watched, _row("/* add */ INSERT", "Lock", "tuple", f"{_told('relation', ITEM)} {awaited}", "8,0"))

    assert seen.lock == Lock(
        "tuple", "ExclusiveLock", target=f"tuple,5,{ITEM_KEY},3,1", relation=ITEM_KEY, waited_s=0.25
    )
    assert seen.blockers == (8, 0)


def test_waits_for_the_same_have_the_same_target_and_waits_for_others_do_not(watched: Watched) -> None:
    watched.begin()
    rows = [f"(7,f,ShareLock,0,transactionid,,,,,,{number},,,)" for number in (733, 733, 734)]
    watched.look(*(_row("/* add */ INSERT", "Lock", "transactionid", text, "8") for text in rows))
    (sample,) = watched.sampler.taken(TABLES).taken
    first, second, third = (seen.lock.target for seen in sample.seen if seen.lock)

    assert first == second != third


@pytest.mark.parametrize(("seconds", "blockers"), [("0", None), ("0", ""), ("", "")])
def test_a_wait_that_was_over_when_its_blockers_were_asked_for_has_none(
    watched: Watched, seconds: str, blockers: Cell
) -> None:
    seen = _seen(watched, _waiting(seconds=seconds, blockers=blockers))

    assert seen.lock is not None
    assert (seen.lock.waited_s, seen.blockers) == (0.0, ())


@pytest.mark.parametrize("locks", [None, "", _told("relation", ITEM)])
def test_a_wait_that_was_over_when_its_lock_was_looked_for_has_neither_lock_nor_blockers(
    watched: Watched, locks: Cell
) -> None:
    seen = _seen(watched, _row("/* add */ INSERT", "Lock", "tuple", locks, "8"))

    assert (seen.wait_class, seen.lock, seen.blockers) == ("Lock", None, ())


@pytest.mark.parametrize(
    ("relations", "relation"),
    [
        ([], 0),
        ([ITEM], ITEM),
        ([ITEM, ITEM], ITEM),
        ([ONE_PART], ONE_PART),
        ([ITEM_KEY, ITEM], ITEM),
        ([PARENT, ONE_PART], ONE_PART),
        ([PARENT, ONE_PART, OTHER_PART], PARENT),
        ([ONE_PART, OTHER_PART], PARENT),
        ([ITEM, PARENT], 0),
        ([ITEM_KEY, 999], 0),
    ],
)
def test_a_wait_for_a_transaction_is_laid_to_the_one_table_that_it_can_be_about(
    watched: Watched, relations: list[int], relation: int
) -> None:
    lock = _seen(watched, _waiting(*(_told("relation", oid) for oid in relations))).lock

    assert lock is not None
    assert lock.relation == relation


def test_a_wait_for_a_transaction_is_laid_to_the_table_whose_row_the_session_has_locked(watched: Watched) -> None:
    held = [_told("relation", ITEM), _told("relation", PARENT), _told("tuple", ITEM, mode="ExclusiveLock")]
    lock = _seen(watched, _waiting(*held)).lock

    assert lock is not None
    assert (lock.kind, lock.relation) == ("transactionid", ITEM)
