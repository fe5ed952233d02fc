"""pgbench's own scripts and tables.

Owns the texts, which are in `builtin/`. The scripts are as `pgbench --show-script` prints them: they are a part of its
interface, three short texts that have not changed for years, and a test compares them with those of the program. So
nobody needs the program to convert them.
"""

from collections.abc import Mapping
from importlib.resources import as_file, files

SCRIPTS = ("tpcb-like", "simple-update", "select-only")
"""The names, as for `pgbench -b`."""
FILLS = ("fill_branches", "fill_tellers", "fill_accounts")
"""The operations that fill the tables, in order, each with the scale for a parameter."""
STATES = ("branches", "tellers", "accounts", "history")
"""The queries that all candidates must agree on."""


def named(word: str) -> list[str]:
    """Return the names of the scripts that a word is a beginning of."""
    return [name for name in SCRIPTS if name.startswith(word)]


def script(name: str) -> str:
    """Return a script."""
    return _texts()[name]


def schemas() -> Mapping[str, str]:
    """Return candidates: name -> SQL."""
    texts = _texts()
    return {"baseline": texts["schema"], "room_on_pages": texts["room_on_pages"]}


def rows() -> str:
    """Return the operations that fill the tables, and the queries for states."""
    return _texts()["rows"]


def _texts() -> dict[str, str]:
    with as_file(files("schemabench.pgbench") / "builtin") as folder:
        return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.sql")}
