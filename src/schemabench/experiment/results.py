"""What the trials of an experiment say about each candidate, as records.

Owns how figures come together: ranks by throughput and by lock waits, costs, latencies, notices. Must not decide what
is significant (see `statistics`), nor talk to a server.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.candidate import BASELINE, Candidate
from schemabench.errors import UsageError
from schemabench.experiment import costs, surroundings
from schemabench.experiment.blocks import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.monitor import counters
from schemabench.monitor.cache import Cache
from schemabench.records import Adequacy, CandidateResult, Contention, Estimate, Notice, StatementPlan
from schemabench.units import format_percent

BUSY_SHARE = 0.8
"""A load loop that is busier than this may be what limits the figures."""
SATURATED_SHARE = 0.95
"""A load loop that is busier than this is what limits the figures: they say nothing about the candidates."""
LONELY_SHARE = 0.25
"""A trial whose last writer works for longer than this share after all others speaks mostly of that writer."""
STOLEN_SHARE = 0.01
"""Below this share, what the host gives to others is lost in the noise between trials."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What was seen of the entrants beside their trials."""

    contention: Mapping[str, Contention | None]
    """By entrant; likewise below."""
    plans: Mapping[str, tuple[StatementPlan, ...]]
    grown: Mapping[str, counters.Reading]
    """Entrant -> by how much its tables and indexes grew, in all trials."""
    missing: Mapping[str, str]
    """Counter -> why the server does not offer it."""
    cache: Cache | None = None
    """What of the entrants was in the cache after the last block; None where nobody looked."""
    notices: Mapping[str, tuple[Notice, ...]] = field(default_factory=dict)
    """Entrant -> what to keep in mind of its plans."""
    adequacy: Mapping[str, Adequacy] = field(default_factory=dict)
    """Entrant -> how it fared at production's pace; empty where that was not asked, or the pace is not known."""


@dataclass(frozen=True, kw_only=True)
class Rankings:
    """The candidates in order, by throughput and by lock waits."""

    results: Mapping[str, CandidateResult]
    throughput: statistics.Ranking
    locks: statistics.LockRanking | None
    """None where nothing was sampled."""


def rank(plan: Plan, ranked: Mapping[str, Candidate], measured: Measured, watched: Watched) -> Rankings:
    """Return the results of candidates that can be compared.

    Args:
        plan: What was to do.
        ranked: Entrant -> its candidate, for those that are left; the control among them.
        measured: Their trials.
        watched: What was seen beside them.
    """
    names = tuple(ranked)
    rates, copies = measured.rates(names), measured.copies_of_blocks(BASELINE)
    throughput = statistics.rank(rates, names, baseline=BASELINE, control=CONTROL, seed=plan.seed, copies=copies)
    drifts = statistics.drifts(rates, names, measured.written(names) / drift_rows(measured), copies)
    locks = _rank_locks(plan, names, measured)
    front: frozenset[str] = frozenset()
    if locks is not None and locks.standings:
        candidates = [name for name in names if name != CONTROL]
        front = statistics.pareto(candidates, throughput.better, locks.better)
    prices = costs.of(plan, names, measured, watched.grown)
    standings = {standing.name: standing for standing in throughput.standings}
    lock_standings = {standing.name: standing for standing in (locks.standings if locks else ())}
    results = {}
    for name, candidate in ranked.items():
        if name == CONTROL:
            continue
        trials = measured.counted(name)
        rate, operations = standings[name].rate, trials[0].operations
        written = np.array([trial.rows / trial.duration_s for trial in trials])
        attempts = np.array([(trial.operations + trial.retries) / trial.duration_s for trial in trials])
        size = operations // sum(writer.weight for writer, _ in plan.writers)
        results[name] = CandidateResult(
            **_described(candidate),
            status="ranked",
            standing=standings[name],
            operations_per_s=_times(rate, operations),
            attempts_per_s=_rate(attempts, plan.seed),
            rows_per_s=_rate(written, plan.seed) if written.all() else None,
            headroom=None if plan.production_s is None else _times(rate, plan.production_s * size),
            adequacy=watched.adequacy.get(name),
            retries=_retries(name, measured),
            lock_standing=lock_standings.get(name),
            on_front=name in front,
            drift=drifts[name],
            contention=watched.contention.get(name),
            resident_share=surroundings.resident_share(trials),
            cached_share=watched.cache.share(name) if watched.cache else None,
            costs=prices[name],
            plans=watched.plans.get(name, ()),
            latencies=_latencies(name, measured),
            trials=tuple(measured.trials[name]),
            notices=(*_retry_notices(name, measured), *watched.notices.get(name, ())),
        )
    return Rankings(results=results, throughput=throughput, locks=locks)


