"""Who loses less time to other writers than whom: waiting for heavyweight locks, or pausing before a retry.

Owns standings by share of the writers' time and their notices. Must not choose a method: see `block_ratio`, and
decision 20 for why it is not that of throughput.

Pauses count beside waits, so that a candidate whose writers abort and sleep is not better than one whose writers queue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from schemabench.records import LOCK_WAITS, Estimate, Notice
from schemabench.statistics import block_ratio
from schemabench.statistics.comparison import BY_RATIOS, check_baseline, check_columns, compare
from schemabench.statistics.ranking import FEW_BLOCKS, Ranking, fewest_blocks, ranked
from schemabench.statistics.sign_flips import Span


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
) -> Ranking:
    """Return the standings of all candidates by lock waits; the same whatever their order.

    All three are observations of writers' sessions, of shape (blocks, candidates); zero where a trial was not looked
    at. Who was never seen at work has no standing, and nobody has one where that is the baseline.

    Args:
        waits: In which a session waited for a lock.
        pauses: Those that would have been made while writers paused before a retry.
        work: In which a session was at work; waits are among them, pauses are not.
        names: One per column, all different.
        baseline: The name that differences are to: its own is exactly 0.
        control: The name of the baseline's second entry, which is not ranked among the others; None without one.
        seed: Of the random flips.
        copies: The number of the copy of all databases that each block was executed on, ascending; empty for one copy.
    """
    for what, observations in (("waits", waits), ("pauses", pauses), ("work", work)):
        check_columns(what, observations, names)
    check_baseline(names, baseline, control)
    assert not np.any((waits < 0) | (waits > work) | (pauses < 0)), "who waits is at work; no count is below zero"
    candidates = [name for name in names if name != control]
    seen = dict(zip(names, (work > 0).sum(axis=0).tolist(), strict=True))
    notices = _hardly_seen({name: seen[name] for name in candidates}, len(work))
    known = sorted(name for name in names if seen[name])
    if baseline not in known:
        return Ranking(standings=(), control=None, better=frozenset(), notices=notices)
    chosen = [names.index(name) for name in known]
    sums = np.stack([waits + pauses, work + pauses], axis=-1)[:, chosen]
    twins = (control, baseline) if control in known and control is not None else None
    spans = compare(sums, known, twins=twins, seed=seed, method=BY_RATIOS, copies=copies).spans
    found = ranked(
        LOCK_WAITS,
        spans,
        dict(zip(known, map(_share, block_ratio.spans_apart(sums, copies=copies)), strict=True)),
        lambda _, span: _estimate(span),
        baseline=baseline,
        control=control,
        blocks=len(work),
    )
    return replace(found, notices=(*notices, *found.notices))


def _estimate(span: Span) -> Estimate:
    """Return a span as an estimate."""
    return Estimate(value=span.centre, low=span.low, high=span.high)


def _share(span: Span) -> Estimate:
    """Return a share's span as an estimate: between 0 and 1, where the interval may end outside."""
    return Estimate(value=span.centre, low=max(0.0, span.low), high=min(1.0, span.high))


def _hardly_seen(seen: Mapping[str, int], blocks: int) -> tuple[Notice, ...]:
    """Return a notice where writers were seen at work in too few blocks to tell some candidates, or all, apart.

    Args:
        seen: Candidate -> the blocks in which its writers were.
        blocks: How many there are.
    """
    needed = fewest_blocks(len(seen))
    hardly = sorted((name for name in seen if seen[name] < needed), key=lambda name: (seen[name], name))
    if not hardly or blocks < needed:  # too few blocks for anything: the ranking by throughput says so
        return ()
    whose = ", ".join(f"{name!r} in {seen[name]}" for name in hardly)
    text = (
        f"Writers were rarely sampled at work. Of {blocks} blocks: {whose}; {needed} are needed to tell lock waits "
        "apart. Sample more often (--sample-hz), or measure longer (--budget)"
    )
    if len(seen) - len(hardly) > 1:
        return (Notice(code="blocks-unobserved", text=text),)
    return (Notice(code=FEW_BLOCKS, text=f"{text}: all tie by lock waits."),)
