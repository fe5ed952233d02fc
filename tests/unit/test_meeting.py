"""How a follower waits for the leader: ever more rarely, and without asking again what will not come."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from schemabench.errors import ServerError, WorkerError
from schemabench.server.dsn import RefusedError
from schemabench.workers import meeting
from schemabench.workers.meeting import MEET_LIMIT_S, await_address
from schemabench.workers.seat import Seat

DSN = "postgresql://u@h/d"


class Answers:
    """A server as followers see it.

    Attributes:
        looks_s: When somebody looked.
        there_s: From when on the meeting's database is there.
        refusal: Why nobody may connect; empty if everybody may.
        up_s: From when on everybody may.
        kind: The class of the refusal.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.looks_s: list[float] = []
        self.there_s = float("inf")
        self.refusal = ""
        self.up_s = float("inf")
        self.kind: type[ServerError] = ServerError

    def monotonic(self) -> float:
        """Return the time."""
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        """Let the time pass."""
        self.now_s += duration_s

    def connect(self, conninfo: str) -> Any:  # noqa: ANN401 (a connection, as far as it is used)
        """Answer, or refuse."""
        assert "dbname=d" in conninfo, "the database that the user named"
        self.looks_s.append(self.now_s)
        if self.refusal and self.now_s < self.up_s:
            raise self.kind(f"No connection to {DSN}: {self.refusal}", remedies=["correct the password"])
        return SimpleNamespace(close=lambda: None)

    def exists(self, _: object, name: str) -> bool:
        """Return whether the database is there."""
        assert name == "sb_0123abcd_workers"
        return self.now_s >= self.there_s


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Answers:
    server = Answers()
    monkeypatch.setattr(meeting, "time", server)
    monkeypatch.setattr(meeting, "connect", server.connect)
    monkeypatch.setattr(meeting, "exists", server.exists)
    return server


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    return Seat(number=1, names=("gw0", "gw1"), run_id="0123abcd", folder=str(tmp_path))


def test_a_server_is_looked_at_ever_more_rarely(server: Answers, seat: Seat) -> None:
    with pytest.raises(WorkerError, match="had no server within 120 s"):
        await_address(seat, DSN, 1)

    pauses = [later - earlier for earlier, later in zip(server.looks_s, server.looks_s[1:], strict=False)]
    assert server.looks_s[0] == 0.0
    assert pauses[0] < 0.11
    assert 1.9 < pauses[-1] < 2.1
    assert len(server.looks_s) < MEET_LIMIT_S


def test_what_the_leader_publishes_on_this_machine_is_seen_at_once(server: Answers, seat: Seat) -> None:
    def sleep(duration_s: float) -> None:
        server.now_s += duration_s
        if server.now_s > 50.0:
            meeting._leave(seat.folder, {"conninfo": "host=h"})

    server.sleep = sleep  # type: ignore[method-assign]

    assert await_address(seat, DSN, 1) == "host=h"
    assert server.now_s < 50.2


@pytest.mark.parametrize("there_s", [0.0, 0.3, 60.0])
def test_a_database_that_is_made_is_found_soon(server: Answers, seat: Seat, there_s: float) -> None:
    server.there_s = there_s
    found = await_address(seat, DSN, 1)

    assert found is not None
    assert "dbname=sb_0123abcd_workers" in found
    assert there_s <= server.now_s <= max(2 * there_s, 0.0)
    assert server.now_s <= there_s + 2.1


PASSING = ["Connection refused", "FATAL:  the database system is starting up", "Passwort-Authentifizierung"]


@pytest.mark.parametrize("said", PASSING)
def test_a_refusal_that_may_pass_is_waited_out(server: Answers, seat: Seat, said: str) -> None:
    server.refusal, server.up_s, server.there_s = said, 60.0, 0.0

    assert "dbname=sb_0123abcd_workers" in (await_address(seat, DSN, 1) or "")
    assert 60.0 <= server.now_s < 62.1


