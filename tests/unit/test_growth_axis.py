"""What a growth curve is over: its ends, its values in between, and what is refused in words."""

from dataclasses import dataclass, replace
from math import log
from pathlib import Path
from typing import Any, cast

import pytest

from schemabench import Workload, Writer
from schemabench.errors import UsageError
from schemabench.growth import Over, over
from schemabench.options import Options
from schemabench.workload import Adjustment, Found


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """A cardinality."""

    rows_loaded: int = 20_000
    share: float = 0.5
    kind: str = "stream"
    below: int = -1


WORKLOAD = cast(
    Workload[Any],
    Workload(
        name="items",
        summary="",
        cardinalities={"typical": Sizes()},
        writers=lambda _: [Writer(name=name, kind="stream", weight=1) for name in ("one", "two")],
        burst=lambda *_: iter(()),
        grows="rows_loaded",
    ),
)


FOUND = Found(workload=WORKLOAD, path=Path("items/__init__.py"), operations={})


def asked(named: str, farthest: str = "", workload: Workload[Any] = WORKLOAD, **options: Any) -> Over:  # noqa: ANN401
    """Return the axis of the workload."""
    return over(named, farthest, replace(FOUND, workload=workload), "typical", Options(**options))


def test_rows_are_the_field_that_the_workload_names() -> None:
    found = asked("rows")

    assert (found.field, found.start, found.end, found.whole) == ("rows_loaded", 20_000, 2_000_000, True)
    assert found.at(Sizes(), 200_000) == (Sizes(rows_loaded=200_000), {"grows": "rows_loaded"})


def test_a_field_of_the_cardinality_grows_by_its_name() -> None:
    found = asked("share", "4x")

    assert (found.field, found.end, found.whole) == ("share", 2.0, False)
    assert found.at(Sizes(), 0.7) == (Sizes(share=0.7), {"grows": "share"})


def test_clients_start_at_one_for_each_writer() -> None:
    found = asked("clients")

    assert (found.start, found.end, found.whole) == (2, 32, True)
    assert found.at(Sizes(), 8) == (Sizes(), {"clients": 8})


def test_a_round_trip_starts_at_what_is_added_anyway() -> None:
    found = asked("round-trip", "5ms")

    assert (found.field, found.start, found.end) == ("round_trip_ms", 0, 5)
    assert found.at(Sizes(), 2.5) == (Sizes(), {"round_trip_s": 0.0025})
    assert asked("round-trip", "5x", round_trip_s=0.002).end == 10


@pytest.mark.parametrize("text", ["50000", "50_000", "50,000", "50k", "0.05M", "2.5x"])
def test_the_last_value_is_written_as_reports_write_it_or_as_a_multiple(text: str) -> None:
    assert asked("rows", text).end == 50_000


def test_a_step_is_worded_as_what_it_is_of() -> None:
    assert asked("rows").worded(20_000) == "20,000 rows_loaded"
    assert asked("clients").worded(16) == "16 clients"
    assert asked("share", "4x").worded(0.7) == "0.7 share"
    assert asked("round-trip", "5ms").worded(2.5) == "a round trip of 2.5 ms"


def test_values_in_between_are_halfway_by_factors_with_two_digits() -> None:
    rows = asked("rows")

    assert rows.between(20_000, 2_000_000) == 200_000
    assert rows.between(20_000, 200_000) == 63_000
    assert asked("clients").between(2, 4) == 3
    assert asked("clients").between(2, 3) is None, "there is none between"
    assert asked("round-trip").position(0) == log(1)


@pytest.mark.parametrize(
    ("named", "farthest", "problem"),
    [
        ("shares", "", "'items' cannot grow over 'shares'; did you mean 'share'"),
        ("kind", "", "'items' cannot grow over 'kind'"),
        ("below", "", "below zero"),
        ("rows", "1x", "--to 1x does not reach beyond the start, 20,000 rows_loaded"),
        ("rows", "10", "--to 10 does not reach beyond the start"),
        ("rows", "many", "--to many is neither a multiple"),
        ("rows", "x", "--to x is neither a multiple"),
        ("rows", "nanx", "is neither a multiple"),
        ("rows", "inf", "is neither a multiple"),
        ("rows", "k", "--to k is neither a multiple"),
        ("clients", "1.2x", "--to 1.2x does not reach beyond the start, 2 clients"),
        ("clients", "20k", "--to 20k is 20,000 clients, and 10,000 are the most"),
        ("round-trip", "5x", "--to 5x does not reach beyond the start, a round trip of 0 ms"),
        ("round-trip", "fast", "--to fast is neither a multiple"),
    ],
)
def test_what_cannot_be_an_axis_is_refused_in_words(named: str, farthest: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked(named, farthest)

    assert problem in str(caught.value)
    assert caught.value.remedies or "below zero" in problem


def test_a_default_that_does_not_reach_beyond_the_start_is_said_to_be_one() -> None:
    with pytest.raises(UsageError) as caught:
        asked("round-trip", round_trip_s=0.02)

    assert caught.value.what == ("10ms, the default of --to, does not reach beyond the start, a round trip of 20 ms")
    assert list(caught.value.remedies) == ["name a multiple above one: --to 10x", "name a larger value: --to 200ms"]
    assert asked("round-trip", "200ms", round_trip_s=0.02).end == 200


def test_clients_start_at_one_for_each_writer_that_a_file_leaves_on() -> None:
    off = {"typical": {"two": Adjustment(off=True)}}
    found = over("clients", "", replace(FOUND, adjustments=off), "typical", Options())

    assert (found.start, found.end) == (1, 16)


def test_more_clients_than_there_may_be_are_refused_by_the_default_too() -> None:
    many = replace(WORKLOAD, writers=lambda _: [Writer(name=f"{one}", kind="stream", weight=1) for one in range(700)])
    with pytest.raises(UsageError, match="16x, the default of --to, is 11,200 clients, and 10,000 are the most"):
        asked("clients", workload=many)


def test_what_starts_at_zero_has_no_multiple_and_none_is_offered() -> None:
    with pytest.raises(UsageError) as caught:
        asked("round-trip", "5x")

    assert list(caught.value.remedies) == ["name the last value: --to 5ms"]


def test_a_workload_that_does_not_name_its_rows_is_told_how_to() -> None:
    with pytest.raises(UsageError, match="does not say which of its sizes is that of its rows") as caught:
        asked("rows", workload=replace(WORKLOAD, grows=""))

    assert "name one: --over rows_loaded" in caught.value.remedies
