"""The settings of the trials: those of the baseline's writers, and the settings that differ for other entrants.

Owns the holder, the source and the meaning of each value. Must not query a session that is not measured.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from schemabench.candidate import BASELINE
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.load import LostConnectionError
from schemabench.load.session import ISOLATION, SETTINGS
from schemabench.monitor import conditions
from schemabench.monitor.conditions import Condition, Held
from schemabench.records import CandidateResult, Notice, Setting
from schemabench.server import Server, lost
from schemabench.server.settings import OPTION, OURS, shown
from schemabench.units import plural

ALWAYS = frozenset({"autovacuum", "fsync", "full_page_writes", "max_wal_size", "shared_buffers", "synchronous_commit"})
"""Always shown, whether set or not: the cost of a write depends on them."""
_DEFAULT = "default"
"""The value of a setting that is unknown to a session, because the library that defines it is not loaded; also the
source of a setting that was not set."""

Who = Callable[[str, Condition], str]
"""(setting, its value in a session) -> its source, in words."""


@dataclass(frozen=True, kw_only=True)
class Merged:
    """One setting over all sessions of an entrant."""

    setting: Setting
    chosen: bool
    """Whether it was set at all."""
    default: bool
    """Whether it has PostgreSQL's built-in default in all sessions."""
    mixed: bool
    """Whether sessions have different values."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The settings of all entrants."""

    baseline: tuple[Setting, ...]
    """As in `Experiment.settings`."""
    otherwise: Mapping[str, tuple[Setting, ...]]
    """Entrant -> as in `CandidateResult.settings`."""
    notices: tuple[Notice, ...]

    def completed(self, results: Mapping[str, CandidateResult]) -> dict[str, CandidateResult]:
        """Return results with the settings of each candidate that differ."""
        return {name: replace(one, settings=self.otherwise.get(name, ())) for name, one in results.items()}


def gathered(server: Server, present: Sequence[Entrant], held: Mapping[str, Sequence[Held]]) -> Conditions:
    """Return the settings of every writer's session.

    Args:
        server: The server.
        present: The entrants that finished their trials, among them baseline and control.
        held: The settings of each one's sessions, on all workers.
    """
    found = {one.name: merged(held[one.name], _who(server, one)) for one in present}
    baseline = found[BASELINE]
    otherwise = {name: differing(theirs, baseline) for name, theirs in found.items() if name != BASELINE}
    compared = ALWAYS.union(one.name for settings in otherwise.values() for one in settings)
    return Conditions(
        baseline=tuple(
            one.setting
            for name, one in baseline.items()
            if name in compared
            or (one.chosen and (not one.default or one.setting.source == OURS or name in server.asked))
        ),
        otherwise=otherwise,
        notices=(*_mixed(baseline), *_control(otherwise.get(CONTROL, ()), baseline), *_lost(baseline, server.asked)),
    )


def held(one: Entrant, custom: Mapping[str, str], worker: str) -> list[Held]:
    """Return the settings of each of this process's sessions with an entrant.

    Raises:
        ServerError: The server failed.
    """
    try:
        readings = conditions.read([session for session, _ in one.sessions], custom)
        return [
            Held(writer=writer.name, worker=worker, reading=reading)
            for (_, writer), reading in zip(one.sessions, readings, strict=True)
        ]
    except LostConnectionError as failure:
        raise lost(one.template.server, failure) from failure


def merged(sessions: Sequence[Held], who: Who) -> dict[str, Merged]:
    """Return the settings of one entrant's sessions, sorted by name."""
    readings = {id(one.reading): one for one in sessions}  # equal ones of a process are the same object
    if len(readings) == 1:
        sessions = sessions[:1]
    names = {name for one in readings.values() for name in one.reading}
    return {name: _together(name, sessions, who) for name in sorted(names)}


def differing(own: Mapping[str, Merged], baseline: Mapping[str, Merged]) -> tuple[Setting, ...]:
    """Return an entrant's settings that differ from the baseline's, sorted by name."""
    return tuple(
        mine.setting if (mine := own.get(name)) else Setting(name=name, value=_DEFAULT, source=_DEFAULT)
        for name in sorted({*own, *baseline})
        if _told_apart(own.get(name), baseline.get(name))
    )


