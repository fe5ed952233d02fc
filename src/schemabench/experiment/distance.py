"""How far away the server is: the time of a trivial exchange over a measured connection.

Owns this measurement. Must not change the session, nor count what `--round-trip` adds.
"""

from statistics import median
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from psycopg.pq import ExecStatus

from schemabench.experiment.sessions import Sessions
from schemabench.units import NANOSECONDS

_EXCHANGES = 300
"""Enough for a 99th percentile that is not just the longest."""
_LONGEST_NS = 2 * NANOSECONDS
"""Over a long distance, fewer exchanges are measured."""
_FEWEST = 20


class Distance(NamedTuple):
    """The time of an exchange, in seconds; None if it is not known."""

    median_s: float | None
    p99_s: float | None


def measure(sessions: Sessions) -> Distance:
    """Return how long an empty query takes over the first of some idle sessions."""
    connection = next(iter(sessions))[0].connection
    took_ns: list[int] = []
    began_ns = perf_counter_ns()
    while len(took_ns) < _EXCHANGES:
        started_ns = perf_counter_ns()
        if connection.exec_(b"").status != ExecStatus.EMPTY_QUERY:
            return Distance(None, None)  # a lost connection is found, and told, by the first trial
        now_ns = perf_counter_ns()
        took_ns.append(now_ns - started_ns)
        if now_ns - began_ns > _LONGEST_NS and len(took_ns) >= _FEWEST:
            break
    return Distance(median(took_ns) / NANOSECONDS, float(np.percentile(took_ns, 99)) / NANOSECONDS)
