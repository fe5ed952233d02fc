"""Comparison of candidates: experiments, ranks, each writer's ratio, costs, the production load.

Owns the tables of conclusions. Must not draw any itself.
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
    Column("digest", TEXT, "of the workload and its sizes; experiments with different digests cannot be compared"),
    Column("origin", TEXT, "who chose the cardinality: `pinned`, `drawn`, `found` or `file`"),
    Column("seed", WHOLE, "the seed of all random choices"),
    Column("clients", WHOLE, "active connections in each trial"),
    Column("operations", WHOLE, "operations in each burst"),
    Column("rows", WHOLE, "logical rows written by each burst, on average"),
    Column("blocks", WHOLE, "counted blocks"),
    Column("warmup_blocks", WHOLE, "warm-up blocks before them"),
    Column("blocks_needed", WHOLE, "fewest blocks that can tell any two candidates apart; 0 in older files"),
    Column("effective_blocks", REAL, "independent blocks with the same information; missing in older run files"),
    Column("steady", FLAG, "whether trials were steady after warm-up"),
    Column("copies", WHOLE, "number of copies of the databases, used one after another"),
    Column("copies_share", REAL, "share of a block's variance that lies between copies, 0 to 1; missing with one copy"),
    Column("copying_s", REAL, "time to create the copies"),
    Column("upkeep", TEXT, "the vacuum and analyze policy; empty in older run files"),
    Column("round_trip_s", REAL, "added to every exchange with the server, as time on the way"),
    Column("exchange_s", REAL, "measured time of a trivial exchange, median, without what was added; missing: unknown"),
    Column("exchange_p99_s", REAL, "its 99th percentile"),
    Column("isolation", TEXT, "isolation level of all transactions"),
    Column("sample_hz", REAL, "lock-wait samples per second; 0 without sampling"),
    Column("busy_share", REAL, "share of time in which the load loop was busy, in the median trial, 0 to 1"),
    Column(
        "steal_share",
        REAL,
        "share of processor time that its host took (steal) from the machine on which the run was started, or with "
        "workers, from the first worker's; missing: unknown",
    ),
    Column("budget_s", REAL, "the time budget for blocks"),
    Column("elapsed_s", REAL, "the time that the blocks took"),
    Column("took_s", REAL, "the time of the whole experiment; missing in older run files"),
    Column(
        "stopped",
        TEXT,
        "why it ended: `precision`, `budget`, `decided` (only the baseline was left in a race), `grown` (databases had "
        "grown by a quarter, in a growth curve), `interrupted` (by the user, or by the loss of a worker, which a "
        "notice `worker-lost` then names) or `never started`",
    ),
    Column(
        "smallest_difference",
        REAL,
        "half of the control's interval, as in 0.03: equal schemas may differ by as much by chance; missing: none",
    ),
)
_CONTROL = (*estimated("control_ratio", "the control's throughput by the baseline's"),)
_STANDING = (
    Column("status", TEXT, "`ranked`, `disqualified`, `invalid`, `failed` or `skipped`"),
    Column("reason", TEXT, "why it was not ranked; empty if it was"),
    Column("rank", MAYBE_WHOLE, "rank by throughput, shared by ties; missing if it was not ranked"),
    Column("tied_with", TEXT, "candidates that cannot be told apart from it, separated by commas"),
    *estimated("ratio", "throughput over the baseline's, paired by block; intervals hold jointly"),
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
    Column("late_samples", MAYBE_WHOLE, "samples more than half an interval late"),
    Column("lost_samples", MAYBE_WHOLE, "samples due but not taken"),
    Column("deepest_queue", MAYBE_WHOLE, "most sessions sampled waiting for one lock at once"),
    Column("longest_lock_wait_s", REAL, "the longest sampled wait for a lock"),
    Column("busy_share", REAL, "share of time in which the load loop was busy, in its median trial, 0 to 1"),
    Column("resident_share", REAL, "share of block accesses found in shared_buffers; missing: not counted"),
    Column("cached_share", REAL, "share of its tables and indexes in shared_buffers at the end; missing: not known"),
    Column("retired_trials", MAYBE_WHOLE, "counted trials, if it left early; missing: it did not"),
    *estimated("times_slower", "duration of its trials over the baseline's, if it left early"),
    Column("left_by", TEXT, "the rule by which it left, `far slower` or `race`; missing: it did not"),
    Column("left_leader", TEXT, "the candidate that it was proved slower than"),
    *estimated("behind", "its throughput as a ratio to that one's, if it left a race"),
    Column("agrees", MAYBE_FLAG, "whether its rows equalled those of the workload's model; missing: not compared"),
    Column("checked_calls", MAYBE_WHOLE, "calls after which the rows were compared"),
    Column("path", TEXT, "its SQL file, or its folder of migrations"),
    Column("summary", TEXT, "its description, from its SQL file"),
    Column("expects", TEXT, "its author's expectation"),
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
_PAIR = (
    Column("criterion", TEXT, "a short stable name, as in `lock_waits`"),
    Column("other", TEXT, "the candidate that it is compared with"),
    Column("compared", TEXT, "whether `to_other` is a `ratio` or a `difference`"),
    *estimated("to_other", "the figure compared with the other's, paired by block; intervals hold jointly"),
)
_WRITER = (
    Column("writer", TEXT, "the writer's name"),
    Column("kind", TEXT, "its kind, as in `stream`, `batch` or `reader`"),
    Column("clients", WHOLE, "number of its connections"),
    Column("operations", WHOLE, "calls in each burst"),
    Column("pace", TEXT, "its production load, as text"),
    *estimated("ratio", "how fast it finished its part of a burst, as a ratio to the baseline; missing: unknown"),
    Column("differs", MAYBE_FLAG, "whether it is told apart from the baseline's"),
)
_COST = (
    Column("cost", TEXT, "a short stable name, as in `wal_bytes`"),
    Column("title", TEXT, "its title, as in `WAL`"),
    Column("unit", TEXT, "of `amount`: `bytes`, `blocks`, `rows`, `count`, `seconds`, or `share` (0 to 1)"),
    Column("per", TEXT, "the divisor: `row` written, `operation`, `update`; none for `run`, `end`"),
    Column("amount", REAL, "the figure; missing if the server does not provide it or the divisor is zero"),
    *estimated("ratio", "ratio to the baseline's, paired by block; missing for it, for shares, and if one is zero"),
    Column("differs", FLAG, "whether it is told apart from the baseline's; intervals hold jointly for all candidates"),
)
_ADEQUACY = (
    Column("keeps_up", MAYBE_FLAG, "whether all writers keep up; missing if unclear"),
    Column("duration_s", REAL, "the time that these calls take in production"),
    Column("elapsed_s", REAL, "from the start to the last response"),
    Column("operations_per_s", REAL, "calls per second in production"),
    Column("p99_ns", REAL, "99th percentile of the response times of all calls; missing with too few calls"),
    Column("max_ns", REAL, "response time of the slowest call"),
    Column("lag_p99_ns", REAL, "99th percentile of the load loop's own lag"),
    Column("cut", FLAG, "whether it was cut short"),
)
_PACE = (
    Column("writer", TEXT, "the writer's name"),
    Column("clients", WHOLE, "number of its connections"),
    *estimated("utilisation", "share of its connections' time that its calls take; above 1: more than available"),
    *estimated("busiest_utilisation", "the same for its busiest connection; missing: one connection, or too few calls"),
    Column("backlog_s", REAL, "work left at the end, for each of its connections"),
    Column("drain_s", REAL, "time to drain the backlog while production goes on; missing: never"),
    Column("slowest_s", REAL, "response time of its slowest call"),
    Column("keeps_up", MAYBE_FLAG, "whether it keeps up; missing if unclear"),
)
_SOAK = (
    Column("figure", TEXT, "what changes: `rate`, `p50_ns` or `p99_ns`, as in `soak_turns`"),
    Column("per_s", REAL, "the working time that changes are for, in seconds"),
    *estimated("change", "its relative change, as in -0.04, with what the machine did meanwhile; missing: unknown"),
    *estimated("change_to_baseline", "the same of its ratio to the baseline's; missing for it, and if unknown"),
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
        "left_by": retired.rule if retired else None,
        "left_leader": retired.leader if retired else None,
        **spread("behind", retired.behind if retired else None),
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


def _pairs(run: Run) -> Iterator[Row]:
    for names, experiment, candidate in each_candidate(run):
        for criterion in experiment.criteria:
            standing = candidate.standings.get(criterion.name)
            for other, estimate in standing.to_others.items() if standing else ():
                yield {
                    **names,
                    "criterion": criterion.name,
                    "other": other,
                    "compared": criterion.compared,
                    **spread("to_other", estimate),
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


def _soak(run: Run) -> Iterator[Row]:
    for names, experiment, candidate in each_candidate(run):
        for slope in candidate.soak.slopes if candidate.soak and experiment.soak else ():
            yield {
                **names,
                "figure": slope.figure,
                "per_s": experiment.soak.per_s if experiment.soak else None,
                **spread("change", slope.own),
                **spread("change_to_baseline", slope.to_baseline),
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
PAIRS = Table(
    "A row for each ordered pair of candidates and each criterion; none in older run files. `standings` has the pairs "
    "whose second is the baseline.",
    (*CANDIDATE, *_PAIR),
    _pairs,
)
WRITERS = Table("A row for each candidate and writer.", (*CANDIDATE, *_WRITER), _writers)
COSTS = Table("A row for each candidate and each measure of the cost of its writes.", (*CANDIDATE, *_COST), _costs)
ADEQUACY = Table(
    "A row for each candidate under which the production load was replayed.", (*CANDIDATE, *_ADEQUACY), _adequacy
)
PACE = Table(
    "A row for each candidate and writer under the production load; none in older run files.",
    (*CANDIDATE, *_PACE),
    _pace,
)
SOAK = Table(
    "A row for each candidate and each figure whose change with its own work was found in a soak; none in older run "
    "files.",
    (*CANDIDATE, *_SOAK),
    _soak,
)
