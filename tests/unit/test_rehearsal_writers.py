"""Which calls of writers are refused, and which can be executed again: not those that take what a refused one gives."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from fake_connection import FakeConnection
from psycopg.pq import ConnStatus

from schemabench.experiment.burst import Burst, Encoded, Pace
from schemabench.load import Drive, LostConnectionError, Session
from schemabench.rehearsal import writers
from schemabench.rehearsal.writers import Driven

PLACED = Encoded(0, "place", {}, "shop", gives={"id": "order 1"})
LINE = Encoded(1, "line", {"order_id": None}, "shop", takes={"order_id": "order 1"})
LATER = Encoded(2, "line", {"order_id": None}, "shop", takes={"order_id": "order of the background"})


def driven(latencies_ns: Sequence[int], refused: Sequence[int] = ()) -> Driven:
    """Return what writers did whose calls took so long; 0 for those that were not executed."""
    burst = Burst(owners=["shop"], queues=[[PLACED, LINE, LATER]], operations=["place", "line", "line"], rows=3)
    drive = Drive(started_ns=0, duration_ns=9, latencies_ns=latencies_ns, finished_ns=[9], busy_ns=1)
    return Driven(
        drive=drive,
        burst=burst,
        due_ns=[0, 0, 0],
        refused=dict.fromkeys(refused, "not null (23502)"),
        requests=[[0, 1, 2]],
        ready_ns=[0, 0, 0],
        after={},
    )


def test_a_call_that_took_what_a_refused_one_should_have_given_is_an_orphan() -> None:
    assert driven([1, 1, 1], refused=[0]).orphans() == [LINE]


def test_calls_that_were_not_refused_are_executed_again_at_once_or_at_their_pace() -> None:
    pace = Pace(duration_s=1.0, due_s=[0.0, 0.5, 0.9])
    done = driven([1, 1, 1], refused=[1])
    done = replace(done, burst=replace(done.burst, pace=pace))

    at_once, paced = done.executed(), done.executed(paced=True)

    assert at_once.queues == paced.queues == [[PLACED, LATER]]
    assert (at_once.pace, paced.pace) == (None, pace)


@contextmanager
def _played() -> Iterator[FakeConnection]:
    connection = FakeConnection()
    yield connection
    connection.finish()


def _refusals(connection: Any, *retried: str) -> writers._Refusals:  # noqa: ANN401 (it is played)
    return writers._Refusals(Session(connection), dict.fromkeys(retried, "repeated"))


def test_a_lock_timeout_is_refused_unless_its_operation_is_repeated_after_one() -> None:
    with _played() as connection:
        assert _refusals(connection).get("55P03") == "lock not available (55P03)"
        assert _refusals(connection, "55P03").get("55P03") is None
        assert _refusals(connection).get("40P01") is None


def test_an_error_with_which_the_server_ends_a_session_is_no_refusal() -> None:
    with _played() as connection:
        connection.status = ConnStatus.BAD

        with pytest.raises(LostConnectionError, match=r"admin shutdown \(57P01\)"):
            _refusals(connection).get("57P01")


def test_a_call_that_took_what_was_given_or_was_not_executed_itself_is_none() -> None:
    assert driven([1, 1, 1]).orphans() == []
    assert driven([1, 1, 1], refused=[0, 1]).orphans() == []
    assert driven([0, 0, 1]).orphans() == []
