"""Which requests of a connection may be in flight together."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemabench.experiment.burst import Encoded
from schemabench.experiment.windows import after

DEPTHS = {"vote": 3, "log": 5}
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["vote", "log", "read"]),
        st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=1, max_size=3),
    ),
    max_size=30,
)


def requests(*each: tuple[str, Sequence[str | None]]) -> list[list[Encoded]]:
    """Return requests, whose numbers are 10, 20 and so on, each with calls of these keys."""
    return [
        [Encoded(10 * place + call, operation, {}, "writer", key) for call, key in enumerate(keys)]
        for place, (operation, keys) in enumerate(each, start=1)
    ]


def test_as_many_are_in_flight_as_the_operation_of_the_next_allows() -> None:
    votes = requests(*[("vote", [None])] * 5, ("log", [None]))

    assert after(votes, DEPTHS) == {10: 0, 20: 0, 30: 0, 40: 1, 50: 2, 60: 1}


def test_a_call_waits_for_the_last_one_of_its_key() -> None:
    votes = requests(("vote", ["a"]), ("vote", ["b"]), ("vote", ["a"]), ("vote", ["c", "b"]), ("log", [None]))

    assert after(votes, DEPTHS) == {10: 0, 20: 0, 30: 1, 40: 2, 50: 0}


def test_a_request_that_is_alone_is_not_among_the_results_and_those_of_its_key_wait_for_it() -> None:
    assert after(requests(("vote", [None]), ("read", ["a"]), ("vote", ["a"])), DEPTHS) == {10: 0, 30: 2}


@given(REQUESTS)
def test_no_key_is_in_flight_twice_nor_more_than_there_is_room_for(each: list[tuple[str, list[str | None]]]) -> None:
    given_requests = requests(*each)
    found = after(given_requests, DEPTHS)

    assert set(found) == {calls[0].number for calls in given_requests if calls[0].operation in DEPTHS}
    for position, calls in enumerate(given_requests):
        if (answered := found.get(calls[0].number)) is None:
            continue
        in_flight = given_requests[answered:position]
        assert len(in_flight) < DEPTHS[calls[0].operation]
        keys = {call.key for call in calls} - {None}
        assert not keys & {call.key for some in in_flight for call in some}


def test_what_is_linked_to_other_calls_is_sent_alone() -> None:
    calls = [Encoded(number, "vote", {}, "writer", None, gives={"id": "x"}) for number in range(2)]

    assert after([[call] for call in calls], {"vote": 5}) == {}
