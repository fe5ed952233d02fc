"""The order of entrants: whatever one trial leaves behind falls upon all others alike."""

from collections import Counter
from itertools import pairwise

import pytest

from schemabench.experiment.order import Orders, williams


@pytest.mark.parametrize("number", range(1, 17))
def test_each_follows_each_other_equally_often_and_stands_in_each_place_equally_often(number: int) -> None:
    rows = williams(number)

    follows = Counter(pair for row in rows for pair in pairwise(row))
    places = Counter(place for row in rows for place in enumerate(row))
    assert all(sorted(row) == list(range(number)) for row in rows)
    assert len(follows) == number * (number - 1)
    assert len(set(follows.values())) <= 1
    assert len(places) == number**2
    assert len(set(places.values())) == 1


def test_a_round_of_blocks_is_balanced_whoever_is_dealt_which_place() -> None:
    orders = Orders(seed=3)
    names = ["baseline", "control", "a", "b"]
    for _ in range(3):
        found = [orders.following(names) for _ in range(4)]

        assert set(Counter(pair for order in found for pair in pairwise(order)).values()) == {1}


def test_orders_are_the_same_for_a_seed_and_others_for_another() -> None:
    def some(seed: int) -> list[list[str]]:
        orders = Orders(seed)
        return [orders.following(list("abcde")) for _ in range(30)]

    assert some(1) == some(1)
    assert some(1) != some(2)
    assert len({tuple(order) for order in some(1)}) > 15


def test_who_left_is_in_no_order_any_more() -> None:
    orders = Orders(seed=1)
    assert sorted(orders.following(list("abc"))) == list("abc")
    assert sorted(orders.following(list("ab"))) == list("ab")
