"""Who leads in which run, and whether that changes.

Owns the rule for calling it a change, and the sentences that say so, alike in every format: `name` draws a candidate's
name in that format. Must not say more than the standings do.

The rule: between two runs the winner changes only where, among the candidates that both ranked, no leader of the one
leads in the other. Every leader of each is then significantly worse than some candidate in the other run.
Runs whose leaders overlap cannot be told apart; neither can runs with too few blocks, nor with a doubtful control.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from schemabench.records import Experiment
from schemabench.report import figures, verdict
from schemabench.report.matrix import traits
from schemabench.report.matrix.model import Cell, Column, Matrix, Winner
from schemabench.report.verdict import Name

_NO_LEADERS: Mapping[Winner, str] = {
    "doubtful": "the ranking is doubtful",
    "too few blocks": "there were too few blocks to tell anything apart",
    "nothing ranked": "nothing was ranked",
}
_PAIR = 2
_ALL_TIE = "all candidates tie"
_TELLING: tuple[Winner, ...] = ("first to tell", "same", "changes", "cannot be told apart")
"""Runs that can show a change."""


def leaders(experiment: Experiment) -> tuple[str, ...]:
    """Return the candidates of rank 1, in order; nothing where nothing was ranked."""
    return tuple(result.name for result, standing in verdict.ranked(experiment) if standing.rank == 1)


def marked(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns, each with what it says of the winner beside those before it."""
    found: list[Column] = []
    since: list[Column] = []  # the runs since the last change that can show one
    for column in columns:
        if untold := _untold(column.source.experiment):
            found.append(replace(column, winner=untold))
        elif changed := next((one for one in reversed(since) if _apart(one, column)), None):
            found.append(replace(column, winner="changes", changed_from=changed.label))
            since = [column]
        else:
            found.append(replace(column, winner=_unchanged(since, column)))
            since.append(column)
    return tuple(found)


def sentences(matrix: Matrix, name: Name) -> list[str]:
    """Return two sentences: who leads where, and whether the winner changes."""
    first, *rest = _leads(matrix, name)
    if _said(matrix.columns[0]):  # no candidate's name, which would keep its letters
        first = first[0].upper() + first[1:]
    return [f"{'; '.join([first, *rest])}.", _changes(matrix)]


def leads(cell: Cell, column: Column) -> bool:
    """Return whether a candidate's rank is 1 in a run that told candidates apart."""
    return cell.rank == 1 and column.winner in _TELLING and not _all_tie(column)


def mark(column: Column) -> str:
    """Return what a run says of the winner in a few words, as in `changes from PostgreSQL 15`."""
    return f"changes from {column.changed_from}" if column.changed_from else column.winner


def _untold(experiment: Experiment) -> Winner | None:
    """Return why an experiment can show no change, or None."""
    if not leaders(experiment):
        return "nothing ranked"
    if verdict.is_doubtful(experiment):
        return "doubtful"
    return "too few blocks" if experiment.smallest_difference is None else None


def _unchanged(since: Sequence[Column], column: Column) -> Winner:
    if not since:
        return "first to tell"
    return "same" if since[-1].leaders == column.leaders and len(column.leaders) == 1 else "cannot be told apart"


def _apart(one: Column, other: Column) -> bool:
    """Return whether no candidate leads in both, among those that both ranked."""
    left, right = one.source.experiment, other.source.experiment
    common = _ranked(left) & _ranked(right)
    return bool(common) and not _leaders_among(left, common) & _leaders_among(right, common)


def _ranked(experiment: Experiment) -> set[str]:
    return {result.name for result, _ in verdict.ranked(experiment)}


def _leaders_among(experiment: Experiment, names: set[str]) -> set[str]:
    """Return the candidates that none of the others with these names is significantly better than."""
    standings = [standing for _, standing in verdict.ranked(experiment) if standing.name in names]
    return {
        one.name
        for one in standings
        if not any(other.rank < one.rank and other.name not in one.tied_with for other in standings)
    }


def _leads(matrix: Matrix, name: Name) -> list[str]:
    """Return a clause for each group of runs that say the same, in order of the first."""
    groups: dict[object, list[Column]] = {}
    for column in matrix.columns:
        groups.setdefault(_said(column) or frozenset(column.leaders), []).append(column)
    if len(groups) == 1:
        both = "both" if len(matrix.columns) == _PAIR else f"all {len(matrix.columns)}"
        return [f"{_clause(matrix.columns[0], name)} in {both} runs"]
    return [
        f"{_clause(columns[0], name)} {matrix.preposition} {traits.listed([column.label for column in columns])}"
        for columns in groups.values()
    ]


def _clause(column: Column, name: Name) -> str:
    lead = "leads" if len(column.leaders) == 1 else "lead, tied,"
    return _said(column) or f"{figures.listed(map(name, column.leaders))} {lead}"


def _said(column: Column) -> str:
    """Return what is said of a run without naming anyone; empty where some candidates lead it."""
    if column.winner not in _TELLING:
        return _NO_LEADERS[column.winner]
    return _ALL_TIE if _all_tie(column) else ""


def _all_tie(column: Column) -> bool:
    return len(column.leaders) == len(_ranked(column.source.experiment)) > 1


def _changes(matrix: Matrix) -> str:
    """Return between which runs the winner changes, that it is the same, or that neither can be told."""
    telling = [column for column in matrix.columns if column.winner in _TELLING]
    changed = [column for column in telling if column.changed_from]
    if changed:
        pairs = [traits.listed([column.changed_from, column.label]) for column in changed]
        return f"The winner changes between {', and between '.join(pairs)}."
    if len(telling) <= 1:
        return "Too little was measured to tell whether the winner changes."
    if all(column.winner == "same" for column in telling[1:]):
        return "The winner is the same."
    return "Whether the winner changes cannot be told: any two of these runs may have the same one."
