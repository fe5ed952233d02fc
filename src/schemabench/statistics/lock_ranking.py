"""The ranking by lock waits: time spent waiting for heavyweight locks, or pausing before a retry.

Owns standings by share of the writers' time, and their notices. Must not choose a method: see `block_ratio`, and
decision 20 for the difference from throughput's.

Pauses count like waits: a candidate whose writers abort and sleep must not rank above one whose writers queue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate, LockStanding, Notice
from schemabench.statistics import block_ratio
from schemabench.statistics.comparison import BY_RATIOS, check_baseline, check_columns, compare, greater
from schemabench.statistics.ranking import fewest_blocks, placed
from schemabench.statistics.sign_flips import Span


@dataclass(frozen=True, kw_only=True)
class LockRanking:
    """The candidates of one experiment, the one with the least lock waits first, with the control's result."""

    standings: tuple[LockStanding, ...]
    """In order of rank, then share (least first), then name; empty if the baseline has no observations."""
    control: LockStanding | None
    """The baseline's second entry, with rank and ties of its own only towards the baseline; None without one."""
    better: frozenset[tuple[str, str]]
    """(better, worse), of all ranked candidates that differ significantly: the better waits less."""
    notices: tuple[Notice, ...]


def rank_locks(  # noqa: PLR0913 (what was seen, and how blocks came about)
    waits: NDArray[np.float64],
    pauses: NDArray[np.float64],
    work: NDArray[np.float64],
    names: Sequence[str],
    *,
    baseline: str,
    control: str | None,
    seed: int,
    copies: Sequence[int] = (),
) -> LockRanking:
    """Return the standings of all candidates by lock waits; the same whatever their order.

    All three are counts of observations of writers' sessions, of shape (blocks, candidates); zero for a trial without
    samples. A candidate without observations of busy writers has no standing, and if that is the baseline, no candidate
    has one.

    Args:
        waits: Observations of a session waiting for a lock.
        pauses: Observations that would have been made while writers paused before a retry.
        work: Observations of a busy session; they include waits, but not pauses.
        names: One per column, all different.
        baseline: The name that differences are to: its own is exactly 0.
        control: The name of the baseline's second entry, which is not ranked among the others; None without one.
        seed: Of the random flips.
        copies: The number of the copy of all databases that each block was executed on, ascending; empty for one copy.
    """
    for what, observations in (("waits", waits), ("pauses", pauses), ("work", work)):
        check_columns(what, observations, names)
    check_baseline(names, baseline, control)
    assert not np.any((waits < 0) | (waits > work) | (pauses < 0)), "waiting sessions are busy; no count is below zero"
    candidates = [name for name in names if name != control]
    seen = dict(zip(names, (work > 0).sum(axis=0).tolist(), strict=True))
    notices = _hardly_seen({name: seen[name] for name in candidates}, len(work))
    known = sorted(name for name in names if seen[name])
    if baseline not in known:
        return LockRanking(standings=(), control=None, better=frozenset(), notices=notices)
    chosen = [names.index(name) for name in known]
    sums = np.stack([waits + pauses, work + pauses], axis=-1)[:, chosen]
    ranked = tuple(name for name in known if name != control)
    twins = (control, baseline) if control in known and control is not None else None
    spans = compare(sums, known, twins=twins, seed=seed, method=BY_RATIOS, copies=copies).spans
    estimates = dict(zip(known, map(_share, block_ratio.spans_apart(sums, copies=copies)), strict=True))
    paused = dict(zip(known, (pauses[:, chosen].sum(axis=0) / sums[..., 1].sum(axis=0)).tolist(), strict=True))

    def standing(name: str, rivals: Sequence[str], better: frozenset[tuple[str, str]]) -> LockStanding:
        place, ties = placed(name, rivals, better)
        difference = Estimate(value=0.0, low=0.0, high=0.0) if name == baseline else _estimate(spans[name, baseline])
        return LockStanding(
            name=name,
            share=estimates[name],
            paused=paused[name],
            difference=difference,
            rank=place,
            tied_with=ties,
        )

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
    """Return the sort key of standings."""
    return standing.rank, standing.share.value, standing.name


def _estimate(span: Span) -> Estimate:
    """Return a span as an estimate."""
    return Estimate(value=span.centre, low=span.low, high=span.high)


def _share(span: Span) -> Estimate:
    """Return a share's span as an estimate: between 0 and 1, where the interval may end outside."""
    return Estimate(value=span.centre, low=max(0.0, span.low), high=min(1.0, span.high))


def _hardly_seen(seen: Mapping[str, int], blocks: int) -> tuple[Notice, ...]:
    """Return a notice if busy writers were observed in too few blocks to tell some candidates, or all, apart.

    Args:
        seen: Candidate -> the number of blocks with observations of its busy writers.
        blocks: The number of blocks.
    """
    needed = fewest_blocks(len(seen))
    hardly = sorted((name for name in seen if seen[name] < needed), key=lambda name: (seen[name], name))
    if not hardly or blocks < needed:  # too few blocks for anything: the ranking by throughput has a notice
        return ()
    whose = ", ".join(f"{name!r} in {seen[name]}" for name in hardly)
    text = (
        f"Writers were rarely sampled at work. Of {blocks} blocks: {whose}; {needed} are needed to tell lock waits "
        "apart. Sample more often (--sample-hz), or measure longer (--budget)"
    )
    if len(seen) - len(hardly) > 1:
        return (Notice(code="blocks-unobserved", text=text),)
    return (Notice(code="few-blocks", text=f"{text}: all tie by lock waits."),)


def _control_differs(control: LockStanding) -> tuple[Notice, ...]:
    """Return a notice if the baseline differs from itself."""
    if control.tied_with:
        return ()
    found = control.difference
    low, centre, high = (f"{100 * value:+.1f}" for value in (found.low, found.value, found.high))
    text = (
        f"The baseline ran a second time as {control.name!r} and differs from itself in lock waits: by {centre} % of "
        f"the writers' time, interval {low} to {high} %. Trust only differences in lock waits far beyond that."
    )
    return (Notice(code="control-differs", text=text),)
