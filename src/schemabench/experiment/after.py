"""What is found after the blocks of an experiment, beside its trials; only a part, where it was broken off.

Owns what is kept of an experiment that ends before its time, by an interrupt or without a worker. Must not decide what
follows from that.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from schemabench.errors import Interrupted, ServerError, WorkerError
from schemabench.experiment import agreement, gates
from schemabench.experiment.blocks import Blocks
from schemabench.experiment.conditions import Conditions
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.observer import Observer
from schemabench.experiment.plan import Plan
from schemabench.experiment.results import Watched
from schemabench.experiment.soaking import Soaked
from schemabench.monitor.cache import Cache
from schemabench.monitor.counters import Reading
from schemabench.records import WORKER_LOST, Adequacy, CandidateResult, Contention, Notice
from schemabench.server import Server


@dataclass(kw_only=True)
class After:
    """Findings after the blocks, in the order in which they are made."""

    held: Conditions = field(default_factory=lambda: Conditions(baseline=(), otherwise={}, notices=()))
    """The settings of all entrants; none if they were not read."""
    grown: Mapping[str, Reading] = field(default_factory=dict)
    """As in `Watched`; likewise the next two."""
    cache: Cache | None = None
    adequacy: Mapping[str, Adequacy] = field(default_factory=dict)
    differences: Mapping[str, str] | None = None
    """Candidate -> why it is disqualified; None until rows are compared."""
    notices: tuple[Notice, ...] = ()
    watched: Watched | None = None
    """None until plans are collected."""
    soaked: Soaked = field(default_factory=Soaked)

    @property
    def interrupted(self) -> str:
        """What the user interrupted; empty if nothing."""
        if self.soaked.interrupted:
            return "during the soak"
        asking = self.watched is not None and self.watched.interrupted
        return "while plans at production's size were asked for" if asking else ""

    def completed(self, found: Mapping[str, CandidateResult]) -> Mapping[str, CandidateResult]:
        """Return results with the settings of each candidate's sessions, and how it fared in the soak."""
        return self.soaked.completed(self.held.completed(found))


Ended = Interrupted | WorkerError | ServerError
"""What ends an experiment early, and yet leaves results."""


def conclude(
    blocks: Blocks, after: After, server: Server, cause: KeyboardInterrupt | WorkerError | None
) -> tuple[Ended | None, Watched]:
    """Complete the findings of an experiment with what is quickly available.

    Returns:
        What ended it early, if anything, and the observations of its entrants.

    Args:
        blocks: Of which some may be finished; those of the warm-up are no result.
        after: What was found until now.
        server: Where.
        cause: Why it ended early; None if it did not, or only its last step did.

    Raises:
        Interrupted, WorkerError: No block that counts is finished.
    """
    plan, measured = blocks.plan, blocks.measured
    if cause is None:
        assert after.watched is not None, "all was looked at"
        late = Interrupted(f"{plan} was interrupted {after.interrupted}") if after.interrupted else None
        return late or after.soaked.failure, after.watched
    blocks.break_off()
    error: Interrupted | WorkerError
    if isinstance(cause, WorkerError):
        error, code, why = cause, WORKER_LOST, f"{plan} was cut short: {cause.headline}"
    else:
        code, why = "interrupted", f"{plan} was interrupted in {blocks.doing}"
        nothing = "" if measured.blocks else ". Nothing was measured, as no block that counts was over"
        error = Interrupted(f"{why}{nothing}")
    if not measured.blocks:
        raise error from cause
    blocks.neighbours.break_off()
    measured.add(blocks.team.break_off())
    told = [why, "Results cover the blocks before"]
    if after.differences is None:
        measured.stopped = "interrupted"  # even if all blocks are done: rows were not compared
        earlier = {name: wrong.reason for name, wrong in agreement.earlier_wrong(measured).items()}
        after.differences = {**gates.stale((one.name for one in blocks.entrants), measured), **earlier}
        told.append("States and invariants were not checked, and no plans were collected")
    elif after.watched is None:
        told.append("No plans were collected")
    if measured.workers and measured.lacks_times:
        measured.times.clear()
        told.append("Service times are left out, because not all workers handed theirs over")
    after.notices += (Notice(code=code, text=". ".join(told)),)
    return error, after.watched or _watched(blocks, after, server)


def _watched(blocks: Blocks, after: After, server: Server) -> Watched:
    """Return what is known of the entrants without asking much of the server."""
    observers, measured = blocks.shifts.observers, blocks.measured
    through = [one for one in observers if one.name not in measured.failed]
    contention: dict[str, Contention | None] = {one.name: None for one in through}
    for one in through:
        with suppress(ServerError):  # its database may be between two copies
            contention[one.name] = observers[one].contention(
                measured.tally(one.name), float(measured.pauses(one.name).sum())
            )
    return Watched(
        contention=contention,
        plans={},
        grown={one.name: after.grown.get(one.name, {}) for one in through},
        missing={**observers[through[0]].missing, **upkeep_missing(blocks.plan)},
        owned=server.owned,
        cache=after.cache,
        adequacy=after.adequacy,
        deadlock_timeouts_s=deadlock_timeouts_s(observers),
    )


def deadlock_timeouts_s(observers: Mapping[Entrant, Observer]) -> dict[str, float]:
    """Return the server's deadlock timeout under each entrant, in seconds."""
    return {one.name: observer.deadlock_timeout_s for one, observer in observers.items()}


def upkeep_missing(plan: Plan) -> dict[str, str]:
    """Return why the cost of vacuums is unknown; empty if it is known."""
    if plan.upkeep != "autovacuum":
        return {}
    reason = "the server does not report the cost of autovacuum: --upkeep between-blocks"
    return dict.fromkeys(("upkeep_elapsed_s", "upkeep_wal_bytes"), reason)
