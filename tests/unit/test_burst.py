"""Bursts: every call once, keys in order on one connection, values as the server receives them."""

from collections import Counter
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Literal

import made_up
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench import Call, Writer
from schemabench.errors import WorkloadError
from schemabench.experiment.burst import Burst, check_burst, make
from schemabench.experiment.feed import Feed
from schemabench.experiment.gathering import gather
from schemabench.experiment.loaded import Loaded
from schemabench.load import Drive

LAYOUT = ((made_up.STREAM, 3), (made_up.READER, 2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workload")


def _feed(folder: Path, burst: made_up.Generator = made_up.burst, seed: int = 1) -> Feed:
    return Feed(made_up.found(folder, burst=burst), made_up.Sizes(), seed, {})


def _keyed(keys: list[str | None]) -> made_up.Generator:
    def burst(_: made_up.Sizes, __: str, ___: int, ____: Random) -> Iterator[Call]:
        for number in count():
            key = keys[number % len(keys)]
            yield Call("add", {"key": key, "value": number}, key=key)

    return burst


def _numbers(burst: Burst) -> list[int]:
    return [call.number for call in burst.calls()]


def test_queues_stand_in_the_order_of_writers_and_connections(folder: Path) -> None:
    burst = make(_feed(folder), LAYOUT, 0, 10)

    assert len(burst.queues) == 5
    assert {call.operation for queue in burst.queues[:3] for call in queue} == {"add"}
    assert {call.operation for queue in burst.queues[3:] for call in queue} == {"look"}


def test_a_burst_tells_all_its_calls_those_of_a_key_in_order(folder: Path) -> None:
    burst = make(_feed(folder), LAYOUT, 0, 10)
    calls = list(burst.calls())
    numbers: dict[bytes | None, list[int]] = {}
    for call in calls:
        if call.operation == "add":
            numbers.setdefault(call.values["key"], []).append(call.number)

    assert sorted(call.number for call in calls) == list(range(40))
    assert all(some == sorted(some) for some in numbers.values())


def test_size_multiplies_the_weights_of_all_writers(folder: Path) -> None:
    burst = make(_feed(folder), LAYOUT, 0, 10)

    assert Counter(burst.operations) == {"add": 30, "look": 10}
    assert burst.rows == 30


keys = st.lists(st.none() | st.sampled_from("abcdefgh"), min_size=1, max_size=20)


@given(keys, st.integers(min_value=1, max_value=7), st.integers(min_value=1, max_value=20))
def test_every_call_is_dealt_out_exactly_once(folder: Path, some: list[str | None], share: int, size: int) -> None:
    burst = make(_feed(folder, _keyed(some)), [(made_up.STREAM, share)], 0, size)

    assert sorted(_numbers(burst)) == list(range(3 * size)) == list(range(len(burst.operations)))


@given(keys, st.integers(min_value=1, max_value=7), st.integers(min_value=1, max_value=20))
def test_calls_of_one_key_keep_their_order_on_one_connection(
    folder: Path, some: list[str | None], share: int, size: int
) -> None:
    burst = make(_feed(folder, _keyed(some)), [(made_up.STREAM, share)], 0, size)

    for queue in burst.queues:
        numbers = [call.number for call in queue]
        assert numbers == sorted(numbers)
    places = {
        (call.values["key"], place)
        for place, queue in enumerate(burst.queues)
        for call in queue
        if call.values["key"] is not None
    }
    assert len(places) == len({key for key, _ in places})


@given(keys, st.integers(min_value=1, max_value=7))
def test_a_call_without_a_key_and_the_first_of_a_key_go_where_the_fewest_calls_are(
    folder: Path, some: list[str | None], share: int
) -> None:
    burst = make(_feed(folder, _keyed(some)), [(made_up.STREAM, share)], 0, 20)
    lengths, known = [0] * share, set()
    for call, place in sorted((call, place) for place, queue in enumerate(burst.queues) for call in queue):
        if call.values["key"] is None or call.values["key"] not in known:
            assert lengths[place] == min(lengths)
        known.add(call.values["key"])
        lengths[place] += 1


@given(keys, st.integers(min_value=1, max_value=7))
def test_calls_are_in_their_order_on_every_connection(folder: Path, some: list[str | None], share: int) -> None:
    burst = make(_feed(folder, _keyed(some)), [(made_up.STREAM, share)], 0, 20)

    for queue in burst.queues:
        numbers = [call.number for call in queue]
        assert numbers == sorted(numbers)


@given(st.integers(min_value=1, max_value=9), st.integers(min_value=1, max_value=20))
def test_calls_without_a_key_are_dealt_out_in_turn(folder: Path, share: int, size: int) -> None:
    burst = make(_feed(folder, _keyed([None])), [(made_up.STREAM, share)], 0, size)

    assert [[call.number for call in queue] for queue in burst.queues] == [
        list(range(place, 3 * size, share)) for place in range(share)
    ]


@given(keys, st.integers(min_value=1, max_value=7), st.data())
def test_which_connection_executes_a_call_does_not_depend_on_how_many_processes_there_are(
    folder: Path, some: list[str | None], share: int, data: st.DataObject
) -> None:
    burst = make(_feed(folder, _keyed(some)), [(made_up.STREAM, share), (made_up.READER, 2)], 0, 20)
    owners = data.draw(st.lists(st.integers(0, 2), min_size=share + 2, max_size=share + 2))
    found: dict[int, object] = {}
    for worker in set(owners):
        places = [place for place, owner in enumerate(owners) if owner == worker]
        found |= dict(zip(places, burst.part(places).queues, strict=True))

    assert [found[place] for place in range(share + 2)] == list(burst.queues)


def test_a_digest_tells_bursts_apart_by_calls_values_connections_and_times(folder: Path) -> None:
    feed = _feed(folder)
    burst = make(feed, LAYOUT, 0, 10)
    others = [
        make(feed, LAYOUT, 1, 10),
        make(feed, LAYOUT, 0, 11),
        make(feed, LAYOUT, 0, 10, 5.0),
        make(feed, ((made_up.STREAM, 2), (made_up.READER, 3)), 0, 10),
    ]

    assert make(feed, LAYOUT, 0, 10).digest == burst.digest
    assert len({burst.digest, *(other.digest for other in others)}) == 1 + len(others)


@given(st.integers(min_value=1, max_value=9), st.integers(min_value=1, max_value=20))
def test_keys_are_shared_out_evenly(folder: Path, share: int, size: int) -> None:
    burst = make(_feed(folder, _keyed([str(number) for number in range(100)])), [(made_up.STREAM, share)], 0, size)
    lengths = [len(queue) for queue in burst.queues]

    assert max(lengths) - min(lengths) <= 1


def test_one_seed_and_block_give_one_burst_and_others_give_others(folder: Path) -> None:
    assert make(_feed(folder), LAYOUT, 3, 5) == make(_feed(folder), LAYOUT, 3, 5)
    assert make(_feed(folder), LAYOUT, 3, 5) != make(_feed(folder), LAYOUT, 4, 5)
    assert make(_feed(folder), LAYOUT, 3, 5) != make(_feed(folder, seed=2), LAYOUT, 3, 5)


def test_a_generator_that_ends_is_refused(folder: Path) -> None:
    def ends(*_: object) -> Iterator[Call]:
        yield made_up.add("a", 1)

    with pytest.raises(WorkloadError, match="The burst of writer 'stream' ended after 1 call in block 7"):
        make(_feed(folder, ends), LAYOUT, 7, 1)


def test_a_call_that_the_operations_do_not_know_is_refused_in_any_block(folder: Path) -> None:
    def strays(_: made_up.Sizes, __: str, block: int, ___: Random) -> Iterator[Call]:
        while True:
            yield Call("ad" if block else "add", {"key": "a", "value": 1})

    make(_feed(folder, strays), [(made_up.STREAM, 1)], 0, 1)
    with pytest.raises(WorkloadError, match="did you mean 'add'"):
        make(_feed(folder, strays), [(made_up.STREAM, 1)], 1, 1)


def test_a_writer_of_weight_one_and_one_connection_is_the_smallest_burst(folder: Path) -> None:
    writer = Writer(name="stream", kind="stream", weight=1)

    assert len(make(_feed(folder), [(writer, 1)], 0, 1).operations) == 1


@given(keys, st.integers(min_value=1, max_value=7), st.sampled_from(["stream", "batch", "reader"]))
def test_calls_of_a_writer_are_due_in_their_order_on_every_connection(
    folder: Path, some: list[str | None], share: int, kind: Literal["stream", "batch", "reader"]
) -> None:
    writer = Writer(name="any", kind=kind, weight=3)
    burst = make(_feed(folder, _keyed(some)), [(writer, share)], 0, 5, 60.0)

    assert burst.pace is not None
    assert list(burst.pace.due_s) == sorted(burst.pace.due_s)
    assert len(burst.pace.due_s) == len(burst.operations) == 15
    for queue in burst.queues:
        due_s = [burst.pace.due_s[call.number] for call in queue]
        assert due_s == sorted(due_s)
        assert all(0 <= due <= 60 for due in due_s)


def test_a_pace_changes_no_call_and_every_process_finds_the_same(folder: Path) -> None:
    closed, paced, again = (make(_feed(folder), LAYOUT, 0, 10, duration_s) for duration_s in (None, 5.0, 5.0))

    assert closed.pace is None
    assert list(closed.calls()) == list(paced.calls())
    assert paced == again
    assert paced.part([0, 3]).pace == paced.pace


def test_batches_are_due_evenly_and_all_else_by_chance(folder: Path) -> None:
    layout = [(Writer(name="batch", kind="batch", weight=4), 1), (Writer(name="stream", kind="stream", weight=4), 1)]
    pace = make(_feed(folder, _keyed(["a"])), layout, 0, 1, 8.0).pace

    assert pace is not None
    assert [later - earlier for earlier, later in pairwise(pace.due_s[:4])] == pytest.approx([2.0] * 3)
    assert [later - earlier for earlier, later in pairwise(pace.due_s[4:])] != pytest.approx([2.0] * 3)


def _transactions(calls: int, keys: int) -> made_up.Generator:
    """Return what yields transactions of so many calls each, of so many keys in turn."""

    def burst(_: made_up.Sizes, __: str, ___: int, ____: Random) -> Iterator[Call]:
        for number in count():
            name = number // calls
            yield Call("add", {"key": "a", "value": number}, key=f"{name % keys}", transaction=f"{name}")

    return burst


@given(
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=1, max_value=5),
    st.integers(min_value=1, max_value=4),
    st.sampled_from(["stream", "batch"]),
)
def test_calls_of_a_transaction_are_due_together_and_as_many_within_the_time_as_without(
    folder: Path, calls: int, keys: int, share: int, kind: Literal["stream", "batch"]
) -> None:
    writer = Writer(name="any", kind=kind, weight=12)
    burst = make(_feed(folder, _transactions(calls, keys)), [(writer, share)], 0, 5, 60.0)
    assert burst.pace is not None
    due_s = burst.pace.due_s
    together: dict[str, set[float]] = {}
    for call in burst.calls():
        together.setdefault(call.transaction, set()).add(due_s[call.number])

    assert {len(some) for some in together.values()} == {1}
    assert len(due_s) == 60
    assert len(set(due_s)) == 60 // calls, "each transaction comes by chance"
    assert list(due_s) == sorted(due_s)
    assert 0 <= due_s[0] <= due_s[-1] <= 60


def test_no_call_of_a_transaction_is_begun_before_it_is_due(folder: Path) -> None:
    writer = Writer(name="any", kind="stream", weight=12)
    burst = make(_feed(folder, _transactions(4, 3)), [(writer, 2)], 0, 5, 60.0)
    assert burst.pace is not None
    gathered = [batch for queue in burst.queues for batch in gather(queue, {}, burst.pace.due_s)]
    loaded = Loaded(queues=(), operations=burst.operations, pace=burst.pace, gathered=gathered)
    prompt = Drive(started_ns=0, duration_ns=1, latencies_ns=[1] * 60, finished_ns=[], busy_ns=0, delays_ns=[0] * 60)

    assert set(loaded.call_by_call(prompt).delays_ns) == {0}


def test_a_value_that_cannot_be_sent_is_found_before_anything_is_built(folder: Path) -> None:
    def burst(_: made_up.Sizes, __: str, ___: int, ____: Random) -> Iterator[Call]:
        while True:
            yield Call("add", {"key": "one", "value": {"a", "set"}})

    with pytest.raises(WorkloadError, match="A value of 'add' cannot be sent: :value is of type 'set'"):
        check_burst(_feed(folder, burst), LAYOUT)


def test_a_value_of_the_background_that_cannot_be_sent_is_found_likewise(folder: Path) -> None:
    found = made_up.found(folder, background=lambda *_: iter([Call("add", {"key": object(), "value": 1})]))

    with pytest.raises(WorkloadError, match="A value of 'add' cannot be sent: :key is of type 'object'"):
        check_burst(Feed(found, made_up.Sizes(), 1, {}), LAYOUT)
