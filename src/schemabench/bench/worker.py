"""This process as one of the workers that share the load of every experiment.

Owns the list of experiments that it has followed, and the guarantee that no worker is waited for in an experiment whose
tests are over. Must not know the findings of experiments.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from schemabench import machine
from schemabench.server import Server
from schemabench.workers.meeting import Meeting
from schemabench.workers.seat import Seat

if TYPE_CHECKING:
    from schemabench.experiment import Plan
    from schemabench.workers.leader import Leader


class Worker:
    """One worker's part in the experiments of a session. Experiments have numbers, the same in all workers.

    Args:
        seat: This worker's.
        spec: The source of Postgres, as in `--postgres`.
        stack: Closed at the end of the session.
    """

    def __init__(self, seat: Seat, spec: str, stack: ExitStack) -> None:
        machine.continue_without_parent()
        self._seat = seat
        self._meeting = Meeting(seat, spec, stack)
        self._followed: set[int] = set()
        self._ended: Counter[int] = Counter()

    @contextmanager
    def lead(self, topic: int, plan: "Plan", serve: Callable[[], Server]) -> Iterator["Leader"]:
        """Lead the others through an experiment.

        Args:
            topic: The experiment's number.
            plan: The experiment.
            serve: Returns the server, or raises if there is none.

        Raises:
            SchemabenchError: There is no server, or it fails.
        """
        from schemabench.workers.leader import lead  # noqa: PLC0415 (scipy takes seconds to load)

        link = self._meeting.host(serve, topic)
        with lead(plan, link, self._seat) as leader:
            yield leader

    def follow(self, topic: int, planned: Callable[[], "Plan"]) -> None:
        """Execute this worker's part of an experiment, unless that was done or tried.

        Raises:
            SchemabenchError: It cannot be executed here, or the leader was lost or stopped.
        """
        if topic in self._followed:
            return
        self._followed.add(topic)
        from schemabench.workers.follower import follow  # noqa: PLC0415 (as in `lead`)

        plan = planned()
        if link := self._meeting.join(topic):
            follow(plan, link, self._seat)

    def end(self, topic: int, tests: int, outcome: str) -> bool:
        """Record the end of one of an experiment's tests, and return whether it was the last.

        After the last, no other worker waits for this one.

        A test may fail or be skipped before it requests a result: on this worker alone, or on all.

        Args:
            topic: The experiment's number.
            tests: The number of its tests.
            outcome: How the test ended, for the leader's error.
        """
        self._ended[topic] += 1
        if self._ended[topic] < tests:
            return False
        if self._seat.leads:
            self._meeting.dismiss(topic)
        elif topic not in self._followed:
            self._followed.add(topic)
            self._meeting.excuse(topic, f"its test ended before it evaluated anything: {outcome}")
        return True
