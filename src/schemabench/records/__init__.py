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
    LockWait,
    WaitEvent,
    WaitPair,
)
from schemabench.records.crossover import Crossover, MapCell, Probe, RatioMap, Side, Spot
from schemabench.records.figure import Estimate, Notice
from schemabench.records.interference import Interference
from schemabench.records.noise import PROCESSOR, READS, WAL, Noise, NoiseRuns
from schemabench.records.result import (
    CandidateResult,
    CompanionFigures,
    Cost,
    EquivalenceCheck,
    Extended,
    GrownPlan,
    InnerPlan,
    Retirement,
    Setting,
    StatementPlan,
    Status,
    WriterRatio,
)
from schemabench.records.run import (
    FORMAT,
    OLDEST_FORMAT,
    CompanionShare,
    Experiment,
    OptionValue,
    Run,
    ServerRecord,
    WriterShare,
    from_builtins,
    to_builtins,
)
from schemabench.records.soak import Slope, Soak, SoakFigures, SoakSlice
from schemabench.records.staleness import Staleness
from schemabench.records.standing import LOCK_WAITS, THROUGHPUT, Criterion, Per, Standing, Unit
from schemabench.records.trial import CHECKPOINTED, VACUUMED, Latency, RolledBack, Trial

__all__ = [
    "CHECKPOINTED",
    "CONTENDED",
    "FORMAT",
    "LOCK_WAITS",
    "OLDEST_FORMAT",
    "PAUSE",
    "PROCESSOR",
    "READS",
    "THROUGHPUT",
    "TIME_CLASSES",
    "VACUUMED",
    "WAIT_CLASSES",
    "WAL",
    "Adequacy",
    "CandidateResult",
    "CompanionFigures",
    "CompanionShare",
    "Contention",
    "Cost",
    "Criterion",
    "Crossover",
    "EquivalenceCheck",
    "Estimate",
    "Experiment",
    "Extended",
    "GrownPlan",
    "InnerPlan",
    "Interference",
    "Latency",
    "LockWait",
    "MapCell",
    "Noise",
    "NoiseRuns",
    "Notice",
    "OptionValue",
    "Pacing",
    "Per",
    "Probe",
    "RatioMap",
    "Retirement",
    "RolledBack",
    "Run",
    "ServerRecord",
    "Setting",
    "Side",
    "Slope",
    "Soak",
    "SoakFigures",
    "SoakSlice",
    "Spot",
    "Staleness",
    "Standing",
    "StatementPlan",
    "Status",
    "Trial",
    "Unit",
    "WaitEvent",
    "WaitPair",
    "WriterRatio",
    "WriterShare",
    "from_builtins",
    "to_builtins",
]
