"""Who leads in which run, and whether that changes.

Owns the rule for calling it a change, by whatever criterion, and the sentences that say so. Must not say more than the
standings do.

The rule: between two runs the winner changes only where, among the candidates that both ranked, no leader of the one
leads in the other. Every leader of each is then significantly worse than some candidate in the other run.
Runs whose leaders overlap cannot be told apart; neither can runs with too few blocks, nor with a doubtful control.
"""

from collections.abc import Sequence

from schemabench.records import THROUGHPUT, Criterion, Experiment
from schemabench.report import criteria, figures, verdict
from schemabench.report.matrix import comparable, traits
from schemabench.report.matrix.model import UNTOLD, Cell, Column, Lead, Matrix, Untold, Winner
from schemabench.report.matrix.traits import Labelled
from schemabench.report.text import name

_PAIR = 2
_WINNER = "winner"


def leads(labelled: Labelled, criterion: Criterion) -> tuple[Lead, ...]:
    """Return for each run who is first by a criterion, and what that says beside the runs before it."""
    experiments = [source.experiment for source in labelled.sources]
    found: list[Lead] = []
    since: list[int] = []  # the runs since the last change that can show one
    for place, experiment in enumerate(experiments):
        leaders = tuple(one.name for one in criteria.standings(experiment, criterion) if one.rank == 1)
        if untold := _untold(experiment, criterion):
            found.append(Lead(leaders=leaders, winner=untold))
            continue
        apart = [one for one in since if _apart(experiments[one], experiment, criterion)]
        if apart:
            found.append(
                Lead(
                    leaders=leaders,
                    winner="changes",
                    changed_from=labelled.labels[apart[-1]],
                    beside=comparable.beside(labelled, labelled.sources[apart[-1]], labelled.sources[place]),
                )
            )
            since = [place]
        else:
            found.append(Lead(leaders=leaders, winner=_unchanged([found[one] for one in since], leaders)))
            since.append(place)
    return tuple(found)


def sentences(matrix: Matrix, criterion: Criterion) -> list[str]:
    """Return two sentences: who leads where by a criterion, and whether that changes."""
    first, *rest = _clauses(matrix, criterion)
    if _said(matrix.columns[0], criterion):  # no candidate's name, which would keep its letters
        first = first[0].upper() + first[1:]
    return [f"{'; '.join([first, *rest])}.", _changes(matrix, criterion)]


def is_first(cell: Cell, column: Column, criterion: Criterion) -> bool:
    """Return whether a candidate's rank is 1 in a run that told candidates apart."""
    return cell.places[criterion.name].rank == 1 and not _said(column, criterion)


def mark(lead: Lead) -> str:
    """Return what a run says of the winner in a few words, as in `changes from PostgreSQL 15`."""
    return f"changes from {lead.changed_from}" if lead.changed_from else lead.winner


def _untold(experiment: Experiment, criterion: Criterion) -> Untold | None:
    """Return why an experiment can show no change, or None."""
    if not criteria.standings(experiment, criterion):
        return "nothing ranked"
    known = criteria.find(experiment, criterion.name)
    if known is None or verdict.is_doubtful(known.control):
        return "doubtful"
    return None if known.decides else "too few blocks"


def _unchanged(since: Sequence[Lead], leaders: tuple[str, ...]) -> Winner:
    if not since:
        return "first to tell"
    return "same" if since[-1].leaders == leaders and len(leaders) == 1 else "cannot be told apart"


def _apart(one: Experiment, other: Experiment, criterion: Criterion) -> bool:
    """Return whether no candidate leads in both, among those that both ranked."""
    common = _ranked(one, criterion) & _ranked(other, criterion)
    return bool(common) and not _leaders_among(one, common, criterion) & _leaders_among(other, common, criterion)


def _ranked(experiment: Experiment, criterion: Criterion) -> set[str]:
    return {standing.name for standing in criteria.standings(experiment, criterion)}


def _leaders_among(experiment: Experiment, names: set[str], criterion: Criterion) -> set[str]:
    """Return the candidates that none of the others with these names is significantly better than."""
    standings = [standing for standing in criteria.standings(experiment, criterion) if standing.name in names]
    return {
        one.name
        for one in standings
        if not any(other.rank < one.rank and other.name not in one.tied_with for other in standings)
    }


