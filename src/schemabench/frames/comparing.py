"""How candidates compare: experiments, ranks, each writer's ratio, costs, production's pace.

Owns the tables of what was concluded. Must not conclude anything itself.
"""

from collections.abc import Iterator

from schemabench.candidate import BASELINE
from schemabench.frames.table import (
    CANDIDATE,
    EXPERIMENT,
    FLAG,
    MAYBE_FLAG,
    MAYBE_WHOLE,
    REAL,
    TEXT,
    WHOLE,
    Column,
    Row,
    Table,
    each_candidate,
    estimated,
    fields,
    of_experiment,
    spread,
)
from schemabench.records import CandidateResult, Criterion, Experiment, Run, Standing, WriterRatio

_EXPERIMENT = (
    Column("digest", TEXT, "of the workload and its sizes: what differs in it cannot be compared"),
    Column("origin", TEXT, "who chose the cardinality: `pinned`, `drawn` or `found`"),
    Column("seed", WHOLE, "where all chance came from"),
    Column("clients", WHOLE, "connections at work in each trial"),
    Column("operations", WHOLE, "in each burst"),
    Column("rows", WHOLE, "logical rows written by each burst, on average"),
    Column("blocks", WHOLE, "that count"),
    Column("warmup_blocks", WHOLE, "before them"),
    Column("blocks_needed", WHOLE, "the fewest that tell any two candidates apart; 0 in older run files"),
    Column("effective_blocks", REAL, "as many independent blocks would tell as much; missing in older run files"),
    Column("steady", FLAG, "whether trials were steady from where counting began"),
    Column("copies", WHOLE, "of the databases, one after the other"),
    Column("copies_share", REAL, "share of a block's variance that lies between copies, 0 to 1; missing with one copy"),
    Column("copying_s", REAL, "what making copies took"),
    Column("upkeep", TEXT, "who vacuumed and analyzed; empty in older run files"),
    Column("isolation", TEXT, "of all transactions"),
    Column("sample_hz", REAL, "lock-wait samples per second; 0 where nothing was sampled"),
    Column("busy_share", REAL, "share of time in which the load loop was at work, in the median trial, 0 to 1"),
    Column("steal_share", REAL, "share of this machine's processor time that its host gave away; missing: unknown"),
    Column("budget_s", REAL, "the time there was for blocks"),
    Column("elapsed_s", REAL, "the time that blocks took"),
    Column("took_s", REAL, "the whole experiment; missing in older run files"),
    Column("stopped", TEXT, "why: `precision`, `budget`, `interrupted` or `never started`"),
    Column("smallest_difference", REAL, "to the baseline that could have been seen, as in 0.03; missing: none"),
)
_CONTROL = (*estimated("control_ratio", "the control's throughput by the baseline's"),)
_STANDING = (
    Column("status", TEXT, "`ranked`, `disqualified`, `invalid`, `failed` or `skipped`"),
    Column("reason", TEXT, "why it was not ranked; empty where it was"),
    Column("rank", MAYBE_WHOLE, "by throughput; those that tie share one; missing where it was not ranked"),
    Column("tied_with", TEXT, "those that cannot be told apart from it, with commas between"),
    *estimated("ratio", "throughput by the baseline's, paired by block; intervals hold jointly"),
    Column(
        "at_least", MAYBE_FLAG, "whether the load generator was the bottleneck, which makes `ratio_low` a lower bound"
    ),
    *estimated("operations_per_s", "throughput in operations"),
    *estimated("rows_per_s", "throughput in logical rows written"),
    *estimated("headroom", "throughput by what production asks for; missing where that is not known"),
    *estimated("drift", "relative change of throughput for `drift_rows` written, as in -0.04; missing: only chance"),
    Column("drift_rows", WHOLE, "the rows written that `drift` is told for"),
    Column(
        "on_front", FLAG, "whether it is on the Pareto front, over the criteria whose `on_front` in `standings` is true"
    ),
    Column("samples", MAYBE_WHOLE, "samples of the sessions, in counted trials"),
    Column("late_samples", MAYBE_WHOLE, "of these, more than half an interval late"),
    Column("lost_samples", MAYBE_WHOLE, "due and not taken"),
    Column("deepest_queue", MAYBE_WHOLE, "most sessions seen waiting for one lock at once"),
    Column("longest_lock_wait_s", REAL, "the longest wait for a lock that was seen"),
    Column("busy_share", REAL, "share of time in which the load loop was at work, in its median trial, 0 to 1"),
    Column("resident_share", REAL, "share of block accesses that shared_buffers answered; missing: not counted"),
    Column("cached_share", REAL, "share of its tables and indexes in shared_buffers at the end; missing likewise"),
    Column("retired_trials", MAYBE_WHOLE, "counted trials of one that left early; missing: it stayed"),
    *estimated("times_slower", "how many times as long as the baseline's the trials took of one that left early"),
    Column("agrees", MAYBE_FLAG, "whether its rows were those of the workload's model; missing: not compared"),
    Column("checked_calls", MAYBE_WHOLE, "calls after which they were compared"),
    Column("path", TEXT, "its SQL file"),
    Column("summary", TEXT, "what it is, in its own words"),
    Column("expects", TEXT, "what its author expects of it"),
)
_CRITERION = (
    Column("criterion", TEXT, "a short stable name, as in `lock_waits`"),
    Column("unit", TEXT, "of `figure`, as in `bytes`; a `share` is 0 to 1"),
    Column("per", TEXT, "what `figure` is divided by, as in `row`; missing where the unit says it"),
    Column("better", TEXT, "`more` or `less`"),
    Column("compared", TEXT, "whether `to_baseline` is a `ratio` or a `difference`"),
    Column("decides", FLAG, "whether there were enough blocks to tell any two candidates apart by it"),
    Column("on_front", FLAG, "whether the Pareto front is over it, among others"),
)
_PLACE = (
    Column("rank", WHOLE, "those that tie share one; the control's is only towards the baseline"),
    Column("tied_with", TEXT, "those that cannot be told apart from it, with commas between"),
    *estimated("figure", "in the criterion's unit"),
    *estimated("to_baseline", "the figure compared with the baseline's, paired by block; intervals hold jointly"),
    *estimated("late", "`to_baseline` over the last third of the blocks; missing where that is not looked at"),
    Column("at_least", FLAG, "whether the load generator was the bottleneck, which makes `to_baseline_low` a bound"),
)
_WRITER = (
    Column("writer", TEXT, "the writer's name"),
    Column("kind", TEXT, "its kind, as in `stream`, `batch` or `reader`"),
    Column("clients", WHOLE, "connections of its own"),
    Column("operations", WHOLE, "calls in each burst"),
    Column("pace", TEXT, "what it does in production, in words"),
    *estimated("ratio", "how fast it finished its part of a burst, as a ratio to the baseline; missing: not told"),
    Column("differs", MAYBE_FLAG, "whether it is told apart from the baseline's"),
)
_COST = (
    Column("cost", TEXT, "a short stable name, as in `wal_bytes`"),
    Column("title", TEXT, "the same for people, as in `WAL`"),
    Column("unit", TEXT, "of `amount`: `bytes`, `blocks`, `rows`, `count`, `seconds`, or `share` (0 to 1)"),
    Column("per", TEXT, "what it is divided by: `row` written, `operation`, `update`; not at all: `run`, `end`"),
    Column("amount", REAL, "the figure; missing where the server does not offer it or nothing divides it"),
    *estimated("ratio", "to the baseline's, paired by block; missing for it, for shares, and where one is zero"),
    Column("differs", FLAG, "whether it is told apart from the baseline's; intervals hold jointly for all candidates"),
)
_ADEQUACY = (
    Column("keeps_up", MAYBE_FLAG, "whether all writers do; missing where it cannot be told"),
    Column("duration_s", REAL, "the time in which production makes these calls"),
    Column("elapsed_s", REAL, "from the start to the last response"),
    Column("operations_per_s", REAL, "what production asks for"),
    Column("p99_ns", REAL, "response time of 99 % of all calls; missing where they are too few"),
    Column("max_ns", REAL, "response time of the slowest"),
    Column("lag_p99_ns", REAL, "how late the load loop itself was, at most, in 99 % of the calls"),
    Column("cut", FLAG, "whether it was cut short"),
)
_PACE = (
    Column("writer", TEXT, "the writer's name"),
    Column("clients", WHOLE, "connections of its own"),
    *estimated("utilisation", "share of its connections' time that its calls take; above 1: more than there is"),
    *estimated("busiest_utilisation", "the same of its busiest connection; missing: one connection, or too few calls"),
    Column("backlog_s", REAL, "work left at the end, for each of its connections"),
    Column("drain_s", REAL, "in which that would be done while production goes on; missing: never"),
    Column("slowest_s", REAL, "response time of its slowest call"),
    Column("keeps_up", MAYBE_FLAG, "missing where it cannot be told"),
)


