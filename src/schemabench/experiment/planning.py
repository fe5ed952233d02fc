"""Whether the writers' plans still fit their tables: cached plans outlive the tables they were made for.

Owns the requests for plans, in writers' sessions and over a separate connection, and the notices on changed plans, on
cached plans that a new connection would not choose, and on tables that the planner assumes to be empty. Must not know
EXPLAIN.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

import psycopg
from psycopg.pq.abc import PGconn

from schemabench.errors import CandidateError, WorkloadError
from schemabench.experiment import databases
from schemabench.experiment.burst import Encoded
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.plan import Plan
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.template import Template
from schemabench.load import Linked, LostConnectionError
from schemabench.monitor.choices import Choices, Table, choose, tables
from schemabench.monitor.nodes import Node, cut, differing, every_node, outline
from schemabench.monitor.plans import Statement, explain
from schemabench.records import Notice, StatementPlan
from schemabench.server import Databases, lost
from schemabench.units import first_of, plural
from schemabench.workload import Writer

Calls: TypeAlias = Sequence[tuple[Writer, Encoded]]
"""One call of each operation, with its writer."""

SMALLER = 10
"""Statistics are out of date if they assume this many times fewer rows or pages: plans are chosen by orders of
magnitude."""
FEW_ROWS = 1000
"""A table with fewer rows is read in a fraction of a millisecond, whatever the plan."""
_SHOWN = 3
"""The maximum number of statements, tables or candidates named, of possibly hundreds."""
_SAID = {
    "plan-stale": "Writers of {} still use plans that a new connection would not choose",
    "plan-changed": "Plans of {} in the last block differ from those in the first",
    "statistics-of-empty-table": "Planner statistics for tables of {} are out of date (load rows in the background)",
}
_SHOWN_CHARACTERS = 80  # of the difference between two plans


@dataclass(frozen=True, kw_only=True)
class Begun:
    """The planner's choices after the first block."""

    calls: Calls = ()
    """Planned again after the last block, because other values may have other plans."""
    choices: Mapping[str, Choices] = field(default_factory=dict)
    """Entrant -> choices."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The planner's choices for an entrant after the last block."""

    begun: Choices
    """For the calls of the first block."""
    now: Choices
    """For the calls of the writers' own plans."""
    tables: Sequence[Table]


def calls(plan: Plan, examples: Mapping[str, Encoded]) -> Calls:
    """Return calls for planning, in order of their operation, each with its writer."""
    writers = {writer.name: writer for writer in plan.connections}
    return [(writers[call.writer], call) for _, call in sorted(examples.items())]


def plans(one: Entrant, calls: Calls) -> tuple[StatementPlan, ...]:
    """Return the writers' current plans of each call; executed statements are rolled back.

    Raises:
        ServerError: The server failed.
    """
    with _words(one):
        return tuple(chain.from_iterable(explain(*asked) for asked in _asked(one.sessions, calls)))


def choices(one: Entrant, calls: Calls) -> Choices:
    """Return the plans that a new connection would choose for each call; nothing is executed.

    Empty if the server no longer accepts an operation: the next burst will report that.

    Raises:
        ServerError: The server failed.
    """
    with _words(one):
        return chosen(one.template, one.databases, calls)


def chosen(template: Template, databases: Databases, calls: Calls) -> Choices:
    """Return the same for a candidate in any databases.

    Raises:
        LostConnectionError, psycopg.Error: The server failed.
    """
    writers = [writer for writer, _ in calls[:1]]  # one connection plans for all of a part and role
    with suppress(CandidateError, WorkloadError), closing(Sessions(template, databases, writers)) as new:
        return dict(chain.from_iterable(choose(*asked).items() for asked in _asked(new, calls)))
    return {}


def _asked(sessions: Sessions, calls: Calls) -> Iterator[tuple[PGconn, list[Statement]]]:
    """Yield for each call a connection that has prepared it, and its statements.

    Raises:
        CandidateError: The server refused an operation.
        ServerError: The server failed.
    """
    for writer, call in calls:
        session, steps = sessions.ready(writer, call)
        statements = [
            Statement(
                operation=call.operation,
                position=position,
                prepared=step[0],
                parameters=step[1],
                link=step if isinstance(step, Linked) else None,
            )
            for position, step in enumerate(steps)
        ]
        if statements:
            yield session.connection, statements


