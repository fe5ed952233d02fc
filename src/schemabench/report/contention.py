"""Contention: the sampled lock waits, in sentences, a chart and tables.

Owns the wording of waits and the choice of those that are shown. Must not claim more than the samples support: time
spent waiting is no proof of a gain without the wait.
"""

from collections.abc import Iterator, Mapping, Sequence

from schemabench.candidate import BASELINE
from schemabench.records import (
    CONTENDED,
    LOCK_WAITS,
    PAUSE,
    TIME_CLASSES,
    CandidateResult,
    Contention,
    Experiment,
    LockWait,
    Standing,
)
from schemabench.report import criteria, figures
from schemabench.report.drawings import Bars
from schemabench.report.text import name
from schemabench.report.tree import Cell, Chart, Column, Fold, Nodes, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View, ranked
from schemabench.units import format_duration

Sampled = Sequence[tuple[CandidateResult, Contention]]
"""Candidates with samples of working writers, in order of rank."""

MOST_ROWS = 5
"""Limit for one candidate's locks or pairs in a table, largest first; later ones hardly ever matter."""
_MOST_EVENTS = 3
_MOST_CLASSES = 2
_LOCK = "Lock"
_RUNNING = "running"
_SUBSTANTIAL = 0.05
"""A smaller share of the writers' time explains no difference of practical importance."""


def why(experiment: Experiment) -> str:
    """Return the use of the writers' time under the slowest candidate, or else under the one with the most lock waits.

    Empty without samples, and if throughput ties and lock waits are negligible.
    """
    results = [result for result, _ in ranked(experiment)]
    found = {result.name: contention for result, contention in _sampled(results) if contention.classes}
    known = {
        result.name: result.standings[LOCK_WAITS.name]
        for result in results
        if LOCK_WAITS.name in result.standings
        and result.name in found
        and not criteria.is_vague(LOCK_WAITS, result.standings[LOCK_WAITS.name])
    }
    if not known:
        return ""
    slowest = _slowest(experiment)
    if slowest and slowest.name in known:
        who = f"{'among the slowest' if slowest.tied_with else 'slowest'}: {name(slowest.name)}"
        told = _waits(slowest.name, known, found)
        hardly = _hardly(known[slowest.name].figure.value, found[slowest.name], found.get(BASELINE))
        return f"{who}; {told or hardly}"
    most = max(known, key=lambda one: known[one].figure.value)
    waits = _waits(most, known, found)
    return f"most lock waits: {name(most)}; {waits}" if waits else ""


def _slowest(experiment: Experiment) -> Standing | None:
    """Return the last candidate, unless it ties with the first."""
    standings = [standing for _, standing in ranked(experiment)]
    best, worst = standings[0], standings[-1]
    return None if worst.rank == best.rank or best.name in worst.tied_with else worst


def _waits(candidate: str, known: Mapping[str, Standing], found: Mapping[str, Contention]) -> str:
    """Return how much a candidate's writers wait for locks, beside the baseline's, and for which lock and operation.

    Empty if they are negligible.
    """
    own = known[candidate]
    if own.figure.value < _SUBSTANTIAL:
        return ""
    compared = BASELINE in known and candidate != BASELINE
    beside = f" (baseline: {figures.share(known[BASELINE].figure.value)})" if compared else ""
    waits = f"{figures.share(own.figure.value)} of its writers' time goes to waiting for locks{beside}"
    return waits + _parts_of(own.figure.value, found[candidate]) + _foremost(found[candidate])


def _parts_of(share: float, contention: Contention) -> str:
    """Return which part of lock waits is pauses before retries, and which is not; empty without pauses.

    Args:
        share: All lock waits, as a share of the writers' time.
        contention: The samples.
    """
    pause = contention.classes.get(PAUSE, 0.0)
    if not pause:
        return ""
    if not contention.classes.get(_LOCK):
        return ", all of it to pauses before retries"
    queueing = _points(max(share - pause, 0.0))
    return f": {_points(pause)} to pauses before retries and {queueing} to queueing for locks"


