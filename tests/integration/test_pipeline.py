"""Several requests in flight over a connection, against a real server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from random import Random
from statistics import median

import psycopg
import pytest
import servers
from laboratory import Laboratory, result
from psycopg.pq import ExecStatus, PipelineStatus, TransactionStatus

from schemabench import Call, Writer
from schemabench.errors import CandidateError
from schemabench.load import (
    AnyStep,
    Drive,
    Limits,
    LostConnectionError,
    Request,
    Session,
    SlowCallError,
    StatementFailedError,
    Unprepared,
    drive,
    stop,
)
from schemabench.load.pipeline import ENDED
from schemabench.load.talk import Rows
from schemabench.units import NANOSECONDS

Connect = Callable[..., Session]
Queue = tuple[Session, list[Request]]
BEGIN, COMMIT = (b"begin", ()), (b"commit", ())
DEPTH = 20
ROUND_TRIP_S = 0.005
ITEM = "CREATE TABLE item (id int PRIMARY KEY, n int, added bigserial)"
PUT = "INSERT INTO item (id, n) VALUES ($1, $2)"


@pytest.fixture
def admin(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(ITEM)
        yield connection


@pytest.fixture
def connect(admin: psycopg.Connection, conninfo: str) -> Iterator[Connect]:
    assert not admin.closed
    sessions: list[Session] = []

    def connect(round_trip_s: float = 0.0, **statements: str) -> Session:
        sessions.append(Session.open(conninfo, round_trip_s=round_trip_s))
        for name, sql in {"begin": "BEGIN", "commit": "COMMIT", "put": PUT, **statements}.items():
            assert sessions[-1].prepare(name.encode(), sql).status == ExecStatus.COMMAND_OK
        return sessions[-1]

    yield connect
    for session in sessions:
        session.close()


def _put(number: int, *, key: int | None = None) -> Request:
    return number, "put", [_step("put", number if key is None else key, number)]


def _step(name: str, *parameters: int) -> AnyStep:
    return name.encode(), [b"%d" % one for one in parameters]


def _windows(*queues: Queue, depth: int = DEPTH) -> dict[int, int]:
    """Return what lets so many requests of each session be in flight."""
    return {number: max(0, place + 1 - depth) for _, requests in queues for place, (number, *_) in enumerate(requests)}


def _drive(
    *queues: Queue, after: Mapping[int, int] | None = None, due_s: Sequence[float] | None = None, **limits: float
) -> Drive:
    calls = sum(len(requests) for _, requests in queues)
    within = Limits(**{"call_s": 20.0, **limits})
    windows = _windows(*queues) if after is None else after
    return drive(queues, calls=calls, limits=within, random=Random(1), due_s=due_s, after=windows)  # noqa: S311 (reproducible)


def _rows(admin: psycopg.Connection, query: str = "SELECT n FROM item ORDER BY added") -> list[object]:
    return [row[0] for row in admin.execute(query)]  # type: ignore[call-overload]


def _is_fit(session: Session) -> bool:
    """Return whether a session can be used for anything."""
    connection = session.connection
    return (
        connection.pipeline_status == PipelineStatus.OFF
        and connection.transaction_status == TransactionStatus.IDLE
        and session.query("SELECT 1").status == ExecStatus.TUPLES_OK
        and not session.flight.running()
    )


def test_requests_are_executed_once_each_in_their_order(admin: psycopg.Connection, connect: Connect) -> None:
    session = connect()
    done = _drive((session, [_put(number) for number in range(500)]))

    assert _rows(admin) == list(range(500))
    assert min(done.latencies_ns) > 0
    assert _is_fit(session)


def test_a_round_trip_is_shared_by_all_that_are_in_flight(connect: Connect) -> None:
    requests = 400
    alone, session = connect(ROUND_TRIP_S), connect(ROUND_TRIP_S)
    one_by_one = _drive((alone, [_put(number) for number in range(20)]), after={})
    done = _drive((session, [_put(number, key=1000 + number) for number in range(requests)]))

    assert min(*done.latencies_ns, *one_by_one.latencies_ns) >= ROUND_TRIP_S * NANOSECONDS
    assert one_by_one.duration_ns >= 20 * ROUND_TRIP_S * NANOSECONDS
    # At most 20 in each round trip; a busy machine makes it fewer, but not so few as one.
    assert done.duration_ns >= requests / DEPTH * ROUND_TRIP_S * NANOSECONDS
    assert done.duration_ns < requests / 4 * ROUND_TRIP_S * NANOSECONDS


def test_no_more_are_in_flight_than_there_is_room_for(connect: Connect) -> None:
    session = connect(ROUND_TRIP_S)
    queue = (session, [_put(number) for number in range(40)])
    done = _drive(queue, after=_windows(queue, depth=2))

    assert done.duration_ns >= 20 * ROUND_TRIP_S * NANOSECONDS


def test_a_request_waits_for_those_before_it_that_it_must_follow(connect: Connect) -> None:
    session = connect(ROUND_TRIP_S)
    requests = [_put(number) for number in range(10)]
    done = _drive((session, requests), after={number: 0 if number < 5 else 5 for number in range(10)})

    assert done.duration_ns >= 2 * ROUND_TRIP_S * NANOSECONDS


def test_transactions_texts_and_rows_go_over_the_same_connection(admin: psycopg.Connection, connect: Connect) -> None:
    session = connect()
    copied = Rows(b"copy", (), b"COPY item (id, n) FROM STDIN", [b"100\t100\n", b"101\t101\n"])
    unprepared = Unprepared(b"put", [b"5"], b"INSERT INTO item (id, n) VALUES ($1, $1::int)")
    requests: list[Request] = [
        _put(0),
        (1, "two", [BEGIN, _step("put", 1, 1), _step("put", 2, 2), COMMIT]),
        (2, "copy", [copied]),
        _put(3),
        (4, "two", [BEGIN, _step("put", 4, 4), COMMIT]),
        (5, "text", [unprepared]),
    ]
    done = _drive((session, requests), after={0: 0, 1: 0, 3: 0, 5: 0})

    assert _rows(admin) == [0, 1, 2, 100, 101, 3, 4, 5]
    assert min(done.latencies_ns) > 0
    assert _is_fit(session)


def test_large_requests_and_responses_do_not_block_each_other(connect: Connect) -> None:
    session = connect(echo="SELECT $1::text")
    requests: list[Request] = [(number, "echo", [(b"echo", [b"x" * 1_000_000])]) for number in range(60)]

    assert min(_drive((session, requests)).latencies_ns) > 0
    assert _is_fit(session)


@pytest.mark.parametrize("round_trip_s", [0.0, ROUND_TRIP_S])
def test_what_the_author_has_repeated_is_repeated_and_counted_in_a_pipeline(
    admin: psycopg.Connection, connect: Connect, round_trip_s: float
) -> None:
    session = connect(round_trip_s, next="INSERT INTO item (id, n) SELECT nextval('item_added_seq') / 10, $1")
    session.retryable["next"] = {"23505": "unique violation"}
    requests: list[Request] = [(number, "next", [_step("next", number)]) for number in range(60)]
    done = _drive((session, requests))

    assert sorted(map(int, map(str, _rows(admin)))) == list(range(60)), "each succeeds in the end"
    assert session.retried["next", "unique violation"] > 0
    assert set(session.retried) == {("next", "unique violation")}, "those behind are transactions of their own"
    assert min(done.latencies_ns) > 0
    assert _is_fit(session)


def test_a_transaction_that_fails_ends_the_pipeline_and_those_behind_it_are_sent_again(
    admin: psycopg.Connection, connect: Connect
) -> None:
    session = connect(next="INSERT INTO item (id, n) SELECT nextval('item_added_seq') / 10, $1")
    session.retryable["next"] = {"23505": "unique violation"}
    requests: list[Request] = [(number, "next", [BEGIN, _step("next", number), COMMIT]) for number in range(60)]
    _drive((session, requests))

    assert sorted(map(int, map(str, _rows(admin)))) == list(range(60)), "each succeeds once"
    assert session.retried["next", "unique violation"] > 0
    assert session.retried["next", ENDED] > 0
    assert _is_fit(session)


def test_what_a_commit_refuses_in_a_pipeline_is_no_success(admin: psycopg.Connection, connect: Connect) -> None:
    """Deferred constraints are checked at the commit, which comes after the statement's own result."""
    admin.execute("CREATE TABLE entry (id int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO entry VALUES (10)")
    session = connect(add="INSERT INTO entry VALUES ($1)")
    session.acceptable["add"] = {"23505": "unique violation"}
    requests: list[Request] = [(number, "add", [_step("add", number)]) for number in range(40)]
    _drive((session, requests))

    assert session.accepted == [(10, "add", "unique violation")]
    assert _rows(admin, "SELECT id FROM entry ORDER BY id") == list(range(40))
    assert _is_fit(session)


