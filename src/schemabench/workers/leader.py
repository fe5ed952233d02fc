"""The worker that leads: it tells the others what to execute, and waits for them.

Owns the barrier around each trial and what becomes of a worker that does not come. Must not know pytest.

The barrier around a trial is three messages: `loaded` from everyone, `go`, and `done` with the outcome. A worker that
dies lets go of its seat's lock; one that is stopped keeps it, and is found out by its sessions: the server shows that
none of them has done anything for a while.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from random import Random
from time import monotonic
from typing import Any

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray

from schemabench.errors import CandidateError, ServerError, WorkerError
from schemabench.experiment.burst import Burst
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Executed, Part, Samples, execute, together
from schemabench.load import Talk
from schemabench.workers.link import LEADER, OVER, Link, Message
from schemabench.workers.meeting import Seat

_GLANCE_S = 0.25
"""How often the leader looks whether those it waits for are still there."""
JOIN_LIMIT_S = 120.0
"""How long the others may take to begin: they may have ordinary tests to finish."""
STALL_S = 15.0
"""A worker none of whose sessions has done anything for so long, while it is waited for, has been stopped. Far longer
than making a burst takes, far shorter than anybody's patience."""
_IDLE = """
SELECT coalesce(bool_and(state = 'idle' AND state_change < clock_timestamp() - make_interval(secs => %s)), true)
FROM pg_catalog.pg_stat_activity WHERE pid = ANY (%s)
"""


@contextmanager
def lead(plan: Plan, link: Link, seat: Seat) -> Iterator["Leader"]:
    """Lead a team through one experiment, and let it go at the end of the block.

    Raises:
        UsageError: There are fewer connections than workers.
        psycopg.Error: The connection is lost.
    """
    leader = Leader(plan, link, seat)
    link.tell("calling")
    try:
        yield leader
    finally:
        with suppress(psycopg.Error):  # then they find out by themselves
            link.tell(OVER)


