"""The WAL of a burst right after a checkpoint, when the first change of each page is a full-page image.

Owns rounds of trials after the blocks that count only for this: neither for throughput nor for any other cost. Few or
no trials of a run contain a checkpoint, so the blocks show the least WAL that production writes, and these rounds the
most. See https://www.postgresql.org/docs/current/wal-configuration.html.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random
from time import perf_counter

import psycopg
from psycopg.rows import TupleRow

from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment import bounds
from schemabench.experiment.burst import Burst, Turn, make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.observer import Observer
from schemabench.experiment.plan import Plan
from schemabench.experiment.shifts import Shifts
from schemabench.experiment.team import Team
from schemabench.load import Limits
from schemabench.monitor.counters import AFTER_CHECKPOINT
from schemabench.progress import Progress
from schemabench.records import Trial
from schemabench.server import Server, lost, opened
from schemabench.units import format_duration

ROUNDS = 10
"""Enough to tell eight candidates from the baseline by signed ranks, see `statistics.sign_flips.fewest`."""
FEWEST_ROUNDS = 3
"""At least, or none: a single round may be an outlier."""
MOST_SHARE = 0.15
"""The share of the budget beyond which the fewest rounds are too long: with many entrants, a single one takes long."""
BUDGET_SHARE = 0.1
"""The share of the budget that the rounds may take in addition to it."""
_APART = 2
"""Distance in bursts from the burst with the explained calls, which is not executed before, to that of the first round:
the burst between them is the replay of the production load. Further rounds use consecutive bursts, as in a longer run:
a generator may advance its time with each burst, and partitions end somewhere."""
SHORTEST_S = 10.0
"""A shorter budget, as in a search, would mostly be spent on checkpoints."""
TOO_SHORT = f"a budget under {SHORTEST_S:g} s leaves no time to force checkpoints: --budget"
CUT = "the replay of the production load was cut short, and later bursts may need the calls that were not executed"
NOT_OURS = "a checkpoint is forced only on a server of schemabench's own: --postgres 18 or docker:18, not a DSN"


def missing(plan: Plan, server: Server, measured: Measured) -> dict[str, str]:
    """Return why nothing is measured after checkpoints, or of whom nothing; empty if all is."""
    reason = _hindrance(plan, server, measured) or _left_out(measured)
    return dict.fromkeys(AFTER_CHECKPOINT.values(), reason) if reason else {}


def _hindrance(plan: Plan, server: Server, measured: Measured) -> str:
    """Return why nothing is measured after checkpoints; empty if it is."""
    return TOO_SHORT if plan.budget_s < SHORTEST_S else NOT_OURS if not server.owned else _too_long(plan, measured)


def _left_out(measured: Measured) -> str:
    """Return which entrants the rounds left out; empty if none."""
    names = [
        name
        for name, trials in measured.after_checkpoint.items()
        if measured.is_left(name) and not any(trial.operations for trial in trials)
    ]
    return f"under {', '.join(sorted(names))}: {CUT}" if names else ""


def _too_long(plan: Plan, measured: Measured) -> str:
    """Return why the fewest rounds would take too long, as the blocks did; empty if they would not."""
    rounds_s = FEWEST_ROUNDS * measured.spent_s / max(1, measured.executed)
    if rounds_s <= MOST_SHARE * plan.budget_s:
        return ""
    return (
        f"a checkpoint before each trial of {FEWEST_ROUNDS} more blocks would take about {format_duration(rounds_s)}, "
        f"beyond the budget of {format_duration(plan.budget_s)}: --budget"
    )


def execute(  # noqa: PLR0913, PLR0917 (as `blocks.run`)
    plan: Plan,
    working: Shifts,
    server: Server,
    feed: Feed,
    size: int,
    measured: Measured,
    progress: Progress,
) -> None:
    """Have every remaining entrant whose replay was not cut short execute bursts, each right after a checkpoint.

    Args:
        plan: What to do.
        working: Has the team that executes bursts, and the entrants, each with its observer.
        server: The server; nothing is done unless schemabench started it.
        feed: The source of calls.
        size: The multiplier of the writers' weights, as in the blocks.
        measured: The blocks. It receives the trials, those of an entrant that takes no part without counters, and
            records a candidate that fails now and leaves the experiment.
        progress: Shows the current stage.

    Raises:
        CandidateError: The baseline failed.
        ServerError: The server failed.
    """
    if _hindrance(plan, server, measured):
        return
    observers = working.observers
    progress.stage(plan, "after checkpoints")
    with _superuser(server) as connection:
        for number, block in enumerate(_rounds(plan, measured.bursts + _APART), start=1):
            remaining = [one for one in observers if measured.is_left(one.name)]
            order = [one for one in remaining if one.name not in working.unfinished]
            Random(f"{plan.seed}/order/{block}").shuffle(order)  # noqa: S311 (reproducible on purpose)
            working.announce(block, f"round {number} after checkpoints", [Turn(block, size)], order)
            burst = make(feed, plan.writers, block, size)
            done = {one.name: _not_executed(block) for one in remaining if one not in order}
            for position, one in enumerate(order):
                connection.execute("CHECKPOINT")
                random = Random(f"{plan.seed}/jitter/{block}/{position}")  # noqa: S311 (reproducible on purpose)
                try:
                    limits = bounds.limits(plan, measured, one)
                    with working.executing(one):
                        trial = _trial(working.team, (one, observers[one]), burst, random, (block, position), limits)
                except CandidateError as failure:
                    if one.template.candidate.name == BASELINE:
                        raise
                    measured.failed[one.name] = failure
                else:
                    done[one.name] = trial
            for name, trial in done.items():  # of a round that is broken off, none
                measured.after_checkpoint[name].append(trial)
    working.samples()  # discards the others' service times


def _rounds(plan: Plan, first: int) -> Iterator[int]:
    """Yield the block numbers of the rounds, as many as the time allows."""
    started_s = perf_counter()
    for done in range(ROUNDS):
        if done >= FEWEST_ROUNDS and perf_counter() - started_s >= BUDGET_SHARE * plan.budget_s:
            return
        yield first + done


def _trial(  # noqa: PLR0913, PLR0917 (a trial, who executes it, and where it stands)
    team: Team,
    pair: tuple[Entrant, Observer],
    burst: Burst,
    random: Random,
    where: tuple[int, int],
    limits: Limits,
) -> Trial:
    """Execute one trial and record its WAL."""
    entrant, observer = pair
    block, position = where
    executed, _ = team.execute(entrant, burst, random, observer.begin(random), limits)
    if executed.cut:
        raise bounds.cut_short(entrant, executed, len(burst.operations))
    seen = observer.end().counters
    return Trial(
        block=block,
        position=position,
        warmup=False,
        started_s=0.0,
        duration_s=executed.duration_s,
        operations=len(burst.operations),
        rows=burst.rows - executed.lost_rows,
        retries=sum(executed.retried.values()),
        busy_share=max(executed.busy_shares),
        busy_shares=executed.busy_shares,
        writers_s=executed.writers_s,
        counters={then: seen[counter] for counter, then in AFTER_CHECKPOINT.items() if counter in seen},
    )


def _not_executed(block: int) -> Trial:
    """Return the trial of an entrant that takes no part in a round: nothing is known of it."""
    return Trial(
        block=block,
        position=0,
        warmup=False,
        started_s=0.0,
        duration_s=0.0,
        operations=0,
        rows=0,
        retries=0,
        busy_share=0.0,
        writers_s={},
    )


@contextmanager
def _superuser(server: Server) -> Iterator[psycopg.Connection[TupleRow]]:
    """Connect apart from the measured sessions; raise errors of the connection as ServerError."""
    try:
        with closing(opened(server.conninfo)) as connection:
            connection.execute("SET statement_timeout = 0")
            yield connection
    except psycopg.Error as cause:
        raise lost(server, cause) from cause
