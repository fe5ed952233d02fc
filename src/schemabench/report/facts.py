"""The sections on how a run and its experiments were made, for a reader who doubts or repeats them.

Owns the choice of the facts, and which of them hold for all experiments. Must not judge them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemabench.records import Experiment, Run, WriterShare
from schemabench.report import companions, ends, figures, footnotes, noise, race, settings
from schemabench.report.text import name
from schemabench.report.tree import Paragraph, Section, Table, Terms, Verbatim, cells, columns
from schemabench.report.view import View
from schemabench.units import format_duration, format_significant, plural

_UPKEEP = {
    "between-blocks": "by schemabench between blocks, once a table passes autovacuum's thresholds; costs are separate",
    "autovacuum": "by the server's autovacuum alone, on its own schedule",
}


Fact = tuple[str, str]
"""A name, and its value as a text."""


def of_run(run: Run) -> Section:
    """Return the facts that hold for all experiments of a run: its command, machine, server, options."""
    server = f"PostgreSQL {run.server.version}, {name(run.server.origin)}" if run.server else "none was used"
    facts = (
        ("started", run.started),
        ("server", server),
        ("schemabench", run.version),
        ("run", name(run.run_id)),
        *run.machine.items(),
    )
    options = Table(
        caption="Options and their sources",
        columns=columns("option", "value", "from"),
        rows=tuple(cells(name(one.name), name(one.value) or figures.DASH, one.source) for one in run.options),
    )
    command = Verbatim(label="To repeat this run:", text=run.command, language="sh")
    return Section(id="made", title="How this run was made", nodes=(command, Terms(items=facts), options))


def section(view: View) -> Section:
    """Return how one experiment was made: candidates, writers, cardinality, without the facts common to all."""
    experiment = view.experiment
    own = ["; ".join(settings.otherwise(experiment, one)) for one in experiment.candidates]
    headings = ("candidate", "status", "file", "what it is", "what its author expects")
    candidates = Table(
        caption="The candidates",
        columns=columns(*headings, *(["settings"] if any(own) else [])),
        rows=tuple(
            cells(
                name(one.name),
                one.status,
                name(one.path),
                *(said or figures.DASH for said in (one.summary, one.expects, *([some] if any(own) else []))),
            )
            for one, some in zip(experiment.candidates, own, strict=True)
        ),
    )
    numbers = ("connections", "operations in a burst")
    writers = Table(
        caption="Writers",
        columns=columns("writer", "kind", *numbers, "in production", numbers=numbers),
        rows=tuple(
            cells(_named(one), one.kind, one.clients, one.operations, one.pace or figures.DASH)
            for one in experiment.writers
        ),
    )
    limits = view.marks([*view.run.notices, *footnotes.of(experiment)])
    limited = (Paragraph(text="Limitations are explained at the verdict:", notes=limits),) if limits else ()
    nodes = (Terms(items=tuple(of_experiment(experiment))), writers, candidates, *limited)
    return Section(id="made", title="How it was made: candidates, writers, cardinality", nodes=nodes)


def of_experiment(experiment: Experiment) -> list[Fact]:
    """Return how an experiment was made: blocks, budget, clients, burst, inputs, cardinality, digest."""
    blocks = f"{experiment.blocks:,} counted, after {plural(experiment.warmup_blocks, 'warm-up block')}"
    if not experiment.steady:
        blocks += "; not steady after warm-up"
    burst = f"{plural(experiment.operations, 'operation')}, {plural(experiment.rows, 'row')} on average"
    return [
        ("blocks", blocks),
        ("stopped by", f"{ends.cause(experiment)}, after {format_duration(experiment.elapsed_s)}"),
        *([("total time", format_duration(experiment.took_s))] if experiment.took_s else []),
        *_repetition(experiment),
        ("budget", format_duration(experiment.budget_s)),
        ("precision", f"{figures.percent(experiment.precision)} on either side of every ratio"),
        ("seed", str(experiment.seed)),
        ("clients", plural(experiment.clients, "connection")),
        *_round_trip(experiment),
        ("isolation", experiment.isolation),
        *([("companions", beside)] if (beside := companions.fact(experiment)) else []),
        *([("noise", noise.fact(experiment.noise))] if experiment.noise else []),
        *_client(experiment),
        ("burst", burst),
        *((f"input {which}", name(path)) for which, path in experiment.replay.items()),
        *((f"cardinality: {field}", name(_plain(value))) for field, value in experiment.values.items()),
        *_chosen(experiment),
        ("digest of the cardinality", name(experiment.digest)),
    ]


def _repetition(experiment: Experiment) -> Iterator[Fact]:
    """Yield the information in the blocks, the database copies they used, and the vacuum and analyze policy."""
    if experiment.effective_blocks is not None:
        worth = f"{experiment.effective_blocks:.0f} carry as much information as these {experiment.blocks}"
        yield "independent blocks", worth
    if experiment.copies > 1:
        made = (
            f"{experiment.copies}, one after another, to average out the file layout; created in "
            f"{format_duration(experiment.copying_s)}"
        )
        share = experiment.copies_share
        between = "" if share is None else f"; {figures.share(share)} of a block's variance lies between them"
        yield "copies of the databases", made + between
    if experiment.upkeep:
        yield "vacuum and analyze", _UPKEEP.get(experiment.upkeep, experiment.upkeep)
    if places := experiment.race:
        yield "race", f"about {plural(places, 'place')}: a candidate leaves once {race.proved(places)}"
    if experiment.lead_in:
        yield "lead-in", f"{figures.share(experiment.lead_in)} of a burst before each trial, not timed"


def _round_trip(experiment: Experiment) -> Iterator[Fact]:
    """Yield the time of an exchange with the server: as measured, and what was added to it."""
    told = []
    if experiment.exchange_s is not None and experiment.exchange_p99_s is not None:
        median, p99 = format_duration(experiment.exchange_s), format_duration(experiment.exchange_p99_s)
        by = f" by {leader}" if (leader := _leader(experiment)) else ""
        told.append(f"{median} measured{by} before the blocks (median; 99 % within {p99})")
    if experiment.round_trip_s:
        told.append(f"{format_duration(experiment.round_trip_s)} added to each exchange")
    if told:
        yield "round trip", "; ".join(told)


def _leader(experiment: Experiment) -> str:
    """Return the worker that measured what one of several measures; empty if there was one process."""
    return next(iter(experiment.workers), "")


def _chosen(experiment: Experiment) -> Iterator[Fact]:
    """Yield the origin of the cardinality, unless the workload's author chose it."""
    if experiment.origin == "file":
        yield "cardinality", "from a file of the user's"
    elif experiment.origin != "pinned":
        yield f"cardinality {experiment.origin} by", f"Hypothesis {experiment.hypothesis}"


