"""Replays of what a server has logged: whose rows keys are, in the first cycle and in later ones."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from schemabench import BadLineError, Call, Given, logged
from schemabench.errors import WorkloadError
from schemabench.values import Numbered, Table

CUSTOMERS = Table("customers", {"id": Numbered()})
HEADER = {"schemabench_log": 1, "span_s": 10.0, "reads": ["look"]}


@dataclass(frozen=True)
class Sizes:
    """Rows of the background."""

    customers: int = 2


def calls(*requests: dict[str, Any], cycle: int = 0, sizes: Sizes | None = None) -> list[Call]:
    """Return the calls of a file."""
    replay = logged.replay("sessions", {"customers": CUSTOMERS})

    def lines() -> Iterator[Any]:
        yield from (replay.parse(json.dumps(one)) for one in (HEADER, *requests))

    return list(replay.calls(sizes or Sizes(), lines(), {}, cycle))


def request(**values: Any) -> dict[str, Any]:  # noqa: ANN401 (what JSON has)
    """Return a request of one call."""
    return {"session": "a", "at": 1.5, "calls": [["add", values, {}]]}


def test_sessions_are_keys_and_times_go_on_from_cycle_to_cycle() -> None:
    (call,) = calls(request(id="7"), cycle=2)

    assert (call.key, call.at_s, call.transaction, call.rows) == ("a", 21.5, "", 1)


def test_reads_write_no_rows() -> None:
    (call,) = calls({"session": "a", "at": 0, "calls": [["look", {}, {}]]})

    assert call.rows == 0


def test_calls_of_a_transaction_have_one_name_and_those_of_another_have_another() -> None:
    one = {"session": "a", "at": 0, "transaction": True, "calls": [["add", {}, {}], ["add", {}, {}]]}

    names = [call.transaction for call in calls(one, one)]

    assert names[0] == names[1] != names[2] == names[3]
    assert not {*names} & {call.transaction for call in calls(one, one, cycle=1)}


def test_keys_that_the_server_hands_out_are_those_of_the_same_cycle() -> None:
    giving = {"session": "a", "at": 0, "calls": [["add", {}, {"id": "orders.id 7"}]]}

    given, taken = calls(giving, request(id={"given": "orders.id 7", "known": "7"}), cycle=3)

    assert given.gives == {"id": "3 orders.id 7"}
    assert taken.values["id"] == Given("3 orders.id 7", "7")


def test_rows_that_were_there_before_are_those_of_the_background_if_there_are_any() -> None:
    named = request(id={"row": 3, "of": "customers", "column": "id", "known": "4711"})

    assert [call.values["id"] for call in calls(named)] == [2]
    assert [call.values["id"] for call in calls(named, sizes=Sizes(customers=0))] == ["4711"]
    assert [call.values["id"] for call in calls(request(id=[*named["calls"][0][1].values(), "5"]))] == [["2", "5"]]


def test_no_value_in_a_list_stays_none() -> None:
    (call,) = calls(request(ids=["5", None, {"given": "orders.id 7", "known": None}]))

    assert call.values["ids"] == ["5", None, None]


@pytest.mark.parametrize(
    ("known", "step"),
    [("17", 100), ("4ee207f8-da94-43e8-ab73-738fcf1822ff", "uuid"), ("ada@example.org", "text")],
)
def test_keys_that_an_application_makes_differ_from_cycle_to_cycle(known: str, step: object) -> None:
    made = [calls(request(id={"known": known, "step": step}), cycle=cycle)[0].values["id"] for cycle in range(4)]

    assert made[0] == known
    assert len({*made}) == 4


@pytest.mark.parametrize("line", ["no json", "[1]", '{"schemabench_log": 2}', "{}", '{"calls": [1]}'])
def test_lines_of_another_form_are_answered_in_words(line: str) -> None:
    with pytest.raises(BadLineError):
        logged.parse(line)


def test_a_file_without_its_header_is_answered_in_words() -> None:
    replay = logged.replay("sessions", {})

    with pytest.raises(WorkloadError, match="no header"):
        next(replay.calls(Sizes(), iter([logged.parse(json.dumps(request(id="7")))]), {}, 0))
