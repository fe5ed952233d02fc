"""Measurements: trials, their calls and writers, latencies.

Owns the tables of observations. Must not compare candidates.
"""

from collections.abc import Iterator

from schemabench.frames.table import (
    CANDIDATE,
    FLAG,
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
    spread,
)
from schemabench.records import WAIT_CLASSES, Latency, Run

_TRIAL = (
    Column("block", WHOLE, "the block, from 0, warm-up included"),
    Column("copy", WHOLE, "the copy of the candidate's database, from 0"),
    Column(
        "position",
        WHOLE,
        "position in the order of the block, from 0; the control, which has no rows here, takes one, too",
    ),
    Column("warmup", FLAG, "whether the trial is warm-up and not counted"),
    Column("started_s", REAL, "seconds from the start of the experiment"),
    Column("duration_s", REAL, "wall time of the burst over all writers"),
    Column("operations", WHOLE, "operations executed, retries not counted"),
    Column("rows", WHOLE, "logical rows written"),
    Column("operations_per_s", REAL, "`operations` divided by `duration_s`"),
    Column("rows_per_s", REAL, "`rows` divided by `duration_s`"),
    Column("lead_in_rows", WHOLE, "logical rows written just before or after, by bursts that are not counted"),
    Column("retries", WHOLE, "attempts that the server rolled back and that were repeated"),
    Column("accepted", WHOLE, "operations that the server rolled back and that count as done; see `-- accept:`"),
    Column("paused_s", REAL, "total time that connections paused before retries"),
    Column("busy_share", REAL, "share of `duration_s` in which the busiest load loop was busy, 0 to 1"),
    Column("looks", WHOLE, "samples taken of the server; 0 in older run files, too"),
)
_SAMPLES = tuple(
    Column(f"{name.lower()}_samples", MAYBE_WHOLE, f"samples of writers' sessions in the class {name}")
    for name in WAIT_CLASSES
)
_CALLS = (
    Column("block", WHOLE, "the trial's block"),
    Column("operation", TEXT, "the operation's name"),
    Column("calls", WHOLE, "its calls in the trial"),
    Column("undone", WHOLE, "its attempts that the server rolled back"),
)
_WRITER_TRIALS = (
    Column("block", WHOLE, "the trial's block"),
    Column("writer", TEXT, "the writer's name"),
    Column("done_s", REAL, "from the start of the trial to the writer's last response"),
    Column(
        "alone_s", REAL, "the same for a burst that only its part executed; missing unless interference is measured"
    ),
)
_WHICH = (
    Column(
        "phase", TEXT, "`trials`: in bursts, as fast as connections allow; `adequacy`: the production load in real time"
    ),
    Column("timed_from", TEXT, "`sent`: service time; `due`: response time, from the moment of the call in production"),
    Column("operation", TEXT, "the operation's name"),
)
_LATENCY = (
    Column("count", WHOLE, "calls"),
    Column("p50_ns", REAL, "the median; missing with too few calls for a percentile, likewise below"),
    Column("p95_ns", REAL, "the 95th percentile"),
    Column("p99_ns", REAL, "the 99th percentile"),
    Column("max_ns", REAL, "the slowest call"),
    Column("retries", WHOLE, "attempts that were rolled back and retried"),
)
_PERCENTILE = (
    Column("level", REAL, "the percentile's level, 0 to 1"),
    Column("latency_ns", REAL, "the percentile"),
)
_RETRIES = (
    Column("operation", TEXT, "the operation's name"),
    Column("outcome", TEXT, "`retried`; `accepted`: the call counts as done, though nothing of it remains"),
    Column("reason", TEXT, "as in `deadlock`, `lock timeout` or `unique violation (23505)`"),
    Column("count", WHOLE, "attempts rolled back for this reason, in counted trials"),
    Column("calls", WHOLE, "calls of the operation; 0 in older run files"),
)
_COMPANIONS = (
    Column("companion", TEXT, "the companion's name"),
    Column("executions", WHOLE, "those completed in counted trials; 0 for one that holds its transaction open"),
    Column("cut", WHOLE, "those cancelled because their trial had ended"),
    Column("every_s", REAL, "seconds of trials for each execution of one connection; missing: none was completed"),
    Column("p50_ns", REAL, "the median service time; missing: too few executions; likewise the next"),
    Column("p99_ns", REAL, "the 99th percentile"),
    Column("max_ns", REAL, "the slowest execution; missing: none was completed"),
    Column("lock_share", REAL, "the share of its time in transactions that it waited for locks; missing: no samples"),
)


