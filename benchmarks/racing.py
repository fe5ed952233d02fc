"""A race against plain blocks on the same budget: false differences and found ones, simulated and on a real server.

Usage: python benchmarks/racing.py levels [--runs 400] [--candidates 4 14]
       python benchmarks/racing.py power [--runs 200] [--noise 0.04 0.12]
       python benchmarks/racing.py real [--experiments 2] [--budget 45]

levels: equal candidates, beside the baseline and its control. A run is wrong if any two are told apart, by the race or
by the ranking of those that stayed. Blocks are independent, correlate with their neighbours, lie on copies that differ,
or drift about nothing, so that the lead passes on.

power: fourteen candidates, the baseline among them. The best four are 5 % apart from each other, the others 25 to 70 %
behind the best. A race has as many trials as plain blocks have; how many of the six differences among the best four are
found, and of the three of 5 %. `--noise` is the spread of a block's log ratio of two candidates.

real: the same fourteen on a real server, as reads with that much more of work, in plain blocks and in a race with the
same budget. Also prints the spread of a block's log ratio among the best four.

Each prints as its last line a JSON object. Limits are those of Clopper & Pearson (1934), 95 %.
"""

import argparse
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from detection import CLIENTS, OPERATIONS, WORK, experiment, rates
from numpy.typing import NDArray
from scipy import stats

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.records import Experiment
from schemabench.server import Needs, Server, serve

