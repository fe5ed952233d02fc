"""What runs differ in: to label them apart, and to say what else may have changed a rank.

Owns which traits stand in a label, how it is put together from them, in which order runs stand, and how a difference is
told. Must not word a trait, nor decide which runs may be compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from schemabench.records import Notice
from schemabench.report import figures
from schemabench.report.matrix import conditions
from schemabench.report.matrix.conditions import Trait
from schemabench.report.matrix.model import Source


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Runs in order, each with its label."""

    sources: tuple[Source, ...]
    labels: tuple[str, ...]
    """One for each source, all different."""
    traits: tuple[Trait, ...]
    """What the labels name."""


def label(sources: Sequence[Source]) -> Labelled:
    """Sort experiments of one workload by what they differ in, and label each by that.

    Server version, cardinality, clients, companions, noise and round trip stand in the labels wherever they differ,
    since people vary them on purpose; where these leave two runs alike, the first of seed, settings, day, time and id
    that tells all apart.

    Args:
        sources: Two or more, of different runs, or of different cardinalities.
    """
    meant = [trait for trait in conditions.meant(sources) if trait.varies(sources)]
    further = [meant, *([*meant, trait] for trait in conditions.further(sources))]
    chosen = next(traits for traits in further if _tells_apart(traits, sources))
    placed = tuple(sorted(sources, key=lambda source: [trait.order(source) for trait in chosen]))
    return Labelled(sources=placed, labels=tuple(_text(chosen, one) for one in placed), traits=tuple(chosen))


def called(sources: Sequence[Source]) -> str:
    """Return what is compared: runs, or experiments where several are of one run, as the steps of a growth curve."""
    return "runs" if len({source.run.run_id for source in sources}) == len(sources) else "experiments"


def listed(labels: Sequence[str]) -> str:
    """Return labels as in `PostgreSQL 15, 16 and 17`: the words that all begin with stand once."""
    words = [text.split(" ") for text in labels]
    alike = takewhile(lambda some: len(set(some)) == 1, zip(*(some[:-1] for some in words), strict=False))
    shared = 0 if any("," in text for text in labels) else len(list(alike))
    return figures.listed((" ".join(some[shared:] if place else some) for place, some in enumerate(words)), len(labels))


def grouped(labelled: Labelled, values: Sequence[str]) -> str:
    """Return who has which value, as in `8 on PostgreSQL 15 and 16, 16 on PostgreSQL 17`.

    Args:
        labelled: The runs.
        values: One for each of them.
    """
    preposition = labelled.traits[0].preposition
    groups: dict[str, list[str]] = {}
    for value, text in zip(values, labelled.labels, strict=True):
        groups.setdefault(value, []).append(text)
    return ", ".join(f"{value} {preposition} {listed(labels)}" for value, labels in groups.items())


def notices(labelled: Labelled) -> tuple[Notice, ...]:
    """Return a notice for each thing that runs differ in besides what their labels name, with what that may do."""
    sources = labelled.sources
    others = [trait for trait in _unnamed(labelled, conditions.caveats(sources)) if trait.varies(sources)]
    return (
        *_entangled(labelled),
        *(_notice(labelled, trait) for trait in (*others, *_unnamed_settings(labelled, sources))),
    )


def beside(labelled: Labelled, one: Source, other: Source) -> list[str]:
    """Return what two of the runs differ in besides what their labels name, as in `the setting jit`."""
    pair = one, other
    traits = [trait for trait in _unnamed(labelled, _varied(labelled.sources)) if trait.varies(pair)]
    return [trait.title for trait in (*_unnamed_settings(labelled, pair), *traits)]


def differing(there: Source, here: Source) -> list[str]:
    """Return what two runs differ in, as in `noise (no noise there, noise of 5 organisations, 7 runs/s here)`."""
    pair = there, here
    return [
        f"{trait.title} ({trait.text(there)} there, {trait.text(here)} here)"
        for trait in (*_varied(pair), *map(conditions.setting, conditions.differing_settings(pair)))
        if trait.varies(pair)
    ]


def _varied(sources: Sequence[Source]) -> tuple[Trait, ...]:
    """Return all that may move a figure, settings and when a run was made apart."""
    return *conditions.meant(sources), *conditions.caveats(sources)


def _unnamed(labelled: Labelled, traits: Sequence[Trait]) -> Iterator[Trait]:
    """Yield the traits that labels neither name nor decide."""
    named = {trait.title for trait in labelled.traits}
    yield from (trait for trait in traits if not named & {trait.title, trait.follows})


def _unnamed_settings(labelled: Labelled, sources: Sequence[Source]) -> list[Trait]:
    """Return the settings in which some of the runs differ, if labels do not name them."""
    named = any(trait.title == conditions.SETTINGS for trait in labelled.traits)
    return [] if named else list(map(conditions.setting, conditions.differing_settings(sources)))


def _text(traits: Sequence[Trait], source: Source) -> str:
    return ", ".join(trait.text(source) for trait in traits)


def _tells_apart(traits: Sequence[Trait], sources: Sequence[Source]) -> bool:
    return len({_text(traits, source) for source in sources}) == len(sources)


def _notice(labelled: Labelled, trait: Trait) -> Notice:
    values = grouped(labelled, [trait.text(source) for source in labelled.sources])
    return Notice(
        code=f"other-{trait.title.replace(' ', '-')}", text=f"Runs differ in {trait.title}: {values}; {trait.why}"
    )


def _entangled(labelled: Labelled) -> tuple[Notice, ...]:
    """Return a notice where a run differs from the one before it in several things, apart from when it was."""
    traits = [trait for trait in labelled.traits if trait not in conditions.MOMENTS]
    pairs = zip(labelled.sources, labelled.sources[1:], strict=False)
    if max(sum(trait.varies(pair) for trait in traits) for pair in pairs) <= 1:
        return ()
    titles = figures.listed([trait.title for trait in traits], len(traits))
    text = f"Neighbouring runs differ in {titles} at once: a change cannot be attributed to one of them"
    return (Notice(code="entangled", text=text),)
