"""Estimates of one series and percentiles of latencies."""

from dataclasses import replace

import numpy as np
import pytest

from schemabench.records import Latency
from schemabench.statistics import estimate_rates, latency
from schemabench.statistics.summary import samples_for


def test_rates_are_centred_by_factor() -> None:
    # Logs to base 2 are 1 ... 6, whose centre is 3.5 and whose interval is 1 to 6.
    (found,) = estimate_rates(np.array([[2.0], [4], [8], [16], [32], [64]]), seed=1)
    assert (found.value, found.low, found.high) == pytest.approx((2**3.5, 2, 64))


def test_rate_of_zero_is_refused() -> None:
    with pytest.raises(AssertionError, match="above zero"):
        estimate_rates(np.array([[1.0], [0.0]]), seed=1)


def test_percentiles_are_observed_latencies_by_nearest_rank() -> None:
    # Of 1 ... 1000 in any order, the 500th, 950th and 990th smallest.
    samples_ns = np.random.default_rng(1).permutation(np.arange(1, 1001, dtype=np.int64))
    found = latency("write", samples_ns, 3)
    assert replace(found, curve=()) == Latency(
        operation="write", count=1000, p50_ns=500, p95_ns=950, p99_ns=990, max_ns=1000, retries=3
    )
    assert {level: time_ns for level, time_ns in found.curve if level in {0.1, 0.5, 0.99}} == {
        0.1: 100,
        0.5: 500,
        0.99: 990,
    }


def test_percentile_curve_ends_where_the_samples_do() -> None:
    # 0.9^n <= 0.05 from n = 29, which 10 % needs as well, from the other side; 0.95^n from 59, 0.995^n from 598.
    given = {count: latency("write", np.arange(count, dtype=np.int64), 0).curve for count in (1, 28, 29, 597, 598)}
    levels = {count: [level for level, _ in curve] for count, curve in given.items()}

    assert levels[1] == []
    assert levels[28] == [0.25, 0.5, 0.75]
    assert levels[29] == [0.1, 0.25, 0.5, 0.75, 0.9]
    assert (levels[597][-1], levels[598][-1]) == (0.99, 0.995)


def test_percentiles_without_enough_samples_are_left_out() -> None:
    # 0.5^n <= 0.05 from n = 5 (0.031), 0.95^n from 59 (0.0485), 0.99^n from 299 (0.0495).
    assert [samples_for(level) for level in (0.50, 0.95, 0.99)] == [5, 59, 299]
    given = {count: latency("write", np.arange(count, dtype=np.int64), 0) for count in (4, 5, 58, 59, 298, 299)}
    assert [count for count, found in given.items() if found.p50_ns is not None] == [5, 58, 59, 298, 299]
    assert [count for count, found in given.items() if found.p95_ns is not None] == [59, 298, 299]
    assert [count for count, found in given.items() if found.p99_ns is not None] == [299]


def test_operation_without_latencies_is_refused() -> None:
    with pytest.raises(AssertionError, match="'write' has no latencies"):
        latency("write", np.array([], dtype=np.int64), 0)
