"""What ran beside the trials of an experiment, as records, and the notices on it.

Owns how the figures of companions come together. Must not execute anything: see `companions`.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from schemabench import records, statistics
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.records import CompanionFigures, CompanionShare, Notice
from schemabench.units import format_duration


def shares(plan: Plan) -> tuple[CompanionShare, ...]:
    """Return the companions of an experiment."""
    return tuple(
        CompanionShare(
            name=one.name,
            operation=one.operation,
            clients=one.clients,
            every_s=one.every_s,
            holds=one.holds,
            isolation=one.isolation or plan.found.workload.isolation,
        )
        for one in plan.companions
    )


def left_out(plan: Plan) -> tuple[str, ...]:
    """Return the names of the companions that an option left out."""
    return tuple(one.name for one in plan.declared_companions) if plan.without_companions else ()


def figures(plan: Plan, name: str, measured: Measured) -> Iterator[CompanionFigures]:
    """Yield what each companion did in an entrant's counted trials."""
    trials = measured.counted(name)
    seen = [measured.companions[name].get(trial.block, {}) for trial in trials]
    lasted_s, tally = sum(trial.duration_s for trial in trials), measured.tally(name)
    for companion in plan.companions:
        own = [one[companion.name] for one in seen if companion.name in one]
        if not own:
            continue
        times_ns = np.array(list(chain.from_iterable(one.latencies_ns for one in own)), dtype=np.int64)
        times = statistics.latency(companion.operation, times_ns, 0) if len(times_ns) else None
        yield records.CompanionFigures(
            companion=companion.name,
            executions=len(times_ns),
            cut=sum(one.cut for one in own),
            every_s=lasted_s * max(one.sessions for one in own) / len(times_ns) if len(times_ns) else None,
            p50_ns=times.p50_ns if times else None,
            p99_ns=times.p99_ns if times else None,
            max_ns=times.max_ns if times else None,
            lock_share=tally.lock_share(companion.name),
        )


def notices(plan: Plan, entrants: Sequence[Entrant], measured: Measured) -> Iterator[Notice]:
    """Yield notices on companions whose effect is not what it seems: never executed, or counted as the writers'."""
    left = [one for one in entrants if measured.is_left(one.name) and one.name != CONTROL]
    several = {one.name: len(one.databases.names) for one in left if len(one.databases.names) > 1}
    if several and (everywhere := [one.name for one in plan.companions if not one.part and not one.holds]):
        shown = ", ".join(f"{name} ({databases})" for name, databases in several.items())
        text = (
            f"These companions belong to no part, and so run in each database of a candidate: {', '.join(everywhere)}. "
            f"Candidates with several databases have as many times their load: {shown}. Give each a part for the same "
            "load everywhere: Companion.part"
        )
        yield Notice(code="companions-multiplied", text=text)
    for companion in plan.companions:
        idle = [
            f"{one.name} ({format_duration(sum(trial.duration_s for trial in measured.counted(one.name)))} of trials)"
            for one in left
            for own in figures(plan, one.name, measured)
            if own.companion == companion.name and not own.executions and not companion.holds
        ]
        if idle:
            due = f"it is due every {format_duration(companion.every_s)}" if companion.every_s else "trials are shorter"
            text = (
                f"The companion {companion.name} completed no execution in counted trials of {', '.join(idle)}: {due}. "
                "Measure longer: --budget; or make trials longer: --burst"
            )
            yield Notice(code="idle-companion", text=text)
    if left and (active := [one.name for one in plan.companions if not one.holds]):
        text = (
            f"WAL and multixacts are counted for the whole server, companions included: {', '.join(active)}. So is, "
            "before PostgreSQL 18, the processor time of their parallel workers"
        )
        yield Notice(code="companions-in-totals", text=text)
    if any(one.companions.are_counted for one in left):
        text = (
            "Counts of blocks, scans and rows include those of companions: this role may not turn track_counts off in "
            "their sessions (GRANT SET ON PARAMETER track_counts TO ...)"
        )
        yield Notice(code="companions-counted", text=text)
