"""A burst: the calls of all writers in one block, encoded and dealt out to connections before the clock starts.

Owns which connection executes which call. Must not know servers or candidates:
every candidate executes the same burst.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple
from zlib import crc32

import psycopg
from psycopg.adapt import PyFormat, Transformer

from schemabench.errors import WorkloadError
from schemabench.experiment.feed import Feed
from schemabench.workload import Call, Writer


class Encoded(NamedTuple):
    """A call with its values as the server receives them."""

    number: int
    """The call's place in the burst."""
    operation: str
    values: Mapping[str, bytes | None]
    """In text format."""


@dataclass(frozen=True, kw_only=True)
class Burst:
    """What the writers execute in one trial."""

    queues: Sequence[Sequence[Encoded]]
    """For each connection, in the order of the writers and their clients."""
    operations: Sequence[str]
    """The operation of each call, by its number."""
    rows: int
    """Logical rows that the burst writes."""


def make(feed: Feed, writers: Sequence[tuple[Writer, int]], block: int, size: int) -> Burst:
    """Generate a burst.

    Args:
        feed: Where calls come from.
        writers: Each with its number of connections, in order.
        block: The block's number.
        size: What multiplies the writers' weights.

    Raises:
        WorkloadError: A call is not acceptable, or has a value that cannot be sent to a server.
    """
    encode = Encoder()
    queues: list[list[Encoded]] = []
    operations: list[str] = []
    rows = 0
    for writer, share in writers:
        own: list[list[Encoded]] = [[] for _ in range(share)]
        turns = cycle(own)
        for call in feed.take(writer.name, block, writer.weight * size):
            queue = next(turns) if call.key is None else own[crc32(call.key.encode()) % share]
            queue.append(Encoded(len(operations), call.operation, encode(call)))
            operations.append(call.operation)
            rows += call.rows
        queues += own
    return Burst(queues=queues, operations=operations, rows=rows)


class Encoder:
    """From Python values to text format, by psycopg's own dumpers."""

    def __init__(self) -> None:
        self._transformer = Transformer()

    def __call__(self, call: Call) -> dict[str, bytes | None]:
        """Return a call's values in text format."""
        try:
            return {name: self._dump(value) for name, value in call.values.items()}
        except (psycopg.Error, TypeError, ValueError) as cause:
            raise WorkloadError(
                f"A value of {call.operation!r} cannot be sent: {cause}: {dict(call.values)}"
            ) from cause

    def _dump(self, value: object) -> bytes | None:
        if value is None:
            return None
        dumped = self._transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped)
