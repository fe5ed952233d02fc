"""What a burst at production's pace says: utilisation, backlog, and who keeps up. Every call is made up."""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import NamedTuple

import made_up
import numpy as np
import pytest

from schemabench import Writer
from schemabench.experiment.burst import Burst, Encoded, Pace
from schemabench.experiment.pacing import judge
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Executed
from schemabench.records import Adequacy, Pacing
from schemabench.units import NANOSECONDS

PERIOD_S = 10.0


class Made(NamedTuple):
    """One call: over which connection, when it was due, and for how long it was executed."""

    place: int
    due_s: float
    service_s: float
    answered: bool = True
    operation: str = "add"


def _executed(calls: Sequence[Made], clients: int, end_s: float) -> tuple[Burst, Executed, dict[str, list[object]]]:
    """Return a burst, and what is known of it: each connection makes its calls one after the other, until the end."""
    queues: list[list[Encoded]] = [[] for _ in range(clients)]
    free_s = [0.0] * clients
    rows: dict[str, list[list[int]]] = {}
    for number, call in enumerate(calls):
        queues[call.place].append(Encoded(number, call.operation, {}, "writer"))
        begun_s = max(free_s[call.place], call.due_s)
        free_s[call.place] = begun_s + call.service_s if call.answered else inf
        if begun_s < end_s:
            service_s = call.service_s if call.answered else end_s - begun_s
            times = (round((begun_s - call.due_s) * NANOSECONDS), round(service_s * NANOSECONDS))
            rows.setdefault(call.operation, []).append([number, *times, int(call.answered), times[1]])
    burst = Burst(
        owners=["writer"] * clients,
        queues=queues,
        operations=[call.operation for call in calls],
        rows=0,
        pace=Pace(duration_s=PERIOD_S, due_s=[call.due_s for call in calls]),
    )
    is_cut = not all(call.answered for call in calls)
    ended_s = end_s if is_cut else max(free_s)
    executed = Executed(
        duration_s=ended_s, writers_s={}, busy_shares=(0.1,), retried={("add", "deadlock"): 1}, lag_ns=0, cut=is_cut
    )
    return burst, executed, {name: [np.array(some).T] for name, some in rows.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _judged(folder: Path, *calls: Made, clients: int = 1, end_s: float = inf) -> Adequacy:
    writer = Writer(name="writer", kind="stream", weight=1, clients=clients)
    plan = Plan(
        found=made_up.found(folder, writers=lambda _: (writer,)),
        cardinality="typical",
        candidates=made_up.candidates(folder / "schemas"),
        clients=clients,
        budget_s=8.0,
        precision=0.01,
        seed=1,
    )
    burst, executed, known = _executed(calls, clients, end_s)
    return judge(plan, burst, executed, known)  # type: ignore[arg-type]


def _even(count: int, service_s: float, place: int = 0) -> list[Made]:
    return [Made(place, PERIOD_S * number / count, service_s) for number in range(count)]


def _only(kept: Adequacy) -> Pacing:
    (writer,) = kept.writers
    return writer


@pytest.mark.parametrize(("share", "keeps_up"), [(0.5, True), (0.9, True), (1.1, False), (1.5, False)])
@pytest.mark.parametrize("clients", [1, 3])
def test_who_needs_less_time_than_there_is_keeps_up(folder: Path, share: float, keeps_up: bool, clients: int) -> None:  # noqa: FBT001 (a parameter)
    calls = [call for place in range(clients) for call in _even(40, share * PERIOD_S / 40, place)]
    kept = _judged(folder, *calls, clients=clients)

    assert kept.keeps_up is keeps_up
    assert _only(kept).utilisation.value == pytest.approx(share)
    assert (kept.waiting != {}) is not keeps_up


@pytest.mark.parametrize("slow", [0, 1, 2])
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_call_that_takes_longer_than_all_were_due_in_does_not_keep_up(folder: Path, calls: int, slow: int) -> None:
    made = [
        call._replace(service_s=300.0 if number == slow % calls else 0.01)
        for number, call in enumerate(_even(calls, 0))
    ]
    kept = _judged(folder, *made)

    assert kept.keeps_up is False
    assert _only(kept).utilisation.value == pytest.approx(30, rel=0.01)
    assert _only(kept).drain_s is None
    assert _only(kept).slowest_s >= 300


def test_a_batch_that_ends_after_production_s_time_keeps_up_if_it_leaves_room_for_the_next(folder: Path) -> None:
    kept = _judged(folder, Made(0, 9.0, 4.0))

    assert kept.keeps_up
    assert _only(kept).backlog_s == pytest.approx(3.0)
    assert _only(kept).drain_s == pytest.approx(5.0), "at 0.6 s per s"


@pytest.mark.parametrize("unsure", [[0.1, 0.1, 6.0], [0.1, 9.6]])
def test_of_few_calls_that_differ_much_it_cannot_be_told(folder: Path, unsure: list[float]) -> None:
    kept = _judged(folder, *(Made(0, 3.0 * place, service_s) for place, service_s in enumerate(unsure)))

    assert kept.keeps_up is None
    assert _only(kept).utilisation.low < 0.1
    assert _only(kept).utilisation.high > 1


def test_of_a_backlog_that_takes_long_to_drain_it_cannot_be_told(folder: Path) -> None:
    kept = _judged(folder, Made(0, 9.9, 9.5))

    assert kept.keeps_up is None
    assert _only(kept).drain_s == pytest.approx(188)


def test_a_response_that_takes_longer_than_was_looked_at_tells_nothing_of_the_next(folder: Path) -> None:
    kept = _judged(folder, Made(0, 5.0, 15.0), clients=4)

    assert _only(kept).utilisation.high < 1
    assert kept.keeps_up is None


def test_one_connection_that_has_too_much_to_do_is_not_helped_by_the_others(folder: Path) -> None:
    kept = _judged(folder, *_even(20, 0.6), *_even(20, 0.01, 1), *_even(20, 0.01, 2), clients=3)
    writer = _only(kept)

    assert writer.utilisation.high < 1
    assert writer.busiest is not None
    assert writer.busiest.low > 1
    assert kept.keeps_up is False


def test_calls_that_were_cut_off_or_never_begun_count_by_what_is_known(folder: Path) -> None:
    calls = [Made(0, 1.0, 2.0), Made(0, 2.0, 1.0, answered=False), Made(0, 3.0, 1.0)]
    kept = _judged(folder, *calls, end_s=20.0)

    assert kept.cut
    assert kept.keeps_up is False
    assert _only(kept).utilisation.value == pytest.approx((2 + 17 + 9.5) / PERIOD_S), (
        "the third as the mean of its like"
    )
    assert kept.waiting == {"writer": 1}
    (responses,), (services,) = kept.responses, kept.services
    assert (responses.count, services.count) == (3, 2)
    assert responses.max_ns == pytest.approx(18 * NANOSECONDS), "at least"
    assert responses.retries == 1


def test_an_operation_of_which_no_call_was_begun_has_response_times_but_no_service_times(folder: Path) -> None:
    kept = _judged(folder, Made(0, 1.0, 1.0, answered=False), Made(0, 2.0, 1.0, operation="look"), end_s=20.0)

    add, look = kept.services
    assert (add.operation, add.count, look.operation, look.count) == ("add", 1, "look", 0)
    assert [one.operation for one in kept.responses] == ["add", "look"]


def test_a_writer_without_calls_is_not_spoken_of(folder: Path) -> None:
    assert _judged(folder, *_even(7, 0.1), clients=3).keeps_up
