"""One experiment from its plan to its record.

Owns the lifetime of its databases and the results of every candidate. Must not know pytest, nor how a report looks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Literal, cast

import numpy as np

from schemabench import cardinality as cardinalities
from schemabench import records, signals, statistics
from schemabench.candidate import BASELINE
from schemabench.errors import Interrupted, WorkerError
from schemabench.experiment import (
    adequacy,
    agreement,
    checkpoints,
    company,
    conditions,
    criteria,
    distance,
    gates,
    planning,
    production,
    results,
    shifts,
    soaking,
    surroundings,
)
from schemabench.experiment.after import After, conclude, deadlock_timeouts_s, upkeep_missing
from schemabench.experiment.blocks import Blocks
from schemabench.experiment.building import Building
from schemabench.experiment.copies import Copies
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.experiment.feed import Feed, Input, check_inputs
from schemabench.experiment.measured import Measured
from schemabench.experiment.neighbours import Neighbours
from schemabench.experiment.plan import Plan
from schemabench.experiment.renewal import renew
from schemabench.experiment.results import Rankings, Watched
from schemabench.experiment.shifts import Shifts
from schemabench.experiment.team import Alone, Team
from schemabench.monitor.plans import compared
from schemabench.progress import Progress
from schemabench.records import CandidateResult, Experiment, Notice
from schemabench.redaction import redact_record
from schemabench.server import Database, Server


def measure(plan: Plan, server: Server, progress: Progress, team: Team | None = None) -> Experiment:
    """Build every candidate, run the blocks, replay the production load if asked to, compare the states, and rank.

    Args:
        plan: The experiment.
        server: Where.
        progress: Shows the current stage.
        team: Executes bursts; this process alone if None.

    Raises:
        UsageError: An input file or the number of clients does not fit.
        WorkloadError: The workload's calls are not acceptable.
        CandidateError: The baseline fails. Any other candidate that fails is reported as failed.
        ServerError: The server fails; with the record if only the soak is broken off.
        Interrupted: By the user; with the record of the finished blocks, if there are any.
        WorkerError: A worker was lost, was stopped, or gave up; likewise with the record.
    """
    inputs, team = check_inputs(plan.found, plan.inputs), team or Alone(plan)
    plan = shifts.fitted(plan, server)
    feed = plan.feed()
    with ExitStack() as untorn:
        with ExitStack() as stack:
            building = Building(plan=plan, server=server, progress=progress, team=team, stack=stack)
            building.build()
            entrants, found = building.entrants, building.left_out
            neighbours = stack.enter_context(closing(Neighbours(plan, server, progress)))
            working = shifts.begin(plan, server, entrants, team, neighbours, stack)
            telling, apart = surroundings.prepare(server, stack), _distance(working, entrants[0])
            neighbours.settle()
            blocks = _laid_out(building, working, feed, neighbours)
            measured = blocks.measured
            after, cause = After(), None
            try:
                _run(blocks, after, server, telling)
            except (KeyboardInterrupt, WorkerError) as early:
                cause = early
            came = untorn.enter_context(signals.noted())  # the record is made, whatever comes now
            ended, watched = conclude(blocks, after, server, cause)
        found |= _unranked(entrants, measured, after.differences or {})
        ranked = {one.name: one.template.candidate for one in entrants if one.name not in found}
        rankings = results.rank(plan, ranked, measured, watched) if BASELINE in ranked else None
        notices = (
            *_of_blocks(plan, server, entrants, inputs, measured),
            *building.notices,
            *after.notices,
            *neighbours.notices(),
            *building.known_changes(),
            *(rankings.notices if rankings else ()),
            *results.notices(measured, watched),
            *after.held.notices,
            *adequacy.notices(plan, watched.adequacy),
        )
        found |= rankings.results if rankings else {}
        record = replace(
            _record(plan, after.completed(building.completed(found)), measured, rankings, notices),
            settings=after.held.baseline,
            took_s=building.elapsed_s,
            exchange_s=apart.median_s,
            exchange_p99_s=apart.p99_s,
            noise=neighbours.record(),
            soak=after.soaked.record,
            cache_bytes=watched.cache.size_bytes if watched.cache else None,
        )
    if came() and not isinstance(ended, Interrupted):
        before = f": {ended.headline}" if ended else ""
        ended = Interrupted(f"{plan} was interrupted after all was measured{before}")
    if ended:
        ended.known = record
        raise ended
    return record


def _distance(working: Shifts, one: Entrant) -> distance.Distance:
    with working.opened(one, few=True):
        return distance.measure(one.sessions)


def _laid_out(building: Building, working: Shifts, feed: Feed, neighbours: Neighbours) -> Blocks:
    """Return the blocks of entrants that are built and observed."""
    plan, server, entrants = building.plan, building.server, building.entrants
    team, observers = working.team, working.observers
    return Blocks(
        plan=plan,
        team=team,
        entrants=observers,
        shifts=working,
        feed=feed,
        calibrated=building.size,
        progress=building.progress,
        copies=Copies(plan=plan, copy_s=building.copying_s),
        renew=lambda some: renew(server, working, some),
        wrong=lambda one: agreement.wrong_rows(plan, team, entrants[0], entrants[1], one),
        neighbours=neighbours,
    )


def _run(blocks: Blocks, after: After, server: Server, telling: Database | None) -> None:
    """Run the blocks, and add the findings after them: settings, adequacy, states, plans, and the soak.

    Args:
        blocks: The blocks; a candidate that fails after them leaves the experiment there.
        after: Receives each finding as it is made.
        server: Where.
        telling: Measures the cache, from `surroundings.prepare`.
    """
    blocks.neighbours.begin()
    blocks.run()
    blocks.neighbours.conclude()
    _look_at_all(after, blocks, server, telling)


def _of_blocks(
    plan: Plan, server: Server, entrants: Sequence[Entrant], inputs: Iterable[Input], measured: Measured
) -> Iterator[Notice]:
    """Yield the notices on sessions, files and replays of one more than once, on unasked invariants, on companions."""
    yield from shifts.notices(plan, server)
    for checked in inputs:
        yield from checked.notices
    if measured.cycles > 1:
        text = f"the input was replayed {measured.cycles} times, from its start each time"
        yield Notice(code="replayed", text=text)
    if plan.unasked:
        text = f"Not checked, because the cardinality does not describe what is replayed: {', '.join(plan.unasked)}"
        yield Notice(code="bounds-not-checked", text=text)
    yield from company.notices(plan, entrants, measured)


def _look_at_all(after: After, blocks: Blocks, server: Server, telling: Database | None) -> None:
    plan, feed, progress, measured = blocks.plan, blocks.feed, blocks.progress, blocks.measured
    observers, entrants, working = blocks.entrants, list(blocks.entrants), blocks.shifts
    measured.add(working.samples())
    present = [one for one in entrants if one.name not in measured.failed]
    settings = working.settings(present, [one.name for one in present if measured.is_left(one.name)])
    after.held = conditions.gathered(server, present, settings)
    after.grown = {one.name: observers[one].sizes() for one in present}
    after.cache = surroundings.look(server, present, telling)
    after.adequacy = adequacy.keep_pace(plan, working, entrants, feed, measured, progress)
    blocks.neighbours.end()
    checkpoints.execute(plan, working, server, feed, blocks.size, measured, progress)
    progress.stage(plan, "comparing states")
    unfinished = {name for name, one in after.adequacy.items() if one.cut}
    wrong, after.notices = agreement.judge(plan, blocks.team, entrants, measured, unfinished)
    after.differences = {**gates.stale((one.name for one in entrants), measured), **wrong}
    progress.stage(plan, "explaining plans")
    blocks.look_ahead()
    after.watched = _look_back(blocks, server, after)
    if not after.watched.interrupted:
        after.soaked = soaking.soak(blocks, server, after.differences)
        after.notices += after.soaked.notices


def _unranked(
    entrants: Sequence[Entrant], measured: Measured, differences: Mapping[str, str]
) -> dict[str, CandidateResult]:
    """Return the results of candidates that cannot be ranked: they differ or failed, or the baseline is invalid."""
    found = {}
    invalid = agreement.NO_BASELINE if BASELINE in differences else gates.saturation(measured)
    for one in entrants:
        candidate = one.template.candidate
        if one.name in differences:
            found[one.name] = results.unranked(candidate, "disqualified", differences[one.name], measured)
        elif one.name in measured.failed:
            found[one.name] = results.unranked(candidate, "failed", str(measured.failed[one.name]))
        elif invalid and one.name != CONTROL:
            found[one.name] = results.unranked(candidate, "invalid", invalid, measured)
    return found


def _record(
    plan: Plan,
    found: Mapping[str, CandidateResult],
    measured: Measured,
    rankings: Rankings | None,
    notices: tuple[Notice, ...],
) -> Experiment:
    operations = measured.trials[BASELINE][-1].operations
    frozen = plan.found.frozen.get(plan.cardinality)
    size = operations // sum(writer.weight for writer, _ in plan.writers)
    experiment = Experiment(
        workload=plan.found.workload.name,
        summary=plan.found.workload.summary,
        cardinality=plan.cardinality,
        values=cardinalities.values(plan.values),
        digest=plan.digest,
        origin="file" if plan.cardinality in plan.found.files else frozen.origin if frozen else "pinned",
        hypothesis=frozen.hypothesis if frozen else "",
        replay={name: path.name for name, path in plan.inputs.items()},
        seed=plan.seed,
        clients=plan.clients,
        writers=tuple(
            records.WriterShare(
                name=writer.name,
                kind=writer.kind,
                clients=share,
                operations=writer.weight * size,
                pace=writer.pace,
                role=writer.role,
                part=writer.part,
            )
            for writer, share in plan.writers
        ),
        companions=company.shares(plan),
        without_companions=company.left_out(plan),
        operations=operations,
        rows=round(np.mean([trial.rows for trial in measured.counted(BASELINE)])),
        blocks=measured.blocks,
        blocks_needed=statistics.fewest_blocks(sum(map(measured.is_left, rankings.results))) if rankings else 0,
        shortened_from=measured.shortened * operations // size,
        warmup_blocks=measured.warmup,
        steady=measured.steady,
        copies=measured.copies,
        copies_share=rankings.throughput.copies_share if rankings else None,
        copying_s=measured.copying_s,
        effective_blocks=rankings.throughput.effective_blocks if rankings else None,
        drift_rows=measured.drift_rows,
        upkeep=plan.upkeep,
        race=plan.race,
        lead_in=plan.lead_in,
        round_trip_s=plan.round_trip_s,
        budget_s=plan.budget_s,
        precision=plan.precision,
        isolation=plan.found.workload.isolation,
        operations_sql={operation.name: operation.sql for operation in plan.found.operations.values()},
        queries=plan.found.queries,
        sample_hz=plan.sample_hz,
        busy_share=gates.busy_share(measured, measured.trials),
        workers=results.busy_shares(measured),
        steal_share=measured.steal_share,
        elapsed_s=measured.elapsed_s,
        spent_s=measured.spent_s,
        stopped=cast(Literal["precision", "budget", "decided", "grown", "interrupted"], measured.stopped),
        grown=measured.grown,
        candidates=results.ordered(plan, found),
        criteria=criteria.records(plan, rankings.by) if rankings else (),
        smallest_difference=rankings.throughput.smallest_difference if rankings else None,
        notices=notices,
    )
    return redact_record(experiment)


def _look_back(blocks: Blocks, server: Server, after: After) -> Watched:
    """Return the observations of the remaining entrants, and their plans for each operation."""
    plan, working, measured = blocks.plan, blocks.shifts, blocks.measured
    observers = working.observers
    through = [one for one in observers if one.name not in measured.failed]
    calls = planning.calls(plan, measured.examples)
    ended = {one.name: planning.end(one, measured.begun, calls) for one in through}  # before anything is executed
    plans = {}
    for one in through:
        with working.opened(one, few=True):
            plans[one.name] = planning.plans(one, calls)
    asked, had = {one: ended[one.name] for one in through}, {one: plans[one.name] for one in through}
    comparison = production.compare(plan, server, asked, had, calls, blocks.progress, working.team)
    changed = planning.notices(measured.begun, ended, {name: own for name, own in plans.items() if name != CONTROL})
    return Watched(
        contention={
            one.name: observers[one].contention(measured.tally(one.name), float(measured.pauses(one.name).sum()))
            for one in through
        },
        plans={name: compared(own, () if name == BASELINE else plans[BASELINE]) for name, own in plans.items()},
        grown=after.grown,
        missing={
            **observers[through[0]].missing,
            **checkpoints.missing(plan, server, measured),
            **upkeep_missing(plan),
        },
        cache=after.cache,
        adequacy=after.adequacy,
        owned=server.owned,
        deadlock_timeouts_s=deadlock_timeouts_s(observers),
        grown_plans={name: one.plans for name, one in comparison.by_candidate.items()},
        interrupted=comparison.interrupted,
        notices={name: (*told, *comparison.by_candidate[name].notices) for name, told in changed.items()},
    )
