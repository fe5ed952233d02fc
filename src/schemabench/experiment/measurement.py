"""One experiment from its plan to its record.

Owns the life of its databases and what is said about every candidate. Must not know pytest, nor how a report looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any, Literal, cast

import numpy as np
import psycopg

from schemabench import candidate as candidates
from schemabench import cardinality as cardinalities
from schemabench import equivalence, records, statistics
from schemabench.candidate import BASELINE, Candidate
from schemabench.errors import CandidateError, Place
from schemabench.experiment import blocks, entrant
from schemabench.experiment.blocks import CONTROL, Measured
from schemabench.experiment.entrant import Entrant, Template
from schemabench.experiment.feed import Feed, check_inputs
from schemabench.experiment.plan import WARMUP_BLOCKS, Plan, Progress
from schemabench.records import CandidateResult, Estimate, Experiment, Notice
from schemabench.server import Server

SATURATED_SHARE = 0.8
"""A load loop that is busier than this may be what limits the figures."""
LONELY_SHARE = 0.25
"""A trial whose last writer works for longer than this share after all others speaks mostly of that writer."""


def measure(plan: Plan, server: Server, progress: Progress) -> Experiment:
    """Build every candidate, run the blocks, compare the states, and rank.

    Raises:
        UsageError: An input file or the number of clients does not fit.
        WorkloadError: The workload's calls are not acceptable.
        CandidateError: The baseline fails. Any other candidate that fails is reported as failed.
        ServerError: The server fails.
    """
    inputs = check_inputs(plan.found, plan.inputs)
    results: dict[str, CandidateResult] = {}
    feed = Feed(plan.found, plan.values, plan.seed, plan.inputs)
    with ExitStack() as stack:
        entrants, size = _enter(plan, server, progress, results, stack)
        measured = blocks.run(plan, entrants, feed, size, progress)
        progress.stage(plan, "comparing states")
        differences, notices = _compare(plan, entrants, measured)
    for one in entrants:
        if one.name in measured.failed:
            results[one.name] = _result(one.template.candidate, "failed", str(measured.failed[one.name]))
        elif one.name in differences:
            results[one.name] = _result(one.template.candidate, "disqualified", differences[one.name], measured)
    ranked = [one for one in entrants if one.name not in results]
    ranking = _rank(plan, ranked, measured, results)
    replayed = f"the file was replayed {feed.cycles} times, from its start each time"
    return Experiment(
        workload=plan.found.workload.name,
        summary=plan.found.workload.summary,
        cardinality=plan.cardinality,
        values=cardinalities.values(plan.values),
        digest=plan.digest,
        replay={name: path.name for name, path in plan.inputs.items()},
        seed=plan.seed,
        clients=plan.clients,
        writers=tuple(
            records.WriterShare(
                name=writer.name, kind=writer.kind, clients=share, operations=writer.weight * size, pace=writer.pace
            )
            for writer, share in plan.writers
        ),
        operations=sum(writer.weight for writer, _ in plan.writers) * size,
        rows=round(np.mean([trial.rows for trial in measured.trials[BASELINE]])),
        blocks=measured.blocks,
        warmup_blocks=WARMUP_BLOCKS,
        budget_s=plan.budget_s,
        precision=plan.precision,
        elapsed_s=measured.elapsed_s,
        stopped=cast(Literal["precision", "budget"], measured.stopped),
        candidates=_ordered(plan, results),
        control=ranking.control,
        smallest_difference=ranking.smallest_difference,
        notices=(
            *(notice for checked in inputs for notice in checked.notices),
            *((Notice(code="replayed", text=replayed),) if feed.cycles > 1 else ()),
            *notices,
            *ranking.notices,
            *_load_notices(measured),
        ),
    )


def _enter(
    plan: Plan, server: Server, progress: Progress, results: dict[str, CandidateResult], stack: ExitStack
) -> tuple[list[Entrant], int]:
    """Build the candidates and the control; return them with the size of the burst."""
    entrants: list[Entrant] = []
    size = 1
    for candidate in plan.candidates:
        if reason := candidate.refuses(server.record.version_num):
            if candidate.name == BASELINE:
                raise CandidateError(
                    f"The baseline does not apply to this server: {reason}",
                    where=Place(path=candidate.file.path, line=1),
                    remedies=["use another server: --postgres SPEC", "widen the `-- postgres:` line of the baseline"],
                )
            results[candidate.name] = _result(candidate, "skipped", reason)
            continue
        progress.stage(plan, f"building {candidate.name}")
        feed = Feed(plan.found, plan.values, plan.seed, plan.inputs)
        try:
            with ExitStack() as scratch:
                template = entrant.build(candidate, plan.found.operations, server, feed.background())
                scratch.callback(entrant.drop, server, template.database)
                entrant.check(template, plan.found.queries)
                entrants.append(_cloned(plan, template, candidate.name, stack, keep=plan.keep_databases))
                if candidate.name == BASELINE:
                    entrants.append(_cloned(plan, template, CONTROL, stack, keep=plan.keep_databases))
                    progress.stage(plan, "calibrating the burst")
                    size = blocks.calibrate(plan, _cloned(plan, template, "scratch", scratch, keep=False), feed)
        except CandidateError as failure:
            if candidate.name == BASELINE:
                raise
            results[candidate.name] = _result(candidate, "failed", str(failure))
    return entrants, size


def _cloned(plan: Plan, template: Template, name: str, stack: ExitStack, *, keep: bool) -> Entrant:
    """Enter a clone of a template, for as long as the stack lives."""
    server = template.server
    database = server.clone(template.database, f"{plan.found.workload.name}_{plan.cardinality}_{name}")
    if not keep:
        stack.callback(entrant.drop, server, database)
    writers = [writer for writer, share in plan.writers for _ in range(share)]
    return stack.enter_context(closing(entrant.enter(template, name, database, writers)))


def _compare(plan: Plan, entrants: Sequence[Entrant], measured: Measured) -> tuple[dict[str, str], tuple[Notice, ...]]:
    """Return what disqualifies each candidate, and what the control says about comparing."""
    found: dict[str, str] = {}
    digests: dict[str, str] = {}
    for one in entrants:
        if one.name in measured.failed:
            continue
        try:
            if reason := next(_differences(plan, entrants[0], one, digests), None):
                found[one.name] = reason
        except CandidateError as failure:
            if one.template.candidate.name == BASELINE:
                raise
            measured.failed[one.name] = failure
    for name in (BASELINE, CONTROL):
        if name in found:
            text = (
                f"The state cannot tell candidates apart: for {name}, {found[name]}. No candidate was disqualified; "
                "let calls that do not commute share a key"
            )
            return {}, (Notice(code="state-not-comparable", text=text),)
    return found, ()


def _differences(plan: Plan, baseline: Entrant, one: Entrant, digests: dict[str, str]) -> Iterator[str]:
    """Yield the invariants that an entrant breaks, and the states in which it differs from the baseline.

    Rows are compared one by one only where digests differ. `digests` receives the baseline's, by the state's name.

    Raises:
        CandidateError: The server refused one of the queries.
    """
    server, workload = one.template.server, plan.found.workload
    name = ""
    try:
        with entrant.connect(server, one.database) as other, entrant.connect(server, baseline.database) as reference:
            for name in workload.invariants:
                if reason := equivalence.violation(name, other, entrant.query(one.template, name).sql):
                    yield reason
            for name in workload.state:
                actual = other, entrant.query(one.template, name).sql
                found = equivalence.digest(*actual)
                if found != digests.setdefault(name, found):
                    expected = reference, entrant.query(baseline.template, name).sql
                    if reason := equivalence.difference(name, expected, actual):
                        yield reason
    except psycopg.OperationalError as cause:
        raise entrant.lost(server, str(cause)) from cause
    except psycopg.Error as cause:
        raise candidates.refused(one.template.candidate, entrant.query(one.template, name), cause) from cause


def _rank(
    plan: Plan, ranked: Sequence[Entrant], measured: Measured, results: dict[str, CandidateResult]
) -> statistics.Ranking:
    names = [one.name for one in ranked]
    rates = measured.rates(names)
    ranking = statistics.rank(rates, names, baseline=BASELINE, control=CONTROL, seed=plan.seed)
    standings = {standing.name: standing for standing in ranking.standings}
    rows = {name: [t.rows / t.duration_s for t in measured.trials[name] if not t.warmup] for name in names}
    for one in ranked:
        if one.name == CONTROL:
            continue
        operations = measured.trials[one.name][0].operations
        rate = standings[one.name].rate
        written = np.array(rows[one.name])
        production_s = _production_s(plan, operations)
        results[one.name] = CandidateResult(
            **_described(one.template.candidate),
            status="ranked",
            standing=standings[one.name],
            operations_per_s=_times(rate, operations),
            rows_per_s=statistics.estimate_rates(written[:, None], seed=plan.seed)[0] if written.all() else None,
            headroom=None if production_s is None else _times(rate, production_s),
            latencies=_latencies(one.name, measured),
            trials=tuple(measured.trials[one.name]),
            notices=_retry_notices(one.name, measured),
        )
    return ranking


def _times(rate: Estimate, factor: float) -> Estimate:
    return Estimate(value=rate.value * factor, low=rate.low * factor, high=rate.high * factor)


def _production_s(plan: Plan, operations: int) -> float | None:
    """Return the seconds of production that a burst of so many operations stands for; None for a replayed file too."""
    production_s = plan.found.workload.production_s
    smallest = sum(writer.weight for writer, _ in plan.writers)
    return None if production_s is None or plan.inputs else production_s(plan.values) * operations / smallest


def _described(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "summary": candidate.summary,
        "expects": candidate.expects,
        "path": str(candidate.file.path),
        "sql": candidate.file.source,
    }


def _result(
    candidate: Candidate,
    status: Literal["disqualified", "failed", "skipped"],
    reason: str,
    measured: Measured | None = None,
) -> CandidateResult:
    trials = () if measured is None else tuple(measured.trials[candidate.name])
    return CandidateResult(**_described(candidate), status=status, reason=reason, trials=trials)


def _latencies(name: str, measured: Measured) -> tuple[records.Latency, ...]:
    return tuple(
        statistics.latency(operation, np.concatenate(samples), measured.retries.get((name, operation), 0))
        for (entrant_name, operation), samples in sorted(measured.samples_ns.items())
        if entrant_name == name
    )


def _ordered(plan: Plan, results: Mapping[str, CandidateResult]) -> tuple[CandidateResult, ...]:
    """Return the results in order of rank, the faster first among equals, those without a rank last."""

    def order(result: CandidateResult) -> tuple[float, float, str]:
        standing = result.standing
        return (standing.rank, -standing.ratio.value, result.name) if standing else (float("inf"), 0.0, result.name)

    return tuple(sorted((results[candidate.name] for candidate in plan.candidates), key=order))


def _retry_notices(name: str, measured: Measured) -> tuple[Notice, ...]:
    counts = {operation: n for (entrant_name, operation), n in measured.retries.items() if entrant_name == name and n}
    if not counts:
        return ()
    shown = ", ".join(f"{operation} {count:,}" for operation, count in sorted(counts.items()))
    text = f"{name}: deadlocks, serialization failures or lock timeouts were retried and charged: {shown}"
    return (Notice(code="retries", text=text),)


def _load_notices(measured: Measured) -> tuple[Notice, ...]:
    """Return notices where the figures speak of the client, or of one writer, rather than of the schema."""
    trials = [trial for some in measured.trials.values() for trial in some if not trial.warmup]
    notices = []
    busy = float(np.median([trial.busy_share for trial in trials]))
    if busy > SATURATED_SHARE:
        text = f"The load loop was busy {busy:.0%} of the time: the client limits the figures, differences look smaller"
        notices.append(Notice(code="client-saturated", text=text))
    lonely: dict[str, list[float]] = {}
    for trial in trials:
        *others, (last, finished_s) = sorted(trial.writers_s.items(), key=lambda item: item[1])
        alone_s = finished_s - others[-1][1] if others else 0.0
        for writer in trial.writers_s:
            lonely.setdefault(writer, []).append(alone_s / trial.duration_s if writer == last else 0.0)
    for writer, shares in lonely.items():
        if (share := float(np.mean(shares))) > LONELY_SHARE:
            text = (
                f"The writer {writer!r} worked alone for {share:.0%} of the time, so that throughput is mostly its own"
            )
            notices.append(Notice(code="one-writer", text=text))
    return tuple(notices)
