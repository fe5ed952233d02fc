"""The load loop against a real server: what it retries, what it sends and reads, and how it sees a server fail."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from math import inf
from random import Random

import psycopg
import pytest
from psycopg.pq import ExecStatus

from schemabench.load import (
    Drive,
    Limits,
    LostConnectionError,
    Request,
    Session,
    SlowCallError,
    StatementFailedError,
    Step,
    drive,
    guard,
    stop,
)
from schemabench.load import session as session_module
from schemabench.load.guard import alive
from schemabench.server import Server
from schemabench.server.dsn import with_words
from schemabench.units import NANOSECONDS

Connect = Callable[..., Session]
BEGIN, COMMIT = b"begin", b"commit"
LIMIT_S = 20.0


@pytest.fixture
def admin(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture
def connect(conninfo: str) -> Iterator[Connect]:
    sessions: list[Session] = []

    def connect(isolation: str = "") -> Session:
        sessions.append(Session.open(conninfo, isolation=isolation))
        _prepare(sessions[-1], begin="BEGIN", commit="COMMIT")
        return sessions[-1]

    yield connect
    for session in sessions:
        session.close()


def _prepare(session: Session, **statements: str) -> None:
    for name, sql in statements.items():
        assert session.prepare(name.encode(), sql).status == ExecStatus.COMMAND_OK


def _transaction(number: int, operation: str, *steps: Step) -> Request:
    return number, operation, ((BEGIN, ()), *steps, (COMMIT, ()))


def _drive(
    *queues: tuple[Session, list[Request]],
    due_s: Sequence[float] | None = None,
    failure: Callable[[], str | None] = alive,
    **limits: float,
) -> Drive:
    calls = sum(len(requests) for _, requests in queues)
    within = Limits(**{"call_s": LIMIT_S, **limits})
    return drive(queues, calls=calls, limits=within, failure=failure, random=Random(1), due_s=due_s)  # noqa: S311 (reproducible)


def _value(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


def test_deadlocks_happen_are_retried_and_counted(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE account (id int PRIMARY KEY, total int); INSERT INTO account VALUES (1, 0), (2, 0)")
    sessions = [connect() for _ in range(2)]
    for session in sessions:
        _prepare(session, take="UPDATE account SET total = total + 1 WHERE id = $1", rest="SELECT pg_sleep(0.01)")
    ways: list[list[Step]] = [[(b"take", [b"1"]), (b"rest", []), (b"take", [b"2"])]]
    ways.append(ways[0][::-1])
    queues = [
        (session, [_transaction(5 * place + call, "move", *ways[place]) for call in range(5)])
        for place, session in enumerate(sessions)
    ]
    done = _drive(*queues)

    retried = sum(session.retried.get(("move", "deadlock"), 0) for session in sessions)
    assert retried >= 1
    assert admin.execute("SELECT total FROM account").fetchall() == [(10,), (10,)]
    assert max(done.latencies_ns) > 20_000_000, "a retried call pays for the deadlock that it waited for"
    for session in sessions:
        session.close()  # a backend tells what it counted when it ends
    deadline = time.monotonic() + 60
    while _value(admin, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0:
        assert time.monotonic() < deadline, "the server counted no deadlock"
        time.sleep(0.05)


def test_serialization_failures_are_retried(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
    sessions = [connect(isolation="serializable") for _ in range(2)]
    for session in sessions:
        _prepare(session, look="SELECT n, pg_sleep(0.002) FROM counter", count="UPDATE counter SET n = n + 1")
    queues = [
        (session, [_transaction(10 * place + call, "count", (b"look", []), (b"count", [])) for call in range(10)])
        for place, session in enumerate(sessions)
    ]
    _drive(*queues)

    assert sum(session.retried.get(("count", "serialization failure"), 0) for session in sessions) >= 1
    assert _value(admin, "SELECT n FROM counter") == 20


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_a_session_has_the_isolation_level_that_was_asked_for(
    admin: psycopg.Connection, connect: Connect, isolation: str
) -> None:
    admin.execute("CREATE TABLE seen (isolation text)")
    session = connect(isolation)
    _prepare(session, note="INSERT INTO seen VALUES (current_setting('transaction_isolation'))")
    _drive((session, [(0, "note", ((b"note", ()),)), _transaction(1, "note", (b"note", []))]))

    assert admin.execute("SELECT * FROM seen").fetchall() == [(isolation,)] * 2


def test_a_lock_timeout_is_retried_until_the_lock_is_had(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
    session, blocker = connect(), connect()
    session.connection.nonblocking = 0
    session.connection.exec_(b"SET lock_timeout = '10ms'")
    session.connection.nonblocking = 1
    _prepare(session, count="UPDATE counter SET n = n + 1")
    _prepare(blocker, count="UPDATE counter SET n = n + 1", rest="SELECT pg_sleep(0.2)")
    _drive((blocker, [(0, "block", ((BEGIN, ()), (b"count", ())))]))
    rest: Request = (0, "block", ((b"rest", ()), (COMMIT, ())))
    done = _drive((blocker, [rest]), (session, [(1, "count", ((b"count", ()),)), (2, "count", ((b"count", ()),))]))

    assert session.retried["count", "lock timeout"] >= 1
    assert blocker.retried == {}
    assert max(done.latencies_ns[1:]) > 50_000_000
    assert _value(admin, "SELECT n FROM counter") == 3


@pytest.mark.parametrize("round_trip_s", [0.0, 0.0001], ids=["plain", "at a distance"])
def test_what_a_commit_refuses_is_no_success(admin: psycopg.Connection, conninfo: str, round_trip_s: float) -> None:
    """Deferred constraints are checked at the commit, which comes after the statement's own result."""
    admin.execute("CREATE TABLE entry (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO entry VALUES (1)")
    with closing(Session.open(conninfo, round_trip_s=round_trip_s)) as session:
        _prepare(session, add="INSERT INTO entry VALUES ($1)")
        session.acceptable["add"] = {"23505": "unique violation"}
        requests: list[Request] = [(number, "add", ((b"add", [b"%d" % number]),)) for number in range(3)]
        _drive((session, requests))

        assert session.accepted == [(1, "add", "unique violation")]
        assert admin.execute("SELECT id FROM entry ORDER BY id").fetchall() == [(0,), (1,), (2,)]
        session.acceptable.clear()
        with pytest.raises(StatementFailedError) as caught:
            _drive((session, requests))
        assert caught.value.refusal.sqlstate == "23505"