def drift_rows(measured: Measured) -> int:
    """Return the rows that drifts are told for: a power of ten that was written, so that nothing is told beyond it."""
    written = sum(trial.rows for trial in measured.trials[BASELINE])
    return int(f"1{'0' * (len(str(max(1, written))) - 1)}")


def unranked(
    candidate: Candidate,
    status: Literal["disqualified", "invalid", "failed", "skipped"],
    reason: str,
    measured: Measured | None = None,
) -> CandidateResult:
    """Return the result of a candidate that cannot be compared, with its trials where it had any."""
    trials = () if measured is None else tuple(measured.trials[candidate.name])
    return CandidateResult(**_described(candidate), status=status, reason=reason, trials=trials)


def saturation(measured: Measured) -> str:
    """Return why the experiment is invalid, and what to do; empty where the client kept up."""
    busy = busy_share(measured)
    if busy <= SATURATED_SHARE:
        return ""
    return str(
        UsageError(
            f"The load loop was busy {format_percent(busy)} of the time: the client is what was measured",
            remedies=[
                "share the load among processes: pytest -n 2",
                "use fewer connections: --clients N",
                "let each call do more, such as upserting an array of rows instead of one",
            ],
        )
    )


def busy_share(measured: Measured) -> float:
    """Return the share of time in which the load loop was at work, in the median counted trial."""
    return float(np.median([trial.busy_share for name in measured.trials for trial in measured.counted(name)]))


def busy_shares(measured: Measured) -> dict[str, float]:
    """Return for each worker the same share of its own load loop; nothing where there are no workers."""
    shares = [trial.busy_shares for name in measured.trials for trial in measured.counted(name)]
    return dict(zip(measured.workers, np.median(shares, axis=0).tolist(), strict=True)) if measured.workers else {}


def notices(measured: Measured, watched: Watched) -> tuple[Notice, ...]:
    """Return notices on figures of all candidates alike."""
    return (
        *_unsteady(measured),
        *_not_copied(measured),
        *_busy(measured),
        *_lonely(measured),
        *surroundings.notices(measured, watched.cache, watched.missing),
        *_stolen(measured),
        *_missing(watched.missing),
    )


def ordered(plan: Plan, results: Mapping[str, CandidateResult]) -> tuple[CandidateResult, ...]:
    """Return the results in order of rank, the faster first among equals, those without a rank last."""

    def order(result: CandidateResult) -> tuple[float, float, str]:
        standing = result.standing
        return (standing.rank, -standing.ratio.value, result.name) if standing else (float("inf"), 0.0, result.name)

    return tuple(sorted((results[candidate.name] for candidate in plan.candidates), key=order))


def _rank_locks(plan: Plan, names: Sequence[str], measured: Measured) -> statistics.LockRanking | None:
    if not plan.sample_hz:
        return None
    shares = np.column_stack([[_lock_share(trial) for trial in measured.counted(name)] for name in names])
    return statistics.rank_locks(
        shares, names, baseline=BASELINE, control=CONTROL, seed=plan.seed, copies=measured.copies_of_blocks(BASELINE)
    )


def _lock_share(trial: records.Trial) -> float:
    observations = sum(trial.waits.values())
    return trial.waits.get("Lock", 0) / observations if observations else float("nan")


def _rate(rates: NDArray[np.float64], seed: int) -> Estimate:
    return statistics.estimate_rates(rates[:, None], seed=seed)[0]


