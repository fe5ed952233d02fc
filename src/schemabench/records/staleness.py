"""How old a candidate's answers were.

Owns the record of their ages. Must not compute anything.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Staleness:
    """The ages of one operation's answers, in seconds of production."""

    operation: str
    phase: Literal["trials", "adequacy"]
    """trials: in bursts, as fast as connections allow, where ages are too high, because more is written during the run
    of a job than in production; adequacy: the production load in real time, which decides where both were measured."""
    within_s: float
    """How old they may be by declaration."""
    count: int
    """Answers."""
    p50_s: float
    p99_s: float | None
    """None with too few answers."""
    oldest_s: float
    certain_s: float
    """What is certain of the oldest one: in trials, the age of what had been committed before the burst began, when
    nothing was under way. Above `within_s`, the candidate is disqualified."""
