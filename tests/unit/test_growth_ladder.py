"""Which step comes next: beside a sure bend, or where candidates change places, before the middle of the widest gap."""

from math import exp

from schemabench.growth import Over
from schemabench.growth.ladder import Reading, crosses, departure, following
from schemabench.records import Estimate

ROWS = Over(field="rows", start=1_000, end=100_000, whole=True)


def at(value: float, error: float = 0.01, **rates: float) -> Reading:
    """Return a step with rates of this standard error."""
    return Reading(
        value=value,
        rates={
            name: Estimate(value=rate, low=rate * exp(-1.96 * error), high=rate * exp(1.96 * error))
            for name, rate in rates.items()
        },
    )


def test_without_bend_and_crossing_the_widest_gap_is_halved() -> None:
    readings = [at(1_000, a=100), at(2_000, a=100), at(100_000, a=100)]

    assert following(ROWS, readings) == 14_000


def test_a_power_law_is_straight_whatever_its_exponent() -> None:
    readings = [at(1_000, a=1_000), at(10_000, a=100), at(100_000, a=10)]

    assert departure(ROWS, readings, 1) < 1e-6


def test_a_gap_beside_a_sure_bend_is_halved_before_a_wider_one() -> None:
    bent = [at(1_000, a=100), at(3_000, a=100), at(6_000, a=50), at(100_000, a=3)]

    assert departure(ROWS, bent, 1) > 2
    assert departure(ROWS, bent, 2) < 1e-6, "straight from 3,000 on"
    assert following(ROWS, bent) == 1_700, "the widest gap, halved, is 24,000"


def test_of_two_gaps_beside_a_sure_bend_the_wider_one_is_halved() -> None:
    bent = [at(1_000, a=100), at(2_000, a=100), at(10_000, a=20), at(100_000, a=2)]

    assert departure(ROWS, bent, 1) > 2
    assert departure(ROWS, bent, 2) < 1e-6, "straight from 2,000 on"
    assert following(ROWS, bent) == 4_500, "the narrower gap, halved, is 1,400, and the widest 32,000"


def test_a_bend_within_chance_does_not_count() -> None:
    readings = [at(1_000, 0.2, a=100), at(2_000, 0.2, a=100), at(4_000, 0.2, a=80), at(100_000, 0.2, a=80)]

    assert departure(ROWS, readings, 2) < 2
    assert following(ROWS, readings) == 20_000


def test_the_gap_in_which_candidates_change_places_comes_first() -> None:
    readings = [at(1_000, a=100, b=50), at(2_000, a=90, b=100), at(100_000, a=1, b=99)]

    assert crosses(readings, 0)
    assert not crosses(readings, 1)
    assert following(ROWS, readings) == 1_400


def test_candidates_within_chance_of_each_other_change_no_places() -> None:
    assert not crosses([at(1_000, 0.1, a=100, b=99), at(2_000, 0.1, a=99, b=100)], 0)


def test_candidates_change_places_on_either_side_of_a_step_where_they_are_as_fast() -> None:
    readings = [at(1_000, a=200, b=100), at(10_000, a=100, b=101), at(100_000, a=50, b=100)]

    assert crosses(readings, 0)
    assert crosses(readings, 1)


def test_a_candidate_that_is_missing_at_a_step_counts_at_the_others() -> None:
    readings = [at(1_000, a=100, b=1), at(10_000, a=100), at(100_000, a=100, b=1)]

    assert departure(ROWS, readings, 1) == 0
    assert following(ROWS, readings) == 3_200


def test_a_value_that_came_to_nothing_is_not_tried_again_and_the_next_best_gap_is_halved() -> None:
    readings = [at(1_000, a=100), at(10_000, a=100), at(100_000, a=100)]
    first = following(ROWS, readings)
    assert first is not None
    second = following(ROWS, readings, {first})

    assert second not in {first, None}
    assert following(ROWS, readings, {first, second}) is None, "no other gap is left"


def test_no_step_follows_where_all_are_near() -> None:
    assert following(Over(field="clients", start=1, end=3, whole=True), [at(1, a=1), at(2, a=2), at(3, a=3)]) is None
