"""From run files to matrices: which experiments stand side by side, candidate by candidate.

Owns how runs are put together. Must not decide what may be compared, who wins, or how anything looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import mean

from schemabench.errors import UsageError
from schemabench.records import THROUGHPUT, CandidateResult, Criterion, Experiment, Notice, Run
from schemabench.report import criteria, figures, growth, verdict
from schemabench.report.matrix import comparable, traits, winner
from schemabench.report.matrix.model import Cell, Column, Comparison, Lead, Matrix, Place, Row, Source
from schemabench.report.matrix.traits import Labelled

_NOT_RUN = "not run"
_ON_OTHER_FIGURES = {"counters-missing"}
"""Notices on figures that a matrix does not hold."""


def compare(runs: Sequence[tuple[str, Run]]) -> Comparison:
    """Return a matrix for each workload and cardinality that several runs have.

    Where no two runs have a workload at the same cardinality, its cardinalities stand side by side in one matrix.

    Args:
        runs: File and run, two or more. Columns stand in order of version, clients and time; cardinalities as given.

    Raises:
        UsageError: Runs must not be compared, or have nothing in common.
    """
    sources = [
        Source(file=file, run=run, experiment=experiment) for file, run in runs for experiment in run.experiments
    ]
    groups = list(_groups(sources))
    shared = [group for group in groups if _is_shared(group)]
    if not shared:
        raise _nothing_in_common(runs)
    return Comparison(
        files=tuple(file for file, _ in runs),
        matrices=tuple(_matrix(group) for group in shared),
        notices=(
            *_empty(runs),
            *(_alone(source) for group in groups if not _is_shared(group) for source in group),
        ),
    )


def other_conditions(run: Run, file: str, other: Run) -> list[str]:
    """Return a sentence for each experiment that two runs did not make under the same conditions.

    Args:
        run: This run.
        file: The other one's.
        other: What it holds.
    """
    ours, theirs = (
        {
            (experiment.workload, experiment.cardinality): Source(file=name, run=one, experiment=experiment)
            for experiment in one.experiments
        }
        for name, one in (("", run), (file, other))
    )
    return [
        f"{' at '.join(key)} was measured under other conditions in {file}: {'; '.join(found)}"
        for key in ours
        if key in theirs and (found := comparable.differing(theirs[key], ours[key]))
    ]


def _is_shared(group: Sequence[Source]) -> bool:
    """Return whether the experiments are of several runs."""
    return any(source.run is not group[0].run for source in group)


def _groups(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Yield the experiments of each matrix; those of steps of growth curves by size, after all others."""
    workloads: dict[str, dict[str, list[Source]]] = {}
    for source in sources:
        experiment = source.experiment
        workloads.setdefault(experiment.workload, {}).setdefault(experiment.cardinality, []).append(source)
    for cardinalities in workloads.values():
        groups = sorted(cardinalities.values(), key=lambda group: max(map(_step, group)))
        if all(len(group) == 1 for group in groups):
            yield [group[0] for group in groups]
        else:
            yield from groups


def _step(source: Source) -> tuple[str, float]:
    """Return the axis and the value of an experiment that is a step of a growth curve."""
    found = growth.of(source.run, source.experiment)
    return (found[0].over, found[1].value) if found else ("", 0.0)


def _matrix(sources: Sequence[Source]) -> Matrix:
    comparable.check(sources)
    labelled = traits.label(sources)
    known = _criteria(sources)
    leads = {criterion.name: winner.leads(labelled, criterion) for criterion in known}
    cardinalities = {growth.title(source.run, source.experiment) for source in sources}
    names = dict.fromkeys(result.name for source in labelled.sources for result in source.experiment.candidates)
    return Matrix(
        workload=sources[0].experiment.workload,
        cardinality=cardinalities.pop() if len(cardinalities) == 1 else "",
        differ=tuple(trait.title for trait in labelled.traits),
        preposition=labelled.traits[0].preposition,
        columns=tuple(
            _column(source, text, {criterion.name: leads[criterion.name][place] for criterion in known})
            for place, (source, text) in enumerate(zip(labelled.sources, labelled.labels, strict=True))
        ),
        rows=tuple(sorted((_row(labelled, name, known) for name in names), key=_mean_rank)),
        criteria=known,
        notices=comparable.notices(labelled),
    )


