"""How well `schemabench check` forecasts the width of an interval: from the first half of a run's blocks, of all.

Usage: python benchmarks/check_duration.py RUN.json...

For every candidate, it ranks the first half of the counted blocks and all of them, and divides the width of the second
interval of the ratio to the baseline by the width that the law forecasts: that of the first, over the square root of
two if the blocks are twice as many. Above 1, a run takes longer than was said: as many times as the square. Left out
are experiments whose first half is too short for any verdict. A run file does not hold the trials of the control.
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemabench import report, statistics
from schemabench.candidate import BASELINE
from schemabench.records import Experiment


def main() -> None:
    """Print the widths of all run files together."""
    runs = [report.read(Path(path)) for path in sys.argv[1:]]
    found = [one for run in runs for experiment in run.experiments for one in actual_over_forecast(experiment)]
    low, median, high = np.percentile(found, [10, 50, 90])
    print(f"{len(found)} candidates: actual over forecast width {median:.2f}, 80 % of them {low:.2f} to {high:.2f}")


def actual_over_forecast(experiment: Experiment) -> Iterator[float]:
    """Yield for every candidate of an experiment how much wider its interval is than the first half forecasts."""
    trials = {
        one.name: [trial for trial in one.trials if not trial.warmup]
        for one in experiment.candidates
        if one.status == "ranked" and not one.retired
    }
    rates = np.array([[1 / trial.duration_s for trial in some] for some in trials.values()]).T
    half = len(rates) // 2
    if len(trials) < 2 or half < statistics.fewest_blocks(len(trials)):  # noqa: PLR2004 (a pair)
        return
    copies = [trial.copy for trial in trials[BASELINE]]
    first, all_ = (widths(rates[:blocks], list(trials), experiment.seed, copies[:blocks]) for blocks in (half, None))
    for name, width in first.items():
        yield all_[name] / (width * math.sqrt(half / len(rates)))


def widths(rates: NDArray[np.float64], names: list[str], seed: int, copies: list[int]) -> dict[str, float]:
    """Return the width of every candidate's interval, on a logarithmic scale."""
    ranking = statistics.rank(rates, names, baseline=BASELINE, seed=seed, copies=copies)
    return {
        one.name: math.log(one.to_baseline.high / one.to_baseline.low)
        for one in ranking.standings
        if one.name != BASELINE
    }


if __name__ == "__main__":
    main()
