"""From trials to records: the saturation gate, both ranks, costs, retries and notices, of made-up trials."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import pytest

from schemabench.experiment import results
from schemabench.experiment.blocks import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import WARMUP_BLOCKS, Plan
from schemabench.experiment.results import Rankings, Watched
from schemabench.monitor import counters
from schemabench.monitor.cache import Cache
from schemabench.records import CandidateResult, Notice, Retries, Trial

BLOCKS = 16
NAMES = ("baseline", CONTROL, "a", "b")
WATCHED = Watched(contention={}, plans={}, grown={name: {} for name in NAMES}, missing={})
Changes = Callable[[str, int], Mapping[str, Any]]
"""(entrant, block) -> fields of its trial in that block that are not as usual."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(
        found=made_up.found(tmp_path),
        cardinality="typical",
        candidates=made_up.candidates(tmp_path / "schemas", "a", "b"),
        clients=3,
        budget_s=8.0,
        precision=0.01,
        seed=1,
        sample_hz=50.0,
    )


def _trial(block: int, **changes: Any) -> Trial:  # noqa: ANN401 (any field)
    fields: dict[str, Any] = {
        "block": block,
        "position": 0,
        "warmup": block < WARMUP_BLOCKS,
        "started_s": float(block),
        "duration_s": 0.2 * (1 + block % 5 / 100),
        "operations": 100,
        "rows": 80,
        "retries": 0,
        "busy_share": 0.3,
        "writers_s": {"stream": 0.2, "reader": 0.19},
        "waits": {"running": 8, "Lock": 2},
        "counters": {"wal_bytes": 8000.0 + block, "rows_updated": 50.0, "rows_hot_updated": 40.0},
    }
    return Trial(**fields | changes)


def _measured(changes: Changes = lambda *_: {}, **fields: Any) -> Measured:  # noqa: ANN401 (any field)
    measured = Measured(**fields)
    for name in NAMES:
        for block in range(WARMUP_BLOCKS + BLOCKS):
            measured.trials[name].append(_trial(block, **changes(name, block)))
        measured.times[name, "add"].append((WARMUP_BLOCKS, np.full(1000, 1_000_000, dtype=np.int64)))
    return measured


def _rank(plan: Plan, measured: Measured, watched: Watched = WATCHED) -> Rankings:
    baseline, *others = plan.candidates
    candidates = {"baseline": baseline, CONTROL: baseline, **{one.name: one for one in others}}
    return results.rank(plan, candidates, measured, watched)


def _ranked(plan: Plan, measured: Measured) -> Mapping[str, CandidateResult]:
    return _rank(plan, measured).results


def _notices(measured: Measured, missing: Mapping[str, str] | None = None) -> dict[str, str]:
    found: tuple[Notice, ...] = results.notices(measured, replace(WATCHED, missing=missing or {}))
    return {notice.code: notice.text for notice in found}


def test_a_client_that_is_what_was_measured_makes_the_experiment_invalid_and_says_what_to_do() -> None:
    reason = results.saturation(_measured(lambda *_: {"busy_share": 0.97}))

    assert reason.startswith("The load loop was busy 97 % of the time")
    assert [word for word in ("pytest -n 2", "--clients N", "upserting an array") if word not in reason] == []


@pytest.mark.parametrize("busy_share", [0.0, 0.3, 0.81, 0.95])
def test_a_client_that_keeps_up_makes_nothing_invalid(busy_share: float) -> None:
    assert results.saturation(_measured(lambda *_: {"busy_share": busy_share})) == ""


def test_warm_up_and_a_few_busy_trials_make_nothing_invalid() -> None:
    measured = _measured(lambda name, block: {"busy_share": 1.0} if block < WARMUP_BLOCKS or name == "a" else {})

    assert results.saturation(measured) == ""
    assert results.busy_share(measured) == 0.3


