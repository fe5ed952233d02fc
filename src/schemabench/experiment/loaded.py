"""A burst as an entrant's sessions will execute it: nothing but sending is left to do.

Owns which request a connection takes next. Must not send anything.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from schemabench.experiment.burst import Pace
from schemabench.load import Request, Session


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What is ready to be driven."""

    queues: Sequence[tuple[Session, Iterable[Request]]]
    operations: Sequence[str]
    """The operation of each call of the burst, by its number."""
    pace: Pace | None = None
    """When the calls are due; None for as soon as a connection is free."""


def shared_out(
    own: Sequence[tuple[Session, str, Sequence[Request]]], pools: Mapping[str, Sequence[Request]], pace: Pace | None
) -> list[tuple[Session, Iterable[Request]]]:
    """Return for each session what it executes: its own requests, and those of its writer's pool when it is free.

    Its own come first in a closed loop; in an open one, whichever is due first.

    Args:
        own: Each session with its writer's name and its own requests in order.
        pools: Writer -> requests that any of its sessions may take, in order.
        pace: When requests are due; None for a closed loop.
    """
    if pace is None:
        left = {writer: iter(pool) for writer, pool in pools.items()}
        return [(session, chain(requests, left[writer])) for session, writer, requests in own]
    waiting = {writer: deque(pool) for writer, pool in pools.items()}
    return [(session, _by_due(deque(requests), waiting[writer], pace.due_s)) for session, writer, requests in own]


def _by_due(own: deque[Request], pool: deque[Request], due_s: Sequence[float]) -> Iterator[Request]:
    """Yield what is due next of two queues, until both are empty; others take from the pool meanwhile."""
    while own or pool:
        yield min(filter(None, (own, pool)), key=lambda queue: due_s[queue[0][0]]).popleft()
