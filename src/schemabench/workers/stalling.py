"""For how long the sessions of a healthy worker may all be idle.

Owns the limits beyond which a worker counts as stopped, which are the same for the leader and the followers. Must not
look at sessions: `link` does.
"""

from collections.abc import Iterable

from schemabench.statements import Operation

STALL_S = 8.0
"""During a block, a worker whose sessions have all been idle for this long counts as stopped. Far longer than making a
burst takes, or checking whether the intervals are narrow enough."""
IDLE_STALL_S = 60.0
"""The same outside of blocks, where the leader may be busy without using the server: reading files, or ranking.
Whether a leader on the same host is suspended can be seen, so that it need not be waited for."""


def limit_s(duration_s: float | None = None, operations: Iterable[Operation] = (), call_s: float = 0.0) -> float:
    """Return for how many seconds all sessions of a worker may be idle in a trial.

    Args:
        duration_s: The time within which calls are due: they may be far apart. None without a pace.
        operations: Those of the entrant: where one pauses in the client, a session is idle for as long.
        call_s: How long a call may take, its pauses included.
    """
    pauses = any(one.rest or any(statement.rest for statement in one.statements) for one in operations)
    return STALL_S + (duration_s or 0.0) + (call_s if pauses else 0.0)
