"""The file in which the calls of a log are kept: JSON lines, a header and then one line for each request of a session.

Owns its form. Must not know what becomes of it.
"""

from typing import Any

import msgspec

FORMAT = 1
"""The version of the form."""


class Header(msgspec.Struct, omit_defaults=True):
    """The first line of a file."""

    schemabench_log: int = 0
    """The version of the form; 0 for any other line."""
    span_s: float = 0.0
    """From the start of the log to its end, after which a replay begins again."""
    reads: list[str] = []
    """Operations that write no rows."""


class Line(Header, omit_defaults=True):
    """A request: what a session did at once, or in one transaction."""

    session: str = ""
    at: float = 0.0
    """When it began, in seconds from the start of the log."""
    transaction: bool = False
    """Whether it had a BEGIN and a COMMIT."""
    calls: list[tuple[str, dict[str, Any], dict[str, str]]] = []
    """(operation, its values, column of its answer -> the name under which later calls take it)."""
