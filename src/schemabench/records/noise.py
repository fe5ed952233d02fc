"""The noise that ran beside an experiment.

Owns the record of it. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

WAL, READS, PROCESSOR = "wal", "reads", "processor"
"""The resources of the server of which the noise has shares."""


@dataclass(frozen=True, kw_only=True)
class NoiseRuns:
    """What jobs of one kind did, from before the first block until after the last."""

    kind: str
    due: int
    begun: int
    done: int
    late: int
    """Runs that began more than a second after they were due, or were that long due and had not begun."""
    failed: int
    longest_wait_s: float
    """The longest time from due to begun."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Other tenants and their jobs, in a database of their own and a process of their own."""

    path: str
    """The file of the model."""
    digest: str
    """The SHA-256 of the model: equal for equal noise."""
    organisations: int
    rows: int
    """The rows of their database, before any job ran."""
    speed: float
    """How many times as fast as the model says."""
    connections: int
    pace_per_s: float
    """Runs that are due per second."""
    lasted_s: float = 0.0
    """How long the jobs ran."""
    runs: tuple[NoiseRuns, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    """Resource -> the noise's share of what the server used meanwhile, 0 to 1."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Resource -> why the share is not known."""
    tenants: bool = False
    """Whether the workload put the tenants into the candidates' own tables, too."""
