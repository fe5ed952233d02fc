"""Order statistics of the means of all pairs, against all pairs written out."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.statistics.walsh import order_statistics


def written_out(values: Sequence[float]) -> list[float]:
    return sorted((first + second) / 2 for place, first in enumerate(values) for second in values[place:])


def one_series(values: np.ndarray, ranks: Sequence[int]) -> list[float]:
    return order_statistics(values[:, None], ranks)[0].tolist()


def test_means_of_all_pairs_in_order() -> None:
    # Pairs of 1, 2, 6, each value with itself: 1, 1.5, 3.5, 2, 4, 6.
    assert one_series(np.array([6.0, 1, 2]), range(6)) == [1, 1.5, 2, 3.5, 4, 6]


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=15))
def test_few_values_give_every_rank(values: list[float]) -> None:
    averages = written_out(values)
    assert one_series(np.array(values, dtype=float), range(len(averages))) == averages


@pytest.mark.parametrize("unit", [1e-9, 1, 1e9])
@pytest.mark.parametrize("kind", ["continuous", "a few different", "mostly zero", "all equal"])
def test_many_values_give_the_same_as_all_pairs(kind: str, unit: float) -> None:
    random = np.random.default_rng(4)
    drawn = random.standard_t(2, 400)
    values = (
        unit
        * {
            "continuous": drawn,
            "a few different": np.round(drawn),
            "mostly zero": np.where(random.random(400) < 0.9, 0, drawn),
            "all equal": np.full(400, 0.1),
        }[kind]
    )
    averages = written_out([float(value) for value in np.round(values, 12)])
    ranks = [0, 1, 20_000, 40_099, 40_100, 70_000, 80_199]
    expected = [averages[rank] for rank in ranks]
    assert one_series(values, ranks) == pytest.approx(expected, rel=1e-12, abs=1e-15 * unit)
    assert [value == 0 for value in one_series(values, ranks)] == [value == 0 for value in expected]


@pytest.mark.parametrize("blocks", [1, 7, 60, 250])
def test_each_of_several_series_gives_the_same_as_alone(blocks: int) -> None:
    values = np.random.default_rng(5).standard_t(2, (blocks, 130))
    ranks = [0, blocks * (blocks + 1) // 4, blocks * (blocks + 1) // 2 - 1]
    together = order_statistics(values, ranks)
    assert together.tolist() == [one_series(series, ranks) for series in values.T]
