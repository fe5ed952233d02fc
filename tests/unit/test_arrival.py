"""Intended start times."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.load import arrival

KINDS = st.sampled_from([arrival.poisson, arrival.evenly])
Kind = Callable[[int, float, Random], list[float]]


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311 (reproducible on purpose)


@given(KINDS, st.integers(0, 200), st.floats(1e-3, 1e5), st.integers())
def test_every_call_arrives_in_order_within_the_duration_and_again_for_the_same_seed(
    kind: Kind, count: int, duration_s: float, seed: int
) -> None:
    arrivals = kind(count, duration_s, _random(seed))

    assert len(arrivals) == count
    assert arrivals == sorted(arrivals) == kind(count, duration_s, _random(seed))
    assert all(0 <= due_s <= duration_s for due_s in arrivals)


@given(st.integers(1, 200), st.floats(1e-3, 1e5), st.integers())
def test_scheduled_calls_are_equally_far_apart(count: int, duration_s: float, seed: int) -> None:
    gaps = [later - earlier for earlier, later in pairwise(arrival.evenly(count, duration_s, _random(seed)))]

    assert gaps == pytest.approx([duration_s / count] * (count - 1), rel=1e-6)


def test_independent_calls_arrive_as_in_a_poisson_process() -> None:
    arrivals = arrival.poisson(100_000, 100.0, _random(1))
    in_each_second = [sum(second <= due_s < second + 1 for due_s in arrivals) for second in range(100)]
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]

    assert sum(in_each_second) == 100_000
    assert max(in_each_second) < 1000 + 5 * 1000**0.5
    assert sum(gap > 2e-3 for gap in gaps) / len(gaps) == pytest.approx(0.135, abs=0.01), "exponential: e^-2"
