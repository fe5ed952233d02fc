"""What runs differ in: to label them apart, and to say what else may have changed a rank.

Owns the traits of a run that people vary, how a label is put together from them, and in which order runs stand. Must
not decide which runs may be compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from schemabench.records import Notice
from schemabench.report import figures, noise, settings
from schemabench.report.matrix.model import Source
from schemabench.units import format_duration, plural

_LABELLED_SETTINGS = 2
"""Runs that differ in more server settings are told apart by their date."""
_DERIVED_SETTINGS = {
    "TimeZone",
    "default_text_search_config",
    "default_transaction_isolation",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "log_timezone",
    "max_connections",
}
"""What schemabench sets alike in every run, or to suit workload and clients, and how dates and messages look: it says
nothing more than they do, or nothing of what is measured."""
_DAY = len("2026-02-16")


@dataclass(frozen=True, kw_only=True)
class Trait:
    """One thing that runs may differ in."""

    title: str
    text: Callable[[Source], str]
    """Its value, as in `8 clients`: understood without the title in a trait that labels, beside it elsewhere."""
    preposition: str = "on"
    """What stands before the text in a sentence."""
    order: Callable[[Source], float | str] = lambda _: 0
    """What runs are sorted by; those of one value stay in the order in which they were given."""
    why: str = ""
    """What a difference may do to the figures, for a notice."""


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
    known = _version(sources), _CARDINALITY, _CLIENTS, _companions(sources), _noise(sources), _ROUND_TRIP
    meant = [trait for trait in known if _varies(trait, sources)]
    further = [meant, *([*meant, trait] for trait in (_SEED, *_settings(sources), *_MOMENTS))]
    chosen = next(traits for traits in further if _tells_apart(traits, sources))
    placed = tuple(sorted(sources, key=lambda source: [trait.order(source) for trait in chosen]))
    return Labelled(sources=placed, labels=tuple(_text(chosen, one) for one in placed), traits=tuple(chosen))


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
    named = {trait.title for trait in labelled.traits}
    others = [trait for trait in (_SEED, *_CAVEATS) if trait.title not in named and _varies(trait, sources)]
    names = () if "server settings" in named else _differing_settings(sources)
    return (
        *_entangled(labelled),
        *(_notice(labelled, trait) for trait in others),
        *(_notice(labelled, _setting(name)) for name in names),
    )


def beside(labelled: Labelled, one: Source, other: Source) -> list[str]:
    """Return what two of the runs differ in besides what their labels name, as in `the setting jit`."""
    named = {trait.title for trait in labelled.traits}
    pair = one, other
    settings = [] if "server settings" in named else [f"the setting {name}" for name in _differing_settings(pair)]
    traits = [trait for trait in _varied(labelled.sources) if trait.title not in named]
    return [*settings, *(trait.title for trait in traits if _varies(trait, pair))]


def differing(there: Source, here: Source) -> list[str]:
    """Return what two runs differ in, as in `noise (no noise there, noise of 5 organisations, 7 runs/s here)`."""
    pair = there, here
    return [
        f"{trait.title} ({trait.text(there)} there, {trait.text(here)} here)"
        for trait in (*_varied(pair), *map(_setting, _differing_settings(pair)))
        if _varies(trait, pair)
    ]


def _varied(sources: Sequence[Source]) -> tuple[Trait, ...]:
    """Return all that may move a figure, settings and when a run was made apart."""
    known = _version(sources), _CARDINALITY, _CLIENTS, _companions(sources), _noise(sources), _ROUND_TRIP
    return *known, _SEED, *_CAVEATS


def _text(traits: Sequence[Trait], source: Source) -> str:
    return ", ".join(trait.text(source) for trait in traits)


def _varies(trait: Trait, sources: Sequence[Source]) -> bool:
    return len({trait.text(source) for source in sources}) > 1


def _tells_apart(traits: Sequence[Trait], sources: Sequence[Source]) -> bool:
    return len({_text(traits, source) for source in sources}) == len(sources)


def _notice(labelled: Labelled, trait: Trait) -> Notice:
    values = grouped(labelled, [trait.text(source) for source in labelled.sources])
    return Notice(
        code=f"other-{trait.title.replace(' ', '-')}", text=f"Runs differ in {trait.title}: {values}; {trait.why}"
    )


def _entangled(labelled: Labelled) -> tuple[Notice, ...]:
    """Return a notice where a run differs from the one before it in several things, apart from when it was."""
    traits = [trait for trait in labelled.traits if trait not in _MOMENTS]
    pairs = zip(labelled.sources, labelled.sources[1:], strict=False)
    if max(sum(_varies(trait, pair) for trait in traits) for pair in pairs) <= 1:
        return ()
    titles = figures.listed([trait.title for trait in traits], len(traits))
    text = f"Neighbouring runs differ in {titles} at once: a change cannot be attributed to one of them"
    return (Notice(code="entangled", text=text),)


def _version(sources: Sequence[Source]) -> Trait:
    """Return the server's version: its major version alone, where no two runs share that and differ in the minor."""

    def full(source: Source) -> str:
        return source.run.server.version if source.run.server else "of no server"

    def major(source: Source) -> str:
        return full(source).partition(".")[0]

    shown = major if len({*map(major, sources)}) == len({*map(full, sources)}) else full
    return Trait(
        title="PostgreSQL version",
        text=lambda source: f"PostgreSQL {shown(source)}",
        order=lambda source: source.run.server.version_num if source.run.server else 0,
    )


