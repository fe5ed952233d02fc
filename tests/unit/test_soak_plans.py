"""The plan of a soak, what it refuses, slopes from turns, and what limits them: no server is needed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import laboratory
import pytest
from fixed_run import PAGEVIEWS, soak

from schemabench import Workload, Writer
from schemabench.errors import UsageError
from schemabench.experiment import Plan, check_soak, soaking
from schemabench.records import Estimate, Soak, SoakFigures, SoakSlice


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


def test_who_has_few_turns_has_no_slope_and_takes_none_from_others() -> None:
    found = soaking.slopes({"baseline": _turns(0.0), "late": _turns(0.0)[:5], "slow": _turns(0.0)[::2]}, 1.0)
    assert set(found) == {"baseline", "slow"}
    assert soaking.slopes({"baseline": _turns(0.0)[:5], "late": _turns(0.0)}, 1.0) == {}


def test_a_percentile_that_is_not_known_in_every_round_has_no_slope() -> None:
    gap = [replace(one, p99_ns=None) if one.round == 7 else one for one in _turns(0.0)]
    assert [one.figure for one in soaking.slopes({"baseline": gap}, 1.0)["baseline"]] == ["rate", "p50_ns"]


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


def test_who_falls_behind_production_is_told_with_how_often_and_how_far() -> None:
    late = replace(STEADY, slices=(*STEADY.slices[:-1], replace(STEADY.slices[-1], duration_s=45.0)))
    paced = replace(_record(), paced=True)

    assert _told(paced, {"flat": STEADY}) == {}
    assert _told(_record(), {"flat": late}) == {}, "without a pace nobody falls behind"
    text = _told(paced, {"flat": late})["soak-behind"]
    assert text.startswith(
        "flat did not keep up with production's pace in 1 of 12 turns, of which one took 45.0 s instead of 30.0 s"
    )