def _foremost(contention: Contention) -> str:
    """Return the lock with the longest waits, and the operations that wait.

    A lock is compared with the time in queues alone: in pauses, nobody waits for any.
    """
    whole = contention.classes.get(_LOCK, 0.0)
    locks = [_of_whole(lock, whole) for lock in contention.locks[:1]]
    pairs = [f"{name(pair.waiting)} waiting for {name(pair.blocking)}" for pair in contention.pairs[:1]]
    return "".join(f", {part}" for part in (*locks, *pairs))


def _of_whole(lock: LockWait, whole: float) -> str:
    """Return a lock as most of the time in queues, or with its part of that."""
    mostly = lock.share > whole / 2
    return f"mostly {_described(lock)}" if mostly else f"{_points(lock.share)} of that for {_described(lock)}"


def _described(lock: LockWait) -> str:
    return f"{name(lock.kind)} on {name(lock.relation)}" if lock.relation else name(lock.kind)


def _hardly(share: float, contention: Contention, baselines: Contention | None) -> str:
    """Return that writers hardly wait for locks, and what they do instead, as in `running 62 % (baseline: 70 %)`."""
    rest = sorted(((part, kind) for kind, part in contention.classes.items() if kind not in CONTENDED), reverse=True)
    known = baselines.classes if baselines is not None and baselines is not contention else None
    instead = ", ".join(
        f"{kind} {figures.share(part)}"
        + (f" (baseline: {figures.share(known.get(kind, 0.0))})" if known is not None else "")
        for part, kind in rest[:_MOST_CLASSES]
    )
    return f"its writers hardly wait for locks ({figures.share(share)}): {instead}"


def control(experiment: Experiment) -> str:
    """Return how the control's share of lock waits differs from the baseline's; empty without a control or samples."""
    known = criteria.find(experiment, LOCK_WAITS.name)
    if known is None or known.control is None:
        return ""
    found = figures.points_with_interval(known.control.to_baseline)
    if not known.decides:
        return f"{found}: too few blocks with samples to tell any difference from chance"
    if BASELINE in known.control.tied_with:
        return f"{found}: consistent with chance"
    return f"{found}: the baseline differs from itself; do not trust differences of this size"


def pauses(experiment: Experiment) -> str:
    """Return how much of lock waits are pauses before retries, the most first; empty where nobody paused."""
    paused = [
        (result.contention.classes[PAUSE], result.standings[LOCK_WAITS.name])
        for result, _ in ranked(experiment)
        if result.contention and result.contention.classes.get(PAUSE) and LOCK_WAITS.name in result.standings
    ]
    most = sorted(paused, key=lambda one: -one[0])
    shown = [f"{_points(pause)} of {name(one.name)}'s {figures.share(one.figure.value)}" for pause, one in most]
    return f"{figures.listed(shown)} are pauses before retries" if shown else ""


def section(view: View) -> Section | None:
    """Return the section on waits; None without samples."""
    sampled = [(result, found) for result, found in _sampled(view.results) if found.classes]
    if not sampled:
        return None
    seen = Paragraph(
        text="Sampled states of the writers' sessions, as shares of their time over all counted trials. Running: on "
        "a CPU, waiting for one, or in a state that the server does not name. Pause: between a rolled-back "
        "attempt and its retry, as timed by the load generator."
    )
    samples = Fold(summary="Sampling quality", nodes=(_samples(sampled),))
    nodes: Nodes = (seen, _classes(sampled), *_locks(sampled), *_pairs(sampled), samples)
    return Section(id="contention", title="Contention: what writers wait for", nodes=nodes)


