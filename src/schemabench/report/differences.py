"""The section of what differs: each candidate's SQL against the baseline's.

Owns the choice of the texts to compare: a candidate with the one that it extends, if that takes part, otherwise with
the baseline; an overridden operation with theirs or the workload's own. Must not judge a difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

from schemabench import sqlfile
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.records import CandidateResult, Experiment, StatementPlan
from schemabench.report import settings, tree, unified
from schemabench.report.characters import clean_lines
from schemabench.report.text import name
from schemabench.report.tree import Fold, Node, Paragraph, Section
from schemabench.report.unified import Difference
from schemabench.report.view import View
from schemabench.units import plural

_COMMENT = "--"
_OPEN = 3
"""Number of candidates, in order of rank, whose differences are shown unfolded."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The parts of a candidate's SQL, those of what it extends among them."""

    whose: str
    """Whose they are, as in `the baseline's`."""
    definitions: tuple[str, ...]
    """The lines that define the schema, without the headers at the top of each file."""
    operations: Mapping[str, str]
    """Operation -> the SQL that overrides the workload's own."""


def section(view: View) -> Section | None:
    """Return the section on differences; None if there is no candidate to compare with the baseline."""
    candidates = view.experiment.candidates
    baseline = next((one for one in candidates if one.name == BASELINE), None)
    others = [one for one in candidates if one.name != BASELINE]
    if baseline is None or not others:
        return None
    said = Paragraph(
        text=f"Against {name(baseline.path)}: + added lines, - removed lines, changed words marked. Comments at the "
        "top of a file are left out. An override is the candidate's own SQL for an operation or query of the "
        "workload. A candidate that extends another one is compared with that one."
    )
    known = {one.name: one for one in candidates}
    folds = (
        _candidate(one, source(_reference(one, known)), view.experiment, is_open=place < _OPEN)
        for place, one in enumerate(others)
    )
    return Section(id="differences", title="What differs", nodes=(said, *folds))


def _reference(result: CandidateResult, known: Mapping[str, CandidateResult]) -> CandidateResult:
    """Return what a candidate is compared with: the nearest that it extends and that takes part, or the baseline."""
    return known[next((one.name for one in reversed(result.extends) if one.name in known), BASELINE)]


def source(result: CandidateResult) -> Source:
    """Return the parts of a candidate's SQL; all of a text as definitions if it cannot be parsed."""
    definitions: list[str] = []
    operations: dict[str, str] = {}
    for path, sql in [*((one.path, one.sql) for one in result.extends), (result.path, result.sql)]:
        try:
            file = sqlfile.parse(Path(path), sql, CandidateError)
        except CandidateError:  # why the candidate failed: shown with the verdict
            definitions += _definitions(sql)
            continue
        definitions += _definitions(file.preamble.sql)
        operations |= {operation.name: operation.sql for operation in file.operations.values()}
    whose = "the baseline's" if result.name == BASELINE else f"those of {name(result.name)}"
    return Source(whose=whose, definitions=tuple(definitions), operations=operations)


def _definitions(sql: str) -> tuple[str, ...]:
    lines = clean_lines(sql)
    return tuple(dropwhile(lambda line: not line or line.startswith(_COMMENT), lines))


def _candidate(result: CandidateResult, reference: Source, experiment: Experiment, *, is_open: bool) -> Fold:
    own = source(result)
    definitions = unified.difference(reference.definitions, own.definitions)
    overrides = list(_overrides(result, own, reference, experiment.operations_sql))
    return Fold(
        heading=name(result.name),
        summary="; ".join(_summary(result, definitions, len(overrides))),
        nodes=tuple(_nodes(result, reference, definitions, overrides, settings.otherwise(experiment, result))),
        is_open=is_open,
    )


def _summary(result: CandidateResult, definitions: Difference, overrides: int) -> Iterator[str]:
    """Yield the extent of each difference, in a few words."""
    if result.status != "ranked":
        yield f"not ranked, {result.status}"
    if not result.sql:
        yield "no SQL in the run file"
        return
    if result.extends:
        yield f"extends {name(result.extends[-1].name)}"
    yield f"definitions {_counts(definitions)}"
    yield plural(overrides, "override") if overrides else "no overrides"
    yield from _plans(result.plans)
    if result.settings:
        yield plural(len(result.settings), "setting")


def _nodes(
    result: CandidateResult,
    reference: Source,
    definitions: Difference,
    overrides: Sequence[Fold],
    others: Sequence[str],
) -> Iterator[Node]:
    if result.summary:
        yield Paragraph(text=result.summary)
    if result.expects:
        yield Paragraph(text=f"Author's expectation: {result.expects}", emphasis="small")
    if others:
        set_by = [f"{said} (set by: {one.source})" for said, one in zip(others, result.settings, strict=True)]
        yield Paragraph(text=f"Different settings in its writers' sessions: {'; '.join(set_by)}.")
    if result.sql and definitions.lines:
        yield _drawn(definitions, f"Definitions of {name(result.name)} against {reference.whose}")
    elif result.sql:
        yield Paragraph(text=f"Its definitions are the same as {reference.whose}.")
    yield from overrides


def _overrides(result: CandidateResult, own: Source, reference: Source, defaults: Mapping[str, str]) -> Iterator[Fold]:
    """Yield the operations for which a candidate has different SQL than what it is compared with."""
    for operation in dict.fromkeys([*own.operations, *reference.operations]) if result.sql else ():
        usual = defaults.get(operation, "")
        before, after = reference.operations.get(operation, usual), own.operations.get(operation, usual)
        difference = unified.difference(clean_lines(before), clean_lines(after))
        if not difference.lines:
            continue
        label = f"{name(operation)} of {name(result.name)} against {reference.whose}"
        unknown = (
            [] if before and after else [Paragraph(text="The run file does not hold the workload's own SQL for it.")]
        )
        yield Fold(
            summary=f"Overrides {name(operation)} {_counts(difference)}", nodes=(*unknown, _drawn(difference, label))
        )


def _drawn(difference: Difference, label: str) -> tree.Difference:
    return tree.Difference(
        label=label, lines=tuple(tree.Line(kind=line.kind, text=line.text) for line in difference.lines)
    )


def _counts(difference: Difference) -> str:
    return f"+{difference.added} -{difference.removed}"


def _plans(found: Sequence[StatementPlan]) -> Iterator[str]:
    """Yield the number of different plans, if any were compared."""
    compared = [plan for plan in found if plan.same is not None]
    different = sum(not plan.same for plan in compared)
    if compared:
        yield f"different plans: {different:,} of {len(compared):,}"
