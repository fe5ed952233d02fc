"""The ranking by throughput, and the notices on it.

Owns standings, ranks and their notices. Must not choose a method: see `signed_rank` for method, source, assumptions.

A candidate's rank is one more than the number of candidates that are significantly better, with all pairs compared
jointly: among equal candidates, any is ranked above any other in at most 5 % of runs. The interval of a ratio belongs
to the same set of comparisons, so that the table cannot contradict itself: a ratio's interval excludes 1 exactly where
the candidate does not tie with the baseline. The cost is width: intervals grow with the number of candidates, by half
from one candidate to eight. Three results may be surprising, but are correct:

* Ties are not transitive. With A at 100, B at 97 and C at 94, A may be better than C while B ties with both.
* A candidate with scattered figures may tie with the best, and rank above a faster one whose figures are close: the
  data exclude that the second is best, but not that the first is.
* A candidate whose rates are lower bounds is never worse than another, whatever its figures: it may be as fast as any.
  Two bounds cannot be ordered, and tie. A bound above another candidate's interval can be.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate, Notice, Standing
from schemabench.statistics.comparison import Comparison, Pair, Spans, check_baseline, compare, greater, log_rates
from schemabench.statistics.lasting import lasts, late_spans
from schemabench.statistics.sign_flips import Span, fewest
from schemabench.statistics.summary import estimate_rates
from schemabench.units import format_percent

_RELATED = 0.5
"""If dependent blocks carry as much information as fewer than this share of independent ones, a notice says so."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The candidates of one experiment, best first, with the control's result."""

    standings: tuple[Standing, ...]
    """In order of rank, then ratio (best first), then name."""
    control: Standing | None
    """The baseline's second entry, with rank and ties of its own only towards the baseline; None without one."""
    smallest_difference: float | None
    """Half the control's interval as a relative difference: a smaller one would have been a tie. None without a
    control, or with too few blocks."""
    better: frozenset[tuple[str, str]]
    """(better, worse), of all ranked candidates that differ significantly."""
    copies_share: float | None
    """The share of the variance of a block's log ratio that lies between copies, over all pairs; None with one copy."""
    effective_blocks: float
    """The number of independent blocks with the same information on the least certain ratio to the baseline."""
    notices: tuple[Notice, ...]


def rank(  # noqa: PLR0913 (how blocks came about)
    rates: NDArray[np.float64],
    names: Sequence[str],
    *,
    baseline: str,
    seed: int,
    control: str | None = None,
    copies: Sequence[int] = (),
    bounds: Container[str] = (),
) -> Ranking:
    """Return the standings of all candidates; the same whatever their order and the unit of the rates.

    Args:
        rates: Bursts per second of each trial, of shape (blocks, candidates), all above zero. Rows pair.
        names: One per column, all different.
        baseline: The name that ratios are against: its own is exactly 1.
        seed: Of the random flips.
        control: The name of the baseline's second entry, which is not ranked among the others; None without one.
        copies: The number of the copy of all databases that each block was executed on, ascending; empty for one copy.
        bounds: The names whose rates are lower bounds: no candidate is ranked above them.
    """
    check_baseline(names, baseline, control)
    logs = log_rates(rates, names)
    twins = None if control is None else (control, baseline)
    compared = compare(logs, names, twins=twins, seed=seed, copies=copies)
    late = late_spans(logs, names, compared.widening, seed=seed)
    fading = {pair for pair, span in compared.spans.items() if span.apart and not lasts(span, late.get(pair))}
    spans = {pair: span.reaching(late[pair]) if pair in fading else span for pair, span in compared.spans.items()}
    estimates = dict(zip(names, estimate_rates(rates, seed=seed), strict=True))
    ranked = tuple(name for name in names if name != control)
    better = frozenset((one, other) for one, other in greater(spans, ranked) if other not in bounds)

    def standing(name: str, rivals: Sequence[str], known: frozenset[tuple[str, str]]) -> Standing:
        own = Estimate(value=1.0, low=1.0, high=1.0)
        place, ties = placed(name, rivals, known)
        against = own if name == baseline else ratio(spans[name, baseline])
        at_last = ratio(late[name, baseline]) if (name, baseline) in late else None
        return Standing(
            name=name,
            rate=estimates[name],
            ratio=against,
            rank=place,
            tied_with=ties,
            late_ratio=at_last,
            at_least=name in bounds,
        )

    checked = None if twins is None else standing(twins[0], twins, greater(spans, twins))
    return Ranking(
        standings=tuple(sorted((standing(name, ranked, better) for name in ranked), key=_order)),
        control=checked,
        smallest_difference=None if twins is None else _half_width(spans[twins]),
        better=better,
        copies_share=compared.copies_share,
        effective_blocks=_effective(compared, names, baseline, len(logs)),
        notices=(
            *_few_blocks(len(logs), len(ranked)),
            *(() if checked is None else _control_differs(checked, spans[checked.name, baseline])),
            *_not_lasting(compared.spans, late, sorted(pair for pair in fading if set(pair) <= set(ranked)), baseline),
            *_blocks_related(compared, names, baseline, len(logs)),
        ),
    )


