"""Which runs may stand in one matrix, and with what caveat.

Owns the rules: runs of other bursts or other operations are refused, for their ratios answer different questions; other
texts of a candidate, other candidates and whatever else differs are notices. Must not label runs, nor look at a rank.
What the operations have in common is for `operations` to say.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from schemabench.candidate import BASELINE
from schemabench.errors import UsageError
from schemabench.records import LOCK_WAITS, CandidateResult, Criterion, Experiment, Notice
from schemabench.report import criteria, figures, noise, settings
from schemabench.report.matrix import conditions, operations, traits
from schemabench.report.matrix.model import Source
from schemabench.report.matrix.traits import Labelled
from schemabench.report.text import plain

_ONE_SIDE = 0.025
"""How often the 95 % interval of a run at most puts the first of two equal candidates ahead; as often the second."""
_NOTED_CHANCE = 0.05
"""As rare a mistake as every single run allows itself: passed from ten runs on."""
_ALONE = "draw a separate report of each: schemabench report FILE"


def check(sources: Sequence[Source]) -> None:
    """Refuse experiments of one workload that must not be compared.

    Raises:
        UsageError: Two files hold the same run, bursts of another cardinality of that name, or other operations; the
            message names both files and what differs.
    """
    for one, other in combinations(sources, 2):
        _check_runs(one, other)
        if one.experiment.cardinality == other.experiment.cardinality:
            _check_bursts(one, other)
        _check_operations(one, other)


def notices(labelled: Labelled) -> tuple[Notice, ...]:
    """Return what restrains a comparison of all these runs."""
    return (
        *traits.notices(labelled),
        *_other_servers(labelled),
        *_unknown_operations(labelled),
        *_other_companions(labelled),
        *_other_noise(labelled),
        *_partial(labelled),
        *_other_criteria(labelled),
        *_without_lock_waits(labelled),
        *_by_chance(labelled.sources),
    )


def on_candidate(labelled: Labelled, candidate: str) -> tuple[Notice, ...]:
    """Return notices where a candidate of one name is not the same in all runs: other SQL, or settings of its own."""
    return (*_other_sql(labelled, candidate), *_other_settings(labelled, candidate))


def beside(labelled: Labelled, one: Source, other: Source) -> tuple[str, ...]:
    """Return what two of the runs differ in besides what their labels name, candidates that are not the same first."""
    pair = Labelled(sources=(one, other), labels=("one", "other"), traits=labelled.traits)
    names = dict.fromkeys(found.name for source in pair.sources for found in source.experiment.candidates)
    changed = [name for name in names if on_candidate(pair, name)]
    return (*(f"the candidate {name}" for name in changed), *traits.beside(labelled, one, other))


def _other_settings(labelled: Labelled, candidate: str) -> Iterator[Notice]:
    """Yield a notice for each setting that a candidate has otherwise than the baseline in some run, and that varies."""
    found = [(one, result(one.experiment, candidate)) for one in labelled.sources]
    for name in sorted({setting.name for _, own in found if own for setting in own.settings}):
        values = [
            settings.value(name, source.experiment, source.run, own) if own else figures.DASH for source, own in found
        ]
        if len({value for value in values if value != figures.DASH}) > 1:
            text = f"The setting {name} of {candidate} is not the same in all runs: {traits.grouped(labelled, values)}"
            yield Notice(code="other-settings", text=text)


def _other_sql(labelled: Labelled, candidate: str) -> tuple[Notice, ...]:
    """Return a notice where a candidate of one name is not the same SQL in all runs."""
    found = [(place, result(source.experiment, candidate)) for place, source in enumerate(labelled.sources)]
    texts = {place: one.whole_sql for place, one in found if one and one.sql}
    versions = list(dict.fromkeys(texts.values()))
    if len(versions) <= 1:
        return ()
    shown = traits.grouped(
        Labelled(
            sources=tuple(labelled.sources[place] for place in texts),
            labels=tuple(labelled.labels[place] for place in texts),
            traits=labelled.traits,
        ),
        [f"text {1 + versions.index(text)}" for text in texts.values()],
    )
    against = "; ratios are against different baselines" if candidate == BASELINE else ""
    text = f"The SQL of {candidate} is not the same in all runs: {shown}{against}"
    return (Notice(code="other-sql", text=text),)


def differing(there: Source, here: Source) -> list[str]:
    """Return what two runs at the same sizes differ in, candidates apart, also what `check` would refuse."""
    left, right = there.experiment, here.experiment
    known = ["known" if one.operations_sql else "not known" for one in (left, right)]
    found = [
        *([("isolation level", left.isolation, right.isolation)] if left.isolation != right.isolation else ()),
        *((f"part of the writer {name}", *shares) for name, *shares in _differing_writers(left, right)),
        *([("the SQL of the workload's own operations", *known)] if known[0] != known[1] else ()),
        *_differing_origins(there, here),
    ]
    return [
        *(f"{title} ({before} there, {now} here)" for title, before, now in found),
        *(f"the SQL of the workload's own operation {name}" for name in operations.differing(left, right)),
        *traits.differing(there, here),
    ]


def front(sources: Sequence[Source]) -> frozenset[str]:
    """Return the criteria of the Pareto front, if it is over the same in all runs; none where it is not."""
    found = _fronts([source.experiment for source in sources])
    return found.pop() if len(found) == 1 else frozenset()


def result(experiment: Experiment, candidate: str) -> CandidateResult | None:
    """Return what an experiment knows of a candidate; None where it took no part."""
    return next((one for one in experiment.candidates if one.name == candidate), None)


def _check_runs(one: Source, other: Source) -> None:
    if one.run.run_id == other.run.run_id and one.experiment.cardinality == other.experiment.cardinality:
        raise UsageError(
            f"{one.file} and {other.file} hold the same run, {one.run.run_id}", remedies=["name each run once"]
        )


def _check_bursts(one: Source, other: Source) -> None:
    """Refuse what cardinalities of one name do not have in common."""
    left, right = one.experiment, other.experiment
    if left.digest != right.digest:
        reasons = list(_differing_values(left, right)) or [_other_inputs(left, right)]
        raise _refused(one, other, f"have different cardinalities named {left.cardinality!r}", reasons)
    if shares := [f"writer {name}: {ours} against {theirs}" for name, ours, theirs in _differing_writers(left, right)]:
        raise _refused(one, other, "share the load out to writers in different ways", shares)


def _check_operations(one: Source, other: Source) -> None:
    left, right = one.experiment, other.experiment
    if left.isolation != right.isolation:
        raise _refused(one, other, "have different isolation levels", [f"{left.isolation} against {right.isolation}"])
    if names := operations.differing(left, right):
        raise _refused(
            one, other, "execute different SQL of the workload's own", [f"operation {name}" for name in names]
        )


def _refused(one: Source, other: Source, what: str, reasons: Sequence[str]) -> UsageError:
    name = one.experiment.workload
    return UsageError(
        f"{one.file} and {other.file} cannot be compared: their runs of {name} {what}",
        checked=reasons,
        remedies=[f"repeat one of them with the workload of the other: {other.run.command}", _ALONE],
    )


def _differing_values(left: Experiment, right: Experiment) -> Iterator[str]:
    for name in sorted({*left.values, *right.values}):
        values = [experiment.values.get(name, "absent") for experiment in (left, right)]
        if values[0] != values[1]:
            yield f"{name}: {values[0]} against {values[1]}"


def _other_inputs(left: Experiment, right: Experiment) -> str:
    """Return why digests differ although all values are equal."""
    files = [", ".join(experiment.replay.values()) or "generated" for experiment in (left, right)]
    said = "input" if files[0] != files[1] else "input, in files of the same name or in how the digest was made"
    return f"{said}: {files[0]} against {files[1]}; digests {left.digest} against {right.digest}"


def _differing_writers(left: Experiment, right: Experiment) -> Iterator[tuple[str, str, str]]:
    """Yield each writer whose part of a burst is another, sizes of bursts apart, with both."""
    shares = [_shares(experiment) for experiment in (left, right)]
    for name in sorted({*shares[0], *shares[1]}):
        left_text, right_text = (found.get(name, "absent") for found in shares)
        if left_text != right_text:
            yield name, left_text, right_text


def _shares(experiment: Experiment) -> Mapping[str, str]:
    """Return each writer's kind and its exact share of a burst's operations, which scales with the burst."""
    total = sum(writer.operations for writer in experiment.writers) or 1
    return {
        writer.name: f"a {writer.kind} of {Fraction(writer.operations, total)} of the operations"
        for writer in experiment.writers
    }


def _other_servers(labelled: Labelled) -> Iterator[Notice]:
    """Yield a notice for each version that came from several places: another build, or another machine."""
    servers = [source.run.server for source in labelled.sources]
    origins: dict[str, list[str]] = {}
    for server in servers:
        if server:
            origins.setdefault(server.version, []).append(server.origin)
    for version, found in origins.items():
        if len(set(found)) > 1:
            places = ", ".join(dict.fromkeys(found))
            text = f"PostgreSQL {version} was provided in different ways: {places}; builds and machines may differ"
            yield Notice(code="other-servers", text=text)


def _differing_origins(there: Source, here: Source) -> Iterator[tuple[str, str, str]]:
    """Yield from where two runs had one version of the server, if not from the same place."""
    before, now = there.run.server, here.run.server
    if before and now and before.version == now.version and before.origin != now.origin:
        yield "origin of the server", before.origin, now.origin


def _unknown_operations(labelled: Labelled) -> Iterator[Notice]:
    """Yield a notice on run files of a version that did not keep what operations they executed."""
    files = [source.file for source in labelled.sources if not source.experiment.operations_sql]
    if files:
        text = (
            f"Whether all runs executed the same operations cannot be checked: their SQL is not in {', '.join(files)}"
        )
        yield Notice(code="unknown-operations", text=text)


def _other_companions(labelled: Labelled) -> Iterator[Notice]:
    """Yield a notice where different companions, or none, ran beside the trials."""
    found = [
        ", ".join(map(conditions.companion, source.experiment.companions)) or "none" for source in labelled.sources
    ]
    if len({*found}) > 1:
        text = (
            f"Other companions ran beside the trials: {traits.grouped(labelled, found)}. Each ratio holds for the "
            "companions of its own run"
        )
        yield Notice(code="other-companions", text=text)


def _other_noise(labelled: Labelled) -> Iterator[Notice]:
    """Yield a notice where other tenants, or none, were on the server."""
    found = [plain(noise.fact(one)) if (one := source.experiment.noise) else "none" for source in labelled.sources]
    if len({*found}) > 1:
        text = (
            f"There was other noise on the server: {traits.grouped(labelled, found)}. Each ratio holds for the noise "
            "of its own run"
        )
        yield Notice(code="other-noise", text=text)


def _partial(labelled: Labelled) -> Iterator[Notice]:
    """Yield a notice where runs have other candidates."""
    names = [{result.name for result in source.experiment.candidates} for source in labelled.sources]
    if any(some != names[0] for some in names):
        text = "Runs have different candidates: a rank counts only those of its own run"
        yield Notice(code="other-candidates", text=text)


def _other_criteria(labelled: Labelled) -> Iterator[Notice]:
    """Yield a notice where fronts are over other criteria, or runs ranked by others; not on lock waits alone."""
    experiments = [source.experiment for source in labelled.sources]
    if len(_fronts(experiments)) > 1:
        said, titles = "The Pareto front is not over the same criteria in all runs, and so not marked", _titles_on_front
    elif len({_besides_lock_waits(one) for one in experiments if one.criteria}) > 1:
        said, titles = "Runs were ranked by different criteria", _titles
    else:
        return
    values = [titles(one) for one in experiments]
    yield Notice(code="other-criteria", text=f"{said}: {traits.grouped(labelled, values)}")


def _fronts(experiments: Sequence[Experiment]) -> set[frozenset[str]]:
    """Return the criteria of each front; none of a run is one, too, where it has ranks by all criteria of another's."""
    found = {own for one in experiments if (own := _on_front(one))}
    bare = [{criterion.name for criterion in one.criteria} for one in experiments if not _on_front(one)]
    return found | {frozenset[str]() for names in bare if any(own <= names for own in found)}


