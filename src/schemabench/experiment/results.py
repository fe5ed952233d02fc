"""The results of each candidate, as records, from the trials of an experiment.

Owns how figures come together: ranks, costs, latencies, notices. Must not decide what
is significant (see `statistics`), nor talk to a server.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from schemabench import candidate as candidates
from schemabench import records, statistics
from schemabench.candidate import BASELINE, Candidate
from schemabench.experiment import (
    company,
    costs,
    criteria,
    departed,
    gates,
    interfering,
    raced,
    retired,
    surroundings,
    writers,
)
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.load.session import DEADLOCK, Undone
from schemabench.monitor import counters
from schemabench.monitor.cache import Cache
from schemabench.records import (
    THROUGHPUT,
    Adequacy,
    CandidateResult,
    Contention,
    Estimate,
    GrownPlan,
    Notice,
    Standing,
    StatementPlan,
)
from schemabench.units import NANOSECONDS, format_duration, format_percent, format_significant, plural

DETECTOR_SHARE = 0.1
"""If waiting for deadlock detection takes more than this share of the writers' time, a notice says so."""
STOLEN_SHARE = 0.01
"""A smaller share of time given to other guests is lost in the noise between trials."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """Observations of the entrants apart from their trials."""

    contention: Mapping[str, Contention | None]
    """By entrant; likewise below."""
    plans: Mapping[str, tuple[StatementPlan, ...]]
    grown: Mapping[str, counters.Reading]
    """Entrant -> the growth of its tables and indexes over all trials, and their final sizes."""
    missing: Mapping[str, str]
    """Counter -> why the server does not provide it."""
    deadlock_timeouts_s: Mapping[str, float] = field(default_factory=dict)
    """Entrant -> how long its sessions wait for a lock before the server checks for a deadlock."""
    cache: Cache | None = None
    """The entrants' data in the cache after the last block; None if it was not measured."""
    grown_plans: Mapping[str, tuple[GrownPlan, ...]] = field(default_factory=dict)
    """Candidate -> its plans at production's size; empty without production's statistics."""
    interrupted: bool = False
    """Whether the user ended the comparison with these."""
    notices: Mapping[str, tuple[Notice, ...]] = field(default_factory=dict)
    """Entrant -> notices on its plans."""
    adequacy: Mapping[str, Adequacy] = field(default_factory=dict)
    """Entrant -> result of its replay of the production load; empty without a replay."""
    owned: bool = True
    """Whether only this run uses the server."""


@dataclass(frozen=True, kw_only=True)
class Rankings:
    """The candidates in order, by every criterion."""

    results: Mapping[str, CandidateResult]
    by: Mapping[str, statistics.Ranking]
    """Criterion -> the ranking, throughput first."""

    @property
    def throughput(self) -> statistics.Ranking:
        """The ranking by throughput."""
        return self.by[THROUGHPUT.name]

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The notices of all rankings, each once."""
        return tuple(dict.fromkeys(notice for one in self.by.values() for notice in one.notices))


def rank(plan: Plan, ranked: Mapping[str, Candidate], measured: Measured, watched: Watched) -> Rankings:
    """Return the results of candidates that can be compared.

    Args:
        plan: The experiment.
        ranked: Entrant -> its candidate, for the remaining entrants, the control among them.
        measured: Their trials.
        watched: Other observations of them.
    """
    names = tuple(name for name in ranked if name not in measured.retired)
    rankings = criteria.rank(plan, names, measured)
    front = criteria.on_front(plan, rankings)
    copies = measured.copies_of_blocks(BASELINE)
    drifts = statistics.drifts(measured.rates(names), names, measured.written(names) / measured.drift_rows, copies)
    prices = costs.of(plan, names, measured, watched.grown)
    own = writers.ratios(plan, names, measured)
    gone = departed.find(ranked, measured)
    places = departed.standings(rankings[THROUGHPUT.name], gone)
    results = {}
    for name in (one for one in names if one != CONTROL):
        results[name] = replace(
            _described_by_trials(plan, ranked[name], measured, watched),
            standings={**_standings(name, rankings), THROUGHPUT.name: places[name]},
            on_front=name in front,
            drift=drifts[name],
            costs=prices[name],
            writers=own[name],
        )
    for name in gone:
        left = replace(
            _described_by_trials(plan, ranked[name], measured, watched),
            standings={THROUGHPUT.name: places[name]},
            costs=costs.of_left(plan, name, measured, watched.grown),
        )
        results[name] = (raced.result if measured.retired[name].beaten else retired.result)(plan, left, measured)
    return Rankings(results=results, by=rankings)


def _standings(name: str, rankings: Mapping[str, statistics.Ranking]) -> dict[str, Standing]:
    """Return where a candidate stands by each criterion that it was ranked by."""
    found = ((criterion, one) for criterion, ranking in rankings.items() for one in ranking.standings)
    return {criterion: one for criterion, one in found if one.name == name}


def _described_by_trials(plan: Plan, candidate: Candidate, measured: Measured, watched: Watched) -> CandidateResult:
    """Return a candidate's result from its own trials, without a standing."""
    name, trials = candidate.name, measured.counted(candidate.name)
    operations, rows, attempts = (
        np.array([amount / trial.duration_s for trial, amount in zip(trials, amounts, strict=True)])
        for amounts in (
            [trial.operations for trial in trials],
            [trial.rows for trial in trials],
            [trial.operations + trial.retries for trial in trials],
        )
    )
    per_s = _rate(operations, plan.seed)
    smallest = sum(writer.weight for writer, _ in plan.writers)
    return CandidateResult(
        **_described(candidate),
        status="ranked",
        operations_per_s=per_s,
        attempts_per_s=_rate(attempts, plan.seed),
        rows_per_s=_rate(rows, plan.seed) if rows.all() else None,
        call_p50_ns=measured.quantile_ns(name, 0.5),
        call_p99_ns=measured.quantile_ns(name, 0.99),
        companions=tuple(company.figures(plan, name, measured)),
        busy_share=gates.busy_share(measured, [name]),
        headroom=None if plan.production_s is None else _times(per_s, plan.production_s / smallest),
        adequacy=watched.adequacy.get(name),
        staleness=measured.staleness(name),
        interference=interfering.figures(plan, name, measured),
        retries=_retries(name, measured),
        accepted=_accepted(name, measured),
        contention=watched.contention.get(name),
        resident_share=surroundings.resident_share(trials),
        cached_share=watched.cache.share(name) if watched.cache else None,
        plans=watched.plans.get(name, ()),
        grown_plans=watched.grown_plans.get(name, ()),
        latencies=_latencies(name, measured),
        trials=tuple(measured.trials[name]),
        notices=(
            *((gates.limit(name, measured),) if gates.limited(measured, [name]) else ()),
            *_rollback_notices(name, measured),
            *_small_batches(plan, candidate, measured),
            *_detector_notices(name, measured, watched.deadlock_timeouts_s.get(name, 0.0)),
            *watched.notices.get(name, ()),
        ),
    )