def test_large_parameters_are_sent_whole(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE sums (n bigint, total bigint)")
    sessions = [connect() for _ in range(3)]
    array = b"{" + b",".join(b"%d" % (1_000_000 + number) for number in range(150_000)) + b"}"
    queues = []
    for place, session in enumerate(sessions):
        _prepare(session, add="INSERT INTO sums SELECT count(*), sum(n) FROM unnest($1::bigint[]) AS n")
        queues.append((session, [(2 * place + call, "add", ((b"add", [array]),)) for call in range(2)]))
    _drive(*queues)

    assert len(array) > 1_000_000
    expected = 150_000, sum(1_000_000 + number for number in range(150_000))
    assert admin.execute("SELECT * FROM sums").fetchall() == [expected] * 6


def test_many_rows_are_read_to_the_last(connect: Connect) -> None:
    sessions = [connect() for _ in range(2)]
    queues = []
    for place, session in enumerate(sessions):
        _prepare(session, many="SELECT n, repeat('x', 100) FROM generate_series(1, 50000) AS n", one="SELECT 1")
        requests: list[Request] = [(2 * place, "many", ((b"many", ()),)), (2 * place + 1, "one", ((b"one", ()),))]
        queues.append((session, requests))
    done = _drive(*queues)

    assert done.latencies_ns[0] > done.latencies_ns[1] > 0


def test_no_rows_and_null_parameters_are_fine(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE item (a text, b text)")
    session = connect()
    _prepare(session, add="INSERT INTO item VALUES ($1, $2)", none="SELECT FROM item WHERE false")
    _drive((session, [(0, "add", ((b"add", ["é'\"\\".encode(), None]),)), (1, "none", ((b"none", ()),))]))

    assert admin.execute("SELECT * FROM item").fetchall() == [("é'\"\\", None)]


def test_a_refused_statement_carries_what_the_server_said(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE item (key text PRIMARY KEY)")
    session = connect()
    _prepare(session, add="INSERT INTO item VALUES ($1)")
    steps: tuple[Step, ...] = ((b"add", [b"a"]), (b"add", [b"a"]))

    with pytest.raises(StatementFailedError) as caught:
        _drive((session, [_transaction(0, "add_twice", *steps)]))
    failure = caught.value
    assert (failure.operation, failure.step[1], failure.refusal.sqlstate) == ("add_twice", [b"a"], "23505")
    assert failure.refusal.detail == "Key (key)=(a) already exists."
    assert failure.session is session


def test_an_error_that_waits_for_the_commit_is_one_of_the_commit(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE item (key text UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    session = connect()
    _prepare(session, add="INSERT INTO item VALUES ($1)")

    with pytest.raises(StatementFailedError) as caught:
        _drive((session, [_transaction(0, "add", (b"add", [b"a"]), (b"add", [b"a"]))]))
    assert (caught.value.step[0], caught.value.refusal.sqlstate) == (COMMIT, "23505")


def test_a_statement_that_cannot_be_prepared_says_why(connect: Connect) -> None:
    result = connect().prepare(b"bad", "SELECT nothing")

    assert result.status == ExecStatus.FATAL_ERROR


def test_a_server_that_refuses_is_a_lost_connection(server: Server) -> None:
    with pytest.raises(LostConnectionError, match='database "absent" does not exist'):
        Session.open(server.conninfo_for("absent"))


def _sleeping(session: Session, seconds: int) -> tuple[Session, list[Request]]:
    _prepare(session, rest=f"SELECT pg_sleep({seconds})")
    return session, [(0, "rest", ((b"rest", ()),))]


def test_a_backend_that_is_ended_is_seen_at_once(admin: psycopg.Connection, connect: Connect) -> None:
    session = connect()
    timer = threading.Timer(0.1, admin.execute, ["SELECT pg_terminate_backend(%s)", [session.connection.backend_pid]])
    timer.start()
    started = time.monotonic()
    with pytest.raises((StatementFailedError, LostConnectionError)) as caught:
        _drive(_sleeping(session, 30))
    timer.join()

    assert time.monotonic() - started < 10
    assert isinstance(caught.value, LostConnectionError) or caught.value.refusal.sqlstate == "57P01"


def _is_executed(admin: psycopg.Connection, session: Session) -> bool:
    query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    row = admin.execute(query, [session.connection.backend_pid]).fetchone()
    return row == ("active",)


def test_a_call_that_takes_longer_than_it_may_is_named_and_the_server_is_not_blamed(connect: Connect) -> None:
    quick, slow = connect(), connect()
    _prepare(quick, one="SELECT 1")

    with pytest.raises(SlowCallError) as caught:
        _drive((quick, [(1, "one", ((b"one", ()),))]), _sleeping(slow, 30), call_s=0.2)
    assert caught.value.session is slow
    assert caught.value.request[:2] == (0, "rest")
    assert 0.2 <= caught.value.elapsed_s < 5


def test_the_time_of_a_call_has_its_retries_in_it(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
    session, blocker = connect(), connect()
    session.query("SET lock_timeout = '20ms'")
    for one in (session, blocker):
        _prepare(one, count="UPDATE counter SET n = n + 1")
    _drive((blocker, [(0, "block", ((BEGIN, ()), (b"count", ())))]))

    with pytest.raises(SlowCallError):
        _drive((session, [(0, "count", ((b"count", ()),))]), call_s=0.5)
    assert session.retried["count", "lock timeout"] > 3


def test_a_server_that_answers_no_fresh_connection_is_lost(connect: Connect) -> None:
    asked: list[str] = []

    def failure() -> str:
        asked.append("failure")
        return "it is gone"

    with pytest.raises(LostConnectionError, match="has not answered 1 connection: it is gone"):
        _drive(_sleeping(connect(), 30), call_s=0.1, failure=failure)
    assert asked == ["failure"]


def test_a_server_that_is_asked_only_by_calls_without_a_limit_is_asked_whether_it_is_there(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "SILENT_S", 0.1)
    monkeypatch.setattr(guard, "LOOK_S", 0.1)
    answers = iter([None, None, "it is gone"])

    with pytest.raises(LostConnectionError, match="it is gone"):
        _drive(_sleeping(connect(), 30), call_s=inf, failure=lambda: next(answers))


def test_a_drive_that_takes_longer_than_it_may_is_cut_short_and_says_what_was_done(
    admin: psycopg.Connection, connect: Connect
) -> None:
    admin.execute("CREATE TABLE item (id int)")
    session, other = connect(), connect()
    for one in (session, other):
        _prepare(one, put="INSERT INTO item SELECT $1::int FROM pg_sleep(0.05)", rest="SELECT pg_sleep(30)")
    puts = [_transaction(number, "put", (b"put", [b"%d" % number])) for number in range(3)]
    done = _drive(
        (session, [*puts, _transaction(3, "stay", (b"put", [b"3"]), (b"rest", []))]),
        (other, [(4, "rest", ((b"rest", ()),))]),
        trial_s=0.5,
    )

    assert done.cut
    assert [latency > 0 for latency in done.latencies_ns] == [True] * 3 + [False] * 2
    assert set(done.flying_ns) == {3, 4}
    assert 0.4 * NANOSECONDS < done.flying_ns[4] <= done.duration_ns, "from when it began until the limit was passed"
    assert done.duration_ns == max(done.finished_ns) >= 0.5 * NANOSECONDS
    assert stop([session, other])
    assert not any(_is_executed(admin, one) for one in (session, other))
    assert admin.execute("SELECT id FROM item ORDER BY id").fetchall() == [(0,), (1,), (2,)], "the last is rolled back"
    assert not _drive((session, [(0, "put", ((b"put", [b"9"]),))])).cut, "a session that was stopped is fit for more"


def test_what_a_failing_call_leaves_others_at_is_stopped_too(admin: psycopg.Connection, connect: Connect) -> None:
    failing, waiting = connect(), connect()
    _prepare(failing, fail="SELECT 1 / 0")

    with pytest.raises(StatementFailedError):
        _drive(_sleeping(waiting, 30), (failing, [(1, "fail", ((b"fail", ()),))]))
    assert stop([failing, waiting])
    assert not _is_executed(admin, waiting)


def test_a_session_whose_backend_does_not_listen_is_closed_when_it_is_to_stop(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "STOP_S", 0.2)
    session, other = connect(), connect()
    _prepare(session, one="SELECT 1")
    backend = session.connection.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(SlowCallError):
            _drive((session, [(0, "one", ((b"one", ()),))]), call_s=0.2)
        assert not stop([session, other])
    finally:
        os.kill(backend, signal.SIGCONT)
    assert other.query("SELECT 1").status == ExecStatus.TUPLES_OK


def test_a_closed_session_leaves_nothing_running(admin: psycopg.Connection, conninfo: str) -> None:
    session = Session.open(conninfo)
    backend = session.connection.backend_pid
    with pytest.raises(SlowCallError):
        _drive(_sleeping(session, 60), call_s=0.05)
    session.close()

    deadline = time.monotonic() + 60
    while admin.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [backend]).fetchone():
        assert time.monotonic() < deadline, "the query still runs"
        time.sleep(0.02)


def test_a_session_may_idle_for_longer_than_the_server_lets_others(conninfo: str) -> None:
    session = Session.open(with_words(conninfo, options="-c idle_session_timeout=100"))
    time.sleep(0.3)

    _prepare(session, one="SELECT 1")
    session.close()


def test_a_stall_is_in_the_response_times_of_all_calls_that_were_due_meanwhile(
    admin: psycopg.Connection, connect: Connect
) -> None:
    admin.execute("CREATE TABLE item (id int)")
    sessions = [connect() for _ in range(2)]
    for session in sessions:
        _prepare(session, put="INSERT INTO item VALUES ($1)")
    queues: list[tuple[Session, list[Request]]] = [
        (session, [(number, "put", ((b"put", [b"1"]),)) for number in range(place, 200, 2)])
        for place, session in enumerate(sessions)
    ]
    stall_ns: list[int] = []

    def stall() -> None:
        time.sleep(0.3)
        with admin.transaction():
            admin.execute("LOCK TABLE item")
            stall_ns.append(time.perf_counter_ns())
            time.sleep(0.3)
            stall_ns.append(time.perf_counter_ns())

    due_s = [number * 0.005 for number in range(200)]
    holder = threading.Thread(target=stall)
    holder.start()
    done = _drive(*queues, due_s=due_s)
    holder.join()

    begun_ns, ended_ns = (moment - done.started_ns for moment in stall_ns)
    due_ns = [round(due * NANOSECONDS) for due in due_s]
    meanwhile = [number for number, due in enumerate(due_ns) if begun_ns < due < ended_ns]
    responses_ns = [delay + latency for delay, latency in zip(done.delays_ns, done.latencies_ns, strict=True)]
    stalled = [number for number in meanwhile if done.latencies_ns[number] > 0.1 * NANOSECONDS]
    assert len(meanwhile) > 40
    assert all(due_ns[number] + responses_ns[number] >= ended_ns for number in meanwhile)
    assert len(stalled) <= len(sessions), "each session waited in one call: all others were sent when it was over"
