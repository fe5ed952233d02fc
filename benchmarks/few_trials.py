"""How often what is said of a candidate that leaves early is wrong, and how soon it leaves, by simulation.

Usage: python benchmarks/few_trials.py [--runs 20000]

Simulates baseline, control and one candidate that is slower by a known factor, whose trials scatter as much as the
others', less, or more, in the ways that trials do. Counts how often the bound from a few trials is beyond the truth,
how often a candidate that is 4x slower leaves all the same within 30 blocks, each of them a look, and how often one
that is 12x or 27x slower has left after so many. Prints a table, and a JSON object as its last line. The standard
error of a share of 1 % is 0.07 % in 20,000 runs, and 0.3 % of those after several looks, for which there are fewer.
Takes half a minute.
"""

import argparse
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench.experiment.retiring import FIRST, LAST, is_far_slower
from schemabench.statistics import bounds_of_few

SPREAD = 0.2
"""Of the log of how long a trial takes: that of a ratio is then 0.28, twice what was measured of equal candidates."""
STALLED, STALL = 1 / 12, math.log(3)
"""The share of trials that take 3 times as long."""
CORRELATION = 0.5
"""Of neighbouring blocks, where they depend on each other."""
BLOCKS = 30
"""Looks, at most, before a run is over."""

Logs = NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, int]], Logs]
"""Of one entrant, of shape (runs, blocks), with a standard deviation of about 1, about its median."""


def normal(random: np.random.Generator, shape: tuple[int, int]) -> Logs:
    """Return the usual noise."""
    return random.normal(size=shape)


def heavy(random: np.random.Generator, shape: tuple[int, int]) -> Logs:
    """Return noise with heavy tails: Student's with 2 degrees of freedom, whose variance is infinite."""
    return random.standard_t(2, size=shape) / 2


def stalls(random: np.random.Generator, shape: tuple[int, int]) -> Logs:
    """Return noise in which a trial takes 3 times as long now and then."""
    return random.normal(size=shape) + np.where(random.random(shape) < STALLED, STALL / SPREAD, 0.0)


def related(random: np.random.Generator, shape: tuple[int, int]) -> Logs:
    """Return noise of blocks that depend on each other."""
    own = random.normal(size=shape)
    for block in range(1, shape[1]):
        own[:, block] = CORRELATION * own[:, block - 1] + math.sqrt(1 - CORRELATION**2) * own[:, block]
    return own


NOISES: dict[str, Noise] = {"normal": normal, "heavy tails": heavy, "stalls": stalls, "related blocks": related}
TIMES = (0.3, 1.0, 3.0)
"""The candidate's spread over the control's."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The log ratios of many runs, each of shape (runs, blocks)."""

    candidate: Logs
    """About a truth of 0."""
    control: Logs

    def too_high(self, window: int) -> tuple[float, float]:
        """Return how often the bound of so many trials is beyond the truth, and its median over that."""
        lows = np.array([bounds_of_few(*some)[0] for some in self._looks(window, window)])
        return float((lows > 0).mean()), float(np.exp(np.median(lows)))

    def has_left(self, slower: float, blocks: int) -> float:
        """Return the share of runs in which a candidate so many times slower has left after so many blocks."""
        left = [
            [is_far_slower(own + math.log(slower), chance) for own, chance in self._looks(min(last, LAST), last)]
            for last in range(FIRST, blocks + 1)
        ]
        return float(np.any(left, axis=0).mean())

    def _looks(self, window: int, last: int) -> list[tuple[Logs, Logs]]:
        """Return what is looked at after a block, run by run."""
        seen = slice(last - window, last)
        return list(zip(self.candidate[:, seen], self.control[:, seen], strict=True))


def made(noise: Noise, times: float, runs: int, blocks: int) -> Runs:
    """Return runs of one setting, the same each time."""
    random = np.random.default_rng(1)
    baseline, control, candidate = (SPREAD * noise(random, (runs, blocks)) for _ in range(3))
    return Runs(candidate=times * candidate - baseline, control=control - baseline)


def shares(noise: Noise, times: float, runs: int) -> dict[str, float]:
    """Return how often each of the things that are looked for happens."""
    early = made(noise, times, runs, LAST)
    late = made(noise, times, max(1, runs // 20), BLOCKS)
    found = {}
    for window in (LAST, FIRST):
        found[f"{window}: too high"], found[f"{window}: over truth"] = early.too_high(window)
    return found | {
        "4x leaves": late.has_left(4, BLOCKS),
        "12x leaves in 4": early.has_left(12, 4),
        "12x leaves in 8": late.has_left(12, 8),
        "27x leaves in 3": early.has_left(27, 3),
        "27x leaves in 4": early.has_left(27, 4),
    }


def main() -> None:
    """Simulate, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    options = parser.parse_args()
    results = {}
    for (name, noise), times in itertools.product(NOISES.items(), TIMES):
        found = results[f"{name}, {times:g}x the spread"] = shares(noise, times, options.runs)
        if len(results) == 1:
            print(f"{'':32}" + "".join(f"{what:>17}" for what in found))
        print(f"{name + f', {times:g}x the spread':32}" + "".join(f"{value:17.2%}" for value in found.values()))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
