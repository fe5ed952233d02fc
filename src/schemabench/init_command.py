"""`schemabench init`: a project in an empty folder, from the starter or from a live database.

Owns the adaptation of its arguments, and what it prints. Must not hold logic of its own.
"""

import argparse
import gzip
import io
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from schemabench import output, parsing, placing, project
from schemabench.errors import UsageError
from schemabench.server.dsn import parse_dsn
from schemabench.units import plural

_INI = "pytest.ini"
"""The project's ini file, which makes its folder pytest's root."""
_STATEMENTS = 40
_MOST_STATEMENTS = 500
_PERCENT = 100
_ONLY_FROM = {
    "rows": "--rows",
    "statements": "--statements",
    "with_values": "--with-values",
    "logs": "--from-log",
}
"""Options that mean something for a live database alone."""
_NOT_SCRIPTS = {"statements": "--statements", "logs": "--from-log"}
"""Options that mean something without them alone."""
_ONLY_SCRIPTS = {"schema": "--schema", "define": "-D"}
"""Options that mean something for scripts of pgbench alone."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `init` to the commands."""
    about = "create a project in an empty folder: a starter, or one from a live database or from scripts of pgbench"
    init = commands.add_parser("init", help=about, description=f"init: {about}.")
    init.add_argument(
        "folder", nargs="?", type=parsing.path, default=Path(), help="the folder (default: the current one)"
    )
    about = "derive schema, operations, writers and rows from a live database, which is only read"
    init.add_argument("--from", dest="source", metavar="DSN", help=about)
    about = "the rows to make up, as a part of the real ones: 1%% (default: about 100,000 in all)"
    init.add_argument("--rows", type=_part, metavar="PERCENT", help=about)
    about = f"how many statements become operations at most, those that matter most ({_STATEMENTS})"
    init.add_argument(
        "--statements", type=parsing.argument(parsing.whole(1, _MOST_STATEMENTS)), metavar="N", help=about
    )
    about = "copy texts from the server's statistics, rather than make them up in their shape"
    init.add_argument("--with-values", action="store_true", help=about)
    about = (
        "take statements, transactions and times from logs rather than from counts: csvlog or jsonlog, plain or gzip"
    )
    init.add_argument("--from-log", dest="logs", metavar="FILE", nargs="+", type=parsing.path, help=about)
    init.add_argument("--name", metavar="NAME", help="the workload's name (default: the database's or the script's)")
    _add_scripts(init)
    init.set_defaults(run=_init)


def _add_scripts(init: argparse.ArgumentParser) -> None:
    """Add what concerns scripts of pgbench."""
    about = "convert a script of pgbench, a file or tpcb-like, simple-update or select-only; may be repeated"
    init.add_argument("--pgbench", action="append", default=[], metavar="SCRIPT[@WEIGHT]", help=about)
    about = "the schema of the scripts' tables (default: pgbench's own tables, for its own scripts)"
    init.add_argument("--schema", type=parsing.path, metavar="FILE", help=about)
    about = "set a variable of the scripts, as for pgbench: -D scale=10; may be repeated"
    init.add_argument("-D", "--define", action="append", default=[], metavar="NAME=VALUE", help=about)


def _part(text: str) -> float:
    try:
        number = float(text.removesuffix("%")) / _PERCENT
    except ValueError:
        number = 0.0
    if not text.endswith("%") or not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a part of the rows, such as 1% or 100%")
    return number


def _init(chosen: argparse.Namespace) -> None:
    folder: Path = chosen.folder
    _check_options(chosen)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                f"{folder.resolve()} is not an empty folder", remedies=["choose a new folder: schemabench init DIR"]
            )
        if chosen.pgbench:
            _convert(folder, chosen)
        elif chosen.source:
            _derive(folder, chosen)
        else:
            _write(folder, _starter())
    except OSError as cause:
        noun = "project" if chosen.source else "starter"
        raise UsageError(
            f"The {noun} cannot be written into {folder.absolute()}: {cause.strerror}",
            remedies=["choose a writable folder: schemabench init DIR"],
        ) from cause
    enter = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    output.say(f"Now run: {enter}pytest --budget 10s")


