"""Who waits less for heavyweight locks than whom.

Owns standings by share of the writers' time and their notices. Must not choose a method: see `block_mean`, and
decision 7 for why it is not that of throughput.

A block counts once however long its trials are, as for throughput. Over all observations of a run, as in a record's
`Contention`, slow trials count for more, so that the two figures differ a little where waiting makes trials slow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate, LockStanding, Notice
from schemabench.statistics import block_mean
from schemabench.statistics.comparison import BY_MEANS, check_baseline, check_columns, compare, greater
from schemabench.statistics.dependence import those
from schemabench.statistics.ranking import fewest_blocks, placed
from schemabench.statistics.sign_flips import Span

_LEFT_OUT = 0.1
"""The share of blocks that may lack an observation without a word: their loss widens an interval by a twentieth."""


@dataclass(frozen=True, kw_only=True)
class LockRanking:
    """The candidates of one experiment, the one that waits least first, with what the control says about it."""

    standings: tuple[LockStanding, ...]
    """In order of rank, then share (least first), then name; empty where no block has an observation of everyone."""
    control: LockStanding | None
    """The baseline's second entry, with rank and ties of its own only towards the baseline; None without one."""
    better: frozenset[tuple[str, str]]
    """(better, worse), of all ranked candidates that are told apart: the better waits less."""
    notices: tuple[Notice, ...]


def rank_locks(  # noqa: PLR0913 (how blocks came about)
    shares: NDArray[np.float64],
    names: Sequence[str],
    *,
    baseline: str,
    control: str | None,
    seed: int,
    copies: Sequence[int] = (),
) -> LockRanking:
    """Return the standings of all candidates by lock waits; the same whatever their order.

    Args:
        shares: Of the writers' time in each trial, 0 to 1, of shape (blocks, candidates); NaN where no session was seen
            at work in a trial. A block with a NaN is left out.
        names: One per column, all different.
        baseline: The name that differences are to: its own is exactly 0.
        control: The name of the baseline's second entry, which is not ranked among the others; None without one.
        seed: Of the random flips.
        copies: The number of the copy of all databases that each block was executed on, ascending; empty for one copy.
    """
    check_columns("shares", shares, names)
    check_baseline(names, baseline, control)
    assert not np.any((shares < 0) | (shares > 1)), "shares of time lie between 0 and 1"
    unseen = np.isnan(shares)
    complete: NDArray[np.bool_] = np.logical_not(unseen.any(axis=1))
    whole = shares[complete]
    ranked = tuple(name for name in names if name != control)
    notices = _left_out(unseen, names, len(ranked))
    if not len(whole):
        return LockRanking(standings=(), control=None, better=frozenset(), notices=notices)
    twins = None if control is None else (control, baseline)
    spans = compare(whole, names, twins=twins, seed=seed, method=BY_MEANS, copies=those(copies, complete)).spans
    estimates = dict(zip(names, map(_share, block_mean.spans_apart(whole)), strict=True))

    def standing(name: str, rivals: Sequence[str], better: frozenset[tuple[str, str]]) -> LockStanding:
        place, ties = placed(name, rivals, better)
        difference = Estimate(value=0.0, low=0.0, high=0.0) if name == baseline else _estimate(spans[name, baseline])
        return LockStanding(name=name, share=estimates[name], difference=difference, rank=place, tied_with=ties)

    def less(rivals: Sequence[str]) -> frozenset[tuple[str, str]]:
        return frozenset((second, first) for first, second in greater(spans, rivals))

    better = less(ranked)
    checked = None if twins is None else standing(twins[0], twins, less(twins))
    return LockRanking(
        standings=tuple(sorted((standing(name, ranked, better) for name in ranked), key=_order)),
        control=checked,
        better=better,
        notices=(*notices, *(() if checked is None else _control_differs(checked))),
    )


def _order(standing: LockStanding) -> tuple[int, float, str]:
    """Return what standings are sorted by."""
    return standing.rank, standing.share.value, standing.name


def _estimate(span: Span) -> Estimate:
    """Return a span as an estimate."""
    return Estimate(value=span.centre, low=span.low, high=span.high)


def _share(span: Span) -> Estimate:
    """Return a share's span as an estimate: between 0 and 1, where the mean's interval may end outside."""
    return Estimate(value=span.centre, low=max(0.0, span.low), high=min(1.0, span.high))


def _left_out(unseen: NDArray[np.bool_], names: Sequence[str], candidates: int) -> tuple[Notice, ...]:
    """Return a notice where many blocks, or too many, lack an observation of some candidate."""
    blocks = len(unseen)
    whole = blocks - int(unseen.any(axis=1).sum())
    needed = fewest_blocks(candidates)
    if blocks - whole <= _LEFT_OUT * blocks and not whole < needed <= blocks:
        return ()
    often = unseen.sum(axis=0)
    seldom = names[int(often.argmax())]
    text = (
        f"{blocks - whole} of {blocks} blocks do not count for lock waits, since no sample of a trial found a writer "
        f"at work (most often of {seldom!r}, {often.max()} times): sample more often (--sample-hz), "
        "or make trials longer."
    )
    if whole >= needed:
        return (Notice(code="blocks-unobserved", text=text),)
    return (Notice(code="few-blocks", text=f"{text} {needed} are needed to tell lock waits apart: all tie by them."),)


def _control_differs(control: LockStanding) -> tuple[Notice, ...]:
    """Return a notice where the baseline differs from itself."""
    if control.tied_with:
        return ()
    found = control.difference
    low, centre, high = (f"{100 * value:+.1f}" for value in (found.low, found.value, found.high))
    text = (
        f"The baseline ran a second time as {control.name!r} and differs from itself in lock waits: by {centre} % of "
        f"the writers' time, interval {low} to {high} %. Trust no difference in lock waits that is not far beyond that."
    )
    return (Notice(code="control-differs", text=text),)
