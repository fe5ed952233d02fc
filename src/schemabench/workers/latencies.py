"""The latencies of followers on their way to the leader: rows of a table in the meeting database.

Owns their form. Must not know when they travel: no candidate may be measured meanwhile, since WAL is written.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemabench.workers.link import Link


def store(link: Link, samples: Mapping[tuple[str, str, int], Sequence[NDArray[np.int64]]]) -> None:
    """Store a follower's latencies, by entrant, operation and block, in a pipeline, which nothing may interrupt.

    Raises:
        psycopg.Error: The connection is lost.
    """
    rows = [(*key, np.concatenate(some, axis=-1).tobytes()) for key, some in samples.items()]
    with link.connection.cursor() as cursor:
        cursor.executemany("INSERT INTO latency (entrant, operation, block, nanoseconds) VALUES (%s, %s, %s, %s)", rows)


def collect(link: Link) -> dict[tuple[str, str], list[tuple[int, NDArray[np.int64]]]]:
    """Take what followers have stored, by entrant and operation: latencies with their block, flat.

    Raises:
        psycopg.Error: The connection is lost.
    """
    found: dict[tuple[str, str], list[tuple[int, NDArray[np.int64]]]] = {}
    rows = link.connection.execute("DELETE FROM latency RETURNING entrant, operation, block, nanoseconds")
    for entrant, operation, block, nanoseconds in rows:
        found.setdefault((entrant, operation), []).append((block, np.frombuffer(nanoseconds, dtype=np.int64)))
    return found
