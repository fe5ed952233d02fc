"""Simulated levels of projections: how often a law is found, and a later figure is within the interval given before.

Usage: python benchmarks/projection_levels.py [--series 200]

Draws series whose law is known, at four, five and seven steps: rates over rows, over a factor of 100, of each law that
there is; and throughput over 1 to 64 clients, of the Universal Scalability Law. A figure scatters by 3 %, which its
interval says, and by another 0, 10 or 15 % from step to step, as machines do, which no interval says. The figure at
three or ten times the last step is drawn in the same way. The break at the cache is among the laws to choose from only
where it is the true one. There is no clock: the result is the same for the same number of series.

Prints a line for each case, and as its last line a JSON object: case -> of all series, the share whose law is `found`
and not refused, and the share `projected` as far as the reach; of the latter, the share whose later figure is `within`
the interval, and the median `width` of the interval, as a factor between its ends. Where none is projected, these two
are null. `laws of rows` is all five laws together. Limits are those of Clopper & Pearson (1934), 95 %.
"""

import argparse
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from schemabench.projection import USL, Found, Point, Wording, of_rows, project
from schemabench.records import Estimate, Law

OWN = 0.03
"""The standard error of a figure, of its logarithm: its interval is about 6 % to either side."""
MACHINE = (0.0, 0.1, 0.15)
"""What the machine adds from step to step."""
STEPS = (4, 5, 7)
REACHES = (3.0, 10.0)
ROWS, CLIENTS = (1e4, 1e6), (1.0, 64.0)
"""The first step and the last."""
EDGE = 9e4
"""Rows that fill the cache."""
CONTENTION, COHERENCY = 0.05, 0.0005
NORMAL = 1.96
SECONDS: dict[Law, Callable[[float], float]] = {
    "constant": lambda _: 1e-4,
    "logarithmic": lambda rows: 1e-4 * (1 + 0.5 * math.log(rows / 1e4)),
    "linear": lambda rows: 1e-4 * (1 + rows / 2e5),
    "power": lambda rows: 1e-4 * (rows / 1e4) ** 0.5,
    "break at the cache": lambda rows: 1e-4 * (rows / 1e4) ** 0.05 * max(1.0, rows / EDGE) ** 0.9,
}
"""The time of a call over rows, by each law."""
WORDING = Wording(value=lambda value: f"{value:g}", figure=lambda figure: f"{figure.value:g}")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What series are drawn from, and how far they are projected."""

    law: Law
    steps: int
    machine: float
    reach: float

    def __str__(self) -> str:
        """Return the case in words, with its law first."""
        return f"{self.law}, {self._rest}"

    @property
    def pooled(self) -> str:
        """The same of all laws of rows together, in words."""
        return f"laws of rows, {self._rest}"

    @property
    def _rest(self) -> str:
        return f"{self.steps} steps, machine {100 * self.machine:g} %, {self.reach:g}x"

    @property
    def values(self) -> list[float]:
        """Where the steps are: clients are whole."""
        if self.law == USL.law:
            return [float(round(value)) for value in np.geomspace(*CLIENTS, self.steps)]
        return [float(value) for value in np.geomspace(*ROWS, self.steps)]

    def rate(self, value: float) -> float:
        """Return the true calls per second."""
        if self.law == USL.law:
            return 1000 * value / (1 + CONTENTION * (value - 1) + COHERENCY * value * (value - 1))
        return 1 / SECONDS[self.law](value)

    def drawn(self, value: float, random: np.random.Generator) -> float:
        """Return a measured figure."""
        return self.rate(value) * math.exp(random.normal(0, math.hypot(OWN, self.machine)))

    def projected(self, random: np.random.Generator) -> Found:
        """Return what a series says."""
        half, series = math.exp(NORMAL * OWN), []
        for value in self.values:
            rate = self.drawn(value, random)
            series.append(Point(value=value, figure=Estimate(value=rate, low=rate / half, high=rate * half)))
        if self.law == USL.law:
            return project(series, [USL], lambda clients, cost: clients / cost, WORDING, self.reach)
        forms = of_rows(self.values, EDGE if self.law == "break at the cache" else None)
        return project(series, forms, lambda _, cost: 1 / cost, WORDING, self.reach)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one series."""

    found: bool
    within: bool | None
    """None if it is not projected as far as the reach."""
    width: float = math.nan
    """A factor between the ends of the interval there."""


def outcome(case: Case, random: np.random.Generator) -> Outcome:
    """Return what comes of a series, and of a figure at the reach that is drawn afterwards."""
    one = case.projected(random)
    found, later = one.law == case.law and not one.refused, case.drawn(case.reach * case.values[-1], random)
    if not one.points or one.limit:
        return Outcome(found=found, within=None)
    last = one.points[-1].figure
    return Outcome(found=found, within=last.low <= later <= last.high, width=last.high / last.low)


def share(hits: Sequence[bool]) -> dict[str, Any] | None:
    """Return a share with its limits; None of nothing."""
    if not hits:
        return None
    limits = stats.binomtest(sum(hits), len(hits)).proportion_ci()
    ends = [round(float(limits.low), 4), round(float(limits.high), 4)]
    return {"share": round(sum(hits) / len(hits), 4), "limits": ends, "of": len(hits)}


def summed(some: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of a case."""
    projected = [one for one in some if one.within is not None]
    return {
        "found": share([one.found for one in some]),
        "projected": share([one.within is not None for one in some]),
        "within": share([bool(one.within) for one in projected]),
        "width": round(float(np.median([one.width for one in projected])), 2) if projected else None,
    }


def cases(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all cases with their figures; after the laws of rows, those of all of them together.

    Args:
        count: Series of each case.
    """
    for steps, machine, reach in itertools.product(STEPS, MACHINE, REACHES):
        pooled: list[Outcome] = []
        for law in (*SECONDS, USL.law):
            case = Case(law=law, steps=steps, machine=machine, reach=reach)
            if law == USL.law:
                yield case.pooled, summed(pooled)
            random = np.random.default_rng(list(str(case).encode()))
            some = [outcome(case, random) for _ in range(count)]
            pooled += some
            yield str(case), summed(some)


def _told(one: dict[str, Any] | None) -> str:
    if one is None:
        return "-"
    low, high = one["limits"]
    return f"{100 * one['share']:.1f} % [{100 * low:.1f}, {100 * high:.1f}] of {one['of']}"


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", default=200, type=int, help="of each case")
    chosen = parser.parse_args()
    found = {}
    for case, figures in cases(chosen.series):
        found[case] = figures
        told = ", ".join(f"{what} {_told(figures[what])}" for what in ("found", "projected", "within"))
        print(f"{case}: {told}, width {figures['width']}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
