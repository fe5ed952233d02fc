"""Who is better than whom, and what to keep in mind when reading it.

Owns standings, ranks and their notices. Must not choose a method: see `signed_rank` for method, source, assumptions.

A candidate's rank is one more than the number of candidates that are better than it beyond chance, all pairs
considered at once: among equal candidates, any is ranked above any other in at most 5 % of runs. The interval of a
ratio belongs to the same set of comparisons, so that the table cannot contradict itself: a ratio's interval excludes
1 exactly where the candidate does not tie with the baseline. The price is width: intervals grow with the number of
candidates, by half from one rival to eight. Two things may still surprise, and are right:

* Ties are no groups. With A at 100, B at 97 and C at 94, A may be better than C while B ties with both.
* A candidate with scattered figures may tie with the best and rank above a faster one whose figures are
  close: the data exclude that the second is best, but not the first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.records import Estimate, Notice, Standing
from schemabench.statistics.comparison import check_baseline, compare, greater, log_rates
from schemabench.statistics.sign_flips import Span, fewest
from schemabench.statistics.summary import estimate_rates
from schemabench.statistics.walsh import DECIMALS
from schemabench.units import format_percent

_DRIFT_LEVEL = 0.01
"""The chance of any `blocks-related` notice in a run of independent blocks."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The candidates of one experiment, best first, with what the control says about it."""

    standings: tuple[Standing, ...]
    """In order of rank, then ratio (best first), then name."""
    control: Standing | None
    """The baseline's second entry, with rank and ties of its own only towards the baseline; None without one."""
    smallest_difference: float | None
    """Half the control's interval as a relative difference: one that is smaller would have been a tie. None without a
    control, or where there are too few blocks."""
    better: frozenset[tuple[str, str]]
    """(better, worse), of all ranked candidates that are told apart."""
    notices: tuple[Notice, ...]


def rank(
    rates: NDArray[np.float64], names: Sequence[str], *, baseline: str, seed: int, control: str | None = None
) -> Ranking:
    """Return the standings of all candidates; the same whatever their order and the unit of the rates.

    Args:
        rates: Bursts per second of each trial, of shape (blocks, candidates), all above zero. Rows pair.
        names: One per column, all different.
        baseline: The name that ratios are against: its own is exactly 1.
        seed: Of the random flips.
        control: The name of the baseline's second entry, which is not ranked among the others; None without one.
    """
    check_baseline(names, baseline, control)
    logs = log_rates(rates, names)
    twins = None if control is None else (control, baseline)
    spans = compare(logs, names, twins=twins, seed=seed)
    estimates = dict(zip(names, estimate_rates(rates, seed=seed), strict=True))
    ranked = tuple(name for name in names if name != control)
    better = greater(spans, ranked)

    def standing(name: str, rivals: Sequence[str], known: frozenset[tuple[str, str]]) -> Standing:
        own = Estimate(value=1.0, low=1.0, high=1.0)
        place, ties = placed(name, rivals, known)
        against = own if name == baseline else ratio(spans[name, baseline])
        return Standing(name=name, rate=estimates[name], ratio=against, rank=place, tied_with=ties)

    checked = None if twins is None else standing(twins[0], twins, greater(spans, twins))
    return Ranking(
        standings=tuple(sorted((standing(name, ranked, better) for name in ranked), key=_order)),
        control=checked,
        smallest_difference=None if twins is None else _half_width(spans[twins]),
        better=better,
        notices=(
            *_few_blocks(len(logs), len(ranked)),
            *(() if checked is None else _control_differs(checked, spans[checked.name, baseline])),
            *_blocks_related(logs, names, baseline),
        ),
    )


def fewest_blocks(candidates: int) -> int:
    """Return the fewest blocks that can tell any of so many candidates (the baseline included) apart: 6 for two."""
    return fewest(math.comb(candidates, 2))


