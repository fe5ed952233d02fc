"""What becomes of a writer whose session ends: its conversation ends with it, with a server that is played."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from fake_connection import Answer, FakeConnection, refused

from schemabench.experiment.burst import Pace
from schemabench.experiment.loaded import Loaded
from schemabench.load import Drive, Ending, Session
from schemabench.load.talk import Pause
from schemabench.rehearsal.lasting import Lasting

CLOSED = "consuming input failed: server closed the connection unexpectedly"


@contextmanager
def _writer(connection: FakeConnection, *due_s: float) -> Iterator[Lasting]:
    """Yield a writer whose calls are due then."""
    played: Any = connection
    requests = [(number, "change", [(b"change_1", [])]) for number in range(len(due_s))]
    loaded = Loaded(
        queues=[(Session(played), requests)], operations=["change"] * len(due_s), pace=Pace(duration_s=9.0, due_s=due_s)
    )
    yield Lasting(loaded=loaded, random=Random(1), ending=Ending())  # noqa: S311 (nothing is retried)
    connection.finish()


def _reason(lasting: Lasting) -> str:
    (ended,) = lasting.ended.values()
    assert ended.is_end
    return ended.reason


def test_a_call_that_finds_its_session_gone_is_refused_and_the_conversation_ends() -> None:
    with _writer(FakeConnection(Answer(), Answer(lost=f"{CLOSED}\n\tThis probably means")), 0.0, 0.0, 0.0) as writer:
        ((_, talk),) = writer.beside()

        assert list(talk) == [None, None]

        ((session, _),) = writer.loaded.queues
        assert _reason(writer) == CLOSED
        assert session.accepted == [(1, "change", CLOSED)]
        assert session.flight.running() == []
        drive = writer.driven(Drive(started_ns=0, duration_ns=0, latencies_ns=[], finished_ns=[], busy_ns=0))
        assert [latency_ns > 0 for latency_ns in drive.latencies_ns] == [True, True, False]
        assert writer.done == 2


def test_a_call_with_whose_answer_its_session_ended_was_not_committed_and_is_refused() -> None:
    with _writer(FakeConnection(Answer(), Answer(ends=True)), 0.0, 0.0, 0.0) as writer:
        ((_, talk),) = writer.beside()

        assert list(talk) == [None, None]

        ((session, _),) = writer.loaded.queues
        assert _reason(writer) == "connection broke"
        assert session.accepted == [(1, "change", "connection broke")]
        assert writer.done == 2


def test_a_session_that_ends_while_it_waits_for_a_call_is_noticed_at_once_if_the_kernel_tells() -> None:
    with _writer(connection := FakeConnection(), 60.0) as writer:
        ((_, talk),) = writer.beside()
        assert isinstance(next(talk), Pause)
        assert isinstance(next(talk), Pause), "nothing has happened"

        connection._answer.lost = CLOSED

        assert list(talk) == []
        assert _reason(writer) == CLOSED


def test_a_session_that_had_nothing_to_do_any_more_is_found_afterwards_with_the_servers_last_words() -> None:
    with _writer(connection := FakeConnection()) as writer:
        writer.check()
        assert not writer.ended

        last: Any = refused("57P01", "terminating connection", SEVERITY_NONLOCALIZED="FATAL")
        connection.notice_handler(last)  # type: ignore[attr-defined]
        connection._answer.lost = CLOSED
        writer.check()

        assert _reason(writer) == "admin shutdown (57P01)"


@pytest.mark.parametrize("severity", ["NOTICE", "WARNING"])
def test_what_the_server_says_to_writers_otherwise_is_no_reason(severity: str) -> None:
    with _writer(connection := FakeConnection()) as writer:
        notice: Any = refused("42P07", "exists, skipping", SEVERITY_NONLOCALIZED=severity)
        connection.notice_handler(notice)  # type: ignore[attr-defined]
        connection._answer.lost = CLOSED
        writer.check()

        assert _reason(writer) == CLOSED
