"""What a migration results in, next to fresh installations of the candidate after the same calls.

Owns what is compared with what, and which difference is the migration's doing. Must not know what happened under load.

A fresh installation executes the same calls as fast as it can, and alone. What differs from it need not be the
migration's doing: calls may not commute, and calls and companions may make objects. Then a control tells: a second
fresh installation that executes the same calls at their pace, beside companions.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from random import Random

from schemabench.candidate import Candidate, without_rows
from schemabench.errors import CandidateError, is_servers_fault
from schemabench.experiment import databases
from schemabench.experiment.agreement import differences, violations
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.plan import Plan
from schemabench.load import Limits
from schemabench.rehearsal import catalogs
from schemabench.rehearsal.catalogs import Attributed, Catalog
from schemabench.rehearsal.finding import Applied, Compared
from schemabench.server import Databases, Server
from schemabench.units import plural

_WHOSE = "a fresh installation's"
_LEFT_OUT = "leave companions out: --without-companions"
_NEW = (
    "the connections to a fresh installation have what the candidate sets for new ones, and those of the rehearsed "
    "writers did not, as they were opened before"
)
_VARIES = (
    "a second fresh installation, which executed the same calls at their pace{beside}, differs from the first one in "
    "other objects of the same kind, so that {who} may have made them"
)
_OVERRIDDEN = (
    "the candidate has an operation of its own for the {}, which the second fresh installation executed, and the "
    "migrated database that of what it extends: what either makes, changes or drops may be among the differences. To "
    f"find out, {_LEFT_OUT}"
)


class _NoControlError(Exception):
    """The second fresh installation could not be made; with the reason in words."""


@dataclass(kw_only=True)
class Comparing:
    """A comparison of a migrated database.

    Attributes:
        plan: The workload at a cardinality.
        candidate: The migration.
        server: Where.
        entered: Returns a loaded candidate with the writers' connections, and those of a plan's companions.
        stage: Receives what is going on.
    """

    plan: Plan
    candidate: Candidate
    server: Server
    entered: Callable[[Candidate, Plan | None], Entrant]
    stage: Callable[[str], object]
    _made: Entrant | None = field(init=False, default=None)
    _failure: _NoControlError | None = field(init=False, default=None)

    def catalog(self, some: Databases) -> Catalog:
        """Return the catalog of a database."""
        (database,) = some
        with databases.connect(self.server, database) as connection:
            return catalogs.read(connection)

    def compared(
        self, migrated: Entrant, applied: Applied, catalog: Catalog, bare: Catalog, earlier: Catalog
    ) -> Compared:
        """Compare catalogs and rows with those of a fresh installation after the same calls.

        An invariant that does not hold there either tells nothing: writers may end between two calls that belong
        together. Nor does a difference that two fresh installations have, too.

        Args:
            migrated: What the migration was applied to, without connections.
            applied: What happened.
            catalog: That of the migrated database.
            bare: That of a fresh installation that was not loaded and executed no calls.
            earlier: As in `catalogs.differences`.
        """
        schema: Attributed | None = None
        try:
            if orphans := applied.driven.orphans():
                return Compared(incomparable=_orphaned(orphans))
            fresh = self._fresh(applied.driven.executed(), None)
            schema = self._attributed(fresh, applied, catalog, bare, earlier)
            return replace(self._rows(fresh, migrated, applied), schema=schema, backfills=self._backfills(fresh))
        except CandidateError as failure:
            if is_servers_fault(failure.sqlstate):  # it may take the calls once there is room on the disk
                raise
            return replace(_failed(failure, applied.left), schema=schema)

    def _attributed(
        self, fresh: Entrant, applied: Applied, catalog: Catalog, bare: Catalog, earlier: Catalog
    ) -> Attributed:
        """Return the differences of the catalogs, by whose doing they are."""
        expected = self.catalog(fresh.databases)
        unclear = tuple(catalogs.differences(expected, catalog, earlier))
        if not unclear:
            return Attributed()
        try:
            control = self.catalog(self._control(applied).databases)
        except _NoControlError as failure:
            return Attributed(unclear=unclear, why=str(failure))
        overridden = self._overridden()
        found = catalogs.attributed(expected, catalog, control, bare, earlier, overridden or self._varies())
        return found.left_open(overridden)

    def _rows(self, fresh: Entrant, migrated: Entrant, applied: Applied) -> Compared:
        """Compare rows."""
        self.stage("comparing rows")
        own = replace(migrated, template=replace(fresh.template, databases=migrated.databases))
        undecided = tuple(name for name, _ in violations(self.plan, fresh))
        wrong = {name: reason for name, reason in self._wrong(fresh, own) if name not in undecided}
        counts = tuple(catalogs.counted(*map(self._counts, (fresh.databases, migrated.databases))))
        rows = why = ""
        if wrong:
            try:
                unsettled = self._unsettled(fresh, applied)
            except _NoControlError as failure:
                why = f"{next(iter(wrong.values()))}\n{failure}"
            else:
                rows = next((reason for name, reason in wrong.items() if name not in unsettled), "")
                why = "" if rows else _open(self.plan, unsettled[next(iter(wrong))])
        return Compared(rows=rows, incomparable=why, counts=counts, undecided=undecided)

    def _backfills(self, fresh: Entrant) -> tuple[str, ...]:
        """Return the places of the migration's statements that found no rows in a fresh installation."""
        own = {file.path for file in self.candidate.files}
        return tuple(without_rows(one for one in fresh.template.remarks if one.path in own))

    def _fresh(self, calls: Burst, accompanied: Plan | None) -> Entrant:
        """Return a fresh installation of the candidate that has executed calls, and has no connection any more."""
        random, limits = Random(self.plan.seed), Limits(call_s=self.plan.call_timeout_s)  # noqa: S311 (reproducible)
        with closing(self.entered(self.candidate, accompanied)) as fresh:
            self.stage(f"executing the same calls on a fresh installation{', at their pace' if calls.pace else ''}")
            with fresh.companions.beside() as beside:
                fresh.sessions.drive(fresh.sessions.load(calls), random, limits, beside=beside)
        return fresh

    def _control(self, applied: Applied) -> Entrant:
        """Return a second fresh installation, which is made once.

        It has what else tells the migrated database from the first one: the pace, at which calls that do not commute
        have another order, and the companions, which may write.
        """
        if self._failure:
            raise self._failure
        if self._made is None:
            try:
                self._made = self._fresh(applied.driven.executed(paced=True), self.plan)
            except CandidateError as failure:
                if is_servers_fault(failure.sqlstate):
                    raise
                self._failure = _NoControlError(self._lacking(failure))
                raise self._failure from failure
        return self._made

    def _unsettled(self, fresh: Entrant, applied: Applied) -> dict[str, str]:
        """Return the queries in which the control differs from a fresh installation, each with how."""
        control = self._control(applied)
        self.stage("comparing rows")
        return dict(self._wrong(fresh, control))

    def _wrong(self, fresh: Entrant, one: Entrant) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with rows, each with how: invariants, and states by those of a fresh installation."""
        yield from violations(self.plan, one)
        workload = self.plan.found.workload
        for name in workload.state:
            only = replace(self.plan.found, workload=replace(workload, state=(name,)))
            for reason in differences(replace(self.plan, found=only), fresh, one, {}, _WHOSE):
                yield name, reason

    def _counts(self, some: Databases) -> dict[str, int]:
        (database,) = some
        with databases.connect(self.server, database) as connection:
            return catalogs.counts(connection)

    def _lacking(self, failure: CandidateError) -> str:
        """Return why there is no control, and what to do about it."""
        beside = " and beside companions" if self.plan.companions else ""
        leave = f"\n{_LEFT_OUT}" if self.plan.companions and _LEFT_OUT not in str(failure) else ""
        return (
            "whether the migration is the reason could not be found out: a second fresh installation, which should "
            f"have executed the same calls at their pace{beside}, could not: {failure}{leave}"
        )

    def _overridden(self) -> str:
        """Return why the control's companions did something else than those of the migrated database; empty if not."""
        own = self.candidate.file.operations
        some = [one.name for one in self.plan.companions if one.operation in own]
        return _OVERRIDDEN.format(f"companion{'s' if some[1:] else ''} {', '.join(some)}") if some else ""

    def _varies(self) -> str:
        """Return why a difference is no verdict where the control has others of the kind."""
        if not self.plan.companions:
            return _VARIES.format(beside="", who="calls")
        return f"{_VARIES.format(beside=' and beside companions', who='calls or companions')}. To find out, {_LEFT_OUT}"


