"""What a run's record says of how it was made, a trait for each thing that runs may differ in.

Owns the traits, their wording, and when two values count as one. Must not decide which of them a label names, nor which
runs may be compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from schemabench.records import CompanionShare, Experiment, WriterShare
from schemabench.report import companions as beside_trials
from schemabench.report import figures, growth, settings
from schemabench.report import noise as other_tenants
from schemabench.report.matrix.model import Source
from schemabench.units import format_duration, plural

SETTINGS = "server settings"
"""The title of the trait that names all settings that differ."""
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
_NEAR = 4
"""How many times as large as another a figure may be that each run measures for itself, and yet count as alike: two
calibrations of the burst on one machine are rarely a factor of two apart, and a burst may then be shortened to fit the
budget; a local socket and the loopback are as close, another host is not."""
_AUTOVACUUM = "autovacuum"
"""The upkeep of run files that do not name it."""


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
    alike: Callable[[Source, Source], bool] = lambda _, __: False
    """Whether two runs are alike in it although their texts are not."""
    follows: str = ""
    """The title of the trait that decides it: where labels name that, a difference says no more. Empty for none."""

    def varies(self, sources: Sequence[Source]) -> bool:
        """Return whether any two of the runs differ in it."""
        return any(
            self.text(one) != self.text(other) and not self.alike(one, other) for one, other in combinations(sources, 2)
        )


def meant(sources: Sequence[Source]) -> tuple[Trait, ...]:
    """Return what people vary on purpose, in the order in which labels name it."""
    return _version(sources), _CARDINALITY, _CLIENTS, _companions(sources), _noise(sources), _ROUND_TRIP


def further(sources: Sequence[Source]) -> tuple[Trait, ...]:
    """Return what tells runs apart that are alike in all that is meant, the first first."""
    return _SEED, *_settings(sources), *MOMENTS


def caveats(sources: Sequence[Source]) -> tuple[Trait, ...]:
    """Return what nobody varies for its own sake, but what may move a figure; settings apart."""
    keys = dict.fromkeys(key for source in sources for key in source.run.machine)
    return _SEED, *_CAVEATS, *map(_machine, keys)


def differing_settings(sources: Sequence[Source]) -> list[str]:
    """Return the names of the server settings that differ, sorted."""
    names = {one.name for source in sources for one in settings.known(source.experiment, source.run)}
    return [
        name
        for name in sorted(names - _DERIVED_SETTINGS)
        if len({settings.value(name, source.experiment, source.run) for source in sources}) > 1
    ]


def setting(name: str) -> Trait:
    """Return the trait of one server setting."""
    return Trait(
        title=f"the setting {name}",
        text=lambda source: repr(settings.value(name, source.experiment, source.run)),
        why="each ratio holds for the settings of its own run",
    )


def companion(one: CompanionShare) -> str:
    """Return what a companion does, as in `report (monthly_sums, without end, 2 connections, read committed)`."""
    isolation = "" if one.holds else f", {one.isolation}"  # said of a transaction that is held
    return f"{one.name} ({one.operation}, {beside_trials.manner(one)}{isolation})"


def started(source: Source) -> str:
    """Return when a run was started, as in `2026-02-16 09:30:00`."""
    return source.run.started.partition("+")[0].replace("T", " ")


def _version(sources: Sequence[Source]) -> Trait:
    """Return the server's version: its major version alone, where no two runs share that and differ in the minor."""

    def full(source: Source) -> str:
        return f"PostgreSQL {source.run.server.version if source.run.server else 'of no server'}"

    def major(source: Source) -> str:
        return full(source).partition(".")[0]

    return Trait(
        title="PostgreSQL version",
        text=_shortest(sources, major, full),
        order=lambda source: source.run.server.version_num if source.run.server else 0,
    )


def _cardinality(source: Source) -> str:
    """Return the cardinality; of a step over clients or round trips, which are traits themselves, all other sizes'."""
    found = growth.of(source.run, source.experiment)
    if found and not growth.is_over_size(found[0]):
        return found[0].cardinality
    return growth.title(source.run, source.experiment)


def _companions(sources: Sequence[Source]) -> Trait:
    """Return what ran beside the trials: by name, and with what it does, only where less leaves runs alike."""

    def some(source: Source) -> str:
        return "companions" if source.experiment.companions else "no companions"

    def names(source: Source) -> str:
        return _together(some(source), [one.name for one in source.experiment.companions])

    def whole(source: Source) -> str:
        return _together(some(source), list(map(companion, source.experiment.companions)))

    return Trait(
        title="companions",
        text=_shortest(sources, some, names, whole),
        preposition="with",
        order=lambda source: len(source.experiment.companions),
    )