def _told_apart(one: Merged | None, other: Merged | None) -> bool:
    """Return whether a setting differs; if one of the two does not know it, it counts as PostgreSQL's default there."""
    known = [merged for merged in (one, other) if merged]
    if not any(merged.chosen for merged in known):
        return False
    if one and other:
        return one.setting.value != other.setting.value
    return not all(merged.default for merged in known)


def _together(name: str, sessions: Sequence[Held], who: Who) -> Merged:
    unknown = Condition(_DEFAULT, _DEFAULT, default=True)
    found = [(one, one.reading.get(name, unknown)) for one in sessions]
    holders: dict[str, list[Held]] = {}
    for one, condition in found:
        if condition is not unknown or any(other.chosen and not other.default for _, other in found):
            holders.setdefault(condition.value, []).append(one)
    sources = dict.fromkeys(who(name, condition) for _, condition in found if condition is not unknown)
    values = list(holders)
    if len(values) > 1:
        values = [f"{value} ({_whose(some, holders.values(), sessions)})" for value, some in holders.items()]
    return Merged(
        setting=Setting(name=name, value=", ".join(values), source=", ".join(sources)),
        chosen=any(condition.chosen for _, condition in found),
        default=all(condition.default for _, condition in found),
        mixed=len(values) > 1,
    )


def _whose(some: Sequence[Held], groups: Collection[Sequence[Held]], sessions: Sequence[Held]) -> str:
    """Return the holders of one of several values: writers or workers, if these separate the values."""
    traits: tuple[Callable[[Held], str], ...] = (lambda one: one.writer, lambda one: f"worker {one.worker}")
    for trait in traits:
        parts = [{trait(one) for one in group} for group in groups]
        if sum(map(len, parts)) == len({trait(one) for one in sessions}):
            return ", ".join(sorted({trait(one) for one in some}))
    counts = Counter(one.writer for one in some)
    every = Counter(one.writer for one in sessions)
    return ", ".join(f"{writer}, {count} of {plural(every[writer], 'connection')}" for writer, count in counts.items())


def _who(server: Server, one: Entrant) -> Who:
    """Return a function that names the source of a setting of an entrant's session."""
    ours = SETTINGS.items()
    isolation = one.template.isolation

    def who(name: str, condition: Condition) -> str:
        if condition.source == "session" and (name, condition.value) in ours:
            return OURS
        if condition.source == "session" and (name, condition.value) == (ISOLATION, isolation):
            return "workload"
        return server.who_set(name, condition.value, condition.source)

    return who


def _mixed(baseline: Mapping[str, Merged]) -> tuple[Notice, ...]:
    """Return a notice if the baseline's sessions have different settings."""
    shown = [f"{one.setting.name} {one.setting.value}" for one in baseline.values() if one.mixed]
    if not shown:
        return ()
    text = f"The baseline's sessions have different settings: {'; '.join(shown)}"
    return (Notice(code="mixed-settings", text=text),)


def _control(control: Sequence[Setting], baseline: Mapping[str, Merged]) -> tuple[Notice, ...]:
    """Return a notice if the control, which equals the baseline, has other settings."""
    if not control:
        return ()
    usual = {name: one.setting.value for name, one in baseline.items()}
    shown = "; ".join(f"{one.name} {one.value} instead of {usual.get(one.name, _DEFAULT)}" for one in control)
    text = f"The control's sessions differ from the baseline's in settings that schemabench does not set: {shown}"
    return (Notice(code="control-settings", text=text),)


def _lost(baseline: Mapping[str, Merged], asked: Mapping[str, str]) -> tuple[Notice, ...]:
    """Return a notice for each of the user's settings that something else overrides."""
    return tuple(
        Notice(
            code="setting-overruled",
            text=f"{OPTION} {name}={shown(name, asked[name])} has no effect in the writers' sessions: there it is "
            f"{one.setting.value}, set by: {one.setting.source}",
        )
        for name in sorted(asked)
        if (one := baseline.get(name)) and one.setting.source != OPTION
    )