def test_each_workers_loop_is_told_by_its_median_counted_trial() -> None:
    measured = _measured(lambda _, block: {"busy_shares": (0.1, 0.2) if block % 2 or block > 4 else (0.9, 0.9)})

    assert results.busy_shares(measured) == {}
    measured.workers = ("gw0", "gw1")
    assert results.busy_shares(measured) == {"gw0": 0.1, "gw1": 0.2}


@pytest.mark.parametrize(("busy_share", "noted"), [(0.8, False), (0.81, True), (0.97, True)])
def test_a_busy_client_is_noted(busy_share: float, noted: bool) -> None:  # noqa: FBT001 (the expected value)
    found = _notices(_measured(lambda *_: {"busy_share": busy_share}))

    assert ("client-saturated" in found) is noted
    assert not noted or f"busy {100 * busy_share:.0f} % of the time" in found["client-saturated"]


def test_a_candidate_that_cannot_be_compared_keeps_its_trials_and_its_reason(plan: Plan) -> None:
    measured = _measured()
    invalid = results.unranked(plan.candidates[1], "invalid", "too busy", measured)
    skipped = results.unranked(plan.candidates[1], "skipped", "too new")

    assert (invalid.status, invalid.reason, invalid.trials) == ("invalid", "too busy", tuple(measured.trials["a"]))
    assert (invalid.standing, invalid.lock_standing, invalid.costs) == (None, None, ())
    assert (skipped.status, skipped.trials) == ("skipped", ())


