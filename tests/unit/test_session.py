"""One connection's side of the conversation, with a server that is played."""

from collections.abc import Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from fake_connection import Answer, FakeConnection, FakeResult, refused
from psycopg.pq import ExecStatus

from schemabench.load import LostConnectionError, Session, StatementFailedError, conversation
from schemabench.load import attempt as attempt_module
from schemabench.load.conversation import converse, is_plain
from schemabench.load.session import RETRY_LIMIT, ROLLBACK, Refusal
from schemabench.load.talk import AnyStep, Pause, Request, Step, Unprepared, Want
from schemabench.units import NANOSECONDS

TICK_NS = 10
ADD: Step = (b"add_0", [b"a", None])
LOOK: Step = (b"look_0", [b"a"])
BEGIN: Step = (b"add_begin", [])
COMMIT: Step = (b"add_commit", [])


class Clock:
    """A clock that ticks once each time that it is read."""

    now_ns = 0

    def __call__(self) -> int:
        """Tell the time."""
        self.now_ns += TICK_NS
        return self.now_ns


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (conversation, attempt_module):
        monkeypatch.setattr(module, "perf_counter_ns", clock)
    return clock


class Talk:
    """A conversation, resumed until it is over."""

    clock: Clock

    def __init__(self, *script: Answer) -> None:
        self.connection = FakeConnection(*script)
        connection: Any = self.connection
        self.session = Session(connection)
        self.latencies_ns = [0] * 10
        self.wants: list[object] = []
        self.pauses_s: list[float] = []

    def run(self, *requests: Request) -> "Talk":
        """Execute requests to the end."""
        for want in converse(self.session, requests, self.latencies_ns, Random(1)):  # noqa: S311 (reproducible)
            self.wants.append(want)
            if isinstance(want, Pause):
                self.pauses_s.append((want.until_ns - self.clock.now_ns) / NANOSECONDS)
        return self

    @property
    def sent(self) -> list[bytes]:
        """The names of the statements that were sent."""
        return [name for name, _ in self.connection.sent]


@pytest.fixture
def talk(clock: Clock) -> Iterator[type[Talk]]:
    opened: list[FakeConnection] = []

    class Remembered(Talk):
        """A conversation whose connection is hung up at the end."""

        def __init__(self, *script: Answer) -> None:
            super().__init__(*script)
            opened.append(self.connection)

    Remembered.clock = clock
    yield Remembered
    for connection in opened:
        connection.finish()


def _add(number: int, *steps: Step) -> Request:
    return number, "add", steps or (ADD,)


def test_requests_are_sent_in_order_each_with_its_parameters(talk: type[Talk]) -> None:
    done = talk().run(_add(0), (1, "look", (LOOK,)))

    assert done.connection.sent == [(b"add_0", [b"a", None]), (b"look_0", [b"a"])]


def test_each_request_has_its_latency_at_its_number(talk: type[Talk]) -> None:
    done = talk().run(_add(3), _add(1))

    assert done.latencies_ns == [0, TICK_NS, 0, TICK_NS, 0, 0, 0, 0, 0, 0]


def test_rows_are_read_to_the_last_result(talk: type[Talk]) -> None:
    rows = FakeResult(ExecStatus.TUPLES_OK)

    assert talk(Answer(rows, more=[FakeResult(), FakeResult()])).run(_add(0), _add(1)).sent == [b"add_0", b"add_0"]


def test_an_answer_that_comes_in_parts_is_waited_for(talk: type[Talk]) -> None:
    assert talk(Answer(late=3)).run(_add(0)).wants == [None] * 4


def test_a_full_socket_is_waited_for_and_then_read_again(talk: type[Talk]) -> None:
    assert talk(Answer(blocked=2)).run(_add(0)).wants == [Want.WRITE, Want.WRITE, Want.READ_AGAIN]


@pytest.mark.parametrize(
    ("step", "plain"),
    [
        (ADD, True),
        (Unprepared(b"add_0", [], b"SELECT 1"), False),
    ],
)
def test_what_is_not_prepared_is_not_executed_by_the_inner_loop(
    talk: type[Talk], step: AnyStep, *, plain: bool
) -> None:
    requests: list[Request] = [_add(0), (1, "add", (BEGIN, step, COMMIT))]

    assert is_plain(talk().session, requests) is plain


