"""How a run and its experiments came about, as names and values.

Owns which facts are told, alike in every format. Must not know how a format draws them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemabench.records import Experiment, Run
from schemabench.report import figures
from schemabench.units import format_duration, format_significant

_UPKEEP = {
    "between-blocks": "between blocks, as soon as a table passes autovacuum's thresholds; a cost apart",
    "autovacuum": "by the server's autovacuum alone, whenever it wakes",
}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One name and its value."""

    name: str
    value: str
    literal: bool = False
    """Whether the value is a name, a path or a value of somebody else's rather than words."""


def of_run(run: Run) -> list[Fact]:
    """Return what made a run: the version, its id, the machine."""
    return [
        Fact(name="schemabench", value=run.version),
        Fact(name="run", value=run.run_id, literal=True),
        *(Fact(name=name, value=value) for name, value in run.machine.items()),
    ]


def of_experiment(experiment: Experiment) -> list[Fact]:
    """Return how an experiment was made: blocks, budget, clients, burst, inputs, cardinality, digest."""
    blocks = f"{experiment.blocks:,} counted, after {experiment.warmup_blocks:,} to warm up"
    if not experiment.steady:
        blocks += "; not steady by then"
    burst = f"{figures.plural(experiment.operations, 'operation')}, {experiment.rows:,} rows on average"
    return [
        Fact(name="blocks", value=blocks),
        Fact(name="stopped by", value=f"{experiment.stopped}, after {format_duration(experiment.elapsed_s)}"),
        *([Fact(name="took in all", value=format_duration(experiment.took_s))] if experiment.took_s else []),
        *_repetition(experiment),
        Fact(name="budget", value=format_duration(experiment.budget_s)),
        Fact(name="precision", value=f"{figures.percent(experiment.precision)} on either side of every ratio"),
        Fact(name="seed", value=str(experiment.seed)),
        Fact(name="clients", value=figures.plural(experiment.clients, "connection")),
        Fact(name="isolation", value=experiment.isolation),
        *_client(experiment),
        Fact(name="burst", value=burst),
        *(Fact(name=f"input {name}", value=path, literal=True) for name, path in experiment.replay.items()),
        *(
            Fact(name=f"cardinality: {name}", value=_plain(value), literal=True)
            for name, value in experiment.values.items()
        ),
        *_chosen(experiment),
        Fact(name="digest of the cardinality", value=experiment.digest, literal=True),
    ]


def _repetition(experiment: Experiment) -> Iterator[Fact]:
    """Yield what blocks were executed on, how much they tell, and who looked after the tables meanwhile."""
    if experiment.effective_blocks is not None:
        worth = (
            f"{experiment.effective_blocks:.0f} of the {experiment.blocks} would tell as much, were none like the last"
        )
        yield Fact(name="independent blocks", value=worth)
    if experiment.copies > 1:
        made = (
            f"{experiment.copies}, one after the other, so that where files lie is no difference of schema; made in "
            f"{format_duration(experiment.copying_s)}"
        )
        share = experiment.copies_share
        between = "" if share is None else f"; {figures.share(share)} of a block's variance lies between them"
        yield Fact(name="copies of the databases", value=made + between)
    if experiment.upkeep:
        yield Fact(name="vacuum and analyze", value=_UPKEEP.get(experiment.upkeep, experiment.upkeep))
    if experiment.lead_in:
        yield Fact(name="lead-in", value=f"{figures.share(experiment.lead_in)} of a burst before each trial, not timed")


def _chosen(experiment: Experiment) -> Iterator[Fact]:
    """Yield who chose the cardinality, where that was not the workload's author."""
    if experiment.origin != "pinned":
        yield Fact(name=f"cardinality {experiment.origin} by", value=f"Hypothesis {experiment.hypothesis}")


def _client(experiment: Experiment) -> Iterator[Fact]:
    """Yield how much the client and its machine may have had to do with the figures, as far as that is known."""
    if experiment.sample_hz:
        yield Fact(name="looks at the server", value=f"{format_significant(experiment.sample_hz, 2)} a second")
    if experiment.busy_share:
        yield Fact(name="load loop", value=f"at work {_busy(experiment)} of the median trial")
    for name, busy in experiment.workers.items():
        yield Fact(name=f"load loop of {name}", value=f"at work {figures.share(busy)}")
    if experiment.steal_share is not None:
        stolen = f"{figures.share(experiment.steal_share)} of this machine's"
        yield Fact(name="processor time stolen", value=stolen)


def _busy(experiment: Experiment) -> str:
    """Return how busy the load loop was: from the candidate under which it had least to do to the one with most."""
    known = {one.busy_share: one.name for one in experiment.candidates if one.busy_share is not None}
    if len(known) <= 1:
        return figures.share(experiment.busy_share)
    least, most = min(known), max(known)
    return f"{figures.share(least)} ({known[least]}) to {figures.share(most)} ({known[most]})"


def _plain(value: Any) -> str:  # noqa: ANN401 (a cardinality's field may be anything that JSON can hold)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
