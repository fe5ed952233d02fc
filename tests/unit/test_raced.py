"""What the end of a run says of a candidate that left its race: leads that did not last, and what it left on."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import made_up
import numpy as np
import pytest
from made_up import WARMUP_BLOCKS, counted_trial

from schemabench.candidate import BASELINE
from schemabench.experiment import results
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.results import Watched
from schemabench.records import CandidateResult
from schemabench.statistics import beaten

NAMES = (BASELINE, CONTROL, "a", "b", "c")
WATCHED = Watched(contention={}, plans={}, grown={name: {} for name in NAMES}, missing={})
LEFT_AFTER, BLOCKS = 12, 60
"""Blocks that count."""
Speed = Callable[[str, int], float]
"""(entrant, block that counts) -> its speed in that block, relative to the baseline's."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return made_up.plan(tmp_path, "a", "b", "c", race=3)


def _raced(left: str, speed: Speed, places: int = 3) -> Measured:
    """Return a race that a candidate leaves after blocks of 14 seconds."""
    noise = np.random.default_rng(1).normal(0, 0.02, (WARMUP_BLOCKS + BLOCKS, len(NAMES)))
    measured = Measured(executed=WARMUP_BLOCKS + BLOCKS, warmup=WARMUP_BLOCKS, elapsed_s=14.0)
    for column, name in enumerate(NAMES):
        measured.trials[name] = [
            counted_trial(block, duration_s=float(0.2 * np.exp(some[column]) / speed(name, block - WARMUP_BLOCKS)))
            for block, some in enumerate(noise)
        ]
    rates = measured.rates(NAMES)[:LEFT_AFTER]
    found = beaten(rates, NAMES, control=CONTROL, candidates=4, places=places, staying={BASELINE})
    measured.trials[left] = measured.trials[left][: WARMUP_BLOCKS + LEFT_AFTER]
    measured.retire(left, None, found[left])
    return measured


def _found(plan: Plan, measured: Measured, without: Collection[str] = ()) -> CandidateResult:
    """Return the result of the candidate that left, where some others lost their rank."""
    baseline, *others = plan.candidates
    ranked = {BASELINE: baseline, CONTROL: baseline, **{one.name: one for one in others if one.name not in without}}
    (left,) = measured.retired
    return results.rank(plan, ranked, measured, WATCHED).results[left]


def _told(result: CandidateResult, code: str) -> str:
    """Return the notice of a code; empty if there is none."""
    return next((one.text for one in result.notices if one.code == code), "")


@pytest.mark.parametrize(
    ("later", "tied"),
    [(0.8, ()), (1.0, ()), (1.2, ("c",)), (1.6, ("c",))],
    ids=["as before", "nearer", "as fast as it was", "faster"],
)
def test_a_lead_of_who_left_a_race_over_somebody_that_catches_up_afterwards_is_a_tie(
    plan: Plan, later: float, tied: tuple[str, ...]
) -> None:
    def speed(name: str, block: int) -> float:
        return {"a": 1.5, "b": 1.2, "c": 0.8 if block < LEFT_AFTER else later}.get(name, 1.0)

    measured = _raced("b", speed, places=1)
    known = measured.retired["b"].beaten
    standing = _found(plan, measured).standing

    assert known is not None
    assert known.leads["c"].high < 0, "it was proved faster than c when it left"
    assert standing is not None
    assert (standing.rank, standing.tied_with) == (2, tied)
    assert (standing.to_others["c"].low < 1) == bool(tied), "the ratio's interval says the same"


def _of_four(name: str, _: int) -> float:
    return {"a": 1.5, "b": 1.3, "c": 0.8}.get(name, 1.0)


@pytest.mark.parametrize(("places", "lost"), [(3, ["a"]), (3, ["b"]), (2, ["a", "b"])])
def test_who_is_behind_fewer_than_when_it_left_since_others_lost_their_rank_may_have_a_place(
    plan: Plan, places: int, lost: list[str]
) -> None:
    found = _told(_found(replace(plan, race=places), _raced("c", _of_four, places), without=lost), "raced-in-doubt")

    assert found.startswith("c may have a place after all")
    assert f"since then {', '.join(lost)} lost " in found


@pytest.mark.parametrize(("places", "lost"), [(3, []), (2, ["a"]), (1, ["a", "b"])])
def test_who_is_behind_as_many_as_there_are_places_though_others_lost_their_rank_has_none(
    plan: Plan, places: int, lost: list[str]
) -> None:
    found = _found(replace(plan, race=places), _raced("c", _of_four, places), without=lost)

    assert not _told(found, "raced-in-doubt")


def test_the_time_until_a_candidate_left_is_called_that_of_blocks(plan: Plan) -> None:
    found = _told(_found(plan, _raced("c", _of_four)), "raced")

    assert found.startswith("c left the race after 12 blocks: its throughput was 0.5")
    assert found.endswith("All blocks until then, warm-up included, took 14.0 s")


@pytest.mark.parametrize("slow_until", [6, 21], ids=["before it left", "after it left"])
def test_blocks_of_who_left_that_are_warm_up_for_those_that_stayed_are_told(plan: Plan, slow_until: int) -> None:
    def speed(name: str, block: int) -> float:
        return _of_four(name, block) * (0.9 if name == "a" and block < slow_until else 1.0)

    measured = _raced("c", speed)
    measured.settle([name for name in NAMES if name != "c"])
    early = measured.warmup - WARMUP_BLOCKS

    assert early > 0
    assert (early >= LEFT_AFTER) == (slow_until > LEFT_AFTER)
    assert _told(_found(plan, measured), "raced").endswith(
        f"warm-up ended only after {'all' if early >= LEFT_AFTER else early} of c's blocks"
    )