def _on_front(experiment: Experiment) -> frozenset[str]:
    """Return the criteria of a front; a front over one is none."""
    found = frozenset(one.name for one in experiment.criteria if one.on_front)
    return found if len(found) > 1 else frozenset()


def _besides_lock_waits(experiment: Experiment) -> frozenset[str]:
    return frozenset(one.name for one in experiment.criteria) - {LOCK_WAITS.name}


def _titles(experiment: Experiment) -> str:
    return _listed(experiment.criteria)


def _titles_on_front(experiment: Experiment) -> str:
    return _listed([one for one in experiment.criteria if one.on_front])


def _listed(found: Sequence[Criterion]) -> str:
    return figures.listed([one.title for one in found], len(found)) or "none"


def _without_lock_waits(labelled: Labelled) -> Iterator[Notice]:
    """Yield a notice on runs with a ranking that have none by lock waits."""
    without = [
        text
        for source, text in zip(labelled.sources, labelled.labels, strict=True)
        if source.experiment.criteria and not criteria.find(source.experiment, LOCK_WAITS.name)
    ]
    if without:
        text = (
            f"Lock waits are not known {labelled.traits[0].preposition} {traits.listed(without)}: sampling was off "
            "(--sample-hz 0), or the run file holds no ranks by lock waits"
        )
        yield Notice(code="no-lock-waits", text=text)


def _by_chance(sources: Sequence[Source]) -> Iterator[Notice]:
    """Yield a notice where so many runs make it likely that equal candidates seem to change places."""
    either = 1 - (1 - _ONE_SIDE) ** len(sources)
    if (chance := either**2) > _NOTED_CHANCE:
        called = traits.called(sources)
        text = (
            f"Over {len(sources)} {called}, two equal candidates may appear to swap places by chance, with a "
            f"probability of up to {figures.percent(chance)}: repeat the {called} between which a winner changes"
        )
        yield Notice(code="many-runs", text=text)