def unranked(
    candidate: Candidate,
    status: Literal["disqualified", "invalid", "failed", "skipped"],
    reason: str,
    measured: Measured | None = None,
) -> CandidateResult:
    """Return the result of a candidate that cannot be compared, with its trials if it had any."""
    if measured is None:
        return CandidateResult(**_described(candidate), status=status, reason=reason)
    trials, staleness = tuple(measured.trials[candidate.name]), measured.staleness(candidate.name)
    return CandidateResult(**_described(candidate), status=status, reason=reason, trials=trials, staleness=staleness)


def busy_shares(measured: Measured) -> dict[str, float]:
    """Return for each worker the share of time in which its load loop was busy, in the median counted trial.

    Empty if there are no workers.
    """
    shares = [trial.busy_shares for name in measured.trials for trial in measured.counted(name)]
    return dict(zip(measured.workers, np.median(shares, axis=0).tolist(), strict=True)) if measured.workers else {}


def notices(measured: Measured, watched: Watched) -> tuple[Notice, ...]:
    """Return notices on the figures of all candidates."""
    left = [name for name in measured.trials if name != CONTROL and name not in measured.failed]
    return (
        *_unsteady(measured),
        *_not_copied(measured),
        *gates.notices(measured, left),
        *surroundings.notices(measured, watched.cache, watched.missing, owned=watched.owned),
        *_stolen(measured),
        *_missing(watched.missing),
    )


def ordered(plan: Plan, results: Mapping[str, CandidateResult]) -> tuple[CandidateResult, ...]:
    """Return the results in order of rank, the faster first among equals, those without a rank last."""

    def order(result: CandidateResult) -> tuple[float, float, str]:
        standing = result.standing
        return (
            (standing.rank, -standing.to_baseline.value, result.name) if standing else (float("inf"), 0.0, result.name)
        )

    return tuple(sorted((results[candidate.name] for candidate in plan.candidates), key=order))


def _rate(rates: NDArray[np.float64], seed: int) -> Estimate:
    return statistics.estimate_rates(rates[:, None], seed=seed)[0]


def _times(rate: Estimate, factor: float) -> Estimate:
    return Estimate(value=rate.value * factor, low=rate.low * factor, high=rate.high * factor)


def _described(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "summary": candidate.summary,
        "expects": candidate.expects,
        "path": str(_within_project(candidate.path)),
        "sql": candidate.sql,
        "extends": tuple(
            records.Extended(name=one.name, path=str(_within_project(one.path)), sql=one.sql)
            for one in candidate.lineage[:-1]
        ),
    }


def _within_project(path: Path) -> Path:
    """Return a path relative to the working directory: reports travel, and need not reveal the machine."""
    return path.relative_to(here) if path.is_relative_to(here := Path.cwd()) else path


def _latencies(name: str, measured: Measured) -> tuple[records.Latency, ...]:
    retries = _retries(name, measured)
    return tuple(
        statistics.latency(
            operation, samples_ns, sum(retried.count for retried in retries if retried.operation == operation)
        )
        for operation, samples_ns in measured.samples_ns(name)
    )


