"""Execution plans of each statement: one line for each plan, with its differences in a few words.

Owns the omission of plans that equal the baseline's or another candidate's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemabench.candidate import BASELINE
from schemabench.monitor import nodes as plan_nodes
from schemabench.records import CandidateResult, Experiment, StatementPlan
from schemabench.report import figures, outline, unified
from schemabench.report.characters import clean
from schemabench.report.text import name
from schemabench.report.tree import Cell, Column, Fold, Node, Paragraph, Section, Table, Verbatim
from schemabench.report.view import View
from schemabench.units import plural

_SAME = "as the baseline"
_SHOWN_CHARACTERS = 60  # limit for the part that two plans do not share


@dataclass(frozen=True, kw_only=True)
class Group:
    """Candidates with the same plan for one statement."""

    names: tuple[str, ...]
    text: str
    """The summary of their plan, or that it is the baseline's."""
    first: StatementPlan
    """The first candidate's plan."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of an operation under all candidates."""

    operation: str
    number: int | None
    """Its number in the operation, from 1; None if it is the only one."""
    groups: tuple[Group, ...]
    """The baseline's group first, candidates with the baseline's plan last."""

    @property
    def is_alike(self) -> bool:
        """Whether every candidate has the baseline's plan."""
        return all(group.first.same for group in self.groups[1:])


def section(view: View) -> Section | None:
    """Return the section on plans; None if no plan is known."""
    found = statements(view.results)
    if not found:
        return None
    nodes: list[Node] = [
        Paragraph(
            text="Plans of each statement on the final state, in the writers' own sessions. Parts that the "
            "baseline's plan does not have are marked. In full plans, times are in ms per loop, memory and "
            "disk in kB, and zeros are left out; the run file holds the complete output."
        ),
        *(_table(one) for one in found if not one.is_alike),
    ]
    if alike := [one for one in found if one.is_alike]:
        whole = len(alike) == len(found)
        which = "All statements are" if whole else f"{plural(len(alike), 'statement')} {_is(alike)}"
        summary = f"{which} executed with the same plan under every candidate"
        nodes.append(Fold(summary=summary, nodes=tuple(map(_table, alike))))
    return Section(id="plans", title="Execution plans", nodes=tuple(nodes))


def _is(some: Sequence[object]) -> str:
    return "is" if len(some) == 1 else "are"


def _table(statement: Statement) -> Table:
    number = f", statement {statement.number}" if statement.number else ""
    reference = statement.groups[0].first
    return Table(
        caption=f"Plans of {name(statement.operation)}{number}, from the outside in",
        columns=(Column(heading="candidates"), Column(heading="plan", prose=True)),
        rows=tuple(tuple(_row(group, reference)) for group in statement.groups),
    )


def _row(group: Group, reference: StatementPlan) -> Iterator[Cell]:
    """Yield the candidates with a plan, and the plan unless it is the baseline's, which is shown above."""
    plan = group.first
    yield Cell(text=", ".join(map(name, group.names)))
    if plan.plan is None or plan.same:
        yield Cell(text=clean(group.text))
        return
    nodes, rest = clean(plan.nodes), clean(plan.summary.removeprefix(plan.nodes).lstrip("; "))
    if plan is not reference and reference.plan is not None:
        nodes = unified.marked(unified.words(clean(reference.nodes), nodes)[1])
    whole = Verbatim(label="The full plan", text=outline.outline(plan.plan))
    yield Cell(text="; ".join(filter(None, (nodes, rest))), more=whole)


def statements(results: Sequence[CandidateResult]) -> list[Statement]:
    """Return each statement with its plans, candidates grouped by plan."""
    baseline_first = sorted(results, key=lambda result: result.name != BASELINE)
    found: dict[tuple[str, int], list[tuple[str, StatementPlan]]] = {}
    for result in baseline_first:
        for plan in result.plans:
            found.setdefault((plan.operation, plan.position), []).append((result.name, plan))
    several = {operation for operation, position in found if position}
    return [
        Statement(
            operation=operation, number=position + 1 if operation in several else None, groups=tuple(_groups(plans))
        )
        for (operation, position), plans in found.items()
    ]


def changed(result: CandidateResult, baseline: CandidateResult) -> str:
    """Return the main difference of a candidate's plans from the baseline's, and the other operations that differ.

    The operation that takes the most time comes first. Empty if all plans are the baseline's.
    """
    spent_ns = {one.operation: one.count * (one.p50_ns or one.max_ns) for one in result.latencies}
    others = [plan for plan in result.plans if plan.same is False]
    others.sort(key=lambda plan: spent_ns.get(plan.operation, 0.0), reverse=True)
    if not others:
        return ""
    first, *more = dict.fromkeys(plan.operation for plan in others)
    usual, own = _queries(baseline, first), _queries(result, first)
    gone, added = plan_nodes.exchanged(usual, own)
    if not gone and not added:
        gone, added = plan_nodes.outline(usual), plan_nodes.outline(own)  # only their order differs
    if gone == added:  # except for EXPLAIN output outside the nodes, such as triggers
        return f"other plans of {figures.listed(map(name, (first, *more)))}"
    gone, added = plan_nodes.cut(gone, added, _SHOWN_CHARACTERS)
    by = f"by {added} instead of {gone}" if gone and added else f"by {added} besides" if added else f"without {gone}"
    also = f", and other plans of {figures.listed(map(name, more))}" if more else ""
    return f"{name(first)} {by}{also}"


def at_production(experiment: Experiment) -> str:
    """Return for how many statements production's size means another plan, and for which; empty if that is unknown."""
    found = [(result.name, plan) for result in experiment.candidates for plan in result.grown_plans]
    if not found:
        return ""
    others: dict[str, dict[str, None]] = {}
    for who, plan in found:
        if not plan.same:
            others.setdefault(who, {})[plan.operation] = None
    same = sum(plan.same for _, plan in found)
    which = "; ".join(f"{name(who)}: {figures.listed(map(name, some))}" for who, some in others.items())
    counted = f"as measured for {same} of {plural(len(found), 'statement')}"
    return f"{counted}; another for {which}" if which else counted


def _queries(result: CandidateResult, operation: str) -> list[plan_nodes.Node]:
    """Return all plans of an operation: those of its statements, and those of queries inside functions."""
    plans = [plan for plan in result.plans if plan.operation == operation]
    return [query for plan in plans for query in (*(plan.plan or ()), *(q for one in plan.inside for q in one.plan))]


def _groups(plans: Sequence[tuple[str, StatementPlan]]) -> list[Group]:
    found: dict[str, list[tuple[str, StatementPlan]]] = {}
    for who, plan in plans:
        found.setdefault(_SAME if plan.same else plan.summary, []).append((who, plan))
    return [
        Group(names=tuple(who for who, _ in same), text=text, first=same[0][1])
        for text, same in sorted(found.items(), key=lambda item: item[0] == _SAME)
    ]
