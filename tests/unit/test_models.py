"""The models of the shipped workloads: what they draw, and which calls they take for possible."""

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from schemabench import Call, workload
from schemabench.equivalence.search import draw
from schemabench.workload import Found, Model

WORKLOADS = Path(__file__).parents[2] / "workloads"
LARGEST = 2**63 - 1
DAY = date(2026, 2, 16)
HOUR = datetime(2016, 9, 1)  # noqa: DTZ001 (stored without a zone)


@cache
def _found(name: str) -> Found:
    return workload.load(WORKLOADS, name)


def _model(name: str) -> Model[Any, Any]:
    model = _found(name).workload.model
    assert model is not None
    return model


@cache
def _drawn(name: str) -> list[Call]:
    return draw(_model(name).calls(_found(name).workload.cardinalities["typical"]), 1_000, seed=1)


def _values(name: str) -> list[object]:
    """Return every single value of the calls drawn."""
    values = [value for call in _drawn(name) for value in call.values.values()]
    return [one for value in values for one in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize("name", workload.names(WORKLOADS))
def test_every_operation_is_drawn_with_values_that_fit_it(name: str) -> None:
    found = _found(name)
    parts = found.parts(found.workload.cardinalities["typical"])

    workload.check_calls(found, _drawn(name), "model", parts.every)
    assert {call.operation for call in _drawn(name)} == set(found.operations) - set(found.queries)


@pytest.mark.parametrize("name", ["usage", "pageviews"])
def test_the_edges_are_drawn_on_purpose(name: str) -> None:
    values = _values(name)
    days = {value for value in values if isinstance(value, date)}
    texts = [value for value in values if isinstance(value, str)]

    assert {0, 1, LARGEST} <= {value for value in values if isinstance(value, int)}
    assert len({(day.year, day.month) for day in days}) >= 3
    assert any(not text.isascii() and "'" in text and "\\" in text for text in texts)
    assert any([] in call.values.values() for call in _drawn(name)), "an empty batch"


def _after(name: str, *calls: Call) -> Any:  # noqa: ANN401 (a workload's own type)
    model = _model(name)
    state = model.initial()
    for call in calls:
        assert model.possible(state, call)
        model.apply(state, call)
    return state


def _insert(batch_id: int, amount: int, cdn: str = "cdn_a") -> Call:
    values = {"batch_id": batch_id, "utc_date": DAY, "site_ids": ["a"], "cdns": [cdn], "bytes_streamed": [amount]}
    return Call("insert_cdn", values)


def test_no_batch_comes_twice_and_no_total_is_beyond_a_bigint() -> None:
    possible, state = _model("usage").possible, _after("usage", _insert(1, LARGEST - 1))

    assert not possible(state, _insert(1, 0))
    assert possible(state, _insert(2, 1))
    assert not possible(state, _insert(2, 2))
    assert not possible(state, _insert(2, 2, "cdn_b")), "reads add up the CDNs"


def test_history_comes_before_all_else() -> None:
    history = {name: value for name, value in _insert(0, 1).values.items() if name != "batch_id"}
    possible, load = _model("usage").possible, Call("load_cdn_daily", history)

    assert possible(_after("usage"), load)
    assert not possible(_after("usage", _insert(1, 1)), load)


def test_what_reads_see_of_a_batch_is_said_once_the_views_are_refreshed() -> None:
    model, state = _model("usage"), _after("usage", _insert(1, 5))
    read = Call("read_site_month", {"site_id": "a", "first_date": DAY, "last_date": DAY})

    assert model.apply(state, read) is None
    assert "cdn_served_differs_from_batches" not in model.state(state)
    model.apply(state, Call("refresh_cdn_views", {}))
    assert model.apply(state, read) == [(DAY, None, None, None, None, 5)]
    assert model.state(state)["cdn_served_differs_from_batches"] == ()


def _lines(*pages: str) -> dict[str, object]:
    return {"domains": ["en"] * len(pages), "pages": list(pages)}


def test_lines_come_for_hours_that_were_asked_for_and_pages_are_blacklisted_before() -> None:
    load = Call("load_pages", {"date_hour": HOUR, **_lines("a"), "views": [1]})
    possible, asked = _model("pageviews").possible, Call("find_hour", {"date_hour": HOUR})

    assert not possible(_after("pageviews"), load)
    state = _after("pageviews", asked, load)
    assert not possible(state, Call("blacklist_pages", _lines("a")))
    assert possible(state, Call("blacklist_pages", _lines("b")))


def test_of_equal_views_the_25_first_by_bytes_are_kept() -> None:
    pages = [f"p{number:02}" for number in range(25, -1, -1)]
    asked, finish = (Call(name, {"date_hour": HOUR}) for name in ("find_hour", "finish_hour"))
    load = Call("load_pages", {"date_hour": HOUR, **_lines(*pages), "views": [1] * len(pages)})
    ranked = _model("pageviews").state(_after("pageviews", asked, load, finish))["ranked_pages"]

    assert ranked == [(HOUR, "en", rank, f"p{rank - 1:02}", 1) for rank in range(1, 26)]


def test_the_largest_numbers_are_expected_of_english() -> None:
    asked, finish, check = (Call(name, {"date_hour": HOUR}) for name in ("find_hour", "finish_hour", "check_hour"))
    for domains, led in ((["en", "de"], True), (["de", "en"], True), (["en", "de", "de"], False), (["de"], False)):
        pages = [f"p{number}" for number in range(len(domains))]
        load = Call("load_pages", {"date_hour": HOUR, "domains": domains, "pages": pages, "views": [3] * len(domains)})
        state = _after("pageviews", asked, load, finish)

        assert _model("pageviews").apply(state, check) == [
            (len(set(domains)), max(map(domains.count, domains)), True, 3, led)
        ]


def _install(user_id: str, moment: datetime) -> Call:
    return Call("first_install", {"user_id": user_id, "happened_at": moment})


def test_no_user_installs_twice_but_an_install_may_be_sent_again() -> None:
    possible, state = _model("clickstream").possible, _after("clickstream", _install("a", HOUR))

    assert possible(state, _install("a", HOUR))
    assert possible(state, _install("b", HOUR))
    assert not possible(state, _install("a", HOUR.replace(minute=1)))


def test_a_user_comes_back_by_logging_in_in_the_week_after_the_install_and_in_no_other() -> None:
    weeks = {"first_week": date(2016, 8, 29), "last_week": date(2016, 9, 5)}
    read, model = Call("retention", weeks), _model("clickstream")
    for logged_in_at, returned in ((HOUR, 0), (datetime(2016, 9, 11, 23), 1), (datetime(2016, 9, 12), 0)):  # noqa: DTZ001
        log_in = Call("log_in", {"user_id": "a", "happened_at": logged_in_at})
        state = _after("clickstream", log_in, _install("a", HOUR), log_in)

        assert model.apply(state, read) == [(date(2016, 8, 29), 1, returned, 100 * returned)]
