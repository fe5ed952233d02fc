"""Schedulers for xdist: they wait for all collections, send evaluations to all workers, then use xdist's own.

Owns the order. Must not know how evaluations are recognized.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

Evaluation = TypeVar("Evaluation")
"""What is known of an evaluation; how it is known is up to the controller."""


class Collecting:
    """The scheduler of a session until every worker has reported its collection; then another one replaces it.

    Args:
        workers: The number of workers.
        successor: Worker -> the ids of its tests; returns the scheduler that takes over all workers.
    """

    collection_is_completed = tests_finished = has_pending = False

    def __init__(self, workers: int, successor: Callable[[dict[Any, Sequence[str]]], Any]) -> None:
        self._workers = workers
        self._successor = successor
        self._ready: dict[Any, None] = {}
        self._collected: dict[Any, Sequence[str]] = {}

    @property
    def nodes(self) -> list[Any]:
        """The workers that are ready."""
        return list(self._ready)

    def add_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Add a worker that is about to collect."""
        self._ready[node] = None

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:  # noqa: ANN401 (untyped upstream)
        """Keep a worker's collection; after the last, hand all workers over."""
        self._collected[node] = collection
        if len(self._collected) == self._workers:
            scheduler = self._successor(self._collected)
            for ready in self._ready:
                scheduler.add_node(ready)
            for each, ids in self._collected.items():
                scheduler.add_node_collection(each, ids)

    def remove_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Remove a worker, which had no test yet; a KeyError tells xdist that it was not ready."""
        del self._ready[node]
        self._collected.pop(node, None)


class Together(Generic[Evaluation]):
    """The scheduler of a session with evaluations: all workers execute these first; another scheduler sends the rest.

    Args:
        usual: The other scheduler; for it, each worker's tests begin after the evaluations.
        evaluations: The evaluations, which come first in every worker's collection.
    """

    def __init__(self, usual: Any, evaluations: Sequence[Evaluation]) -> None:  # noqa: ANN401 (untyped upstream)
        self._usual = usual
        self._evaluations = evaluations
        self._rests: dict[Any, Rest] = {}
        self._left: dict[Any, list[int]] = {}
        """Worker -> the evaluations that it was sent and has not finished."""
        self._begun = False

    @property
    def nodes(self) -> list[Any]:
        """The workers that may still be sent a test."""
        return [rest.node for rest in self._usual.nodes]

    @property
    def collection_is_completed(self) -> bool:
        """Whether tests can be sent."""
        return bool(self._usual.collection_is_completed)

    @property
    def tests_finished(self) -> bool:
        """Whether all tests have been sent."""
        return not any(self._left.values()) and bool(self._usual.tests_finished)

    @property
    def has_pending(self) -> bool:
        """Whether workers have unfinished tests."""
        return any(self._left.values()) or bool(self._usual.has_pending)

    def add_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Add a worker."""
        self._rests[node] = Rest(node, len(self._evaluations))
        self._usual.add_node(self._rests[node])

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:  # noqa: ANN401 (untyped upstream)
        """Keep a worker's collection."""
        rest = self._rests[node]
        rest.tests = len(collection) - rest.first
        if rest.tests or not self._begun:  # xdist cannot use a late worker without tests to send
            self._usual.add_node_collection(rest, collection[rest.first :])

    def schedule(self) -> None:
        """Send evaluations to all workers, once, and other tests through the usual scheduler."""
        if not self._begun:
            self._begun = True
            for node in self._rests:
                self._left[node] = list(range(len(self._evaluations)))
                node.send_runtest_some(self._left[node])
        self._usual.schedule()
        for node, rest in self._rests.items():
            if not rest.tests:  # a worker starts its last test only when it knows that no other follows
                node.shutdown()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:  # noqa: ANN401 (untyped upstream)
        """Note that a worker has finished a test."""
        rest = self._rests[node]
        if item_index < rest.first:
            self._left[node].remove(item_index)
        else:
            self._usual.mark_test_complete(rest, item_index - rest.first, duration)

    def mark_test_pending(self, item: str) -> None:
        """Send a test again."""
        self._usual.mark_test_pending(item)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:  # noqa: ANN401 (untyped upstream)
        """Note the tests that a worker returns."""
        rest = self._rests[node]
        self._usual.remove_pending_tests_from_node(rest, [index - rest.first for index in indices])

    def unfinished(self, node: Any) -> Sequence[Evaluation]:  # noqa: ANN401 (untyped upstream)
        """Return the evaluations that a worker was sent and has not finished, in order."""
        return [self._evaluations[index] for index in self._left.get(node, ())]

    def remove_node(self, node: Any) -> str | None:  # noqa: ANN401 (untyped upstream)
        """Remove a worker; return the id of its unfinished test, if any, of which xdist reports that it crashed.

        That is none while the worker was at an evaluation, which the leader reports.
        """
        rest, left = self._rests.pop(node), self._left.pop(node, [])
        try:
            test: str | None = self._usual.remove_node(rest)
        except KeyError:  # it had no other test
            test = None
        return None if left else test


class Rest:
    """A worker, as seen by the scheduler of the tests that are not evaluations.

    Attributes:
        node: The worker.
        first: The index of the first of these tests in the worker's collection.
        tests: The number of these tests.
    """

    def __init__(self, node: Any, first: int) -> None:  # noqa: ANN401 (untyped upstream)
        self.node = node
        self.first = first
        self.tests = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (untyped upstream)
        return getattr(self.node, name)

    def __repr__(self) -> str:
        return repr(self.node)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Have the worker run some tests."""
        self.node.send_runtest_some([self.first + index for index in indices])

    def send_runtest_all(self) -> None:
        """Have the worker run all of these tests."""
        self.send_runtest_some(range(self.tests))

    def send_steal(self, indices: Sequence[int]) -> None:
        """Have the worker give some tests back."""
        self.node.send_steal([self.first + index for index in indices])
