"""The plan of a soak, what it refuses, slopes from turns, and what limits them: no server is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from random import Random

import laboratory
import pytest
from fixed_run import PAGEVIEWS, soak

from schemabench import Workload, Writer
from schemabench.errors import UsageError
from schemabench.experiment import Plan, check_soak, soaking
from schemabench.records import Estimate, Slope, Soak, SoakFigures, SoakSlice


@dataclass(frozen=True)
class Sizes:
    """The one cardinality."""


def _turns(lost: float, noise: float = 0.0, rounds: int = 21) -> list[SoakSlice]:
    """Return turns of a second, each of which loses a share of the rate, up and down by a share."""
    return [
        replace(
            soak(1.0, 1.0, None).slices[0],
            round=number,
            worked_s=float(number),
            duration_s=1.0,
            rate=100 * (1 - lost) ** number * (1 + noise * (-1) ** number),
            p50_ns=1e6 / (1 - lost) ** number,
            p99_ns=3e6 if number else None,
        )
        for number in range(rounds)
    ]


def test_slopes_are_for_the_given_time_without_the_first_round() -> None:
    first = replace(_turns(0.1)[0], rate=1.0)
    found = soaking.slopes({"baseline": _turns(0.0), "bloating": [first, *_turns(0.1)[1:]]}, 2.0)
    slopes = {one.figure: one for one in found["bloating"]}

    assert set(slopes) == {"rate", "p50_ns", "p99_ns"}, "what is missing in the first round alone is not missed"
    assert slopes["rate"].to_baseline is not None
    assert slopes["rate"].to_baseline.value == pytest.approx(0.9**2 - 1)
    assert slopes["p50_ns"].to_baseline is not None
    assert slopes["p50_ns"].to_baseline.value == pytest.approx(0.9**-2 - 1)


def _noisy(seed: int, tails: bool) -> list[SoakSlice]:  # noqa: FBT001 (whether p50 and p99 are known)
    """Return turns that differ by chance, with or without percentiles."""
    random = Random(seed)  # noqa: S311 (reproducible on purpose)
    noise = [[random.gauss(0, 0.05) for _ in range(3)] for _ in _turns(0.0)]
    return [
        replace(
            one,
            rate=one.rate * exp(rate),
            p50_ns=1e6 * exp(p50) if tails else None,
            p99_ns=3e6 * exp(4 * p99) if tails else None,
        )
        for one, (rate, p50, p99) in zip(_turns(0.0), noise, strict=True)
    ]


def test_intervals_hold_jointly_for_all_figures_that_are_known() -> None:
    def rate(tails: bool) -> tuple[Estimate, ...]:  # noqa: FBT001 (as above)
        turns = {name: _noisy(seed, tails) for seed, name in enumerate(("baseline", "control", "flat"))}
        slope = soaking.slopes(turns, 1.0)["flat"][0]
        assert slope.figure == "rate"
        assert slope.own
        assert slope.to_baseline
        return slope.own, slope.to_baseline

    for beside, alone in zip(rate(tails=True), rate(tails=False), strict=True):
        assert beside.value == alone.value
        assert beside.low < alone.low < alone.high < beside.high, "p50 and p99 may look like a drift, too"


def test_who_has_few_turns_has_no_slope_and_takes_none_from_others() -> None:
    found = soaking.slopes({"baseline": _turns(0.0), "late": _turns(0.0)[:5], "slow": _turns(0.0)[::2]}, 1.0)
    assert set(found) == {"baseline", "slow"}
    assert soaking.slopes({"baseline": _turns(0.0)[:5], "late": _turns(0.0)}, 1.0) == {}


def _without(turns: Sequence[SoakSlice], every: int) -> list[SoakSlice]:
    """Return the turns of one that is so slow that it skips a round in so many."""
    return [one for one in turns if one.round % every != every - 1]


def _told_of(entrants: Mapping[str, Sequence[SoakSlice]]) -> dict[str, dict[str, float | None]]:
    """Return each entrant's slopes against the baseline."""
    return {
        name: {one.figure: one.to_baseline and one.to_baseline.value for one in own}
        for name, own in soaking.slopes(entrants, 1.0).items()
    }