def _check_options(chosen: argparse.Namespace) -> None:
    """Refuse options that would have no effect."""
    if chosen.source and chosen.schema:
        raise UsageError("--from and --schema both say which tables there are", remedies=["leave out one of them"])
    if chosen.pgbench and (useless := [flag for name, flag in _NOT_SCRIPTS.items() if getattr(chosen, name)]):
        raise UsageError(
            f"{useless[0]} and --pgbench both say which statements there are", remedies=["leave out one of them"]
        )
    if not chosen.source and (useless := [flag for name, flag in _ONLY_FROM.items() if getattr(chosen, name)]):
        raise UsageError(
            f"{useless[0]} is about a live database, and none is named",
            remedies=["name it: --from postgresql://user@host/database", f"leave out {useless[0]}"],
        )
    if not chosen.pgbench and (useless := [flag for name, flag in _ONLY_SCRIPTS.items() if getattr(chosen, name)]):
        raise UsageError(
            f"{useless[0]} is about scripts of pgbench, and none is named",
            remedies=["name one: --pgbench script.sql", f"leave out {useless[0]}"],
        )
    if chosen.name and not (chosen.source or chosen.pgbench):
        raise UsageError(
            "--name is about a project of your own, and the starter has a name", remedies=["leave out --name"]
        )


def _derive(folder: Path, chosen: argparse.Namespace) -> None:
    from schemabench import deriving  # noqa: PLC0415 (imports a driver and a parser, which a starter does not need)
    from schemabench.logs import Spool  # noqa: PLC0415 (likewise)

    conninfo = parse_dsn(chosen.source, "--from")
    name = chosen.name or str(conninfo_to_dict(conninfo).get("dbname") or "live")
    placing.check(folder / _INI)
    with ExitStack() as stack:
        heard = deriving.heard(conninfo, chosen.logs, stack.enter_context(Spool())) if chosen.logs else None
        found = deriving.derive(
            conninfo,
            name=deriving.plain_name(name),
            share=chosen.rows,
            statements=chosen.statements or (deriving.MOST_STATEMENTS if heard else _STATEMENTS),
            values=chosen.with_values,
            heard=heard,
        )
        _write(folder, {path: content.encode() for path, content in found.files.items()})
        for path, pieces in found.streams.items():
            placing.replace(folder / path, _packed(pieces))
            output.say(f"wrote {folder / path}")
    for line in found.told:
        output.say(line)
    output.say(f"{plural(found.questions, 'question')} in the files, in lines with `Question:`")


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield content as gzip packs it."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        for piece in pieces:
            file.write(piece)
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _convert(folder: Path, chosen: argparse.Namespace) -> None:
    from schemabench import pgbench  # noqa: PLC0415 (imports a parser, which a starter does not need)

    placing.check(folder / _INI)
    source = None
    if chosen.source:
        conninfo = parse_dsn(chosen.source, "--from")
        source = pgbench.Live(conninfo=conninfo, share=chosen.rows, values=chosen.with_values)
    found = pgbench.convert(
        chosen.pgbench, given=chosen.define, schema=chosen.schema, name=chosen.name or "", source=source
    )
    _write(folder, {path: content.encode() for path, content in found.items()})


def _starter() -> dict[str, bytes]:
    """Return the files of the starter."""
    with as_file(files("schemabench") / "starter") as starter:
        paths = sorted(path for path in starter.rglob("*") if path.suffix in {".py", ".sql"})
        return {str(path.relative_to(starter)): path.read_bytes() for path in paths}


def _write(folder: Path, content: Mapping[str, bytes]) -> None:
    """Write files into a folder, and an ini file unless one is found."""
    for path, text in content.items():
        placing.replace(folder / path, text)
        output.say(f"wrote {folder / path}")
    if not project.is_configured(folder.absolute()):
        placing.replace(folder / _INI, b"[pytest]\ntestpaths = tests\n")
        output.say(f"wrote {folder / _INI}")