def test_a_refused_statement_ends_the_drive_with_what_the_server_said(connect: Connect) -> None:
    session = connect(divide="SELECT 1 / $1::int")
    requests: list[Request] = [
        *(_put(number) for number in range(5)),
        (5, "divide", [BEGIN, _step("put", 5, 5), _step("divide", 0), COMMIT]),
        *(_put(number) for number in range(6, 40)),
    ]
    with pytest.raises(StatementFailedError) as caught:
        _drive((session, requests))

    assert (caught.value.operation, caught.value.step[0], caught.value.step[1]) == ("divide", b"divide", [b"0"])
    assert caught.value.refusal.sqlstate == "22012"
    assert stop([session])
    assert not _is_running(session)


def test_deadlocks_of_pipelines_are_retried(admin: psycopg.Connection, connect: Connect) -> None:
    admin.execute("INSERT INTO item VALUES (1, 0), (2, 0)")
    sessions = [connect(add="UPDATE item SET n = n + 1 FROM pg_sleep(0.001) WHERE id = $1") for _ in range(2)]
    queues: list[Queue] = [
        (session, [(number, "add", [BEGIN, *map(add, order), COMMIT]) for number in range(place, 100, 2)])
        for place, (session, order) in enumerate(zip(sessions, ([1, 2], [2, 1]), strict=True))
        for add in [lambda key: _step("add", key)]
    ]
    done = _drive(*queues)

    assert min(done.latencies_ns) > 0
    assert _rows(admin, "SELECT n FROM item ORDER BY id") == [100, 100]
    assert sum(count for session in sessions for (_, why), count in session.retried.items() if why == "deadlock")


