"""The judge of levels finds what is broken, and passes what holds."""

from collections.abc import Iterator

import numpy as np
import pytest
from often import BROKEN, ERROR, LEVEL, keeps_level

JUDGEMENTS = 400


def happening(random: np.random.Generator, share: float) -> Iterator[bool]:
    """Yield whether something happened, that happens in such a share of runs."""
    while True:
        yield bool(random.random() < share)


def judged(share: float) -> float:
    """Return how often such a share is found to keep the level."""
    random = np.random.default_rng(1)
    return sum(keeps_level(happening(random, share)) for _ in range(JUDGEMENTS)) / JUDGEMENTS


@pytest.mark.parametrize("share", [BROKEN, 0.1, 0.2])
def test_a_level_that_is_broken_is_found(share: float) -> None:
    assert judged(share) <= 2 * ERROR


@pytest.mark.parametrize("share", [0.0, 0.03, LEVEL])
def test_a_level_that_is_kept_passes(share: float) -> None:
    assert judged(share) >= 1 - 2 * ERROR


def test_too_few_runs_are_no_verdict() -> None:
    with pytest.raises(AssertionError, match="too few runs"):
        keeps_level([False] * 10)