def test_several_statements_are_one_request_and_one_latency(talk: type[Talk]) -> None:
    done = talk().run(_add(0, BEGIN, ADD, LOOK, COMMIT))

    assert done.sent == [b"add_begin", b"add_0", b"look_0", b"add_commit"]
    assert done.latencies_ns[:2] == [TICK_NS, 0]


@pytest.mark.parametrize(
    ("sqlstate", "reason"),
    [("40P01", "deadlock"), ("40001", "serialization failure"), ("55P03", "lock timeout")],
)
def test_what_the_server_undid_is_tried_again_and_counted_by_reason(
    talk: type[Talk], sqlstate: str, reason: str
) -> None:
    done = talk(Answer(refused(sqlstate)), Answer(refused(sqlstate))).run(_add(0), _add(1))

    assert done.sent == [b"add_0"] * 4
    assert done.session.retried == {("add", reason): 2}
    assert len(done.pauses_s) == 2


def test_each_operation_and_each_reason_has_a_count_of_its_own(talk: type[Talk]) -> None:
    script = [Answer(refused("40P01")), Answer(refused("40001")), Answer(), Answer(refused("40001"))]
    done = talk(*script).run(_add(0), (1, "look", (LOOK,)))

    assert done.session.retried == {
        ("add", "deadlock"): 1,
        ("add", "serialization failure"): 1,
        ("look", "serialization failure"): 1,
    }


def test_the_latency_holds_all_attempts(talk: type[Talk], monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100, 200, 700, 900, 1000])  # the second is when the pause begins, the third when it ends
    for module in (conversation, attempt_module):
        monkeypatch.setattr(module, "perf_counter_ns", lambda: next(times))

    assert talk(Answer(refused("40001"))).run(_add(0), _add(1)).latencies_ns[:2] == [800, 100]


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        ([Answer(), Answer(refused("40P01"))], [b"add_begin", b"add_0", ROLLBACK]),
        ([Answer(), Answer(), Answer(refused("55P03"))], [b"add_begin", b"add_0", b"look_0", ROLLBACK]),
        ([Answer(), Answer(), Answer(), Answer(refused("40001"))], [b"add_begin", b"add_0", b"look_0", b"add_commit"]),
    ],
)
def test_a_transaction_is_rolled_back_and_begun_again_from_its_first_statement(
    talk: type[Talk], script: list[Answer], sent: list[bytes]
) -> None:
    done = talk(*script).run(_add(0, BEGIN, ADD, LOOK, COMMIT))

    assert done.sent == [*sent, b"add_begin", b"add_0", b"look_0", b"add_commit"]


def test_pauses_before_retries_add_up_by_operation(talk: type[Talk]) -> None:
    sleeper = talk(Answer(refused("40001")), Answer(), Answer(refused("40P01")), Answer(refused("40P01")))
    for want in converse(sleeper.session, [_add(0), (1, "look", (LOOK,))], sleeper.latencies_ns, Random(1)):  # noqa: S311 (reproducible)
        if isinstance(want, Pause):
            sleeper.clock.now_ns = want.until_ns + 1_000_000  # the loop wakes it a little late
            sleeper.pauses_s.append(want.until_ns / NANOSECONDS)

    assert set(sleeper.session.paused_ns) == {"add", "look"}
    assert sleeper.session.paused_ns["add"] > 1_000_000
    assert sleeper.session.paused_ns["look"] > 2_000_000
    assert sum(sleeper.session.paused_ns.values()) <= sum(sleeper.latencies_ns)


def test_who_is_never_refused_never_pauses(talk: type[Talk]) -> None:
    assert talk().run(_add(0)).session.paused_ns == {}


def test_pauses_grow_and_stay_short(talk: type[Talk]) -> None:
    done = talk(*(Answer(refused("40P01")) for _ in range(50))).run(_add(0))

    assert len(done.pauses_s) == 50
    assert max(done.pauses_s[:2]) <= 0.004
    assert max(done.pauses_s) <= 0.1
    assert max(done.pauses_s[20:]) > max(done.pauses_s[:2])


