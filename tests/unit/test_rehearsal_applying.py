"""What a migration's session sends, and what becomes of statements that fail: with a server that is played."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from fake_connection import FakeConnection, FakeResult, refused
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

from schemabench.errors import ServerError, UsageError
from schemabench.load import Ending, LostConnectionError, Session
from schemabench.load.talk import Pause
from schemabench.rehearsal import applying
from schemabench.rehearsal.applying import Applying, pause_s
from schemabench.rehearsal.asked import Asked
from schemabench.rehearsal.migration import Step
from schemabench.rehearsal.record import is_complete

PLAIN = Asked()
WRITTEN = FakeResult(ExecStatus.TUPLES_OK, rows=[[b"100", b"2000"]])
LOCK_TIMEOUT = "SHOW lock_timeout"
OUT_OF_TIME = refused("57014", "canceling statement due to statement timeout")
IN_VAIN = refused("55P03", "canceling statement due to lock timeout")
TAKEN = refused("42P07", "relation exists")
LAST_WORDS = refused("57P01", "terminating connection", SEVERITY_NONLOCALIZED="FATAL")


class Clock:
    """A clock that stands still but for pauses."""

    now_ns = 0

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_ns


class Played(FakeConnection):
    """A connection that takes statements as text: each is refused as often as it has refusals."""

    notice_handler: Callable[[FakeResult], object]

    def __init__(self, refusals: dict[str, list[FakeResult]], ends_with: str = "", idle_after: str = "") -> None:
        super().__init__()
        self.texts: list[str] = []
        """Those of the migration, and the lock timeout."""
        self.everything: list[str] = []
        self.refusals = {sql: list(some) for sql, some in refusals.items()}
        self.ends_with = ends_with
        """The statement with which the server ends the session."""
        self.idle_after = idle_after
        """The statement after which it ends the idle session."""

    def send_query(self, sql: bytes) -> None:
        """Take a statement, and have its answer ready."""
        text = sql.decode()
        waiting = self.refusals.get(text)
        shown = FakeResult(ExecStatus.TUPLES_OK, rows=[[b"2s"]])
        result = waiting.pop(0) if waiting else shown if text == LOCK_TIMEOUT else FakeResult()
        self.everything.append(text)
        if not text.startswith((LOCK_TIMEOUT, "SET statement_", "DISCARD ALL", "SET client_", "SET idle_")):
            self.texts.append(text)
        self._results = [result, None]
        self.speak()
        failed = result.status is ExecStatus.FATAL_ERROR
        if text == self.ends_with:
            self.status = ConnStatus.BAD
        if text == self.idle_after:
            self.notice_handler(LAST_WORDS)
        if text in {"ROLLBACK", "ABORT", "COMMIT"}:
            self.transaction_status = TransactionStatus.IDLE
        elif text == "BEGIN" or self.transaction_status is TransactionStatus.INTRANS:
            self.transaction_status = TransactionStatus.INERROR if failed else TransactionStatus.INTRANS


class Meter(FakeConnection):
    """A connection that tells what the server has written, until the server ends its session.

    Args:
        tells: How often it does.
    """

    def __init__(self, tells: int = 3) -> None:
        super().__init__()
        self.tells = tells

    def send_query(self, sql: bytes) -> None:
        """Take a question, and have its answer ready."""
        assert sql.startswith(b"SELECT pg_current_wal")
        self.tells -= 1
        self._results = [WRITTEN if self.tells >= 0 else LAST_WORDS, None]
        self.speak()
        self.status = ConnStatus.OK if self.tells >= 0 else ConnStatus.BAD


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(applying, "perf_counter_ns", clock)
    return clock


def _applied(
    clock: Clock, statements: Sequence[str], asked: Asked = PLAIN, **refusals: list[FakeResult]
) -> tuple[Applying, Played]:
    """Apply a migration to its end; refusals are by the statement's first word."""
    connection = Played({sql: refusals[word] for sql in statements if (word := sql.split()[0]) in refusals})
    return _applied_on(clock, connection, statements, asked), connection