def test_who_skips_rounds_is_compared_over_its_own_and_takes_none_from_others() -> None:
    usual = {"baseline": _turns(0.0), "control": _turns(0.0), "healthy": _turns(0.1)}
    slow, slower = _without(_turns(0.1), 3), _without(_turns(0.1), 2)
    alone, together = _told_of(usual), _told_of({**usual, "slow": slow, "slower": slower})
    shared = {one.round for one in slow} & {one.round for one in slower}

    assert len(shared) < 10 <= len(slower)
    assert {name: together[name] for name in usual} == alone
    assert [together[one]["rate"] for one in ("slow", "slower")] == [pytest.approx(-0.1)] * 2


def test_two_that_share_too_few_rounds_have_slopes_of_their_own_alone() -> None:
    turns = _turns(0.1, rounds=31)
    found = soaking.slopes({"baseline": turns[::2], "other": turns[1::2], "usual": turns}, 1.0)
    rates = {name: own[0] for name, own in found.items()}

    assert all(one.own is not None and one.own.value == pytest.approx(-0.1) for one in rates.values())
    assert {name for name, one in rates.items() if one.to_baseline} == {"usual"}


@pytest.mark.parametrize("who", ["baseline", "candidate", "other"])
def test_a_percentile_that_is_not_known_in_a_round_is_missed_in_that_round_alone(who: str) -> None:
    gap = [replace(one, p99_ns=None) if one.round == 7 else one for one in _turns(0.0)]
    turns = {"baseline": _turns(0.0), "candidate": _turns(0.0), "other": _turns(0.0)}
    found = soaking.slopes({**turns, who: gap}, 1.0)

    assert found.keys() == turns.keys()
    for name, own in found.items():
        assert [one.figure for one in own] == ["rate", "p50_ns", "p99_ns"]
        assert all(one.own and bool(one.to_baseline) == (name != "baseline") for one in own)


def test_a_percentile_that_is_known_in_few_rounds_has_no_slope_and_takes_none_from_others() -> None:
    rare = [replace(one, p99_ns=None) if one.round % 3 else one for one in _turns(0.0)]
    found = soaking.slopes({"baseline": _turns(0.0), "rare": rare, "usual": _turns(0.0)}, 1.0)

    assert [one.figure for one in found["rare"]] == ["rate", "p50_ns"]
    assert [one.figure for one in found["usual"]] == ["rate", "p50_ns", "p99_ns"]
    alone = soaking.slopes({"baseline": rare, "usual": _turns(0.0)}, 1.0)["usual"]
    assert [bool(one.to_baseline) for one in alone] == [True, True, False], "there is nothing to compare with"


