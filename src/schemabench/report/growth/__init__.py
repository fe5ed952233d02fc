"""Growth curves: a part of the report for each, before the experiments of its steps.

Owns its verdict and its findings. Must not claim more than the intervals support.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from schemabench.records import Growth, GrowthCrossing, GrowthStep, Run, StepFigures
from schemabench.report import figures, noise, view
from schemabench.report.growth import compared, curves, projections
from schemabench.report.growth.forms import (
    PLACES,
    about,
    candidates,
    finished,
    is_over_size,
    measured,
    over,
    stated,
    unranked,
)
from schemabench.report.growth.steps import by_size, crossings, doubtful, experiments, of, telling, title
from schemabench.report.sizes import size
from schemabench.report.text import name
from schemabench.report.tree import Bullets, Node, Paragraph, Part, Terms
from schemabench.units import format_duration, plural

__all__ = ["by_size", "is_over_size", "of", "parts", "sentence", "title"]

_GREW = 0.05
"""The share of their size by which databases grow in a step, from which on it is told."""
_LONGER = 2.0
"""Times the shortest burst of any step, from which on their lengths are told."""
_Said = TypeVar("_Said", bool, str)
_STOLEN = "stolen-time"
"""The code of the notice on an experiment that others on the host slowed."""


def parts(run: Run) -> tuple[Part, ...]:
    """Return a part for each growth curve."""
    return tuple(_part(run, growth, number) for number, growth in enumerate(run.growths, start=1))


def _part(run: Run, growth: Growth, number: int) -> Part:
    sections = (curves.section(run, growth), projections.section(growth))
    against = compared.sentence(run, growth)
    return Part(
        id=f"growth-{number}",
        title=f"{name(growth.workload)} over {name(over(growth))}",
        link=f"{growth.workload} over {over(growth)}",
        setting=_setting(run, growth),
        verdict=(
            Paragraph(text=sentence(run, growth), emphasis="strong"),
            *([Paragraph(text=against)] if against else []),
        ),
        answer=tuple(_answer(run, growth)),
        sections=tuple(one for one in sections if one),
        names=tuple(dict.fromkeys((*view.names(run, growth.workload), *candidates(growth)))),
    )


def sentence(run: Run, growth: Growth) -> str:
    """Return what became of the order of the candidates from the first to the last of the steps that can tell it."""
    steps = finished(growth)
    if not steps:
        return f"No step was measured{' to its end' if measured(growth) else ''}."
    if len(steps) == 1:
        return f"One step was measured, at {stated(growth, size(steps[0].value))}."
    known = telling(run, growth)
    if len(known) <= 1:
        every = plural(len(steps), "step")
        some = f"Only one of {every}, at {stated(growth, size(known[0].value))}," if known else f"None of {every}"
        return f"{some} can tell candidates apart."
    span = stated(growth, f"{size(known[0].value)} to {size(known[-1].value)}")
    return f"From {span}, {_order(crossings(run, growth))}."


def _order(found: Sequence[GrowthCrossing]) -> str:
    """Return whether candidates change places."""
    if certain := sum(one.is_certain for one in found):
        return f"candidates change places beyond chance: {plural(certain, 'crossing')}"
    return (
        "candidates may change places, but not beyond chance"
        if found
        else "no two candidates are shown to change places"
    )


def _setting(run: Run, growth: Growth) -> str:
    server = f"PostgreSQL {run.server.version}; " if run.server else ""
    took, budget = format_duration(growth.elapsed_s), format_duration(growth.budget_s)
    joined = " of" if growth.elapsed_s <= growth.budget_s or took == budget else ", beyond the budget of"
    steps = plural(len(finished(growth)), "step")
    return f"{server}{steps} in {took}{joined} {budget}; all else as {name(growth.cardinality)}"


def _answer(run: Run, growth: Growth) -> Iterator[Node]:
    yield from compared.spans(run, growth)
    if found := crossings(run, growth):
        yield Bullets(lead="Where lines cross:", items=tuple(_crossings(growth, found)))
    yield Terms(
        items=(
            ("marks", "; ".join(f"{one.title} at {stated(growth, about(one.value))}" for one in growth.edges)),
            ("rows", _loading(growth)),
            ("grown in a step", _grown(growth)),
            ("too few blocks", _few(growth)),
            ("doubtful", _doubtful(run, growth)),
            ("not ranked", _unranked(growth)),
            ("left early", _left(growth)),
            ("load generator", _limited(growth)),
            ("interrupted", _interrupted(growth)),
            ("bursts", _bursts(run, growth)),
            ("processor time stolen", _stolen(run, growth)),
            ("not measured", "; ".join(f"{size(step.value)}: {step.reason}" for step in _unmeasured(growth))),
            ("ended", growth.ended),
            ("noise", noise.fact(growth.noise) if growth.noise else ""),
        )
    )


def _grown(growth: Growth) -> str:
    """Return by how much databases grew while a step was measured, the most of all steps; empty if they hardly did."""
    found = [(step.grown, step) for step in measured(growth) if step.grown]
    most, where = max(found, key=lambda one: one[0], default=(0.0, None))
    if where is None or most < _GREW:
        return ""
    return f"databases by up to {figures.percent(most)} while it was measured (at {size(where.value)})"


def _unmeasured(growth: Growth) -> list[GrowthStep]:
    return [step for step in growth.steps if not step.figures]


def _crossings(growth: Growth, found: Sequence[GrowthCrossing]) -> Iterator[str]:
    steps = plural(sum(step.has_intervals for step in measured(growth)), "step")
    for one in found:
        said = (
            f"{name(one.second)} overtakes {name(one.first)} between {size(one.low)} and {size(one.high)}: "
            f"{name(one.first)} has {figures.ratio_with_interval(one.before, PLACES)} the throughput of "
            f"{name(one.second)} before, and {figures.ratio_with_interval(one.after, PLACES)} after"
        )
        yield said if one.is_certain else f"perhaps, {said}; not beyond chance at {steps} together"


def _loading(growth: Growth) -> str:
    """Return which steps grew from others, which were loaded from the first row on, and whose databases alone were."""
    known = [(step, [one.loaded for one in step.figures if one.loaded]) for step in measured(growth)]
    grown = [(step, some) for step, each in known if (some := [one for one in each if one.own_rows < one.rows])]
    steps = [step for step, _ in grown]
    fresh = [step for step, each in known if step not in steps and any(one.rows for one in each)]
    said = []
    if grown:
        loaded = sum(max(one.own_rows for one in some) for _, some in grown)
        held = sum(max(one.rows for one in some) for _, some in grown)
        said.append(
            f"{plural(len(grown), 'step')} grown from the databases of a smaller one, by {loaded:,} of their "
            f"{plural(held, 'row')}"
            if loaded
            else f"{plural(len(grown), 'step')} on copies of the databases of a smaller one, without further rows"
        )
    if fresh:
        values = figures.listed([size(step.value) for step in fresh], len(fresh))
        said.append(f"loaded from the first row on: at {stated(growth, values)}")
    if apart := _where(steps, lambda one: one.loaded is not None and one.loaded.own_rows == one.loaded.rows):
        said.append(f"these were loaded from the first row on, while others grew: {apart}")
    return "; ".join(said)


def _few(growth: Growth) -> str:
    """Return the steps that had too few blocks when they ended."""
    few = [size(step.value) for step in finished(growth) if not step.has_intervals]
    return f"at {figures.listed(few, len(few))}, blocks do not tell candidates apart" if few else ""


def _doubtful(run: Run, growth: Growth) -> str:
    """Return the steps at which the baseline differs from itself: laws are fitted to them all the same."""
    at = [size(value) for value in sorted(doubtful(run, growth))]
    if not at:
        return ""
    rest = ", but projections and forecasts may" if growth.projections or growth.forecasts else ""
    return f"at {figures.listed(at, len(at))}, the baseline differs from itself: no crossing rests on that{rest}"


def _unranked(growth: Growth) -> str:
    """Return who has no figures, at which steps, and why, in brief."""
    return "; ".join(f"{name(who)} {at}: {why}" for (who, why), at in _each(measured(growth), unranked).items())


def _left(growth: Growth) -> str:
    """Return who left a step after too few trials for an interval."""
    found = _where(measured(growth), lambda one: one.has_few_trials)
    return f"{found}, far slower than the others, after too few trials for intervals" if found else ""


def _limited(growth: Growth) -> str:
    """Return whom the load generator limited, and where."""
    found = _where(measured(growth), lambda one: one.is_limited)
    return f"the bottleneck of {found}: no change, crossing or projection rests on these rates" if found else ""


def _where(steps: Sequence[GrowthStep], holds: Callable[[StepFigures], bool]) -> str:
    """Return the candidates of which something holds, each with the steps at which it does."""
    return "; ".join(f"{name(who)} {at}" for (who, _), at in _each(steps, holds).items())


def _each(steps: Sequence[GrowthStep], of: Callable[[StepFigures], _Said]) -> dict[tuple[str, _Said], str]:
    """Return what is to be told of each candidate, with the steps of which it is true, as in `at 500 and 2,000`."""
    found: dict[tuple[str, _Said], list[str]] = {}
    for step in steps:
        for one in step.figures:
            if told := of(one):
                found.setdefault((one.candidate, told), []).append(size(step.value))
    return {key: f"at {figures.listed(values, len(values))}" for key, values in found.items()}


def _interrupted(growth: Growth) -> str:
    """Return the step that was interrupted after some blocks; empty if there is none."""
    at = [size(step.value) for step in measured(growth) if step.is_interrupted]
    return f"at {figures.listed(at, len(at))}, before states were compared: no comparison rests on it" if at else ""


def _bursts(run: Run, growth: Growth) -> str:
    """Return how long the bursts of the steps were, if they differ much: costs of a call may depend on that."""
    found = [(one.operations, step) for step, one in experiments(run, growth)]
    if not found:
        return ""
    (least, first), (most, last) = (pick(found, key=lambda one: one[0]) for pick in (min, max))
    if most < _LONGER * least:
        return ""
    return (
        f"of {plural(least, 'operation')} at {size(first.value)} to {most:,} at {size(last.value)}: what is done once "
        "in a burst weighs more in a short one"
    )


def _stolen(run: Run, growth: Growth) -> str:
    """Return how much processor time the host took at the steps; empty where none was slowed by it."""
    known = experiments(run, growth)
    shares = [(one.steal_share, step) for step, one in known if one.steal_share is not None]
    if not any(notice.code == _STOLEN for _, one in known for notice in one.notices):
        return ""
    (least, first), (most, last) = (pick(shares, key=lambda one: one[0]) for pick in (min, max))
    return (
        f"from {figures.share(least)} at {size(first.value)} to {figures.share(most)} at {size(last.value)} of this "
        "machine's, by others on its host: figures differ between steps for that reason, too"
    )
