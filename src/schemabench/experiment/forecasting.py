"""What a run says beforehand of the time that it takes beyond its budget.

Owns when that is worth saying, or too much to begin, and the wording. Must not measure anything.
"""

import math
from dataclasses import dataclass

from schemabench import statistics
from schemabench.errors import UsageError
from schemabench.experiment.plan import Plan
from schemabench.experiment.sizing import FEWEST, UNCOUNTED
from schemabench.units import format_duration, plural

WORTH_SAYING_SHARE = 0.2
"""The share of the budget beyond which building is forecast, and blocks are refused."""
WORTH_SAYING_S = 10.0
"""Nobody wants to know of less."""
_NOBODY_MINDS_S = 5.0
"""A run may exceed its budget by this much, however short it is."""
_ROUND_S = 10
"""A budget that is asked for is a multiple of this."""


def forecast(
    candidates: int, expected_s: float, budget_s: float, copying_s: float = 0.0, *, is_step: bool = False
) -> str:
    """Return how long what the measuring time does not include will take, in words; empty unless it is much beside it.

    Args:
        candidates: How many, with the baseline.
        expected_s: What building them will take.
        budget_s: The measuring time, which building is no part of.
        copying_s: What copying all databases during the run will take at most; nor is that part of it.
        is_step: Whether the experiment is one step of several, which share the budget of a user.
    """
    if not _is_worth_saying(expected_s + copying_s, budget_s):
        return ""
    copying = f", and copying their databases meanwhile up to {format_duration(copying_s)}" if copying_s else ""
    measuring = "the {} of its blocks" if is_step else "the budget of {}"
    return (
        f"checking and building {candidates} candidates takes about {format_duration(expected_s)}{copying}, in "
        f"addition to {measuring.format(format_duration(budget_s))} and to what is compared at the end"
    )


def forecast_afterwards(plan: Plan) -> str:
    """Return how long what entrants do by turns after the blocks takes, in words; empty unless it is much."""
    entrants = len(plan.candidates) + 1
    steps = {"replaying production's load": plan.adequacy_s if plan.production_s else 0.0, "the soak": plan.soak_s}
    told = [
        f"{what} takes about {format_duration(entrants * each_s)}, {format_duration(each_s)} for each of {entrants} "
        "entrants"
        for what, each_s in steps.items()
        if _is_worth_saying(entrants * each_s, plan.budget_s)
    ]
    return f"after the blocks, {', and '.join(told)}" if told else ""


def forecast_blocks(plan: Plan, block_s: float, *, by_turns: bool = False) -> str:
    """Return that the fewest blocks take longer than the budget, in words; empty unless that is much longer.

    Args:
        plan: The experiment; nothing is told of one without a budget of its own.
        block_s: The time of the first block, whose bursts are short.
        by_turns: Whether sessions are opened for each trial.

    Raises:
        UsageError: They do, and sessions are: with the budget that a verdict needs.
    """
    if not plan.has_own_budget or not _exceeds(FEWEST * block_s, plan.budget_s):
        return ""
    text = (
        f"the first block took {format_duration(block_s)}, and a run has {FEWEST} at least: at this pace they take "
        f"{format_duration(FEWEST * block_s)}, where the budget is {format_duration(plan.budget_s)}"
    )
    if not by_turns:
        return text
    telling = UNCOUNTED + statistics.fewest_blocks(len(plan.candidates))
    raise UsageError(
        f"The budget of {plan} is too short with sessions by turns: {text}",
        remedies=[
            f"give the run more time: --budget {_rounded(telling * block_s)}, for {telling} blocks, as a verdict needs",
            "open fewer sessions: --clients N, or --candidate NAME for some of the candidates",
        ],
    )


def _rounded(seconds: float) -> str:
    """Return a budget as it is asked for."""
    return f"{math.ceil(seconds / _ROUND_S) * _ROUND_S}s"


def _is_worth_saying(expected_s: float, budget_s: float) -> bool:
    """Return whether anybody wants to know of a time that the budget does not include."""
    return expected_s > max(WORTH_SAYING_S, WORTH_SAYING_SHARE * budget_s)


def _exceeds(expected_s: float, budget_s: float) -> bool:
    """Return whether a time exceeds the budget by more than anybody minds."""
    return expected_s - budget_s > max(_NOBODY_MINDS_S, WORTH_SAYING_SHARE * budget_s)


@dataclass(frozen=True, kw_only=True)
class Openings:
    """What opening sessions by turns takes."""

    entrants: int
    """How many, the control among them."""
    clients: int
    """The sessions of each."""
    opening_s: float
    """What opening the sessions of one takes."""
    turn_s: float
    """That of a whole turn on the baseline: closing and opening them, a lead-in, and the shortest trial."""
    lacking: int
    """How many more connections all entrants at once need."""

    @property
    def block_s(self) -> float:
        """The time of a block with the shortest trials."""
        return self.entrants * self.turn_s

    @property
    def telling_blocks(self) -> int:
        """The fewest blocks that can tell candidates apart, with those that do not count."""
        return UNCOUNTED + statistics.fewest_blocks(self.entrants - 1)

    def check(self, budget_s: float) -> None:
        """Refuse a budget that the fewest blocks of a run exceed by much.

        Raises:
            UsageError: With the budget that a verdict needs.
        """
        if not _exceeds(FEWEST * self.block_s, budget_s):
            return
        more = plural(self.lacking, "more session")
        raise UsageError(
            f"A budget of {format_duration(budget_s)} is too short for {self.entrants} entrants with "
            f"{plural(self.clients, 'session')} each, which the server has room for by turns only",
            checked=[
                f"opening those of one entrant takes about {format_duration(self.opening_s)}",
                f"a block of all entrants takes at least {format_duration(self.block_s)}",
                f"a run has {FEWEST} blocks at least, and {self.telling_blocks} can tell candidates apart",
            ],
            remedies=[
                f"give the run more time: --budget {_rounded(self.telling_blocks * self.block_s)}",
                "open fewer sessions: --clients N, or --candidate NAME for some of the candidates",
                f"use a server with memory and max_connections for {more}: then all stay open",
            ],
        )

    def forecast(self, budget_s: float) -> str:
        """Return how many blocks a budget has room for, in words; empty if they can tell candidates apart."""
        if self.telling_blocks * self.block_s <= budget_s:
            return ""
        room = max(FEWEST, int(budget_s / self.block_s))
        return (
            f"opening the sessions of {self.entrants} entrants by turns takes about "
            f"{format_duration(self.entrants * self.opening_s)} in each block: the budget of "
            f"{format_duration(budget_s)} has room for {plural(room, 'block')}, and the {self.telling_blocks} that can "
            f"tell candidates apart take {format_duration(self.telling_blocks * self.block_s)}"
        )