def _client(experiment: Experiment) -> Iterator[Fact]:
    """Yield the possible influence of the load generator and its machine on the figures, as far as it is known."""
    if experiment.sample_hz:
        yield "lock-wait samples", f"{format_significant(experiment.sample_hz, 2)} a second"
    if experiment.busy_share:
        yield "load loop", f"at work {_busy(experiment)} of the median trial"
    for worker, busy in experiment.workers.items():
        yield f"load loop of {worker}", f"at work {figures.share(busy)}"
    if experiment.steal_share is not None:
        whose = f"of that of {leader}'s machine" if (leader := _leader(experiment)) else "of this machine's"
        yield "processor time stolen", f"{figures.share(experiment.steal_share)} {whose}"


def loops(experiment: Experiment) -> str:
    """Return how busy the load loops of several workers were; empty for a single one, of which a notice tells."""
    if len(experiment.workers) <= 1:
        return ""
    return f"at work {_from_to(experiment.workers)} of the median trial"


def _busy(experiment: Experiment) -> str:
    """Return how busy the load loop was under each candidate."""
    known = {one.name: one.busy_share for one in experiment.candidates if one.busy_share is not None}
    return _from_to(known) if known else figures.share(experiment.busy_share)


def _from_to(shares: Mapping[str, float]) -> str:
    """Return whose share is the least and whose is the most; a single figure if all are equal."""
    least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    if shares[least] == shares[most]:
        return figures.share(shares[most])
    return f"{figures.share(shares[least])} ({least}) to {figures.share(shares[most])} ({most})"


def _plain(value: Any) -> str:  # noqa: ANN401 (a cardinality's field may be any JSON value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _named(writer: WriterShare) -> str:
    """Return a writer's name, with its part and the role as which it executes, if any."""
    part = f" (part {name(writer.part)})" if writer.part else ""
    return f"{name(writer.name)}{part} as {name(writer.role)}" if writer.role else f"{name(writer.name)}{part}"
