"""Simulated races, with as many trials as plain blocks have."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench.statistics import beaten, rank

BASELINE, CONTROL = "baseline", "control"
BLOCKS = 40
"""Plain blocks in the budget."""
LONGEST = 4
"""How many times as many blocks a race may have."""
SPREAD = 0.12 / math.sqrt(2)
"""Of a block's log rate: that of a ratio is then 0.12, as measured of equal candidates that upsert and commit."""
BURN_IN = 30


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What a race told apart."""

    better: frozenset[tuple[str, str]]
    """(better, worse), by the race or by the ranking of those that stayed."""
    left: Sequence[str]
    blocks: int


def entrants(candidates: int) -> list[str]:
    """Return the names of the baseline, the other candidates and the control."""
    return [BASELINE, *(f"c{number}" for number in range(1, candidates)), CONTROL]


def equals(
    random: np.random.Generator, count: int, correlation: float = 0.0, drift: float = 0.0
) -> NDArray[np.float64]:
    """Return log rates of equal entrants, of shape (blocks, entrants).

    Args:
        random: Where the noise comes from.
        count: How many there are.
        correlation: Of neighbouring blocks.
        drift: Spread of the change of each over a plain run, in spreads of a block; about nothing.
    """
    longest = LONGEST * BLOCKS
    own = random.normal(size=(longest + BURN_IN, count))
    for block in range(1, len(own)):
        own[block] = correlation * own[block - 1] + math.sqrt(1 - correlation**2) * own[block]
    course = np.minimum(np.arange(longest) / BLOCKS, 1.0)[:, None] - 0.5
    change = course * random.normal(size=(1, count)) * drift
    found: NDArray[np.float64] = SPREAD * (own[BURN_IN:] + change) + random.normal(0, 0.25, (longest, 1))
    return found


def race(logs: NDArray[np.float64], names: Sequence[str], seed: int, places: int = 3) -> Ended:
    """Return what a race tells apart that has the trials of plain blocks."""
    trials, done, present = BLOCKS * len(names), 0, list(names)
    found: set[tuple[str, str]] = set()
    while trials >= len(present) and done < len(logs):
        trials, done = trials - len(present), done + 1
        rates = np.exp(logs[:done, [names.index(name) for name in present]])
        gone = beaten(rates, present, control=CONTROL, candidates=len(names) - 1, places=places, staying={BASELINE})
        for name, one in gone.items():
            apart = {other: lead for other, lead in one.leads.items() if lead.apart}
            found |= {(other, name) if lead.low > 0 else (name, other) for other, lead in apart.items()}
        present = [name for name in present if name not in gone]
    found |= plain(logs[:done, [names.index(name) for name in present]], present, seed)
    return Ended(better=frozenset(found), left=[name for name in names if name not in present], blocks=done)


def plain(logs: NDArray[np.float64], names: Sequence[str], seed: int) -> frozenset[tuple[str, str]]:
    """Return (better, worse) of all pairs that the ranking tells apart."""
    return rank(np.exp(logs), names, baseline=BASELINE, control=CONTROL, seed=seed).better
