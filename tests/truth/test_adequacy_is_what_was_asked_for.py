"""Who keeps up at production's pace is who has the time: calls sleep for a known share of it, at the server."""

from collections.abc import Iterator
from itertools import cycle
from random import Random

import pytest
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import Adequacy, Latency, Pacing

OPERATIONS = """
-- name: work
SELECT pg_sleep(:seconds::float);
-- name: quick
SELECT 1;
"""
BASELINE = "CREATE TABLE nothing ();\n"
CLIENTS = 2
CALLS = 40
"""In the smallest burst, the one that is executed at production's pace."""
SERVICE_S = 0.05
ASLEEP_S = 0.01
"""By so much a call that sleeps takes longer than it sleeps, at most; on a quiet machine by hardly anything."""
PERIOD_S = 1.0
"""In which the calls of a batch are due."""
SHORT_S, LONG_S = 0.02, 1.5


def _kept(laboratory: Laboratory, writers: list[Writer], calls: dict[str, list[Call]], production_s: float) -> Adequacy:
    """Return how a baseline fares whose writers make these calls in turns, in so many seconds of production."""

    def burst(writer: str, random: Random) -> Iterator[Call]:
        assert random is not None
        return cycle(calls[writer])

    experiment = laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": BASELINE},
        writers=writers,
        burst=burst,
        budget_s=0.0,
        production_s=production_s,
        adequacy_s=production_s,
        calls=sum(writer.weight for writer in writers),
    )
    kept = result(experiment, "baseline").adequacy
    assert kept is not None
    return kept


def _sleeping(seconds: float) -> Call:
    return Call("work", {"seconds": seconds}, rows=0)


def _writer(kept: Adequacy, name: str) -> Pacing:
    (found,) = [one for one in kept.writers if one.name == name]
    return found


def _responses(kept: Adequacy, operation: str) -> Latency:
    (found,) = [one for one in kept.responses if one.operation == operation]
    return found


@pytest.mark.parametrize(
    ("share", "keeps_up"),
    [
        pytest.param(0.5, True, marks=pytest.mark.long),
        (0.9, True),
        (1.2, False),
        pytest.param(1.5, False, marks=pytest.mark.long),
    ],
)
def test_a_writer_keeps_up_whose_calls_take_less_time_than_its_connections_have(
    laboratory: Laboratory,
    share: float,
    keeps_up: bool,  # noqa: FBT001 (a parameter)
) -> None:
    production_s = CALLS * SERVICE_S / CLIENTS / share
    writer = Writer(name="sleeper", kind="stream", weight=CALLS, clients=CLIENTS)
    kept = _kept(laboratory, [writer], {"sleeper": [_sleeping(SERVICE_S - ASLEEP_S / 2)]}, production_s)
    found = _writer(kept, "sleeper")

    assert kept.keeps_up is keeps_up
    assert found.utilisation.value == pytest.approx(share, rel=ASLEEP_S / SERVICE_S / 2)
    assert found.utilisation.high - found.utilisation.low < 0.1 * share
    assert (found.drain_s is None) is not keeps_up
    if not keeps_up:
        left_s = (share - 1) * production_s
        assert found.backlog_s == pytest.approx(left_s, abs=0.3 * left_s + 2 * SERVICE_S)
        assert kept.elapsed_s - kept.duration_s == pytest.approx(found.backlog_s, abs=0.3 * left_s + 2 * SERVICE_S)


@pytest.mark.parametrize(
    ("calls", "slow"),
    [(2, 1), *(pytest.param(*one, marks=pytest.mark.long) for one in [(1, 0), (2, 0), (3, 0), (3, 1), (3, 2)])],
)
def test_a_batch_does_not_keep_up_of_which_one_call_outlasts_the_schedule(
    laboratory: Laboratory, calls: int, slow: int
) -> None:
    """The last, the middle or the first of them, beside a writer whose many quick calls all keep up."""
    writers = [
        Writer(name="batch", kind="batch", weight=calls),
        Writer(name="reader", kind="reader", weight=320),
    ]
    batch = [_sleeping(LONG_S if number == slow else SHORT_S) for number in range(calls)]
    kept = _kept(laboratory, writers, {"batch": batch, "reader": [Call("quick", {}, rows=0)]}, PERIOD_S)
    found, reader = _writer(kept, "batch"), _writer(kept, "reader")

    assert kept.keeps_up is False
    assert reader.keeps_up
    assert found.keeps_up is False
    assert found.utilisation.value == pytest.approx((LONG_S + (calls - 1) * SHORT_S) / PERIOD_S, rel=0.05)
    assert found.drain_s is None
    assert found.slowest_s >= LONG_S
    assert _responses(kept, "work").max_ns >= LONG_S * 1e9
    assert kept.p99_ns is not None
    assert kept.waiting.get("reader", 0) <= 1


def test_a_batch_that_ends_after_the_schedule_but_before_the_next_one_keeps_up(laboratory: Laboratory) -> None:
    writer = Writer(name="batch", kind="batch", weight=1)
    kept = _kept(laboratory, [writer], {"batch": [_sleeping(0.45 * PERIOD_S)]}, PERIOD_S)
    found = _writer(kept, "batch")

    assert kept.keeps_up
    assert found.utilisation.value == pytest.approx(0.45, rel=0.05)
    assert found.drain_s is not None
    assert found.drain_s < PERIOD_S