def fewest_blocks(candidates: int) -> int:
    """Return the fewest blocks that can tell any of this many candidates (the baseline included) apart: 6 for two."""
    return fewest(math.comb(candidates, 2))


def placed(name: str, ranked: Sequence[str], better: frozenset[tuple[str, str]]) -> tuple[int, tuple[str, ...]]:
    """Return a candidate's rank and the candidates that it ties with.

    Args:
        name: The candidate.
        ranked: All candidates in the comparison, itself included.
        better: (better, worse), of all pairs that differ significantly.
    """
    rivals = sorted(set(ranked) - {name})
    ties = tuple(rival for rival in rivals if (rival, name) not in better and (name, rival) not in better)
    return 1 + sum((rival, name) in better for rival in rivals), ties


def ratio(span: Span) -> Estimate:
    """Return a log ratio as a ratio."""
    return Estimate(value=math.exp(span.centre), low=math.exp(span.low), high=math.exp(span.high))


def _order(standing: Standing) -> tuple[int, float, str]:
    """Return the sort key of standings."""
    return standing.rank, -standing.ratio.value, standing.name


def _half_width(span: Span) -> float | None:
    """Return half an interval of a log ratio as a relative difference."""
    return math.expm1((span.high - span.low) / 2) if span.bounded else None


def _few_blocks(blocks: int, candidates: int) -> tuple[Notice, ...]:
    """Return a notice if no difference, however large, could have been detected."""
    needed = fewest_blocks(candidates)
    if blocks >= needed:
        return ()
    text = (
        f"Only {blocks} block{'s' * (blocks != 1)}: {candidates} candidate{'s' * (candidates != 1)} need {needed} "
        "before any difference can be told from chance. Intervals show the observed range."
    )
    return (Notice(code="few-blocks", text=text),)


def _control_differs(control: Standing, span: Span) -> tuple[Notice, ...]:
    """Return a notice if the baseline differs from itself."""
    if not span.apart:
        return ()
    text = (
        f"The baseline ran a second time as {control.name!r} and differs from itself: ratio "
        f"{control.ratio.value:.3f}, interval {control.ratio.low:.3f} to {control.ratio.high:.3f}. Trust only "
        f"differences well beyond {format_percent(abs(control.ratio.value - 1))}."
    )
    return (Notice(code="control-differs", text=text),)


def _effective(compared: Comparison, names: Sequence[str], baseline: str, blocks: int) -> float:
    """Return the number of independent blocks with the same information on the least certain ratio to the baseline."""
    return min((compared.effective[name, baseline] for name in names if name != baseline), default=float(blocks))


def _not_lasting(spans: Spans, late: Spans, fading: Sequence[Pair], baseline: str) -> tuple[Notice, ...]:
    """Return a notice for each pair whose difference over all blocks does not count, the better one first."""
    return tuple(
        Notice(code="not-lasting", text=_faded(pair, spans[pair], late[pair], baseline))
        for pair in fading
        if spans[pair].centre > 0
    )


def _faded(pair: Pair, whole: Span, late: Span, baseline: str) -> str:
    """Return the description of a lead that did not last, relative to the baseline or to a named candidate."""
    first, second = pair
    behind = first == baseline
    subject, other, over, last = (second, first, whole.reversed(), late.reversed()) if behind else (*pair, whole, late)
    than = "" if other == baseline else f" the throughput of {other!r}"
    found = ratio(last)
    return (
        f"{subject!r} has {math.exp(over.centre):.2f}x{than} over the whole run and {found.value:.2f}x "
        f"[{found.low:.2f}, {found.high:.2f}] in its last third: the {'lag' if behind else 'lead'} does not last, and "
        "is not counted."
    )


def _blocks_related(compared: Comparison, names: Sequence[str], baseline: str, blocks: int) -> tuple[Notice, ...]:
    """Return a notice for each small number of effective blocks among the ratios to the baseline."""
    found: dict[int, list[str]] = {}
    for name in sorted(set(names) - {baseline}):
        effective = compared.effective[name, baseline]
        if (name, baseline) in compared.certain and effective < _RELATED * blocks:
            found.setdefault(max(1, round(effective)), []).append(name)
    return tuple(
        Notice(
            code="blocks-related",
            text=f"{_whose(some, len(names) - 1)} drifted during the run: its {blocks} blocks carry as much "
            f"information as {effective} independent one{'s' * (effective != 1)}, so intervals are wider.",
        )
        for effective, some in sorted(found.items())
    )


def _whose(names: Sequence[str], all_: int) -> str:
    """Return the subject of a notice: the ratios concerned."""
    if len(names) == all_ > 1:
        return "The ratios of all candidates to the baseline"
    return f"The ratio of {', '.join(map(repr, names))} to the baseline"
