"""A burst: the calls of all writers in one block, encoded and assigned to connections before the timed part.

Owns which connection executes which call, and when calls are due if there is a pace. Must not know servers or
candidates: every candidate executes the same burst.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain, groupby, islice
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from schemabench.encoding import Encoder
from schemabench.experiment.feed import Feed
from schemabench.load import arrival
from schemabench.load.collecting import uncollected
from schemabench.workload import Call, Given, Writer

_CHECKED = 100
"""Calls of the background: values that cannot be sent usually have a type that all calls share."""


_NOTHING: Mapping[str, str] = MappingProxyType({})


class Encoded(NamedTuple):
    """A call with its values as the server receives them."""

    number: int
    """The call's place in the burst."""
    operation: str
    values: Mapping[str, bytes | None]
    """The values in text format."""
    writer: str
    """The writer of the call."""
    key: str | None = None
    """Calls of one key keep their order."""
    transaction: str = ""
    """As in `Call`; likewise the last."""
    takes: Mapping[str, str] = _NOTHING
    """Parameter -> the name of what another call gives for it. Its value is one like it."""
    gives: Mapping[str, str] = _NOTHING

    @property
    def is_linked(self) -> bool:
        """Whether it is sent with others, takes a value from another call, or gives one."""
        return bool(self.transaction or self.takes or self.gives)


def of_transaction(call: Encoded) -> object:
    """Return what successive calls of one transaction on a connection have in common, and no others."""
    return (call.transaction, call.key) if call.transaction else call.number


class Turn(NamedTuple):
    """A burst that every entrant executes in a block, or a part of one."""

    burst: int
    """The number of the burst."""
    size: float
    """The size of the whole burst, as in `make`."""
    writers: tuple[str, ...] = ()
    """The writers whose calls are executed; empty for all."""
    timed: bool = True
    """Whether the service times of its calls count."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """When calls are due."""

    duration_s: float
    """The time within which all calls are due."""
    due_s: Sequence[float]
    """Seconds from the start, by the call's number: ascending on each connection, equal within a transaction."""


@dataclass(frozen=True, kw_only=True)
class Burst:
    """The calls that the writers execute in one trial."""

    owners: Sequence[str]
    """The writer of each connection, in the order of the writers and their clients."""
    queues: Sequence[Sequence[Encoded]]
    """For each connection, in the order of the writers and their clients: its calls, in order."""
    operations: Sequence[str]
    """The operation of each call, by its number."""
    rows: int
    """Logical rows that the burst writes."""
    pace: Pace | None = None
    """None if calls start as soon as a connection is free."""
    includes: Mapping[str, str] = field(default_factory=dict)
    """As in `Model`, likewise below."""
    counted: Mapping[int, int] = field(default_factory=dict)
    """The rows of each call whose rows answers count, by its number."""
    written: Sequence[int] = ()
    """The logical rows that each call writes, by its number; empty if nobody counts them."""

    def part(self, connections: Sequence[int]) -> "Burst":
        """Return the part of the burst for some of the connections, given by their places."""
        return Burst(
            owners=[self.owners[place] for place in connections],
            queues=[self.queues[place] for place in connections],
            operations=self.operations,
            rows=self.rows,
            pace=self.pace,
            includes=self.includes,
            written=self.written,
            counted=self.counted,
        )

    def only(self, writers: Collection[str]) -> "Burst":
        """Return the burst without the calls of other writers; without any names, all of it."""
        if not writers:
            return self
        kept = zip(self.owners, self.queues, strict=True)
        return replace(self, queues=[queue if owner in writers else () for owner, queue in kept])

    def calls(self) -> Iterator[Encoded]:
        """Return all calls, those of a key in order."""
        return chain.from_iterable(self.queues)

    @cached_property
    def is_linked(self) -> bool:
        """Whether some of the calls are."""
        return any(call.is_linked for call in self.calls())

    @cached_property
    def digest(self) -> str:
        """A digest of calls, values, connections and times, in order: equal in processes that made the same burst."""
        content = sha256(repr((self.owners, self.pace)).encode())
        for queue in self.queues:
            calls = [(*call[:2], sorted(call.values.items()), *call[3:]) for call in queue]
            content.update(repr(calls).encode())
        return content.hexdigest()


class _Queues:
    """The queues of a writer's connections.

    Finding a shortest one takes a time that does not depend on their number, on average.
    """

    def __init__(self, count: int) -> None:
        self.each: list[list[Encoded]] = [[] for _ in range(count)]
        self._by_length = defaultdict[int, deque[list[Encoded]]](deque, {0: deque(self.each)})
        """Calls that were counted -> queues, the next one first. A queue may have become longer since."""
        self._least = 0

    def shortest(self) -> list[Encoded]:
        """Return a queue with the fewest calls, in turn; it is to get one."""
        while True:
            level = self._by_length[self._least]
            while level:
                queue = level.popleft()
                length = len(queue)
                if length == self._least:
                    self._by_length[length + 1].append(queue)
                    return queue
                self._by_length[length].append(queue)
            del self._by_length[self._least]
            self._least += 1