def _noise(sources: Sequence[Source]) -> Trait:
    """Return the noise: by its digest, and with all that repeats it, only where less leaves runs alike."""

    def short(source: Source) -> str:
        one = source.experiment.noise
        return other_tenants.short(one) if one else "no noise"

    def exact(source: Source) -> str:
        one = source.experiment.noise
        return f"{short(source)}, digest {one.digest[:12]}" if one else short(source)

    def whole(source: Source) -> str:
        if (one := source.experiment.noise) is None:
            return short(source)
        places = ", in the candidates' own tables, too" if one.tenants else ""
        return f"{exact(source)}, {one.speed:g} times its speed, {plural(one.connections, 'connection')}{places}"

    return Trait(
        title="noise",
        text=_shortest(sources, short, exact, whole),
        preposition="with",
        order=lambda source: source.experiment.noise.pace_per_s if source.experiment.noise else 0,
    )


def _shortest(sources: Sequence[Source], *texts: Callable[[Source], str]) -> Callable[[Source], str]:
    """Return the first of some texts, the shortest first, that tells as many runs apart as the last."""
    told = [len({*map(text, sources)}) for text in texts]
    return texts[told.index(told[-1])]


def _together(what: str, names: Sequence[str]) -> str:
    return f"{what} {figures.listed(names, len(names))}" if names else what


def _settings(sources: Sequence[Source]) -> list[Trait]:
    """Return the settings that differ as one trait; nothing where they are none, or too many for a label."""
    names = differing_settings(sources)
    if not 0 < len(names) <= _LABELLED_SETTINGS:
        return []
    text = ", ".join
    return [
        Trait(
            title=SETTINGS,
            text=lambda source: text(f"{name} {settings.value(name, source.experiment, source.run)}" for name in names),
            preposition="with",
        )
    ]


def _machine(key: str) -> Trait:
    return Trait(
        title=f"the machine's {key}",
        text=lambda source: source.run.machine.get(key, "unknown"),
        why="ratios may depend on the machine",
    )


def _each(
    experiment: Experiment, value: Callable[[WriterShare], object], usual: object = None, otherwise: str = ""
) -> str:
    """Return what each writer has, as in `stream 4 / reader 2`; those that have the usual left out."""
    found = {one.name: value(one) for one in experiment.writers if value(one) != usual}
    return " / ".join(f"{name} {found[name]}" for name in sorted(found)) or otherwise


def _same_split(one: Source, other: Source) -> bool:
    """Return whether more connections alone may be why writers have others: none then loses one."""
    fewer, more = sorted((one.experiment, other.experiment), key=lambda experiment: experiment.clients)
    held = {writer.name: writer.clients for writer in more.writers}
    return fewer.clients < more.clients and all(writer.clients <= held.get(writer.name, 0) for writer in fewer.writers)


def _near(figure: Callable[[Experiment], float | None]) -> Callable[[Source, Source], bool]:
    """Return whether a figure that each run measures for itself is about as large in two, or is not known of one."""

    def alike(one: Source, other: Source) -> bool:
        known = [value for source in (one, other) if (value := figure(source.experiment)) is not None]
        return len(known) == 1 or max(known) < _NEAR * min(known)

    return alike


def _exchange(experiment: Experiment) -> str:
    """Return the time of an exchange with the server, and which of several workers measured it."""
    if experiment.exchange_s is None:
        return "not known"
    taken = format_duration(experiment.exchange_s)
    return f"{taken} from {leader}" if (leader := next(iter(experiment.workers), "")) else taken


_CARDINALITY = Trait(title="cardinality", text=_cardinality, preposition="at")
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
MOMENTS = (_DATE, _TIME, _RUN)
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
        title="burst",
        text=lambda source: plural(source.experiment.operations, "operation"),
        why="what happens once in each trial counts for less in a longer one",
        alike=_near(lambda experiment: experiment.operations),
        follows=_CARDINALITY.title,
    ),
    Trait(
        title="connections of writers",
        text=lambda source: _each(source.experiment, lambda one: one.clients),
        why="a writer with more connections waits more for itself, and for others less",
        alike=_same_split,
        follows=_CARDINALITY.title,
    ),
    Trait(
        title="roles of writers",
        text=lambda source: _each(source.experiment, lambda one: one.role, "", "that of the connection"),
        why="grants and row-level security are checked for each role",
    ),
    Trait(
        title="parts of writers",
        text=lambda source: _each(source.experiment, lambda one: one.part, "", "none"),
        why="a candidate may put each part in another place",
    ),
    Trait(
        title="upkeep",
        text=lambda source: source.experiment.upkeep or _AUTOVACUUM,
        why="who vacuums, and when, decides how many dead rows there are, and whether a trial pays for it",
    ),
    Trait(
        title="lead-in",
        text=lambda source: f"{figures.share(share)} of a burst" if (share := source.experiment.lead_in) else "none",
        why="a trial after a lead-in finds more in the cache",
    ),
    Trait(
        title="race",
        text=lambda source: f"for {plural(places, 'place')}" if (places := source.experiment.race) else "none",
        why="a candidate that left a race has fewer blocks, and left their time to the others",
    ),
    Trait(
        title="time of an exchange",
        text=lambda source: _exchange(source.experiment),
        why="a longer way to the server favours what takes fewer exchanges",
        alike=_near(lambda experiment: experiment.exchange_s),
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
)
"""What nobody varies for its own sake, but what may move a figure: the seed, settings and the machine apart."""