def _applied_on(clock: Clock, connection: Played, statements: Sequence[str], asked: Asked) -> Applying:
    steps = [Step(sql, f"new.sql:{place}", begins=place == 0) for place, sql in enumerate(statements)]
    return _steps_applied_on(clock, connection, steps, asked)


def _steps_applied_on(clock: Clock, connection: Played, steps: Sequence[Step], asked: Asked) -> Applying:
    played: Any = connection
    meter: Any = Meter(tells=2)
    another: Any = Meter(tells=1)
    one = Applying(
        session=Session(played),
        meter=Session(meter),
        another=lambda: Session(another),
        steps=steps,
        asked=asked,
        ending=Ending(),
        count=dict,
    )
    try:
        _run(clock, one.talk())
    finally:
        meter.finish()
        another.finish()
        if not one.is_ended:
            connection.finish()
    return one


def _run(clock: Clock, talk: Iterator[object]) -> None:
    for want in talk:
        if isinstance(want, Pause) and not want.listening:
            clock.now_ns = want.until_ns


def test_statements_are_sent_as_they_stand_after_the_quiet(clock: Clock) -> None:
    one, connection = _applied(clock, ["CREATE TABLE a ()", "BEGIN", "DROP TABLE b", "COMMIT"], Asked(quiet_s=2.0))

    assert connection.texts == ["CREATE TABLE a ()", "BEGIN", "DROP TABLE b", "COMMIT"]
    assert one.outcomes == ["done"] * 4
    assert one.begun_ns == 2 * 10**9
    assert one.ending.at_ns == 4 * 10**9
    assert one.meters[0][1:] == (100, 2000)


def test_a_lock_timeout_is_set_in_this_session(clock: Clock) -> None:
    _, connection = _applied(clock, ["DROP TABLE b"], Asked(lock_timeout_s=2.0))

    assert connection.texts == ["SET lock_timeout = 2000", "DROP TABLE b"]


def test_every_file_begins_with_the_same_settings_and_the_first_one_too(clock: Clock) -> None:
    connection = Played({})
    steps = [Step("DROP a", "1.sql:1", begins=True), Step("DROP b", "", begins=False), Step("DROP c", "", begins=True)]

    _steps_applied_on(clock, connection, steps, Asked(lock_timeout_s=2.0))

    *sent, _ = connection.everything  # without the lock timeout
    settings = ["SET client_connection_check_interval = 1000", "SET idle_session_timeout = 0"]
    begin = ["SET statement_timeout = 0", "DISCARD ALL", *settings, "SET lock_timeout = 2000"]
    assert sent == [*begin, "DROP a", "DROP b", *begin, "DROP c"]


@pytest.mark.parametrize("seconds", [0.0004, 0.000999, 3_600_000.0])
def test_a_lock_timeout_that_the_server_has_not_is_refused_by_its_option(seconds: float) -> None:
    with pytest.raises(UsageError, match=r"--lock-timeout .* is not possible.* from 1 to 2,147,483,647") as refused:
        Asked(lock_timeout_s=seconds)

    assert "--lock-timeout 2s" in str(refused.value)
    assert Asked(lock_timeout_s=0.001).lock_timeout_ms == 1
    assert Asked(lock_timeout_s=2_147_483.647).lock_timeout_ms == 2_147_483_647


@pytest.mark.parametrize("command", ["SET lock_timeout = 2000", "SET client_connection_check_interval = 1000"])
def test_a_setting_that_the_server_refuses_ends_the_rehearsal(clock: Clock, command: str) -> None:
    connection = Played({command: [refused("22023", "outside of the valid range")]})

    with pytest.raises(ServerError, match=rf"refuses '{command}'.*: outside of the valid range"):
        _applied_on(clock, connection, ["DROP TABLE b"], Asked(lock_timeout_s=2.0))


def test_a_statement_that_waits_in_vain_is_repeated_after_pauses_that_double(clock: Clock) -> None:
    one, connection = _applied(clock, ["ALTER a", "DROP b"], Asked(quiet_s=1.0, retries=3), ALTER=[IN_VAIN] * 3)

    assert connection.texts == ["ALTER a"] * 4 + ["DROP b"]
    assert one.outcomes == ["done", "done"]
    assert one.ended_ns - one.begun_ns == (1 + 2 + 4) * 10**9
    assert pause_s(10) == 8.0


