"""Simulated lock waits: the rates of false differences between equal candidates, and of detected differences.

Usage: python benchmarks/lock_levels.py [--runs 400] [--quick]

Simulates the sampler's observations: a few samples per trial, possibly none in a short one; in each, some writers are
active, and some of these wait, with correlation between writers. The share of waiting differs between trials, and
between copies of the databases. Candidates wait equally, with trials of possibly unequal length; counts how often any
two are told apart. Then one waits and the others do not, or less; counts how often that is detected for the baseline,
and how often the interval of its share contains the true share. Prints a table, and a JSON object as its last line. The
standard error of a share of 5 % is 1.1 % in 400 runs. `--quick` has few runs, in a minute or two; all take about ten.
"""

import argparse
import itertools
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench.monitor.sampler import rate_hz
from schemabench.statistics import Ranking, rank_locks

NAMES = ["baseline", "a", "b"]
SAMPLE_HZ = 50.0
CLIENTS, AT_WORK = 8, 0.8
"""Writers, and the share of them that is in a transaction at any moment."""
TOGETHER = 0.3
"""Correlation of two sessions of one look: whether they wait."""
SPREAD, BETWEEN_COPIES, DURATION = 0.3, 0.1, 0.15
"""Of the logarithms of how much is waited, from trial to trial and from copy to copy, and of how long a trial takes."""
LAYOUTS = ((14, 1), (25, 2), (60, 5))
"""Blocks, and on how many copies."""
LENGTHS_S = ((0.2, 0.2, 0.2), (0.02, 0.02, 0.02), (0.2, 0.05, 0.02), (0.2, 0.02, 0.005), (1.0, 0.2, 0.02))
"""Of the trials of each candidate."""
QUICK_RUNS = 60


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How much is waited for locks."""

    shares: tuple[float, float, float]
    """Of each candidate's time."""
    trials: float = 1.0
    """The share of trials in which that happens at all; more in these, so that the shares hold."""
    pauses: bool = False
    """Whether all but the baseline pause before retries instead: the load loop then knows how long."""

    def __str__(self) -> str:
        """Return it in a few words."""
        shown = "/".join(f"{share:.0%}" for share in self.shares)
        return f"{shown} in {self.trials:.0%} of trials{', as pauses' * self.pauses}"


EQUAL = (
    Waiting(shares=(0.05, 0.05, 0.05)),
    Waiting(shares=(0.3, 0.3, 0.3)),
    Waiting(shares=(0.1, 0.1, 0.1), trials=0.4),
    Waiting(shares=(0.02, 0.02, 0.02), trials=0.2),
    Waiting(shares=(0.2, 0.2, 0.2), pauses=True),
)
UNEQUAL = (
    Waiting(shares=(0.3, 0, 0)),
    Waiting(shares=(0.1, 0, 0)),
    Waiting(shares=(0.3, 0.1, 0.1)),
    Waiting(shares=(0.3, 0, 0), trials=0.4),
)

Observed = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Waits, pauses, sessions at work, as `rank_locks` takes them."""


def observed(
    random: np.random.Generator, waiting: Waiting, lengths_s: tuple[float, ...], blocks: int, copies: list[int]
) -> Observed:
    """Return what one run sees."""
    columns = [
        _column(random, share, length_s, blocks, copies, waiting, pauses=waiting.pauses and place > 0)
        for place, (share, length_s) in enumerate(zip(waiting.shares, lengths_s, strict=True))
    ]
    waits, pauses, work = (np.column_stack(some) for some in zip(*columns, strict=True))
    return waits, pauses, work


def _column(  # noqa: PLR0913, PLR0917 (all that a candidate's trials are like)
    random: np.random.Generator,
    share: float,
    length_s: float,
    blocks: int,
    copies: list[int],
    waiting: Waiting,
    *,
    pauses: bool,
) -> Observed:
    """Return one candidate's waits, pauses and sessions at work in each block."""
    durations_s = length_s * np.exp(random.normal(0, DURATION, blocks))
    hz = rate_hz(SAMPLE_HZ, length_s)
    looks = np.floor(durations_s * hz + random.random(blocks)).astype(int)
    own = share * np.exp(random.normal(0, SPREAD, blocks) - SPREAD**2 / 2)
    if max(copies):  # one copy's own share is what its run is about
        own *= np.exp(random.normal(0, BETWEEN_COPIES, max(copies) + 1))[copies]
    own = np.where(random.random(blocks) < waiting.trials, own / waiting.trials, 0.0).clip(0, 0.98)
    shape = (blocks, max(1, int(looks.max())))
    sessions = random.binomial(CLIENTS, AT_WORK, shape) * (np.arange(shape[1]) < looks[:, None])
    scale = (1 - TOGETHER) / TOGETHER
    some, none = (np.maximum(part, 1e-9)[:, None] * scale for part in (own, 1 - own))
    at_once = random.beta(some, none, shape)
    waits = random.binomial(sessions, np.where(own[:, None] > 0, at_once, 0.0)).sum(axis=1).astype(np.float64)
    work = sessions.sum(axis=1).astype(np.float64)
    if not pauses:
        return waits, np.zeros(blocks), work
    return np.zeros(blocks), own * CLIENTS * AT_WORK * durations_s * hz, work - waits


def ranked(seen: Observed, seed: int, copies: list[int]) -> Ranking:
    """Return what is made of it."""
    return rank_locks(*seen, NAMES, baseline=NAMES[0], control=None, seed=seed, copies=copies)


def simulated(waiting: Waiting, lengths_s: tuple[float, ...], layout: tuple[int, int], runs: int) -> dict[str, float]:
    """Return how often any are told apart, how often a and the baseline, and how often its share holds."""
    blocks, count = layout
    copies = [block * count // blocks for block in range(blocks)]
    random = np.random.default_rng(list(f"{waiting}{lengths_s}{layout}".encode()))
    found = [ranked(observed(random, waiting, lengths_s, blocks, copies), run, copies) for run in range(runs)]
    shares = [one.figure for ranking in found for one in ranking.standings if one.name == NAMES[0]]
    return {
        "any": sum(bool(ranking.better) for ranking in found) / runs,
        "first": sum((NAMES[1], NAMES[0]) in ranking.better for ranking in found) / runs,
        "covered": sum(share.low <= waiting.shares[0] <= share.high for share in shares) / max(1, len(shares)),
    }


def main() -> None:
    """Simulate, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    runs = QUICK_RUNS if options.quick else options.runs
    results: dict[str, dict[str, float]] = {}
    levels: list[float] = []
    for what, waitings in (("equal", EQUAL), ("unequal", UNEQUAL)):
        counted = "any told apart" if what == "equal" else "baseline told from a"
        print(f"\n{what + ' candidates':78} {counted}, share covered")
        for layout, lengths_s, waiting in itertools.product(LAYOUTS, LENGTHS_S, waitings):
            name = f"{layout[0]} blocks on {layout[1]}, trials of {'/'.join(f'{s:g}' for s in lengths_s)} s, {waiting}"
            found = results[name] = simulated(waiting, lengths_s, layout, runs)
            shown = found["any"] if what == "equal" else found["first"]
            print(f"{name:78} {shown:8.1%} {found['covered']:8.1%}", flush=True)
            levels += [found["any"]] * (what == "equal")
    print(f"\nequal candidates told apart: {np.mean(levels):.1%} of all runs, {max(levels):.1%} in the worst setting")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