@pytest.mark.parametrize(
    ("asked_s", "expected"), [(3600.0, 600.0), (600.0, 600.0), (90.0, 60.0), (20.0, 10.0), (2.5, 1.0), (0.3, 0.3)]
)
def test_slopes_reach_no_further_than_the_soak(asked_s: float, expected: float) -> None:
    assert soaking.per_s(asked_s) == expected


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return a plan with a soak of ten minutes, whose smallest burst stands for ten seconds of production."""
    workload = Workload(
        name="counters",
        summary="nothing that matters here",
        cardinalities={"typical": Sizes()},
        writers=lambda _: [Writer(name="writer", kind="stream", clients=1)],
        burst=lambda *_: iter(()),
        production_s=lambda _: 10.0,
    )
    return Plan(
        found=laboratory.found(tmp_path, workload, "-- name: one\nSELECT 1;\n"),
        cardinality="typical",
        candidates=laboratory.installable(tmp_path / "schemas", {"baseline": "SELECT 1;\n"}),
        clients=1,
        budget_s=1.0,
        precision=0.01,
        seed=1,
        soak_s=600.0,
    )


def test_a_soak_shorter_than_production_needs_for_its_turns_is_refused_with_the_length_that_is_not(plan: Plan) -> None:
    check_soak(plan)
    short = replace(plan, soak_s=100.0)
    with pytest.raises(UsageError, match=r"stands for 10\.0 s, and a slope takes 11 of them") as refused:
        check_soak(short)
    assert "--soak 110s, or longer" in refused.value.remedies
    check_soak(replace(plan, soak_s=110.0))
    check_soak(replace(short, soak_closed=True))
    check_soak(replace(short, soak_s=0.0))


STEADY = soak(250.0, 1.0, None)
LOSING = soak(250.0, 0.94, Estimate(value=-0.1, low=-0.2, high=-0.05))


def _record() -> Soak:
    assert PAGEVIEWS.soak is not None
    return PAGEVIEWS.soak


def _told(record: Soak, figures: Mapping[str, SoakFigures] | None = None, unread: str = "") -> dict[str, str]:
    figures = {"baseline": STEADY, **(figures or {})}
    return {one.code: one.text for one in soaking.notices(record, figures, len(figures), unread)}


def test_a_soak_without_limits_has_no_notices() -> None:
    assert _told(_record(), {"flat": STEADY}) == {}


@pytest.mark.parametrize("setting", ["autovacuum", "track_counts"])
def test_a_server_that_vacuums_nothing_is_told_by_the_setting(setting: str) -> None:
    record = replace(_record(), settings={"autovacuum": "on", "track_counts": "on", setting: "off"})

    assert _told(record) == {
        "soak-no-autovacuum": f"The server has {setting} = off: during the soak, nothing was vacuumed but what had to "
        "be frozen"
    }


def test_pending_lists_that_cannot_be_read_are_told_with_why_and_what_it_takes() -> None:
    text = _told(_record(), unread='permission denied to create extension "pgstattuple"')["soak-pending-unknown"]

    assert 'not known: permission denied to create extension "pgstattuple". It takes a role that may' in text


def test_a_drift_beside_a_baseline_that_drifts_itself_is_told_to_be_the_machines_in_part() -> None:
    assert _told(_record(), {"flat": LOSING}) == {}
    drifting = replace(LOSING, slopes=tuple(replace(one, to_baseline=None) for one in LOSING.slopes))
    assert "If that was the machine" in _told(_record(), {"baseline": drifting, "flat": LOSING})["soak-baseline-drifts"]
    assert _told(_record(), {"baseline": drifting, "flat": STEADY}) == {}, "nobody is said to drift"


def test_a_tail_that_drifts_is_told_to_be_the_machines_in_part_like_a_rate() -> None:
    grows = Estimate(value=2.0, low=0.8, high=4.0)
    own = replace(STEADY, slopes=(*STEADY.slopes, Slope(figure="p99_ns", own=grows, to_baseline=None)))
    compared = replace(STEADY, slopes=(*STEADY.slopes, Slope(figure="p99_ns", own=None, to_baseline=grows)))

    assert _told(_record(), {"flat": compared}) == {}, "the baseline does not drift"
    assert _told(_record(), {"baseline": own, "flat": STEADY}) == {}, "nobody is said to drift"
    text = _told(_record(), {"baseline": own, "flat": compared})["soak-baseline-drifts"]
    assert text.startswith("The baseline's own figures changed during the soak (p99). If that was the machine")


@pytest.mark.parametrize("turns", [range(1, 5), range(8, 12)], ids=["at the beginning", "at the end"])
def test_a_busy_load_generator_at_one_end_is_told_however_idle_it_was_between(turns: range) -> None:
    slices = tuple(replace(one, busy_share=0.95 if one.round in turns else 0.5) for one in STEADY.slices)
    busy = replace(STEADY, slices=slices)

    assert _told(_record(), {"flat": busy})["soak-load-generator"].startswith(
        "The load generator was the bottleneck for flat at the beginning or the end of the soak: slopes"
    )
    assert "and all are compared with it" in _told(_record(), {"baseline": busy})["soak-load-generator"]


def test_entrants_that_came_differently_far_in_a_file_are_told_to_have_executed_other_calls() -> None:
    assert list(soaking._limits_of_course("", [20, 20])) == []
    (told,) = soaking._limits_of_course("", [20, 31, 24])
    assert told.code == "soak-other-calls"
    assert "the slowest replayed 20 bursts of the file and the fastest 31" in told.text


def test_who_falls_behind_production_is_told_with_how_often_and_how_far() -> None:
    late = replace(STEADY, slices=(*STEADY.slices[:-1], replace(STEADY.slices[-1], duration_s=45.0)))
    paced = replace(_record(), paced=True)

    assert _told(paced, {"flat": STEADY}) == {}
    assert _told(_record(), {"flat": late}) == {}, "without a pace nobody falls behind"
    text = _told(paced, {"flat": late})["soak-behind"]
    assert text.startswith(
        "flat did not keep up with production's pace in 1 of 12 turns, of which one took 45.0 s instead of 30.0 s"
    )
