"""A search for where the ranking changes: the start, the probes, and the full experiments.

Owns the order of a search, the division of its budget, and its conclusion. Must not know Hypothesis, nor draw anything.

Full experiments decide: the cardinality that looked worst in short trials did so partly by chance, and its figures from
these trials overstate the effect.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from schemabench import cardinality as cardinalities
from schemabench.bench import kept
from schemabench.candidate import BASELINE
from schemabench.crossover.laboratory import Laboratory
from schemabench.crossover.pair import cost, failure, is_bound, ranked, ratio, side
from schemabench.crossover.search import Search, key
from schemabench.crossover.state import FILE, State, resumed
from schemabench.errors import CandidateError, SchemabenchError, UsageError, WorkloadError
from schemabench.records import Crossover, Experiment, Probe, Spot
from schemabench.workload import authored

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

WORST, BEST = "worst-found", "best-found"
"""The names of the cardinalities that a search freezes."""
START_SHARE = 0.15
"""The share of the budget for the experiment at the start, with whose intervals all results are compared."""
SEARCH_SHARE = 0.75
"""The share of the budget after which probing ends: the rest must suffice for two full experiments, or four."""
PROBE_S = 0.5
"""The length of a probe's trials: half a dozen short ones. Loading takes longer, and more trials would not make the
counters more exact."""
FULL_S = 4.0
"""A shorter full experiment has too few blocks for a useful interval."""
MOST_REMEASURED = 2
"""In each direction: the slowest in trials and the one with the highest counts. With more, each would have less
time."""


def open_state(laboratory: Laboratory, *, resume: bool) -> State:
    """Return the state of a search: the interrupted one's, or a new one.

    Raises:
        UsageError: There is none to resume, or it was measured under other conditions.
    """
    options = laboratory.bench.asked.options
    parts = [laboratory.plan.fingerprint, version("hypothesis"), str(options.postgres), repr(options.postgres_setting)]
    fingerprint = sha256("\0".join(parts).encode()).hexdigest()
    path = laboratory.found.path.parent / FILE
    return resumed(path, fingerprint) if resume else State(fingerprint=fingerprint, path=path)


def leader(laboratory: Laboratory, candidate: str = "") -> tuple[str, Experiment]:
    """Return the candidate of the search, and the experiment at the start, which is kept on the bench.

    It is the given one, or the only selected one, or else the best: does the winner win elsewhere?

    Raises:
        UsageError: Only the baseline is selected.
        CandidateError: None was ranked.
        SchemabenchError: The experiment cannot be made.
    """
    selected = laboratory.bench.subject(laboratory.workload).selected
    rivals = [candidate] if candidate else [name for name in selected if name != BASELINE]
    if not rivals:
        raise UsageError(
            f"{laboratory.workload} has no candidate to compare with the baseline", remedies=["select --candidate NAME"]
        )
    laboratory.doing = "at the start"
    start = laboratory.found.workload.cardinalities[laboratory.start]
    experiment = kept(
        lambda: laboratory.measure(laboratory.start, start, rivals, START_SHARE * laboratory.budget_s), laboratory.keep
    )
    best = next((name for name in ranked(experiment) if name != BASELINE), None)
    if best is None:
        reasons = [f"{one.name} is {one.status}: {one.reason}" for one in experiment.candidates if one.reason]
        raise CandidateError(f"No candidate of {laboratory.workload} was ranked at {laboratory.start}", checked=reasons)
    return best, experiment


def find(laboratory: Laboratory, state: State) -> Crossover:
    """Return the result of a search, whose state is updated throughout.

    However it ends after the start is measured, its result is kept on the bench, with the experiments behind it.

    Raises:
        UsageError: As `leader`.
        WorkloadError: The workload has no strategy, or one with cardinalities for which it cannot make bursts.
        SchemabenchError: An experiment cannot be made.
    """
    workload = laboratory.found.workload
    if workload.strategy is None:
        raise WorkloadError(
            f"The workload {workload.name!r} has no strategy to search",
            remedies=["give it one: Workload(strategy=...), a function that returns a Hypothesis strategy"],
        )
    candidate, experiment = leader(laboratory, state.candidate)
    state.candidate = candidate
    both = side(experiment, candidate) != "better"
    measured: list[Experiment] = []
    try:
        with authored(laboratory.found, "strategy"):
            strategy = workload.strategy()
        _look_around(laboratory, strategy, state, both=both)
        _remeasure(laboratory, state, measured, both=both)
    except KeyboardInterrupt:
        _kept(laboratory, state, experiment, measured, "it was interrupted")
        raise
    except SchemabenchError as cause:
        _kept(laboratory, state, experiment, measured, cause.what)
        raise
    return _kept(laboratory, state, experiment, measured)


def _look_around(laboratory: Laboratory, strategy: "SearchStrategy[Any]", state: State, *, both: bool) -> None:
    """Probe one cardinality after the other while there is time; the state records the probes."""
    longest_s = max((probe.elapsed_s for probe in state.probes.values()), default=0.0)

    def look(cardinality: Any) -> Probe:  # noqa: ANN401 (a workload's own type)
        nonlocal longest_s
        laboratory.doing = f"probing the {_ordinal(len(state.probes) + 1)} cardinality"
        place = key(cardinality)
        _probe(laboratory, cardinality, state.candidate, partial(state.keep, place))
        longest_s = max(longest_s, state.probes[place].elapsed_s)
        return state.probes[place]

    def over() -> bool:
        late = laboratory.elapsed_s + longest_s > SEARCH_SHARE * laboratory.budget_s
        return late and bool(state.probes)  # at least one is probed, however short the budget

    seed = laboratory.bench.asked.options.seed
    Search(strategy=strategy, look=look, over=over, both=both, known=state.probes).run(seed)


def _kept(
    laboratory: Laboratory, state: State, experiment: Experiment, measured: Sequence[Experiment], ended: str = ""
) -> Crossover:
    """Return the result, after recording it on the bench with the experiments at its ends.

    Args:
        laboratory: Made the experiments.
        state: Has the probes.
        experiment: The experiment at the start.
        measured: The full experiments elsewhere.
        ended: Why it ended early.
    """
    candidate = state.candidate
    start = _spot(experiment, candidate)
    spots = [_spot(one, candidate) for one in measured if candidate in ranked(one)]
    found = _ends(spots)
    sides = {spot.side for spot in (start, *found)}
    crossover = Crossover(
        workload=laboratory.workload,
        candidate=candidate,
        start=start,
        found=found,
        flips=sides >= {"better", "worse"},
        remeasured=len(spots),
        probes=tuple(state.probes.values()),
        seed=laboratory.bench.asked.options.seed,
        hypothesis=version("hypothesis"),
        budget_s=laboratory.budget_s,
        elapsed_s=laboratory.elapsed_s,
        ended=ended,
        noise=laboratory.noise,
    )
    digests = {(spot.cardinality, spot.digest) for spot in found}
    laboratory.keep(*(one for one in measured if (one.cardinality, one.digest) in digests), crossover=crossover)
    return crossover


def freeze(laboratory: Laboratory, crossover: Crossover) -> None:
    """Freeze the cardinalities that a search found, replacing those found before.

    Raises:
        UsageError: The file cannot be written.
        WorkloadError: It cannot be read.
    """
    workload = laboratory.found.workload
    path = laboratory.found.path.parent / cardinalities.FILE
    kept = {name: one for name, one in cardinalities.read(path).items() if one.origin != "found"}
    kind = type(workload.cardinalities[laboratory.start])
    for spot in crossover.found:
        kept[spot.cardinality] = cardinalities.freeze(
            workload.name,
            spot.cardinality,
            msgspec.convert(spot.values, type=kind),
            origin="found",
            seed=crossover.seed,
            about=f"{crossover.candidate} had {_said(spot)} of the baseline's throughput",
        )
    cardinalities.write(path, kept)


def _said(spot: Spot) -> str:
    ratio = spot.ratio
    return f"at least {ratio.low:.2f}x" if spot.at_least else f"{ratio.value:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]"


def _probe(
    laboratory: Laboratory,
    cardinality: Any,  # noqa: ANN401 (a workload's own type)
    candidate: str,
    keep: Callable[[Probe], None],
) -> None:
    """Measure a cardinality in short trials, and keep what they show."""
    began_s = laboratory.elapsed_s

    def add(reason: str, cost: float | None = None, ratio: float | None = None) -> None:
        elapsed_s = laboratory.elapsed_s - began_s
        values = cardinalities.values(cardinality)
        keep(Probe(values=values, cost=cost, ratio=ratio, elapsed_s=elapsed_s, reason=reason))

    def look(experiment: Experiment) -> None:
        if not experiment.is_interrupted:
            reason = failure(experiment, candidate)
            seen = None if reason else ratio(experiment, candidate).value
            add(reason, cost(experiment, candidate), seen)

    try:
        kept(lambda: laboratory.measure("probe", cardinality, [candidate], PROBE_S, sampled=False), look)
    except CandidateError as cause:  # the baseline failed, at this cardinality only: the search goes on
        add(f"baseline failed: {cause.what}")


def shortlist(probes: Iterable[Probe], *, both: bool) -> list[tuple[str, Probe]]:
    """Return the probes to measure in full, the likeliest first, each with the name under which it would be frozen.

    By throughput, which decides but is noisy in short trials, and by cost, which is exact but does not decide.
    """
    told = [probe for probe in probes if probe.ratio is not None]
    orders = {
        WORST: (sorted(told, key=_ratio), sorted(told, key=_cost, reverse=True)),
        BEST: (sorted(told, key=_ratio, reverse=True), sorted(told, key=_cost)),
    }
    chosen: list[tuple[str, Probe]] = []
    for place in range(MOST_REMEASURED):
        for name in (WORST, BEST) if both else (WORST,):
            order = orders[name][place % len(orders[name])]
            taken = [probe for _, probe in chosen]
            chosen += [(name, probe) for probe in order if probe not in taken][:1]
    return chosen


def _ratio(probe: Probe) -> float:
    assert probe.ratio is not None, "only probes with a ratio are compared"
    return probe.ratio


def _cost(probe: Probe) -> float:
    return 1.0 if probe.cost is None else probe.cost


def _remeasure(laboratory: Laboratory, state: State, measured: list[Experiment], *, both: bool) -> None:
    """Add full experiments for the shortlist, as many as there is time for, but one in each direction."""
    kind = type(laboratory.found.workload.cardinalities[laboratory.start])
    listed = shortlist(state.probes.values(), both=both)
    setups_s = [max(0.0, probe.elapsed_s - PROBE_S) for _, probe in listed]
    directions = len({name for name, _ in listed})

    def keep(experiment: Experiment) -> None:
        if not experiment.is_interrupted:
            measured.append(replace(experiment, origin="found", hypothesis=version("hypothesis")))

    while len(listed) > directions and sum(setups_s[: len(listed)]) + len(listed) * FULL_S > laboratory.remaining_s:
        listed.pop()
    for place, (name, probe) in enumerate(listed):
        left_s = laboratory.remaining_s - sum(setups_s[place : len(listed)])
        laboratory.doing = f"measuring {place + 1} of {len(listed)} in full"
        budget_s = max(FULL_S, left_s / (len(listed) - place))
        cardinality = msgspec.convert(probe.values, type=kind)
        try:
            kept(partial(laboratory.measure, name, cardinality, [state.candidate], budget_s), keep)
        except CandidateError as cause:  # the baseline, which did not fail in short trials
            laboratory.say(f"{laboratory.doing}: baseline failed: {cause.what}")


def _ends(spots: Sequence[Spot]) -> tuple[Spot, ...]:
    """Return the spot where the candidate did worst, then the one where it did best, if it was better there."""
    worst = min((spot for spot in spots if spot.cardinality == WORST), key=lambda spot: spot.ratio.value, default=None)
    best = max((spot for spot in spots if spot.cardinality == BEST), key=lambda spot: spot.ratio.value, default=None)
    return (*((worst,) if worst else ()), *((best,) if best and best.side == "better" else ()))


def _spot(experiment: Experiment, candidate: str) -> Spot:
    return Spot(
        cardinality=experiment.cardinality,
        values=experiment.values,
        digest=experiment.digest,
        ratio=ratio(experiment, candidate),
        side=side(experiment, candidate),
        at_least=is_bound(experiment, candidate),
    )


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
