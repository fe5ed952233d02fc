"""The generator and the replay of a web server's log."""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemabench import BadLineError, Call
from schemabench.workload import Found, check_calls, load

WORKLOADS = Path(__file__).parents[2] / "workloads"
COMMON = '199.72.81.55 - - [01/Jul/1995:00:00:01 -0400] "GET /history/apollo/ HTTP/1.0" 200 6245'


@pytest.fixture(scope="module")
def found() -> Found:
    return load(WORKLOADS, "access_log")


@pytest.fixture(scope="module")
def module(found: Found) -> Any:  # noqa: ANN401 (a module)
    return sys.modules[f"schemabench_workload_{found.workload.name}"]


def seeded(seed: int | str) -> Random:
    return Random(seed)  # noqa: S311 (nothing is kept secret with it)


def burst(found: Found, writer: str, block: int = 0, count: int = 240, cardinality: str = "typical") -> list[Call]:
    sizes = found.workload.cardinalities[cardinality]
    return list(islice(found.workload.burst(sizes, writer, block, seeded(f"{writer}{block}")), count))


def test_seed_repeats_a_burst_and_blocks_differ(found: Found) -> None:
    for writer in ("logger", "reader"):
        assert burst(found, writer, 3) == burst(found, writer, 3)
        assert burst(found, writer, 3) != burst(found, writer, 4)


def test_a_generated_line_says_what_its_fields_say(found: Found, module: Any) -> None:  # noqa: ANN401
    for call in burst(found, "logger"):
        if call.operation == "log_request":
            line = module.parse(call.values["line"])
            assert (line.host, line.logged_at, line.sent) == tuple(
                call.values[name] for name in ("host", "logged_at", "bytes")
            )


def test_fifty_hosts_have_an_eighth_of_the_lines(found: Found) -> None:
    calls = burst(found, "logger", count=20_000)
    hosts = Counter(call.values["host"] for call in calls if call.operation == "log_request")
    share = sum(lines for _, lines in hosts.most_common(50)) / hosts.total()
    assert 0.10 < share < 0.15


def test_broken_lines_are_kept_as_often_as_the_cardinality_says(found: Found) -> None:
    calls = burst(found, "logger", count=20_000, cardinality="worst")
    share = sum(call.operation == "keep_broken" for call in calls) / len(calls)
    assert 0.015 < share < 0.025


def test_lines_have_no_key_since_they_add_up(found: Found) -> None:
    assert {call.key for call in burst(found, "logger")} == {None}


def test_background_has_the_lines_and_ranges_of_the_cardinality(found: Found) -> None:
    sizes = found.workload.cardinalities["typical"]
    calls = list(found.workload.background(sizes, seeded(0)))
    check_calls(found, calls, "background")
    assert sum(call.rows for call in calls if call.operation == "load_ranges") == sizes.ranges
    assert sum(call.rows for call in calls if call.operation == "load_requests") == sizes.history_lines


def test_ranges_do_not_overlap(found: Found) -> None:
    sizes = found.workload.cardinalities["typical"]
    (call,) = (call for call in found.workload.background(sizes, seeded(0)) if call.operation == "load_ranges")
    firsts, lasts = (_addresses(call.values[name]) for name in ("firsts", "lasts"))
    assert all(first <= last for first, last in zip(firsts, lasts, strict=True))
    assert all(last < first for last, (_, first) in zip(lasts, pairwise(firsts), strict=False))


def test_reads_are_of_full_hours(found: Found) -> None:
    for call in burst(found, "reader", 5, count=60):
        if call.operation != "requests_by_day":
            assert all(_is_full_hour(call.values[name]) for name in ("since", "until"))
            assert call.rows == 0


@pytest.mark.parametrize(
    ("line", "host", "logged_at", "sent"),
    [
        (COMMON, "199.72.81.55", datetime(1995, 7, 1, 4, 0, 1, tzinfo=UTC), 6245),
        (f'{COMMON} "http://a/" "b \\" c"\r\n', "199.72.81.55", datetime(1995, 7, 1, 4, 0, 1, tzinfo=UTC), 6245),
        ('a.b - joe [17/May/2015:10:05:03 +0530] "-" 408 -', "a.b", datetime(2015, 5, 17, 4, 35, 3, tzinfo=UTC), 0),
        ('é - - [29/Feb/2016:00:00:00 +0000] "GET \\"" 200 0', "é", datetime(2016, 2, 29, tzinfo=UTC), 0),
    ],
)
def test_line_of_either_format_is_read(module: Any, line: str, host: str, logged_at: datetime, sent: int) -> None:  # noqa: ANN401
    assert module.parse(line) == (line.rstrip("\r\n"), host, logged_at, sent)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-", "not `host ident user"),
        (COMMON.replace('"GET', "GET"), "not `host ident user"),
        (COMMON.replace(" 200 ", " OK "), "not `host ident user"),
        (COMMON.replace("01/Jul", "31/Jun"), "does not exist"),
        (COMMON.replace("Jul", "Juli"), "DD/Mon/YYYY"),
        (COMMON.replace("Jul", "Xxx"), "DD/Mon/YYYY"),
        (COMMON.replace("6245", "9" * 16), "15 digits"),
        (COMMON.replace("199.72.81.55", "a" * 1001), "1001 bytes"),
        (COMMON.replace("apollo", "\0"), "NUL"),
    ],
)
def test_broken_line_tells_why(module: Any, line: str, reason: str) -> None:  # noqa: ANN401
    with pytest.raises(BadLineError, match=reason):
        module.parse(line)


def test_blank_line_is_skipped(module: Any) -> None:  # noqa: ANN401
    assert module.parse(" \n") is None
    assert module.parse_broken(" \n") is None


def test_replay_keeps_broken_lines_only_where_the_file_is_named_for_them(found: Found, module: Any) -> None:  # noqa: ANN401
    replay, sizes = found.workload.replay, found.workload.cardinalities["typical"]
    assert replay is not None, "a log can be replayed"
    kept = [module.parse_broken(text) for text in (COMMON, "broken", "")]
    dropping = list(replay.calls(sizes, iter([module.parse(COMMON)]), {}, 0))
    keeping = list(
        replay.calls(sizes, iter([module.parse(COMMON)]), {"broken": [one for one in kept if one is not None]}, 0)
    )
    check_calls(found, keeping, "replay")
    assert [call.operation for call in dropping] == ["log_request"]
    assert [(call.operation, call.values["line"]) for call in keeping] == [
        ("keep_broken", "broken"),
        ("log_request", COMMON),
    ]


def test_broken_line_that_postgres_cannot_hold_is_never_kept(module: Any) -> None:  # noqa: ANN401
    with pytest.raises(BadLineError, match="NUL"):
        module.parse_broken("a\0b")


def _addresses(values: object) -> Sequence[int]:
    assert isinstance(values, list), "arrays are lists"
    return [int(IPv4Address(value)) for value in values]


def _is_full_hour(value: object) -> bool:
    assert isinstance(value, datetime)
    return (value.minute, value.second) == (0, 0)