def check_burst(feed: Feed, writers: Sequence[tuple[Writer, int]]) -> None:
    """Make the smallest burst and the first calls of the background, to check that their values can be sent.

    Raises:
        WorkloadError: As `make` and `Feed.background` do.
    """
    make(feed, writers, 0, 1)
    encode = Encoder(feed.operations)
    calls = chain.from_iterable(chunk.calls() for chunk in feed.background())
    for call in islice(calls, _CHECKED):
        encode(call.operation, call.values)


@uncollected()
def make(
    feed: Feed, writers: Sequence[tuple[Writer, int]], block: int, size: float, duration_s: float | None = None
) -> Burst:
    """Generate a burst; each key, and each call without one, goes to the connection with the fewest calls so far.

    Only connections of the call's writer count. If no call has a key, calls are assigned in turn. The assignment is
    made before the timed part and never changes, so it is the same for every candidate and for any number of processes.

    Args:
        feed: The source of calls.
        writers: Each with its number of connections, in order.
        block: The block's number.
        size: The multiplier of the writers' weights; below 1 for a part of the smallest burst.
        duration_s: The time within which the calls are due; None if they start as soon as a connection is free.

    Raises:
        WorkloadError: A call is not acceptable, or has a value that cannot be sent to a server.
    """
    encode, is_counted = Encoder(feed.operations), set(feed.counted)
    owners: list[str] = []
    queues: list[list[Encoded]] = []
    operations: list[str] = []
    due_s: list[float] = []
    counted: dict[int, int] = {}
    written: list[int] = []
    for writer, share in writers:
        own = _Queues(share)
        by_key: dict[str, list[Encoded]] = {}
        calls = _taken(feed, writer, block, size, duration_s)
        for call in calls:
            queue = by_key.get(call.key) if call.key is not None else None
            if queue is None:
                queue = own.shortest()
                if call.key is not None:
                    by_key[call.key] = queue
            queue.append(_encoded(encode, call, len(operations), writer.name))
            if call.operation in is_counted:
                counted[len(operations)] = call.rows
            operations.append(call.operation)
            written.append(call.rows)
        owners += [writer.name] * share
        queues += own.each
        if duration_s is not None:
            due_s += _arrivals(feed, writer, block, calls, own.each, duration_s)
    pace = None if duration_s is None else Pace(duration_s=duration_s, due_s=due_s)
    return Burst(
        owners=owners,
        queues=queues,
        operations=operations,
        rows=sum(written),
        pace=pace,
        includes=feed.includes,
        counted=counted,
        written=written,
    )


def _taken(feed: Feed, writer: Writer, block: int, size: float, duration_s: float | None) -> list[Call]:
    """Return a writer's calls: so many, or those of a file that are due within a time."""
    if duration_s is not None and feed.is_timed(writer.name):
        return feed.due_within(writer.name, duration_s)
    return feed.take(writer.name, block, round(writer.weight * size))


def _encoded(encode: Encoder, call: Call, number: int, writer: str) -> Encoded:
    """Return a call with its values as the server receives them."""
    operation, values, takes = call.operation, call.values, _NOTHING
    if any(isinstance(value, Given) for value in values.values()):
        takes = {name: value.name for name, value in values.items() if isinstance(value, Given)}
        values = {name: value.known if isinstance(value, Given) else value for name, value in values.items()}
    return Encoded(number, operation, encode(operation, values), writer, call.key, call.transaction, takes, call.gives)


def _arrivals(  # noqa: PLR0913, PLR0917 (a writer's calls and where they come from)
    feed: Feed,
    writer: Writer,
    block: int,
    calls: Sequence[Call],
    queues: Sequence[Sequence[Encoded]],
    duration_s: float,
) -> list[float]:
    """Return when a writer's calls are due: when a file says so; evenly spaced for a batch, random for all others.

    The calls of a transaction are due together. Transactions are what arrives by chance, and as many of them within the
    duration as the calls make, so that the pace in calls is production's.

    Args:
        feed: The source of calls.
        writer: Whose calls they are.
        block: The block's number.
        calls: In order.
        queues: The same, as they are dealt out to connections.
        duration_s: The time within which they are due.
    """
    firsts = _firsts(calls, queues)
    if feed.is_timed(writer.name):
        return [(calls[first].at_s or 0.0) - (calls[0].at_s or 0.0) for first in firsts]
    spread = arrival.evenly if writer.kind == "batch" else arrival.poisson
    starts = {*firsts}
    due_s = spread(len(starts), duration_s, Random(f"{feed.seed}/arrival/{writer.name}/{block}"))  # noqa: S311 (reproducible on purpose)
    if len(starts) == len(calls):
        return due_s
    together = dict(zip(sorted(starts), due_s, strict=True))
    return [together[first] for first in firsts]


def _firsts(calls: Sequence[Call], queues: Sequence[Sequence[Encoded]]) -> Sequence[int]:
    """Return for each of a writer's calls the place of the first call of its transaction, or its own without one."""
    if not any(call.transaction for call in calls):
        return range(len(calls))
    firsts, begins = [0] * len(calls), min(queue[0].number for queue in queues if queue)
    for queue in queues:
        for _, together in groupby(queue, key=of_transaction):
            numbers = [call.number - begins for call in together]
            for number in numbers:
                firsts[number] = numbers[0]
    return firsts
