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
from schemabench.experiment.results import Watched
from schemabench.experiment.soaking import Soaked
from schemabench.monitor.cache import Cache
from schemabench.monitor.counters import Reading
from schemabench.records import Adequacy, CandidateResult, Contention, Notice


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
    watched: Watched = field(init=False)
    soaked: Soaked = field(default_factory=Soaked)

    @property
    def interrupted(self) -> str:
        """What the user interrupted; empty if nothing."""
        if self.soaked.interrupted:
            return "during the soak"
        return "while plans at production's size were asked for" if self.watched.interrupted else ""

    def completed(self, found: Mapping[str, CandidateResult]) -> Mapping[str, CandidateResult]:
        """Return results with the settings of each candidate's sessions, and how it fared in the soak."""
        return self.soaked.completed(self.held.completed(found))


def break_off(blocks: Blocks, after: After, cause: KeyboardInterrupt | WorkerError) -> Interrupted | WorkerError:
    """End an experiment at any point: add to its findings what is quickly available, and return its error.

    Args:
        blocks: Of which some may be finished.
        after: What was found until now.
        cause: Why it ends.

    Raises:
        Interrupted, WorkerError: No block is finished.
    """
    plan, measured = blocks.plan, blocks.measured
    blocks.break_off()
    error: Interrupted | WorkerError
    if isinstance(cause, WorkerError):
        error, why = cause, f"{plan} was cut short: {cause.headline}"
    else:
        why = f"{plan} was interrupted in {blocks.doing}"
        error = Interrupted(why if measured.blocks else f"{why}, before every candidate had executed one burst")
    if not measured.blocks:
        raise error
    blocks.neighbours.break_off()
    measured.add(blocks.team.break_off())
    text = f"{why}. Results cover the blocks before. "
    if after.differences is None:
        measured.stopped = "interrupted"  # even if all blocks are done: rows were not compared
        earlier = {name: wrong.reason for name, wrong in agreement.earlier_wrong(measured).items()}
        after.differences = {**gates.stale((one.name for one in blocks.entrants), measured), **earlier}
        text += "States and invariants were not checked, and no plans were collected"
    else:
        text += "No plans were collected"
    if measured.workers and measured.lacks_times:
        measured.times.clear()
        text += ". Service times are left out, because not all workers handed theirs over"
    after.notices += (Notice(code="interrupted", text=text),)
    after.watched = _watched(blocks, after)
    return error


def _watched(blocks: Blocks, after: After) -> Watched:
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
        missing=observers[through[0]].missing,
        cache=after.cache,
        adequacy=after.adequacy,
        deadlock_timeouts_s=deadlock_timeouts_s(observers),
    )


def deadlock_timeouts_s(observers: Mapping[Entrant, Observer]) -> dict[str, float]:
    """Return the server's deadlock timeout under each entrant, in seconds."""
    return {one.name: observer.deadlock_timeout_s for one, observer in observers.items()}