def _companions(sources: Sequence[Source]) -> Trait:
    """Return what ran beside the trials: by name only if runs have different companions, rather than some or none."""

    def names(source: Source) -> str:
        found = [one.name for one in source.experiment.companions]
        return f"companions {figures.listed(found, len(found))}" if found else "no companions"

    def some(source: Source) -> str:
        return "companions" if source.experiment.companions else "no companions"

    return Trait(
        title="companions",
        text=some if len({*map(some, sources)}) == len({*map(names, sources)}) else names,
        preposition="with",
        order=lambda source: len(source.experiment.companions),
    )


def _noise(sources: Sequence[Source]) -> Trait:
    """Return the noise: by its digest, too, if different noise has as many organisations and as many runs."""

    def short(source: Source) -> str:
        one = source.experiment.noise
        return noise.short(one) if one else "no noise"

    def exact(source: Source) -> str:
        one = source.experiment.noise
        return f"{short(source)}, digest {one.digest[:12]}" if one else short(source)

    return Trait(
        title="noise",
        text=short if len({*map(short, sources)}) == len({*map(exact, sources)}) else exact,
        preposition="with",
        order=lambda source: source.experiment.noise.pace_per_s if source.experiment.noise else 0,
    )


def _differing_settings(sources: Sequence[Source]) -> list[str]:
    """Return the names of the server settings that differ, sorted."""
    names = {one.name for source in sources for one in settings.known(source.experiment, source.run)}
    return [
        name
        for name in sorted(names - _DERIVED_SETTINGS)
        if len({settings.value(name, source.experiment, source.run) for source in sources}) > 1
    ]


def _settings(sources: Sequence[Source]) -> list[Trait]:
    """Return the settings that differ as one trait; nothing where they are none, or too many for a label."""
    names = _differing_settings(sources)
    if not 0 < len(names) <= _LABELLED_SETTINGS:
        return []
    text = ", ".join
    return [
        Trait(
            title="server settings",
            text=lambda source: text(f"{name} {settings.value(name, source.experiment, source.run)}" for name in names),
            preposition="with",
        )
    ]


def _setting(name: str) -> Trait:
    return Trait(
        title=f"the setting {name}",
        text=lambda source: repr(settings.value(name, source.experiment, source.run)),
        why="each ratio holds for the settings of its own run",
    )


def _machine(key: str) -> Trait:
    return Trait(
        title=f"the machine's {key}",
        text=lambda source: source.run.machine.get(key, "unknown"),
        why="ratios may depend on the machine",
    )


def started(source: Source) -> str:
    """Return when a run was started, as in `2026-02-16 09:30:00`."""
    return source.run.started.partition("+")[0].replace("T", " ")


_CARDINALITY = Trait(title="cardinality", text=lambda source: source.experiment.cardinality, preposition="at")
_CLIENTS = Trait(
    title="clients",
    text=lambda source: plural(source.experiment.clients, "client"),
    preposition="with",
    order=lambda source: source.experiment.clients,
)
_ROUND_TRIP = Trait(
    title="round trip",
    text=lambda source: (
        f"{format_duration(source.experiment.round_trip_s)} per round trip"
        if source.experiment.round_trip_s
        else "no added round trip"
    ),
    preposition="with",
    order=lambda source: source.experiment.round_trip_s,
)
_SEED = Trait(
    title="seed",
    text=lambda source: f"seed {source.experiment.seed}",
    preposition="with",
    order=lambda source: source.experiment.seed,
    why="their bursts are different samples of the same load",
)
_DATE = Trait(title="day", text=lambda source: source.run.started[:_DAY], order=lambda source: source.run.started)
_TIME = Trait(
    title="time",
    text=started,
    preposition="at",
    order=lambda source: source.run.started,
)
_RUN = Trait(
    title="run", text=lambda source: f"run {source.run.run_id}", preposition="in", order=lambda one: one.run.started
)
_MOMENTS = (_DATE, _TIME, _RUN)
"""When a run was made: no two are alike in that, and nobody wonders what it does."""
_CAVEATS = (
    Trait(
        title="budget",
        text=lambda source: format_duration(source.experiment.budget_s),
        why="a shorter run sees only larger differences",
    ),
    Trait(
        title="precision asked for",
        text=lambda source: figures.percent(source.experiment.precision),
        why="a run that stops sooner sees only larger differences",
    ),
    Trait(
        title="lock-wait samples",
        text=lambda source: f"{source.experiment.sample_hz:g} a second",
        why="sampling costs the server a little",
    ),
    Trait(
        title="worker processes",
        text=lambda source: str(len(source.experiment.workers) or 1),
        why="with more processes, the load generator is less likely to be the bottleneck",
    ),
    Trait(
        title="version of schemabench",
        text=lambda source: source.run.version,
        why="the measurement method may have changed",
    ),
    *(_machine(key) for key in ("system", "processor", "cores", "memory", "python")),
)
"""What nobody varies for its own sake, but what may move a figure."""
