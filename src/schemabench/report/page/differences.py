"""What differs: each candidate's SQL against the baseline's, and how the server executes it.

Owns what is compared with what: definitions with the baseline's, an operation that is overridden with the baseline's
or the workload's own. Must not judge a difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

from markupsafe import Markup, escape

from schemabench import sqlfile
from schemabench.errors import CandidateError
from schemabench.records import CandidateResult, Experiment, Run, StatementPlan
from schemabench.report import plans, settings, verdict
from schemabench.report.characters import clean, clean_lines
from schemabench.report.page import outline, unified, wording
from schemabench.report.page.section import Section
from schemabench.report.page.templates import render
from schemabench.report.page.unified import Difference, Part

_COMMENT = "--"
_OPEN = 3
"""Candidates, in order of rank, whose differences are not folded away: those that a review is about."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A candidate's SQL, taken apart."""

    definitions: tuple[str, ...]
    """The lines that define the schema, without the headers at the top of the file."""
    operations: Mapping[str, str]
    """Operation -> the SQL that overrides the workload's own."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """An operation that a candidate executes with other SQL than the baseline."""

    name: str
    difference: Difference
    known: bool
    """Whether the other side is known: run files of older versions do not hold the workload's own SQL."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """How one candidate differs from the baseline."""

    result: CandidateResult
    definitions: Difference
    overrides: tuple[Override, ...]
    plans: str
    """How many of its plans differ, in words; empty where none was compared."""
    settings: Markup
    """What its writers' sessions had otherwise, and who set it; empty where that is nothing."""
    recorded: bool
    """Whether the run file holds its SQL."""


@dataclass(frozen=True, kw_only=True)
class PlanGroup:
    """Candidates that execute a statement alike."""

    names: tuple[str, ...]
    nodes: tuple[Part, ...]
    """What the plan does; the parts that the baseline's does not have are marked."""
    figures: str
    """Rows and blocks; empty where there is no plan, or where it is as the baseline's."""
    whole: str
    """The plan as an outline; empty where there is none, or where it is as the baseline's."""


@dataclass(frozen=True, kw_only=True)
class PlannedStatement:
    """How one statement is executed."""

    operation: str
    number: int | None
    """Of the statement in its operation, from 1; None where it is the only one."""
    groups: tuple[PlanGroup, ...]


def section(experiment: Experiment, run: Run) -> Section | None:
    """Return what differs; None where there is no candidate to compare with the baseline."""
    _ = run  # all of it stands in the experiment
    baseline = next((one for one in experiment.candidates if one.name == verdict.BASELINE), None)
    others = [one for one in experiment.candidates if one.name != verdict.BASELINE]
    if baseline is None or not others:
        return None
    reference = source(baseline)
    statements = plans.statements([result for result, _ in verdict.ranked(experiment)])
    html = render(
        "differences.html.j2",
        baseline=baseline,
        candidates=[_candidate(one, reference, experiment) for one in others],
        statements=[_planned(one) for one in statements if not one.is_alike],
        alike=[_planned(one) for one in statements if one.is_alike],
        marked=_marked,
        open=_OPEN,
    )
    return Section(id="differences", title="What differs", html=html)


def source(result: CandidateResult) -> Source:
    """Return a candidate's SQL, taken apart; all of it as definitions where it cannot be read."""
    try:
        file = sqlfile.parse(Path(result.path), result.sql, CandidateError)
    except CandidateError:  # the reason for which it failed: it stands with the verdict
        return Source(definitions=_definitions(result.sql), operations={})
    return Source(
        definitions=_definitions(file.preamble.sql),
        operations={operation.name: operation.sql for operation in file.operations.values()},
    )


def _definitions(sql: str) -> tuple[str, ...]:
    lines = clean_lines(sql)
    return tuple(dropwhile(lambda line: not line or line.startswith(_COMMENT), lines))


def _candidate(result: CandidateResult, baseline: Source, experiment: Experiment) -> Candidate:
    own = source(result)
    names = dict.fromkeys([*own.operations, *baseline.operations]) if result.sql else {}
    compared = [_override(name, own, baseline, experiment.operations_sql) for name in names]
    texts = settings.otherwise(experiment, result, wording.name)
    set_by = [f"{text} (set by: {one.source})" for text, one in zip(texts, result.settings, strict=True)]
    return Candidate(
        result=result,
        definitions=unified.difference(baseline.definitions, own.definitions),
        overrides=tuple(one for one in compared if one.difference.lines),
        plans=_counted(result.plans),
        settings=wording.sentence("; ".join(set_by)),
        recorded=bool(result.sql),
    )


def _override(name: str, own: Source, baseline: Source, defaults: Mapping[str, str]) -> Override:
    usual = defaults.get(name, "")
    before, after = baseline.operations.get(name, usual), own.operations.get(name, usual)
    return Override(
        name=name, difference=unified.difference(clean_lines(before), clean_lines(after)), known=bool(before and after)
    )


def _counted(found: Sequence[StatementPlan]) -> str:
    compared = [plan for plan in found if plan.same is not None]
    different = sum(not plan.same for plan in compared)
    return f"{different:,} of {len(compared):,} plans differ" if compared else ""


def _planned(statement: plans.Statement) -> PlannedStatement:
    reference = statement.groups[0].first
    return PlannedStatement(
        operation=statement.operation,
        number=statement.number,
        groups=tuple(_plan_group(group, reference) for group in statement.groups),
    )


def _plan_group(group: plans.Group, reference: StatementPlan) -> PlanGroup:
    """Return a group of candidates with its plan; without one where it is as the baseline's, which stands above."""
    plan, names = group.first, group.names
    if plan.plan is None or plan.same:
        return PlanGroup(names=names, nodes=(Part(text=clean(group.text), changed=False),), figures="", whole="")
    nodes, rest = clean(plan.nodes), clean(plan.summary.removeprefix(plan.nodes).lstrip("; "))
    shown: tuple[Part, ...] = (Part(text=nodes, changed=False),)
    if plan is not reference and reference.plan is not None:
        _, shown = unified.words(clean(reference.nodes), nodes)
    return PlanGroup(names=names, nodes=shown, figures=rest, whole=outline.outline(plan.plan))


def _marked(parts: Sequence[Part]) -> Markup:
    """Return the parts of a line, which are clean already; their spaces are kept."""
    return Markup().join(
        Markup("<mark>{}</mark>").format(part.text) if part.changed else escape(part.text) for part in parts
    )
