"""Gathered calls: none is lost, none of a key is overtaken, and no batch waits for longer than it may."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.experiment.burst import Encoded
from schemabench.experiment.gathering import Batch, gather
from schemabench.sending import Sending

SENDINGS = {"vote": Sending(batch=3), "log": Sending(transaction=5, within_s=0.05)}
CALLS = st.lists(
    st.tuples(st.sampled_from(["vote", "log", "read"]), st.sampled_from([None, "a", "b"]), st.floats(0, 0.1)),
    max_size=40,
)


def queue(*calls: tuple[str, str | None]) -> list[Encoded]:
    return [Encoded(number, operation, {}, "writer", key) for number, (operation, key) in enumerate(calls)]


def numbers(batches: Sequence[Batch]) -> list[list[int]]:
    return [[call.number for call in batch.calls] for batch in batches]


def test_calls_are_gathered_until_a_batch_is_full_and_the_rest_goes_last() -> None:
    assert numbers(gather(queue(*[("vote", None)] * 7), SENDINGS)) == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("due_s", [None, [0.5, 0.7]])
def test_without_gathered_calls_each_is_sent_by_itself_when_it_is_due(due_s: Sequence[float] | None) -> None:
    batches = gather(queue(("vote", "a"), ("read", "a")), {}, due_s)

    assert numbers(batches) == [[0], [1]]
    assert [batch.ready_s for batch in batches] == (due_s or [0.0, 0.0])


def test_calls_of_other_operations_go_past_a_batch_that_is_not_full() -> None:
    calls = queue(("vote", None), ("read", None), ("vote", None), ("read", None), ("vote", None))

    assert numbers(gather(calls, SENDINGS)) == [[1], [3], [0, 2, 4]]


def test_a_batch_goes_before_another_call_of_a_key_that_it_holds() -> None:
    calls = queue(("vote", "a"), ("vote", "b"), ("read", "a"), ("vote", "a"))

    assert numbers(gather(calls, SENDINGS)) == [[0, 1], [2], [3]]


@given(CALLS, st.sampled_from(["closed", "paced"]))
def test_every_call_is_sent_once_and_those_of_a_key_in_order(
    calls: list[tuple[str, str | None, float]], loop: str
) -> None:
    due_s = [sum(after for *_, after in calls[: number + 1]) for number in range(len(calls))]
    batches = gather(
        queue(*((operation, key) for operation, key, _ in calls)), SENDINGS, due_s if loop == "paced" else None
    )
    sent = [call for batch in batches for call in batch.calls]

    assert sorted(call.number for call in sent) == list(range(len(calls)))
    for key in ("a", "b"):
        own = [call.number for call in sent if call.key == key]
        assert own == sorted(own)
    for batch in batches:
        (operation,) = {call.operation for call in batch.calls}
        assert len(batch.calls) <= SENDINGS.get(operation, Sending()).calls


@given(CALLS)
def test_at_a_pace_no_batch_is_ready_before_its_calls_are_due_nor_waits_for_longer_than_it_may(
    calls: list[tuple[str, str | None, float]],
) -> None:
    due_s = [sum(after for *_, after in calls[: number + 1]) for number in range(len(calls))]
    batches = gather(queue(*((operation, key) for operation, key, _ in calls)), SENDINGS, due_s)

    for batch in batches:
        first, last = due_s[batch.calls[0].number], due_s[batch.calls[-1].number]
        assert batch.ready_s >= last
        if batch.calls[0].operation == "log":
            assert batch.ready_s <= first + 0.05 + 1e-9
        if batch.calls[0].operation == "read":
            assert batch.ready_s == first
    assert [one.ready_s for one in batches] == sorted(one.ready_s for one in batches)


def test_a_batch_without_a_bound_waits_until_it_is_full_or_no_call_is_left() -> None:
    batches = gather(queue(*[("vote", None)] * 4), SENDINGS, [0.0, 1.0, 2.0, 9.0])

    assert [one.ready_s for one in batches] == [2.0, 9.0]


def test_a_bounded_batch_is_ready_when_its_first_call_has_waited_for_long_enough() -> None:
    batches = gather(queue(*[("log", None)] * 3), SENDINGS, [0.0, 0.01, 0.2])

    assert [one.ready_s for one in batches] == pytest.approx([0.05, 0.25])


def test_calls_of_a_transaction_are_one_request_whatever_their_operations_are() -> None:
    calls = queue(("vote", "a"), ("read", "a"), ("vote", "a"), ("vote", "a"), ("read", None), ("vote", "a"))
    some = [call._replace(transaction=name) for call, name in zip(calls, ["", "1", "1", "2", "", ""], strict=True)]

    assert numbers(gather(some, SENDINGS)) == [[0], [1, 2], [3], [4], [5]]
    assert numbers(gather(some, {})) == [[0], [1, 2], [3], [4], [5]]
