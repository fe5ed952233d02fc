"""What the sessions of an entrant have planned, where new ones are to be brought to the same point.

Owns the last calls of each operation on each connection, and their planning. Must not execute any.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic

from psycopg.pq import ConnStatus

from schemabench.errors import CandidateError
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.prepared import Prepared, Wanted
from schemabench.load import LostConnectionError, Session, stop
from schemabench.workload import Writer

PLANNED = 6
"""A session plans a statement for its values five times, and decides at the sixth whether the generic plan will do:
`choose_custom_plan` in the server's plancache.c."""
_WITHIN_S = 15.0
"""For all statements, preparing included: half of the time in which other workers have to join."""


class Planned:
    """The last calls on each of an entrant's connections; without any until `note`."""

    def __init__(self) -> None:
        self._calls: dict[tuple[int, str], tuple[Encoded, ...]] = {}
        """(place of a connection, operation) -> the last calls there, the latest first."""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def note(self, burst: Burst) -> None:
        """Note the last calls of each operation on each connection, as many as the server plans one by one."""
        for place, queue in enumerate(burst.queues):
            last: dict[str, list[Encoded]] = {}
            for call in reversed(queue):
                own = last.setdefault(call.operation, [])
                if len(own) < PLANNED:
                    own.append(call)
            for operation, calls in last.items():
                known = self._calls.get((place, operation), ())
                self._calls[place, operation] = (*calls, *known)[:PLANNED]

    def places(self, writers: Sequence[Writer]) -> list[int]:
        """Return a few connections, in order, that together have planned all operations of each part and role.

        It is one at least.

        Args:
            writers: Those of all connections.
        """
        first: dict[tuple[str, str, str], int] = {}
        for place, operation in sorted(self._calls):
            first.setdefault((operation, writers[place].part, writers[place].role), place)
        return sorted({*first.values()} or {0})

    def repeat(self, pairs: Mapping[int, tuple[Session, Writer]], prepared: Prepared) -> None:
        """Have new sessions prepare and plan what those before had, all at once.

        What the server refuses, or a lock delays for too long, is left to the next execution, which reports it.

        Args:
            pairs: The place of a connection -> its session and writer.
            prepared: What the new sessions have prepared.

        Raises:
            LostConnectionError, psycopg.Error, ServerError: The server failed.
        """
        deadline_s = monotonic() + _WITHIN_S
        wanted: dict[int, set[str]] = defaultdict(set)
        for place, operation in self._calls:
            if place in pairs:
                wanted[place].add(operation)
        with suppress(CandidateError):
            prepared.prepare((Wanted(*pairs[place], operations=own) for place, own in wanted.items()), _WITHIN_S)
        texts: dict[Session, list[bytes]] = defaultdict(list)
        for (place, operation), calls in self._calls.items():
            if place in pairs and prepared.knows(session := pairs[place][0], operation):
                texts[session].append(b"; ".join(text for call in calls for text in prepared.planning(session, call)))
        for turn in range(max(map(len, texts.values()), default=0)):
            busy = [session for session, own in texts.items() if turn < len(own)]
            for session in busy:
                session.connection.send_query(texts[session][turn])
            if not _done(busy, deadline_s):
                return


def _done(sessions: Sequence[Session], deadline_s: float) -> bool:
    """Wait until sessions are done; cancel what takes too long, and return whether that was necessary in none.

    Raises:
        LostConnectionError: The server failed.
    """
    late = [session for session in sessions if not session.settle(deadline_s)]
    if broken := next((one.connection for one in late if one.connection.status != ConnStatus.OK), None):
        raise LostConnectionError(broken.get_error_message())
    stop(late)
    return not late
