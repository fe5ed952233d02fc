"""Who is faster than whom.

Owns the ranking by throughput and its notices. Must not choose a method: see `signed_rank` for method, source and
assumptions, `lasting` for why the last third of a run has a say, and `ranking` for what a rank means.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from schemabench.records import THROUGHPUT, Notice
from schemabench.statistics.comparison import Comparison, Pair, Spans, check_baseline, compare, log_rates
from schemabench.statistics.lasting import lasts, late_spans
from schemabench.statistics.ranking import Ranking, ranked
from schemabench.statistics.sign_flips import Span
from schemabench.statistics.summary import estimate_rates
from schemabench.units import plural

_RELATED = 0.5
"""Blocks that depend on each other get a notice where they say as much as fewer than this share of them would alone."""


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
        bounds: The names whose rates are lower bounds: no candidate is told to be better than they are.
    """
    check_baseline(names, baseline, control)
    logs = log_rates(rates, names)
    twins = None if control is None else (control, baseline)
    compared = compare(logs, names, twins=twins, seed=seed, copies=copies)
    late = late_spans(logs, names, compared.widening, seed=seed)
    fading = {pair for pair, span in compared.spans.items() if span.apart and not lasts(span, late.get(pair))}
    spans = {pair: span.reaching(late[pair]) if pair in fading else span for pair, span in compared.spans.items()}
    found = ranked(
        THROUGHPUT,
        spans,
        dict(zip(names, estimate_rates(rates, seed=seed), strict=True)),
        lambda _, span: span.as_ratio(),
        baseline=baseline,
        control=control,
        blocks=len(logs),
        late=late,
        bounds=bounds,
    )
    told = sorted(pair for pair in fading if control not in pair)
    return replace(
        found,
        smallest_difference=None if twins is None else _half_width(spans[twins]),
        copies_share=compared.copies_share,
        effective_blocks=_effective(compared, names, baseline, len(logs)),
        notices=(
            *found.notices,
            *_not_lasting(compared.spans, late, told, baseline),
            *_blocks_related(compared, names, baseline, len(logs)),
        ),
    )


def _half_width(span: Span) -> float | None:
    """Return half an interval of a log ratio as a relative difference."""
    return math.expm1((span.high - span.low) / 2) if span.bounded else None


def _effective(compared: Comparison, names: Sequence[str], baseline: str, blocks: int) -> float:
    """Return how many independent blocks would say as much, of the ratio to the baseline that is known worst."""
    return min((compared.effective[name, baseline] for name in names if name != baseline), default=float(blocks))


def _not_lasting(spans: Spans, late: Spans, fading: Sequence[Pair], baseline: str) -> tuple[Notice, ...]:
    """Return a notice for each pair whose difference over all blocks is not counted, the better one first."""
    return tuple(
        Notice(code="not-lasting", text=_faded(pair, spans[pair], late[pair], baseline))
        for pair in fading
        if spans[pair].centre > 0
    )


def _faded(pair: Pair, whole: Span, late: Span, baseline: str) -> str:
    """Return what became of a lead: against the baseline, or named after whom it was over."""
    first, second = pair
    behind = first == baseline
    subject, other, over, last = (second, first, whole.reversed(), late.reversed()) if behind else (*pair, whole, late)
    than = "" if other == baseline else f" the throughput of {other!r}"
    found = last.as_ratio()
    return (
        f"{subject!r} has {math.exp(over.centre):.2f}x{than} over the whole run and {found.value:.2f}x "
        f"[{found.low:.2f}, {found.high:.2f}] in its last third: the {'lag' if behind else 'lead'} does not last, and "
        "is not counted."
    )


def _blocks_related(compared: Comparison, names: Sequence[str], baseline: str, blocks: int) -> tuple[Notice, ...]:
    """Return a notice for each number of independent blocks that ratios to the baseline come to, where it is small."""
    found: dict[int, list[str]] = {}
    for name in sorted(set(names) - {baseline}):
        effective = compared.effective[name, baseline]
        if (name, baseline) in compared.certain and effective < _RELATED * blocks:
            found.setdefault(max(1, round(effective)), []).append(name)
    return tuple(
        Notice(
            code="blocks-related",
            text=f"{_drifted(some, len(names) - 1)} {plural(blocks, 'block')} carry as much "
            f"information as {plural(effective, 'independent one')}, so intervals are wider.",
        )
        for effective, some in sorted(found.items())
    )


def _drifted(names: Sequence[str], all_: int) -> str:
    """Return whose ratio drifted, up to the number of blocks."""
    if len(names) == 1:
        return f"The ratio of {names[0]!r} to the baseline drifted during the run: its"
    *most, last = map(repr, names)
    whose = "all candidates" if len(names) == all_ else f"{', '.join(most)} and {last}"
    return f"The ratios of {whose} to the baseline drifted during the run: their"
