"""The results of a run, as frozen records that serialise to JSON.

Higher layers fill in records, reports read them. Must not compute anything.
"""

from schemabench.records.adequacy import Adequacy, Pacing
from schemabench.records.contention import (
    CONTENDED,
    PAUSE,
    TIME_CLASSES,
    WAIT_CLASSES,
    Contention,
    LockStanding,
    LockWait,
    WaitEvent,
    WaitPair,
)
from schemabench.records.crossover import Crossover, MapCell, Probe, RatioMap, Side, Spot
from schemabench.records.figure import Estimate, Notice
from schemabench.records.result import (
    CandidateResult,
    Cost,
    EquivalenceCheck,
    InnerPlan,
    Retirement,
    Setting,
    Standing,
    StatementPlan,
    Status,
    WriterRatio,
)
from schemabench.records.run import (
    FORMAT,
    OLDEST_FORMAT,
    Experiment,
    OptionValue,
    Run,
    ServerRecord,
    WriterShare,
    from_builtins,
    to_builtins,
)
from schemabench.records.trial import CHECKPOINTED, VACUUMED, Latency, Retries, Trial

__all__ = [
    "CHECKPOINTED",
    "CONTENDED",
    "FORMAT",
    "OLDEST_FORMAT",
    "PAUSE",
    "TIME_CLASSES",
    "VACUUMED",
    "WAIT_CLASSES",
    "Adequacy",
    "CandidateResult",
    "Contention",
    "Cost",
    "Crossover",
    "EquivalenceCheck",
    "Estimate",
    "Experiment",
    "InnerPlan",
    "Latency",
    "LockStanding",
    "LockWait",
    "MapCell",
    "Notice",
    "OptionValue",
    "Pacing",
    "Probe",
    "RatioMap",
    "Retirement",
    "Retries",
    "Run",
    "ServerRecord",
    "Setting",
    "Side",
    "Spot",
    "Standing",
    "StatementPlan",
    "Status",
    "Trial",
    "WaitEvent",
    "WaitPair",
    "WriterRatio",
    "WriterShare",
    "from_builtins",
    "to_builtins",
]
