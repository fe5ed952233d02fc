"""A burst: the calls of all writers in one block, encoded and dealt out to connections before the clock starts.

Owns which connection executes which call, and when that is due where there is a pace. Must not know servers or
candidates: every candidate executes the same burst.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import NamedTuple

import psycopg
from psycopg.adapt import AdaptersMap, Dumper, PyFormat, Transformer

from schemabench.errors import WorkloadError
from schemabench.experiment.feed import Feed
from schemabench.load import arrival
from schemabench.workload import Call, Writer

_SHOWN_CHARACTERS = 80  # of a value in an error


class Encoded(NamedTuple):
    """A call with its values as the server receives them."""

    number: int
    """The call's place in the burst."""
    operation: str
    values: Mapping[str, bytes | None]
    """In text format."""
    writer: str
    """Who calls."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """When calls are due, and whose they are: both by the call's number."""

    duration_s: float
    """In which all of them are due."""
    due_s: Sequence[float]
    """Seconds from the start; a writer's calls are due in their order."""
    writers: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Burst:
    """What the writers execute in one trial."""

    owners: Sequence[str]
    """The writer of each connection, in the order of the writers and their clients."""
    queues: Sequence[Sequence[Encoded]]
    """For each connection, in the order of the writers and their clients: calls with a key."""
    pools: Mapping[str, Sequence[Encoded]]
    """For each writer: calls without a key, which its connections take from when they are free."""
    operations: Sequence[str]
    """The operation of each call, by its number."""
    rows: int
    """Logical rows that the burst writes."""
    pace: Pace | None = None
    """None where calls are made as soon as a connection is free."""

    def part(self, connections: Sequence[int]) -> "Burst":
        """Return what some of the connections, by their places, execute of it.

        Calls without a key are shared out in turn to all connections of their writer, so that every process finds its
        own without asking.
        """
        pools: dict[str, Sequence[Encoded]] = {}
        for writer, pool in self.pools.items():
            own = [place for place, owner in enumerate(self.owners) if owner == writer]
            ours = {rank for rank, place in enumerate(own) if place in connections}
            if ours:
                pools[writer] = [call for turn, call in enumerate(pool) if turn % len(own) in ours]
        return Burst(
            owners=[self.owners[place] for place in connections],
            queues=[self.queues[place] for place in connections],
            pools=pools,
            operations=self.operations,
            rows=self.rows,
            pace=self.pace,
        )

    def calls(self) -> Iterator[Encoded]:
        """Return all calls, those of a key in order."""
        return chain.from_iterable([*self.queues, *self.pools.values()])


def make(
    feed: Feed, writers: Sequence[tuple[Writer, int]], block: int, size: float, duration_s: float | None = None
) -> Burst:
    """Generate a burst; each key goes to the connection of its writer that has the fewest calls yet.

    Args:
        feed: Where calls come from.
        writers: Each with its number of connections, in order.
        block: The block's number.
        size: What multiplies the writers' weights; a part of the smallest burst has a size below 1.
        duration_s: In which the calls are due; None where they are made as soon as a connection is free.

    Raises:
        WorkloadError: A call is not acceptable, or has a value that cannot be sent to a server.
    """
    encode = Encoder()
    owners: list[str] = []
    queues: list[list[Encoded]] = []
    pools: dict[str, list[Encoded]] = {}
    operations: list[str] = []
    due_s: list[float] = []
    callers: list[str] = []
    rows = 0
    for writer, share in writers:
        own: list[list[Encoded]] = [[] for _ in range(share)]
        pool: list[Encoded] = []
        by_key: dict[str, list[Encoded]] = {}
        count = round(writer.weight * size)
        for call in feed.take(writer.name, block, count):
            if call.key is None:
                queue = pool
            elif (found := by_key.get(call.key)) is not None:
                queue = found
            else:
                queue = by_key[call.key] = min(own, key=len)
            queue.append(Encoded(len(operations), call.operation, encode(call), writer.name))
            operations.append(call.operation)
            rows += call.rows
        owners += [writer.name] * share
        queues += own
        pools[writer.name] = pool
        if duration_s is not None:
            callers += [writer.name] * count
            due_s += _arrivals(feed, writer, block, count, duration_s)
    pace = None if duration_s is None else Pace(duration_s=duration_s, due_s=due_s, writers=callers)
    return Burst(owners=owners, queues=queues, pools=pools, operations=operations, rows=rows, pace=pace)


def _arrivals(feed: Feed, writer: Writer, block: int, count: int, duration_s: float) -> list[float]:
    """Return when a writer's calls are due: those of a batch evenly, as a schedule has it, all others by chance."""
    spread = arrival.evenly if writer.kind == "batch" else arrival.poisson
    return spread(count, duration_s, Random(f"{feed.seed}/arrival/{writer.name}/{block}"))  # noqa: S311 (reproducible on purpose)


class _HexDumper(Dumper):
    """Dumps bytes without asking a connection which escapes it understands."""

    oid = psycopg.adapters.types["bytea"].oid

    def dump(self, obj: bytes) -> bytes:
        return b"\\x" + obj.hex().encode()


class Encoder:
    """From Python values to text format, by psycopg's own dumpers."""

    def __init__(self) -> None:
        adapters = AdaptersMap(psycopg.adapters)
        adapters.register_dumper(bytes, _HexDumper)
        self._transformer = Transformer(adapters)

    def __call__(self, call: Call) -> dict[str, bytes | None]:
        """Return a call's values in text format."""
        try:
            return {name: self._dump(value) for name, value in call.values.items()}
        except (psycopg.Error, TypeError, ValueError) as cause:
            raise WorkloadError(
                f"A value of {call.operation!r} cannot be sent: {cause}",
                checked=[f":{name} = {repr(value)[:_SHOWN_CHARACTERS]}" for name, value in call.values.items()],
            ) from cause

    def _dump(self, value: object) -> bytes | None:
        if value is None:
            return None
        dumped = self._transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped)
