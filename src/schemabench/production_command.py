"""The command `schemabench production`: production's sizes and statistics, in a file.

Owns the adaptation of its arguments, and what it prints. Must not hold logic of its own.
"""

import argparse
from pathlib import Path

from schemabench import output, parsing, placing
from schemabench.errors import UsageError
from schemabench.server.dsn import parse_dsn
from schemabench.units import first_of, plural

_SHOWN_TABLES = 5


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `production` to the commands."""
    about = "write the sizes and statistics of a live database, without values, for `pytest --production FILE`"
    parser = commands.add_parser("production", help=about, description=f"production: {about}.")
    about = "the file; in a workload's folder, under the name production.json, runs find it by themselves"
    parser.add_argument("file", type=parsing.path, metavar="FILE.json", help=about)
    about = "the database, which is only read"
    parser.add_argument("--from", dest="source", metavar="DSN", required=True, help=about)
    parser.set_defaults(run=_production)


def _production(chosen: argparse.Namespace) -> None:
    from schemabench import deriving, production  # noqa: PLC0415 (imports a driver and a parser)

    file: Path = chosen.file
    try:
        placing.check(file)
        found = deriving.sizes(parse_dsn(chosen.source, "--from"))
        placing.replace(file, production.written(found).encode())
    except OSError as cause:
        raise UsageError(
            f"{file} cannot be written: {cause.strerror}", remedies=["name a file in a writable folder"]
        ) from cause
    output.say(f"wrote {file}: {plural(len(found.relations), 'table or index', 'tables and indexes')}")
    if found.unseen:
        output.say(
            f"No statistics of the columns of {first_of(found.unseen, _SHOWN_TABLES)}: plans at production's size take "
            "those of the copy. Run ANALYZE, or GRANT pg_read_all_data to the role, which may then see them"
        )
