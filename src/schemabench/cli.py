"""The command line beside pytest: which servers there are, a starter, reports of saved runs.

Owns nothing but the adaptation of arguments. Must not hold logic of its own.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copyfile

from schemabench import report
from schemabench.errors import SchemabenchError, UsageError
from schemabench.server import survey

_FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, or 2 after an error that was shown."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except SchemabenchError as error:
        print(f"ERROR: {error}", file=sys.stderr)  # noqa: T201 (the command line prints)
        return _FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="schemabench",
        description="Rank candidate PostgreSQL schemas. The ranking itself is a pytest run: see `pytest --help`.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('schemabench')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    servers = commands.add_parser("servers", help="list where Postgres can come from, and why not from elsewhere")
    servers.set_defaults(run=_servers)
    init = commands.add_parser("init", help="write a starter into an empty folder: a workload, two candidates, a test")
    init.add_argument("folder", nargs="?", type=Path, default=Path(), help="the folder (default: this one)")
    init.set_defaults(run=_init)
    draw = commands.add_parser("report", help="draw a report from a saved run file")
    draw.add_argument("run_file", type=Path, metavar="RUN.json", help="a run file, of --report or --benchmark-json")
    draw.add_argument("-o", "--output", type=Path, metavar="OUT.md", help="where to; the terminal without it")
    draw.set_defaults(run=_report)
    return parser


def _servers(_: argparse.Namespace) -> None:
    for offer in survey():
        print(offer)  # noqa: T201 (the command line prints)


def _init(chosen: argparse.Namespace) -> None:
    folder: Path = chosen.folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder.resolve()} is not an empty folder", remedies=["name a new one: schemabench init DIR"]
        )
    with as_file(files("schemabench") / "starter") as starter:
        for source in sorted(path for path in starter.rglob("*") if path.suffix in {".py", ".sql"}):
            target = folder / source.relative_to(starter)
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(source, target)
            print(f"wrote {target}")  # noqa: T201 (the command line prints)
    print("Now run: pytest --budget 10s")  # noqa: T201 (the command line prints)


def _report(chosen: argparse.Namespace) -> None:
    run = report.read(chosen.run_file)
    if chosen.output is None:
        print(report.terminal(run))  # noqa: T201 (the command line prints)
    else:
        report.write(run, chosen.output)
