"""How the server executes each statement: one line for each plan, and what differs in a few words.

Owns what is left out because it is the baseline's, or another candidate's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import shorten

from schemabench.monitor.nodes import Node, exchanged, outline
from schemabench.records import CandidateResult, StatementPlan
from schemabench.report import figures
from schemabench.report.escape import Markdown, code
from schemabench.report.verdict import BASELINE, Name

_SAME = "as the baseline"
_SHOWN_CHARACTERS = 60  # of what two plans do not share


@dataclass(frozen=True, kw_only=True)
class Group:
    """Candidates that execute one statement alike."""

    names: tuple[str, ...]
    text: str
    """The summary of their plan, or that it is as the baseline's."""
    first: StatementPlan
    """The first candidate's."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of an operation under all candidates."""

    operation: str
    number: int | None
    """In its operation, from 1; None where it is the only one."""
    groups: tuple[Group, ...]
    """The baseline's first, those that are as it is last."""

    @property
    def is_alike(self) -> bool:
        """Whether every candidate executes it as the baseline does."""
        return all(group.first.same for group in self.groups[1:])


def statements(results: Sequence[CandidateResult]) -> list[Statement]:
    """Return how each statement is executed, candidates of one plan together."""
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


def changed(result: CandidateResult, baseline: CandidateResult, name: Name, text: Callable[[str], str]) -> str:
    """Return by which other plan than the baseline a candidate executes an operation, and which other operations so.

    That on which most time is spent stands first. Empty where all plans are the baseline's.

    Args:
        result: The candidate.
        baseline: The baseline.
        name: How a name is drawn.
        text: How a plan is drawn.
    """
    spent_ns = {one.operation: one.count * (one.p50_ns or one.max_ns) for one in result.latencies}
    others = [plan for plan in result.plans if plan.same is False]
    others.sort(key=lambda plan: spent_ns.get(plan.operation, 0.0), reverse=True)
    if not others:
        return ""
    first, *more = dict.fromkeys(plan.operation for plan in others)
    usual, own = _queries(baseline, first), _queries(result, first)
    gone, added = exchanged(usual, own)
    if not gone and not added:
        gone, added = outline(usual), outline(own)  # only their order differs
    if gone == added:  # but for what EXPLAIN tells beside its nodes, such as triggers
        return f"other plans of {figures.listed(map(name, (first, *more)))}"
    gone, added = (text(shorten(some, _SHOWN_CHARACTERS, placeholder=" ...")) if some else "" for some in (gone, added))
    by = f"by {added} instead of {gone}" if gone and added else f"by {added} besides" if added else f"without {gone}"
    also = f", and other plans of {figures.listed(map(name, more))}" if more else ""
    return f"{name(first)} {by}{also}"


def _queries(result: CandidateResult, operation: str) -> list[Node]:
    """Return all that an operation executes: its statements' own queries, and those inside functions."""
    plans = [plan for plan in result.plans if plan.operation == operation]
    return [query for plan in plans for query in (*(plan.plan or ()), *(q for one in plan.inside for q in one.plan))]


def tables(results: Sequence[CandidateResult]) -> dict[Markdown, list[tuple[object, ...]]]:
    """Return rows of candidates and plan for each statement.

    The key names the operation, and the statement where it has several.
    """
    return {
        Markdown(code(one.operation) + (f", statement {one.number}" if one.number else "")): [
            (Markdown(", ".join(map(code, group.names))), group.text) for group in one.groups
        ]
        for one in statements(results)
    }


def _groups(plans: Sequence[tuple[str, StatementPlan]]) -> list[Group]:
    found: dict[str, list[tuple[str, StatementPlan]]] = {}
    for name, plan in plans:
        found.setdefault(_SAME if plan.same else plan.summary, []).append((name, plan))
    return [
        Group(names=tuple(name for name, _ in same), text=text, first=same[0][1])
        for text, same in sorted(found.items(), key=lambda item: item[0] == _SAME)
    ]