def _criteria(sources: Sequence[Source]) -> tuple[Criterion, ...]:
    """Return throughput, and whatever else any of the runs was ranked by, with the front that all runs have."""
    every = [criterion for source in sources for criterion in source.experiment.criteria]
    front = comparable.front(sources)
    found = {THROUGHPUT.name: THROUGHPUT, **{criterion.name: criterion for criterion in every}}
    return tuple(replace(criterion, on_front=name in front, control=None) for name, criterion in found.items())


def _column(source: Source, text: str, leads: Mapping[str, Lead]) -> Column:
    return Column(
        label=text,
        source=source,
        leads=leads,
        notices=tuple(
            dict.fromkeys(
                notice
                for notice in (*source.run.notices, *source.experiment.notices)
                if notice.code not in _ON_OTHER_FIGURES
            )
        ),
    )


def _row(labelled: Labelled, name: str, known: Sequence[Criterion]) -> Row:
    results = [comparable.result(source.experiment, name) for source in labelled.sources]
    return Row(
        candidate=name,
        cells=tuple(
            _cell(source, result, text, known)
            for source, result, text in zip(labelled.sources, results, labelled.labels, strict=True)
        ),
        notices=comparable.on_candidate(labelled, name),
    )


def _cell(source: Source, result: CandidateResult | None, text: str, known: Sequence[Criterion]) -> Cell:
    if result is None:
        return _unplaced(_NOT_RUN, known)
    if result.status != "ranked" or result.standing is None:
        reason = result.reason.strip().partition("\n")[0]
        notice = Notice(code=result.status, text=f"{result.name} ({text}), {result.status}: {reason}")
        return _unplaced(result.status, known, notice, *result.notices)
    decided = not verdict.is_undecided(source.experiment)
    return Cell(
        places={criterion.name: _place(source.experiment, result, criterion) for criterion in known},
        on_front=result.on_front and decided and any(criterion.on_front for criterion in known),
        notices=result.notices,
    )


def _unplaced(why: str, known: Sequence[Criterion], *notices: Notice) -> Cell:
    return Cell(places=dict.fromkeys((one.name for one in known), Place(text=why)), notices=notices)


def _place(experiment: Experiment, result: CandidateResult, criterion: Criterion) -> Place:
    standing = result.standings.get(criterion.name)
    if standing is None:
        return Place(text=figures.DASH)
    return Place(text=verdict.place(experiment, standing, criteria.standings(experiment, criterion)), standing=standing)


def _mean_rank(row: Row) -> tuple[float, str]:
    """Return what rows are sorted by."""
    ranks = [rank for cell in row.cells if (rank := cell.places[THROUGHPUT.name].rank) is not None]
    return mean(ranks) if ranks else float("inf"), row.candidate


def _empty(runs: Sequence[tuple[str, Run]]) -> Iterator[Notice]:
    for file, run in runs:
        if not run.experiments:
            yield Notice(code="no-experiment", text=f"{file} holds no experiment: none of its experiments finished")


def _alone(source: Source) -> Notice:
    experiment, cardinality = source.experiment, growth.title(source.run, source.experiment)
    text = f"{experiment.workload} at {cardinality} is in {source.file} only, and is not shown here"
    return Notice(code="one-run", text=text)


def _nothing_in_common(runs: Sequence[tuple[str, Run]]) -> UsageError:
    held = [
        f"{file}: {figures.listed([f'{one.workload} at {one.cardinality}' for one in run.experiments]) or 'nothing'}"
        for file, run in runs
    ]
    return UsageError(
        "The runs have no workload in common: there is nothing to compare",
        checked=held,
        remedies=["name runs of the same workload", "draw a separate report of each: schemabench report FILE"],
    )
