"""Parts of a burst: how those of several processes add up, and how they travel between them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.errors import CandidateError, Place
from schemabench.experiment import team
from schemabench.experiment.team import Part, together
from schemabench.units import NANOSECONDS
from schemabench.workers import wire

NAMES = st.sampled_from(["a", "b", "c"])
PARTS = st.builds(
    Part,
    clock=st.just("here"),
    started_ns=st.integers(0, 10**12),
    duration_ns=st.integers(1, 10**9),
    writers_ns=st.dictionaries(NAMES, st.integers(1, 10**9)),
    busy_ns=st.integers(0, 10**9),
    retried=st.dictionaries(st.tuples(NAMES, NAMES), st.integers(0, 100)),
    paused_ns=st.integers(0, 10**9),
    lag_ns=st.integers(0, 10**9),
)


def _part(started_ns: int, duration_ns: int, clock: str = "here", busy_ns: int = 0, **writers_ns: int) -> Part:
    return Part(clock=clock, started_ns=started_ns, duration_ns=duration_ns, writers_ns=writers_ns, busy_ns=busy_ns)


def test_on_one_host_a_burst_lasts_from_the_first_start_to_the_last_response() -> None:
    executed = together([_part(5_000_000_000, 2_000_000_000), _part(6_000_000_000, 2_500_000_000)])

    assert executed.duration_s == 3.5
    assert executed.one_clock


def test_over_hosts_whose_clocks_cannot_be_compared_the_longest_part_counts() -> None:
    executed = together([_part(5_000_000_000, 2_000_000_000), _part(77, 2_500_000_000, clock="there")])

    assert executed.duration_s == 2.5
    assert not executed.one_clock


def test_a_writer_in_two_processes_is_done_with_its_last_response() -> None:
    early = _part(1_000_000_000, 500_000_000, shop=400_000_000, website=100_000_000)
    late = _part(1_200_000_000, 500_000_000, shop=500_000_000)

    assert together([early, late]).writers_s == {"shop": 0.7, "website": 0.1}


@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_retries_and_pauses_add_up(parts: list[Part]) -> None:
    executed = together(parts)

    assert sum(executed.retried.values()) == sum(sum(part.retried.values()) for part in parts)
    assert executed.paused_s == pytest.approx(sum(part.paused_ns for part in parts) / NANOSECONDS)


def test_a_process_that_is_done_early_was_busy_for_a_share_of_the_whole_burst() -> None:
    slow, early = _part(0, 200, busy_ns=60), _part(0, 43, busy_ns=42)

    assert together([slow, early]).busy_shares == (0.3, 0.21)
    assert together([early, slow]).busy_shares == (0.21, 0.3)
    assert together([slow, replace(early, clock="there", started_ns=77)]).busy_shares == (0.3, 0.21)


@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_no_process_is_busy_for_longer_than_a_burst_lasts(parts: list[Part]) -> None:
    assert all(0 <= share <= 1 for share in together(parts).busy_shares)


@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_the_latest_loop_counts(parts: list[Part]) -> None:
    executed = together(parts)

    assert executed.lag_ns == max(part.lag_ns for part in parts)


@given(parts=st.lists(PARTS, min_size=2, max_size=4))
def test_the_order_of_processes_does_not_matter_for_the_duration(parts: list[Part]) -> None:
    assert together(parts).duration_s == together(parts[::-1]).duration_s


@given(part=PARTS)
def test_a_part_survives_its_travel(part: Part) -> None:
    assert wire.unpacked(json.loads(json.dumps(wire.packed(part)))) == part


@pytest.mark.parametrize("where", [None, Place(path=Path("wrong.sql"), line=3, column=5, text="SELECT 1 / 0")])
def test_a_refusal_survives_its_travel_and_says_who_was_refused(where: Place | None) -> None:
    refusal = CandidateError("division", where=where, sqlstate="22012", checked=[":a = 1"], remedies=["override it"])

    found = wire.read(json.loads(json.dumps(wire.written(refusal))), "gw1")

    assert (found.what, found.where, found.sqlstate, found.remedies) == ("division", where, "22012", ("override it",))
    assert found.checked == (":a = 1", "refused on the worker gw1")


@pytest.mark.parametrize("shape", [(40,), (5, 40)], ids=["times", "rows-of-a-pace"])
def test_samples_of_each_operation_keep_their_order(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(3)
    operations = random.choice(["put", "look", "count"], 40)
    samples_ns = random.integers(1, 1000, shape)
    found = team._by_operation(operations, samples_ns)

    assert {name: own.tolist() for name, own in found.items()} == {
        name: samples_ns[..., operations == name].tolist() for name in ("count", "look", "put")
    }
    assert team._by_operation(operations[:0], samples_ns[..., :0]) == {}
