"""Simulated error rate of the bound that removes slow candidates from the blocks.

Usage: python benchmarks/slow_levels.py [--runs 5000] [--blocks 12]

A candidate's true log ratio to the baseline is known; a bound is computed after every block from the third on, as in a
run; a run is wrong if any of its bounds excludes the true ratio. Noise is normal, Student's with three degrees of
freedom, or normal with stalls in a tenth of all trials; the candidate's is as large as the control's, or three times as
large. Prints a line for each case, and as its last line a JSON object: case -> share of runs.
"""

import argparse
import json
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from schemabench import statistics

Draw: TypeAlias = Callable[[np.random.Generator, int], NDArray[np.float64]]

TRUTH = np.log(20)
STALLED = 0.1
"""The share of trials that a stall falls into."""
STALL = 8
"""Its mean length, in standard deviations of the noise."""
NOISE: dict[str, Draw] = {
    "normal": lambda random, count: random.normal(size=count),
    "heavy tails": lambda random, count: random.standard_t(3, size=count),
    "stalls": lambda random, count: (
        random.normal(size=count) + (random.random(count) < STALLED) * random.exponential(STALL, size=count)
    ),
}
SIZE = 0.1
"""Of the noise: about 10 % of a trial."""


def wrong(random: np.random.Generator, draw: Draw, scale: float, blocks: int) -> bool:
    """Return whether any bound of one run leaves the truth out."""
    baseline, control, own = (SIZE * draw(random, blocks) for _ in range(3))
    logs, noise = TRUTH + scale * own - baseline, control - baseline
    for done in range(statistics.LEAST_TRIALS, blocks + 1):
        span = statistics.lag(logs[:done], noise[:done], family=1)
        if not span.low <= TRUTH <= span.high:
            return True
    return False


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", default=5000, type=int, help="of each case")
    parser.add_argument("--blocks", default=12, type=int, help="after which a run ends")
    chosen = parser.parse_args()
    random = np.random.default_rng(1)
    found = {}
    for name, draw in NOISE.items():
        for scale in (1, 3):
            case = f"{name}, {'as' if scale == 1 else 'three times as'} noisy as the control"
            share = sum(wrong(random, draw, scale, chosen.blocks) for _ in range(chosen.runs)) / chosen.runs
            found[case] = round(share, 4)
            print(f"{case}: {100 * share:.1f} % of runs", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