def test_of_a_transaction_all_is_repeated(clock: Clock) -> None:
    statements = ["CREATE c", "BEGIN", "ALTER a", "DROP b", "COMMIT"]

    one, connection = _applied(clock, statements, Asked(retries=1), DROP=[IN_VAIN])

    assert connection.texts == ["CREATE c", "BEGIN", "ALTER a", "DROP b", "ROLLBACK", "BEGIN", *statements[2:]]
    assert one.outcomes == ["done"] * 5


def test_a_transaction_that_fails_leaves_what_was_committed_before_it(clock: Clock) -> None:
    statements = ["CREATE c", "BEGIN", "ALTER a", "DROP b", "COMMIT", "CREATE d"]

    one, connection = _applied(clock, statements, Asked(retries=5), DROP=[TAKEN])

    assert connection.texts == [*statements[:4], "ROLLBACK"]
    assert one.outcomes == ["done", "rolled back", "rolled back", "failed", "not executed", "not executed"]


def test_a_commit_that_fails_takes_its_transaction_with_it(clock: Clock) -> None:
    one, _ = _applied(clock, ["CREATE c", "BEGIN", "ALTER a", "COMMIT"], COMMIT=[refused("23503")])

    assert one.outcomes == ["done", "rolled back", "rolled back", "failed"]


TRANSACTION = ["CREATE c", "BEGIN", "ALTER a", "DROP b", "COMMIT"]


def test_a_statement_with_which_the_server_ends_the_session_fails(clock: Clock) -> None:
    connection = Played({"DROP b": [LAST_WORDS]}, ends_with="DROP b")

    one = _applied_on(clock, connection, TRANSACTION, Asked(retries=5))

    assert connection.texts == TRANSACTION[:4], "nothing is sent any more"
    assert one.outcomes == ["done", "rolled back", "rolled back", "failed", "not executed"]
    assert len(one.meters) == 3
    assert one.lock_timeout == ""


def test_a_session_that_ends_without_a_word_of_the_server_is_a_lost_connection(clock: Clock) -> None:
    with pytest.raises(LostConnectionError, match="connection broke"):
        _applied_on(clock, Played({}, ends_with="DROP b"), TRANSACTION, PLAIN)


def test_a_file_before_which_the_server_ended_the_session_fails_in_its_first_statement(clock: Clock) -> None:
    connection = Played({}, idle_after="DROP a")
    steps = [Step("DROP a", "1.sql:1", begins=True), Step("DROP b", "2.sql:1", begins=True)]

    one = _steps_applied_on(clock, connection, steps, PLAIN)

    assert connection.texts == ["DROP a"]
    assert one.outcomes == ["done", "failed"]
    assert [attempt.refusal and attempt.refusal.sqlstate for attempt in one.attempts] == [None, "57P01"]
    assert list(one.heard[0].notices()) == [], "it is no notice of the statement"


def test_what_the_server_has_written_is_asked_for_in_another_session_also_where_that_has_ended(clock: Clock) -> None:
    one, connection = _applied(clock, ["DROP b"])

    assert [meter[1:] for meter in one.meters] == [(100, 2000)] * 3, "the last one in a third session"
    assert not any("pg_database_size" in text for text in connection.everything)


def test_commands_of_our_own_that_a_limit_of_the_migration_ends_are_repeated(clock: Clock) -> None:
    connection = Played({"ALTER a": [TAKEN], "ROLLBACK": [OUT_OF_TIME], LOCK_TIMEOUT: [OUT_OF_TIME] * 5})

    one = _applied_on(clock, connection, ["BEGIN", "ALTER a"], PLAIN)

    assert connection.everything[-8:] == ["ROLLBACK"] * 2 + [LOCK_TIMEOUT] * 6
    assert one.lock_timeout == "2s"