@pytest.mark.parametrize("said", PASSING)
def test_a_refusal_that_does_not_pass_is_told_and_ends_the_leader_that_would_wait(
    server: Answers, seat: Seat, said: str
) -> None:
    server.refusal = said
    with pytest.raises(WorkerError, match="The worker gw1 cannot meet the others: No connection to") as caught:
        await_address(seat, DSN, 1)

    assert said in caught.value.what
    assert caught.value.worker == "gw0"
    assert caught.value.remedies == ("correct the password",)
    assert server.now_s >= MEET_LIMIT_S
    assert len(server.looks_s) > MEET_LIMIT_S / 4


def test_a_server_that_refuses_this_worker_for_good_is_asked_once(server: Answers, seat: Seat) -> None:
    server.refusal, server.kind = "FATAL:  password authentication failed", RefusedError
    with pytest.raises(
        WorkerError, match=r"The worker gw1 cannot meet the others: .*password authentication"
    ) as caught:
        await_address(seat, DSN, 1)

    assert len(server.looks_s) == 1
    assert caught.value.worker == "gw0"
    assert 10.0 <= server.now_s < 11.0, "the leader may be about to say that it is refused, too; then it would wait"


def test_a_worker_on_another_machine_that_is_refused_for_good_says_so_at_once(server: Answers, seat: Seat) -> None:
    """Nothing that the leader publishes reaches it."""
    server.refusal, server.kind = "FATAL:  password authentication failed", RefusedError
    with pytest.raises(WorkerError, match=r"The worker gw1 cannot meet the others: .*password authentication"):
        await_address(replace(seat, folder=f"{seat.folder}/elsewhere"), DSN, 1)

    assert server.now_s < 1.0


@pytest.mark.parametrize(("refusals", "ended"), [(5, False), (1_000, True)], ids=["it recovers", "it does not"])
def test_a_server_that_recovers_from_a_crash_is_waited_for_before_the_leader_is_ended(
    server: Answers, seat: Seat, monkeypatch: pytest.MonkeyPatch, refusals: int, *, ended: bool
) -> None:
    left = iter(range(refusals))

    def link(*_: object) -> SimpleNamespace:
        if next(left, None) is not None:
            raise psycopg.OperationalError("FATAL:  the database system is in recovery mode")
        return SimpleNamespace(present=lambda: {0}, close=lambda: None, closed=False, topic=0)

    monkeypatch.setattr(meeting, "Link", link)
    meeting._leave(seat.folder, {"conninfo": "host=h"})
    with ExitStack() as stack:
        one = meeting.Meeting(seat, DSN, stack)
        if ended:
            with pytest.raises(WorkerError, match="cannot meet the others: FATAL:  the database system is in recovery"):
                one.join(1)
            assert 12.0 <= server.now_s < 30.0, "before the leader gives up"
        else:
            assert one.join(1) is not None


def test_a_leader_that_is_refused_too_has_the_last_word(server: Answers, seat: Seat) -> None:
    def sleep(duration_s: float) -> None:
        server.now_s += duration_s
        if server.now_s > 5.0:
            meeting.call_off(seat.folder, "password authentication failed")

    server.refusal, server.kind, server.sleep = "FATAL", RefusedError, sleep  # type: ignore[method-assign]
    with pytest.raises(WorkerError, match="gw0 cancelled the run: password authentication failed") as caught:
        await_address(seat, DSN, 1)

    assert caught.value.worker == "", "other tests go on"


@pytest.mark.parametrize(("number", "ended"), [(0, ""), (1, "gw0")], ids=["leader", "follower"])
def test_a_follower_without_a_way_to_the_others_ends_the_leader_and_a_leader_only_its_experiment(
    seat: Seat, number: int, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise psycopg.OperationalError("FATAL:  sorry, too many clients already")

    monkeypatch.setattr(meeting, "Link", refuse)
    with ExitStack() as stack:
        one = meeting.Meeting(replace(seat, number=number), DSN, stack)
        with pytest.raises(WorkerError, match="cannot meet the others: FATAL:  sorry, too many clients") as caught:
            one._open("host=h")

    assert caught.value.worker == ended


def test_a_server_that_goes_down_meanwhile_is_waited_for(
    server: Answers, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise psycopg.OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(meeting, "exists", fail)
    with pytest.raises(WorkerError, match="had no server within 120 s"):
        await_address(seat, DSN, 1)
    assert len(server.looks_s) > 2
