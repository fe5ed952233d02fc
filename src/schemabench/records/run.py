"""A run: its experiments, its server, its options.

Owns the format of a run file's `schemabench` key; a change of meaning raises `FORMAT`. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from schemabench.records.contention import LockStanding
from schemabench.records.crossover import Crossover, RatioMap
from schemabench.records.figure import Notice
from schemabench.records.result import CandidateResult, Standing

FORMAT = 1
"""The version of the run file: raised when a field changes its meaning or goes away."""


@dataclass(frozen=True, kw_only=True)
class WriterShare:
    """How one writer took part."""

    name: str
    kind: str
    clients: int
    """Connections of its own."""
    operations: int
    """Calls in each burst."""
    pace: str
    """What the writer does in production, in words."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """All blocks of one workload at one cardinality."""

    workload: str
    summary: str
    cardinality: str
    """The cardinality's name."""
    values: Mapping[str, Any]
    """The cardinality's fields."""
    digest: str
    """A digest over workload, cardinality name and values: runs of different digests are not comparable."""
    origin: Literal["pinned", "drawn", "found"] = "pinned"
    """Who chose the cardinality: the workload's author, Hypothesis at random, or a search for where ranks change."""
    hypothesis: str = ""
    """The version of Hypothesis that chose it; empty for a pinned one."""
    replay: Mapping[str, str]
    """Input name -> file, where bursts came from files; empty where they were generated."""
    seed: int
    clients: int
    writers: tuple[WriterShare, ...]
    operations: int
    """Operations in each burst."""
    rows: int
    """Logical rows written by each burst, on average."""
    blocks: int
    """Counted blocks."""
    warmup_blocks: int
    budget_s: float
    precision: float
    isolation: str = "read committed"
    """Of all transactions."""
    operations_sql: Mapping[str, str] = field(default_factory=dict)
    """Operation or query -> the workload's own SQL for it, which candidates may override; empty in older run files."""
    sample_hz: float = 0.0
    """Looks at the server per second; 0 where nothing was sampled."""
    busy_share: float = 0.0
    """The share of time in which the load loop itself was at work, in the median trial, 0 to 1."""
    workers: Mapping[str, float] = field(default_factory=dict)
    """Worker of xdist -> the same for its own loop; empty without xdist."""
    steal_share: float | None = None
    """The share of this machine's processor time that its host gave to others meanwhile; None where it is not known."""
    elapsed_s: float
    stopped: Literal["precision", "budget", "never started"]
    candidates: tuple[CandidateResult, ...]
    """In order of rank, then by name; those without a rank last."""
    control: Standing | None
    """The baseline's second entry; None where nothing was ranked."""
    lock_control: LockStanding | None = None
    """The same by lock waits; None where nothing was ranked or sampled."""
    smallest_difference: float | None
    """The smallest relative difference to the baseline that this experiment could have seen, as in 0.03."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A server setting that differs from the built-in default."""

    name: str
    value: str
    source: str
    """Who set it: `schemabench`, `--postgres-setting`, or the server's own word for it."""


@dataclass(frozen=True, kw_only=True)
class ServerRecord:
    """The server that a run used."""

    origin: str
    """Where it came from, in words, with no password."""
    version: str
    """As in 18.6."""
    version_num: int
    """As in 180006."""
    settings: tuple[Setting, ...]


@dataclass(frozen=True, kw_only=True)
class OptionValue:
    """One option of the run and where its value came from."""

    name: str
    value: str
    source: Literal["command line", "environment", "ini file", "default"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One pytest session: the `schemabench` key of a run file."""

    format: int = FORMAT
    run_id: str
    started: str
    """When, in UTC, as ISO 8601."""
    version: str
    """The version of schemabench."""
    command: str
    """What repeats the run."""
    machine: Mapping[str, str]
    """System, processor, cores, memory, Python."""
    options: tuple[OptionValue, ...]
    server: ServerRecord | None
    """None where no experiment needed one."""
    experiments: tuple[Experiment, ...] = ()
    crossovers: tuple[Crossover, ...] = ()
    """Searches for where the answer changes."""
    maps: tuple[RatioMap, ...] = ()
    notices: tuple[Notice, ...] = field(default=())


def to_builtins(record: Run) -> dict[str, Any]:
    """Return a run as dictionaries, lists and scalars that JSON can hold."""
    builtins: dict[str, Any] = msgspec.to_builtins(record)
    return builtins


def from_builtins(value: object) -> Run:
    """Return the run that `to_builtins` made `value` of.

    Raises:
        msgspec.ValidationError: A field is missing or of another type; the message holds its path.
    """
    return msgspec.convert(value, type=Run)