def test_what_a_chain_has_committed_is_not_rolled_back_with_what_follows(clock: Clock) -> None:
    statements = ["BEGIN", "CREATE c", "CHAIN", "ALTER a", "DROP b", "COMMIT"]
    chained = FakeResult(command_status=b"COMMIT")

    one, connection = _applied(clock, statements, Asked(retries=1), CHAIN=[chained], DROP=[TAKEN])

    assert connection.texts == [*statements[:5], "ROLLBACK"]
    assert one.outcomes == ["done", "done", "done", "rolled back", "failed", "not executed"]


@pytest.mark.parametrize("end", ["ROLLBACK", "ABORT"])
def test_what_a_migration_rolls_back_itself_is_not_done(clock: Clock, end: str) -> None:
    one, _ = _applied(clock, ["CREATE c", "BEGIN", "ALTER a", end, "BEGIN", "DROP b", "COMMIT"])

    assert one.outcomes == ["done", "rolled back", "rolled back", *["done"] * 4]
    assert is_complete(one.outcomes)
    assert not is_complete(["done", "rolled back", "rolled back"]), "it was ended within a transaction"


@pytest.mark.parametrize(
    ("within", "undone"),
    [
        (["SAVEPOINT a", "DROP b", "ROLLBACK TO A"], {2}),
        (["SAVEPOINT a", "DROP b", 'ROLLBACK TO SAVEPOINT "a" -- all', "DROP c", "ROLLBACK TO a"], {2, 3, 4}),
        (["SAVEPOINT a", "DROP b", "SAVEPOINT b", "DROP c", "ROLLBACK TO b"], {4}),
        (["SAVEPOINT a", "DROP b", "SAVEPOINT b", "DROP c", "ROLLBACK TO a"], {2, 3, 4}),
        (["SAVEPOINT a", "DROP b", "SAVEPOINT a", "DROP c", "ROLLBACK TO a"], {4}),
        (["SAVEPOINT a", "DROP b", "SAVEPOINT a", "DROP c", "RELEASE a", "ROLLBACK TO a"], {2, 3, 4, 5}),
        (["SAVEPOINT a", "DROP b", "RELEASE a", "DROP c"], set()),
    ],
)
def test_what_is_rolled_back_to_a_savepoint_is_not_done(clock: Clock, within: list[str], undone: set[int]) -> None:
    statements = ["BEGIN", *within, "ALTER a", "COMMIT"]

    one, _ = _applied(clock, statements)

    assert {place for place, outcome in enumerate(one.outcomes) if outcome == "rolled back"} == undone
    assert is_complete(one.outcomes)


def test_what_happens_beside_it_is_told_by_the_last_statement_that_had_begun(clock: Clock) -> None:
    one, _ = _applied(clock, ["ALTER a", "DROP b"], Asked(quiet_s=1.0, retries=1), DROP=[IN_VAIN])

    assert one.at(one.begun_ns - 1) == (None, False)
    assert one.at(one.begun_ns) == (1, True), "all that takes no time ends when it begins"
    assert one.at(one.begun_ns + 10**8) == (1, False), "it pauses before its retry"
    assert one.at(one.ended_ns + 10**9) == (1, False)


def test_retries_count_anew_for_each_statement(clock: Clock) -> None:
    one, _ = _applied(clock, ["ALTER a", "DROP b"], Asked(retries=1), ALTER=[IN_VAIN], DROP=[IN_VAIN])

    assert one.outcomes == ["done", "done"]


def test_no_statement_is_repeated_for_which_there_is_no_time_left(clock: Clock) -> None:
    one, connection = _applied(clock, ["ALTER a"], Asked(longest_s=4.0, retries=9), ALTER=[IN_VAIN] * 9)

    assert connection.texts == ["ALTER a"] * 3  # after pauses of 1 s and 2 s
    assert one.outcomes == ["failed"]
    assert one.overdue


def test_a_statement_that_waits_in_vain_too_often_fails(clock: Clock) -> None:
    one, _ = _applied(clock, ["ALTER a", "DROP b"], Asked(retries=1), ALTER=[IN_VAIN] * 2)

    assert one.outcomes == ["failed", "not executed"]
    assert [attempt.refusal.sqlstate for attempt in one.attempts if attempt.refusal] == ["55P03", "55P03"]
