"""The results of one candidate in one experiment.

Owns the records of a candidate. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemabench.records.adequacy import Adequacy
from schemabench.records.contention import Contention
from schemabench.records.figure import Estimate, Notice
from schemabench.records.growth import Loaded
from schemabench.records.interference import Interference
from schemabench.records.soak import SoakFigures
from schemabench.records.staleness import Staleness
from schemabench.records.standing import THROUGHPUT, Per, Standing, Unit
from schemabench.records.trial import Latency, RolledBack, Trial

Status = Literal["ranked", "disqualified", "invalid", "failed", "skipped"]
"""ranked: measured and comparable; disqualified: it breaks an invariant, its answers are older than they may be, or its
rows differ, from the model's beforehand or from the baseline's afterwards; invalid: measured, but the load generator
was the bottleneck, or the baseline itself is disqualified; failed: could not be measured; skipped: does not apply to
this server."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A server setting in the sessions of writers."""

    name: str
    value: str
    """With its unit; if sessions differ, each value with its owner; `default` for PostgreSQL's own if the value is not
    known."""
    source: str
    """Its source: `schemabench`, `--postgres-setting`, `workload`, `candidate's database`, `an operation`, `role`,
    `environment or DSN`, or the server's own name for it."""


@dataclass(frozen=True, kw_only=True)
class WriterRatio:
    """One writer's speed under one candidate."""

    writer: str
    ratio: Estimate
    """How fast it finishes its part of a burst, as a ratio to the baseline's, paired by block: 2 means in half the
    time. Intervals hold jointly for all candidates, writer by writer; where the standing is `at_least`, this is a lower
    bound, too."""
    differs: bool = False
    """Whether it is told apart from the baseline's; False in older run files."""


@dataclass(frozen=True, kw_only=True)
class CompanionFigures:
    """What one companion executed in the counted trials of one candidate."""

    companion: str
    executions: int
    """Those that were completed; 0 for one that holds its transaction open."""
    cut: int = 0
    """Those that were cancelled because their trial had ended."""
    every_s: float | None = None
    """Seconds of trials for each completed execution of each of its sessions; None if there was none."""
    p50_ns: float | None = None
    """Service time; None with too few executions for the figure; likewise below."""
    p99_ns: float | None = None
    max_ns: float | None = None
    lock_share: float | None = None
    """The share of its time in transactions in which it waited for locks, by samples; None if it was not sampled."""


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """Why a candidate left the blocks early: its trials proved it to be too slow."""

    trials: int
    """Its counted trials; its standing rests on them alone."""
    slower: Estimate
    """The duration of its trials over the baseline's: at least `low`, regardless of the other candidates."""
    rule: Literal["far slower", "race"] = "far slower"
    """far slower: its trials took a multiple of the baseline's; race: as many others as there were
    places, the leader among them, or all others still in the race, were proved faster. All its intervals then hold
    wherever the race stopped."""
    leader: str = "baseline"
    """The candidate that it was proved slower than."""
    behind: Estimate | None = None
    """Its throughput as a ratio to the leader's, paired by block; None if it is far slower than the baseline."""
    left_s: float | None = None
    """The time of all blocks until it left, warm-up included, in seconds; not that of copying databases and comparing
    rows. None in older run files."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one candidate's writes by one measure."""

    name: str
    """A short stable name, such as `wal_bytes`."""
    title: str
    """For people, as in `WAL`."""
    unit: Unit
    per: Per
    value: float | None
    """None if the server does not provide it, or the divisor is zero."""
    ratio: Estimate | None = None
    """Ratio to the baseline's, paired by block; None for the baseline, for shares, and if either is zero."""
    differs: bool = False
    """Whether it is told apart from the baseline's. Intervals hold jointly for all candidates, measure by measure."""


@dataclass(frozen=True, kw_only=True)
class InnerPlan:
    """The plan of one statement inside a function that a statement of an operation calls."""

    function: str
    """The function with the position in it, as in `charge line 4`."""
    statement: str
    """The statement's text, as the server reports it."""
    times: int
    """Number of executions with this plan."""
    plan: Any
    """The output of auto_explain in the form of EXPLAIN, without figures of the execution."""


@dataclass(frozen=True, kw_only=True)
class StatementPlan:
    """The plan of one statement of an operation, on the final state, in the writers' own sessions."""

    operation: str
    position: int
    """Position of the statement in its operation, from 0."""
    nodes: str
    """The types of its nodes and their relations, in one line; used for the comparison with the baseline's."""
    summary: str
    """`nodes` with rows and blocks, or why there is no plan."""
    same: bool | None
    """Whether the nodes are the baseline's; None for the baseline, and if either has no plan."""
    plan: Any
    """The complete output of EXPLAIN; None if there is no plan."""
    inside: tuple[InnerPlan, ...] = ()
    """The plans inside the functions and triggers that it calls, which are in `nodes`, too; empty if auto_explain could
    not be loaded, and in older run files."""


