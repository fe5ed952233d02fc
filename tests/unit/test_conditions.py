"""Settings of sessions: whose value is whose, what differs, and what only seems to."""

import pytest

from schemabench.experiment.conditions import differing, merged
from schemabench.monitor.conditions import Condition, Held
from schemabench.records import Setting

FOUR = Condition("4MB", "default", default=True)
EIGHT = Condition("8MB", "database", default=False)


def _held(writer: str, worker: str = "", **reading: Condition) -> Held:
    return Held(writer=writer, worker=worker, reading=reading)


def _who(_: str, condition: Condition) -> str:
    return condition.source


@pytest.mark.parametrize(
    ("seats", "expected"),
    [
        ("a- a-", "8MB"),
        ("a- b*", "8MB (a), 4MB (b)"),
        ("a- a- b* c*", "8MB (a), 4MB (b, c)"),
        ("a-0 b-0 a*1 b*1", "8MB (worker gw0), 4MB (worker gw1)"),
        ("a-0 a*1", "8MB (worker gw0), 4MB (worker gw1)"),
        ("a- a- a* b*", "8MB (a, 2 of 3 connections), 4MB (a, 1 of 3 connections, b, 1 of 1 connection)"),
    ],
)
def test_where_sessions_differ_each_value_is_shown_with_whose_it_is(seats: str, expected: str) -> None:
    sessions = [
        _held(seat[0], f"gw{seat[2:]}" if seat[2:] else "", work_mem=FOUR if seat[1] == "*" else EIGHT)
        for seat in seats.split()
    ]
    found = merged(sessions, _who)["work_mem"]

    assert found.setting.value == expected
    assert found.mixed == ("(" in expected)


def test_what_is_set_for_one_alone_differs_in_both_directions() -> None:
    own, baseline = merged([_held("a", work_mem=EIGHT)], _who), merged([_held("a", work_mem=FOUR)], _who)

    assert differing(own, baseline) == (Setting(name="work_mem", value="8MB", source="database"),)
    assert differing(baseline, own) == (Setting(name="work_mem", value="4MB", source="default"),)
    assert differing(own, own) == ()


def test_the_same_value_from_elsewhere_is_no_difference() -> None:
    elsewhere = merged([_held("a", work_mem=EIGHT._replace(source="user"))], _who)

    assert differing(elsewhere, merged([_held("a", work_mem=EIGHT)], _who)) == ()


def test_settings_of_a_library_that_only_some_have_loaded_are_no_difference() -> None:
    loaded = merged([_held("a"), _held("b", library=FOUR)], _who)

    assert loaded["library"].setting.value == "4MB"
    assert not loaded["library"].mixed
    assert differing(loaded, {}) == differing({}, loaded) == ()


def test_what_one_side_does_not_know_is_a_default_there() -> None:
    own = merged([_held("a", custom=EIGHT)], _who)

    assert differing(own, {}) == (Setting(name="custom", value="8MB", source="database"),)
    assert differing({}, own) == (Setting(name="custom", value="default", source="default"),)
    assert merged([_held("a"), _held("b", custom=EIGHT)], _who)["custom"].setting == Setting(
        name="custom", value="default (a), 8MB (b)", source="database"
    )


def test_what_nobody_set_may_differ_without_a_word() -> None:
    own, other = (merged([_held("a", fact=Condition(value, "override", default=False))], _who) for value in "12")

    assert differing(own, other) == ()
