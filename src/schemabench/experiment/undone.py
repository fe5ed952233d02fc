"""Explanations for slow calls and trials: rolled-back attempts and locks.

Owns their wording. Must not retry anything: the load loop does.
"""

from collections.abc import Sequence

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.rows import TupleRow

from schemabench.load import Session
from schemabench.load.session import DEADLOCK, Undone

_AWAITED = """
SELECT waiting.wait_event_type, waiting.wait_event, blocker.pid, blocker.state, left(blocker.query, 80)
FROM pg_catalog.pg_stat_activity AS waiting
LEFT JOIN pg_catalog.pg_stat_activity AS blocker ON blocker.pid = ANY (pg_catalog.pg_blocking_pids(waiting.pid))
WHERE waiting.pid = %s
LIMIT 1
"""
SOONER = "detect deadlocks sooner: --postgres-setting deadlock_timeout=10ms"


def said(retried: Undone, sessions: Sequence[Session]) -> tuple[list[str], list[str]]:
    """Return the observations, and the remedies.

    Args:
        retried: The attempts.
        sessions: The sessions with these attempts, now idle; one is asked for the server's setting.
    """
    counts = {key: count for key, count in retried.items() if count}
    if not counts:
        return [], []
    shown = ", ".join(f"{operation} {count:,} ({reason})" for (operation, reason), count in sorted(counts.items()))
    seen = f"attempts that were rolled back and retried: {shown}"
    if all(reason != DEADLOCK for _, reason in counts):
        return [seen], []
    return [seen, f"the server detects a deadlock only after deadlock_timeout{_deadlock_timeout(sessions)}"], [SOONER]


def awaited(connection: psycopg.Connection[TupleRow], pid: int) -> list[str]:
    """Return what a session currently waits for, and the blocking session; empty if it waits for nothing."""
    row = connection.execute(_AWAITED, [pid]).fetchone()
    if row is None or row[0] is None:
        return []
    kind, event, blocker, state, query = row
    if kind != "Lock":
        return [f"at that moment it waited for {kind}: {event}"]
    holder = f", which the session {blocker} holds ({state}: {query})" if blocker else ""
    return [f"at that moment it waited for a lock ({event}){holder}"]


def _deadlock_timeout(sessions: Sequence[Session]) -> str:
    """Return the server's deadlock_timeout, as in `, here 1s`; empty if all sessions are lost."""
    session = next((one for one in sessions if one.connection.status == ConnStatus.OK), None)
    found = session.query("SHOW deadlock_timeout") if session else None
    if found is None or found.status != ExecStatus.TUPLES_OK:
        return ""
    return f", here {(found.get_value(0, 0) or b'').decode()}"