def _clauses(matrix: Matrix, criterion: Criterion) -> list[str]:
    """Return a clause for each group of runs that say the same, in order of the first."""
    groups: dict[object, list[Column]] = {}
    for column in matrix.columns:
        said = _said(column, criterion) or frozenset(column.leads[criterion.name].leaders)
        groups.setdefault(said, []).append(column)
    if len(groups) == 1:
        both = "both" if len(matrix.columns) == _PAIR else f"all {len(matrix.columns)}"
        return [f"{_clause(matrix.columns[0], criterion)} in {both} {_called(matrix)}"]
    return [
        f"{_clause(columns[0], criterion)} {matrix.preposition} {traits.listed([column.label for column in columns])}"
        for columns in groups.values()
    ]


def _clause(column: Column, criterion: Criterion) -> str:
    leaders = column.leads[criterion.name].leaders
    return _said(column, criterion) or f"{figures.listed(map(name, leaders))} {_leads(criterion, len(leaders))}"


def first(criterion: Criterion) -> str:
    """Return what stands before a run's answer to who is first."""
    return _WINNER if _is_main(criterion) else _most(criterion)


def _is_main(criterion: Criterion) -> bool:
    return criterion.name == THROUGHPUT.name


def _best(criterion: Criterion) -> str:
    """Return who is first, within a sentence, after `the`."""
    return _WINNER if _is_main(criterion) else f"candidate with the {_most(criterion)} {criterion.title}"


def _leads(criterion: Criterion, leaders: int) -> str:
    """Return what the first does, or the first do."""
    if _is_main(criterion):
        return "leads" if leaders == 1 else "lead, tied,"
    what = f"the {_most(criterion)} {criterion.title}"
    return f"has {what}" if leaders == 1 else f"have {what}, tied,"


def _most(criterion: Criterion) -> str:
    return "highest" if criterion.better == "more" else "lowest"


def _why_untold(why: Untold, criterion: Criterion) -> str:
    """Return why a run shows no leaders, in words."""
    main = _is_main(criterion)
    if why == "doubtful":
        return f"the ranking{'' if main else f' by {criterion.title}'} is doubtful"
    if why == "too few blocks":
        return f"there were too few blocks to tell {'anything' if main else criterion.title} apart"
    return "nothing was ranked" if main else f"nothing is known of {criterion.title}"


def _said(column: Column, criterion: Criterion) -> str:
    """Return what is said of a run without naming anyone; empty where some candidates lead it."""
    lead = column.leads[criterion.name]
    if lead.winner in UNTOLD:
        return _why_untold(lead.winner, criterion)
    by = "" if _is_main(criterion) else f" by {criterion.title}"
    everyone = len(lead.leaders) == len(_ranked(column.source.experiment, criterion)) > 1
    return f"all candidates tie{by}" if everyone else ""


def _changes(matrix: Matrix, criterion: Criterion) -> str:
    """Return between which runs the winner changes, that it is the same, or that neither can be told."""
    telling = [column for column in matrix.columns if column.leads[criterion.name].winner not in UNTOLD]
    changed = [column for column in telling if column.leads[criterion.name].changed_from]
    if changed:
        pairs = [_pair(column.leads[criterion.name], column.label) for column in changed]
        return f"The {_best(criterion)} changes between {', and between '.join(pairs)}."
    if len(telling) <= 1:
        return f"Too little was measured to tell whether the {_best(criterion)} changes."
    if all(column.leads[criterion.name].winner == "same" for column in telling[1:]):
        return f"The {_best(criterion)} is the same."
    which = "both" if len(matrix.columns) == _PAIR else "any two of these"
    return f"Whether the {_best(criterion)} changes is unclear: {which} {_called(matrix)} may have the same one."


def _called(matrix: Matrix) -> str:
    return traits.called([column.source for column in matrix.columns])


def _pair(lead: Lead, label: str) -> str:
    """Return the runs between which the winner changes, with what they differ in besides: the label may not be why."""
    pair = traits.listed([lead.changed_from, label])
    return f"{pair}, which also differ in {figures.listed(lead.beside)}" if lead.beside else pair