_STALENESS = (
    Column("operation", TEXT, "the operation's name"),
    Column("phase", TEXT, "`trials` or `adequacy`, as in `latencies`"),
    Column("within_s", REAL, "how old its answers may be, in seconds of production; likewise below"),
    Column("count", WHOLE, "answers"),
    Column("p50_s", REAL, "the median age"),
    Column("p99_s", REAL, "the 99th percentile; missing with too few answers"),
    Column("oldest_s", REAL, "the oldest answer"),
    Column("certain_s", REAL, "what is certain of it: in trials, the age of what was committed before the burst"),
)


_INTERFERENCE = (
    Column("part", TEXT, "the part of the writer"),
    Column("writer", TEXT, "the writer's name"),
    Column("alone_s", REAL, "the median time of its calls in bursts that only its part executed"),
    Column("beside_s", REAL, "the same in trials, which all parts executed together"),
    *estimated("ratio", "the time beside the others over the time alone, paired by block"),
    Column("differs", FLAG, "whether the ratio differs from 1 beyond chance"),
    Column("lock_share", REAL, "the share of its part's time waiting for locks of other parts; missing: no samples"),
)

_SOAK_TURNS = (
    Column("round", WHOLE, "the round, from 0; the first does not count for slopes"),
    Column("position", WHOLE, "its place in the order of the round, from 0; the control takes one, too"),
    Column("started_s", REAL, "wall time since the soak began"),
    Column("worked_s", REAL, "the candidate's own working time before this turn"),
    Column("duration_s", REAL, "its working time in this turn"),
    Column("operations", WHOLE, "operations executed, retries not counted"),
    Column("rows", WHOLE, "logical rows written"),
    Column("retries", WHOLE, "attempts that the server rolled back and that were repeated"),
    Column("rate", REAL, "operations per second; at production's pace for each second in which a connection was busy"),
    Column("p50_ns", REAL, "service time, at production's pace response time; missing with too few calls"),
    Column("p99_ns", REAL, "likewise"),
    Column("busy_share", REAL, "share of its time in which the load loop was busy, 0 to 1"),
)
_SOAK_READINGS = (
    Column("dead_rows", REAL, "at its end; missing if the server does not provide it, likewise below"),
    Column("table_bytes", REAL, "at its end"),
    Column("index_bytes", REAL, "at its end"),
    Column("pending_bytes", REAL, "at its end, in the pending lists of GIN indexes"),
    Column("xid_age", REAL, "at its end, transactions of the server since the oldest that is not frozen"),
    Column("wal_bytes", REAL, "in this turn, of the whole server; likewise the next two"),
    Column("wal_fpi", REAL, "full-page images"),
    Column("checkpoints", REAL, "checkpoints that began"),
    Column("own_vacuum_share", REAL, "share of its time, 0 to 1, in which autovacuum worked in its own databases"),
    Column("others_vacuum_share", REAL, "likewise in any others of the server"),
    Column("vacuums", REAL, "by autovacuum in its databases since the turn before; likewise the next two"),
    Column("analyzes", REAL, "by autovacuum"),
    Column("vacuum_s", REAL, "time of both"),
)


