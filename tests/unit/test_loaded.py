"""Which request a connection takes next."""

from typing import Any

from schemabench.experiment.burst import Pace
from schemabench.experiment.loaded import shared_out
from schemabench.load import Request

ONE: Any = "one session"
OTHER: Any = "another session"


def _requests(*numbers: int) -> list[Request]:
    return [(number, "add", ()) for number in numbers]


def _pace(*due_s: float) -> Pace:
    return Pace(duration_s=10.0, due_s=due_s, writers=["stream"] * len(due_s))


def test_in_a_closed_loop_a_connection_takes_its_own_requests_first() -> None:
    own = [(ONE, "stream", _requests(0, 3)), (OTHER, "stream", _requests(2))]
    (_, one), (_, other) = shared_out(own, {"stream": _requests(1, 4)}, None)

    assert [number for number, *_ in one] == [0, 3, 1, 4]
    assert [number for number, *_ in other] == [2]


def test_in_an_open_loop_a_connection_takes_whichever_is_due_first() -> None:
    own = [(ONE, "stream", _requests(0, 3)), (OTHER, "stream", [])]
    (_, one), (_, other) = shared_out(own, {"stream": _requests(1, 2, 4)}, _pace(1.0, 2.0, 3.0, 4.0, 5.0))
    taken = [next(iter(queue))[0] for queue in (one, one, other, one, other)]

    assert taken == [0, 1, 2, 3, 4]
    assert (list(one), list(other)) == ([], [])


def test_writers_share_no_requests() -> None:
    own = [(ONE, "stream", []), (OTHER, "reader", [])]
    (_, one), (_, other) = shared_out(own, {"stream": _requests(0), "reader": _requests(1)}, _pace(2.0, 1.0))

    assert (list(one), list(other)) == (_requests(0), _requests(1))
