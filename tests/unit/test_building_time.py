"""What a run says beforehand of the time that it takes beyond its budget."""

import pytest

from schemabench.experiment.forecasting import forecast, forecast_turns


def test_long_building_is_forecast() -> None:
    text = forecast(43, 150.0, 40.0)

    assert text == (
        "checking and building 43 candidates takes about 2 min 30 s, in addition to the budget of 40.0 s and to what "
        "is compared at the end"
    )


def test_copies_are_forecast_with_it() -> None:
    assert forecast(43, 5.0, 40.0, 2.0) == ""
    assert ", and copying their databases meanwhile up to 16.0 s, in addition" in forecast(43, 5.0, 40.0, 16.0)


@pytest.mark.parametrize(
    ("expected_s", "budget_s"), [(9.0, 0.2), (10.0, 40.0), (119.0, 600.0)], ids=["short", "brief", "small-share"]
)
def test_building_that_is_short_or_a_small_share_is_not(expected_s: float, budget_s: float) -> None:
    assert forecast(4, expected_s, budget_s) == ""


def test_openings_by_turns_that_exceed_the_budget_are_forecast() -> None:
    assert forecast_turns(44, 1.0, 40.0) == (
        "opening the sessions of 44 entrants by turns takes about 44.0 s, in each of 3 blocks at least and once at the "
        "end: about 2 min 56 s, where the budget is 40.0 s. Less with fewer --clients or candidates, and none if the "
        "server's max_connections allows for all sessions at once"
    )


def test_openings_that_the_budget_suffices_for_are_not() -> None:
    assert not forecast_turns(44, 0.28, 40.0)
    assert not forecast_turns(44, 0.0, 40.0)
