"""One experiment from its plan to its record.

Owns the life of its databases and what is said about every candidate. Must not know pytest, nor how a report looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Literal, cast

import numpy as np
import psycopg

from schemabench import candidate as candidates
from schemabench import cardinality as cardinalities
from schemabench import equivalence, records
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment import adequacy, checkpoints, conditions, entrant, planning, results, surroundings
from schemabench.experiment.blocks import CONTROL, Blocks
from schemabench.experiment.building import Building
from schemabench.experiment.copies import Copies
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed, check_inputs
from schemabench.experiment.measured import Measured
from schemabench.experiment.observer import Observer
from schemabench.experiment.plan import Plan, Progress
from schemabench.experiment.renewal import renew
from schemabench.experiment.results import Rankings, Watched
from schemabench.experiment.team import Alone, Team
from schemabench.load import LostConnectionError
from schemabench.monitor.counters import Reading
from schemabench.monitor.plans import compared
from schemabench.monitor.sampler import Sampler
from schemabench.records import Adequacy, CandidateResult, Experiment, Notice
from schemabench.server import Server


def measure(plan: Plan, server: Server, progress: Progress, team: Team | None = None) -> Experiment:
    """Build every candidate, run the blocks, keep production's pace where asked, compare the states, and rank.

    Args:
        plan: What to do.
        server: Where.
        progress: Whom to tell how far it is.
        team: Who executes bursts; this process alone where it is None.

    Raises:
        UsageError: An input file or the number of clients does not fit.
        WorkloadError: The workload's calls are not acceptable.
        CandidateError: The baseline fails. Any other candidate that fails is reported as failed.
        ServerError: The server fails.
    """
    inputs = check_inputs(plan.found, plan.inputs)
    team = team or Alone(plan)
    feed = Feed(plan.found, plan.values, plan.seed, plan.inputs)
    with ExitStack() as stack:
        building = Building(plan=plan, server=server, progress=progress, positions=team.positions, stack=stack)
        building.build()
        entrants, found = building.entrants, building.left_out
        observers = _observe(plan, server, entrants, team.join(entrants), stack)
        telling = surroundings.prepare(server, stack)
        measured = Blocks(
            plan=plan,
            team=team,
            entrants=observers,
            feed=feed,
            size=building.size,
            progress=progress,
            copies=Copies(plan=plan, copy_s=building.copying_s),
            renew=lambda some: renew(server, team, {one: observers[one] for one in some}),
        ).run()
        measured.add(team.samples())
        present = [one for one in entrants if one.name not in measured.failed]
        held = conditions.read(server, team, present)
        grown = {one.name: observers[one].grown() for one in present}
        cached = surroundings.look(server, present, telling)
        kept = adequacy.keep_pace(plan, team, entrants, feed, measured, progress)
        checkpoints.execute(plan, team, server, observers, feed, building.size, measured, progress)
        progress.stage(plan, "comparing states")
        differences, notices = _compare(plan, entrants, measured)
        progress.stage(plan, "explaining plans")
        watched = replace(_look_back(plan, server, observers, measured, grown, kept), cache=cached)
    found |= _unranked(entrants, measured, differences)
    ranked = {one.name: one.template.candidate for one in entrants if one.name not in found}
    rankings = results.rank(plan, ranked, measured, watched) if BASELINE in ranked else None
    replayed = f"the file was replayed {measured.cycles} times, from its start each time"
    record = _record(
        plan,
        held.completed(building.completed(found | dict(rankings.results if rankings else {}))),
        measured,
        rankings,
        notices=(
            *(notice for checked in inputs for notice in checked.notices),
            *((Notice(code="replayed", text=replayed),) if measured.cycles > 1 else ()),
            *building.notices,
            *notices,
            *(rankings.throughput.notices if rankings else ()),
            *(rankings.locks.notices if rankings and rankings.locks else ()),
            *results.notices(measured, watched),
            *held.notices,
            *adequacy.notices(plan, kept),
        ),
    )
    return replace(record, settings=held.baseline)


def _unranked(
    entrants: Sequence[Entrant], measured: Measured, differences: Mapping[str, str]
) -> dict[str, CandidateResult]:
    """Return the results of those that cannot be ranked: they failed or differ, or the client is what was measured."""
    found, saturation = {}, results.saturation(measured)
    for one in entrants:
        candidate = one.template.candidate
        if one.name in measured.failed:
            found[one.name] = results.unranked(candidate, "failed", str(measured.failed[one.name]))
        elif one.name in differences:
            found[one.name] = results.unranked(candidate, "disqualified", differences[one.name], measured)
        elif saturation and one.name != CONTROL:
            found[one.name] = results.unranked(candidate, "invalid", saturation, measured)
    return found


def _record(
    plan: Plan,
    found: Mapping[str, CandidateResult],
    measured: Measured,
    rankings: Rankings | None,
    notices: tuple[Notice, ...],
) -> Experiment:
    operations = measured.trials[BASELINE][0].operations
    frozen = plan.found.frozen.get(plan.cardinality)
    size = operations // sum(writer.weight for writer, _ in plan.writers)
    return Experiment(
        workload=plan.found.workload.name,
        summary=plan.found.workload.summary,
        cardinality=plan.cardinality,
        values=cardinalities.values(plan.values),
        digest=plan.digest,
        origin=frozen.origin if frozen else "pinned",
        hypothesis=frozen.hypothesis if frozen else "",
        replay={name: path.name for name, path in plan.inputs.items()},
        seed=plan.seed,
        clients=plan.clients,
        writers=tuple(
            records.WriterShare(
                name=writer.name, kind=writer.kind, clients=share, operations=writer.weight * size, pace=writer.pace
            )
            for writer, share in plan.writers
        ),
        operations=operations,
        rows=round(np.mean([trial.rows for trial in measured.trials[BASELINE]])),
        blocks=measured.blocks,
        warmup_blocks=measured.warmup,
        steady=measured.steady,
        copies=measured.copies,
        copies_share=rankings.throughput.copies_share if rankings else None,
        copying_s=measured.copying_s,
        effective_blocks=rankings.throughput.effective_blocks if rankings else None,
        drift_rows=results.drift_rows(measured),
        upkeep=plan.upkeep,
        lead_in=plan.lead_in,
        budget_s=plan.budget_s,
        precision=plan.precision,
        isolation=plan.found.workload.isolation,
        operations_sql={operation.name: operation.sql for operation in plan.found.operations.values()},
        sample_hz=plan.sample_hz,
        busy_share=results.busy_share(measured),
        workers=results.busy_shares(measured),
        steal_share=measured.steal_share,
        elapsed_s=measured.elapsed_s,
        stopped=cast(Literal["precision", "budget"], measured.stopped),
        candidates=results.ordered(plan, found),
        control=rankings.throughput.control if rankings else None,
        lock_control=rankings.locks.control if rankings and rankings.locks else None,
        smallest_difference=rankings.throughput.smallest_difference if rankings else None,
        notices=notices,
    )


def _observe(
    plan: Plan, server: Server, entrants: Sequence[Entrant], others: Mapping[str, Sequence[int]], stack: ExitStack
) -> dict[Entrant, Observer]:
    """Return the entrants, each with who looks at it for as long as the stack lives."""
    sampler = None
    if plan.sample_hz:
        try:
            sampler = stack.enter_context(closing(Sampler(server.conninfo, plan.sample_hz)))
        except LostConnectionError as failure:
            raise entrant.lost(server, str(failure)) from failure
    return {
        one: stack.enter_context(closing(Observer(server, one, others.get(one.name, ()), sampler))) for one in entrants
    }


def _look_back(  # noqa: PLR0913, PLR0917 (everything that was seen)
    plan: Plan,
    server: Server,
    observers: Mapping[Entrant, Observer],
    measured: Measured,
    grown: Mapping[str, Reading],
    kept: Mapping[str, Adequacy],
) -> Watched:
    """Return what was seen of the entrants that came through, and how they execute each operation now."""
    through = [one for one in observers if one.name not in measured.failed]
    calls = planning.calls(plan, measured.examples)
    ended = {one.name: planning.end(one, measured.begun, calls) for one in through}  # before anything is executed
    plans = {one.name: planning.plans(one, calls) for one in through}
    return Watched(
        contention={one.name: observers[one].contention(measured.tally(one.name)) for one in through},
        plans={name: compared(own, () if name == BASELINE else plans[BASELINE]) for name, own in plans.items()},
        grown=grown,
        missing={**observers[through[0]].missing, **checkpoints.missing(plan, server), **_upkeep_missing(plan)},
        adequacy=kept,
        notices=planning.notices(measured.begun, ended, {name: own for name, own in plans.items() if name != CONTROL}),
    )


def _upkeep_missing(plan: Plan) -> dict[str, str]:
    """Return why it is not known what vacuums took; nothing where it is."""
    reason = "autovacuum does not tell what it takes: --upkeep between-blocks" if plan.upkeep == "autovacuum" else ""
    return dict.fromkeys(("upkeep_elapsed_s", "upkeep_wal_bytes"), reason) if reason else {}


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
