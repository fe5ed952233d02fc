"""Whether trials speak of the schema: the client and lone writers, entrant by entrant, of made-up trials."""

from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from made_up import WARMUP_BLOCKS

from schemabench.experiment import gates
from schemabench.experiment.measured import Measured
from schemabench.records import Trial

NAMES = ("baseline", "slow", "fast")
BLOCKS = 8


def _trial(block: int, busy_share: float, writers_s: Mapping[str, float]) -> Trial:
    return Trial(
        block=block,
        position=0,
        warmup=block < WARMUP_BLOCKS,
        started_s=float(block),
        duration_s=max(writers_s.values()),
        operations=100,
        rows=80,
        retries=0,
        busy_share=busy_share,
        writers_s=writers_s,
    )


def _measured(
    busy: Mapping[str, float] | None = None, writers_s: Mapping[str, Mapping[str, float]] | None = None
) -> Measured:
    """Return trials in which loops are idle and writers end together, but for who is named."""
    measured = Measured()
    for name in NAMES:
        share, own_s = (busy or {}).get(name, 0.2), (writers_s or {}).get(name, {"stream": 0.2, "reader": 0.19})
        measured.trials[name] = [
            _trial(block, 1.0 if block < WARMUP_BLOCKS else share, own_s) for block in range(WARMUP_BLOCKS + BLOCKS)
        ]
    return measured


def _notices(measured: Measured) -> list[tuple[str, str]]:
    return [(notice.code, notice.text) for notice in gates.notices(measured, NAMES)]


def test_a_baseline_that_the_client_limits_makes_the_experiment_invalid_and_says_what_to_do() -> None:
    reason = gates.saturation(_measured(dict.fromkeys(NAMES, 0.97)))

    assert reason.startswith("The load generator was the bottleneck: it was busy 97 % of the time")
    assert [word for word in ("pytest -n 2", "--clients N", "upserting an array") if word not in reason] == []


def test_slow_candidates_do_not_excuse_a_baseline_that_the_client_limits() -> None:
    assert gates.saturation(_measured({"baseline": 0.97, "slow": 0.1, "fast": 0.1}))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.81, 0.95])
def test_a_client_that_keeps_up_with_the_baseline_makes_nothing_invalid(share: float) -> None:
    assert gates.saturation(_measured({"baseline": share, "fast": 1.0})) == ""


def test_slow_candidates_do_not_excuse_a_fast_one_that_the_client_limits() -> None:
    assert gates.limited(_measured({"fast": 0.97}), ["slow", "fast"]) == {"fast"}


@pytest.mark.parametrize(("share", "is_limited"), [(0.8, False), (0.81, True), (1.0, True)])
def test_a_candidate_is_limited_from_a_share_on(share: float, is_limited: bool) -> None:  # noqa: FBT001 (the expected value)
    assert gates.limited(_measured({"fast": share}), ["fast"]) == ({"fast"} if is_limited else set())


def test_only_who_is_limited_more_than_the_baseline_has_a_lower_bound() -> None:
    assert gates.limited(_measured({"baseline": 0.9, "slow": 0.85, "fast": 0.93}), ["slow", "fast"]) == {"fast"}


def test_trials_to_warm_up_limit_nobody() -> None:
    measured = _measured()
    for name in NAMES:
        measured.trials[name] = measured.trials[name][:WARMUP_BLOCKS]

    assert gates.limited(measured, ["slow", "fast"]) == set()
    assert gates.saturation(measured) == ""


@pytest.mark.parametrize(("share", "noted"), [(0.8, False), (0.81, True), (0.97, True)])
def test_a_client_that_is_busy_under_the_baseline_is_noted(share: float, noted: bool) -> None:  # noqa: FBT001 (the expected value)
    found = dict(_notices(_measured({"baseline": share})))

    assert ("client-saturated" in found) is noted
    assert (
        not noted
        or f"Under the baseline the load generator was busy {100 * share:.0f} % of" in found["client-saturated"]
    )
    assert not noted or "To measure more: spread the load" in found["client-saturated"]


@pytest.mark.parametrize(("alone_s", "noted"), [(0.04, False), (0.06, True)])
def test_a_writer_that_works_alone_for_long_under_one_candidate_is_noted(alone_s: float, noted: bool) -> None:  # noqa: FBT001 (the expected value)
    found = _notices(_measured(writers_s={"fast": {"stream": 0.2 - alone_s, "reader": 0.2}}))

    assert [code for code, _ in found] == ["one-writer"] * noted
    assert not noted or found[0][1] == (
        "Under fast only the writer 'reader' was still working for the last 30 % of a trial, on average: throughput "
        "hides how soon the others are done. See the ratio of each writer"
    )


def test_a_writer_that_works_alone_under_all_candidates_is_noted_once() -> None:
    alone_s = {"baseline": 0.06, "slow": 0.1, "fast": 0.08}
    writers_s = {name: {"stream": 0.2 - own_s, "reader": 0.2} for name, own_s in alone_s.items()}
    ((_, text),) = _notices(_measured(writers_s=writers_s))

    assert text.startswith(
        "Under all candidates only the writer 'reader' was still working for the last 30 % to 50 % of a trial"
    )


def test_a_writer_that_is_last_in_every_other_trial_alone_is_not_alone_for_long() -> None:
    measured = _measured()
    ends = ({"stream": 0.2, "reader": 0.12}, {"stream": 0.12, "reader": 0.2})
    measured.trials["fast"] = [_trial(block, 0.2, ends[block % 2]) for block in range(WARMUP_BLOCKS + BLOCKS)]

    assert _notices(measured) == []


def test_a_workload_of_one_writer_is_not_reproached_with_it() -> None:
    assert _notices(_measured(writers_s={name: {"stream": 0.2} for name in NAMES})) == []


@pytest.mark.parametrize("several", [True, False])
def test_ages_that_several_clocks_leave_unknown_are_noted(*, several: bool) -> None:
    measured = _measured()
    measured.freshness = SimpleNamespace(by_several_clocks=several)  # type: ignore[assignment] # a fake

    assert [code for code, _ in _notices(measured)] == (["ages-between-hosts"] if several else [])
