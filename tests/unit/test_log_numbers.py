"""Which insertion got which number: what the log shows, and nothing that is only likely."""

from collections.abc import Sequence
from random import Random

import pytest

from schemabench.deriving.log_numbers import Insertion, Use, by_sequence, by_session


def insertion(order: int, session: str, *, gives: bool = True, lasts: float = 0.2) -> Insertion:
    """Return an insertion that ends at a time that its order tells, and is committed at once."""
    return Insertion(order, session, order - lasts, float(order), order, float(order), 1, gives)


def matched(insertions: Sequence[Insertion], uses: dict[str, Use]) -> dict[str, int]:
    """Return the order of the insertion of each number."""
    return {value: one.order for value, one in by_sequence(insertions, uses).by_value.items()}


def test_numbers_follow_the_order_of_insertions() -> None:
    made = [insertion(10 * n, f"s{n % 3}") for n in range(1, 7)]
    uses = {str(100 + n): Use(10 * n + 5, f"s{n % 3}", 10 * n + 5) for n in range(1, 7)}

    assert matched(made, uses) == {str(100 + n): 10 * n for n in range(1, 7)}


def test_a_number_that_another_session_uses_is_known_by_those_around_it() -> None:
    made = [insertion(10, "a"), insertion(20, "b"), insertion(30, "a"), insertion(40, "a")]
    uses = {
        "101": Use(11, "a", 11),
        "103": Use(31, "a", 31),
        "104": Use(41, "a", 41),
        "102": Use(50, "c", 50),
    }

    assert matched(made, uses)["102"] == 20


def test_of_insertions_at_the_same_time_only_those_that_their_sessions_use_are_known() -> None:
    made = [insertion(10, "a"), insertion(20, "b", lasts=5), insertion(21, "c", lasts=5), insertion(30, "a")]
    uses = {
        "101": Use(11, "a", 11),
        "104": Use(31, "a", 31, after=30),
        "103": Use(40, "z", 40),
        "102": Use(25, "c", 25, after=21),
    }

    found = by_sequence(made, uses)

    assert {value: one.order for value, one in found.by_value.items()} == {"101": 10, "102": 21, "103": 20, "104": 30}
    del uses["102"]
    found = by_sequence(made, uses)
    assert "103" not in found.by_value
    assert found.doubtful == 1


def test_older_numbers_are_nobodys() -> None:
    made = [insertion(10, "a"), insertion(20, "a"), insertion(30, "b")]
    uses = {"7": Use(12, "a", 12), "101": Use(15, "a", 15), "102": Use(25, "a", 25), "8": Use(35, "b", 35)}

    found = by_sequence(made, uses)

    assert set(found.by_value) == {"101", "102"}
    assert found.doubtful == 0


def test_numbers_of_insertions_that_asked_for_none_are_nobodys() -> None:
    made = [insertion(10, "a"), insertion(20, "b", gives=False), insertion(30, "a")]
    uses = {"101": Use(11, "a", 11), "102": Use(21, "b", 21), "103": Use(31, "a", 31)}

    assert set(matched(made, uses)) == {"101", "103"}


def test_gaps_of_what_was_rolled_back_do_not_matter() -> None:
    made = [insertion(10 * n, "a") for n in range(1, 6)]
    numbers = [101, 102, 110, 111, 112]
    uses = {str(number): Use(10 * n + 1, "a", 10 * n + 1) for n, number in enumerate(numbers, 1)}

    assert matched(made, uses) == {str(number): 10 * n for n, number in enumerate(numbers, 1)}


def test_values_without_an_order_belong_to_the_only_insertion_of_their_session() -> None:
    made = [insertion(10, "a"), insertion(20, "b"), insertion(30, "b")]
    uses = {"x": Use(15, "a", 15), "y": Use(35, "b", 35), "z": Use(16, "a", 16)}

    found = by_session(made, uses)

    assert {value: one.order for value, one in found.by_value.items()} == {"x": 10}
    assert found.doubtful == 1


def test_a_number_that_is_used_later_may_be_of_any_insertion_at_the_same_time() -> None:
    made = [insertion(10, "a"), insertion(20, "b", lasts=5), insertion(21, "c", lasts=5), insertion(30, "a")]
    uses = {"101": Use(11, "a", 11, after=10), "104": Use(31, "a", 31, after=30), "102": Use(25, "c", 25, after=24)}

    found = by_sequence(made, uses)

    assert set(found.by_value) == {"101", "104"}
    assert found.doubtful == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_number_is_matched_wrongly_however_many_insertions_are_at_the_same_time(seed: int) -> None:
    random, made, uses = Random(seed), [], {}  # noqa: S311 (reproducible on purpose)
    for number in range(1, 1_001):
        order, session = 10 * number, f"s{random.randrange(40)}"
        made.append(insertion(order, session, lasts=random.uniform(0, 30)))
        at_once = random.random() < 0.7
        user, later = (session, 1) if at_once else (f"s{random.randrange(40)}", random.randrange(1, 200))
        uses[str(1_000 + number)] = Use(order + later, user, order + 200, order if at_once else -1)
    uses |= {f"{number}": Use(random.randrange(10_000), "s1", 0) for number in range(0, 900, 7)}

    found = matched(made, uses)

    assert len(found) > 700
    assert all(order == 10 * (int(value) - 1_000) for value, order in found.items())
