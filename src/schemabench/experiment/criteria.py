"""What candidates can be ranked by, and how an experiment ranks them.

Owns the table of criteria, and where each one's figures are in the trials. Must not decide what is significant: see
`statistics`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.errors import UsageError
from schemabench.experiment import costs, gates
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.monitor import counters
from schemabench.naming import nearest
from schemabench.records import LOCK_WAITS, THROUGHPUT, Criterion
from schemabench.statistics import Ranking

_OF_EACH_TRIAL = {"row", "operation", "update"}
"""What a measure is divided by that every trial adds to."""
_ALWAYS = (THROUGHPUT, LOCK_WAITS)
_CHOICE = 2
"""A front over fewer criteria than this is the first place."""

_COSTS = {
    measure.name: measure
    for measure in counters.MEASURES
    if measure.per in _OF_EACH_TRIAL
    and measure.counter not in {*counters.SIZES, *counters.AFTER_CHECKPOINT.values(), *counters.AT_THE_END.values()}
}
KNOWN: Mapping[str, Criterion] = {
    **{one.name: one for one in _ALWAYS},
    **{
        name: Criterion(
            name=name,
            title=f"{measure.title} per {measure.per}",
            unit=measure.unit,
            per=measure.per,
            better=measure.better,
            compared="difference",
        )
        for name, measure in _COSTS.items()
    },
}
"""By name."""


def check(names: Sequence[str], *, race: bool = False) -> None:
    """Refuse the name of a criterion that there is not, and in a race any that no experiment is ranked by anyway.

    Raises:
        UsageError: With the nearest name, and all names.
    """
    for name in names:
        if name not in KNOWN:
            raise UsageError(
                f"--criteria: there is no criterion {name!r}{nearest(name, KNOWN)}",
                remedies=[f"name some of these, with commas between: {', '.join(KNOWN)}"],
            )
    if race and (further := [name for name in names if name not in {one.name for one in _ALWAYS}]):
        raise UsageError(
            f"--race decides by throughput alone, so that whoever leaves has no place by {', '.join(further)}",
            checked=[f"--criteria: {','.join(names)}"],
            remedies=["leave out --race", f"leave out --criteria {','.join(further)}"],
        )


def rank(plan: Plan, names: Sequence[str], measured: Measured) -> Mapping[str, Ranking]:
    """Return the ranking by each criterion, throughput first; without criteria by which nothing can be ranked.

    Args:
        plan: What was to do.
        names: The entrants that can be compared; the control among them.
        measured: Their trials.
    """
    wanted = dict.fromkeys([*(one.name for one in _ALWAYS), *plan.criteria])
    found = {name: _rank(KNOWN[name], plan, names, measured) for name in wanted}
    return {name: one for name, one in found.items() if one.standings or name == THROUGHPUT.name}


def records(plan: Plan, rankings: Mapping[str, Ranking]) -> tuple[Criterion, ...]:
    """Return the record of each criterion."""
    return tuple(
        replace(KNOWN[name], on_front=name in front(plan, rankings), decides=one.decides, control=one.control)
        for name, one in rankings.items()
    )


def front(plan: Plan, rankings: Mapping[str, Ranking]) -> Collection[str]:
    """Return the criteria that the Pareto front is over: none where there is nothing to weigh."""
    found = [name for name in plan.criteria if name in rankings]
    return found if len(found) >= _CHOICE else ()


def on_front(plan: Plan, rankings: Mapping[str, Ranking]) -> frozenset[str]:
    """Return the candidates on the Pareto front, among those with a rank by each of its criteria."""
    over = [rankings[name] for name in front(plan, rankings)]
    ranked = [{one.name for one in ranking.standings} for ranking in over]
    return statistics.pareto(sorted(set.intersection(*ranked)), *(one.better for one in over)) if over else frozenset()


def _rank(criterion: Criterion, plan: Plan, names: Sequence[str], measured: Measured) -> Ranking:
    copies = measured.copies_of_blocks(BASELINE)
    if criterion == THROUGHPUT:
        return statistics.rank(
            measured.rates(names),
            names,
            baseline=BASELINE,
            control=CONTROL,
            seed=plan.seed,
            copies=copies,
            bounds=gates.limited(measured, [name for name in names if name != CONTROL]),
        )
    if criterion == LOCK_WAITS:
        return _by_lock_waits(plan, names, measured, copies)
    amounts = costs.amounts(_COSTS[criterion.name], {name: measured.counted(name) for name in names})
    return statistics.rank_costs(
        criterion, amounts, names, baseline=BASELINE, control=CONTROL, seed=plan.seed, copies=copies
    )


def _by_lock_waits(plan: Plan, names: Sequence[str], measured: Measured, copies: Sequence[int]) -> Ranking:
    if not plan.sample_hz:
        return Ranking(standings=(), control=None, better=frozenset(), notices=())
    trials = [measured.counted(name) for name in names]
    waits = np.array([[one.waits.get("Lock", 0) for one in some] for some in trials], dtype=np.float64).T
    work = np.array([[sum(one.waits.values()) for one in some] for some in trials], dtype=np.float64).T
    return statistics.rank_locks(
        waits,
        np.column_stack([measured.pauses(name) for name in names]),
        work,
        names,
        baseline=BASELINE,
        control=CONTROL,
        seed=plan.seed,
        copies=copies,
    )
