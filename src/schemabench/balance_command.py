"""The command `schemabench balance`: weights with which writers end together, or have production's proportions.

Owns the adaptation of its arguments, and what it prints. Must not measure, nor write anything.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING

from tabulate import tabulate

from schemabench import output, progress, signals
from schemabench.bench import Asked, Bench, ended, in_words
from schemabench.candidate import BASELINE
from schemabench.terminal import Screen
from schemabench.units import format_duration, format_significant, plural
from schemabench.workload import Writer

if TYPE_CHECKING:
    from schemabench.experiment import Balance, Plan


def add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    asked: Callable[[argparse.Namespace], Asked],
    width: Callable[[], int],
) -> argparse.ArgumentParser:
    """Add `balance` to the commands; return its parser.

    Args:
        commands: The commands.
        asked: Returns what its arguments ask for.
        width: Returns the columns of the terminal.
    """
    about = "measure the baseline, and suggest weights with which the writers of a workload end together"
    parser = commands.add_parser("balance", help=about, description=f"Balance: {about}. Nothing is written.")
    parser.add_argument("workload", metavar="WORKLOAD")
    about = "suggest the smallest weights with production's proportions, to within 5 %%; see Writer.pace"
    parser.add_argument("--production", action="store_true", help=about)
    parser.set_defaults(run=lambda chosen: _balance(chosen, asked(chosen), width()))
    return parser


def _balance(chosen: argparse.Namespace, asked: Asked, width: int) -> None:
    from schemabench import experiment  # noqa: PLC0415 (scipy takes seconds to load)

    bench = Bench(asked, progress.on(Screen(width)))
    cardinality = bench.subject(chosen.workload).only_cardinality("Weights are balanced")
    bench.want(chosen.workload, cardinality, BASELINE)
    plan = replace(bench.plan(chosen.workload, cardinality), equivalence="off", noise=None, keep_databases=False)
    rates = experiment.production_rates(plan) if chosen.production else ()
    with signals.heeded() as conclude, ended(bench, conclude):
        with in_words(), closing(bench.progress):
            found = experiment.balance(plan, bench.serve(by_turns=False), bench.progress, production=chosen.production)
        conclude()
        output.say("\n".join(_said(plan, found, rates)))  # first: its databases may prove impossible to drop


def _said(plan: "Plan", found: "Sequence[Balance]", rates: Sequence[float]) -> Iterator[str]:
    """Yield what is printed: a table, and lines for the workload."""
    columns = ["writer", "clients", "weight", "ends after", "suggested", "ends after"]
    rows = [
        [
            *(one.writer.name, one.connections, one.writer.weight, format_duration(one.today_s)),
            *(one.weight, format_duration(one.suggested_s)),
        ]
        for one in found
    ]
    today, suggested = _apart([one.today_s for one in found]), _apart([one.suggested_s for one in found])
    yield f"{plan}: bursts of the baseline, {plural(plan.clients, 'client')}\n"
    yield tabulate(rows, headers=columns, colalign=("left", *["right"] * 5))
    yield (
        f"\nThe last writer takes {format_significant(today)}x as long as the first, and with the suggested\nweights "
        f"{format_significant(suggested)}x.\nThe lines for the workload:\n"
    )
    yield from (f"    {_line(replace(one.writer, weight=one.weight))}," for one in found)
    if rates:
        yield f"\nproduction_s is then {sum(one.weight for one in found) / sum(rates):.3g}."
    elif plan.found.workload.production_s is not None:
        yield (
            "\nproduction_s says that the weights have production's proportions, which these\nlack: it must go, or "
            "keep the proportions (--production) and give the last\nwriter more clients."
        )


def _apart(spent_s: Sequence[float]) -> float:
    return max(spent_s) / min(spent_s)


def _line(writer: Writer) -> str:
    """Return a writer as Python, without what is as by default."""
    given = []
    for one in fields(writer):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if (value := getattr(writer, one.name)) != default:
            given.append(
                f"{one.name}={json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)}"
            )
    return f"Writer({', '.join(given)})"