def _times(rate: Estimate, factor: float) -> Estimate:
    return Estimate(value=rate.value * factor, low=rate.low * factor, high=rate.high * factor)


def _described(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "summary": candidate.summary,
        "expects": candidate.expects,
        "path": str(_within_project(candidate.file.path)),
        "sql": candidate.file.source,
    }


def _within_project(path: Path) -> Path:
    """Return a path as seen from where the run was started: reports travel, and need not tell whose machine it was."""
    return path.relative_to(here) if path.is_relative_to(here := Path.cwd()) else path


def _latencies(name: str, measured: Measured) -> tuple[records.Latency, ...]:
    retries = _retries(name, measured)
    return tuple(
        statistics.latency(
            operation, samples_ns, sum(retried.count for retried in retries if retried.operation == operation)
        )
        for operation, samples_ns in measured.samples_ns(name)
    )


def _retries(name: str, measured: Measured) -> tuple[records.Retries, ...]:
    return tuple(
        records.Retries(operation=operation, reason=reason, count=count)
        for (operation, reason), count in sorted(measured.retries(name).items())
        if count
    )


def _retry_notices(name: str, measured: Measured) -> tuple[Notice, ...]:
    retries = _retries(name, measured)
    if not retries:
        return ()
    shown = ", ".join(f"{one.operation} {one.count:,} ({one.reason})" for one in retries)
    return (Notice(code="retries", text=f"{name}: attempts that the server undid were repeated and charged: {shown}"),)


def _unsteady(measured: Measured) -> tuple[Notice, ...]:
    if measured.steady:
        return ()
    text = (
        "Trials were not steady: however many of the first half of the blocks are left out, the first of the others "
        "still differ from the last. Figures are averages over a run that was changing. Measure for longer: --budget"
    )
    return (Notice(code="not-steady", text=text),)


def _not_copied(measured: Measured) -> tuple[Notice, ...]:
    if not measured.not_copied:
        return ()
    text = (
        f"Databases were not copied anew after copy {measured.copies}: {measured.not_copied}. What is chance of its "
        "files may look like a difference of schema"
    )
    return (Notice(code="not-copied", text=text),)


def _busy(measured: Measured) -> tuple[Notice, ...]:
    if (busy := busy_share(measured)) <= BUSY_SHARE:
        return ()
    text = f"The load loop was busy {format_percent(busy)} of the time: the client makes differences look smaller"
    return (Notice(code="client-saturated", text=text),)


def _lonely(measured: Measured) -> tuple[Notice, ...]:
    """Return notices where the figures speak of one writer rather than of the schema."""
    lonely: dict[str, list[float]] = {}
    for trial in (trial for name in measured.trials for trial in measured.counted(name)):
        *others, (last, finished_s) = sorted(trial.writers_s.items(), key=lambda item: item[1])
        alone_s = finished_s - others[-1][1] if others else 0.0
        for writer in trial.writers_s:
            lonely.setdefault(writer, []).append(alone_s / trial.duration_s if writer == last else 0.0)
    alone = {writer: share for writer, shares in lonely.items() if (share := float(np.mean(shares))) > LONELY_SHARE}
    return tuple(
        Notice(
            code="one-writer",
            text=f"For {format_percent(share)} of the time only the writer {writer!r} was at work, so that throughput "
            "is mostly its own",
        )
        for writer, share in alone.items()
    )


def _stolen(measured: Measured) -> tuple[Notice, ...]:
    share = measured.steal_share
    if share is None or share < STOLEN_SHARE:
        return ()
    text = f"The machine's host gave {format_percent(share)} of its processor time to others: all was so much slower"
    return (Notice(code="stolen-time", text=text),)


def _missing(missing: Mapping[str, str]) -> tuple[Notice, ...]:
    """Return one notice for each reason why counters are not shown."""
    reasons: dict[str, list[str]] = {}
    for measure in counters.MEASURES:
        if (reason := missing.get(measure.counter)) is not None:
            reasons.setdefault(reason, []).append(measure.title)
    return tuple(
        Notice(code="counters-missing", text=f"Not counted: {', '.join(titles)} ({reason})")
        for reason, titles in reasons.items()
    )