def placed(name: str, ranked: Sequence[str], better: frozenset[tuple[str, str]]) -> tuple[int, tuple[str, ...]]:
    """Return a candidate's rank and the candidates that it ties with.

    Args:
        name: The candidate.
        ranked: All that it is compared with, itself included.
        better: (better, worse), of all that are told apart.
    """
    rivals = sorted(set(ranked) - {name})
    ties = tuple(rival for rival in rivals if (rival, name) not in better and (name, rival) not in better)
    return 1 + sum((rival, name) in better for rival in rivals), ties


def ratio(span: Span) -> Estimate:
    """Return a log ratio as a ratio."""
    return Estimate(value=math.exp(span.centre), low=math.exp(span.low), high=math.exp(span.high))


def _order(standing: Standing) -> tuple[int, float, str]:
    """Return what standings are sorted by."""
    return standing.rank, -standing.ratio.value, standing.name


def _half_width(span: Span) -> float | None:
    """Return half an interval of a log ratio as a relative difference."""
    return math.expm1((span.high - span.low) / 2) if span.bounded else None


def _few_blocks(blocks: int, candidates: int) -> tuple[Notice, ...]:
    """Return a notice where no difference, however large, could have been found."""
    needed = fewest_blocks(candidates)
    if blocks >= needed:
        return ()
    text = (
        f"Only {blocks} block{'s' * (blocks != 1)}: {candidates} candidate{'s' * (candidates != 1)} need "
        f"{needed} before any difference can be told from chance. All tie; intervals are the range of what was seen."
    )
    return (Notice(code="few-blocks", text=text),)


def _control_differs(control: Standing, span: Span) -> tuple[Notice, ...]:
    """Return a notice where the baseline differs from itself."""
    if not span.apart:
        return ()
    text = (
        f"The baseline ran a second time as {control.name!r} and differs from itself: ratio "
        f"{control.ratio.value:.3f}, interval {control.ratio.low:.3f} to {control.ratio.high:.3f}. "
        f"Trust no difference that is not well beyond {format_percent(abs(control.ratio.value - 1))}."
    )
    return (Notice(code="control-differs", text=text),)


def _blocks_related(logs: NDArray[np.float64], names: Sequence[str], baseline: str) -> tuple[Notice, ...]:
    """Return a notice for each candidate whose ratio in one block foretells that in the next.

    Intervals take blocks as independent; where they are not, as when one candidate's tables bloat, intervals are too
    narrow. The rank correlation of neighbours has standard error 1 / sqrt(blocks - 1) under independence (Wald &
    Wolfowitz 1943, Ann. Math. Stat. 14:378); one-sided, corrected by Bonferroni for the number of candidates.
    """
    others = [index for index, name in enumerate(names) if name != baseline]
    blocks = len(logs)
    if blocks < fewest_blocks(len(names)) or not others:
        return ()
    limit = -float(special.ndtri(_DRIFT_LEVEL / len(others))) / math.sqrt(blocks - 1)
    differences = logs[:, others] - logs[:, [names.index(baseline)]]
    found = zip((names[index] for index in others), _neighbour_correlations(differences), strict=True)
    return tuple(
        Notice(
            code="blocks-related",
            text=f"The ratio of {name!r} to the baseline wandered during the run (correlation of neighbouring blocks "
            f"{correlation:.2f}): its interval is too narrow.",
        )
        for name, correlation in sorted(found)
        if correlation > limit
    )


def _neighbour_correlations(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank correlation of each column with itself one block later; 0 for a constant one."""
    ranks = np.apply_along_axis(_ranks, 0, np.round(differences, DECIMALS))
    ranks -= ranks.mean(axis=0)
    spread = (ranks**2).sum(axis=0)
    products = (ranks[1:] * ranks[:-1]).sum(axis=0)
    correlations: NDArray[np.float64] = np.divide(products, spread, out=np.zeros_like(products), where=spread > 0)
    return correlations


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each value's rank, equal ones sharing their mean; scipy.stats has it, and takes seconds to load."""
    ordered = np.sort(values)
    first, past = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    ranks: NDArray[np.float64] = (first + past + 1) / 2
    return ranks
