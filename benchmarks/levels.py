"""Simulated levels of the statistics: false differences between equal candidates, and widths of intervals.

Usage: python benchmarks/levels.py [--runs 400] [--quick]

Simulates equal candidates whose blocks depend on each other as in real runs, and counts how often any two are told
apart: by throughput, by lock waits, by cost; and how often any is reported as unsteady, or as drifting. Also computes
how much wider intervals are than for independent blocks, and how often real effects are detected. Prints a table, and a
JSON object as its last line. The standard error of a share of 5 % is 1.1 % in 400 runs. `--quick` has few runs of a few
settings, in less than a minute. All runs of all settings take about an hour.
"""

import argparse
import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench.statistics import compare_costs, drifts, rank, rank_locks, signed_rank, steady_from
from schemabench.statistics.dependence import dependence

BASELINE, CONTROL = "baseline", "control"
SPREAD = 0.12 / math.sqrt(2)
"""Of a block's log rate: that of a ratio is then 0.12, as measured of equal candidates that upsert and commit."""
MACHINE = 0.25
"""Spread of what the machine does to all entrants of a block alike."""
STALLED, STALL = 1 / 12, math.log(3)
"""The share of trials that take 3 times as long."""
BURN_IN = 50
"""Blocks before the first, so that a process of the first order has forgotten where it began."""
EFFECT = 0.08
"""A log ratio that is there."""
OBSERVATIONS = 80.0
"""Of writers at work in a trial, ten looks at eight of them; see `lock_levels.py` for fewer."""
QUICK_RUNS = 40


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How the blocks of an entrant depend on each other."""

    name: str
    correlation: float = 0.0
    """Of neighbouring blocks."""
    copies_share: float = 0.0
    """Of the variance, between copies."""
    drift: float = 0.0
    """Spread of the change over the run, in spreads of a block; about nothing, so that no candidate is better."""
    stalls: bool = False


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table."""

    candidates: int
    """The baseline among them, the control not."""
    blocks: int
    copies: int
    noise: Noise

    def __str__(self) -> str:
        """Return it in a few words."""
        return f"{self.candidates} candidates, {self.blocks} blocks on {self.copies} copies, {self.noise.name}"

    @property
    def names(self) -> list[str]:
        """Return the entrants, the control last."""
        return [BASELINE, *(f"c{number}" for number in range(1, self.candidates)), CONTROL]

    @property
    def numbers(self) -> list[int]:
        """Return each block's copy."""
        return [number * self.copies // self.blocks for number in range(self.blocks)]

    def logs(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Return log rates of equal entrants, of shape (blocks, entrants), but for what the machine does."""
        shape, noise = (self.blocks, self.candidates + 1), self.noise
        own = random.normal(size=(self.blocks + BURN_IN, shape[1]))
        for block in range(1, len(own)):
            own[block] = noise.correlation * own[block - 1] + math.sqrt(1 - noise.correlation**2) * own[block]
        copies = random.normal(size=(self.copies, shape[1]))[self.numbers]
        drift = np.linspace(-0.5, 0.5, self.blocks)[:, None] * random.normal(size=(1, shape[1])) * noise.drift
        values = math.sqrt(1 - noise.copies_share) * own[BURN_IN:] + math.sqrt(noise.copies_share) * copies + drift
        stalls = np.where(random.random(shape) < STALLED, STALL, 0.0) if noise.stalls else 0.0
        result: NDArray[np.float64] = SPREAD * values - stalls
        return result

    def rates(self, random: np.random.Generator, effect: float = 0.0) -> NDArray[np.float64]:
        """Return rates, of which the first candidate's are higher by a log effect."""
        machine = random.normal(0, MACHINE, (self.blocks, 1))
        effects = np.array([effect * (name == "c1") for name in self.names])
        result: NDArray[np.float64] = np.exp(self.logs(random) + machine + effects)
        return result


INDEPENDENT = Noise(name="independent")
NOISES = (
    INDEPENDENT,
    Noise(name="correlation 0.3", correlation=0.3),
    Noise(name="correlation 0.5", correlation=0.5),
    Noise(name="10 % between copies", copies_share=0.1),
    Noise(name="30 % between copies", copies_share=0.3),
    Noise(name="50 % between copies", copies_share=0.5),
    Noise(name="drift", drift=2.0),
    Noise(name="stalls", stalls=True),
)
LAYOUTS = ((15, 1), (29, 1), (29, 3), (60, 5), (150, 1), (150, 8))

Trial = Callable[[Setting, np.random.Generator, int], bool]


def told_apart(setting: Setting, random: np.random.Generator, seed: int) -> bool:
    """Return whether any two equal candidates are told apart by throughput."""
    rates = setting.rates(random)
    return bool(
        rank(rates, setting.names, baseline=BASELINE, control=CONTROL, seed=seed, copies=setting.numbers).better
    )


def found(setting: Setting, random: np.random.Generator, seed: int) -> bool:
    """Return whether a candidate that is 8 % faster than the baseline is found."""
    rates = setting.rates(random, EFFECT)
    ranking = rank(rates, setting.names, baseline=BASELINE, control=CONTROL, seed=seed, copies=setting.numbers)
    return ("c1", BASELINE) in ranking.better


def locks_told_apart(setting: Setting, random: np.random.Generator, seed: int) -> bool:
    """Return whether any two equal candidates are told apart by lock waits, of which two trials of five have none."""
    level = setting.logs(random) / SPREAD
    shares = np.where(random.random(level.shape) < 0.4, 0.0, 0.1 + 0.03 * level).clip(0, 1)  # noqa: PLR2004 (two of five)
    work = np.full_like(shares, OBSERVATIONS)
    names, copies = setting.names, setting.numbers
    ranking = rank_locks(
        shares * work, 0 * work, work, names, baseline=BASELINE, control=CONTROL, seed=seed, copies=copies
    )
    return bool(ranking.better)


def costs_differ(setting: Setting, random: np.random.Generator, seed: int) -> bool:
    """Return whether any candidate that costs as much as the baseline is told apart from it, the control aside."""
    names, amounts = setting.names[:-1], np.exp(setting.logs(random)[:, :-1])
    compared = compare_costs(amounts, names, baseline=BASELINE, seed=seed, copies=setting.numbers)
    return any(one.differs for one in compared.values())


def unsteady(setting: Setting, random: np.random.Generator, _: int) -> bool:
    """Return whether more than the least is cut of steady entrants, or they are called unsteady."""
    return steady_from(
        setting.rates(random), setting.names, least=2, most=setting.blocks // 2, copies=setting.numbers
    ) != (2, True)


def transient_cut(setting: Setting, random: np.random.Generator, _: int) -> bool:
    """Return whether a transient of 60 %, of which a third is left after a tenth of the run, is cut and done with."""
    rates = setting.rates(random)
    rates[:, 1] *= np.exp(-0.6 * np.exp(-np.arange(setting.blocks) / (0.1 * setting.blocks)))
    cut, steady = steady_from(rates, setting.names, least=2, most=setting.blocks // 2, copies=setting.numbers)
    return steady and cut > 2  # noqa: PLR2004 (the least)


def false_after_cut(setting: Setting, random: np.random.Generator, seed: int) -> bool:
    """Return whether equal candidates are told apart by the blocks after the cut."""
    rates, names = setting.rates(random), setting.names
    cut, _ = steady_from(rates, names, least=2, most=setting.blocks // 2, copies=setting.numbers)
    numbers = setting.numbers[cut:]
    return bool(rank(rates[cut:], names, baseline=BASELINE, control=CONTROL, seed=seed, copies=numbers).better)


def drifting(setting: Setting, random: np.random.Generator, _: int) -> bool:
    """Return whether any entrant that does not drift is said to."""
    return _any_drift(setting, np.log(setting.rates(random)))


def drift_found(setting: Setting, random: np.random.Generator, _: int) -> bool:
    """Return whether all entrants' loss of 30 % over the run is found of any."""
    return _any_drift(setting, np.log(setting.rates(random)) + np.linspace(0, math.log(0.7), setting.blocks)[:, None])


def _any_drift(setting: Setting, logs: NDArray[np.float64]) -> bool:
    written = np.repeat(np.linspace(0, 1, setting.blocks)[:, None], logs.shape[1], axis=1)
    return any(drifts(np.exp(logs), setting.names, written, setting.numbers).values())


def width(setting: Setting, random: np.random.Generator, runs: int) -> float:
    """Return how many times as wide an interval is as if blocks were taken as independent, on average."""
    family, pairs = math.comb(setting.candidates, 2), list(itertools.combinations(range(setting.candidates + 1), 2))
    sums = 0.0
    for _ in range(runs):
        logs = setting.logs(random)
        influence = signed_rank.influence(np.column_stack([logs[:, one] - logs[:, other] for one, other in pairs]))
        known = dependence(influence, copies=setting.numbers, independent=setting.candidates, family=family)
        sums += float(known.widening.mean())
    return sums / runs


def settings(families: tuple[int, ...], layouts: tuple[tuple[int, int], ...]) -> Iterator[Setting]:
    """Yield all settings that differ: copies make no difference where there is one."""
    for candidates, (blocks, copies), noise in itertools.product(families, layouts, NOISES):
        if copies > 1 or not noise.copies_share:
            yield Setting(candidates=candidates, blocks=blocks, copies=copies, noise=noise)


def share(trial: Trial, setting: Setting, runs: int) -> float:
    """Return the share of runs in which something happens, the same for the same setting."""
    random = np.random.default_rng(list(str(setting).encode()))
    return sum(trial(setting, random, run) for run in range(runs)) / runs


def main() -> None:
    """Simulate, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--families", type=int, nargs="*", default=[2, 5, 14])
    options = parser.parse_args()
    runs = QUICK_RUNS if options.quick else options.runs
    layouts = ((29, 1), (60, 5)) if options.quick else LAYOUTS
    families = (2,) if options.quick else tuple(options.families)
    results: dict[str, dict[str, float]] = {"false differences": {}, "width": {}}
    print(f"{'equal candidates':58} told apart  width")
    for setting in settings(families, layouts):
        level = results["false differences"][str(setting)] = share(told_apart, setting, runs)
        wider = results["width"][str(setting)] = width(setting, np.random.default_rng(1), runs)
        print(f"{setting!s:58} {level:8.1%} {wider:8.2f}", flush=True)
    others: dict[str, Trial] = {
        "8 % found": found,
        "lock waits told apart": locks_told_apart,
        "costs told apart": costs_differ,
        "steady, yet cut": unsteady,
        "transient cut": transient_cut,
        "told apart after the cut": false_after_cut,
        "no drift, yet told": drifting,
        "drift of 30 % found": drift_found,
    }
    for what, trial in others.items():
        print(f"\n{what}")
        results[what] = {}
        for setting in settings((min(families[-1], 5),), layouts[1:4]):
            level = results[what][str(setting)] = share(trial, setting, runs)
            print(f"{setting!s:58} {level:8.1%}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