def test_a_drive_that_is_cut_short_leaves_no_session_behind(admin: psycopg.Connection, connect: Connect) -> None:
    session, waiting = connect(sleep="SELECT pg_sleep(10)"), connect()
    requests: list[Request] = [_put(0), *((number, "sleep", [(b"sleep", [])]) for number in range(1, 10))]
    with admin.transaction():
        admin.execute("INSERT INTO item (id) VALUES (100)")
        queues = ((session, requests), (waiting, [_put(number, key=100) for number in range(10, 15)]))
        done = _drive(*queues, trial_s=0.5)
        assert stop([session, waiting])

    assert done.cut
    assert set(done.flying_ns) == set(range(1, 15))
    assert _rows(admin, "SELECT id FROM item ORDER BY id")[:2] == [0, 100]
    for one in (session, waiting):
        assert not _is_running(one)
        assert not _drive((one, [_put(0, key=200 + one.connection.socket)])).cut, "it is fit for more"


def test_a_call_in_a_pipeline_that_is_not_answered_in_its_time_is_named(connect: Connect) -> None:
    session = connect(sleep="SELECT pg_sleep(30)")
    with pytest.raises(SlowCallError) as caught:
        _drive((session, [_put(0), (1, "sleep", [(b"sleep", [])]), _put(2)]), call_s=0.3)

    assert caught.value.request[:2] == (1, "sleep")
    assert stop([session])


def test_a_backend_that_is_ended_is_a_lost_connection(connect: Connect) -> None:
    session = connect(end="SELECT pg_terminate_backend(pg_backend_pid())")
    requests: list[Request] = [_put(0), (1, "end", [(b"end", [])]), _put(2), _put(3)]

    with pytest.raises(LostConnectionError):
        _drive((session, requests))


def test_calls_that_are_due_while_others_are_in_flight_leave_when_they_are_due(connect: Connect) -> None:
    due_s = [number * 0.004 for number in range(50)]
    session = connect(0.05)
    done = _drive((session, [_put(number) for number in range(50)]), due_s=due_s)

    assert median(done.delays_ns) < 0.5 * NANOSECONDS, "one by one, the median call leaves more than a second late"
    assert min(done.latencies_ns) >= 0.05 * NANOSECONDS
    assert min(done.delays_ns) >= 0
    assert len(done.lags_ns) > 25


