"""How candidates become entrants, each in a separate database, with this process's connections.

Owns the lifetime of an experiment's databases. Must not execute trials, except for calibration.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from time import perf_counter

import psycopg

from schemabench import candidate as candidates
from schemabench import equivalence, reach
from schemabench.candidate import BASELINE, Candidate
from schemabench.errors import CandidateError, SchemabenchError, ServerError
from schemabench.experiment import copies, databases, filling, kept, results, shifts
from schemabench.experiment.calibration import calibrated
from schemabench.experiment.continuing import Closing, Extent, Tracker, rest
from schemabench.experiment.entrant import CONTROL, Entrant, enter
from schemabench.experiment.feed import Chunk, Feed
from schemabench.experiment.forecasting import forecast, forecast_afterwards
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Team, beating
from schemabench.experiment.template import Template, check
from schemabench.monitor import cache
from schemabench.progress import Counter, Progress
from schemabench.records import CandidateResult, EquivalenceCheck, Loaded, Notice
from schemabench.server import Databases, HeldError, Server, outside, several

_WITH_FIRST = 3
"""The entrants as soon as there is one beside the baseline and its control."""
_SHOWN_TABLES = 3
"""A table may have hundreds of partitions."""


@dataclass(kw_only=True)
class Building:
    """The entrants of one experiment, while the stack is open.

    Attributes:
        plan: The experiment.
        server: The server.
        progress: Shows the current stage.
        team: Has the connections that belong to this process, and the other workers, if there are any.
        stack: Closes connections and drops databases.
        entrants: The baseline, then the control, then the other candidates that could be built.
        checks: Candidate -> result of its model check.
        unlogged: Candidate -> its tables that are empty after a crash of the server.
        remarks: Candidate -> what is to be known of how it was installed.
        loaded: Candidate -> what its databases hold, where templates are kept.
        left_out: Candidate -> why it does not take part.
        size: The size of the burst.
        copying_s: The time of copying the database of every entrant.
    """

    plan: Plan
    server: Server
    progress: Progress
    team: Team
    stack: ExitStack
    entrants: list[Entrant] = field(default_factory=list)
    checks: dict[str, EquivalenceCheck] = field(default_factory=dict)
    unlogged: dict[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: dict[str, tuple[Notice, ...]] = field(default_factory=dict)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    left_out: dict[str, CandidateResult] = field(default_factory=dict)
    size: int = 1
    copying_s: float = 0.0
    _feed: Feed = field(init=False)
    """One for all candidates, so that a background that changes between two of them is found."""
    _baseline_s: float = 0.0
    """Seconds from the start until the baseline and its control were built."""
    _started_s: float = field(default_factory=perf_counter)
    _before: outside.Standing = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._feed = self.plan.feed()

    def build(self) -> None:
        """Check and build every candidate, and the control; calibrate the burst on a scratch copy of the baseline.

        Raises:
            CandidateError: The baseline cannot be built, or fails the model check. Any other such candidate is left
                out.
            UsageError: The fewest blocks by turns take far more than the budget.
            WorkloadError: The workload's calls are not acceptable.
            ServerError: The server fails.
        """
        self.server.begin()
        self._before = self.server.standing()
        self.stack.push(self._tell)
        self.server.provide(writer.role for writer, _ in self.plan.writers if writer.role)
        oracle = self._oracle()
        for candidate in self.plan.candidates:
            reason = candidate.refuses(self.server.record.version_num)
            if reason and candidate.name == BASELINE:
                raise CandidateError(
                    f"The baseline does not apply to this server: {reason}",
                    where=candidate.header("postgres"),
                    remedies=["use another server: --postgres SPEC", "widen the `-- postgres:` line of the baseline"],
                )
            if reason:
                self.left_out[candidate.name] = results.unranked(candidate, "skipped", reason)
                continue
            try:
                self._check_parts(candidate)
                if not self.plan.allow_server_changes:
                    reach.check(candidate, owned=self.server.owned)
                if oracle is not None and not self._agrees(oracle, candidate):
                    continue
                self.progress.stage(self.plan, f"building {candidate.name}")
                self._enter(candidate)
                self._forecast(candidate)
            except (CandidateError, HeldError) as failure:
                if candidate.name == BASELINE:
                    raise
                self.left_out[candidate.name] = results.unranked(candidate, "failed", str(failure))

    def _forecast(self, candidate: Candidate) -> None:
        """Say how long the run takes beyond its budget, after the first candidate beside the baseline, if there is one.

        The baseline, which also calibrates, tells nothing of how long others take.
        """
        plan, built = self.plan, len(self.entrants)
        if candidate.name == BASELINE:
            self._baseline_s = self.elapsed_s
        if built != min(_WITH_FIRST, len(plan.candidates) + 1):
            return
        others = len(plan.candidates) - 1
        expected_s = self._baseline_s + others * (self.elapsed_s - self._baseline_s)
        copying_s = copies.at_most_s(plan, self.copying_s / built * (others + 2))
        building = forecast(others + 1, expected_s, plan.budget_s, copying_s, is_step=plan.shares_budget)
        if told := [one for one in (building, forecast_afterwards(plan)) if one]:
            self.progress.say(f"{plan}: {'; '.join(told)}")

    def _check_parts(self, candidate: Candidate) -> None:
        """Refuse a candidate that is for parts other than the workload's.

        Raises:
            CandidateError: With what does not fit.
        """
        plan = self.plan
        candidates.check_parts(candidate, [*plan.parts.by_name.values()])
        if candidate.databases == "part" and (lost := [one.name for one, _ in plan.writers if not one.part]):
            raise CandidateError(
                f"{candidate.name!r} has a database for each part, and these writers belong to none: {', '.join(lost)}",
                where=candidate.header("databases"),
                remedies=["say which part each writer belongs to: `Writer.part`", "leave out `-- databases: part`"],
            )

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start of the experiment."""
        return perf_counter() - self._started_s

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Notices on all candidates."""
        if self.plan.equivalence == "off" or self.plan.found.workload.model is not None:
            return ()
        text = "The workload has no model: candidates were compared with the baseline only, after the last block"
        return (Notice(code="equivalence-not-checked", text=text),)

    def changes(self) -> tuple[Notice, ...]:
        """Return what has changed on another's server since the start, apart from databases of runs.

        Raises:
            ServerError: The server fails.
        """
        text = "The server was changed during the run, by a candidate or by other sessions: "
        found = outside.changes(self._before, self.server.standing(self._before))
        return tuple(Notice(code="server-changed", text=f"{text}{one}") for one in found)

    def known_changes(self) -> tuple[Notice, ...]:
        """Return the same, or that it is not known: an experiment that is measured needs no server any more."""
        try:
            return self.changes()
        except ServerError as failure:
            text = f"Whether the server was changed during the run is not known: {failure.headline}"
            return (Notice(code="server-changes-unknown", text=text),)

    def _tell(self, _: object, failure: BaseException | None, __: object) -> None:
        """Report changes of the server if the experiment ends without a record; as an exit callback of a stack.

        They are added to an error. After an interruption, they are printed on the terminal.
        """
        if failure is None:
            return
        with suppress(SchemabenchError, psycopg.Error):  # the server itself may have failed
            told = tuple(notice.text for notice in self.changes())
            if isinstance(failure, SchemabenchError):
                failure.notices += told
            else:
                for text in told:
                    self.progress.say(text)

    def completed(self, found: Mapping[str, CandidateResult]) -> dict[str, CandidateResult]:
        """Return results with what was known of each candidate before it was measured."""
        return {
            name: replace(
                result,
                equivalence=self.checks.get(name),
                loaded=self.loaded.get(name),
                notices=(
                    *result.notices,
                    *_crash_notices(name, self.unlogged.get(name, ())),
                    *self.remarks.get(name, ()),
                ),
            )
            for name, result in found.items()
        }

    def _oracle(self) -> equivalence.Oracle | None:
        """Return the oracle of the model check, if there is one."""
        plan = self.plan
        if plan.equivalence == "off" or plan.found.workload.model is None:
            return None
        self.progress.stage(plan, "drawing calls for the workload's model")
        return equivalence.Oracle(plan.found, plan.values, equivalence.EFFORTS[plan.equivalence], plan.seed)

    def _agrees(self, oracle: equivalence.Oracle, candidate: Candidate) -> bool:
        """Return whether a candidate passes the model check; it is left out if it does not."""
        self.progress.stage(self.plan, f"checking {candidate.name}")
        checked = oracle.check(candidate, self.server)
        self.checks[candidate.name] = checked.record
        if checked.disagreement is None:
            return True
        if candidate.name == BASELINE:
            raise CandidateError(
                f"The baseline fails the model check: {checked.reason}",
                remedies=[
                    f"if its rows are wrong, fix {candidate.path}",
                    f"if the model is wrong, fix that of the workload {self.plan.found.workload.name!r}",
                    "skip the model check: --equivalence off",
                ],
            )
        self.left_out[candidate.name] = results.unranked(
            candidate, "disqualified", f"it fails the model check: {checked.reason}"
        )
        return False

    def _enter(self, candidate: Candidate) -> None:
        with ExitStack() as scratch:
            template = self._template(candidate, self.stack if self.plan.soak_s else scratch)  # a soak copies it again
            check(template, self.plan.queries, self.plan.bounds)
            self.unlogged[candidate.name] = self._unlogged(template)
            self.remarks[candidate.name] = candidates.notices(candidate, template.remarks)
            self.entrants.append(self._clone(template, candidate.name))
            if candidate.name == BASELINE:
                self.entrants.append(self._clone(template, CONTROL))
                share = len(self.team.positions) / len(self.plan.connections)
                self.size = calibrated(self.plan, self.server, template, self._feed, self.progress, share)

    def _unlogged(self, template: Template) -> tuple[str, ...]:
        """Return a candidate's tables that are empty after a crash of the server."""
        found: dict[str, None] = {}
        for database in template.databases:
            with databases.connect(self.server, database) as connection:
                found |= dict.fromkeys(equivalence.unlogged(connection))
        return tuple(sorted(found))

    def _template(self, candidate: Candidate, scratch: ExitStack) -> Template:
        """Return a candidate's template, from an earlier experiment of the run if there is one with the same rows.

        It is dropped with `scratch`, unless it is kept.
        """
        plan, recipe = self.plan, self._recipe(candidate)
        if not recipe.grows and (some := kept.find(self.server, recipe)):
            noted = kept.noted(self.server, recipe)
            return self._weighed(replace(self._empty(candidate, some), remarks=noted.remarks), noted.extent, 0, 0.0)
        started_s, tracker, closing = perf_counter(), Tracker(), Closing()
        grown = self._grown(candidate, recipe, tracker, closing)
        template, before = grown or (self._loaded(candidate, tracker, closing), 0)
        extent, own_rows = tracker.extent, tracker.extent.rows - before
        noted = replace(recipe, remarks=template.remarks, extent=extent)
        if not (is_kept := plan.keep_templates and kept.keep(self.server, noted, template.databases)):
            scratch.callback(self._drop, template)
        if closing.chunks:
            if is_kept:
                template = self._copied(template)
                scratch.callback(self._drop, template)
            filling.extend(template, closing.chunks)
        return self._weighed(template, extent, own_rows, perf_counter() - started_s)

    def _recipe(self, candidate: Candidate) -> kept.Recipe:
        plan, workload = self.plan, self.plan.found.workload
        return kept.Recipe(
            name=candidate.name,
            source=candidate.text,
            operations=candidates.operations(candidate, plan.found.operations),
            parts=plan.parts,
            background=workload.background,
            values=plan.values,
            shown=repr(plan.values),
            seed=plan.seed,
            isolation=workload.isolation,
            grows=plan.grows,
        )

    def _empty(self, candidate: Candidate, some: Databases) -> Template:
        """Return the template that is in some databases, without what is known of it."""
        return Template(
            candidate=candidate,
            operations=candidates.operations(candidate, self.plan.found.operations),
            server=self.server,
            databases=some,
            parts=self.plan.parts,
            isolation=self.plan.found.workload.isolation,
        )

    def _grown(
        self, candidate: Candidate, recipe: kept.Recipe, tracker: Tracker, closing: Closing
    ) -> tuple[Template, int] | None:
        """Return a copy of a smaller kept template with further rows, and the rows that it had; None if none can be."""
        found, noted = kept.smaller(self.server, recipe) if recipe.grows else None, Tracker()
        if found is None or (smaller := found[0].extent) is None:
            return None
        if (further := rest(self._background(), smaller, noted)) is None:
            return None
        template = self._copied(replace(self._empty(candidate, found[1]), remarks=found[0].remarks))
        try:
            filling.extend(template, closing.before(further), self._counter(candidate, smaller.executions).add)
        except BaseException:
            several.give_up(self.server, template.databases)
            raise
        tracker.extent = noted.extent
        return template, smaller.rows

    def _copied(self, one: Template) -> Template:
        """Return a copy of a template."""
        return replace(one, databases=several.clone(self.server, one.databases, f"{one.candidate.name}_template"))

    def _loaded(self, candidate: Candidate, tracker: Tracker, closing: Closing) -> Template:
        """Return a template that is loaded from its first row on; without closing calls if it is to be grown."""
        plan, background = self.plan, self._background()
        background = tracker.along(background) if plan.keep_templates else background
        return filling.build(
            candidate,
            plan.found.operations,
            self.server,
            closing.before(background) if plan.grows else background,
            plan.found.workload.isolation,
            parts=plan.parts,
            told=self._counter(candidate).add,
        )

    def _background(self) -> Iterator[Chunk]:
        """Yield what fills an empty database, in one COPY that may last for minutes."""
        return beating(self.team, self._feed.background())

    def _counter(self, candidate: Candidate, done: int = 0) -> Counter:
        """Return what shows how many executions of the background are loaded, after those that were before."""
        total = self._feed.background_rows()
        return Counter(
            lambda text: self.progress.stage(self.plan, f"building {candidate.name}: {text}"),
            None if total is None else max(0, total - done),
        )

    def _weighed(self, template: Template, extent: Extent | None, own_rows: int, elapsed_s: float) -> Template:
        """Return a template, after taking note of what it holds where templates are kept."""
        if not self.plan.keep_templates or extent is None:
            return template
        size_bytes = 0
        for database in template.databases:
            with databases.connect(self.server, database) as connection:
                size_bytes += cache.relations_bytes(connection)
        self.loaded[template.candidate.name] = Loaded(
            rows=extent.rows, size_bytes=size_bytes, own_rows=own_rows, elapsed_s=elapsed_s
        )
        return template

    def _clone(self, template: Template, name: str) -> Entrant:
        """Return a clone of a template as an entrant, with this process's connections."""
        started_s = perf_counter()
        label = f"{self.plan.found.workload.name}_{self.plan.cardinality}_{name}"
        clone = several.clone(self.server, template.databases, label, keep=True)
        writers = [*map(self.plan.connections.__getitem__, self.team.positions)]  # shared out once, not for each
        try:
            by_turns = shifts.needed(self.plan, self.server)
            one = enter(template, name, clone, writers, self.plan.round_trip_s, self.plan, by_turns=by_turns)
        except BaseException:
            several.give_up(self.server, clone)
            raise
        if not self.plan.keep_databases:
            self.stack.callback(self._drop, one)
        self.copying_s += perf_counter() - started_s
        return self.stack.enter_context(closing(one))

    def _drop(self, one: Entrant | Template) -> None:
        """Drop an entrant's current databases, or a template's, as far as they can be dropped."""
        several.give_up(self.server, one.databases)


def _crash_notices(name: str, unlogged: Sequence[str]) -> tuple[Notice, ...]:
    if not unlogged:
        return ()
    shown = ", ".join(unlogged[:_SHOWN_TABLES]) + (", ..." if len(unlogged) > _SHOWN_TABLES else "")
    text = f"{name} loses committed rows if the server crashes, because these tables are unlogged: {shown}"
    return (Notice(code="unlogged-tables", text=text),)
