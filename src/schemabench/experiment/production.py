"""Each candidate's plans as they would be at production's size, beside those that were measured.

Owns the comparison, and the scratch server on which candidates are built anew, with the same rows, and grown. Nothing
of it reaches a measured database: no session, no statistics, no file. Must not execute an operation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

from schemabench import production
from schemabench.candidate import BASELINE
from schemabench.errors import SchemabenchError, ServerError
from schemabench.experiment import databases, filling, planning
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Team, beating
from schemabench.experiment.template import Template
from schemabench.monitor.choices import Choice, Choices
from schemabench.monitor.nodes import cut, every_node, outline
from schemabench.production import File, Production, Relation
from schemabench.progress import Progress
from schemabench.records import GrownPlan, Notice, StatementPlan
from schemabench.server import Server, opened, scratch, several
from schemabench.units import first_of

_DIFFERS = "production-plan"
_NOT_COMPARED = "production-not-compared"
_SHOWN_CHARACTERS = 200  # of a plan in one line; the run file has all of it
_SHOWN_NAMES = 5
_FAILURES = (SchemabenchError, psycopg.Error, OSError)
"""A run keeps its figures, whatever becomes of the comparison."""
_OID = "SELECT oid::text FROM pg_catalog.pg_database WHERE datname = %s"
_FREE = """
SELECT FROM pg_catalog.pg_settings
WHERE name = %(name)s AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_db_role_setting AS own
    JOIN pg_catalog.pg_database ON pg_database.oid = own.setdatabase, unnest(own.setconfig) AS setting
    WHERE datname = current_database() AND split_part(setting, '=', 1) = %(name)s
)
"""
_Remark: TypeAlias = tuple[str, str]
"""What is told of a candidate: a notice's code, and its text after the names of the candidates that it is about."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A candidate's plans at production's size."""

    plans: tuple[GrownPlan, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A candidate's plans at production's size, and what is told of it alone or of others, too."""

    plans: tuple[GrownPlan, ...] = ()
    told: tuple[_Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The plans of all candidates at production's size."""

    by_candidate: Mapping[str, Compared]
    interrupted: bool = False
    """Whether the user ended it, as by Ctrl-C."""


def compare(  # noqa: PLR0913, PLR0917 (everything that was seen)
    plan: Plan,
    server: Server,
    ended: Mapping[Entrant, planning.Ended],
    own: Mapping[Entrant, Sequence[StatementPlan]],
    calls: planning.Calls,
    progress: Progress,
    team: Team,
) -> Comparison:
    """Return the plans of each candidate at production's size; none without statistics of production.

    An interrupt ends the comparison alone, so that what was measured before is not lost.

    Args:
        plan: The experiment.
        server: On which it was measured; it is only asked what it is.
        ended: The planner's choices for the calls after the last block, the baseline's first.
        own: The writers' plans of each statement.
        calls: One of each operation.
        progress: Shows the current stage.
        team: Its workers, who see nothing of the second server.

    Raises:
        ServerError: The server on which it was measured failed.
    """
    entrants = [one for one in ended if one.name != CONTROL]
    if plan.production is None:
        return Comparison(by_candidate={one.name: Compared() for one in entrants})
    found: dict[str, _Found] = {}
    reason, interrupted = "", False
    try:
        with scratch(server) as beside:
            beside.provide(writer.role for writer, _ in plan.writers if writer.role)
            growing = _Growing(plan, plan.production, beside, team)
            for one in beating(team, entrants):
                progress.stage(plan, f"planning {one.name} at production's size")
                found[one.name] = _compared(one, growing, ended[one].now, own[one], calls)
    except _FAILURES as failure:
        reason = _said(failure)
    except KeyboardInterrupt:
        reason, interrupted = "the run was interrupted", True
    text = f"Plans were not compared with those at production's size: {reason}"
    left = Compared(notices=(Notice(code=_NOT_COMPARED, text=text),))
    compared = {one.name: left for one in entrants} | _shared(found)
    return Comparison(by_candidate=compared, interrupted=interrupted)


def _shared(found: Mapping[str, _Found]) -> dict[str, Compared]:
    """Return what was found of each candidate; what is told of several is one notice, which names them."""
    names: dict[_Remark, list[str]] = {}
    for name, one in found.items():
        for remark in one.told:
            names.setdefault(remark, []).append(name)
    notices = {
        (code, said): Notice(code=code, text=f"{first_of(some, _SHOWN_NAMES)}: {said}")
        for (code, said), some in names.items()
    }
    return {
        name: Compared(plans=one.plans, notices=tuple(notices[remark] for remark in one.told))
        for name, one in found.items()
    }


def _compared(
    one: Entrant, growing: "_Growing", now: Choices, own: Sequence[StatementPlan], calls: planning.Calls
) -> _Found:
    try:
        planned = growing.planned(one, calls)
    except _FAILURES as failure:
        if one.name == BASELINE or not growing.server.alive():
            raise  # without the baseline's copy, nothing says what a candidate's differs by
        text = f"plans were not compared with those at production's size: {_said(failure)}"
        return _Found(told=((_NOT_COMPARED, text),))
    plans = tuple(_pairs(own, now, planned))
    settings = ", ".join(f"{name} {value}" for name, value in planned.settings.items())
    there = f"size and settings ({settings})" if settings else "size"
    differing = _differing(f"at production's {there}", plans, own)
    told = (*differing, *_unknown(planned.unknown), *_unplanned(own, now, planned.choices))
    return _Found(plans=plans, told=told)


def _said(failure: BaseException) -> str:
    if isinstance(failure, OSError):
        return f"the second server's files: {failure.strerror}"
    said = failure.what if isinstance(failure, SchemabenchError) else str(failure).strip()
    return said.partition("\n")[0]


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """What the planner would choose for a candidate at production's size."""

    choices: Choices
    unknown: frozenset[str]
    """Topmost tables of which production does not say how large they or their indexes would be, with their schemas."""
    unsized: frozenset[str]
    """These and their partitions."""
    settings: Mapping[str, str]
    """Those of production's that its plans were made with."""


@dataclass
class _Growing:
    """Builds candidates on a scratch server and grows them, the baseline first."""

    plan: Plan
    production: Production
    server: Server
    team: Team
    baseline: tuple[Relation, ...] = field(default=(), init=False)
    """The relations of the baseline's copy."""

    def planned(self, one: Entrant, calls: planning.Calls) -> _Planned:
        """Return the planner's choices for calls.

        Raises:
            SchemabenchError: The candidate cannot be built, or has several databases.
            psycopg.Error: The server refused.
            OSError: A file cannot be made longer.
        """
        found = self.plan.found
        background = beating(self.team, self.plan.feed().background())
        isolation, parts = found.workload.isolation, self.plan.parts
        template = filling.build(
            one.template.candidate, found.operations, self.server, background, isolation, parts=parts
        )
        try:
            return self._grown(template, calls)
        finally:
            several.give_up(self.server, template.databases)

    def _grown(self, template: Template, calls: planning.Calls) -> _Planned:
        if len(template.databases.by_part) > 1:
            raise ServerError("it has a database for each part, and production's statistics are of one database")
        (database,) = template.databases
        with databases.connect(self.server, database) as connection:
            own = production.relations(connection)
            if template.candidate.name == BASELINE:
                self.baseline = own
            found = production.grown(own, self.production, self.baseline)
            production.restore(connection, found.relations)
            unsized = production.estimate(connection, found.unsized)
            files = production.files(connection)
            settings = self._set(connection, database.name)
        clone = several.clone(self.server, template.databases, "grown")
        try:
            self._extend(next(iter(clone)).name, files)
            unknown = found.unknown | {one.root for one in own if one.name in unsized}
            tables = frozenset(one.name for one in own if one.root in unknown)
            choices = planning.chosen(template, clone, calls)
            return _Planned(choices=choices, unknown=unknown, unsized=tables, settings=settings)
        finally:
            several.give_up(self.server, clone)

    def _set(self, connection: psycopg.Connection[Any], database: str) -> Mapping[str, str]:
        """Give a database production's settings of the planner, without those that this version lacks; return them.

        What the candidate itself has set stays.
        """
        found = {}
        for name, value in self.production.settings.items():
            if connection.execute(_FREE, {"name": name}).fetchone() is not None:
                words = (sql.Identifier(database), sql.Identifier(name), sql.Literal(value))
                connection.execute(sql.SQL("ALTER DATABASE {} SET {} TO {}").format(*words))
                found[name] = value
        return found

    def _extend(self, database: str, files: Sequence[File]) -> None:
        """Make the files of a clone as long as production's, before anybody reads them."""
        assert self.server.data is not None, "a scratch server is on this machine"
        with opened(self.server.conninfo) as connection:
            ((number,),) = connection.execute(_OID, [database]).fetchall()
        for one in files:
            production.extend(self.server.data / "base" / number / one.path.rpartition("/")[2], one)


def _pairs(own: Sequence[StatementPlan], now: Choices, planned: _Planned) -> Iterator[GrownPlan]:
    """Yield the plan of each statement at production's size, without statements about unknown tables.

    It is the generic plan where the writers had one that is not also the custom plan.
    """
    for one in own:
        here, there = now.get((one.operation, one.position)), planned.choices.get((one.operation, one.position))
        if one.plan and here and there and not _names(there, planned.unsized):
            line = outline(one.plan)
            is_generic = line == outline(here.generic) != outline(here.custom)
            chosen = there.generic if is_generic else there.custom
            nodes = outline(chosen)
            yield GrownPlan(
                operation=one.operation, position=one.position, nodes=nodes, same=nodes == line, plan=list(chosen)
            )


def _names(choice: Choice, tables: frozenset[str]) -> bool:
    """Return whether a plan is about one of some tables; nodes name them without a schema."""
    names = {one.rpartition(".")[2].strip('"') for one in tables}
    return any(node.get("Relation Name") in names for node in every_node((*choice.custom, *choice.generic)))


def _differing(where: str, plans: Sequence[GrownPlan], own: Sequence[StatementPlan]) -> Iterator[_Remark]:
    measured = {(one.operation, one.position): outline(one.plan) for one in own if one.plan}
    with_several = {one.operation for one in own if one.position}
    for one in plans:
        if not one.same:
            number = f", statement {one.position + 1}" if one.operation in with_several else ""
            would, here = cut(one.nodes, measured[one.operation, one.position], _SHOWN_CHARACTERS)
            yield _DIFFERS, f"{where}, {one.operation}{number} would have the plan {would}; measured was {here}"


def _unknown(tables: frozenset[str]) -> Iterator[_Remark]:
    if tables:
        read = f"plans that read {first_of(sorted(tables), _SHOWN_NAMES)}"
        yield _NOT_COMPARED, f"{read} were not compared with those at production's size, which is not known"


def _unplanned(own: Sequence[StatementPlan], now: Choices, there: Choices) -> Iterator[_Remark]:
    """Yield what is told of the operations that the second server did not plan, though the measured one did."""
    keys = {(one.operation, one.position) for one in own if one.plan}
    if missing := {operation for operation, position in keys & now.keys() - there.keys()}:
        names = first_of(sorted(missing), _SHOWN_NAMES)
        yield _NOT_COMPARED, f"at production's size, the second server made no plans of {names}"