def _failed(failure: CandidateError, left: Sequence[str]) -> Compared:
    """Return why rows could not be compared: a fresh installation failed.

    Its connections have what the migration left for new ones, and those of the rehearsed writers did not.
    """
    if not left:
        return Compared(incomparable=str(failure))
    failure.remedies = (f"if this setting is why, leave it out: {'; '.join(left)}", *failure.remedies)
    return Compared(incomparable=f"{_NEW}\n{failure}", over_new=failure.headline)


def _orphaned(calls: Sequence[Encoded]) -> str:
    """Return why the rows are not compared if calls had another value than the one that they should take."""
    operations = dict.fromkeys(call.operation for call in calls)
    return (
        f"{plural(len(calls), 'call')} ({', '.join(operations)}) should take what another call gives that was refused, "
        "and had another value"
    )


def _open(plan: Plan, difference: str) -> str:
    """Return why a difference is no verdict that a control has in the same place."""
    beside, leave = "", ""
    if plan.companions:
        beside, leave = " and beside companions", ", and leave out companions that write: --without-companions"
    return (
        f"a second fresh installation, which executed the same calls at their pace{beside}, differs from the first one "
        f"in the same place: {difference}\nSo the migration need not be the reason. Give calls that do not commute the "
        f"same key{leave}"
    )