class Leader:
    """Leads a team; of each burst it executes its own part.

    Args:
        plan: The experiment.
        link: At seat 0.
        seat: This worker's.
    """

    def __init__(self, plan: Plan, link: Link, seat: Seat) -> None:
        self._plan = plan
        self._link = link
        self._names = {number: f"number {number}" for number in range(seat.of)}
        self._positions = plan.seats(seat.of)[LEADER]
        self._others = range(1, seat.of)
        self._doing = "joining the experiment"
        self._pids: dict[int, list[int]] = {}
        self._block = 0
        self._early: list[Message] = []

    @property
    def positions(self) -> Sequence[int]:
        """The connections that belong to this process."""
        return self._positions

    def join(self, entrants: Sequence[Entrant], size: int) -> Mapping[str, Sequence[int]]:
        """Have everyone connect to the entrants; return the process ids of the others' sessions, by entrant."""
        self._doing = "joining the experiment"
        described = [
            {"name": one.name, "candidate": one.template.candidate.name, "database": one.database.name}
            for one in entrants
        ]
        with _heard():
            here = self._gather("here", limit_s=JOIN_LIMIT_S)
            self._names |= {number: answer["name"] for number, answer in here.items()}
            self._link.tell("experiment", digest=self._plan.fingerprint)
            self._link.tell("entrants", entrants=described, size=size)
            answers = self._gather("joined", limit_s=JOIN_LIMIT_S)
        pids: dict[str, list[int]] = {one.name: [] for one in entrants}
        for seat, answer in answers.items():
            self._pids[seat] = [pid for own in answer["pids"].values() for pid in own]
            for name, own in answer["pids"].items():
                pids[name] += own
        return pids

    def announce(self, block: int, order: Sequence[Entrant]) -> None:
        """Tell everyone which block comes, and who executes it in which order."""
        self._block = block
        with _heard():
            self._link.tell("block", number=block, order=[entrant.name for entrant in order])

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None
    ) -> tuple[Executed, Samples]:
        """Execute a burst together.

        Raises:
            CandidateError: The server refused an operation, of whomever.
            WorkerError: A worker is gone.
            ServerError: The server failed.
        """
        loaded, failure = entrant.load(burst.part(self._positions)), None
        with _heard():
            self._doing = f"loading the trial of {entrant.name} in block {self._block}"
            self._gather("loaded")
            self._doing = f"executing the trial of {entrant.name} in block {self._block}"
            self._link.tell("go", entrant=entrant.name)
            try:
                own, samples = execute(entrant, loaded, random, watch)
                entrant.flush_statistics()
            except CandidateError as error:
                failure = error
            answers = self._gather("done")
        for seat, answer in answers.items():
            if refusal := answer.get("refusal"):
                failure = failure or CandidateError(f"{refusal}\n(found by {self._names[seat]})")
        if failure is not None:
            raise failure
        parts = [own, *(_part(answers[seat]["part"]) for seat in self._others)]
        return together(parts), samples

    def samples(self) -> Mapping[tuple[str, str], Sequence[NDArray[np.int64]]]:
        """Return the others' service times in counted trials, by entrant and operation."""
        self._doing = "handing over latencies"
        found: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
        with _heard():
            self._link.tell("hand over")
            self._gather("handed over")
            rows = self._link.connection.execute("DELETE FROM latency RETURNING entrant, operation, nanoseconds")
            for entrant, operation, nanoseconds in rows:
                found.setdefault((entrant, operation), []).append(np.frombuffer(nanoseconds, dtype=np.int64))
        return found

    def _gather(self, kind: str, *, limit_s: float | None = None) -> dict[int, Message]:
        """Return one message of each of the others, by seat; keep what comes early, from those that are ahead."""
        answers = {message["seat"]: message for message in self._early if message["kind"] == kind}
        self._early = [message for message in self._early if message["kind"] != kind]
        since_s = monotonic()
        while missing := set(self._others) - answers.keys():
            message = self._link.hear(_GLANCE_S)
            if message is None:
                self._check(missing, monotonic() - since_s, limit_s)
            elif message["kind"] == "gone":
                raise WorkerError(
                    f"The worker {self._names[message['seat']]} gave up while {self._doing}: {message['reason']}"
                )
            elif message["kind"] == kind:
                answers[message["seat"]] = message
            else:
                self._early.append(message)
        return answers

    def _check(self, missing: set[int], waited_s: float, limit_s: float | None) -> None:
        """Give a worker up that is gone, stopped, or late.

        Raises:
            WorkerError: With the worker's name and what it was waited for.
        """
        present = self._link.present()
        for seat in sorted(missing):
            name = self._names[seat]
            joined = seat in self._pids
            if joined and seat not in present:
                raise WorkerError(f"The worker {name} died while {self._doing}", worker=name)
            if limit_s is not None and waited_s > limit_s:
                raise WorkerError(f"The worker {name} did not come within {limit_s:g} s of {self._doing}", worker=name)
            if joined and waited_s > STALL_S and self._idle(seat):
                raise WorkerError(
                    f"The worker {name} was stopped while {self._doing}: none of its sessions has done anything for "
                    f"{STALL_S:g} s",
                    worker=name,
                )

    def _idle(self, seat: int) -> bool:
        row = self._link.connection.execute(_IDLE, [STALL_S, self._pids[seat]]).fetchone()
        return row is None or bool(row[0])


@contextmanager
def _heard() -> Iterator[None]:
    """Put a lost link into words."""
    try:
        yield
    except psycopg.Error as cause:
        raise ServerError(
            f"The connection over which the workers meet was lost: {str(cause).strip()}", remedies=["run again"]
        ) from cause


def _part(fields: Any) -> Part:  # noqa: ANN401 (JSON)
    fields["retried"] = {tuple(key): count for key, count in fields["retried"]}
    return msgspec.convert(fields, type=Part)