def _experiments(run: Run) -> Iterator[Row]:
    for experiment in run.experiments:
        yield {
            **of_experiment(experiment),
            **fields(experiment, _EXPERIMENT),
            **spread("control_ratio", experiment.control.to_baseline if experiment.control else None),
        }


def _candidates(run: Run) -> Iterator[Row]:
    for names, experiment, candidate in each_candidate(run):
        yield {
            **names,
            **fields(candidate, _STANDING),
            **_standing(candidate),
            **_sampled(candidate),
            **_surroundings(candidate, experiment),
        }


def _standing(candidate: CandidateResult) -> Row:
    standing = candidate.standing
    return {
        "rank": standing.rank if standing else None,
        "tied_with": ", ".join(standing.tied_with) if standing else "",
        "at_least": standing.at_least if standing else None,
        **spread("ratio", standing.to_baseline if standing else None),
        **spread("operations_per_s", candidate.operations_per_s),
        **spread("rows_per_s", candidate.rows_per_s),
    }


def _sampled(candidate: CandidateResult) -> Row:
    seen = candidate.contention
    return {
        "samples": seen.samples if seen else None,
        "late_samples": seen.late if seen else None,
        "lost_samples": seen.lost if seen else None,
        "deepest_queue": seen.deepest_queue if seen else None,
        "longest_lock_wait_s": seen.longest_wait_s if seen else None,
    }