def _trials(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for trial in candidate.trials:
            yield {
                **names,
                **fields(trial, _TRIAL),
                "operations_per_s": trial.operations / trial.duration_s,
                "rows_per_s": trial.rows / trial.duration_s,
                **{f"{name.lower()}_samples": count for name, count in trial.waits.items()},
                **trial.counters,
            }


def _calls(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for trial in candidate.trials:
            for operation, calls in trial.calls.items():
                undone = trial.undone.get(operation, 0)
                yield {**names, "block": trial.block, "operation": operation, "calls": calls, "undone": undone}


def _writer_trials(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for trial in candidate.trials:
            for writer, done_s in trial.writers_s.items():
                yield {
                    **names,
                    "block": trial.block,
                    "writer": writer,
                    "done_s": done_s,
                    "alone_s": trial.alone_s.get(writer),
                }


def _each_latency(run: Run) -> Iterator[tuple[Row, Latency]]:
    for names, _, candidate in each_candidate(run):
        kinds = [("trials", "sent", candidate.latencies)]
        if (paced := candidate.adequacy) is not None:
            kinds += [("adequacy", "sent", paced.services), ("adequacy", "due", paced.responses)]
        for phase, timed_from, latencies in kinds:
            for one in latencies:
                yield {**names, "phase": phase, "timed_from": timed_from, "operation": one.operation}, one


def _latencies(run: Run) -> Iterator[Row]:
    for names, latency in _each_latency(run):
        yield {**names, **fields(latency, _LATENCY)}


def _percentiles(run: Run) -> Iterator[Row]:
    for names, latency in _each_latency(run):
        for level, latency_ns in latency.curve:
            yield {**names, "level": level, "latency_ns": latency_ns}


def _retries(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for outcome, some in (("retried", candidate.retries), ("accepted", candidate.accepted)):
            for one in some:
                yield {**names, "outcome": outcome, **fields(one, _RETRIES)}


def _companions(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for one in candidate.companions:
            yield {**names, **fields(one, _COMPANIONS)}


def _staleness(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for one in candidate.staleness:
            yield {**names, **fields(one, _STALENESS)}


def _interference(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for one in candidate.interference:
            yield {**names, **fields(one, _INTERFERENCE), **spread("ratio", one.ratio)}


def _soak_turns(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for turn in candidate.soak.slices if candidate.soak else ():
            readings = {**turn.state, **turn.meanwhile, **turn.looked_after}
            known = {column.name: readings.get(column.name) for column in _SOAK_READINGS}
            yield {**names, **fields(turn, _SOAK_TURNS), **known}


TRIALS = Table(
    "A row for each trial, warm-up included. The columns below are followed by one for each counter that the server "
    "provides, with its increase over the trial, as in `wal_bytes` or `rows_dead`; those that begin with `upkeep_` "
    "cover vacuums after the trial, and `upkeep_elapsed_s` is the time of the commands that were executed.",
    (*CANDIDATE, *_TRIAL, *_SAMPLES),
    _trials,
)
CALLS = Table(
    "A row for each trial and operation called in it; none in older run files.", (*CANDIDATE, *_CALLS), _calls
)
WRITER_TRIALS = Table("A row for each trial and writer.", (*CANDIDATE, *_WRITER_TRIALS), _writer_trials)
LATENCIES = Table(
    "A row for each candidate, operation and start of timing, over all counted trials.",
    (*CANDIDATE, *_WHICH, *_LATENCY),
    _latencies,
)
PERCENTILES = Table(
    "A row for each latency and each level that its calls support; none in older run files.",
    (*CANDIDATE, *_WHICH, *_PERCENTILE),
    _percentiles,
)
RETRIES = Table(
    "A row for each candidate, operation and reason of rolled-back attempts.",
    (*CANDIDATE, *_RETRIES),
    _retries,
)
COMPANIONS = Table(
    "A row for each candidate and companion, which ran beside the trials; none in older run files.",
    (*CANDIDATE, *_COMPANIONS),
    _companions,
)
INTERFERENCE = Table(
    "A row for each candidate and writer of a workload that measures the interference of its parts; none in older run "
    "files.",
    (*CANDIDATE, *_INTERFERENCE),
    _interference,
)
STALENESS = Table(
    "A row for each candidate, operation and phase in which the age of answers was measured; none in older run files.",
    (*CANDIDATE, *_STALENESS),
    _staleness,
)
SOAK_TURNS = Table(
    "A row for each turn of a candidate in a soak; none in older run files.",
    (*CANDIDATE, *_SOAK_TURNS, *_SOAK_READINGS),
    _soak_turns,
)
