"""A soak: what changes while candidates work for long, with autovacuum as production has it.

Owns the rounds, in which each entrant has one turn, in random order, and the slopes over them. Must not judge: the
report words what the slopes say. See decision 49.

Entrants are new copies of their templates, in files without any trace of the blocks. They take turns, so that a machine
that changes during the soak changes all of them alike. The server's clocks go on while others have their turn, and are
slowed in return: see `server.clocks`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from math import ceil
from random import Random
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemabench import signals, statistics
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError, ServerError, UsageError
from schemabench.experiment import turns
from schemabench.experiment.blocks import Blocks
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.turns import Pattern, Turns
from schemabench.progress import Progress
from schemabench.records import CandidateResult, Notice, Slope, Soak, SoakFigures, SoakSlice
from schemabench.server import Server, slowed
from schemabench.units import format_duration, plural

ROUNDS = 21
"""In a short soak: one before, and 20 turns of each entrant for the slopes, of which hardly any then lacks an interval
(some 2 %, simulated)."""
FIRST_COUNTED = 1
"""The first round does not count for slopes: caches fill, statements are planned, pages are written for the first time.
"""
LONGEST_SLICE_S = 60.0
"""In a long soak: what happens on the machine meanwhile lasts for minutes."""
BURSTS = 10
"""Bursts in a turn without a pace, at least: a turn ends with a burst."""
LONGEST_BURST_S = 1.0
"""A longer one is many calls in memory."""
PER_S = (600.0, 60.0, 10.0, 1.0)
"""What slopes are for: the longest that the soak does not fall short of."""
BEHIND = 1.1
"""A turn at production's pace that takes this many times as long as production has: calls had to wait in a queue. One
that falls due at its end makes it a little longer."""
_ROUNDING = 1e-9
"""By which a number of rounds may be off a whole one."""
_FIGURES = ("rate", "p50_ns", "p99_ns")
_SETTINGS = """
SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings
WHERE name IN (
    'autovacuum', 'autovacuum_freeze_max_age', 'autovacuum_naptime', 'autovacuum_vacuum_cost_delay',
    'autovacuum_vacuum_scale_factor', 'autovacuum_vacuum_threshold', 'checkpoint_timeout', 'gin_pending_list_limit',
    'max_wal_size', 'track_counts'
)
ORDER BY name
"""


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """The findings of a soak."""

    record: Soak | None = None
    """None if there was no soak."""
    figures: Mapping[str, SoakFigures] = field(default_factory=dict)
    """Entrant -> how it fared."""
    interrupted: bool = False
    """Whether the user ended it."""
    failure: ServerError | None = None
    """Of the server, which is gone."""
    notices: tuple[Notice, ...] = ()

    def completed(self, found: Mapping[str, CandidateResult]) -> dict[str, CandidateResult]:
        """Return results with what the soak found of each candidate."""
        return {name: replace(result, soak=self.figures.get(name)) for name, result in found.items()}


@dataclass(kw_only=True)
class _Course:
    """How far a soak is."""

    plan: Plan
    pattern: Pattern
    taking: list[Turns] = field(default_factory=list)
    """Those who take part."""
    slowed: Mapping[str, float] = field(default_factory=dict)
    """As in the record, likewise below."""
    settings: Mapping[str, str] = field(default_factory=dict)
    begun: bool = False
    """Whether all copies are made."""
    rounds: int = 0
    elapsed_s: float = 0.0


def check(plan: Plan) -> None:
    """Refuse a soak that cannot be.

    Raises:
        UsageError: With why, and what to do.
    """
    if not plan.soak_s:
        return
    if _is_paced(plan) and _paced(plan).rounds < (least := statistics.FEWEST_ROUNDS + FIRST_COUNTED):
        assert plan.production_s is not None, "a pace is known"
        raise UsageError(
            f"--soak {format_duration(plan.soak_s)} is too short for production's pace: the smallest burst of "
            f"{plan.found.workload.name!r} stands for {format_duration(plan.production_s)}, and a slope takes {least} "
            "of them",
            remedies=[
                f"--soak {ceil(least * plan.production_s)}s, or longer",
                "--soak-closed, to work as fast as connections allow",
            ],
        )


def soak(blocks: Blocks, server: Server, left_out: Collection[str]) -> Soaked:
    """Have new copies of the templates work by turns, and return how their figures changed.

    The sessions of the blocks are closed, so that their connections are free. Whatever fails of the server, even if it
    is gone, the finished rounds are returned, with a notice.

    Args:
        blocks: The finished blocks; all of their entrants that are left take part.
        server: Where.
        left_out: Entrants that do not take part; nobody does without the baseline.
    """
    plan, measured = blocks.plan, blocks.measured
    entrants = [one for one in blocks.entrants if measured.is_left(one.name) and one.name not in left_out]
    if not plan.soak_s or BASELINE in left_out:
        return Soaked()
    for one, observer in blocks.entrants.items():
        observer.close()
        one.close()
    pattern = _paced(plan) if _is_paced(plan) else _closed(plan, blocks.size, measured)
    course, interrupted, broken = _Course(plan=plan, pattern=pattern), False, ""
    gone: ServerError | None = None
    try:
        _run(course, server, entrants, blocks.progress)
    except KeyboardInterrupt:
        interrupted = True
    except ServerError as failure:
        broken, gone = failure.headline, None if server.alive() else failure
        if not course.begun:
            notice = Notice(code="soak-not-begun", text=f"There was no soak: {broken}")
            return Soaked(failure=gone, notices=(notice,))
    with signals.noted() as came:  # the rounds are over
        figures = _figures(plan, course.taking, course.rounds)
    interrupted = interrupted or came()
    record = Soak(
        asked_s=plan.soak_s,
        paced=pattern.paced,
        slice_s=pattern.slice_s,
        rounds=course.rounds,
        per_s=per_s(plan.soak_s),
        elapsed_s=course.elapsed_s,
        slowed=course.slowed,
        settings=course.settings,
        control=figures.get(CONTROL),
        interrupted=interrupted or bool(broken),
    )
    unread = next((one.wear.unread for one in course.taking if one.wear.unread), "")
    whole = plan.inputs and not record.interrupted
    bursts = [one.bursts for one in course.taking if whole and not one.ended]
    told = (*_limits_of_course(broken, bursts), *notices(record, figures, len(entrants), unread))
    return Soaked(record=record, figures=figures, interrupted=interrupted, failure=gone, notices=told)


def _limits_of_course(broken: str, bursts: Collection[int]) -> Iterator[Notice]:
    """Yield why a soak ended early, and that those who replay a file did not all come equally far in it.

    Args:
        broken: The error that ended it; empty if none did.
        bursts: How many each entrant executed to the end; none where calls are made up, or it ended early.
    """
    if broken:
        yield Notice(code="soak-broken-off", text=f"The soak was broken off, and covers the rounds before: {broken}")
    if len(set(bursts)) > 1:
        text = (
            f"In the soak, the slowest replayed {min(bursts)} bursts of the file and the fastest {max(bursts)}. In one "
            "round, they did not execute the same calls: where calls become heavier or lighter in the course of the "
            "file, that is in their slopes"
        )
        yield Notice(code="soak-other-calls", text=text)


def _run(course: _Course, server: Server, entrants: Sequence[Entrant], progress: Progress) -> None:
    """Copy the templates and have all take their turns, as far as it goes."""
    plan, pattern = course.plan, course.pattern
    with ExitStack() as stack:
        progress.stage(plan, "copying templates for the soak")
        course.slowed = stack.enter_context(slowed(server, len(entrants)))
        vacuuming = turns.watching(server, stack)
        course.taking += [turns.begin(plan, server, one, pattern, vacuuming, stack) for one in entrants]
        course.settings = _settings(course.taking[0])
        course.begun, started_s = True, perf_counter()
        for number in range(pattern.rounds):
            _round(course, number, progress, started_s)
            if any(one.ended for one in course.taking if one.entrant.name == BASELINE):
                break  # there is nothing to compare with
            course.rounds, course.elapsed_s = number + 1, perf_counter() - started_s


def per_s(asked_s: float) -> float:
    """Return the working time that slopes are for."""
    return next((one for one in PER_S if one <= asked_s), asked_s)


def _is_paced(plan: Plan) -> bool:
    return plan.production_s is not None and not plan.soak_closed


def _slice_s(plan: Plan) -> float:
    """Return the longest length of a turn: there are enough of them, and none is long."""
    return min(LONGEST_SLICE_S, plan.soak_s / ROUNDS)


def _paced(plan: Plan) -> Pattern:
    """Return turns of one burst each, of whole multiples of the smallest burst."""
    assert plan.production_s is not None, "a pace is known"
    size = max(1, int(_slice_s(plan) / plan.production_s + _ROUNDING))
    burst_s = size * plan.production_s
    rounds = int(plan.soak_s / burst_s + _ROUNDING)
    return Pattern(slice_s=burst_s, rounds=rounds, size=size, burst_s=burst_s, paced=True)


def _closed(plan: Plan, size: int, measured: Measured) -> Pattern:
    """Return turns of bursts as in the blocks, shorter or longer, or as many calls as `--burst` says."""
    rounds = ceil(plan.soak_s / _slice_s(plan) - _ROUNDING)
    slice_s = plan.soak_s / rounds
    trial_s = float(np.median([trial.duration_s for trial in measured.counted(BASELINE)]))
    wanted = max(1, round(size * min(LONGEST_BURST_S, slice_s / BURSTS) / trial_s))
    own = plan.given_size or wanted
    return Pattern(slice_s=slice_s, rounds=rounds, size=own, burst_s=trial_s * own / size, paced=False)


def _round(course: _Course, number: int, progress: Progress, started_s: float) -> None:
    """Let all who have not left take a turn, in random order."""
    plan = course.plan
    order = [one for one in course.taking if not one.ended]
    Random(f"{plan.seed}/order/soak/{number}").shuffle(order)  # noqa: S311 (reproducible on purpose)
    for position, one in enumerate(order):
        progress.stage(plan, f"soak, round {number + 1} of {course.pattern.rounds}: {one.entrant.name}")
        try:
            one.take((number, position), perf_counter() - started_s)
        except CandidateError as failure:
            one.ended = failure.what


def _settings(one: Turns) -> dict[str, str]:
    """Return what governs vacuums and checkpoints, as a writer's own session has it."""
    session, _ = next(iter(one.entrant.sessions))
    rows = session.query(_SETTINGS)
    texts = [[rows.get_value(row, column) or b"" for column in range(2)] for row in range(rows.ntuples)]
    return {name.decode(): value.decode() for name, value in texts}