def _classes(sampled: Sampled) -> Chart:
    """Return a bar for each candidate, and the table of wait classes with their most frequent events."""
    largest = ((result.name, max(found.classes.items(), key=lambda one: one[1])) for result, found in sampled)
    said = "; ".join(f"{who} {kind} {figures.share(part)}" for who, (kind, part) in largest)
    title = "Where the writers' time goes, by wait class (% of it)"
    return Chart(
        title=title,
        description=f"A stacked bar for each candidate. The largest share of each: {said}.",
        drawing=Bars(
            kinds=TIME_CLASSES,
            bars=tuple(
                (
                    result.name,
                    tuple(_part(found.classes.get(kind, 0.0)) for kind in TIME_CLASSES),
                )
                for result, found in sampled
            ),
        ),
        table=Table(
            caption=title,
            columns=(
                Column(heading="candidate"),
                *(Column(heading=kind, align="right") for kind in TIME_CLASSES),
                Column(heading="main wait events", prose=True),
            ),
            rows=tuple(
                cells(
                    name(result.name),
                    *(figures.share_cell(found.classes.get(kind)) for kind in TIME_CLASSES),
                    _events(found) or figures.DASH,
                )
                for result, found in sampled
            ),
        ),
    )


def _events(contention: Contention) -> str:
    waits = [event for event in contention.events if event.wait_class != _RUNNING]
    return ", ".join(f"{name(one.name)} {figures.share(one.share)}" for one in waits[:_MOST_EVENTS])


def _locks(sampled: Sampled) -> Iterator[Table]:
    """Yield the table of heavyweight locks with waits, if there were any."""
    headings = (
        "candidate",
        "lock",
        "lock mode",
        "table or index",
        "partitions",
        "share of the writers' time",
        "longest wait",
    )
    rows = tuple(
        cells(
            name(result.name),
            lock.kind,
            lock.mode,
            name(lock.relation) or figures.DASH,
            Cell(text=f"{lock.partitions:,}" if lock.partitions else figures.DASH, sort=lock.partitions),
            figures.share_cell(lock.share),
            _lasting(lock.longest_s),
        )
        for result, found in sampled
        for lock in found.locks[:MOST_ROWS]
    )
    caption = (
        f"Heavyweight locks that writers waited for, at most {MOST_ROWS} per candidate; a partition counts for its "
        "parent"
    )
    if rows:
        yield Table(caption=caption, columns=columns(*headings, numbers=headings[4:]), rows=rows)


def _pairs(sampled: Sampled) -> Iterator[Table]:
    """Yield the table of operations that waited for each other, if any did."""
    headings = ("candidate", "waiting operation", "waits for", "share of the writers' time")
    rows = tuple(
        cells(name(result.name), name(pair.waiting), name(pair.blocking), figures.share_cell(pair.share))
        for result, found in sampled
        for pair in found.pairs[:MOST_ROWS]
    )
    caption = (
        f"Operations that waited for each other, at most {MOST_ROWS} pairs per candidate; a session that waits for "
        "several counts once for each"
    )
    if rows:
        yield Table(caption=caption, columns=columns(*headings, numbers=headings[3:]), rows=rows)


def _samples(sampled: Sampled) -> Table:
    """Return the table of the samples' number and quality."""
    headings = ("candidate", "deepest queue", "longest wait", "samples", "late", "lost", "session samples")
    return Table(
        caption="Deepest queue for one lock, longest wait, and number of samples",
        columns=columns(*headings, numbers=headings[1:]),
        rows=tuple(
            cells(
                name(result.name),
                found.deepest_queue,
                _lasting(found.longest_wait_s),
                found.samples,
                found.late,
                found.lost,
                found.observations,
            )
            for result, found in sampled
        ),
    )


def _points(share: float) -> str:
    """Return a part of a share, as in `3.1 points`; in percent it would be read as relative to that share."""
    return f"{figures.share(share).removesuffix(' %')} points"


def _sampled(results: Sequence[CandidateResult]) -> list[tuple[CandidateResult, Contention]]:
    return [(result, result.contention) for result in results if result.contention is not None]


def _part(share: float) -> tuple[float, str]:
    return share, figures.share(share)


def _lasting(seconds: float) -> Cell:
    """Return the duration of a wait; a dash for one that had just begun, or for none."""
    return Cell(text=format_duration(seconds) if seconds else figures.DASH, sort=seconds)
