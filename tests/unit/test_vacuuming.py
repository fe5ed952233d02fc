"""In which share of a turn autovacuum is at work for whom: with a played server."""

from collections.abc import Iterator
from typing import Any

import pytest
from fake_connection import Answer, FakeConnection, FakeResult, refused
from psycopg.pq import ExecStatus

from schemabench.load import LostConnectionError, Session, Talk
from schemabench.load.talk import Pause
from schemabench.monitor import vacuuming as module
from schemabench.monitor.vacuuming import HZ, Vacuuming
from schemabench.units import NANOSECONDS

OWN = ("own", "own_part")
INTERVAL_NS = NANOSECONDS // HZ


class Watched:
    """One whose server is played, on a clock that moves when a look is due."""

    def __init__(self, connection: FakeConnection, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 1_000
        monkeypatch.setattr(module, "perf_counter_ns", lambda: self.now_ns)
        self.connection = connection
        self.vacuuming = Vacuuming("")
        self.talk: Talk = iter(())  # type: ignore[assignment] # until a part of a turn begins

    def begin(self) -> None:
        """Begin a part of a turn."""
        socket, self.talk = self.vacuuming.watch(OWN)
        assert socket == self.connection.socket
        self.wait()

    def wait(self) -> None:
        """Go on until the next look is due."""
        while not isinstance(want := next(self.talk), Pause):
            pass
        self.now_ns = max(self.now_ns, want.until_ns)

    def look(self, *databases: str) -> None:
        """Look, with vacuums in these databases."""
        rows = [[name.encode()] for name in databases]
        self.answer(Answer(FakeResult(ExecStatus.TUPLES_OK, rows=rows)))

    def answer(self, answer: Answer) -> None:
        """Look, and get an answer."""
        self.connection.script.append(answer)
        self.wait()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    played = FakeConnection()
    connection: Any = played
    monkeypatch.setattr(module.Session, "open", lambda _: Session(connection))
    yield Watched(played, monkeypatch)
    played.finish()


def test_vacuums_of_ones_own_databases_and_of_others_are_told_apart(watched: Watched) -> None:
    watched.begin()
    for databases in ((), ("own",), ("other",), ("own_part", "other")):
        watched.look(*databases)

    assert watched.vacuuming.shares() == (0.5, 0.5)


def test_several_vacuums_at_once_are_one_look(watched: Watched) -> None:
    watched.begin()
    watched.look("own", "own_part", "own")

    assert watched.vacuuming.shares() == (1.0, 0.0)


def test_a_turn_of_several_parts_adds_up_its_looks_at_one_rate(watched: Watched) -> None:
    watched.vacuuming.begin()
    started_ns = watched.now_ns
    for _ in range(3):
        watched.begin()
        watched.look("own")
    watched.begin()
    watched.look()

    assert watched.vacuuming.shares() == (0.75, 0.0)
    assert watched.now_ns == started_ns + 4 * INTERVAL_NS, "a part does not begin with a look of its own"


def test_a_turn_without_a_look_has_no_shares(watched: Watched) -> None:
    watched.begin()
    watched.look("own")
    watched.vacuuming.begin()

    assert watched.vacuuming.shares() is None


def test_a_look_that_is_refused_does_not_count(watched: Watched) -> None:
    watched.begin()
    watched.answer(Answer(refused("57014", "canceling statement due to statement timeout")))
    watched.look("own")

    assert watched.vacuuming.shares() == (1.0, 0.0)


@pytest.mark.parametrize("answer", [Answer(None), Answer(lost="server closed the connection")])
def test_a_connection_that_breaks_is_told(watched: Watched, answer: Answer) -> None:
    watched.begin()
    with pytest.raises(LostConnectionError):
        watched.answer(answer)


def test_an_answer_that_comes_after_a_part_is_read_before_the_next(watched: Watched) -> None:
    watched.begin()
    watched.connection.script.append(Answer(FakeResult(ExecStatus.TUPLES_OK, rows=[[b"own"]]), late=1))
    next(watched.talk)
    watched.begin()
    watched.look("other")

    assert watched.vacuuming.shares() == (0.0, 1.0)
