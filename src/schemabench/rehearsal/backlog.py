"""When nothing is left any more of what queued up behind a migration.

Pure: it uses no clock and no connection. A call that falls due while its connection works off what waited for a lock
is late for the same reason, although the lock is gone: it queues behind. That ends on a connection with the first
request that finds it free, as in queueing theory a busy period does. If none does, because the writers ask for as much
as the connection can do, it lasts until the last response.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, kw_only=True)
class Line:
    """The requests that one connection has executed, in the order in which it was sent them."""

    numbers: Sequence[int]
    """The number of each; likewise the next two, of each, in nanoseconds of the same clock."""
    ready_ns: Sequence[int]
    """From when on it could be sent: when it was due, or the batch of calls complete that it is."""
    answered_ns: Sequence[int]
    """The last response to it."""


def gone_ns(lines: Sequence[Line], after: Mapping[int, int], begun_ns: int, ended_ns: int) -> int:
    """Return when what a migration held up is worked off on all connections; its end, if it held up nothing.

    Calls queue for connections without a migration, too. It held up those of a connection on which a request took
    longer meanwhile than any before it.

    Args:
        lines: The connections.
        after: How many requests of its connection, the first ones, are answered before a request is sent, by its
            number; all before it where it is not among them.
        begun_ns: When it began, on the clock of the requests; likewise the next.
        ended_ns: When it ended.
    """
    usual_ns = max(chain.from_iterable(_responses_ns(line, answered_by_ns=begun_ns) for line in lines), default=0)
    held = (line for line in lines if _longest_ns(line, begun_ns, ended_ns) > usual_ns)
    return max(chain([ended_ns], (_gone_ns(line, after, ended_ns) for line in held)))


def _responses_ns(line: Line, answered_by_ns: int) -> Iterator[int]:
    """Yield how long the requests took that had been answered by then."""
    for ready_ns, own_ns in zip(line.ready_ns, line.answered_ns, strict=True):
        if own_ns <= answered_by_ns:
            yield own_ns - ready_ns


def _longest_ns(line: Line, begun_ns: int, ended_ns: int) -> int:
    """Return how long the longest request took that was under way within a time; 0 if none was."""
    pairs = zip(line.ready_ns, line.answered_ns, strict=True)
    return max(
        (own_ns - ready_ns for ready_ns, own_ns in pairs if ready_ns < ended_ns and own_ns > begun_ns), default=0
    )


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
