"""Who waited for whom: what samples say of contention, in sentences and as rows of tables.

Owns the wording of waits, alike in every format, and which of them are shown. Must not say more than the samples do:
where time went is no proof of what would be faster without it.
"""

from collections.abc import Mapping, Sequence

from schemabench.records import (
    CONTENDED,
    TIME_CLASSES,
    CandidateResult,
    Contention,
    Experiment,
    LockStanding,
    LockWait,
    Standing,
)
from schemabench.report import figures
from schemabench.report.escape import Markdown, code
from schemabench.report.verdict import BASELINE, Name, ranked
from schemabench.units import format_duration

Rows = list[tuple[object, ...]]

MOST_ROWS = 5
"""Locks or pairs of one candidate in a table, the largest first: those after them hardly ever matter."""
_MOST_EVENTS = 3
_MOST_CLASSES = 2
_LOCK = "Lock"
_RUNNING = "running"
_SUBSTANTIAL = 0.05
"""A smaller share of the writers' time does not explain a difference that anyone would act on."""


def why(experiment: Experiment, name: Name) -> str:
    """Return where the writers' time goes under the slowest candidate, or else under the one that waits most for locks.

    Empty where nothing was sampled, and where neither can be named: throughput ties, and hardly anyone waits.
    """
    results = [result for result, _ in ranked(experiment)]
    found = {result.name: contention for result, contention in _sampled(results) if contention.classes}
    standings = [result.lock_standing for result in results if result.lock_standing]
    known = {one.name: one for one in standings if one.name in found}
    if not known:
        return ""
    slowest = _slowest(experiment)
    if slowest and slowest.name in known:
        who = f"{'among the slowest' if slowest.tied_with else 'slowest'}: {name(slowest.name)}"
        told = _waits(slowest.name, known, found, name)
        return f"{who}; {told or _hardly(known[slowest.name].share.value, found[slowest.name])}"
    most = max(known, key=lambda one: known[one].share.value)
    waits = _waits(most, known, found, name)
    return f"most waiting seen: {name(most)}; {waits}" if waits else ""


def _slowest(experiment: Experiment) -> Standing | None:
    """Return the last candidate, unless it ties with the first."""
    standings = [standing for _, standing in ranked(experiment)]
    best, worst = standings[0], standings[-1]
    return None if worst.rank == best.rank or best.name in worst.tied_with else worst


def _waits(candidate: str, known: Mapping[str, LockStanding], found: Mapping[str, Contention], name: Name) -> str:
    """Return how much a candidate's writers wait for locks, beside the baseline's, and for which lock and operation.

    Empty where they hardly do.
    """
    own = known[candidate]
    if own.share.value < _SUBSTANTIAL:
        return ""
    compared = BASELINE in known and candidate != BASELINE
    beside = f" (baseline: {figures.share(known[BASELINE].share.value)})" if compared else ""
    paused = f", {_points(own.paused)} of that to pauses before retries" if own.paused else ""
    waits = f"{figures.share(own.share.value)} of its writers' time goes to waiting for locks{beside}{paused}"
    return waits + _foremost(found[candidate], name)


def _foremost(contention: Contention, name: Name) -> str:
    """Return the lock that is waited for most, and the operations that do."""
    whole = contention.classes.get(_LOCK, 0.0)
    locks = [f"{_extent(lock.share, whole)} {_described(lock, name)}" for lock in contention.locks[:1]]
    pairs = [f"{name(pair.waiting)} waiting for {name(pair.blocking)}" for pair in contention.pairs[:1]]
    return "".join(f", {part}" for part in (*locks, *pairs))


def _extent(part: float, whole: float) -> str:
    return "mostly" if part > whole / 2 else "above all"


def _described(lock: LockWait, name: Name) -> str:
    return f"{name(lock.kind)} on {name(lock.relation)}" if lock.relation else name(lock.kind)


