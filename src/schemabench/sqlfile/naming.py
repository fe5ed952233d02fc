"""Which files are SQL by their names, and which only look like it.

Owns the rule. Must not read a file.
"""

import re
from pathlib import Path

from schemabench.errors import SchemabenchError

_ENDING = ".sql"
_WITHIN = re.compile(r"(?P<meant>.+\.sql)[^0-9a-z].*", re.IGNORECASE)
"""A name such as `covering.sql.txt`, and what it would be without what comes after."""


def is_sql(path: Path) -> bool:
    """Return whether a file is SQL by its name, in any case: `covering.SQL` is, too."""
    return path.suffix.lower() == _ENDING


def check_name(path: Path, error: type[SchemabenchError]) -> None:
    """Refuse a file that would be left out because something follows `.sql` in its name, as in `covering.sql.txt`.

    What stands beside the file that it is named after is a copy, as editors make them, and no mistake.

    Raises:
        SchemabenchError: It is one.
    """
    match = _WITHIN.fullmatch(path.name)
    if match and not is_sql(path) and path.is_file() and not path.with_name(match["meant"]).exists():
        raise error(
            f"{path} would be left out: its name does not end in {_ENDING}",
            remedies=[f"name it {match['meant']}", f"hide it, if it is to be left out: .{path.name}"],
        )
