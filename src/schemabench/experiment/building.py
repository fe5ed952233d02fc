"""How candidates become entrants: each in a database of its own, with this process's connections.

Owns the life of an experiment's databases. Must not execute a trial, but for finding the size of the burst.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from schemabench.candidate import BASELINE, Candidate
from schemabench.errors import CandidateError, Place
from schemabench.experiment import blocks, entrant, results
from schemabench.experiment.blocks import CONTROL
from schemabench.experiment.entrant import Entrant, Template
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import Plan, Progress
from schemabench.records import CandidateResult
from schemabench.server import Server

_SCRATCH = "scratch"
"""The clone of the baseline that the burst is calibrated on."""


@dataclass(kw_only=True)
class Building:
    """The entrants of one experiment, for as long as the stack lives.

    Attributes:
        plan: The experiment.
        server: Where.
        progress: Whom to tell how far it is.
        positions: The connections that belong to this process.
        stack: What closes connections and drops databases.
        entrants: The baseline first, then the control, then the other candidates that could be built.
        left_out: Candidate -> why it does not take part.
        size: Of the burst.
    """

    plan: Plan
    server: Server
    progress: Progress
    positions: Sequence[int]
    stack: ExitStack
    entrants: list[Entrant] = field(default_factory=list)
    left_out: dict[str, CandidateResult] = field(default_factory=dict)
    size: int = 1

    def build(self) -> None:
        """Build every candidate, and the control; calibrate the burst on a scratch copy of the baseline.

        Raises:
            CandidateError: The baseline cannot be built. Any other that cannot is left out.
            WorkloadError: The workload's calls are not acceptable.
            ServerError: The server fails.
        """
        for candidate in self.plan.candidates:
            reason = candidate.refuses(self.server.record.version_num)
            if reason and candidate.name == BASELINE:
                raise CandidateError(
                    f"The baseline does not apply to this server: {reason}",
                    where=Place(path=candidate.file.path, line=1),
                    remedies=["use another server: --postgres SPEC", "widen the `-- postgres:` line of the baseline"],
                )
            if reason:
                self.left_out[candidate.name] = results.unranked(candidate, "skipped", reason)
                continue
            self.progress.stage(self.plan, f"building {candidate.name}")
            try:
                self._enter(candidate)
            except CandidateError as failure:
                if candidate.name == BASELINE:
                    raise
                self.left_out[candidate.name] = results.unranked(candidate, "failed", str(failure))

    def _enter(self, candidate: Candidate) -> None:
        plan, found = self.plan, self.plan.found
        feed = Feed(found, plan.values, plan.seed, plan.inputs)
        with ExitStack() as scratch:
            template = entrant.build(
                candidate, found.operations, self.server, feed.background(), found.workload.isolation
            )
            scratch.callback(entrant.drop, self.server, template.database)
            entrant.check(template, found.queries)
            self.entrants.append(self._clone(template, candidate.name))
            if candidate.name == BASELINE:
                self.entrants.append(self._clone(template, CONTROL))
                self.progress.stage(plan, "calibrating the burst")
                self.size = blocks.calibrate(plan, self._scratch(template, scratch), feed)

    def _clone(self, template: Template, name: str) -> Entrant:
        """Return a clone of a template as an entrant with the connections that are ours."""
        database = self.server.clone(
            template.database, f"{self.plan.found.workload.name}_{self.plan.cardinality}_{name}"
        )
        if not self.plan.keep_databases:
            self.stack.callback(entrant.drop, self.server, database)
        writers = [self.plan.connections[position] for position in self.positions]
        return self.stack.enter_context(closing(entrant.enter(template, name, database, writers)))

    def _scratch(self, template: Template, stack: ExitStack) -> Entrant:
        """Return a clone of a template with all connections, for calibrating."""
        database = self.server.clone(template.database, _SCRATCH)
        stack.callback(entrant.drop, self.server, database)
        return stack.enter_context(closing(entrant.enter(template, _SCRATCH, database, self.plan.connections)))
