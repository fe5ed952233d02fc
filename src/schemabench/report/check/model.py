"""The check of a run as plain records.

Owns what a check asks and finds, and the exit status of each verdict. Must not judge, word or draw any of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from schemabench.candidate import BASELINE
from schemabench.records import THROUGHPUT, CandidateResult, Criterion, Estimate, Run
from schemabench.report.view import View

Verdict = Literal["worse", "no result", "cannot tell", "not worse", "skipped"]
"""The most severe first. worse: beyond what is allowed, beyond chance, or without figures because it failed, was
disqualified, or left early; no result: there is nothing to judge by; cannot tell: the interval contains the bound; not
worse: the whole interval is better than the bound; skipped: the candidate does not apply to this server."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
STATUSES: Mapping[Verdict, int] = {"not worse": 0, "skipped": 0, "worse": 1, "cannot tell": 2, "no result": 3}
"""The exit status of each verdict."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a check is about."""

    regressions: Mapping[str, float]
    """Criterion -> how much worse a candidate may be, as a share; the one with an empty name holds for all others."""
    against: str = BASELINE
    """The candidate that others are compared with."""
    candidates: tuple[str, ...] = ()
    """Those that are judged; empty for all others."""
    criteria: tuple[str, ...] = (THROUGHPUT.name,)
    """By name, in the order in which verdicts are shown."""

    def regression(self, criterion: str) -> float:
        """Return how much worse a candidate may be by a criterion, as a share."""
        return self.regressions.get(criterion, self.regressions.get("", 0.0))


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on one candidate by one criterion."""

    result: CandidateResult
    criterion: Criterion | None = None
    """None where it is judged without any."""
    verdict: Verdict
    found: Estimate | None = None
    """The ratio or the difference to the other candidate; None without figures."""
    of: float = 0.0
    """The other candidate's own figure."""
    reason: str = ""
    """A sentence without its full stop: why there is no figure, or why it does not tell."""
    by: str = ""
    """The name of the criterion that was asked for, also where the experiment was not ranked by it."""
    is_forecast: bool = False
    """Whether the reason says how long a run would take to tell."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An experiment with its verdicts."""

    view: View
    judgements: tuple[Judgement, ...]
    """In order of rank, and for each candidate in that of the criteria asked for."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """The verdicts on a run."""

    run: Run
    asked: Asked
    experiments: tuple[Judged, ...]
    missing: tuple[str, ...] = field(default=())
    """Why an experiment has no result, a sentence for each."""

    @property
    def verdict(self) -> Verdict:
        """The most severe verdict."""
        found = {one.verdict for experiment in self.experiments for one in experiment.judgements}
        found |= {"no result"} if self.missing else set()
        return next(verdict for verdict in VERDICTS if verdict in found)

    @property
    def status(self) -> int:
        """The exit status: that of the most severe verdict."""
        return STATUSES[self.verdict]
