"""What there is to say of attempts that the server undid, where a call or a trial takes longer than it may.

Owns these words. Must not repeat anything: the load loop has.
"""

from collections.abc import Sequence

from psycopg.pq import ConnStatus, ExecStatus

from schemabench.load import Session
from schemabench.load.session import DEADLOCK, Retried

SOONER = "have deadlocks found sooner: --postgres-setting deadlock_timeout=10ms"


def said(retried: Retried, sessions: Sequence[Session]) -> tuple[list[str], list[str]]:
    """Return what was seen, and what to do about it.

    Args:
        retried: The attempts.
        sessions: Those whose attempts they were, with nothing under way; one is asked for the server's setting.
    """
    counts = {key: count for key, count in retried.items() if count}
    if not counts:
        return [], []
    shown = ", ".join(f"{operation} {count:,} ({reason})" for (operation, reason), count in sorted(counts.items()))
    seen = f"attempts that the server undid and that were repeated: {shown}"
    if all(reason != DEADLOCK for _, reason in counts):
        return [seen], []
    return [seen, f"a deadlock is found only after deadlock_timeout{_deadlock_timeout(sessions)}"], [SOONER]


def _deadlock_timeout(sessions: Sequence[Session]) -> str:
    """Return for how long a session waits before the server looks, as in `, here 1s`; empty if all are lost."""
    session = next((one for one in sessions if one.connection.status == ConnStatus.OK), None)
    found = session.query("SHOW deadlock_timeout") if session else None
    if found is None or found.status != ExecStatus.TUPLES_OK:
        return ""
    return f", here {(found.get_value(0, 0) or b'').decode()}"
