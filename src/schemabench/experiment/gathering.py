"""Which calls are sent together: batches, as a queue in front of a connection would make them.

Owns which call waits for which, before the clock starts: what becomes of a burst must not change it. Must not know what
a request looks like.

A connection's calls are gathered by operation, and the calls of one key keep their order: a batch that holds a key is
sent before a call of another operation with that key. Where calls are due at a pace, a batch is sent when it is full,
or when its first call has waited for as long as its author allows. Calls come when production makes them, so that this
does not depend on the server. A batch that is ready while the connection is busy waits, and its calls with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import inf
from typing import NamedTuple

from schemabench.experiment.burst import Encoded, of_transaction
from schemabench.sending import AS_IS, Sending


class Batch(NamedTuple):
    """Calls that are one request."""

    calls: Sequence[Encoded]
    """Of one operation, or of one transaction, in order."""
    ready_s: float = 0.0
    """When it may be sent, in seconds from the start; 0 where calls are not due at a pace."""


@dataclass
class _Open:
    """A batch that takes more calls."""

    most: int
    closes_s: float
    """When it is sent, full or not."""
    calls: list[Encoded] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


def gather(
    queue: Sequence[Encoded], sendings: Mapping[str, Sending], due_s: Sequence[float] | None = None
) -> list[Batch]:
    """Return a connection's calls as requests, in the order in which they are sent.

    Args:
        queue: The calls, in order.
        sendings: Operation -> how its calls are sent; one by one where it is not among them.
        due_s: When each call is due, by its number; None where it is made as soon as the connection is free.
    """
    return list(_Queue(sendings, due_s).batches(queue))


class _Queue:
    """What stands in front of one connection."""

    def __init__(self, sendings: Mapping[str, Sending], due_s: Sequence[float] | None) -> None:
        self._sendings = sendings
        self._due_s = due_s
        self._open: dict[str, _Open] = {}
        """By operation, the one that was opened first first."""

    def batches(self, queue: Sequence[Encoded]) -> Iterator[Batch]:
        """Yield batches in the order in which they are ready."""
        now_s = 0.0
        for _, some in groupby(queue, key=of_transaction):
            call, *others = some
            now_s = self._due_s[call.number] if self._due_s is not None else 0.0
            yield from self._over(now_s)
            yield from self._before(call, now_s)
            sending = self._sendings.get(call.operation, AS_IS)
            if sending.calls == 1 or call.is_linked:
                yield from self._same(call, now_s)
                yield Batch(calls=(call, *others), ready_s=now_s)
            else:
                yield from self._added(call, sending, now_s)
        for one in self._open.values():
            one.closes_s = now_s if one.closes_s == inf else one.closes_s
        yield from self._over(inf)

    def _over(self, now_s: float) -> Iterator[Batch]:
        """Yield the batches whose first call has waited for long enough."""
        while late := [operation for operation, one in self._open.items() if one.closes_s <= now_s]:
            operation = min(late, key=lambda one: self._open[one].closes_s)
            yield self._closed(operation, self._open[operation].closes_s)

    def _before(self, call: Encoded, now_s: float) -> Iterator[Batch]:
        """Yield the batches that a call must not overtake."""
        held = [name for name, one in self._open.items() if name != call.operation and call.key in one.keys]
        yield from (self._closed(operation, now_s) for operation in held)

    def _same(self, call: Encoded, now_s: float) -> Iterator[Batch]:
        """Yield the batch of a call's own operation that the call must not overtake."""
        if call.operation in self._open and call.key in self._open[call.operation].keys:
            yield self._closed(call.operation, now_s)

    def _added(self, call: Encoded, sending: Sending, now_s: float) -> Iterator[Batch]:
        """Add a call to its batch; yield that if it is full."""
        within_s = sending.within_s if self._due_s is not None and sending.within_s is not None else inf
        batch = self._open.setdefault(call.operation, _Open(most=sending.calls, closes_s=now_s + within_s))
        batch.calls.append(call)
        if call.key is not None:
            batch.keys.add(call.key)
        if len(batch.calls) == batch.most:
            yield self._closed(call.operation, now_s)

    def _closed(self, operation: str, ready_s: float) -> Batch:
        return Batch(calls=tuple(self._open.pop(operation).calls), ready_s=ready_s)
