"""Who hands tests out to workers: nobody until all have collected, then evaluations to all of them, then xdist's own.

Owns the order. Must not know how evaluations are told from other tests.
"""

from collections.abc import Callable, Sequence
from typing import Any


class Collecting:
    """The scheduler of a session until every worker has said what it has collected: then another takes its place.

    Args:
        workers: How many there are.
        successor: Worker -> the ids of its tests; returns the scheduler to which all workers are handed over.
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
        """Know of a worker that is about to collect."""
        self._ready[node] = None

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:  # noqa: ANN401 (untyped upstream)
        """Keep what a worker has collected; after the last, hand all over."""
        self._collected[node] = collection
        if len(self._collected) == self._workers:
            scheduler = self._successor(self._collected)
            for ready in self._ready:
                scheduler.add_node(ready)
            for each, ids in self._collected.items():
                scheduler.add_node_collection(each, ids)

    def remove_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Forget a worker, which had no test yet; a KeyError says to xdist that it was not ready."""
        del self._ready[node]
        self._collected.pop(node, None)


class Together:
    """A scheduler of a session with evaluations: all workers execute these first, the other tests as another hands out.

    Args:
        usual: The other, to which each worker is one whose tests begin after the evaluations.
        evaluations: The ids of the evaluations, which every worker has collected first.
    """

    def __init__(self, usual: Any, evaluations: Sequence[str]) -> None:  # noqa: ANN401 (untyped upstream)
        self._usual = usual
        self._evaluations = evaluations
        self._rests: dict[Any, Rest] = {}
        self._left: dict[Any, list[int]] = {}
        """Worker -> the evaluations that it was sent and has not ended."""
        self._begun = False

    @property
    def nodes(self) -> list[Any]:
        """The workers that may still be sent a test."""
        return [rest.node for rest in self._usual.nodes]

    @property
    def collection_is_completed(self) -> bool:
        """Whether tests can be handed out."""
        return bool(self._usual.collection_is_completed)

    @property
    def tests_finished(self) -> bool:
        """Whether no worker needs to be sent any more."""
        return not any(self._left.values()) and bool(self._usual.tests_finished)

    @property
    def has_pending(self) -> bool:
        """Whether workers are at work."""
        return any(self._left.values()) or bool(self._usual.has_pending)

    def add_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Know of a worker."""
        self._rests[node] = Rest(node, len(self._evaluations))
        self._usual.add_node(self._rests[node])

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:  # noqa: ANN401 (untyped upstream)
        """Know what a worker has collected."""
        rest = self._rests[node]
        rest.tests = len(collection) - rest.first
        if rest.tests or not self._begun:  # xdist has no use for a late worker where there is nothing to hand out
            self._usual.add_node_collection(rest, collection[rest.first :])

    def schedule(self) -> None:
        """Send evaluations to all workers, once, and other tests to whom they are for."""
        if not self._begun:
            self._begun = True
            for node in self._rests:
                self._left[node] = list(range(len(self._evaluations)))
                node.send_runtest_some(self._left[node])
        self._usual.schedule()
        for node, rest in self._rests.items():
            if not rest.tests:  # a worker begins its last test once it knows that there is no other
                node.shutdown()

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:  # noqa: ANN401 (untyped upstream)
        """Know that a worker has ended a test."""
        rest = self._rests[node]
        if item_index < rest.first:
            self._left[node].remove(item_index)
        else:
            self._usual.mark_test_complete(rest, item_index - rest.first, duration)

    def mark_test_pending(self, item: str) -> None:
        """Hand a test out again."""
        self._usual.mark_test_pending(item)

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:  # noqa: ANN401 (untyped upstream)
        """Know which tests a worker gives back."""
        rest = self._rests[node]
        self._usual.remove_pending_tests_from_node(rest, [index - rest.first for index in indices])

    def remove_node(self, node: Any) -> str | None:  # noqa: ANN401 (untyped upstream)
        """Forget a worker; return the id of the test that it was at, if any."""
        rest, left = self._rests.pop(node), self._left.pop(node, [])
        try:
            test: str | None = self._usual.remove_node(rest)
        except KeyError:  # it had no other test
            test = None
        return self._evaluations[left[0]] if left else test


class Rest:
    """A worker as the scheduler of other tests than evaluations sees it.

    Attributes:
        node: The worker.
        first: The number of the first of these tests among all of the worker's.
        tests: How many of these tests there are.
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