def _surroundings(candidate: CandidateResult, experiment: Experiment) -> Row:
    retired, check = candidate.retired, candidate.equivalence
    return {
        **spread("headroom", candidate.headroom),
        **spread("drift", candidate.drift),
        "drift_rows": experiment.drift_rows,
        "retired_trials": retired.trials if retired else None,
        **spread("times_slower", retired.slower if retired else None),
        "agrees": check.agrees if check else None,
        "checked_calls": check.calls if check else None,
    }


def _standings(run: Run) -> Iterator[Row]:
    for names, experiment, candidate in each_candidate(run):
        for criterion in experiment.criteria:
            for standing in (candidate.standings.get(criterion.name), _control(criterion, candidate)):
                if standing:
                    yield {
                        **names,
                        "candidate": standing.name,
                        **fields(criterion, _CRITERION),
                        **fields(standing, _PLACE),
                        "criterion": criterion.name,
                        "tied_with": ", ".join(standing.tied_with),
                        **spread("figure", standing.figure),
                        **spread("to_baseline", standing.to_baseline),
                        **spread("late", standing.late),
                    }


def _control(criterion: Criterion, candidate: CandidateResult) -> Standing | None:
    """Return the control's standing where the candidate is the baseline, so that it comes after it once."""
    return criterion.control if candidate.name == BASELINE else None


def _writers(run: Run) -> Iterator[Row]:
    for names, experiment, candidate in each_candidate(run):
        told: dict[str, WriterRatio] = {one.writer: one for one in candidate.writers}
        for writer in experiment.writers:
            one = told.get(writer.name)
            yield {
                **names,
                "writer": writer.name,
                **fields(writer, _WRITER),
                **spread("ratio", one.ratio if one else None),
                "differs": one.differs if one else None,
            }


def _costs(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for cost in candidate.costs:
            estimate = spread("ratio", cost.ratio)
            yield {**names, **fields(cost, _COST), "cost": cost.name, "amount": cost.value, **estimate}


def _adequacy(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        if candidate.adequacy is not None:
            yield {**names, **fields(candidate.adequacy, _ADEQUACY)}


def _pace(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for writer in candidate.adequacy.writers if candidate.adequacy else ():
            yield {
                **names,
                "writer": writer.name,
                **fields(writer, _PACE),
                **spread("utilisation", writer.utilisation),
                **spread("busiest_utilisation", writer.busiest),
            }


EXPERIMENTS = Table(
    "A row for each experiment: a workload at a cardinality.", (*EXPERIMENT, *_EXPERIMENT, *_CONTROL), _experiments
)
CANDIDATES = Table("A row for each candidate of each experiment.", (*CANDIDATE, *_STANDING), _candidates)
STANDINGS = Table(
    "A row for each candidate and criterion that it was ranked by, and for the control by each.",
    (*CANDIDATE, *_CRITERION, *_PLACE),
    _standings,
)
WRITERS = Table("A row for each candidate and writer.", (*CANDIDATE, *_WRITER), _writers)
COSTS = Table("A row for each candidate and each measure of what its writes cost.", (*CANDIDATE, *_COST), _costs)
ADEQUACY = Table(
    "A row for each candidate under which the production load was replayed.", (*CANDIDATE, *_ADEQUACY), _adequacy
)
PACE = Table(
    "A row for each candidate and writer under the production load; none in older run files.",
    (*CANDIDATE, *_PACE),
    _pace,
)
