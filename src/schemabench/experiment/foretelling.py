"""What a run says beforehand of the time that it takes beyond its budget.

Owns when that is worth saying, and the wording. Must not measure anything.
"""

from schemabench.units import format_duration

WORTH_SAYING_SHARE = 0.2
"""The share of the budget beyond which building is foretold."""
WORTH_SAYING_S = 10.0
"""Nobody wants to know of less."""


def foretold(candidates: int, expected_s: float, budget_s: float) -> str:
    """Return how long building will take, in words; empty unless that is much beside the budget.

    Args:
        candidates: How many, with the baseline.
        expected_s: What building them will take.
        budget_s: The measuring time, which building is no part of.
    """
    if expected_s <= max(WORTH_SAYING_S, WORTH_SAYING_SHARE * budget_s):
        return ""
    return (
        f"checking and building {candidates} candidates takes about {format_duration(expected_s)}, in addition to the "
        f"budget of {format_duration(budget_s)}"
    )
