"""Distributions of noise: their shapes and bounds, and that they draw the same everywhere."""

import math
import statistics
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.noise.distributions import (
    MOST,
    Bin,
    Choice,
    Constant,
    Distribution,
    Histogram,
    LogNormal,
    Uniform,
    Zipf,
)

DRAWS = 4_000
BINS = (Bin(low=1, high=1, weight=Decimal(3)), Bin(low=10, high=19, weight=Decimal(1)))


def _drawn(one: Distribution, seed: int = 1, draws: int = DRAWS) -> list[int]:
    random = Random(seed)  # noqa: S311 (reproducible)
    return [one.draw(random) for _ in range(draws)]


@pytest.mark.parametrize(
    ("one", "first"),
    [
        (Constant(value=4), [4, 4, 4, 4, 4, 4, 4, 4]),
        (Uniform(low=1, high=1000), [135, 848, 764, 256, 496, 450, 652, 789]),
        (LogNormal(median=Decimal(100), sigma=Decimal("0.9"), most=MOST), [213, 78, 173, 296, 68, 67, 171, 28]),
        (Zipf(exponent=Decimal("1.2"), most=1000), [1, 121, 51, 2, 6, 5, 19, 65]),
        (Histogram(bins=BINS), [1, 12, 1, 1, 1, 14, 10, 1]),
    ],
    ids=["constant", "uniform", "log-normal", "zipf", "histogram"],
)
def test_numbers_of_a_seed_never_change(one: Distribution, first: list[int]) -> None:
    assert _drawn(one, draws=8) == first


def test_logarithm_of_a_log_normal_is_normal() -> None:
    logs = [math.log(one) for one in _drawn(LogNormal(median=Decimal(10_000), sigma=Decimal("0.5"), most=MOST))]

    assert statistics.median(logs) == pytest.approx(math.log(10_000), abs=0.03)
    assert statistics.stdev(logs) == pytest.approx(0.5, abs=0.02)
    assert sum(abs(one - math.log(10_000)) < 0.5 for one in logs) / DRAWS == pytest.approx(0.683, abs=0.02)


def test_frequencies_of_zipf_fall_by_its_exponent() -> None:
    drawn = _drawn(Zipf(exponent=Decimal(1), most=100))

    total = sum(1 / rank for rank in range(1, 101))
    for rank in (1, 2, 5):
        assert drawn.count(rank) / DRAWS == pytest.approx(1 / rank / total, abs=0.02)


def test_bins_of_a_histogram_have_their_weights_and_are_even_within() -> None:
    drawn = _drawn(Histogram(bins=BINS))

    assert drawn.count(1) / DRAWS == pytest.approx(3 / 4, abs=0.02)
    assert all(drawn.count(one) / DRAWS == pytest.approx(1 / 40, abs=0.01) for one in range(10, 20))


def test_words_have_their_weights() -> None:
    one = Choice(weights={"a": Decimal(1), "b": Decimal(0), "c": Decimal(3)})
    random = Random(1)  # noqa: S311 (reproducible)
    words = [one.draw(random) for _ in range(DRAWS)]

    assert words.count("b") == 0
    assert words.count("c") / DRAWS == pytest.approx(3 / 4, abs=0.02)


@given(low=st.integers(0, MOST), more=st.integers(0, MOST), seed=st.integers())
def test_no_number_is_beyond_the_bounds(low: int, more: int, seed: int) -> None:
    high = min(MOST, low + more)
    shapes: list[Distribution] = [
        Uniform(low=low, high=high),
        LogNormal(median=Decimal(max(1, low)), sigma=Decimal(10), least=low, most=high),
        Zipf(exponent=Decimal(1), least=low, most=min(high, low + 50)),
        Histogram(bins=[Bin(low=low, high=high, weight=Decimal(1))]),
        Constant(value=low),
    ]

    for one in shapes:
        drawn = _drawn(one, seed, draws=5)
        assert low <= min(drawn) <= max(drawn) <= one.highest <= high


@pytest.mark.parametrize(
    "number", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal(-1), Decimal("1e999")]
)
def test_parameters_that_are_no_numbers_or_too_large_are_refused(number: Decimal) -> None:
    with pytest.raises(ValueError, match="the median"):
        LogNormal(median=number, sigma=Decimal(1), most=5)
    with pytest.raises(ValueError, match="sigma"):
        LogNormal(median=Decimal(1), sigma=number, most=5)
    with pytest.raises(ValueError, match="the exponent"):
        Zipf(exponent=number, most=5)
    with pytest.raises(ValueError, match="a weight"):
        Histogram(bins=[Bin(low=1, high=1, weight=number)])
    with pytest.raises(ValueError, match="a weight"):
        Choice(weights={"a": number})


def test_bounds_in_the_wrong_order_and_no_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"low \(2\) is larger than high \(1\)"):
        Uniform(low=2, high=1)
    with pytest.raises(ValueError, match=r"least \(2\) is larger than most \(1\)"):
        LogNormal(median=Decimal(1), sigma=Decimal(1), least=2, most=1)
    with pytest.raises(ValueError, match="more than 100,000 numbers"):
        Zipf(exponent=Decimal(1), least=0, most=100_000)
    with pytest.raises(ValueError, match="all are zero"):
        Histogram(bins=[])
    with pytest.raises(ValueError, match="all are zero"):
        Choice(weights={"a": Decimal(0)})
