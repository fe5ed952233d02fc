"""Where candidates stand that left the blocks, among those that stayed.

Owns the one relation of who is better by throughput, from which all ranks and ties follow. Must not decide who leaves,
nor word why: `retired` does for those that are far slower, `raced` for those that left a race.

Whoever left is compared with everyone over the blocks in which both took part, by the bound on which it left, which
holds although that bound decided on their number. Those that stayed are ranked among themselves over all their blocks.
Nobody that left is told to be better than one that stayed and whose rates are lower bounds.

A lead over a candidate that left a race must last, and so must its own over others, as any lead (decision 14). Its own
later blocks are missing: it is taken to have stayed as it was, relative to the baseline. If the other has fallen back
since, or caught up, the two tie.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import retired
from schemabench.experiment.measured import Measured
from schemabench.records import Estimate, Standing
from schemabench.statistics import Beaten, Ranking, Span


@dataclass(frozen=True, kw_only=True)
class Departed:
    """What is known of one candidate's throughput when it leaves."""

    figure: Estimate
    """Its own, in bursts per second."""
    leads: Mapping[str, Span]
    """Other candidate -> how much faster that is, as a log ratio of rates; the baseline among them."""


def beaten(measured: Measured) -> dict[str, Beaten]:
    """Return the candidates that left a race, and on what."""
    return {name: one.beaten for name, one in measured.retired.items() if one.beaten}


def find(ranked: Collection[str], measured: Measured) -> dict[str, Departed]:
    """Return the candidates that left the blocks, among those that can be ranked.

    Args:
        ranked: The entrants that can be ranked, the control among them.
        measured: The trials of all.
    """
    raced = {name: one.leads for name, one in beaten(measured).items()}
    others = [name for name in ranked if name not in measured.retired or name in raced]
    found = {}
    for name in (one for one in ranked if one in measured.retired):
        leads = _lasting(name, raced[name], measured) if name in raced else retired.leads(name, others, measured)
        (rate,) = statistics.estimate_rates(np.array([[1 / one.duration_s] for one in measured.counted(name)]), seed=0)
        factor = statistics.stretch(measured.retired[name].trials) if name in raced else 1.0
        found[name] = Departed(
            figure=stretched(rate, factor), leads={other: span for other, span in leads.items() if other in ranked}
        )
    return found


def faded(name: str, measured: Measured) -> dict[str, Span]:
    """Return those whose difference from a candidate that left a race did not last -> their lead over it since then."""
    known = beaten(measured)[name].leads
    late = {other: _since(name, other, measured) for other, span in known.items() if span.apart and other != BASELINE}
    return {other: span for other, span in late.items() if span and not statistics.lasts(known[other], span)}


def standings(ranking: Ranking, departed: Mapping[str, Departed]) -> dict[str, Standing]:
    """Return the standing of every candidate by throughput, the control apart.

    Args:
        ranking: Of those that stayed.
        departed: Those that left.
    """
    stayed = {one.name: one for one in ranking.standings}
    names = [*stayed, *departed]
    apart = {pair for name, one in departed.items() for pair in _apart(name, one.leads)}
    bounds = {name for name, one in stayed.items() if one.at_least}
    better = ranking.better | {pair for pair in apart if pair[1] not in bounds}
    left = {
        name: Standing(
            name=name,
            figure=one.figure,
            to_baseline=one.leads[BASELINE].reversed().as_ratio(),
            rank=1,
            tied_with=(),
        )
        for name, one in departed.items()
    }
    found = {}
    for name, own in (stayed | left).items():
        rank, ties = statistics.placed(name, names, frozenset(better))
        to_others = {**own.to_others, **_ratios(name, departed)}
        found[name] = replace(own, rank=rank, tied_with=ties, to_others=to_others)
    return found


def stretched(figure: Estimate, factor: float) -> Estimate:
    """Return a figure above zero with ends that are, as ratios, so many times as far from it."""
    low, high = (figure.value * (end / figure.value) ** factor if end > 0 else end for end in (figure.low, figure.high))
    return replace(figure, low=low, high=high)


def _lasting(name: str, leads: Mapping[str, Span], measured: Measured) -> dict[str, Span]:
    """Return the leads over a candidate that left a race; zero is within those that did not last, of either sign."""
    since = faded(name, measured)
    return {other: span.reaching(since[other]) if other in since else span for other, span in leads.items()}


def _since(name: str, other: str, measured: Measured) -> Span | None:
    """Return the lead of another since a candidate left, both relative to the baseline; None if too little is known."""
    baseline_s = {trial.block: trial.duration_s for trial in measured.trials[BASELINE]}
    own, others = (
        {trial.block: log(baseline_s[trial.block] / trial.duration_s) for trial in measured.counted(who)}
        for who in (name, other)
    )
    left = max(own)
    return statistics.span_since(
        np.array(list(own.values())), np.array([value for block, value in others.items() if block > left])
    )


def _apart(name: str, leads: Mapping[str, Span]) -> Sequence[tuple[str, str]]:
    """Return (better, worse) of a candidate that left and all others that are told apart from it."""
    return [(other, name) if span.low > 0 else (name, other) for other, span in leads.items() if span.apart]


def _ratios(name: str, departed: Mapping[str, Departed]) -> dict[str, Estimate]:
    """Return the throughput of a candidate as a ratio to each other one's, the baseline apart, if either left."""
    own = departed[name].leads if name in departed else {}
    spans = {other: one.leads[name] for other, one in departed.items() if name in one.leads}
    spans |= {other: span.reversed() for other, span in own.items()}
    return {other: span.as_ratio() for other, span in sorted(spans.items()) if other != BASELINE}
