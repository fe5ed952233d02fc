"""What noise costs in certainty: spread, and false differences between equal candidates, at three levels and without.

Usage: python benchmarks/noise.py [--experiments 6] [--seconds 4] [--organisations 10] [--paces 20 100 300]

Each experiment ranks a baseline and three candidates that equal it, which upsert one row whose commit waits for the
disk (kind `write` of detection.py), beside the ghost jobs of some organisations at so many runs a second. Levels take
turns, so that the machine's own noise falls on all of them alike. An experiment whose noise falls behind has no result,
and is counted as that.

Prints a line for each experiment, and as its last line a JSON object with a key for each level, 0 runs a second among
them: the spread of a block's log ratio between two equal candidates (the standard deviation, pooled over experiments);
how many times as many blocks as without noise are needed for an interval of the same width, which is the ratio of the
variances, with its 95 % interval (F); the share of pairs that were told apart, with its 95 % interval; blocks and
bursts per second, as medians over experiments; and the noise's median share of WAL and processor time.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import detection
import numpy as np
from scipy import stats

from schemabench.candidate import BASELINE
from schemabench.errors import ServerError
from schemabench.experiment import Noise
from schemabench.noise import datamodel, making
from schemabench.noise.running import connections, pace
from schemabench.server import Needs, Server, serve

EQUAL = 3
"""Candidates that equal the baseline: two pairs that share no trial."""
PAIRS = detection.pairs(EQUAL, [])
LEVEL = 0.95


@dataclass(kw_only=True)
class Seen:
    """What experiments at one level showed."""

    squares: float = 0.0
    """Squared deviations of log ratios from the mean of their experiment and pair."""
    freedom: int = 0
    apart: list[bool] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    shares: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    behind: int = 0
    """Experiments whose noise fell behind."""

    @property
    def variance(self) -> float:
        """The variance of a block's log ratio."""
        return self.squares / self.freedom


def measure(server: Server, noise: Noise | None, seen: Seen, *, seed: int, seconds: float) -> str:
    """Make one experiment, add what it shows, and return it in words."""
    texts, rows = detection.written("write", EQUAL, [], detection.Pace(operation_s=1.0, row_s=1.0))
    budget_s = seconds * (len(texts) + 1)
    try:
        found = detection.experiment(server, "write", texts, rows, noise=noise, budget_s=budget_s, seed=seed)
    except ServerError as failure:
        seen.behind += 1
        return failure.what
    by_name, copies = detection.rates(found)
    blocks = len(by_name[BASELINE])
    seen.blocks.append(blocks)
    seen.per_s.append(median(by_name[BASELINE]))
    for _, one, other in PAIRS:
        logs = np.log(np.array(by_name[one]) / np.array(by_name[other]))
        seen.squares += float(((logs - logs.mean()) ** 2).sum())
        seen.freedom += blocks - 1
    seen.apart += [apart for _, apart in detection.judge(by_name, copies, PAIRS, blocks, seed)]
    for name, share in (found.noise.shares if found.noise else {}).items():
        seen.shares[name].append(share)
    return f"{blocks} blocks, {seen.per_s[-1]:.1f} bursts/s, spread so far {seen.variance**0.5:.3f}"


def told(seen: Seen, quiet: Seen) -> dict[str, object]:
    """Return the figures of one level."""
    if not seen.freedom:
        return {"fell_behind": seen.behind}
    ratio = seen.variance / quiet.variance
    low, high = stats.f.interval(LEVEL, seen.freedom, quiet.freedom)
    false = stats.binomtest(sum(seen.apart), len(seen.apart)).proportion_ci()
    return {
        "spread": round(seen.variance**0.5, 4),
        "times_as_many_blocks": round(ratio, 2),
        "times_interval": [round(ratio / high, 2), round(ratio / low, 2)],
        "told_apart": f"{sum(seen.apart)} of {len(seen.apart)}",
        "told_apart_interval": [round(false.low, 3), round(false.high, 3)],
        "blocks": median(seen.blocks),
        "bursts_per_s": round(median(seen.per_s), 1),
        "shares": {name: round(median(some), 3) for name, some in sorted(seen.shares.items())},
        "fell_behind": seen.behind,
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", default=6, type=int, help="at each level")
    parser.add_argument("--seconds", default=4.0, type=float, help="length of an experiment for each candidate")
    parser.add_argument("--organisations", default=10, type=int, help="of the noise")
    parser.add_argument("--paces", default=[20.0, 100.0, 300.0], type=float, nargs="+", help="runs per second")
    chosen = parser.parse_args()
    model = making.make(datamodel.load(None), seed=making.SEED, organisations=chosen.organisations)
    levels: dict[float, Noise | None] = {0.0: None}
    for wanted in chosen.paces:
        levels[wanted] = Noise(path=Path("noise.json"), model=model, speed=wanted / pace(model, 1.0))
    most = max(connections(one.model, one.speed) for one in levels.values() if one)
    found = {level: Seen() for level in levels}
    entrants = 1 + EQUAL + 1
    with serve(
        "embedded",
        Needs(clients=detection.CLIENTS, databases=entrants + 1, neighbours=most),
        settings={},
        run_id="noisy",
    ) as server:
        for number in range(chosen.experiments):
            for level, noise in levels.items():
                said = measure(server, noise, found[level], seed=number, seconds=chosen.seconds)
                print(f"{level:g} runs/s: experiment {number + 1}: {said}", flush=True)
    print(json.dumps({f"{level:g}": told(seen, found[0.0]) for level, seen in found.items()}))


if __name__ == "__main__":
    main()
