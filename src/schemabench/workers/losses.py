"""What a session loses with a worker.

Owns why a worker is gone, as far as anybody knows, and the tests of the experiment that went with the leader, which
nobody else can report. Must not end anything. Imports nothing heavy: a controller without evaluations has it, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypeAlias

import pytest

from schemabench.errors import WorkerError
from schemabench.workers.remedies import LOST

Key: TypeAlias = tuple[str, str]
"""The workload and the cardinality of an experiment."""


@dataclass(frozen=True, kw_only=True)
class LostExperiment:
    """The experiment that a leader was at when it was lost."""

    workload: str
    cardinality: str
    leader: Any
    """The worker, as xdist has it."""
    tests: tuple[str, ...]
    """The ids of its tests that had not ended."""
    error: WorkerError
    """Why the leader is gone."""

    def report(self, config: pytest.Config, error: WorkerError) -> None:
        """Report that each test failed with an error: the first tells it all."""
        text = str(error)
        for test in self.tests:
            path, _, name = test.partition("::")
            about: dict[str, Any] = {"nodeid": test, "location": (path, None, name), "keywords": {}}
            for report in (
                pytest.TestReport(**about, when="call", outcome="failed", longrepr=text),
                pytest.TestReport(**about, when="teardown", outcome="passed", longrepr=None),  # some pages wait for it
            ):
                vars(report)["node"] = self.leader  # as in every report that comes from a worker
                config.hook.pytest_runtest_logreport(report=report)
            text = f"{error.headline} (see above)"


class Losses:
    """The workers that a session has lost."""

    def __init__(self) -> None:
        self._told: dict[str, WorkerError] = {}
        """Worker -> why it was given up, in the words of the first that told."""
        self._leader: Any = None
        """The leader, if it was lost, as xdist has it."""
        self._left: Sequence[tuple[str, Key]] = ()
        """The evaluations that it had not ended."""
        self._missed = ""
        """The first other worker that was lost before all evaluations had ended."""

    def hear(self, error: WorkerError) -> None:
        """Note why a worker was given up by another one."""
        self._told.setdefault(error.worker, error)

    def lose(self, leader: Any, left: Sequence[tuple[str, Key]]) -> None:  # noqa: ANN401 (untyped upstream)
        """Note that the leader was lost.

        Args:
            leader: The worker, as xdist has it.
            left: The id and the experiment of each evaluation that it had not ended, in order.
        """
        if left:
            self._leader, self._left = leader, left

    def miss(self, worker: str) -> None:
        """Note that a worker other than the leader was lost before all evaluations had ended.

        The leader usually says so itself, and better; it does not if it needs nothing of the others any more.
        """
        self._missed = self._missed or worker

    def explain(self, end: str) -> bool:
        """Return whether a session that xdist ends with these words ends because a worker was given up."""
        return end in {error.headline for error in self._told.values()}

    @property
    def cause(self) -> WorkerError | None:
        """Why the session has to end; None if it lost nothing that evaluations need."""
        if not self._left:
            told = next(iter(self._told.values()), None)
            return told or (_unknown("worker", self._missed) if self._missed else None)
        name = self._leader.gateway.id
        return self._told.get(name) or _unknown("leading worker", name)

    @property
    def experiment(self) -> LostExperiment | None:
        """The experiment that was lost with the leader; None if there is none."""
        if not self._left or self.cause is None:
            return None
        _, key = self._left[0]
        tests = tuple(test for test, _ in takewhile(lambda one: one[1] == key, self._left))
        return LostExperiment(workload=key[0], cardinality=key[1], leader=self._leader, tests=tests, error=self.cause)


def _unknown(what: str, name: str) -> WorkerError:
    """Return why a worker is gone of which nobody has said so."""
    return WorkerError(
        f"The {what} {name} was lost: its process ended, or the connection to it", worker=name, remedies=LOST
    )
