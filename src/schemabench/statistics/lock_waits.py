"""The ranking by lock waits: time spent waiting for heavyweight locks, or pausing before a retry.

Owns standings by share of the writers' time, and their notices. Must not choose a method: see `block_ratio`, and
decision 20 for the difference from throughput's.

Pauses count like waits: a candidate whose writers abort and sleep must not rank above one whose writers queue.

Blocks in which nobody ever waits do not vary, and their intervals would have no width. But a hundred observations
without a wait do not exclude a share of a few percent: the intervals of those that never wait, and of differences
between them, end where those of as many independent observations would (Clopper & Pearson 1934, Biometrika 26:404).
Observations at one moment are alike, so this is the least that they may be off.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from schemabench.records import LOCK_WAITS, Estimate, Notice
from schemabench.statistics import block_ratio
from schemabench.statistics.comparison import BY_RATIOS, check_baseline, check_columns, compare
from schemabench.statistics.ranking import FEW_BLOCKS, Ranking, fewest_blocks, ranked
from schemabench.statistics.sign_flips import CONFIDENCE, Span


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
    of_candidates = {name: seen[name] for name in candidates}
    known = sorted(name for name in names if seen[name])
    if baseline not in known:
        notices = _hardly_seen(of_candidates, len(work), ())
        return Ranking(standings=(), control=None, better=frozenset(), notices=notices)
    chosen = [names.index(name) for name in known]
    sums = np.stack([waits + pauses, work + pauses], axis=-1)[:, chosen]
    twins = (control, baseline) if control in known and control is not None else None
    spans = compare(sums, known, twins=twins, seed=seed, method=BY_RATIOS, copies=copies).spans
    unseen, each = (_unseen(sums, known, among=many) for many in (1, max(1, math.comb(len(known) - bool(twins), 2))))
    found = ranked(
        LOCK_WAITS,
        {pair: _between_unseen(span, pair, each) for pair, span in spans.items()},
        {
            name: _share(span, unseen.get(name, 0.0))
            for name, span in zip(known, block_ratio.spans_apart(sums, copies=copies), strict=True)
        },
        lambda _, span: _estimate(span),
        baseline=baseline,
        control=control,
        blocks=len(work),
    )
    return replace(found, notices=(*_hardly_seen(of_candidates, len(work), found.better), *found.notices))


def _estimate(span: Span) -> Estimate:
    """Return a span as an estimate."""
    return Estimate(value=span.centre, low=span.low, high=span.high)


def _unseen(sums: NDArray[np.float64], names: Sequence[str], *, among: int) -> Mapping[str, float]:
    """Return the largest share of waiting that is not excluded for each candidate that was never seen to wait.

    Args:
        sums: Of shape (blocks, candidates, 2): what waited, and all.
        names: One for each candidate.
        among: The number of intervals that hold jointly.
    """
    totals = sums.sum(axis=0).tolist()
    return {
        name: 1 - ((1 - CONFIDENCE) / 2 / among) ** (1 / all_of_it)
        for name, (waited, all_of_it) in zip(names, totals, strict=True)
        if not waited
    }


def _between_unseen(span: Span, pair: tuple[str, str], unseen: Mapping[str, float]) -> Span:
    """Return the span of a difference, wide enough for what was not seen where neither was seen to wait."""
    first, second = (unseen.get(name) for name in pair)
    if first is None or second is None:
        return span
    return span.reaching(replace(span, low=-second, high=first))


def _share(span: Span, unseen: float) -> Estimate:
    """Return a share's span as an estimate: between 0 and 1, where the interval may end outside.

    Args:
        span: The span.
        unseen: A share that is not excluded, although no wait was seen.
    """
    return Estimate(value=span.centre, low=max(0.0, span.low), high=min(1.0, max(span.high, unseen)))


def _hardly_seen(seen: Mapping[str, int], blocks: int, better: Collection[tuple[str, str]]) -> tuple[Notice, ...]:
    """Return a notice if busy writers were rarely observed; another if they were in too few blocks for any difference.

    A difference has a sign in every block in which either of two candidates was observed: who is observed in few blocks
    can still be told from who is observed in many. That there is none cannot be shown by few observations.

    Args:
        seen: Candidate -> the number of blocks with observations of its busy writers.
        blocks: The number of blocks.
        better: (better, worse), of all that were told apart.
    """
    needed = fewest_blocks(len(seen))
    hardly = sorted((name for name in seen if seen[name] < needed), key=lambda name: (seen[name], name))
    if not hardly or blocks < needed:  # too few blocks for anything: the ranking by throughput has a notice
        return ()
    whose = ", ".join(f"{name!r} in {seen[name]}" for name in hardly)
    rare = f"Writers were rarely sampled at work. Of {blocks} blocks: {whose}; "
    more = "Sample more often (--sample-hz), or measure longer (--budget)"
    if better or len(seen) - len(hardly) > 1:
        return (Notice(code="blocks-unobserved", text=f"{rare}their shares rest on few observations. {more}"),)
    return (
        Notice(
            code=FEW_BLOCKS, text=f"{rare}{needed} are needed to tell lock waits apart. {more}: all tie by lock waits."
        ),
    )