def _figures(plan: Plan, taking: Sequence[Turns], rounds: int) -> dict[str, SoakFigures]:
    """Return the turns of all in finished rounds, with their slopes; all turns of those that left."""
    slices = {one.entrant.name: [turn for turn in one.slices if one.ended or turn.round < rounds] for one in taking}
    staying = [one.entrant.name for one in taking if not one.ended]
    found = slopes({name: slices[name] for name in staying}, per_s(plan.soak_s))
    return {
        name: SoakFigures(slices=tuple(slices[name]), slopes=found.get(name, ()), ended=one.ended)
        for name, one in ((one.entrant.name, one) for one in taking)
    }


def slopes(slices: Mapping[str, Sequence[SoakSlice]], unit_s: float) -> dict[str, tuple[Slope, ...]]:
    """Return the slopes of all entrants with enough turns, each over the rounds in which its figure is known.

    Against the baseline, these are the rounds that an entrant shares with it. Intervals hold jointly for all entrants
    and for all figures that are known of any.

    Args:
        slices: Entrant -> its turns; without the baseline, there are no slopes.
        unit_s: The working time that slopes are for.
    """
    counted = {name: {one.round: one for one in own if one.round >= FIRST_COUNTED} for name, own in slices.items()}
    names = [name for name, own in counted.items() if len(own) >= statistics.FEWEST_ROUNDS]
    if BASELINE not in names:
        return {}
    rounds = sorted(set[int]().union(*(counted[name] for name in names)))
    turns = [[counted[name].get(one) for name in names] for one in rounds]
    worked = np.array([[_middle_s(one) / unit_s if one else np.nan for one in row] for row in turns])
    found: dict[str, list[Slope]] = {name: [] for name in names}
    values = {figure: _values(turns, figure) for figure in _FIGURES}
    judged = sum(bool(_enough(known).any()) for known in values.values())
    for figure, known in values.items():
        ages = statistics.ageing(known, names, worked, baseline=BASELINE, judged=judged)
        for (name, age), enough in zip(ages.items(), _enough(known), strict=True):
            if enough:
                found[name].append(Slope(figure=figure, own=age.own, to_baseline=age.to_baseline, judged=judged))
    return {name: tuple(own) for name, own in found.items()}