def test_retries_end_after_so_many_attempts(talk: type[Talk]) -> None:
    doomed = talk(*(Answer(refused("40P01", "deadlock detected")) for _ in range(500)))

    with pytest.raises(StatementFailedError, match="add: deadlock detected") as caught:
        doomed.run(_add(0))
    assert caught.value.attempts == RETRY_LIMIT
    assert doomed.sent == [b"add_0"] * RETRY_LIMIT


def test_an_error_that_no_repetition_helps_carries_all_that_is_known(talk: type[Talk]) -> None:
    error = refused("23505", "duplicate", MESSAGE_DETAIL="Key", CONTEXT="in f()", STATEMENT_POSITION="7")
    failing = talk(Answer(), Answer(error))

    with pytest.raises(StatementFailedError) as caught:
        failing.run(_add(0, BEGIN, ADD, COMMIT), _add(1))
    failure = caught.value
    assert (failure.operation, *failure.step) == ("add", b"add_0", [b"a", None])
    refusal = failure.refusal
    assert (refusal.sqlstate, refusal.message, refusal.detail, refusal.context, refusal.position) == (
        "23505",
        "duplicate",
        "Key",
        "in f()",
        7,
    )
    assert (failure.attempts, failure.session) == (1, failing.session)
    assert failing.sent == [b"add_begin", b"add_0"], "nothing is sent after a failure"


def test_a_retry_that_fails_for_good_reports_the_statement_that_failed_last(talk: type[Talk]) -> None:
    script = [Answer(), Answer(refused("40P01")), Answer(), Answer(), Answer(), Answer(refused("23505"))]

    with pytest.raises(StatementFailedError) as caught:
        talk(*script).run(_add(0, BEGIN, ADD, LOOK, COMMIT))
    assert (caught.value.step[0], caught.value.attempts) == (b"look_0", 2)


def test_an_error_without_a_position_has_none(talk: type[Talk]) -> None:
    with pytest.raises(StatementFailedError) as caught:
        talk(Answer(refused("XX000"))).run(_add(0))
    assert caught.value.refusal.position == 0


@pytest.mark.parametrize(
    "script",
    [
        [Answer(result=None)],
        [Answer(refused("40P01")), Answer(result=None)],
    ],
)
def test_a_connection_without_an_answer_is_lost(talk: type[Talk], script: list[Answer]) -> None:
    with pytest.raises(LostConnectionError, match="connection broke"):
        talk(*script).run(_add(0))


@pytest.mark.parametrize("script", [[], [Answer(refused("40P01"))]])
def test_a_connection_that_breaks_while_it_is_read_is_lost(talk: type[Talk], script: list[Answer]) -> None:
    with pytest.raises(LostConnectionError, match=r"^server closed the connection$"):
        talk(*script, Answer(lost="server closed the connection\n")).run(_add(0))


def test_requests_may_come_from_a_pool_that_is_shared(talk: type[Talk]) -> None:
    pool = iter([_add(number) for number in range(3)])
    one, other = talk(), talk()
    conversations = [
        converse(each.session, pool, each.latencies_ns, Random(1))  # noqa: S311 (reproducible)
        for each in (one, other)
    ]
    while conversations:
        for each_conversation in list(conversations):
            if next(each_conversation, StopIteration) is StopIteration:
                conversations.remove(each_conversation)

    assert (len(one.sent), len(other.sent)) == (2, 1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"12", None, b"-3"], 9),
        ([b"12.00"], "the answer's 'votes' is no whole number: '12.00'"),
        ([b"7", b"1e+06"], "the answer's 'votes' is no whole number: '1e+06'"),
        ([b"NaN"], "the answer's 'votes' is no whole number: 'NaN'"),
    ],
)
def test_a_noted_column_is_summed_or_refused_in_words(values: list[bytes | None], expected: int | str) -> None:
    answer: Any = SimpleNamespace(
        nfields=1, ntuples=len(values), fname=lambda _: b"votes", get_value=lambda row, _: values[row]
    )
    found = attempt_module.total("votes", answer)

    assert (found.message if isinstance(found, Refusal) else found) == expected
