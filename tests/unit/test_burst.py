"""Bursts: every call once, keys in order on one connection, values as the server receives them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Literal

import made_up
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from schemabench import Call, Writer
from schemabench.errors import WorkloadError
from schemabench.experiment.burst import Burst, Encoder, make
from schemabench.experiment.feed import Feed

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
    return [call.number for queue in (*burst.queues, *burst.pools.values()) for call in queue]


def test_queues_stand_in_the_order_of_writers_and_connections(folder: Path) -> None:
    burst = make(_feed(folder), LAYOUT, 0, 10)

    assert len(burst.queues) == 5
    assert {call.operation for queue in burst.queues[:3] for call in queue} == {"add"}
    assert burst.queues[3:] == [[], []], "calls of the reader have no key"
    assert {call.operation for call in burst.pools["reader"]} == {"look"}


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
def test_calls_without_a_key_are_for_whoever_is_free(folder: Path, some: list[str | None], share: int) -> None:
    burst = make(_feed(folder, _keyed(some)), [(made_up.STREAM, share)], 0, 20)

    assert all(call.values["key"] is None for call in burst.pools["stream"])
    assert all(call.values["key"] is not None for queue in burst.queues for call in queue)


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

    with pytest.raises(WorkloadError, match="The burst of writer 'stream' ended after 1 calls in block 7"):
        make(_feed(folder, ends), LAYOUT, 7, 1)


def test_a_call_that_the_operations_do_not_know_is_refused_in_any_block(folder: Path) -> None:
    def strays(_: made_up.Sizes, __: str, block: int, ___: Random) -> Iterator[Call]:
        while True:
            yield Call("ad" if block else "add", {"key": "a", "value": 1})

    make(_feed(folder, strays), [(made_up.STREAM, 1)], 0, 1)
    with pytest.raises(WorkloadError, match="did you mean 'add'"):
        make(_feed(folder, strays), [(made_up.STREAM, 1)], 1, 1)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (None, None),
        ("", b""),
        ("it's 'quoted' \"twice\" \\ 🎉\n", "it's 'quoted' \"twice\" \\ 🎉\n".encode()),
        (0, b"0"),
        (-(2**63), b"-9223372036854775808"),
        (1.5, b"1.5"),
        (float("nan"), b"nan"),
        (Decimal("1.10"), b"1.10"),
        (True, b"t"),
        (date(2026, 2, 16), b"2026-02-16"),
        (datetime(2026, 2, 16, 1, 2, tzinfo=UTC), b"2026-02-16 01:02:00+00:00"),
        ([], b"{}"),
        ([1, None, 3], b"{1,NULL,3}"),
        (["a", "", None, 'q"\\,é'], '{a,"",NULL,"q\\"\\\\,é"}'.encode()),
        ([[1, 2], [3, 4]], b"{{1,2},{3,4}}"),
        ([date(2026, 2, 16)], b"{2026-02-16}"),
        (b"\x00\xff", b"\\x00ff"),
        (Jsonb({"a": 1}), b'{"a": 1}'),
    ],
)
def test_values_are_sent_as_text(value: object, sent: bytes | None) -> None:
    assert Encoder()(Call("add", {"value": value})) == {"value": sent}


@pytest.mark.parametrize("value", ["a\0b", ["a", "b\0"], "\ud800", object(), {"a": 1}, [1, "a"], [object()]])
def test_a_value_that_no_server_takes_is_refused_with_the_call(value: object) -> None:
    with pytest.raises(WorkloadError, match="A value of 'add' cannot be sent") as caught:
        Encoder()(Call("add", {"value": value}))

    assert "value" in str(caught.value)


def test_an_error_about_a_value_does_not_print_a_whole_array() -> None:
    with pytest.raises(WorkloadError) as caught:
        Encoder()(Call("add", {"value": ["x" * 1000] * 1000 + ["\0"]}))

    assert len(str(caught.value)) < 2000


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
    assert list(burst.pace.writers) == ["any"] * 15
    for queue in (*burst.queues, *burst.pools.values()):
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
