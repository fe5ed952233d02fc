"""The generator and the replay of the workload `clickstream`: no server, no clock."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemabench import BadLineError, Call, candidate, workload

ROOT = Path(__file__).parents[2]
FOUND = workload.load(ROOT / "workloads", "clickstream")
CLICKSTREAM = FOUND.workload
TYPICAL = CLICKSTREAM.cardinalities["typical"]
EDIT = {
    "time": "2015-09-12T00:46:58.771Z",
    "channel": "#en.wikipedia",
    "page": "Ζωή 'μία'",
    "user": "Nobody",
    "delta": 3,
}

each_cardinality = pytest.mark.parametrize("name", tuple(CLICKSTREAM.cardinalities))


def _random(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 (a seeded generator is the point)


def _calls(sizes: Any, writer: str, block: int = 0, seed: int = 1, size: int = 1) -> list[Call]:  # noqa: ANN401
    weight = next(each.weight for each in CLICKSTREAM.writers(sizes) if each.name == writer)
    return list(islice(CLICKSTREAM.burst(sizes, writer, block, _random(seed)), weight * size))


def _at(call: Call) -> datetime:
    at = call.values["happened_at"]
    assert isinstance(at, datetime)
    return at


def _parse(line: str) -> Any:  # noqa: ANN401 (the type of a row is its own module's)
    assert CLICKSTREAM.replay is not None
    return CLICKSTREAM.replay.parse(line)


def _replayed(*edits: dict[str, object], cycle: int = 0) -> Iterator[Call]:
    assert CLICKSTREAM.replay is not None
    rows = (_parse(json.dumps({**EDIT, **edit})) for edit in edits)
    return CLICKSTREAM.replay.calls(TYPICAL, rows, {}, cycle)


@each_cardinality
def test_same_seed_gives_the_same_burst_and_another_seed_another(name: str) -> None:
    sizes = CLICKSTREAM.cardinalities[name]
    assert _calls(sizes, "app", 3, seed=5) == _calls(sizes, "app", 3, seed=5)
    assert _calls(sizes, "app", 3, seed=5) != _calls(sizes, "app", 3, seed=6)


@each_cardinality
def test_all_calls_fit_the_operations(name: str) -> None:
    sizes = CLICKSTREAM.cardinalities[name]
    workload.check_calls(FOUND, CLICKSTREAM.background(sizes, _random()), "background")
    for writer in CLICKSTREAM.writers(sizes):
        workload.check_calls(FOUND, _calls(sizes, writer.name, block=1_000, size=3), writer.name)


def test_most_events_are_likes_and_a_few_are_sent_again() -> None:
    calls = _calls(TYPICAL, "app", size=10)
    kinds = Counter(call.operation for call in calls)
    assert 0.55 < kinds["like_article"] / kinds.total() < 0.65
    assert 0.03 < kinds["first_install"] / kinds.total() < 0.07
    again = [call for call in calls if call.rows == 0]
    assert 0 < len(again) < 0.03 * len(calls)
    assert all(call._replace(rows=1) in calls for call in again)


@each_cardinality
def test_no_user_installs_twice_in_history_or_in_any_block(name: str) -> None:
    sizes = CLICKSTREAM.cardinalities[name]
    loaded = list(CLICKSTREAM.background(sizes, _random()))
    users = [
        user
        for call in loaded
        for kind, user in zip(call.values["kinds"], call.values["user_ids"], strict=True)  # type: ignore[call-overload]
        if kind == "FIRST_INSTALL"
    ]
    blocks = [call for block in range(4) for call in _calls(sizes, "app", block, size=3) if call.rows]
    users += [call.values["user_id"] for call in blocks if call.operation == "first_install"]
    assert len(set(users)) == len(users) > sizes.users


def test_any_connection_may_send_any_event() -> None:
    assert {call.key for call in _calls(TYPICAL, "app", size=3)} == {None}


def test_few_events_come_late_and_the_others_follow_each_other() -> None:
    times = [_at(call) for call in _calls(TYPICAL, "app", size=5) if call.rows]
    late = [at for at in times if at < datetime(2015, 10, 26)]  # noqa: DTZ001 (stored without a zone)
    in_time = [at for at in times if at not in late]
    assert 0 < len(late) < 0.04 * len(times)
    assert max(in_time) - in_time[0] < timedelta(hours=1)


def test_480_blocks_are_a_week() -> None:
    first, last = (_calls(TYPICAL, "reader", block)[0].values["last_day"] for block in (0, 480))
    assert isinstance(first, date)
    assert isinstance(last, date)
    assert last - first == timedelta(days=7)


@each_cardinality
def test_history_has_every_user_and_some_come_back_in_every_week(name: str) -> None:
    sizes = CLICKSTREAM.cardinalities[name]
    calls = list(CLICKSTREAM.background(sizes, _random()))
    kinds = Counter(kind for call in calls for kind in call.values["kinds"])  # type: ignore[attr-defined]
    assert kinds["FIRST_INSTALL"] == sizes.users
    assert kinds["LIKE_ARTICLE"] == sizes.likes
    assert kinds["LOG_IN"] > sizes.users
    times = [at for call in calls for at in call.values["times"]]  # type: ignore[attr-defined]
    assert times == sorted(times)
    assert times[-1] < datetime(2015, 10, 26)  # noqa: DTZ001 (stored without a zone)


def test_a_few_articles_have_most_of_the_likes() -> None:
    likes = [call for call in _calls(TYPICAL, "app", size=10) if call.operation == "like_article"]
    counts = Counter(call.values["article"] for call in likes).most_common()
    assert sum(number for _, number in counts[: TYPICAL.articles // 8]) > len(likes) / 3


def test_cohorts_that_are_read_have_a_whole_week_behind_them() -> None:
    reads = _calls(TYPICAL, "reader", size=3)
    retention = [call.values for call in reads if call.operation == "retention"]
    assert {(values["first_week"], values["last_week"]) for values in retention} == {
        (date(2015, 9, 21), date(2015, 10, 12))
    }
    assert all(call.rows == 0 and call.key is None for call in reads)


def test_every_candidate_fits_the_operations_and_says_what_it_expects() -> None:
    candidates = candidate.find(ROOT / "schemas" / "clickstream")
    assert len(candidates) >= 8
    for each in candidates.values():
        candidate.operations(each, FOUND.operations)
        assert each.summary
        assert each.expects


def test_an_edit_is_a_like_of_a_page_and_a_users_first_an_install_as_well() -> None:
    later = {"time": "2015-09-13T00:00:00Z"}
    calls = list(_replayed({}, {"page": "Other"}, later, {"user": "Somebody"}, {}, later))
    workload.check_calls(FOUND, calls, "replay")
    assert [(call.operation, call.values["user_id"]) for call in calls] == [
        ("first_install", "Nobody"),
        ("like_article", "Nobody"),
        ("like_article", "Nobody"),
        ("log_in", "Nobody"),
        ("like_article", "Nobody"),
        ("first_install", "Somebody"),
        ("like_article", "Somebody"),
        ("like_article", "Nobody"),
        ("like_article", "Nobody"),
    ]
    assert calls[1].values == {
        "user_id": "Nobody",
        "article": "#en.wikipedia Ζωή 'μία'",
        "happened_at": datetime(2015, 9, 12, 0, 46, 58, 771_000),  # noqa: DTZ001 (stored without a zone)
    }


def test_each_pass_has_users_of_its_own() -> None:
    users = [{call.values["user_id"] for call in _replayed({}, cycle=cycle)} for cycle in range(3)]
    assert users == [{"Nobody"}, {"Nobody (2)"}, {"Nobody (3)"}]


def test_times_of_another_zone_are_turned_into_utc() -> None:
    assert _parse(json.dumps({**EDIT, "time": "2015-09-12T01:30:00+02:00"})).happened_at == datetime(  # noqa: DTZ001
        2015, 9, 11, 23, 30
    )


def test_blank_line_is_passed_over() -> None:
    assert _parse(" \n") is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "JSON"),
        (json.dumps({**EDIT, "time": "yesterday"}), "the time is 'yesterday'"),
        (json.dumps({**EDIT, "time": None}), "the time is None"),
        (json.dumps({**EDIT, "time": "0001-01-01T00:00:00+14:00"}), "the time is"),
        (json.dumps({**EDIT, "user": ""}), "the user is ''"),
        (json.dumps({**EDIT, "page": 3}), "the page is 3"),
        (json.dumps({**EDIT, "page": "a\0b"}), "NUL"),
        (json.dumps({**EDIT, "page": "\udcff"}), "not Unicode"),
        (json.dumps({**EDIT, "page": "a" * 1_001}), "1001 bytes"),
    ],
)
def test_bad_line_tells_why(line: str, reason: str) -> None:
    with pytest.raises(BadLineError, match=reason):
        _parse(line)