def _rolled_back(undone: Undone, calls: Mapping[str, int]) -> tuple[records.RolledBack, ...]:
    return tuple(
        records.RolledBack(operation=operation, reason=reason, count=count, calls=calls.get(operation, 0))
        for (operation, reason), count in sorted(undone.items())
        if count
    )


def _retries(name: str, measured: Measured) -> tuple[records.RolledBack, ...]:
    return _rolled_back(measured.retries(name), measured.calls(name))


def _accepted(name: str, measured: Measured) -> tuple[records.RolledBack, ...]:
    return _rolled_back(measured.acceptances(name), measured.calls(name))


def _rollback_notices(name: str, measured: Measured) -> Iterator[Notice]:
    for code, text, some in (
        (
            "retries",
            "attempts that the server rolled back were retried, and their time counts",
            _retries(name, measured),
        ),
        (
            "accepted-errors",
            "calls that the server rolled back count as done, because their author accepts the error",
            _accepted(name, measured),
        ),
    ):
        if some:
            shown = ", ".join(f"{one.operation} {one.count:,} ({one.reason}{_per_call(one)})" for one in some)
            yield Notice(code=code, text=f"{name}: {text}: {shown}")


def _per_call(one: records.RolledBack) -> str:
    """Return the retries per call, as in `, 0.21 per call`; empty if calls were not counted."""
    return f", {format_significant(one.count / one.calls, 2)} per call" if one.calls else ""


def _small_batches(plan: Plan, candidate: Candidate, measured: Measured) -> Iterator[Notice]:
    """Yield a notice for each operation whose batches cannot fill, since a connection has fewer calls in a burst."""
    clients, trials = {writer.name: share for writer, share in plan.writers}, len(measured.counted(candidate.name))
    calls = {operation: len(samples_ns) for operation, samples_ns in measured.samples_ns(candidate.name)}
    for name, operation in candidates.operations(candidate, plan.found.operations).items():
        if (most := operation.sending.calls) > 1 and name in measured.examples and name in calls:
            each = calls[name] / (trials * clients[measured.examples[name].writer])
            if each < most:
                gathered = "transactions" if operation.sending.transaction > 1 else "batches"
                text = (
                    f"{candidate.name}: {gathered} of {name} held {plural(round(each), 'call')}, not {most:,}: a "
                    "burst has no more for each connection. Larger bursts: --burst"
                )
                yield Notice(code="small-batches", text=text)


def _detector_notices(name: str, measured: Measured, timeout_s: float) -> tuple[Notice, ...]:
    """Return a notice if waiting for deadlock detection takes much of the writers' time.

    A rolled-back attempt has waited for that long. Attempts that it blocked have waited at the same time, and are not
    counted.
    """
    deadlocks = sum(count for (_, reason), count in measured.retries(name).items() if reason == DEADLOCK)
    worked_s = sum(float(times_ns.sum()) for _, times_ns in measured.samples_ns(name)) / NANOSECONDS
    share = min(1.0, deadlocks * timeout_s / worked_s) if worked_s else 0.0
    if share < DETECTOR_SHARE:
        return ()
    text = (
        f"{name}: at least {format_percent(share)} of its writers' time went to waiting for deadlock detection "
        f"({plural(deadlocks, 'deadlock')}). The server checks for deadlocks after deadlock_timeout, "
        f"{format_duration(timeout_s)}: results depend on this setting. To reduce its effect: "
        "--postgres-setting deadlock_timeout=10ms"
    )
    return (Notice(code="deadlock-timeout", text=text),)


def _unsteady(measured: Measured) -> tuple[Notice, ...]:
    if measured.steady:
        return ()
    text = (
        "Throughput did not reach a steady state: even with up to half of the blocks as warm-up, the first "
        "remaining blocks differ from the last. Figures are averages over a changing run. Measure longer: --budget"
    )
    return (Notice(code="not-steady", text=text),)


def _not_copied(measured: Measured) -> tuple[Notice, ...]:
    if not measured.not_copied:
        return ()
    text = (
        f"Databases were not copied again after copy {measured.copies}: {measured.not_copied}. Effects of its file "
        "layout may look like a difference between schemas"
    )
    return (Notice(code="not-copied", text=text),)


def _stolen(measured: Measured) -> tuple[Notice, ...]:
    share = measured.steal_share
    if share is None or share < STOLEN_SHARE:
        return ()
    whose = f"{measured.workers[0]}'s" if measured.workers else "this"
    text = (
        f"The host gave {format_percent(share)} of the processor time of {whose} machine to others (steal), which "
        "slowed all candidates"
    )
    return (Notice(code="stolen-time", text=text),)


def _missing(missing: Mapping[str, str]) -> tuple[Notice, ...]:
    """Return one notice for each reason why counters are missing."""
    reasons: dict[str, list[str]] = {}
    for measure in counters.MEASURES:
        if (reason := missing.get(measure.counter)) is not None:
            reasons.setdefault(reason, []).append(measure.title)
    return tuple(
        Notice(code="counters-missing", text=f"Not counted: {', '.join(titles)} ({reason})")
        for reason, titles in reasons.items()
    )
