"""The generator and the replay of page views."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemabench import BadLineError, Call
from schemabench.workload import Found, check_calls, load

WORKLOADS = Path(__file__).parents[2] / "workloads"
HOUR = datetime(2016, 9, 3, 7)  # noqa: DTZ001 (hours of files are stored without a zone)


@pytest.fixture(scope="module")
def found() -> Found:
    return load(WORKLOADS, "pageviews")


@pytest.fixture(scope="module")
def module(found: Found) -> Any:  # noqa: ANN401 (a module)
    return sys.modules[f"schemabench_workload_{found.workload.name}.replay"]


def seeded(seed: int | str) -> Random:
    return Random(seed)  # noqa: S311 (nothing is kept secret with it)


def burst(found: Found, writer: str, block: int = 0, cardinality: str = "typical", size: int = 1) -> list[Call]:
    sizes = found.workload.cardinalities[cardinality]
    weight = next(w.weight for w in found.workload.writers(sizes) if w.name == writer)
    return list(islice(found.workload.burst(sizes, writer, block, seeded(f"{writer}{block}")), weight * size))


def test_seed_repeats_a_burst_and_blocks_differ(found: Found) -> None:
    for writer in ("loader", "reader"):
        assert burst(found, writer, 3) == burst(found, writer, 3)
        assert burst(found, writer, 3) != burst(found, writer, 4)


@pytest.mark.parametrize("cardinality", ["typical", "worst"])
def test_smallest_burst_finishes_every_hour_that_it_begins(found: Found, cardinality: str) -> None:
    sizes = found.workload.cardinalities[cardinality]
    jobs: dict[str | None, list[Call]] = {}
    for call in burst(found, "loader", cardinality=cardinality):
        jobs.setdefault(call.key, []).append(call)
    assert len(jobs) == sizes.hours_in_flight
    for calls in jobs.values():
        operations = [call.operation for call in calls]
        first_run = operations[: operations.index("finish_hour") + 1]
        assert first_run == ["find_hour", *["load_pages"] * (len(first_run) - 2), "finish_hour"]
        assert sum(call.rows for call in calls[: len(first_run)]) == sizes.lines_per_hour
        assert operations[-1] == "finish_hour"
        assert len({call.values["date_hour"] for call in calls}) == 1


def test_every_set_of_hours_repeats_one_of_them(found: Found) -> None:
    calls = burst(found, "loader", size=40)
    finished = Counter(call.key for call in calls if call.operation == "finish_hour")
    assert Counter(finished.values()) == {1: 2 * 40, 2: 40}
    assert 0 < sum(call.operation == "withdraw_hour" for call in calls) < 40 / 2
    assert any(call.operation == "load_pages" and call.rows == 0 for call in calls)


def test_no_two_blocks_load_the_same_hour_however_large_the_burst(found: Found) -> None:
    hours = [{call.key for call in burst(found, "loader", block, size=70)} for block in range(3)]
    assert all(len(of_block) == 70 * 3 for of_block in hours)
    assert len(set.union(*hours)) == 3 * 70 * 3


def test_chunk_names_each_page_of_a_domain_once(found: Found) -> None:
    for call in burst(found, "loader", cardinality="worst"):
        if call.operation == "load_pages":
            pages = list(zip(call.values["domains"], call.values["pages"], strict=True))  # type: ignore[call-overload]
            assert len(set(pages)) == len(pages)
            assert min(call.values["views"]) >= 1  # type: ignore[call-overload]


def test_most_lines_have_one_view_and_every_domain_more_than_it_keeps(found: Found) -> None:
    loads = [call for call in burst(found, "loader", size=4) if call.operation == "load_pages" and call.rows]
    views = Counter(count for call in loads for count in call.values["views"])  # type: ignore[attr-defined]
    assert 0.75 < views[1] / views.total() < 0.85
    first_hour = [call for call in loads if call.key == loads[0].key][:4]
    domains = Counter(domain for call in first_hour for domain in call.values["domains"])  # type: ignore[attr-defined]
    assert min(domains.values()) > 25


def test_background_names_every_known_page_and_blacklists_popular_ones(found: Found) -> None:
    sizes = found.workload.cardinalities["typical"]
    calls = list(found.workload.background(sizes, seeded(0)))
    check_calls(found, calls, "background")
    known = {page for call in calls if call.operation == "load_pages" for page in _pages(call.values)}
    assert len(known) >= sizes.known_pages
    blacklist = [entry for call in calls if call.operation == "blacklist_pages" for entry in _entries(call.values)]
    assert len(set(blacklist)) == len(blacklist) == sizes.blacklisted
    loaded = [
        entry for call in burst(found, "loader") if call.operation == "load_pages" for entry in _entries(call.values)
    ]
    assert set(blacklist) & set(loaded)
    new = [page for _, page in loaded if page not in known]
    assert 0 < len(new) / len(loaded) < 0.08


def test_reader_reads_hours_that_are_there(found: Found) -> None:
    sizes = found.workload.cardinalities["typical"]
    background = {call.values["date_hour"] for call in found.workload.background(sizes, seeded(0)) if call.key}
    before = {call.values["date_hour"] for call in burst(found, "loader", 4)}
    read = {call.values["date_hour"] for call in burst(found, "reader", 5, size=10)}
    assert read == background | before
    assert all(call.rows == 0 and call.key is None for call in burst(found, "reader"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("en Main_Page 42 0\n", ("en", "Main_Page", 42)),
        ("www.wd caf%C3%A9 1 0\r\n", ("www.wd", "café", 1)),
        ("en 100%_Wolf 1 0", ("en", "100%_Wolf", 1)),
        ("en %FF%FE 1 0", ("en", "%FF%FE", 1)),
        ("en a%00b 1 0", ("en", "a%00b", 1)),
        ("en a\u2028b\u00a0c 1 0", ("en", "a\u2028b\u00a0c", 1)),
        ("\n", None),
        ("", None),
    ],
)
def test_line_of_an_hourly_file_is_read(module: Any, line: str, expected: object) -> None:  # noqa: ANN401
    assert module.parse(line) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("en Main_Page 42", "3 fields"),
        ("en Main Page 42 0", "5 fields"),
        ("en Main_Page many 0", "not a whole number"),
        ("en Main_Page -1 0", "not a whole number"),
        ("en Main_Page ٣ 0", "not a whole number"),
        ("en Main_Page 9999999999999999 0", "15 digits"),
        (" Main_Page 1 0", "domain is empty"),
        ("en  1 0", "page is empty"),
        ("en a\0b 1 0", "NUL"),
        ("en a\udcffb 1 0", "UTF-8"),
        (f"en {'a' * 1001} 1 0", "1001 bytes"),
    ],
)
def test_bad_line_tells_why(module: Any, line: str, reason: str) -> None:  # noqa: ANN401
    with pytest.raises(BadLineError, match=reason):
        module.parse(line)


@pytest.mark.parametrize("line", ["en", "en Main Page", " Main_Page", "en "])
def test_bad_line_of_a_blacklist_is_refused(module: Any, line: str) -> None:  # noqa: ANN401
    with pytest.raises(BadLineError):
        module.parse_blacklisted(line)


def test_blacklist_and_file_agree_on_a_name_however_it_is_written(module: Any) -> None:  # noqa: ANN401
    assert module.parse_blacklisted("fr caf%C3%A9\n") == module.parse_blacklisted("fr café")
    assert module.parse("fr café 1 0")[:2] == module.parse_blacklisted("fr caf%C3%A9")
    assert module.parse_blacklisted("\n") is None


def test_each_cycle_of_a_replay_is_the_next_hour_and_brings_the_blacklist(found: Found, module: Any) -> None:  # noqa: ANN401
    first, second = (list(replayed(found, module, cycle)) for cycle in range(2))
    check_calls(found, [*first, *second], "replay")
    assert [call.operation for call in second] == [
        "find_hour",
        "blacklist_pages",
        "load_pages",
        "load_pages",
        "load_pages",
        "finish_hour",
    ]
    assert [call.operation for call in first[6:]] == ["find_hour", "load_pages", "finish_hour"]
    assert {call.key for call in first} == {"2016-09-01 00:00:00"}
    assert second[0].values["date_hour"] == datetime(2016, 9, 1, 1)  # noqa: DTZ001 (as the workload has it)
    assert sum(call.rows for call in first) == sum(call.rows for call in second) == 299
    assert second[1].values == {"domains": ["en"], "pages": ["Main_Page"]}


def test_page_that_comes_twice_in_a_chunk_counts_with_its_greater_views(found: Found, module: Any) -> None:  # noqa: ANN401
    loads = [call for call in replayed(found, module, 1) if call.operation == "load_pages"]
    views = dict(zip(_pages(loads[0].values), loads[0].values["views"], strict=True))  # type: ignore[call-overload]
    assert views["Page_1"] == 7


def test_each_file_of_a_folder_is_the_hour_of_its_name(found: Found, module: Any) -> None:  # noqa: ANN401
    calls = list(of_folder(found, module, 0, HOUR))
    check_calls(found, calls, "replay")

    assert [call.operation for call in calls] == ["find_hour", "blacklist_pages", "load_pages", "finish_hour"]
    assert {call.key for call in calls} == {"2016-09-03 07:00:00"}
    assert sum(call.rows for call in calls) == 99


def test_a_loaded_hour_of_a_folder_is_found_again_or_reloaded_by_force(found: Found, module: Any) -> None:  # noqa: ANN401
    first = {cycle: list(of_folder(found, module, cycle, HOUR)) for cycle in range(60)}
    again = {calls[0].operation: calls for cycle, calls in first.items() if cycle}
    forced = sum(calls[0].operation == "withdraw_hour" for calls in first.values())

    assert set(again) == {"find_hour", "withdraw_hour"}
    assert 5 < forced < 25  # a quarter of 59
    assert sum(call.rows for call in again["find_hour"]) == 0
    assert sum(call.rows for call in again["withdraw_hour"]) == 99
    assert first == {cycle: list(of_folder(found, module, cycle, HOUR)) for cycle in range(60)}


def test_an_hour_that_the_background_has_is_replaced_by_its_file(found: Found, module: Any) -> None:  # noqa: ANN401
    last, before = datetime(2016, 8, 31, 23), datetime(2016, 8, 1)  # noqa: DTZ001 (as the workload has it)

    assert next(of_folder(found, module, 0, last)).operation == "withdraw_hour"
    assert next(of_folder(found, module, 0, before)).operation == "find_hour"


def test_a_folder_that_is_replayed_again_and_again_changes_no_row_of_the_model(found: Found, module: Any) -> None:  # noqa: ANN401
    model = found.workload.model
    assert model is not None
    state, seen = model.initial(), []
    for cycle in range(12):
        for hour in (HOUR, HOUR + timedelta(hours=2)):
            for call in of_folder(found, module, cycle, hour):
                assert model.possible(state, call)
                model.apply(state, call)
        seen.append({name: list(rows) for name, rows in model.state(state).items()})

    assert len(seen[0]["loaded_hours"]) == 2
    assert len(seen[0]["ranked_pages"]) == 2 * 25
    assert all(rows == seen[0] for rows in seen)


def of_folder(found: Found, module: Any, cycle: int, hour: datetime) -> Iterator[Call]:  # noqa: ANN401
    """Replay 100 lines, the first two of which are one page, as an hour's file."""
    replay = found.workload.replay
    assert replay is not None
    assert replay.series is not None
    texts = ["en Page%5F1 7 0", *(f"en Page_{n} {1 + n % 3} 0" for n in range(1, 100))]
    others = {"blacklist": [module.parse_blacklisted("en Page_5\n")]}
    lines = iter([module.parse(text) for text in texts])
    return replay.series.calls(found.workload.cardinalities["typical"], lines, others, cycle, hour)


def replayed(found: Found, module: Any, cycle: int) -> Iterator[Call]:  # noqa: ANN401
    """Replay 300 lines, the first two of which are one page."""
    texts = ["en Page%5F1 7 0", *(f"en Page_{n} 1 0" for n in range(1, 300))]
    replay = found.workload.replay
    assert replay is not None, "pageviews can be replayed"
    lines = iter([module.parse(text) for text in texts])
    blacklist = [module.parse_blacklisted("en Main_Page\n")]
    return replay.calls(found.workload.cardinalities["typical"], lines, {"blacklist": blacklist}, cycle)


def _pages(values: Mapping[str, object]) -> list[str]:
    pages = values["pages"]
    assert isinstance(pages, list), "arrays are lists"
    return pages


def _entries(values: Mapping[str, object]) -> list[tuple[str, str]]:
    domains = values["domains"]
    assert isinstance(domains, list), "arrays are lists"
    return list(zip(domains, _pages(values), strict=True))