def test_calls_wait_for_room_in_an_open_loop(connect: Connect) -> None:
    session = connect(0.05)
    queue = (session, [_put(number) for number in range(8)])
    done = _drive(queue, due_s=[0.0] * 8, after=_windows(queue, depth=2))

    assert all(delay_ns >= place // 2 * 0.05 * NANOSECONDS for place, delay_ns in enumerate(done.delays_ns)), (
        "two leave, and two more when those are answered"
    )
    assert done.delays_ns[1] < 0.05 * NANOSECONDS


def _is_running(session: Session) -> bool:
    return session.connection.transaction_status != TransactionStatus.IDLE


OPERATIONS = """\
-- name: add
INSERT INTO event (site, bytes) VALUES (:site::int, :bytes::int);
-- name: count
UPDATE total SET n = n + 1, last = :bytes::int WHERE site = :site::int;
-- name: events
SELECT site, count(*), sum(bytes) FROM event GROUP BY site ORDER BY site;
-- name: totals
SELECT site, n, last FROM total ORDER BY site;
"""
TABLES = """\
CREATE TABLE event (site int, bytes int);
CREATE TABLE total (site int PRIMARY KEY, n int, last int);
INSERT INTO total SELECT site, 0, 0 FROM generate_series(0, 99) AS site;
"""
PIPED = """\
-- name: add
-- pipeline: 20
INSERT INTO event (site, bytes) VALUES (:site::int, :bytes::int);
-- name: count
-- pipeline: 5
UPDATE total SET n = n + 1, last = :bytes::int WHERE site = :site::int;
"""
TEXTS = PIPED.replace("pipeline: 20", "pipeline: 20\n-- prepare: never")
BATCHES = """\
-- name: add
-- pipeline: 3
-- batch: 10
INSERT INTO event (site, bytes) SELECT * FROM unnest(:site::int[], :bytes::int[]);
"""
TRANSACTIONS = """\
-- name: add
-- pipeline: 2
-- transaction: 10
INSERT INTO event (site, bytes) VALUES (:site::int, :bytes::int);
"""
MIXED = PIPED[: PIPED.index("-- name: count")]


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield calls of which each second waits for the one before it, and some for others."""
    while True:
        site, size = random.randrange(100), random.randrange(1000)
        yield Call("add", {"site": site, "bytes": size}, key=str(site))
        yield Call("count", {"site": site, "bytes": size}, key=str(site))


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    settings = {"autovacuum": "off", "synchronous_commit": "off"}
    with servers.serving("embedded", settings=settings, clients=64, run_id="pipeline") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)


def test_candidates_with_pipelines_agree_and_keep_up(laboratory: Laboratory) -> None:
    sent = {"piped": PIPED, "texts": TEXTS, "batches": BATCHES, "transactions": TRANSACTIONS, "mixed": MIXED}
    found = laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": TABLES, **{name: TABLES + text for name, text in sent.items()}},
        writers=[Writer(name="adding", kind="stream", weight=10, clients=2)],
        burst=burst,
        budget_s=4,
        calls=400,
        state=("events", "totals"),
        round_trip_s=0.001,
        production_s=0.4,
        adequacy_s=1.0,
    )
    ratios = {one.name: one.standing.to_baseline.value for one in found.candidates if one.standing}

    assert {one.name: one.status for one in found.candidates} == dict.fromkeys(["baseline", *sent], "ranked")
    assert ratios["piped"] > 1.5
    for name in sent:
        counted = [trial for trial in result(found, name).trials if not trial.warmup]
        assert {trial.operations for trial in counted} == {400}
        assert result(found, name).adequacy is not None


def test_a_pipeline_that_fails_names_the_statement(laboratory: Laboratory) -> None:
    with pytest.raises(CandidateError, match="duplicate key") as caught:
        laboratory.rank(
            operations="-- name: enter\n-- pipeline: 4\nINSERT INTO entered VALUES (:id::int);\n",
            candidates={"baseline": "CREATE TABLE entered (id int PRIMARY KEY);\n"},
            writers=[Writer(name="entering", kind="stream", weight=4, clients=1)],
            burst=lambda *_: repeat(Call("enter", {"id": 1})),
            budget_s=0.3,
        )

    assert "INSERT INTO entered" in str(caught.value) or "operations.sql:3" in str(caught.value)
