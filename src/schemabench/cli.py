"""The `schemabench` command: servers, a starter, saved runs, cardinalities, crossovers, growth, weights, noise.

Owns only the adaptation of arguments. Must not hold logic of its own.
"""

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from shutil import get_terminal_size
from types import MappingProxyType
from typing import Any, NoReturn

import pytest

from schemabench import (
    balance_command,
    check_command,
    growth_command,
    init_command,
    noise_commands,
    options,
    output,
    parsing,
    production_command,
    progress,
    project,
    rehearse_command,
    report,
    signals,
)
from schemabench import cardinality as cardinalities
from schemabench import workload as workloads
from schemabench.bench import Asked, Bench, ended
from schemabench.cardinality import ROUND_TRIP, Axis
from schemabench.errors import BrokenOffError, SchemabenchError, UsageError
from schemabench.options import Options
from schemabench.records import OptionValue
from schemabench.redaction import redact, redact_command, redact_sql
from schemabench.server import shared_account, survey
from schemabench.terminal import Screen
from schemabench.writing import Reports

_FAILED, _INTERRUPTED = 2, 130
_NO_TESTS = ["--assert=plain", "-p", "no:hypothesispytest"]
"""No assertions need rewriting, and Hypothesis needs no warning about use before tests are set up."""
_MOST_CELLS = 9
"""The most values on either axis of a map: 81 cells, with loading, take most of an hour."""
_UNHEEDED = {
    *("workload", "race", "race_places", "adequacy_s", "soak_s", "soak_closed"),
    *("equivalence", "production", "neutral_ids"),
}
"""Options of a run that searches, maps and growth curves do not heed, wherever they are set: these have one workload,
need the ratio of every candidate, neither a replay of production's load nor a soak nor its plans, and are no tests."""
_ABOUT_STEPS = {
    "budget_s": "time for everything, loading included, as in `45s` or `2min`",
    "candidate": "a candidate to measure; by default all. The baseline always takes part",
    "cardinality": "the cardinality to start at, or a TOML file with one; by default `typical`",
}
"""What some options are to searches, maps and growth curves, where pytest's words would be wrong."""
_MS_PER_S = 1000
_DRAWN, _MOST_DRAWN = 8, 100
"""The default and the maximum number of cardinalities to draw: running a hundred takes hours."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 2 after an error that was shown, 130 after Ctrl-C, as shells do.

    After an error, `check` returns 3: its 2 is a verdict.
    """
    failed = _FAILED
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # for characters outside the locale's encoding, as standard error does
    try:
        chosen = _chosen(arguments)
        failed = int(chosen.failed)
        return chosen.run(chosen) or 0
    except BrokenPipeError as gone:  # the reader of standard output has enough
        for note in _notes(gone):
            output.complain(f"ERROR: {note}")
        return failed if _notes(gone) else 0
    except SchemabenchError as error:
        output.complain("\n".join([f"ERROR: {error}", *_notes(error)]))
        return _INTERRUPTED if isinstance(error, BrokenOffError) else failed
    except KeyboardInterrupt as interrupt:
        output.complain("\n".join(["Interrupted", *_notes(interrupt)]))
        return _INTERRUPTED


def _notes(error: BaseException) -> Sequence[str]:
    """Return what failed besides, as dropping databases may."""
    notes: Sequence[str] = getattr(error, "__notes__", ())
    return notes


def _chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line says; exit after its help."""
    try:
        return _parser().parse_args(arguments)
    except SystemExit as ended:
        if not ended.code:
            output.say("", end="")  # help, or the version, which is written, but not flushed
        raise


class _Parser(argparse.ArgumentParser):
    """A parser whose errors show no password, as of a connection string in the wrong place.

    Each command's parser refuses what it does not know itself, and so with its own exit status.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 (as argparse has them)
        """Return the arguments; refuse unknown ones."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Show an error and exit."""
        self.print_usage(sys.stderr)
        self.exit(self.get_default("failed") or _FAILED, f"{self.prog}: error: {redact_sql(message)}\n")


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="schemabench",
        description="Rank candidate PostgreSQL schemas. The ranking itself is a pytest run: see `pytest --help`.",
    )
    parser.set_defaults(failed=_FAILED)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('schemabench')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    servers = commands.add_parser(
        "servers", help="list the available PostgreSQL servers, and why others are unavailable"
    )
    servers.set_defaults(run=_servers)
    init_command.add(commands)
    production_command.add(commands)
    draw = commands.add_parser("report", help="draw a report from a saved run file, or a matrix from several")
    about = (
        "a run file from --report or --benchmark-json, or a pattern such as 'reports/pg*.json'; several files are "
        "compared"
    )
    draw.add_argument("run_files", nargs="+", type=parsing.path, metavar="RUN.json", help=about)
    about = "output file, .md, .html or, of one run, .csv (repeatable; default: the terminal)"
    draw.add_argument("-o", "--output", action="append", default=[], type=parsing.path, metavar="OUT.md", help=about)
    about = "print one table as CSV, as in 1-usage-typical-ranks; an unknown name lists all tables"
    draw.add_argument("--table", metavar="NAME", help=about)
    draw.set_defaults(run=_report)
    _add_cardinalities(commands)
    _add_crossover(commands)
    _add_heeded(growth_command.add(commands, _asked, _width))
    _add_options(
        balance_command.add(commands, _asked, _width),
        *("postgres", "postgres_setting", "cardinality", "clients", "round_trip_s", "call_timeout_s", "seed"),
    )
    _add_options(
        rehearse_command.add(commands, _asked, _width),
        *("postgres", "postgres_setting", "clients", "round_trip_s", "without_companions"),
        *("seed", "allow_server_changes"),
        about={"clients": "connections, divided among the writers"},
    )
    noise_commands.add(commands)
    check_command.add(commands)
    return parser