@dataclass(frozen=True, kw_only=True)
class GrownPlan:
    """The plan that a statement would have at production's size, by production's statistics."""

    operation: str
    position: int
    """Position of the statement in its operation, from 0."""
    nodes: str
    """The types of its nodes and their relations, in one line."""
    same: bool
    """Whether that is the plan that was measured."""
    plan: Any
    """The complete output of EXPLAIN, without execution."""


@dataclass(frozen=True, kw_only=True)
class EquivalenceCheck:
    """The comparison of a candidate with the workload's model, before any measurement."""

    agrees: bool
    """Whether its rows equalled the model's after every call, or the last of those that are one request."""
    sequences: int
    """Number of executed sequences of calls, each from a database without rows."""
    calls: int
    """Calls after which the rows were compared, in all sequences, including the shrinking of a counterexample."""
    complete: bool
    """Whether it finished before its time limit."""
    elapsed_s: float


@dataclass(frozen=True, kw_only=True)
class Extended:
    """A candidate that another one extends: its schema comes first."""

    name: str
    path: str
    """Its SQL file or folder, as in `CandidateResult`."""
    sql: str
    """The text of its own files."""


@dataclass(frozen=True, kw_only=True)
class CandidateResult:
    """All that is known of one candidate in one experiment."""

    name: str
    summary: str
    expects: str
    path: str
    """The SQL file, or the folder of migrations, relative to the run's working folder if it lies below."""
    sql: str
    """The text of its own files, with a comment in place of the rows of a dump."""
    status: Status
    reason: str = ""
    """Why it was not ranked; empty for a ranked one."""
    extends: tuple[Extended, ...] = ()
    """What it extends, in the order in which schemas are applied; empty if it starts from an empty database."""
    settings: tuple[Setting, ...] = ()
    """The settings that differ from the baseline's in its writers' sessions; see `Experiment.settings`."""
    equivalence: EquivalenceCheck | None = None
    """None where the candidate was not compared with a model."""
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """Criterion -> where it stands by it; empty where it was not ranked."""
    on_front: bool = False
    """Whether it is on the Pareto front: no candidate is better by one criterion of the front without being worse by
    another. Never without a standing by all of them."""
    retired: Retirement | None = None
    """None if it took part in all blocks."""
    operations_per_s: Estimate | None = None
    rows_per_s: Estimate | None = None
    call_p50_ns: Estimate | None = None
    """Service time of all calls, whatever their operation, with its interval over blocks; None with too few calls or
    blocks, and in older run files, likewise the next."""
    call_p99_ns: Estimate | None = None
    loaded: Loaded | None = None
    """What its databases held before the first block; None where that was not read: only searches, maps and growth
    curves do."""
    writers: tuple[WriterRatio, ...] = ()
    """In the order of the experiment's writers; empty for the baseline, with one writer, and in older run files."""
    companions: tuple[CompanionFigures, ...] = ()
    """In the order of the experiment's companions, without those that have nothing to do under the candidate; empty in
    older run files."""
    busy_share: float | None = None
    """The share of time in which the load loop was busy, in its median counted trial; None in older run files. Above
    0.8, it may limit the figures."""
    headroom: Estimate | None = None
    """Throughput over the production load: 40 means that it does in 1 s the work of 40 s of production. None if the
    workload does not state the production load."""
    adequacy: Adequacy | None = None
    """None if the production load was not replayed, or is not known."""
    soak: SoakFigures | None = None
    """None without a soak, if it did not take part, and in older run files."""
    attempts_per_s: Estimate | None = None
    """Attempts per second, retries included; `operations_per_s` counts each operation once."""
    retries: tuple[RolledBack, ...] = ()
    """Attempts that were rolled back and repeated in counted trials."""
    accepted: tuple[RolledBack, ...] = ()
    """Calls that were rolled back and left at that, as their author accepts the error; in counted trials."""
    staleness: tuple[Staleness, ...] = ()
    """How old its answers were; empty if no answer may be old, and in older run files."""
    interference: tuple[Interference, ...] = ()
    """How much the other parts slow each writer; empty unless that was measured, and in older run files."""
    drift: Estimate | None = None
    """The relative change of its own throughput for `Experiment.drift_rows` rows written to it, as in -0.04; None where
    it is no more than chance."""
    contention: Contention | None = None
    """None without samples."""
    resident_share: float | None = None
    """The share of block accesses in counted trials found in shared_buffers; None if that is not counted."""
    cached_share: float | None = None
    """The share of its tables and indexes in shared_buffers after the last block; None if the server does not report
    it."""
    costs: tuple[Cost, ...] = ()
    """The same measures in the same order for all candidates of an experiment."""
    plans: tuple[StatementPlan, ...] = ()
    grown_plans: tuple[GrownPlan, ...] = ()
    """Empty without production's statistics, for statements that could not be compared, and in older run files."""
    latencies: tuple[Latency, ...] = ()
    trials: tuple[Trial, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def whole_sql(self) -> str:
        """The text of its own files and of those that it extends, in the order in which they are applied."""
        return "\n".join([*(one.sql for one in self.extends), self.sql])

    @property
    def standing(self) -> Standing | None:
        """Where it stands by throughput; None where it was not ranked."""
        return self.standings.get(THROUGHPUT.name)