def test_a_candidates_path_is_told_from_where_the_run_was_started(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plan.candidates[1].file.path
    elsewhere = results.unranked(plan.candidates[1], "skipped", "too new")
    monkeypatch.chdir(path.parents[1])
    inside = results.unranked(plan.candidates[1], "skipped", "too new")

    assert elsewhere.path == str(path)
    assert inside.path == str(path.relative_to(path.parents[1]))


def test_who_waits_less_is_ranked_before_who_waits_more(plan: Plan) -> None:
    ranked = _rank(plan, _measured(lambda name, _: {"waits": {"running": 4, "Lock": 6}} if name == "a" else {}))
    standings = {name: result.lock_standing for name, result in ranked.results.items()}

    assert {name: standing.rank for name, standing in standings.items() if standing} == {"baseline": 1, "a": 3, "b": 1}
    assert standings["a"] is not None
    assert standings["a"].share.value == pytest.approx(0.6)
    assert standings["a"].difference.value == pytest.approx(0.4)
    assert ranked.locks is not None
    assert ranked.locks.control is not None


def test_the_front_has_who_is_not_beaten_in_one_without_winning_in_the_other(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        quick = {"duration_s": 0.1 * (1 + block % 7 / 100), "waits": {"running": 4, "Lock": 6}}
        slow = {"duration_s": 0.4 * (1 + block % 7 / 100)}
        return {"a": quick, "b": slow}.get(name, {})

    ranked = _ranked(plan, _measured(changes))

    assert {name for name, result in ranked.items() if result.on_front} == {"baseline", "a"}


def test_nothing_is_ranked_by_lock_waits_where_nothing_was_sampled(plan: Plan) -> None:
    ranked = _rank(replace(plan, sample_hz=0.0), _measured(lambda *_: {"waits": {}}))

    assert ranked.locks is None
    assert [result.lock_standing for result in ranked.results.values()] == [None] * 3
    assert not any(result.on_front for result in ranked.results.values())


def test_nobody_is_ranked_by_lock_waits_where_the_sampler_saw_nobody(plan: Plan) -> None:
    ranked = _rank(plan, _measured(lambda *_: {"waits": {}}))

    assert ranked.locks is not None
    assert ranked.locks.standings == ()
    assert [(result.lock_standing, result.on_front) for result in ranked.results.values()] == [(None, False)] * 3


def test_everyone_has_the_same_measures_in_the_same_order(plan: Plan) -> None:
    measured = _measured(
        lambda name, _: {"counters": {"wal_bytes": 4000.0, "rows_updated": 0.0}} if name == "a" else {}
    )
    costs = {name: {cost.name: cost for cost in result.costs} for name, result in _ranked(plan, measured).items()}

    assert {tuple(some) for some in costs.values()} == {tuple(measure.name for measure in counters.MEASURES)}
    assert costs["a"]["wal_bytes"].value == pytest.approx(50.0)
    assert costs["a"]["wal_bytes"].ratio is not None
    assert costs["a"]["wal_bytes"].ratio.value == pytest.approx(0.5, rel=0.01)
    assert costs["a"]["wal_bytes"].differs
    assert (costs["baseline"]["wal_bytes"].ratio, costs["baseline"]["wal_bytes"].differs) == (None, False)
    assert (costs["a"]["hot_share"].value, costs["b"]["hot_share"].value) == (None, pytest.approx(0.8))
    assert {some["temp_bytes"].value for some in costs.values()} == {None}


def test_a_block_in_which_one_trial_lacks_a_counter_does_not_count_for_anyone(plan: Plan) -> None:
    lacking = _measured(lambda name, block: {"counters": {}} if (name, block) == ("a", WARMUP_BLOCKS + 3) else {})
    costs = {name: {cost.name: cost for cost in result.costs} for name, result in _ranked(plan, lacking).items()}

    assert costs["a"]["wal_bytes"].value == pytest.approx(100.0, rel=0.05)
    assert costs["a"]["wal_bytes"].ratio is not None


def test_a_counter_that_only_warm_up_lacks_has_its_total(plan: Plan) -> None:
    lacking = _measured(lambda _, block: {"counters": {}} if block < WARMUP_BLOCKS else {})

    assert _ranked(plan, lacking)["a"].costs[0].value is not None


def test_growth_is_that_of_all_trials_for_each_row_that_any_wrote(plan: Plan) -> None:
    rows = 80 * (WARMUP_BLOCKS + BLOCKS)
    grown = {name: {"table_bytes": 3.0 * rows, "index_bytes": 0.0} for name in NAMES} | {"a": {"table_bytes": -rows}}
    found = _rank(plan, _measured(), replace(WATCHED, grown=grown)).results
    costs = {name: {cost.name: cost.value for cost in result.costs} for name, result in found.items()}

    assert (costs["b"]["table_bytes"], costs["b"]["index_bytes"]) == (pytest.approx(3.0), 0.0)
    assert (costs["a"]["table_bytes"], costs["a"]["index_bytes"]) == (pytest.approx(-1.0), None)


def test_attempts_are_more_than_operations_by_what_was_undone(plan: Plan) -> None:
    measured = _measured(lambda name, _: {"retries": 25} if name == "a" else {})
    measured.undone["a"][WARMUP_BLOCKS] = {
        ("move", "deadlock"): 300,
        ("add", "serialization failure"): 100,
        ("add", "deadlock"): 0,
    }
    ranked = _ranked(plan, measured)

    for name, factor in (("a", 1.25), ("b", 1.0)):
        operations, attempts = ranked[name].operations_per_s, ranked[name].attempts_per_s
        assert operations is not None
        assert attempts is not None
        assert attempts.value == pytest.approx(operations.value * factor, rel=0.01)
    assert ranked["a"].retries == (
        Retries(operation="add", reason="serialization failure", count=100),
        Retries(operation="move", reason="deadlock", count=300),
    )
    (notice,) = ranked["a"].notices
    assert "add 100 (serialization failure), move 300 (deadlock)" in notice.text
    assert [one.retries for one in ranked["a"].latencies] == [100]
    assert (ranked["b"].retries, ranked["b"].notices) == ((), ())


def test_what_was_seen_beside_the_trials_goes_to_its_candidate(plan: Plan) -> None:
    contention: Any = {name: f"contention of {name}" for name in NAMES}
    plans: Any = {name: (f"plan of {name}",) for name in NAMES}
    notices = {"a": (Notice(code="plan-stale", text="of a"),)}
    found = _rank(plan, _measured(), replace(WATCHED, contention=contention, plans=plans, notices=notices)).results

    assert {name: result.notices for name, result in found.items()} == {"baseline": (), "a": notices["a"], "b": ()}
    assert [(result.contention, result.plans) for result in found.values()] == [
        (f"contention of {name}", (f"plan of {name}",)) for name in ("baseline", "a", "b")
    ]


@pytest.mark.parametrize(("alone_s", "noted"), [(0.04, False), (0.06, True)])
def test_a_writer_that_works_alone_for_long_is_noted(alone_s: float, noted: bool) -> None:  # noqa: FBT001 (the expected value)
    measured = _measured(lambda *_: {"duration_s": 0.2, "writers_s": {"stream": 0.2 - alone_s, "reader": 0.2}})

    assert ("one-writer" in _notices(measured)) is noted
    assert not noted or "For 30 % of the time only the writer 'reader'" in _notices(measured)["one-writer"]


def test_a_workload_of_one_writer_is_not_reproached_with_it() -> None:
    assert "one-writer" not in _notices(_measured(lambda *_: {"writers_s": {"stream": 0.2}}))


def test_what_was_measured_after_checkpoints_counts_for_its_own_measures_alone(plan: Plan) -> None:
    measured = _measured()
    for name, wal_bytes in (("baseline", 40_000.0), (CONTROL, 40_000.0), ("a", 80_000.0), ("b", 40_000.0)):
        measured.after_checkpoint[name] = [
            _trial(20 + block, duration_s=9.0, counters={"wal_bytes_after_checkpoint": wal_bytes + block})
            for block in range(10)
        ]
    found = _ranked(plan, measured)
    costs = {name: {cost.name: cost for cost in result.costs} for name, result in found.items()}
    after = costs["a"]["wal_bytes_after_checkpoint"]

    assert (after.title, after.value) == ("WAL after a checkpoint", pytest.approx(1000.0, rel=0.01))
    assert after.ratio is not None
    assert (after.ratio.value, after.differs) == (pytest.approx(2.0, rel=0.01), True)
    assert costs["a"]["wal_bytes"].value == costs["b"]["wal_bytes"].value == pytest.approx(100.0, rel=0.01)
    assert costs["a"]["full_page_images_after_checkpoint"].value is None
    assert max(trial.duration_s for trial in found["a"].trials) < 1


def test_how_much_of_a_candidate_was_in_the_cache_is_told(plan: Plan) -> None:
    cache = Cache(size_bytes=100, relations_bytes={"a": 80, "b": 40}, cached_bytes={"a": 20, "b": 50})
    measured = _measured(lambda *_: {"counters": {"blocks_hit": 75.0, "blocks_read": 25.0}})
    found = _rank(plan, measured, replace(WATCHED, cache=cache)).results

    assert {name: (one.resident_share, one.cached_share) for name, one in found.items()} == {
        "baseline": (0.75, None),
        "a": (0.75, 0.25),
        "b": (0.75, 1.0),
    }


@pytest.mark.parametrize(("share", "noted"), [(None, False), (0.0, False), (0.009, False), (0.02, True)])
def test_stolen_time_is_noted_where_it_matters(share: float | None, noted: bool) -> None:  # noqa: FBT001 (the expected value)
    assert ("stolen-time" in _notices(_measured(steal_share=share))) is noted


def test_what_the_server_does_not_count_is_noted_once_for_each_reason() -> None:
    missing = {"wal_bytes": "no right to it", "wal_fpi": "no right to it", counters.CPU: "the server is elsewhere"}
    watched = replace(WATCHED, missing=missing)
    found = [notice.text for notice in results.notices(_measured(), watched) if notice.code == "counters-missing"]

    assert found == [
        "Not counted: WAL, full-page images (no right to it)",
        "Not counted: backend CPU (the server is elsewhere)",
    ]