def _add_cardinalities(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "list a workload's cardinalities, or draw new ones with Hypothesis and freeze them"
    parser = commands.add_parser("cardinalities", help=about)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    drawing = actions.add_parser("draw", help="draw cardinalities, replacing those drawn before")
    drawing.add_argument("workload", metavar="WORKLOAD")
    drawing.add_argument(
        "-n",
        "--number",
        type=parsing.argument(parsing.whole(1, _MOST_DRAWN)),
        default=_DRAWN,
        metavar="N",
        help=f"how many ({_DRAWN})",
    )
    _add_options(drawing, "seed")
    drawing.set_defaults(run=_draw)
    showing = actions.add_parser("show", help="print a cardinality as a TOML file, to change and to run at")
    showing.add_argument("workload", metavar="WORKLOAD")
    showing.add_argument("name", nargs="?", default="typical", metavar="NAME", help="its name (typical)")
    about = "print the file for --cardinality FILE.toml; without it, a line of sizes"
    showing.add_argument("--toml", action="store_true", help=about)
    showing.set_defaults(run=_show)
    listing = actions.add_parser("list", help="list a workload's cardinalities and their origins")
    listing.add_argument("workload", metavar="WORKLOAD")
    listing.set_defaults(run=_list)


def _add_crossover(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "search for a candidate's worst cardinality, and for one at which the ranking flips"
    parser = commands.add_parser("crossover", help=about)
    parser.add_argument("workload", metavar="WORKLOAD")
    parser.add_argument("--map", type=_shape, metavar="NxM", help="measure a map over two axes instead, as in 3x3")
    parser.add_argument(
        "--over",
        type=_axis,
        metavar="AXIS=LOW..HIGH",
        action="append",
        default=[],
        help="an axis of the map, in place of the workload's last: a field of the cardinality, or the added round "
        "trip, as in round-trip=0ms..5ms; at most twice",
    )
    parser.add_argument("--resume", action="store_true", help="resume the interrupted search")
    _add_heeded(parser)
    parser.set_defaults(run=_crossover)


def _add_heeded(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run that searches, maps and growth curves heed."""
    heeded = (one.name for one in options.table() if not one.metadata["ini_only"] and one.name not in _UNHEEDED)
    _add_options(parser, *heeded, about=_ABOUT_STEPS)
    parser.set_defaults(about=_ABOUT_STEPS, unheeded=_UNHEEDED)


def _add_options(parser: argparse.ArgumentParser, *names: str, about: Mapping[str, str] = MappingProxyType({})) -> None:
    """Add some of pytest's options for schemabench.

    Args:
        parser: Of a command.
        names: The fields of the options.
        about: Field -> what the option is to this command, where that differs.
    """
    for option in options.table():
        if option.name in names:
            how = options.argument(option)
            how["help"] = about.get(option.name, how["help"])
            parser.add_argument(options.flag(option), **how)


def _shape(text: str) -> tuple[int, int]:
    first, _, second = text.partition("x")
    if not (first.isdecimal() and second.isdecimal()) or not all(
        1 < int(one) <= _MOST_CELLS for one in (first, second)
    ):
        raise argparse.ArgumentTypeError(f"{text!r} is not a grid such as 3x3, with 2 to {_MOST_CELLS} values per axis")
    return int(first), int(second)


def _axis(text: str) -> Axis:
    field, _, span = text.partition("=")
    low, _, high = span.partition("..")
    try:
        if field == "round-trip":
            return Axis(field=ROUND_TRIP, low=_milliseconds(low), high=_milliseconds(high))
        return Axis(field=field, low=_end(low), high=_end(high))
    except ValueError as cause:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an axis such as rows=1..1000 or round-trip=0ms..5ms"
        ) from cause


def _milliseconds(text: str) -> float:
    return _MS_PER_S * parsing.duration_or_off("off" if text in {"0", "0ms", "0s"} else text)


def _end(text: str) -> float:
    number = parsing.number(text)
    return int(number) if number.is_integer() else number


def _project(chosen: argparse.Namespace) -> tuple[Path, Options, tuple[OptionValue, ...]]:
    """Return the project's folder and the settings that a pytest run would use here, as far as a command heeds them.

    Raises:
        UsageError: A setting is not acceptable, or pytest has no configuration here.
    """
    try:
        config = pytest.Config.fromdictargs({}, _NO_TESTS)
    except (Exception, SystemExit) as cause:  # whatever a conftest.py raises
        raise _unconfigured(cause) from cause
    try:
        settings, origins = options.resolve(chosen, os.environ, config.getini, getattr(chosen, "about", {}))
    except pytest.UsageError as cause:
        raise _unconfigured(cause) from cause
    root = project.find(config, Path(settings.workloads))
    return root, *_heeded(settings, origins, getattr(chosen, "unheeded", ()))


def _heeded(
    settings: Options, origins: Sequence[OptionValue], unheeded: Collection[str]
) -> tuple[Options, tuple[OptionValue, ...]]:
    """Return settings of which some are as if nobody had set them."""
    flags = {options.flag(option) for option in options.table() if option.name in unheeded}
    reset = {name: getattr(Options(), name) for name in unheeded}
    return replace(settings, **reset), tuple(one for one in origins if one.name not in flags)


def _unconfigured(cause: BaseException) -> UsageError:
    return UsageError(
        f"pytest cannot be configured here: {redact(str(cause))}",
        remedies=["mend its ini file, or conftest.py: the settings of a run come from there"],
    )


def _asked(chosen: argparse.Namespace) -> Asked:
    """Return what is asked for, after checks that need no server."""
    root, settings, origins = _project(chosen)
    asked = Asked(
        options=settings,
        origins=origins,
        root=root,
        folder=Path.cwd(),
        command=redact_command(["schemabench", *sys.argv[1:]]),
    )
    asked.check()
    return asked


def _draw(chosen: argparse.Namespace) -> None:
    root, settings, _ = _project(chosen)
    found = workloads.redraw(workloads.load(root / settings.workloads, chosen.workload), chosen.number, settings.seed)
    output.say(report.cardinalities(found.workload.cardinalities, found.frozen, _width()))


def _show(chosen: argparse.Namespace) -> None:
    root, settings, _ = _project(chosen)
    found = workloads.with_frozen(workloads.load(root / settings.workloads, chosen.workload))
    known = found.workload.cardinalities
    names = cardinalities.select(chosen.workload, known, [chosen.name])
    if not chosen.toml:
        output.say(report.cardinalities({name: known[name] for name in names}, found.frozen, _width()))
        return
    if len(names) > 1:
        raise UsageError(f"--toml writes one cardinality, not {len(names)}", remedies=[f"name one: {', '.join(names)}"])
    output.say(workloads.as_toml(found, names[0]), end="")


def _list(chosen: argparse.Namespace) -> None:
    root, settings, _ = _project(chosen)
    found = workloads.with_frozen(workloads.load(root / settings.workloads, chosen.workload))
    output.say(report.cardinalities(found.workload.cardinalities, found.frozen, _width()))


def _crossover(chosen: argparse.Namespace) -> int:
    from schemabench import crossover  # noqa: PLC0415 (imports the whole harness)

    if chosen.over and not chosen.map:
        raise UsageError("--over names the axes of a map", remedies=["ask for a map: --map 3x3"])
    if chosen.resume and chosen.map:
        raise UsageError(
            "--resume continues an interrupted search, and --map draws a map",
            remedies=["draw the map from its first cell: leave out --resume", "resume the search: leave out --map"],
        )
    asked = _asked(chosen)
    bench, reports, well = Bench(asked, progress.on(Screen(_width()))), Reports(asked.reports), True
    with signals.heeded() as conclude:
        try:
            with ended(bench, conclude):
                if chosen.map:
                    crossover.add_map(
                        bench, chosen.workload, chosen.map, lambda: reports.keep(bench.record()), chosen.over
                    )
                else:
                    crossover.add_search(bench, chosen.workload, resume=chosen.resume)
        finally:
            well = reports.show(bench.record(), _width())  # finished results are reported even if the rest failed
    return 0 if well else _FAILED


def _width() -> int:
    return get_terminal_size().columns


def _servers(_: argparse.Namespace) -> None:
    for look in (survey, shared_account):  # the offers, even if we may not start a server
        for line in look():
            output.say(str(line))


def _report(chosen: argparse.Namespace) -> None:
    if chosen.table and chosen.output:
        raise UsageError("--table prints one table, and -o writes whole reports", remedies=["--table NAME > FILE.csv"])
    runs = [(str(path), report.read(path)) for path in report.find(chosen.run_files)]
    if len(runs) == 1:
        ((_, run),) = runs
        document = report.document(run)
        for path in chosen.output:
            report.write(run, path)
    else:
        document = report.compared(report.compare(runs))
        for path in chosen.output:
            report.write_document(document, path)
    if chosen.table:
        output.say(report.table(document, chosen.table))
    elif not chosen.output:
        output.say(report.shown(document))
