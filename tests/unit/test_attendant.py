"""A session beside drives whose requests are refused, or that ends: with connections that are played."""

from collections.abc import Callable, Iterator
from itertools import repeat
from random import Random
from typing import Any

import pytest
from fake_connection import Answer, FakeConnection, refused

from schemabench.load import Attendant, Hindrance, Limits, LostConnectionError, Request, Session, drive
from schemabench.load import StatementFailedError as Failed
from schemabench.load.talk import AnyStep
from schemabench.units import NANOSECONDS

pytestmark = pytest.mark.timeout(30)

NO_COLUMN = refused("42703", 'column "amount" does not exist')
LASTING_S = 0.2
BLOCK: tuple[AnyStep, ...] = ((b"look_begin", []), (b"look_0", []), (b"look_commit", []))
Opened = Callable[..., Session]


@pytest.fixture
def opened() -> Iterator[Opened]:
    connections: list[FakeConnection] = []

    def open_session(*script: Answer) -> Session:
        connection: Any = FakeConnection(*script)
        connections.append(connection)
        return Session(connection)

    yield open_session
    for connection in connections:
        connection.finish()


def _beside(session: Session, every_s: float, steps: tuple[AnyStep, ...] = ((b"look_0", []),)) -> Attendant:
    requests: Iterator[Request] = repeat((0, "look", steps))
    return Attendant(session=session, requests=requests, every_ns=round(every_s * NANOSECONDS))


def _drive(writer: Session, attendant: Attendant, told: list[Hindrance] | None) -> int:
    """Drive requests for a while beside an attendant; return how many were done."""
    due_s = [place * LASTING_S / 20 for place in range(21)]
    done = drive(
        [(writer, [(number, "add", ((b"add_0", []),)) for number in range(len(due_s))])],
        calls=len(due_s),
        random=Random(1),  # noqa: S311 (reproducible)
        limits=Limits(),
        due_s=due_s,
        beside=[(attendant.socket, attendant.begin(None if told is None else told.append))],
    )
    attendant.wind_up()
    assert attendant.rest(1.0)
    return sum(1 for one in done.latencies_ns if one)


def _sent(session: Session) -> list[bytes]:
    connection: Any = session.connection
    return [name for name, _ in connection.sent]


def test_what_is_refused_is_told_and_the_next_request_follows_at_its_pace(opened: Opened) -> None:
    told: list[Hindrance] = []
    session = opened(Answer(NO_COLUMN))
    attendant = _beside(session, 0.02)

    assert _drive(opened(), attendant, told) == 21

    assert [(one.reason, one.is_end) for one in told] == [('column "amount" does not exist (42703)', False)]
    assert 1 <= len(attendant.latencies_ns) <= LASTING_S / 0.02 + 1


def test_without_a_pace_the_next_request_follows_only_after_a_while(opened: Opened) -> None:
    told: list[Hindrance] = []
    session = opened(*[Answer(NO_COLUMN)] * 9)

    assert _drive(opened(), _beside(session, 0.0), told) == 21

    assert len(told) == 1
    assert _sent(session) == [b"look_0"]


def test_a_transaction_that_is_refused_is_rolled_back(opened: Opened) -> None:
    told: list[Hindrance] = []
    session = opened(Answer(), Answer(NO_COLUMN))

    assert _drive(opened(), _beside(session, 0.15, BLOCK), told) == 21

    assert len(told) == 1
    assert _sent(session)[:6] == [b"look_begin", b"look_0", b"rollback", b"look_begin", b"look_0", b"look_commit"]


def test_a_session_that_ends_is_told_and_others_go_on_without_it(opened: Opened) -> None:
    told: list[Hindrance] = []
    attendant = _beside(opened(Answer(), Answer(lost="server closed the connection")), 0.02)

    assert _drive(opened(), attendant, told) == 21

    assert [(one.reason, one.is_end) for one in told] == [("server closed the connection", True)]


def test_a_session_that_is_ended_while_it_executes_is_told_once(opened: Opened) -> None:
    told: list[Hindrance] = []
    terminated = refused("57P01", "terminating connection due to administrator command")
    session = opened(Answer(), Answer(terminated, ends=True))

    assert _drive(opened(), _beside(session, 0.02), told) == 21

    words = "terminating connection due to administrator command (57P01)"
    assert [(one.reason, one.is_end) for one in told] == [(words, True)]
    assert _sent(session) == [b"look_0", b"look_0"]


def test_where_nobody_is_told_either_ends_the_drive(opened: Opened) -> None:
    with pytest.raises(Failed, match="does not exist"):
        _drive(opened(), _beside(opened(Answer(NO_COLUMN)), 0.02), None)
    with pytest.raises(LostConnectionError, match="server closed"):
        _drive(opened(), _beside(opened(Answer(lost="server closed the connection")), 0.02), None)
