"""What the server says beside the result of a statement: notices and warnings, such as that something exists already.

Owns how much of it is kept. Must not know when it is heard.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from schemabench.redaction import redact_line
from schemabench.rehearsal.record import Notice
from schemabench.report.layout import shorten

MOST_KEPT = 5
"""So many different messages of each severity are kept of a statement: a loop may raise any number."""
MOST_COLUMNS = 300
"""Of a message, which may list all objects that are dropped with another one."""
_WARNING = "WARNING"
_ENDS = {b"FATAL", b"PANIC"}
"""Severities of what the server says before it ends a session."""
_NO_ERROR = "00000"
"""The SQLSTATE of a message that a client need not tell from others."""


def ends(notice: PGresult) -> bool:
    """Return whether a message is the last one of its session, which the server ends while it is idle."""
    return notice.error_field(DiagnosticField.SEVERITY_NONLOCALIZED) in _ENDS


class _Said(NamedTuple):
    """A message, as it is sent."""

    severity: bytes
    sqlstate: bytes
    message: bytes
    detail: bytes


@dataclass(kw_only=True, eq=False)
class Heard:
    """What the server has said of one statement.

    Attributes:
        left_out: How many messages were not kept.
    """

    left_out: int = 0
    _times: Counter[_Said] = field(default_factory=Counter)
    """In order of the first."""

    def hear(self, notice: PGresult) -> None:
        """Keep a message, unless there are enough of its severity."""
        said = _Said(
            severity=notice.error_field(DiagnosticField.SEVERITY_NONLOCALIZED) or b"",
            sqlstate=notice.error_field(DiagnosticField.SQLSTATE) or b"",
            message=notice.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"",
            detail=notice.error_field(DiagnosticField.MESSAGE_DETAIL) or b"",
        )
        if said in self._times or sum(one.severity == said.severity for one in self._times) < MOST_KEPT:
            self._times[said] += 1
        else:
            self.left_out += 1

    def notices(self) -> Iterator[Notice]:
        """Yield what was kept, warnings first."""
        for said in sorted(self._times, key=lambda one: one.severity != _WARNING.encode()):
            severity, sqlstate, message, detail = (one.decode(errors="replace") for one in said)
            code = "" if sqlstate == _NO_ERROR else f" ({sqlstate})"
            line = redact_line(f"{message}{code}{': ' if detail else ''}{detail}")
            yield Notice(severity=severity, text=shorten(line, MOST_COLUMNS), times=self._times[said])
