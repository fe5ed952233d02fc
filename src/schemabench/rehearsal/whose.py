"""Whose a session is that the migration waits for, or that waits for it.

Owns the names of sessions. Must not know locks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemabench.monitor.attribution import PREPARED_TRANSACTION
from schemabench.monitor.sampler import marked
from schemabench.redaction import redact_line
from schemabench.report.layout import shorten

SAMPLING = "(the sampling of locks)"
MOST_COLUMNS = 60
"""Of what another session executes: enough to know whose it is."""
_PREPARED = 0
"""Stands for a prepared transaction among the process ids of who blocks a session."""
_HIDDEN = "<insufficient privilege>"
"""In place of what a session executes that the own role may not see."""


@dataclass(frozen=True, kw_only=True)
class Whose:
    """The sessions of a rehearsal, by their process ids on the server."""

    writers: Mapping[int, str]
    """The writer of each of its sessions."""
    companions: Mapping[int, str]
    """Likewise the companion."""
    sampling: int = -1
    """The session that samples locks: CREATE INDEX CONCURRENTLY waits for its snapshots, too."""

    def name(self, pid: int, role: str, query: str) -> str:
        """Return whose a session is: a companion, the operation of a writer, or the role of another session.

        Args:
            pid: Its process id on the server.
            role: The role that it has logged in as; empty for a process of the server itself, such as autovacuum.
            query: What it executes, or has executed last.
        """
        if pid == _PREPARED:
            return PREPARED_TRANSACTION
        if pid == self.sampling:
            return SAMPLING
        if pid in self.writers:
            return marked(query) or self.writers[pid]  # its COMMIT has no mark
        return self.companions.get(pid) or _other(role, query)


def _other(role: str, query: str) -> str:
    """Return who a session is of which nothing is known but what the server says."""
    said = "" if query == _HIDDEN else shorten(redact_line(query), MOST_COLUMNS)
    if role:
        return f"{role}: {said}" if said else f"(a session of {role})"
    return said or "(a process of the server, such as autovacuum)"
