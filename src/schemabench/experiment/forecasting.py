"""What a run says beforehand of the time that it takes beyond its budget.

Owns when that is worth saying, and the wording. Must not measure anything.
"""

from schemabench.experiment.sizing import FEWEST
from schemabench.units import format_duration

WORTH_SAYING_SHARE = 0.2
"""The share of the budget beyond which building is forecast."""
WORTH_SAYING_S = 10.0
"""Nobody wants to know of less."""


def forecast(candidates: int, expected_s: float, budget_s: float, copying_s: float = 0.0) -> str:
    """Return how long what the budget does not include will take, in words; empty unless that is much beside it.

    Args:
        candidates: How many, with the baseline.
        expected_s: What building them will take.
        budget_s: The measuring time, which building is no part of.
        copying_s: What copying all databases during the run will take at most; nor is that part of it.
    """
    if expected_s + copying_s <= max(WORTH_SAYING_S, WORTH_SAYING_SHARE * budget_s):
        return ""
    copying = f", and copying their databases meanwhile up to {format_duration(copying_s)}" if copying_s else ""
    return (
        f"checking and building {candidates} candidates takes about {format_duration(expected_s)}{copying}, in "
        f"addition to the budget of {format_duration(budget_s)} and to what is compared at the end"
    )


def forecast_turns(entrants: int, opening_s: float, budget_s: float) -> str:
    """Return how long blocks take at least where sessions are open by turns, in words; empty if the budget suffices.

    Args:
        entrants: How many, the control among them.
        opening_s: What opening the sessions of one takes.
        budget_s: The measuring time, which opening is part of.
    """
    once_s = entrants * opening_s
    fewest_s = (FEWEST + 1) * once_s
    if fewest_s - budget_s <= max(WORTH_SAYING_S, WORTH_SAYING_SHARE * budget_s):
        return ""
    return (
        f"opening the sessions of {entrants} entrants by turns takes about {format_duration(once_s)}, in each of "
        f"{FEWEST} blocks at least and once at the end: about {format_duration(fewest_s)}, where the budget is "
        f"{format_duration(budget_s)}. Less with fewer --clients or candidates, and none if the server's "
        "max_connections allows for all sessions at once"
    )