def _hardly(share: float, contention: Contention) -> str:
    """Return that a candidate's writers do not wait for locks, and what they do instead, as in `running 62 %`."""
    rest = sorted(((part, kind) for kind, part in contention.classes.items() if kind not in CONTENDED), reverse=True)
    instead = ", ".join(f"{kind} {figures.share(part)}" for part, kind in rest[:_MOST_CLASSES])
    return f"its writers hardly wait for locks ({figures.share(share)}): {instead}"


def control(experiment: Experiment) -> str:
    """Return how the control's share of lock waits differs from the baseline's; empty without a control or samples."""
    standing = experiment.lock_control
    if standing is None:
        return ""
    found = figures.points_with_interval(standing.difference)
    if BASELINE in standing.tied_with:
        return f"{found}: no more than chance"
    return f"{found}: the baseline differs from itself; trust no difference of this size"


def pauses(experiment: Experiment, name: Name) -> str:
    """Return how much of lock waits are pauses before retries, the most first; empty where nobody paused."""
    standings = [result.lock_standing for result, _ in ranked(experiment) if result.lock_standing]
    paused = sorted((one for one in standings if one.paused), key=lambda one: -(one.paused or 0.0))
    shown = [f"{_points(one.paused or 0.0)} of {name(one.name)}'s {figures.share(one.share.value)}" for one in paused]
    return f"{figures.listed(shown)} are pauses before retries" if shown else ""


def classes(results: Sequence[CandidateResult]) -> Rows:
    """Return a row for each candidate: its name, the share of each of `TIME_CLASSES`, the events waited for most."""
    return [
        (
            code(result.name),
            *(figures.share(found.classes[kind]) if kind in found.classes else figures.DASH for kind in TIME_CLASSES),
            _events(found),
        )
        for result, found in _sampled(results)
    ]


def _events(contention: Contention) -> Markdown:
    waits = [event for event in contention.events if event.wait_class != _RUNNING]
    return Markdown(", ".join(f"{code(one.name)} {figures.share(one.share)}" for one in waits[:_MOST_EVENTS]))


def locks(results: Sequence[CandidateResult]) -> Rows:
    """Return rows of candidate, kind, mode, relation, partitions, share, longest wait: `MOST_ROWS` for a candidate."""
    return [
        (
            code(result.name),
            lock.kind,
            lock.mode,
            code(lock.relation) or figures.DASH,
            f"{lock.partitions:,}" if lock.partitions else figures.DASH,
            figures.share(lock.share),
            _lasting(lock.longest_s),
        )
        for result, found in _sampled(results)
        for lock in found.locks[:MOST_ROWS]
    ]


def pairs(results: Sequence[CandidateResult]) -> Rows:
    """Return rows of candidate, waiting operation, blocking operation, share: `MOST_ROWS` for a candidate."""
    return [
        (code(result.name), code(pair.waiting), code(pair.blocking), figures.share(pair.share))
        for result, found in _sampled(results)
        for pair in found.pairs[:MOST_ROWS]
    ]


def samples(results: Sequence[CandidateResult]) -> Rows:
    """Return rows of candidate, deepest queue, longest wait, and how many looks were taken, late and lost."""
    return [
        (
            code(result.name),
            f"{found.deepest_queue:,}",
            _lasting(found.longest_wait_s),
            *(f"{count:,}" for count in (found.samples, found.late, found.lost, found.observations)),
        )
        for result, found in _sampled(results)
    ]


def _points(share: float) -> str:
    """Return a part of a share, as in `3.1 points`: in percent it would read as a part of that share."""
    return f"{figures.share(share).removesuffix(' %')} points"


def _sampled(results: Sequence[CandidateResult]) -> list[tuple[CandidateResult, Contention]]:
    return [(result, result.contention) for result in results if result.contention is not None]


def _lasting(seconds: float) -> str:
    """Return how long a wait was; a dash for one that had only begun, or for none."""
    return format_duration(seconds) if seconds else figures.DASH
