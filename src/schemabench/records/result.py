"""All that is known of one candidate in one experiment.

Owns the records of a candidate. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemabench.records.adequacy import Adequacy
from schemabench.records.contention import Contention
from schemabench.records.figure import Estimate, Notice
from schemabench.records.standing import THROUGHPUT, Per, Standing, Unit
from schemabench.records.trial import Latency, Retries, Trial

Status = Literal["ranked", "disqualified", "invalid", "failed", "skipped"]
"""ranked: measured and comparable; disqualified: it breaks an invariant, or its rows differ, from the model's
beforehand or from the baseline's afterwards; invalid: measured, but the client was what limited the figures, or the
baseline breaks its own invariant; failed: could not be measured; skipped: does not apply to this server."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A server setting, as the sessions of writers have it."""

    name: str
    value: str
    """With its unit; where sessions differ, each value with whose it is; `default` for PostgreSQL's own that is not
    known in figures."""
    source: str
    """Who set it, in words: `schemabench`, `--postgres-setting`, `workload`, `candidate's database`, `an operation`,
    `role`, `environment or DSN`, or the server's own word for it."""


@dataclass(frozen=True, kw_only=True)
class WriterRatio:
    """How one writer fares under one candidate."""

    writer: str
    ratio: Estimate
    """Of how soon its part of a burst was done to the baseline's, paired by block: 2 means in half the time. Intervals
    hold jointly for all candidates, writer by writer; where the standing is `at_least`, this is a lower bound, too."""
    differs: bool = False
    """Whether it is told apart from the baseline's; False in older run files."""


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """Why a candidate left the blocks early: its trials took a multiple of the baseline's, beyond doubt."""

    trials: int
    """Its own that count; its standing is by them alone."""
    slower: Estimate
    """How many times as long as the baseline's they took: at least `low`, however the others fared."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the writes of one candidate cost by one measure."""

    name: str
    """A short stable name, such as `wal_bytes`."""
    title: str
    """For people, as in `WAL`."""
    unit: Unit
    per: Per
    value: float | None
    """None where the server does not offer it, or there was nothing to divide by."""
    ratio: Estimate | None = None
    """To the baseline's, paired by block; None for the baseline, for shares, and where one of the two is zero."""
    differs: bool = False
    """Whether it is told apart from the baseline's. Intervals hold jointly for all candidates, measure by measure."""


@dataclass(frozen=True, kw_only=True)
class InnerPlan:
    """How the server executes one statement inside a function that a statement of an operation calls."""

    function: str
    """With the place in it, as in `charge line 4`."""
    statement: str
    """In the server's words."""
    times: int
    """How often it was executed so."""
    plan: Any
    """What auto_explain said, as EXPLAIN says it, without figures of the execution."""


@dataclass(frozen=True, kw_only=True)
class StatementPlan:
    """How the server executes one statement of an operation, on the final state, as the writers' own sessions do."""

    operation: str
    position: int
    """Of the statement in its operation, from 0."""
    nodes: str
    """The types of its nodes and what they scan, in one line; what the baseline's is compared by."""
    summary: str
    """`nodes`, with rows and blocks; or why there is no plan."""
    same: bool | None
    """Whether the nodes are the baseline's; None for the baseline, and where either has no plan."""
    plan: Any
    """What EXPLAIN said, whole; None where there is no plan."""
    inside: tuple[InnerPlan, ...] = ()
    """The plans inside the functions and triggers that it calls, which are in `nodes`, too; empty where auto_explain
    could not be loaded, and in older run files."""


@dataclass(frozen=True, kw_only=True)
class EquivalenceCheck:
    """How a candidate was compared with the workload's model, before anything was measured."""

    agrees: bool
    """Whether its rows were the model's after every call."""
    sequences: int
    """Sequences of calls that were executed, each from a database without rows."""
    calls: int
    """Calls in all of them, with those to find the shortest that disagrees; after each the rows were compared."""
    complete: bool
    """Whether it ended before its time did."""
    elapsed_s: float


@dataclass(frozen=True, kw_only=True)
class CandidateResult:
    """All that is known of one candidate in one experiment."""

    name: str
    summary: str
    expects: str
    path: str
    """The SQL file, from where the run was started if it lies below."""
    sql: str
    """The text of the SQL file."""
    status: Status
    reason: str = ""
    """Why it was not ranked; empty for a ranked one."""
    settings: tuple[Setting, ...] = ()
    """Those that its writers' sessions have otherwise than the baseline's; see `Experiment.settings`."""
    equivalence: EquivalenceCheck | None = None
    """None where the candidate was not compared with a model."""
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """Criterion -> where it stands by it; empty where it was not ranked."""
    on_front: bool = False
    """Whether it is on the Pareto front: no candidate is better by one criterion of the front without being worse by
    another. Never without a standing by all of them."""
    retired: Retirement | None = None
    """None for who took part in all blocks."""
    operations_per_s: Estimate | None = None
    rows_per_s: Estimate | None = None
    writers: tuple[WriterRatio, ...] = ()
    """In the order of the experiment's writers; empty for the baseline, where there is one writer, and in older run
    files."""
    busy_share: float | None = None
    """The share of time in which the load loop itself was at work, in its median counted trial; None in older run
    files."""
    headroom: Estimate | None = None
    """Throughput over production's: 40 means that it does in 1 s what production asks for in 40 s. None where the
    workload does not say what production asks for."""
    adequacy: Adequacy | None = None
    """None where it was not asked, or production's pace is not known."""
    attempts_per_s: Estimate | None = None
    """Operations per second with those that were undone and repeated; `operations_per_s` counts each once."""
    retries: tuple[Retries, ...] = ()
    """Undone attempts in counted trials."""
    drift: Estimate | None = None
    """The relative change of its own throughput for `Experiment.drift_rows` rows written to it, as in -0.04; None where
    it is no more than chance."""
    contention: Contention | None = None
    """None where nothing was sampled."""
    resident_share: float | None = None
    """The share of block accesses in counted trials that shared_buffers answered; None where that is not counted."""
    cached_share: float | None = None
    """The share of its tables and indexes that was in shared_buffers after the last block; None where the server does
    not tell."""
    costs: tuple[Cost, ...] = ()
    """The same measures in the same order for all candidates of an experiment."""
    plans: tuple[StatementPlan, ...] = ()
    latencies: tuple[Latency, ...] = ()
    trials: tuple[Trial, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def standing(self) -> Standing | None:
        """Where it stands by throughput; None where it was not ranked."""
        return self.standings.get(THROUGHPUT.name)