def _values(turns: Sequence[Sequence[SoakSlice | None]], figure: str) -> NDArray[np.float64]:
    """Return a figure of each turn, of the same shape; NaN where there is none."""
    return np.array([[getattr(one, figure, None) for one in row] for row in turns], dtype=np.float64)


def _enough(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each column whether it has enough values for a slope."""
    found: NDArray[np.bool_] = np.count_nonzero(~np.isnan(values), axis=0) >= statistics.FEWEST_ROUNDS
    return found


def _middle_s(one: SoakSlice) -> float:
    return one.worked_s + one.duration_s / 2


def notices(record: Soak, figures: Mapping[str, SoakFigures], entrants: int, unread: str) -> Iterator[Notice]:
    """Yield what limits the findings.

    Args:
        record: The soak.
        figures: Entrant -> how it fared.
        entrants: How many began.
        unread: Why the length of pending lists is not known; empty if it is, or there are none.
    """
    if off := [name for name in ("autovacuum", "track_counts") if record.settings.get(name) == "off"]:
        text = f"The server has {off[0]} = off: during the soak, nothing was vacuumed but what had to be frozen"
        yield Notice(code="soak-no-autovacuum", text=text)
    elif not record.slowed:
        text = (
            f"During the soak autovacuum and checkpoints kept the server's time, in which {entrants} entrants worked "
            "by turns: by its own work, each was looked after so many times as often as in production"
        )
        yield Notice(code="soak-own-time", text=text)
    if unread:
        text = (
            f"How long the pending lists of GIN indexes were is not known: {unread}. It takes a role that may create "
            "the extension pgstattuple and execute pgstatginindex (GRANT pg_stat_scan_tables TO ...), or a server of "
            "schemabench's own that has the extension: --postgres 18"
        )
        yield Notice(code="soak-pending-unknown", text=text)
    drift = any(_drifting(one, "to_baseline") for one in figures.values())
    if drift and (own := _drifting(figures[BASELINE], "own")):
        text = (
            f"The baseline's own figures changed during the soak ({', '.join(own)}). If that was the machine, it "
            "may have slowed a candidate that needs other things of it (processor, disk) by more or by less than the "
            "baseline"
        )
        yield Notice(code="soak-baseline-drifts", text=text)
    for name, one in figures.items():
        yield from _limits(record, name, one)


def _drifting(one: SoakFigures, which: Literal["own", "to_baseline"]) -> list[str]:
    """Return which figures changed beyond chance, by themselves or against the baseline, as in `p99`."""
    changes = [(slope.figure, getattr(slope, which)) for slope in one.slopes]
    return [figure.removesuffix("_ns") for figure, change in changes if change and not change.low <= 0 <= change.high]


def _limits(record: Soak, name: str, one: SoakFigures) -> Iterator[Notice]:
    """Yield what limits the figures of one entrant."""
    slices = one.slices
    if one.is_limited:
        others = ", and all are compared with it" if name == BASELINE else ""
        text = (
            f"The load generator was the bottleneck for {name} at the beginning or the end of the soak{others}: slopes "
            "of its rate are steeper than they look, and its response times include the load generator's own time. "
            "Send fewer operations at once: --clients"
        )
        yield Notice(code="soak-load-generator", text=text)
    late = [turn.duration_s for turn in slices if record.paced and turn.duration_s > BEHIND * record.slice_s]
    if late:
        text = (
            f"{name} did not keep up with production's pace in {len(late)} of {plural(len(slices), 'turn')}, of which "
            f"one took {format_duration(max(late))} instead of {format_duration(record.slice_s)}: calls waited in a "
            "queue, and response times count that"
        )
        yield Notice(code="soak-behind", text=text)
