"""A service that libpq cannot use: the files that it looked in, and the services that these define.

Owns the error. Must not show anything else of such a file: it may hold passwords.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from schemabench.errors import ServerError
from schemabench.naming import nearest

_UNDEFINED = "definition of service"
_UNREADABLE = "service file"
"""Words of libpq's messages about services."""
_HEADING = re.compile(r"^\s*\[(?P<name>[^\]]+)\]", re.MULTILINE)


def refused(reason: str, words: Mapping[str, str]) -> ServerError | None:
    """Return the error for a service that is not defined or cannot be read; None for any other message of libpq.

    Args:
        reason: What libpq said.
        words: The connection string's parameters.
    """
    name = words.get("service") or os.environ.get("PGSERVICE")
    if not name or not (_UNDEFINED in reason or _UNREADABLE in reason):
        return None
    files = _files(words)
    known = {path: _defined(path) for path in files}
    what = f"The service {name!r} cannot be looked up: {reason.rpartition('connection is bad: ')[2]}"
    if _UNDEFINED in reason:
        every = [one for found in known.values() if not isinstance(found, str) for one in found]
        what = f"The service {name!r} is not defined{nearest(name, every)}"
    return ServerError(
        what,
        checked=[f"{path}: {_told(found)}" for path, found in known.items()],
        remedies=[
            f"define it in {files[0]}: a line [{name}], and below it lines such as host=..., port=..., dbname=...",
            "name the file that defines it: PGSERVICEFILE=/path",
            "name the server without a service: postgresql://user@host:5432/database",
        ],
    )


def _files(words: Mapping[str, str]) -> list[Path]:
    """Return where libpq looks: the user's file, and the system's if its folder is known here."""
    own = words.get("servicefile") or os.environ.get("PGSERVICEFILE") or Path.home() / ".pg_service.conf"
    system = os.environ.get("PGSYSCONFDIR")
    return [Path(own), *([Path(system) / "pg_service.conf"] if system else [])]


def _defined(path: Path) -> list[str] | str:
    """Return the names of a file's services, or why it cannot be read."""
    try:
        return _HEADING.findall(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as cause:
        return cause.strerror or type(cause).__name__


def _told(found: list[str] | str) -> str:
    if isinstance(found, str):
        return found
    return f"defines {', '.join(found)}" if found else "defines no service"
