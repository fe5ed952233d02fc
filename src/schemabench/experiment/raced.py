"""The verdict on candidates that left a race.

Owns the figures of such a candidate, and the wording. Must not decide which candidates leave: see `statistics.race`.

A candidate leaves when its trials look slow enough, so that what is measured decides on the number of its blocks. Every
interval of its figures is therefore as wide as one that holds at all looks.
"""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import departed
from schemabench.experiment.departed import stretched
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.records import CandidateResult, Cost, Estimate, Interference, Notice, Standing, WriterRatio
from schemabench.statistics import Span
from schemabench.units import format_duration, format_significant, plural

_LEVEL = 1 - statistics.CONFIDENCE
_Compared = TypeVar("_Compared", Cost, Interference)


def result(plan: Plan, left: CandidateResult, measured: Measured) -> CandidateResult:
    """Return the result of a candidate that left a race, with when and on what, and with intervals that hold there.

    Args:
        plan: What was to do.
        left: All else that is known of it.
        measured: The trials of all.
    """
    name, (leader, behind), standing = left.name, lag(left.name, measured), left.standing
    assert standing is not None, f"{name} has no standing"
    retirement = records.Retirement(
        rule="race",
        trials=measured.retired[name].trials,
        slower=statistics.inverse(standing.to_baseline),
        leader=leader,
        behind=behind,
        left_s=measured.retired[name].left_s,
    )
    own = writers(plan, name, measured.beside(name))
    notices = (notice(name, measured), *doubt(plan, name, standing, measured), *left.notices)
    return replace(widened(left), retired=retirement, writers=own, notices=notices)


def notice(name: str, measured: Measured) -> Notice:
    """Return the notice on a candidate that left a race."""
    left, (leader, ratio) = measured.retired[name], lag(name, measured)
    value, low, high = (format_significant(one, 3) for one in (ratio.value, ratio.low, ratio.high))
    early = sum(trial.block < measured.warmup for trial in measured.counted(name))
    text = (
        f"{name} left the race after {plural(left.trials, 'block')}: its throughput was {value} [{low}, {high}] of "
        f"that of {leader}, who led. All its figures are from these blocks, and their intervals hold wherever a race "
        f"stops. All blocks until then, warm-up included, took {format_duration(left.left_s)}"
    )
    if early:
        those = "all" if early == left.trials else str(early)
        text += f". For the candidates that stayed, warm-up ended only after {those} of {name}'s blocks"
    return Notice(code="raced", text=text)


def doubt(plan: Plan, name: str, standing: Standing, measured: Measured) -> tuple[Notice, ...]:
    """Return a notice if what a candidate left a race on does not hold in the end, so that it may have a place.

    Args:
        plan: What was to do.
        name: The candidate.
        standing: Its standing among all that are ranked.
        measured: The trials of all.
    """
    leads, since = departed.beaten(measured)[name].leads, departed.faded(name, measured)
    ranked = {BASELINE, *standing.to_others}
    ahead = {other for other, span in leads.items() if span.low > 0}
    lost, fallen = sorted(ahead - ranked), sorted(ahead & ranked & since.keys())
    if len(ahead - {*lost, *fallen}) >= min(plan.race, len(leads)):  # as many as when it left
        return ()
    said = [f"{', '.join(lost)} lost {'its rank' if len(lost) == 1 else 'their ranks'}"] if lost else []
    said += [f"{one} fell back from {_times(leads[one])} its throughput to {_times(since[one])}" for one in fallen]
    text = (
        f"{name} may have a place after all: it left the race because others were proved faster, but since then "
        f"{'; '.join(said)}. Measure it without --race"
    )
    return (Notice(code="raced-in-doubt", text=text),)


def _times(lead: Span) -> str:
    ratio = lead.as_ratio()
    value, low, high = (format_significant(one, 3) for one in (ratio.value, ratio.low, ratio.high))
    return f"{value}x [{low}, {high}]"


def lag(name: str, measured: Measured) -> tuple[str, Estimate]:
    """Return who led when a candidate left a race, and its throughput as a ratio to the leader's."""
    beaten = measured.retired[name].beaten
    assert beaten is not None, f"{name} left no race"
    return beaten.leader, beaten.leads[beaten.leader].reversed().as_ratio()


def writers(plan: Plan, name: str, measured: Measured) -> tuple[WriterRatio, ...]:
    """Return the speed of each writer relative to the baseline's; empty if there is only one writer.

    Args:
        plan: What was to do.
        name: A candidate that left a race.
        measured: The trials of all entrants in the blocks in which it took part.
    """
    names, found = (name, BASELINE, CONTROL), []
    for writer in [one.name for one, _ in plan.writers] if len(plan.writers) > 1 else ():
        times = [[trial.writers_s[writer] for trial in measured.counted(one)] for one in names]
        copies = measured.copies_of_blocks(BASELINE)
        spans = statistics.race_spans(-np.log(times).T, names, family=len(plan.writers), level=_LEVEL, copies=copies)
        span: Span = spans[name, BASELINE]
        found.append(WriterRatio(writer=writer, ratio=span.as_ratio(), differs=span.apart))
    return tuple(found)


def widened(result: CandidateResult) -> CandidateResult:
    """Return the result of a candidate that left a race, with intervals that hold wherever it stopped."""
    factor = statistics.stretch(sum(not trial.warmup for trial in result.trials))
    operations, attempts, rows, headroom, p50_ns, p99_ns = (
        figure and stretched(figure, factor)
        for figure in (
            result.operations_per_s,
            result.attempts_per_s,
            result.rows_per_s,
            result.headroom,
            result.call_p50_ns,
            result.call_p99_ns,
        )
    )
    return replace(
        result,
        operations_per_s=operations,
        attempts_per_s=attempts,
        rows_per_s=rows,
        headroom=headroom,
        call_p50_ns=p50_ns,
        call_p99_ns=p99_ns,
        costs=tuple(_compared(one, factor) for one in result.costs),
        interference=tuple(_compared(one, factor) for one in result.interference),
    )


def _compared(one: _Compared, factor: float) -> _Compared:
    """Return a ratio to something, and whether it differs from 1 beyond its wider interval; not without a ratio."""
    if one.ratio is None or one.ratio.value <= 0:
        return replace(one, differs=False)
    ratio = stretched(one.ratio, factor)
    return replace(one, ratio=ratio, differs=one.differs and not ratio.low <= 1 <= ratio.high)
