"""When nothing is left any more of what queued up behind a migration, and what was late by itself.

Pure: it uses no clock and no connection. A call that falls due while its connection works off what waited for a lock
is late for the same reason, although the lock is gone: it queues behind. That ends on a connection with the first
request that finds it free, as in queueing theory a busy period does. If none does, because the writers ask for as much
as the connection can do, it lasts until the last response.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain


@dataclass(frozen=True, kw_only=True)
class Line:
    """The requests that one connection has executed, in the order in which it was sent them."""

    numbers: Sequence[int]
    """The number of each; likewise the next three, of each, in nanoseconds of the same clock."""
    ready_ns: Sequence[int]
    """From when on it could be sent: when it was due, or the batch of calls complete that it is."""
    begun_ns: Sequence[int]
    """When it was sent."""
    answered_ns: Sequence[int]
    """The last response to it."""
    operations: Sequence[str]
    """Of each."""


def gone_ns(lines: Sequence[Line], after: Mapping[int, int], begun_ns: int, ended_ns: int) -> int:
    """Return when what a migration held up is worked off on all connections; its end, if it held up nothing.

    Calls queue for connections without a migration, too. It held up those of a connection on which a request took
    longer meanwhile than any of its operation before it, or than any at all, if none of that had been answered by then.

    Args:
        lines: The connections.
        after: How many requests of its connection, the first ones, are answered before a request is sent, by its
            number; all before it where it is not among them.
        begun_ns: When it began, on the clock of the requests; likewise the next.
        ended_ns: When it ended.
    """
    usual_ns: dict[str, int] = {}
    for operation, ready_ns, own_ns in chain.from_iterable(map(_responses, lines)):
        if own_ns <= begun_ns:
            usual_ns[operation] = max(usual_ns.get(operation, 0), own_ns - ready_ns)
    most_ns = max(usual_ns.values(), default=0)

    def is_held(line: Line) -> bool:
        return any(
            own_ns - ready_ns > usual_ns.get(operation, most_ns)
            for operation, ready_ns, own_ns in _responses(line)
            if ready_ns < ended_ns and own_ns > begun_ns
        )

    return max(chain([ended_ns], (_gone_ns(line, after, ended_ns) for line in lines if is_held(line))))


def lag_ns(lines: Sequence[Line], after: Mapping[int, int], begin_ns: float, end_ns: float) -> int | None:
    """Return the longest time from when a request could be sent until it was, of those that were sent within a stretch.

    None if no request was sent within it.

    Neither the server nor an earlier request was the reason: the load generator itself was late, as for want of a
    processor.

    Args:
        lines: The connections; likewise `after`, as for `gone_ns`.
        after: Likewise.
        begin_ns: When the stretch begins.
        end_ns: When it ends.
    """
    longest_ns: int | None = None
    for line in lines:
        answered_ns = [0, *accumulate(line.answered_ns, max)]
        """When so many requests had been answered: the first ones."""
        for place, (number, ready_ns, own_ns) in enumerate(
            zip(line.numbers, line.ready_ns, line.begun_ns, strict=True)
        ):
            if begin_ns <= own_ns < end_ns:
                could_ns = max(ready_ns, answered_ns[after.get(number, place)])
                longest_ns = max(longest_ns or 0, own_ns - could_ns)
    return longest_ns


def _responses(line: Line) -> Iterator[tuple[str, int, int]]:
    """Yield of each request its operation, when it could be sent, and when it was answered."""
    yield from zip(line.operations, line.ready_ns, line.answered_ns, strict=True)


def _gone_ns(line: Line, after: Mapping[int, int], at_ns: int) -> int:
    """Return when the backlog of a connection was worked off: what came before the first request that did not wait."""
    answered_ns: list[int] = []
    """When so many requests had been answered: the first ones."""
    for number, ready_ns, own_ns in zip(line.numbers, line.ready_ns, line.answered_ns, strict=True):
        needed = after.get(number, len(answered_ns))
        if ready_ns >= at_ns and (not needed or answered_ns[needed - 1] <= ready_ns):
            break
        answered_ns.append(max(own_ns, answered_ns[-1] if answered_ns else own_ns))
    return answered_ns[-1] if answered_ns else at_ns
