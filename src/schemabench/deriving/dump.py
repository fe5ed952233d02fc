"""The schema of a live database, by its own pg_dump.

Owns the choice of the program, and what of its output a candidate does not need. Must not write files.
"""

import os
import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which

from pglast.parser import ParseError, scan, split
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemabench.deriving.source import LOCK_LIMIT_S, Source
from schemabench.server import binaries
from schemabench.server.dsn import SECRETS, without_secrets

LIMIT_S = 300
"""pg_dump reads catalogs alone, and takes seconds."""
_PROGRAM = "pg_dump"
_VERSION = re.compile(r"\(PostgreSQL\) (?P<major>\d+)")
_OPTIONS = (
    *("--schema-only", "--no-owner", "--no-privileges", "--no-comments", "--no-publications", "--no-subscriptions"),
    *("--no-security-labels", "--no-tablespaces", "--encoding=UTF8"),
)
_SESSION = re.compile(r"(SET|SELECT\s+pg_catalog\.set_config)\b", re.IGNORECASE)
_KEPT = re.compile(r"SET\s+check_function_bodies\b", re.IGNORECASE)
"""Functions may name tables that come later."""
_FOREIGN = re.compile(r"CREATE EXTENSION IF NOT EXISTS (pg_stat_statements|plpgsql)\b", re.IGNORECASE)
"""Extensions that belong to the server rather than to the schema."""


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A schema."""

    statements: tuple[str, ...] = ()
    """In order, without semicolons."""
    reason: str = ""
    """Why pg_dump could not write it; empty if it did. It is then what the catalogs say."""
    command: str = ""
    """How to dump it by hand."""


def read(source: Source, version_num: int) -> Schema:
    """Return the schema of a database: by pg_dump, or what the catalogs say of its tables.

    Args:
        source: The database.
        version_num: The server's version, as in 180006.
    """
    found = _dumped(source, version_num)
    return found if found.statements else replace(found, statements=tuple(source.definitions()))


def _dumped(source: Source, version_num: int) -> Schema:
    words = {key: str(value) for key, value in conninfo_to_dict(source.conninfo).items()}
    password = words.get("password")
    for name in (*SECRETS, "application_name"):  # a command is seen by all users of a machine
        words.pop(name, None)
    place = make_conninfo("", **words)
    by_hand = f"pg_dump {' '.join(_OPTIONS[:3])} '{place}' | grep -v '^\\\\'"
    major = version_num // 10_000
    program = _program(major)
    if program is None:
        reason = f"no pg_dump of PostgreSQL {major} or newer was found, on PATH or with a server that is installed"
        return Schema(reason=reason, command=by_hand)
    command = [
        *(str(program), *_OPTIONS, f"--lock-wait-timeout={LOCK_LIMIT_S}s", f"--snapshot={source.snapshot}"),
        f"--dbname={place}",
    ]
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {}), "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 (a program of a PostgreSQL installation)
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=LIMIT_S,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as cause:
        return Schema(reason=f"{program} failed: {type(cause).__name__}", command=by_hand)
    if done.returncode:
        said = without_secrets(done.stderr.strip(), source.conninfo).splitlines() or ["it said nothing"]
        return Schema(reason=f"{program} failed: {said[0].removeprefix('pg_dump: ')}", command=by_hand)
    return Schema(statements=tuple(cleaned(done.stdout)))


def cleaned(dump: str) -> list[str]:
    r"""Return the statements of a dump that a candidate needs.

    >>> cleaned("\\restrict x\nSET lock_timeout = 0;\n-- Name: t; Type: TABLE\nCREATE TABLE t (id int);\n")
    ['CREATE TABLE t (id int)']
    """
    text = "\n".join(line for line in dump.split("\n") if not line.startswith("\\"))
    try:
        pieces = split(text, only_slices=True)
    except ParseError:
        pieces = split(text, with_parser=False, only_slices=True)
    found = []
    for piece in pieces:
        words = [token for token in scan(text[piece]) if token.name not in {"SQL_COMMENT", "C_COMMENT"}]
        if not words:
            continue
        statement = text[piece][words[0].start :].strip().rstrip(";")
        if _FOREIGN.match(statement) or (_SESSION.match(statement) and not _KEPT.match(statement)):
            continue
        found.append(statement)
    functions = any("FUNCTION" in one or "PROCEDURE" in one for one in found)
    return [one for one in found if functions or not _KEPT.match(one)]


def _program(major: int) -> Path | None:
    """Return a pg_dump of a server's version or a newer one: on PATH, or with one of the servers of this machine."""
    on_path = which(_PROGRAM)
    if on_path and (version := _version(Path(on_path))) and version >= major:
        return Path(on_path)
    found = sorted((one for one in binaries.survey().found if one.major >= major), key=lambda one: one.major)
    paths = (one.folder / _PROGRAM for one in found)
    return next((path for path in paths if path.is_file()), None)


def _version(program: Path) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603 (a program of a PostgreSQL installation)
            [program, "--version"], capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(done.stdout)
    return int(match["major"]) if match else None
