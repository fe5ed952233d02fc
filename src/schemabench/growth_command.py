"""The command `schemabench growth`: the candidates of a workload at a ladder of sizes.

Owns the adaptation of its arguments. Must not measure.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

from schemabench import parsing, progress, signals
from schemabench.bench import Asked, Bench, ended
from schemabench.errors import UsageError
from schemabench.terminal import Screen
from schemabench.writing import Reports

_BUDGET_S = 1200.0
"""The budget for all steps where nobody set one: the default of a single experiment would not do."""
_BUDGET = "--budget"


def add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    asked: Callable[[argparse.Namespace], Asked],
    width: Callable[[], int],
) -> argparse.ArgumentParser:
    """Add `growth` to the commands; return its parser.

    Args:
        commands: The commands.
        asked: Returns what its arguments ask for.
        width: Returns the columns of the terminal.
    """
    about = "measure a workload's candidates at a ladder of sizes: how they grow, where they cross, where they bend"
    parser = commands.add_parser(
        "growth",
        help=about,
        description=f"Growth: {about}. It takes 20 minutes, unless --budget, the environment or the ini file says "
        "otherwise.",
    )
    parser.add_argument("workload", metavar="WORKLOAD")
    parser.add_argument(
        "--over",
        action="append",
        required=True,
        metavar="AXIS",
        help="what grows: rows, clients, round-trip (added to each exchange), or a field of the cardinality",
    )
    parser.add_argument(
        "--to",
        default="",
        metavar="END",
        help="the last value: a multiple of the first, as in 100x, or the value itself, as in 5ms (100x; 16x of the "
        "fewest clients; a round trip of 10ms)",
    )
    parser.add_argument(
        "--project-to",
        type=parsing.argument(_times),
        default=1.0,
        metavar="FACTOR",
        help="extrapolate each curve to FACTOR times its last value, as in 10x, which is the most. The last value is "
        "then measured after the others, and their forecast of it is recorded first (no projection)",
    )
    parser.add_argument(
        "--disk",
        type=parsing.argument(parsing.size_bytes),
        default=None,
        metavar="SIZE",
        help="on a server that schemabench starts, try only sizes whose data and WAL are expected to fit into SIZE, as "
        "in 15GB; the first size is measured in any case (the free disk)",
    )
    parser.set_defaults(run=lambda chosen: _grow(_over_one(chosen), asked(chosen), width()))
    return parser


def _times(text: str) -> float:
    """Return how many times the last value to project to.

    Raises:
        ValueError: It is no further value.
    """
    times = parsing.factor(text.removesuffix("x"))
    if times <= 1:
        raise ValueError(f"{text!r} does not reach beyond the last value: 10x does")
    return times


def _over_one(chosen: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments with the one axis that they name.

    Raises:
        UsageError: They name several.
    """
    axis, *others = chosen.over
    if others:
        raise UsageError(
            f"A growth curve is over one axis, not {len(chosen.over)}: {', '.join(chosen.over)}",
            remedies=[f"name one: --over {axis}", "draw a map over two: schemabench crossover --map 3x3"],
        )
    return argparse.Namespace(**{**vars(chosen), "over": axis})


def _grow(chosen: argparse.Namespace, asked: Asked, width: int) -> int:
    from schemabench import growth  # noqa: PLC0415 (imports the whole harness)

    if any((one.name, one.source) == (_BUDGET, "default") for one in asked.origins):
        asked = replace(asked, options=replace(asked.options, budget_s=_BUDGET_S))
    bench, axis = growth.prepared(
        asked, chosen.workload, chosen.over, chosen.to, lambda given: Bench(given, progress.on(Screen(width)))
    )
    reports, well = Reports(asked.reports), True
    with signals.heeded() as conclude:
        try:
            with ended(bench, conclude):
                bench.most_bytes = chosen.disk
                growth.add_growth(bench, chosen.workload, axis, lambda: reports.keep(bench.record()), chosen.project_to)
        finally:
            well = reports.show(bench.record(), width)  # finished steps are reported even if the rest failed
    return 0 if well else int(chosen.failed)
