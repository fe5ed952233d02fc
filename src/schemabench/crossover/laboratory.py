"""Experiments at any cardinality, one after the other, within one budget.

Owns the timing of a search, and the experiment at a cardinality without a name. Must not know the purpose of the
search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from schemabench.bench import Bench, in_words
from schemabench.candidate import BASELINE, Candidate
from schemabench.progress import Shown, best
from schemabench.records import Crossover, Experiment, Noise
from schemabench.units import format_duration
from schemabench.workload import Found

if TYPE_CHECKING:
    from schemabench.experiment import Plan


@dataclass(kw_only=True)
class Laboratory:
    """Makes experiments of one workload, and reports how much of the budget is spent.

    Attributes:
        bench: Has the server and the settings.
        workload: The workload's name.
        start: The cardinality at the start.
        budget_s: The budget for all of them, loading and comparing included.
        candidates: Empty: the progress bar shows no ratios.
        doing: The purpose of the current experiment, in words.
    """

    bench: Bench
    workload: str
    start: str
    budget_s: float
    candidates: tuple[Candidate, ...] = ()
    doing: str = ""
    _started_s: float = field(default_factory=monotonic)

    def __post_init__(self) -> None:
        subject = self.bench.subject(self.workload)
        wanted = self.bench.wanted.get((self.workload, self.start), ())
        self.bench.want(self.workload, self.start, *(name for name in subject.selected if name not in wanted))

    def __str__(self) -> str:
        """Return the heading of the progress bar."""
        return f"{self.workload} from {self.start}"

    @property
    def found(self) -> Found:
        """The workload."""
        return self.bench.subject(self.workload).found

    @cached_property
    def plan(self) -> "Plan":
        """The plan of the experiment at the start, with all selected candidates.

        Raises:
            UsageError: The number of clients does not fit.
        """
        return self.bench.plan(self.workload, self.start)

    @property
    def noise(self) -> Noise | None:
        """The noise beside all its experiments; None without.

        Raises:
            UsageError: As `plan`.
        """
        from schemabench.experiment import planned  # noqa: PLC0415 (likewise below)

        return planned(self.plan)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start of the search."""
        return monotonic() - self._started_s

    @property
    def remaining_s(self) -> float:
        """Seconds left of the budget; negative if it is exceeded."""
        return self.budget_s - self.elapsed_s

    def measure(  # noqa: PLR0913 (what differs between experiments)
        self,
        name: str,
        cardinality: Any,  # noqa: ANN401 (a workload's own type)
        candidates: Sequence[str],
        budget_s: float,
        *,
        sampled: bool = True,
        round_trip_s: float | None = None,
        clients: int | None = None,
        grows: str = "",
        grace_s: float = 0.0,
        most_growth: float = inf,
    ) -> Experiment:
        """Run an experiment.

        Args:
            name: The cardinality's name in the record.
            cardinality: The cardinality itself.
            candidates: The candidates besides the baseline.
            budget_s: The budget for its blocks only.
            sampled: Whether to sample lock waits, if the settings say so.
            round_trip_s: What to add to each exchange; None for what the settings say.
            clients: Connections in each trial; None likewise.
            grows: The field of the cardinality whose larger values add rows to databases of earlier experiments.
            grace_s: How much longer blocks may go on while they are too few to tell candidates apart.
            most_growth: The share by which databases may grow before blocks end that are as many as there should be.

        Raises:
            SchemabenchError: As `experiment.measure`.
        """
        from schemabench.experiment import measure  # noqa: PLC0415 (scipy takes seconds to load)

        plan = self.plan
        found = plan.found  # with the tenants of the noise in its background, if there are any
        workload = replace(found.workload, cardinalities={name: cardinality})
        names = {BASELINE, *candidates}
        plan = replace(
            plan,
            found=replace(found, workload=workload, adjustments={name: found.adjustments.get(self.start, {})}),
            cardinality=name,
            candidates=tuple(one for one in plan.candidates if one.name in names),
            budget_s=budget_s,
            sample_hz=plan.sample_hz if sampled else 0.0,
            round_trip_s=plan.round_trip_s if round_trip_s is None else round_trip_s,
            clients=plan.clients if clients is None else clients,
            grows=grows,
            shares_budget=True,
            grace_s=grace_s,
            most_growth=most_growth,
            keep_templates=True,
            race=0,  # the ratio of each candidate is what is searched for
            adequacy_s=0.0,  # a search needs only ratios
            soak_s=0.0,
            production=None,  # likewise, and each comparison would start a server
            equivalence="off",  # the result is the same at every cardinality, and the check would take most of the time
        )
        with in_words():
            return measure(plan, self.bench.serve(), self)

    def keep(self, *experiments: Experiment, crossover: Crossover | None = None) -> None:
        """Record experiments, and the result of a search."""
        found = self.bench.findings.with_further(*experiments)
        self.bench.findings = found if crossover is None else found.with_crossover(crossover)

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Show an experiment's stage, with the time spent by the search."""
        assert str(plan).startswith(f"{self.workload} "), f"{plan} is none of ours"
        _ = elapsed_s
        self._show(text)

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Show an experiment's progress; one whose candidate failed or left early has no ratio."""
        others = {one.name for one in plan.candidates} - {BASELINE}
        shown = best(plan, ratios) if len(others) == 1 else ""
        self._show(f"block {done}, {format_duration(elapsed_s)} {shown}".strip())

    def say(self, text: str) -> None:
        """Print an intermediate result."""
        self.bench.progress.say(f"{self}: {text}")

    def close(self) -> None:
        """Close the progress display."""
        self.bench.progress.close()

    def _show(self, text: str) -> None:
        self.bench.progress.stage(self, f"{self.doing}: {text}", self.elapsed_s)