CONTROL = "control"
MACHINE = 0.25
"""Spread of what the machine does to all entrants of a block alike."""
PER_COPY = 10
"""Blocks on each copy of the databases."""
BURN_IN = 50
"""Blocks before the first, so that a process of the first order has forgotten where it began."""
LONGEST = 5
"""How many times as many blocks as plain ones a race may have."""
STEP = 0.95
"""Of the speed of the next better one, among the best four."""
BEST = ("c1", "c2", "c3", "c4")
SPEEDS = {name: STEP**place for place, name in enumerate(BEST)} | {
    f"c{place}": speed for place, speed in enumerate((0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.3), start=5)
}
"""Candidate -> its true speed, relative to the best."""
BASELINE_SPEED = 0.7
FOURTEEN = [BASELINE, *SPEEDS, CONTROL]
ADJACENT = {frozenset(pair) for pair in itertools.pairwise(BEST)}


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How the blocks of an entrant depend on each other."""

    name: str
    spread: float = 0.12 / math.sqrt(2)
    """Of a block's log rate."""
    correlation: float = 0.0
    """Of neighbouring blocks."""
    copies_share: float = 0.0
    """Of the variance, between copies."""
    drift: float = 0.0
    """Spread of the change over a plain run, in spreads of a block; about nothing."""

    def logs(self, random: np.random.Generator, blocks: int, entrants: int) -> NDArray[np.float64]:
        """Return log rates of equal entrants, of as many blocks as a race may have, for plain blocks of this number."""
        longest = LONGEST * blocks
        own = random.normal(size=(longest + BURN_IN, entrants))
        for block in range(1, len(own)):
            own[block] = self.correlation * own[block - 1] + math.sqrt(1 - self.correlation**2) * own[block]
        copies = random.normal(size=(longest, entrants))[np.arange(longest) // PER_COPY]
        course = np.minimum(np.arange(longest) / blocks, 1.0)[:, None] - 0.5
        drift = course * random.normal(size=(1, entrants)) * self.drift
        values = math.sqrt(1 - self.copies_share) * own[BURN_IN:] + math.sqrt(self.copies_share) * copies + drift
        found: NDArray[np.float64] = self.spread * values + random.normal(0, MACHINE, (longest, 1))
        return found


NOISES = (
    Noise(name="independent"),
    Noise(name="correlation 0.3", correlation=0.3),
    Noise(name="correlation 0.5", correlation=0.5),
    Noise(name="30 % between copies", copies_share=0.3),
    Noise(name="10 % between copies", copies_share=0.1),
    Noise(name="drift of 0.5 spreads", drift=0.5),
    Noise(name="drift of 1 spread", drift=1.0),
    Noise(name="drift of 2 spreads", drift=2.0),
    Noise(name="drift of 4 spreads", drift=4.0),
)


def plain(logs: NDArray[np.float64], names: Sequence[str], blocks: int, seed: int) -> set[tuple[str, str]]:
    """Return (better, worse) of all pairs that plain blocks tell apart."""
    return _ranked(logs[:blocks], names, seed)


def race(
    logs: NDArray[np.float64], names: Sequence[str], blocks: int, seed: int, places: int
) -> tuple[set[tuple[str, str]], dict[str, int], int]:
    """Return (better, worse) of all pairs that a race tells apart, when each candidate left, and its blocks."""
    trials, done, left = blocks * len(names), 0, dict[str, int]()
    present, found = list(names), set[tuple[str, str]]()
    while trials >= len(present) and done < len(logs):
        trials, done = trials - len(present), done + 1
        beaten = statistics.beaten(
            np.exp(logs[:done, [names.index(name) for name in present]]),
            present,
            control=CONTROL,
            candidates=len(names) - 1,
            places=places,
            staying={BASELINE},
            copies=_copies(done),
        )
        for name, one in beaten.items():
            left[name] = done
            for other, lead in one.leads.items():
                if lead.apart:
                    found.add((other, name) if lead.low > 0 else (name, other))
        present = [name for name in present if name not in beaten]
    found |= _ranked(logs[:done, [names.index(name) for name in present]], present, seed)
    return found, left, done


def _ranked(logs: NDArray[np.float64], names: Sequence[str], seed: int) -> set[tuple[str, str]]:
    copies = _copies(len(logs))
    return set(
        statistics.rank(np.exp(logs), names, baseline=BASELINE, control=CONTROL, seed=seed, copies=copies).better
    )


def _copies(blocks: int) -> list[int]:
    return [block // PER_COPY for block in range(blocks)]


def share(hits: Sequence[bool]) -> dict[str, Any]:
    """Return the share of runs, with its interval."""
    limits = stats.binomtest(sum(hits), len(hits)).proportion_ci()
    return {
        "share": round(sum(hits) / len(hits), 4),
        "interval": [round(limits.low, 4), round(limits.high, 4)],
        "runs": len(hits),
    }


def levels(chosen: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield how often equal candidates are told apart, case by case."""
    for candidates, blocks in [(count, 40) for count in chosen.candidates]:
        names = [BASELINE, *(f"c{number}" for number in range(1, candidates)), CONTROL]
        for noise in NOISES:
            random = np.random.default_rng(1)
            wrong: dict[str, list[bool]] = defaultdict(list)
            for seed in range(chosen.runs):
                logs = noise.logs(random, blocks, len(names))
                found, left, _ = race(logs, names, blocks, seed, chosen.places)
                wrong["race"].append(bool(found))
                wrong["anybody left"].append(bool(left))
                wrong["plain"].append(bool(plain(logs, names, blocks, seed)))
            yield f"{candidates} candidates, {noise.name}", {what: share(hits) for what, hits in wrong.items()}


def told(found: set[tuple[str, str]]) -> tuple[int, int, int]:
    """Return how many differences among the best four are found, of the six and of the three; and false orders."""
    pairs = {frozenset(pair) for pair in found if set(pair) <= set(BEST)}
    wrong = sum(SPEEDS[better] < SPEEDS[worse] for better, worse in found if {better, worse} <= SPEEDS.keys())
    return len(pairs), len(pairs & ADJACENT), wrong


def power(chosen: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield how many differences among the best four are found, case by case."""
    effects = np.log([BASELINE_SPEED, *SPEEDS.values(), BASELINE_SPEED])
    for spread, blocks in itertools.product(chosen.noise, chosen.blocks):
        random, noise = np.random.default_rng(1), Noise(name="", spread=spread / math.sqrt(2))
        seen: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        lasted, gone = [], []
        for seed in range(chosen.runs):
            logs = noise.logs(random, blocks, len(FOURTEEN)) + effects
            found, left, done = race(logs, FOURTEEN, blocks, seed, chosen.places)
            seen["race"].append(told(found))
            seen["plain"].append(told(plain(logs, FOURTEEN, blocks, seed)))
            lasted.append(done)
            gone.append(len(left))
        yield (
            f"spread {spread:g}, {blocks} plain blocks",
            {
                **{what: _means(some) for what, some in seen.items()},
                "blocks of a race": round(float(np.mean(lasted)), 1),
                "candidates that left": round(float(np.mean(gone)), 1),
            },
        )


def _means(some: Sequence[tuple[int, int, int]]) -> dict[str, float]:
    six, three, wrong = (round(float(np.mean(one)), 2) for one in zip(*some, strict=True))
    return {"of six": six, "of three of 5 %": three, "wrong": wrong}


def real(chosen: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what plain blocks and a race find on a real server."""
    texts = {
        name: OPERATIONS["read"].format(rows=round(WORK / speed))
        for name, speed in {BASELINE: BASELINE_SPEED, **SPEEDS}.items()
    }
    with serve("embedded", Needs(clients=CLIENTS, databases=len(texts) + 2), settings={}, run_id="racing") as server:
        for number in range(chosen.experiments):
            for is_race in (False, True):
                made = _experiment(server, texts, chosen.budget, number, race=chosen.places if is_race else 0)
                yield f"{'race' if is_race else 'plain'} {number + 1}", _seen(made)


def _experiment(server: Server, texts: dict[str, str], budget_s: float, seed: int, *, race: int) -> Experiment:
    return experiment(server, "read", texts, WORK, budget_s=budget_s, seed=seed, race=race)


def _seen(made: Experiment) -> dict[str, Any]:
    """Return what an experiment told apart among the best four, and what it took."""
    standings = {one.name: one.standing for one in made.candidates if one.standing}
    found = {
        (one, other)
        for one, other in itertools.permutations(standings, 2)
        if other not in standings[one].tied_with and standings[one].rank < standings[other].rank
    }
    by_name, _ = rates(made)
    shortest = min(len(by_name[name]) for name in BEST)
    logs = np.log([by_name[name][:shortest] for name in BEST])
    spreads = [float(np.std(logs[one] - logs[other], ddof=1)) for one, other in itertools.combinations(range(4), 2)]
    six, three, wrong = told(found)
    return {
        "of six": six,
        "of three of 5 %": three,
        "wrong": wrong,
        "blocks": made.blocks,
        "elapsed_s": round(made.elapsed_s, 1),
        "left": {one.name: one.retired.trials for one in made.candidates if one.retired},
        "spread": round(float(np.median(spreads)), 3),
    }


def main() -> None:
    """Simulate or measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("levels", "power", "real"))
    parser.add_argument("--runs", default=400, type=int, help="of each simulated case")
    parser.add_argument("--candidates", default=[4, 14], type=int, nargs="*", help="the baseline among them")
    parser.add_argument("--places", default=3, type=int, help="that a race is about")
    parser.add_argument("--noise", default=[0.04, 0.12], type=float, nargs="*", help="spread of a block's log ratio")
    parser.add_argument("--blocks", default=[28], type=int, nargs="*", help="plain blocks in the budget")
    parser.add_argument("--experiments", default=2, type=int, help="of each kind, on the server")
    parser.add_argument("--budget", default=45.0, type=float, help="seconds of each of them")
    chosen = parser.parse_args()
    found = {}
    for case, figures in {"levels": levels, "power": power, "real": real}[chosen.what](chosen):
        found[case] = figures
        print(f"{case}: {figures}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
