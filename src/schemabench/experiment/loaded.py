"""A burst that is ready to be driven: its calls as requests, each connection's in order.

Owns what is known of it before the clock starts, and what came of requests as what came of calls. Must not know how a
call becomes a request: see `prepared`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemabench.experiment import windows
from schemabench.experiment.burst import Burst, Encoded, Pace
from schemabench.experiment.gathering import Batch, gather
from schemabench.experiment.prepared import Prepared, Wanted
from schemabench.load import Drive, Request, Session
from schemabench.statements import Operation
from schemabench.units import NANOSECONDS


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A burst that is ready to be driven."""

    queues: Sequence[tuple[Session, Sequence[Request]]]
    operations: Sequence[str]
    """The operation of each call of the burst, by its number."""
    pace: Pace | None = None
    """When the calls are due; None if they start as soon as a connection is free."""
    gathered: Sequence[Batch] = field(default_factory=tuple)
    """The requests whose calls may be several."""
    after: Mapping[int, int] = field(default_factory=dict)
    """For each request of a pipeline, by its number: how many requests of its connection are answered before it."""
    depths: Mapping[str, int] = field(default_factory=dict)
    """Operation -> the most requests of it in flight on a connection; 1 where it is not among them."""
    written: Sequence[int] = ()
    """The logical rows of each call of the burst, by its number."""
    noting: bool = False
    """Whether it is noted when each request is begun and done."""

    @property
    def due_s(self) -> Sequence[float] | None:
        """When each request is due, by its number; None if it is sent as soon as a connection is free."""
        if self.pace is None:
            return None
        due_s = list(self.pace.due_s)
        for batch in self.gathered:
            due_s[batch.calls[0].number] = batch.ready_s
        return due_s

    def call_by_call(self, driven: Drive) -> Drive:
        """Return what came of requests as what came of each call: gathered calls take as long as their request.

        From when a call is due to when it is begun contains the time that it waits for its batch.
        """
        if not self.gathered:
            return driven
        latencies_ns, delays_ns = list(driven.latencies_ns), list(driven.delays_ns)
        flying_ns, noted = dict(driven.flying_ns), dict(driven.noted)
        for batch in self.gathered:
            first, *others = (call.number for call in batch.calls)
            for number in others:
                latencies_ns[number] = latencies_ns[first]
                if first in noted:
                    noted[number] = noted[first]
                if first in flying_ns:
                    flying_ns[number] = flying_ns[first]
            for number in (first, *others) if self.pace else ():
                waited_s = batch.ready_s - self.pace.due_s[number] if self.pace else 0.0
                delays_ns[number] = driven.delays_ns[first] + round(waited_s * NANOSECONDS)
        return replace(driven, latencies_ns=latencies_ns, delays_ns=delays_ns, flying_ns=flying_ns, noted=noted)

    def calls_of(self, number: int) -> Sequence[int]:
        """Return the calls of a request, by their numbers."""
        gathered = {batch.calls[0].number: batch for batch in self.gathered}
        return [call.number for call in gathered[number].calls] if number in gathered else [number]

    @property
    def followers(self) -> list[int]:
        """The calls that are part of another's request, by their numbers."""
        return [call.number for batch in self.gathered for call in batch.calls[1:]]


def load(burst: Burst, sessions: Sequence[Wanted], prepared: Prepared, operations: Mapping[str, Operation]) -> Loaded:
    """Return a burst as requests.

    Args:
        burst: The burst.
        sessions: The session of each of its queues, which has prepared what it is to.
        prepared: What they have prepared.
        operations: The operations by name, as they are sent.

    Raises:
        WorkloadError: A call has no usable value for a `:"name"`.
    """
    queues: list[tuple[Session, Sequence[Request]]] = []
    known = {name: operations[name].sending for name in set(burst.operations)}
    sendings = {name: sending for name, sending in known.items() if sending.calls > 1}
    sums = burst.includes
    # an answer whose sum is noted is read before anything else is sent
    depths = {name: one.pipeline for name, one in known.items() if one.pipeline > 1 and name not in sums}
    gathered: list[Batch] = []
    after: dict[int, int] = {}
    for one, queue in zip(sessions, burst.queues, strict=True):
        requests: Sequence[Sequence[Encoded]]
        if sendings or burst.is_linked:
            batches = gather(queue, sendings, burst.pace.due_s if burst.pace else None)
            requests = [batch.calls for batch in batches]
            own = [prepared.request(one.session, calls, sums.get(calls[0].operation, "")) for calls in requests]
            gathered += [batch for batch in batches if batch.calls[0].operation in sendings or len(batch.calls) > 1]
        else:
            requests = [(call,) for call in queue] if depths else ()
            own = prepared.one_by_one(one, queue, sums)
        queues.append((one.session, own))
        after |= windows.after(requests, depths)
    return Loaded(
        queues=queues,
        operations=burst.operations,
        pace=burst.pace,
        gathered=gathered,
        after=after,
        depths=depths,
        noting=bool(sums),
        written=burst.written,
    )