def end(one: Entrant, begun: Begun, calls: Calls) -> Ended:
    """Return the planner's choices after the last block; for use before the writers' own plans are collected.

    Raises:
        ServerError: The server failed.
    """
    found: list[Table] = []
    for database in one.databases:
        with _words(one), databases.connect(one.template.server, database) as connection:
            found += tables(connection)
    return Ended(begun=choices(one, begun.calls), now=choices(one, calls), tables=found)


def notices(
    begun: Begun, ended: Mapping[str, Ended], own: Mapping[str, Sequence[StatementPlan]]
) -> dict[str, tuple[Notice, ...]]:
    """Return the notices on each candidate's plans; candidates with the same notice share it.

    Args:
        begun: The planner's choices after the first block.
        ended: Its choices after the last block, by candidate; likewise the next.
        own: The writers' plans of each statement.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name, plans in own.items():
        for code, cases in (
            ("plan-stale", _some(_stale(ended[name], plans))),
            ("plan-changed", _first(_changed(begun.choices.get(name, {}), ended[name]))),
            ("statistics-of-empty-table", _some(_believed(ended[name].tables))),
        ):
            if cases:
                found.setdefault((code, cases), []).append(name)
    told: dict[str, tuple[Notice, ...]] = dict.fromkeys(own, ())
    for (code, said), names in found.items():
        notice = Notice(code=code, text=f"{_SAID[code].format(first_of(names, _SHOWN))}: {said}")
        for name in names:
            told[name] += (notice,)
    return told


def _stale(ended: Ended, own: Sequence[StatementPlan]) -> list[str]:
    """Return the writers' plans that are neither the custom nor the generic plan of a new connection."""
    return [
        f"{one.operation}{_made(one.plan, ended.tables)}: {old}; a new connection would use {new}"
        for one in own
        if one.plan and (choice := ended.now.get((one.operation, one.position)))
        if outline(one.plan) not in choice.lines
        for old, new in [_shown(one.plan, choice.custom)]
    ]


def _changed(begun: Choices, ended: Ended) -> dict[str, str]:
    """Return the operations whose plans changed, each with the first changed statement's current plan."""
    changed: dict[str, str] = {}
    for (operation, position), then in begun.items():
        now = ended.begun.get((operation, position))
        if now and outline(then.custom) != outline(now.custom):
            old, new = _shown(then.custom, now.custom)
            changed.setdefault(operation, f"{new} instead of {old}")
    return changed


def _believed(found: Sequence[Table]) -> list[str]:
    """Return the tables whose statistics are those of an empty or much smaller table, partitions as one table."""
    wrong: dict[str, list[Table]] = {}
    for table in found:
        if table.live_rows >= FEW_ROWS and max(0.0, table.believed_rows) * SMALLER < table.live_rows:
            wrong.setdefault(table.root, []).append(table)
    return [
        f"{root} holds {plural(sum(table.live_rows for table in some), 'row')}, but the planner assumes "
        + (f"{believed:,.0f}" if (believed := sum(max(0.0, table.believed_rows) for table in some)) else "none")
        for root, some in wrong.items()
    ]


def _made(plan: Sequence[Node], found: Sequence[Table]) -> str:
    """Return what a plan was made for, if it shows: a sequential scan costs at least its table's pages."""
    pages = {table.name: table.pages for table in sorted(found, key=lambda table: -table.pages)}  # the smallest counts
    for node in every_node(plan):
        table, cost = node.get("Relation Name", ""), node.get("Total Cost", 0.0)
        if node["Node Type"] == "Seq Scan" and cost * SMALLER < pages.get(table, 0):
            return f" (planned when {table} was {'far smaller' if cost else 'empty'})"
    return ""


def _shown(old: Sequence[Node], new: Sequence[Node]) -> tuple[str, str]:
    return cut(*differing(old, new), _SHOWN_CHARACTERS)


def _first(changed: Mapping[str, str]) -> str:
    """Return the first operation with its plans, and the names of the others: growing tables change many plans."""
    (operation, plans), *others = changed.items() or (("", ""),)
    also = f"; and others of {first_of([name for name, _ in others], _SHOWN)}" if others else ""
    return f"{operation}: {plans}{also}" if operation else ""


def _some(cases: Sequence[str]) -> str:
    return first_of(cases, _SHOWN, between="; ", rest="; and {:,} more")


@contextmanager
def _words(one: Entrant) -> Iterator[None]:
    """Raise a broken connection as a ServerError."""
    try:
        yield
    except (LostConnectionError, psycopg.Error) as failure:
        raise lost(one.template.server, failure) from failure
