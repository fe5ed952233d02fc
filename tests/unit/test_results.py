"""From trials to records: both ranks, each writer's ratio, costs, retries and notices, of made-up trials."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_up
import msgspec
import numpy as np
import pytest
from made_up import WARMUP_BLOCKS, counted_trial

from schemabench.candidate import BASELINE
from schemabench.experiment import results
from schemabench.experiment.burst import Encoded
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.results import Rankings, Watched
from schemabench.monitor import counters
from schemabench.monitor.cache import Cache
from schemabench.records import CandidateResult, Notice, RolledBack
from schemabench.sending import Sending
from schemabench.statistics import Beaten, beaten

BLOCKS = 16
NAMES = ("baseline", CONTROL, "a", "b")
WATCHED = Watched(contention={}, plans={}, grown={name: {} for name in NAMES}, missing={})
Changes = Callable[[str, int], Mapping[str, Any]]
"""(entrant, block) -> fields of its trial in that block that are not as usual."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return made_up.plan(tmp_path, "a", "b", budget_s=8.0, sample_hz=50.0)


def _measured(
    changes: Changes = lambda *_: {},
    blocks: int = BLOCKS,
    **fields: Any,  # noqa: ANN401 (any field)
) -> Measured:
    measured = Measured(**fields)
    for name in NAMES:
        for block in range(WARMUP_BLOCKS + blocks):
            measured.trials[name].append(counted_trial(block, **changes(name, block)))
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


def test_each_workers_loop_is_told_by_its_median_counted_trial() -> None:
    measured = _measured(lambda _, block: {"busy_shares": (0.1, 0.2) if block % 2 or block > 4 else (0.9, 0.9)})

    assert results.busy_shares(measured) == {}
    measured.workers = ("gw0", "gw1")
    assert results.busy_shares(measured) == {"gw0": 0.1, "gw1": 0.2}


def test_a_candidate_that_cannot_be_compared_keeps_its_trials_and_its_reason(plan: Plan) -> None:
    measured = _measured()
    invalid = results.unranked(plan.candidates[1], "invalid", "too busy", measured)
    skipped = results.unranked(plan.candidates[1], "skipped", "too new")

    assert (invalid.status, invalid.reason, invalid.trials) == ("invalid", "too busy", tuple(measured.trials["a"]))
    assert (invalid.standings, invalid.costs) == ({}, ())
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
    standings = {name: result.standings["lock_waits"] for name, result in ranked.results.items()}

    assert {name: standing.rank for name, standing in standings.items()} == {"baseline": 1, "a": 3, "b": 1}
    assert standings["a"].figure.value == pytest.approx(0.6)
    assert standings["a"].to_baseline.value == pytest.approx(0.4)
    assert ranked.by["lock_waits"].control is not None


def test_blocks_in_which_a_fast_candidate_was_not_seen_count_for_the_others(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        unseen = {"waits": {"running": 0, "Lock": 0}} if block % 4 else {"waits": {"running": 20, "Lock": 0}}
        return {"a": {"waits": {"running": 56, "Lock": 24}}, "b": unseen}.get(name, {"waits": {"running": 80}})

    ranked = _rank(plan, _measured(changes))

    assert ranked.by["lock_waits"].better == {("baseline", "a"), ("b", "a")}


def test_pauses_before_retries_count_as_waits_at_the_rate_of_looks(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        duration_s = 0.2 * (1 + block % 5 / 100)
        return {"waits": {"running": 10, "Lock": 0}, "paused_s": duration_s} if name == "a" else {}

    standing = _ranked(plan, _measured(changes))["a"].standings["lock_waits"]

    # Ten looks would have found one more session in each trial.
    assert standing.figure.value == pytest.approx(0.5, abs=0.01)


def test_the_front_has_who_is_not_beaten_in_one_without_winning_in_the_other(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        quick = {"duration_s": 0.1 * (1 + block % 7 / 100), "waits": {"running": 4, "Lock": 6}}
        slow = {"duration_s": 0.4 * (1 + block % 7 / 100)}
        return {"a": quick, "b": slow}.get(name, {})

    ranked = _ranked(plan, _measured(changes))

    assert {name for name, result in ranked.items() if result.on_front} == {"baseline", "a"}


def test_nothing_is_ranked_by_lock_waits_where_nothing_was_sampled(plan: Plan) -> None:
    ranked = _rank(replace(plan, sample_hz=0.0), _measured(lambda *_: {"waits": {}}))

    assert list(ranked.by) == ["throughput"]
    assert [list(result.standings) for result in ranked.results.values()] == [["throughput"]] * 3
    assert not any(result.on_front for result in ranked.results.values())


def test_nobody_is_ranked_by_lock_waits_where_the_sampler_saw_nobody(plan: Plan) -> None:
    ranked = _rank(plan, _measured(lambda *_: {"waits": {}}))

    assert list(ranked.by) == ["throughput"]
    assert not any(result.on_front for result in ranked.results.values())


@pytest.mark.parametrize("key", ["batch", "transaction"])
@pytest.mark.parametrize(("calls", "told"), [(20, False), (31, False), (32, True), (100, True)])
def test_batches_and_transactions_that_a_burst_cannot_fill_are_told(
    plan: Plan, key: str, calls: int, *, told: bool
) -> None:
    measured = _measured()
    measured.examples["add"] = Encoded(0, "add", {}, "stream")
    gathered = replace(plan.found.operations["add"], sending=Sending(**{key: calls}))
    operations = {**plan.found.operations, "add": gathered}
    changed = replace(plan, found=replace(plan.found, operations=operations))
    notices = [one.text for one in _ranked(changed, measured)["a"].notices if one.code == "small-batches"]

    # 1,000 calls in 16 trials over the writer's connections.
    assert {writer.name: share for writer, share in plan.writers}["stream"] == 2
    assert bool(notices) is told
    assert not told or notices[0].startswith(
        f"a: {key}{'es' if key == 'batch' else 's'} of add held 31 calls, not {calls}"
    )


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


@pytest.mark.parametrize("lacks", ["rows_updated", "rows_hot_updated"])
@pytest.mark.parametrize("who", [{"a"}, {"b"}, {"a", "b", "baseline", CONTROL}])
def test_a_share_is_that_of_the_trials_that_have_both_of_its_counters(plan: Plan, lacks: str, who: set[str]) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        """Have every other trial update twice as many rows, and let some of these lack a counter."""
        known = {"wal_bytes": 8000.0, "rows_updated": 100.0, "rows_hot_updated": 80.0}
        if block % 2:
            known |= {"rows_updated": 200.0, "rows_hot_updated": 160.0}
        lacking = name in who and block % 2
        return {"counters": {one: value for one, value in known.items() if not lacking or one != lacks}}

    found = _ranked(plan, _measured(changes))
    shares = {name: {cost.name: cost.value for cost in one.costs}["hot_share"] for name, one in found.items()}

    assert shares == pytest.approx({"baseline": 0.8, "a": 0.8, "b": 0.8})


def test_amounts_are_divided_by_the_rows_of_the_trials_that_count(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        lacking = name == "b" and block % 2
        return {"rows": 160 if block % 2 else 80, "counters": {} if lacking else {"wal_bytes": 8000.0}}

    found = _ranked(plan, _measured(changes))

    assert {name: one.costs[0].value for name, one in found.items()} == {"baseline": 100, "a": 100, "b": 100}


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


def test_retries_are_a_cost_of_each_call(plan: Plan) -> None:
    measured = _measured(lambda name, _: {"retries": 25} if name == "a" else {})
    found = {name: next(one for one in _ranked(plan, measured)[name].costs if one.name == "retries") for name in "ab"}

    assert (found["a"].value, found["a"].differs) == (25 / measured.trials["a"][0].operations, True)
    assert (found["b"].value, found["b"].differs) == (0, False)


def test_sizes_at_the_end_are_costs_as_they_are(plan: Plan) -> None:
    sizes = {"table_bytes_at_the_end": 81920.0, "index_bytes_at_the_end": 16384.0}
    found = _rank(plan, _measured(), replace(WATCHED, grown=dict.fromkeys(NAMES, sizes))).results["a"]
    costs = {cost.name: (cost.value, cost.ratio, cost.differs) for cost in found.costs}

    assert costs["table_size"] == (81920.0, None, False)
    assert costs["index_size"] == (16384.0, None, False)


def test_attempts_are_more_than_operations_by_what_was_undone(plan: Plan) -> None:
    measured = _measured(lambda name, _: {"retries": 25, "calls": {"add": 25}} if name == "a" else {})
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
        RolledBack(operation="add", reason="serialization failure", count=100, calls=400),
        RolledBack(operation="move", reason="deadlock", count=300),
    )
    (notice,) = ranked["a"].notices
    assert "add 100 (serialization failure, 0.25 per call), move 300 (deadlock)" in notice.text
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


def test_a_candidate_that_the_client_limits_has_a_lower_bound_that_nobody_beats(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        faster = {"a": 0.5, "b": 0.4}.get(name, 1.0)
        return {"duration_s": 0.2 * faster * (1 + block % 7 / 500), "busy_share": 0.9 if name == "a" else 0.3}

    found = _ranked(plan, _measured(changes))
    a, b, baseline = (found[name].standing for name in ("a", "b", "baseline"))

    assert a is not None
    assert b is not None
    assert baseline is not None
    assert (a.at_least, b.at_least, baseline.at_least) == (True, False, False)
    assert (a.rank, b.rank, baseline.rank) == (1, 1, 3), "b was faster, but a may be as fast"
    assert (a.tied_with, b.tied_with, baseline.tied_with) == (("b",), ("a",), ())
    assert 1.9 < a.to_baseline.low < 2.1
    assert [notice.code for notice in found["a"].notices] == ["client-limited"]
    assert "Under a the load generator was the bottleneck, busy 90 % of the time" in found["a"].notices[0].text
    assert {name: one.busy_share for name, one in found.items()} == {"baseline": 0.3, "a": 0.9, "b": 0.3}


def test_a_bound_beside_a_bound_is_no_order_and_one_beyond_an_interval_is(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        faster = {"a": 0.5, "b": 0.4}.get(name, 1.0)
        return {"duration_s": 0.2 * faster * (1 + block % 7 / 500), "busy_share": 0.97 if name in "ab" else 0.4}

    standings = {name: one.standing for name, one in _ranked(plan, _measured(changes)).items()}

    assert {name: one.rank for name, one in standings.items() if one} == {"a": 1, "b": 1, "baseline": 3}
    assert {name: one.tied_with for name, one in standings.items() if one} == {"a": ("b",), "b": ("a",), "baseline": ()}


def test_a_candidate_that_was_slower_for_the_clients_sake_ties_with_whoever_was_faster(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        slower = 2.0 if name == "a" else 1.0
        return {"duration_s": 0.2 * slower * (1 + block % 7 / 500), "busy_share": 0.96 if name == "a" else 0.3}

    standing = _ranked(plan, _measured(changes))["a"].standing

    assert standing is not None
    assert (standing.rank, standing.tied_with, standing.at_least) == (1, ("b", "baseline"), True)


def test_a_candidate_that_doubles_all_writers_but_the_last_is_seen_to_do_so(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        last_s = 0.2 * (1 + block % 7 / 500)
        sooner = 0.05 if name == "a" else 0.1
        return {"duration_s": last_s, "writers_s": {"stream": sooner * (1 + block % 5 / 500), "reader": last_s}}

    found = _ranked(plan, _measured(changes))
    own = {one.writer: one.ratio for one in found["a"].writers}
    differing = {name: [one.writer for one in result.writers if one.differs] for name, result in found.items()}
    standing = found["a"].standing

    assert standing is not None
    assert standing.to_baseline.value == pytest.approx(1.0, abs=0.01)
    assert list(own) == ["stream", "reader"]
    assert (own["stream"].low, own["stream"].high) == pytest.approx((2.0, 2.0))
    assert own["reader"].low <= 1.0 <= own["reader"].high
    assert found["baseline"].writers == ()
    assert differing == {"baseline": [], "a": ["stream"], "b": []}


def test_a_writer_is_not_told_to_be_slower_where_the_client_limits_its_candidate(plan: Plan) -> None:
    def changes(name: str, block: int) -> Mapping[str, Any]:
        slower = 2.0 if name == "a" else 1.0
        writers_s = {"stream": 0.1 * slower * (1 + block % 5 / 500), "reader": 0.2}
        return {"writers_s": writers_s, "busy_share": 0.9 if name == "a" else 0.3}

    assert [one.differs for one in _ranked(plan, _measured(changes))["a"].writers] == [False, False]


def test_one_writer_alone_has_no_ratio_of_its_own_beside_that_of_all(plan: Plan) -> None:
    alone = replace(plan, found=replace(plan.found, workload=made_up.workload(writers=lambda _: (made_up.STREAM,))))

    assert _ranked(alone, _measured(lambda *_: {"writers_s": {"stream": 0.2}}))["a"].writers == ()


def test_who_left_early_has_each_writers_ratio_by_its_few_trials(plan: Plan) -> None:
    result = _rank(plan, _retired()).results["b"]
    own = {one.writer: one.ratio.value for one in result.writers}

    assert own == {"stream": pytest.approx(1.0), "reader": pytest.approx(1.0)}
    assert msgspec.to_builtins(result), "no figure of a library's own type stands in it"


def test_what_was_measured_after_checkpoints_counts_for_its_own_measures_alone(plan: Plan) -> None:
    measured = _measured()
    for name, wal_bytes in (("baseline", 40_000.0), (CONTROL, 40_000.0), ("a", 80_000.0), ("b", 40_000.0)):
        measured.after_checkpoint[name] = [
            counted_trial(20 + block, duration_s=9.0, counters={"wal_bytes_after_checkpoint": wal_bytes + block})
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


@pytest.mark.parametrize(("workers", "whose"), [((), "this machine"), (("gw0", "gw1"), "gw0's machine")])
def test_stolen_time_is_that_of_the_machine_of_the_first_worker(workers: tuple[str, ...], whose: str) -> None:
    text = _notices(_measured(steal_share=0.02, workers=workers))["stolen-time"]

    assert f" of the processor time of {whose} to others (steal)" in text


def test_what_the_server_does_not_count_is_noted_once_for_each_reason() -> None:
    missing = {"wal_bytes": "no right to it", "wal_fpi": "no right to it", counters.CPU: "the server is elsewhere"}
    watched = replace(WATCHED, missing=missing)
    found = [notice.text for notice in results.notices(_measured(), watched) if notice.code == "counters-missing"]

    assert found == [
        "Not counted: WAL, full-page images (no right to it)",
        "Not counted: backend CPU (the server is elsewhere)",
    ]


def test_waiting_for_the_deadlock_detector_that_takes_much_of_the_time_is_a_notice_with_the_share(plan: Plan) -> None:
    measured = _measured()
    measured.undone["a"][WARMUP_BLOCKS] = {("add", "deadlock"): 20, ("add", "lock timeout"): 500}
    measured.undone["b"][WARMUP_BLOCKS] = {("add", "deadlock"): 4}
    watched = replace(WATCHED, deadlock_timeouts_s=dict.fromkeys(NAMES, 0.02))  # of 1 s of calls
    ranked = _rank(plan, measured, watched).results
    texts = {one: [notice.text for notice in ranked[one].notices if notice.code == "deadlock-timeout"] for one in "ab"}

    assert texts["b"] == [], "8 % is little"
    (text,) = texts["a"]
    assert text.startswith("a: at least 40 % of its writers' time went to waiting")
    assert "(20 deadlocks). The server checks for deadlocks after deadlock_timeout, 20.0 ms" in text
    assert "--postgres-setting deadlock_timeout=10ms" in text


def _slow(name: str, block: int) -> Mapping[str, Any]:
    """Return the trials of a candidate that takes twenty times as long."""
    return {"duration_s": 4.0 * (1 + block % 3 / 50)} if name == "b" else {}


def _retired() -> Measured:
    measured = _measured(_slow)
    measured.trials["b"] = measured.trials["b"][:4]
    measured.retire("b", None)
    return measured


def test_who_left_early_ranks_below_those_that_it_is_proved_slower_than(plan: Plan) -> None:
    found = _rank(plan, _retired()).results
    standing = found["b"].standing

    assert standing is not None
    assert (standing.rank, standing.tied_with) == (3, ())
    assert 1 / 25 < standing.to_baseline.low < standing.to_baseline.value < standing.to_baseline.high < 1 / 12
    assert found["a"].standing is not None
    assert found["a"].standing.tied_with == ("baseline",), "the others are ranked among themselves"


def test_of_who_left_early_all_is_told_that_its_few_trials_say(plan: Plan) -> None:
    found = _rank(plan, _retired()).results["b"]
    costs = {cost.name: cost.value for cost in found.costs}
    (notice, *_) = found.notices

    assert found.retired is not None
    assert found.retired.trials == len([trial for trial in found.trials if not trial.warmup]) == 3
    assert costs["wal_bytes"] == pytest.approx(100, rel=0.01)
    assert found.latencies
    assert notice.code == "retired"
    assert notice.text.startswith("b left the blocks early")
    assert "in 3 of 3 trials" in notice.text


LEFT_AFTER = 10
"""Blocks that count."""


def _raced(changes: Changes, blocks: int = BLOCKS) -> Measured:
    """Return a race of blocks in which `b` is beaten after some."""
    measured = _measured(changes, blocks)
    begun = _measured(changes).since(WARMUP_BLOCKS)
    for name in NAMES:
        begun.trials[name] = begun.trials[name][: WARMUP_BLOCKS + LEFT_AFTER]
    found = beaten(begun.rates(NAMES), NAMES, control=CONTROL, candidates=3, places=1, staying={"baseline"})
    measured.trials["b"] = measured.trials["b"][: WARMUP_BLOCKS + LEFT_AFTER]
    measured.retire("b", None, found["b"])
    return measured


def _behind(name: str, block: int) -> Mapping[str, Any]:
    """Return trials of which those of `b` take half as long again as those of `a`, and the baseline's twice as long."""
    centre_s = {"a": 0.1, "b": 0.15}.get(name, 0.2)
    return {"duration_s": centre_s * (1 + (block * (5 + len(name)) % 7) / 100)}


def test_who_left_a_race_keeps_its_place_among_all_by_what_it_was_proved(plan: Plan) -> None:
    found = _rank(plan, _raced(_behind)).results
    places = {name: (one.standing.rank, one.standing.tied_with) for name, one in found.items() if one.standing}
    b = found["b"]

    assert places == {"a": (1, ()), "b": (2, ()), "baseline": (3, ())}, "it is faster than the baseline, which stays"
    assert b.retired is not None
    assert (b.retired.rule, b.retired.leader, b.retired.trials) == ("race", "a", LEFT_AFTER)
    assert b.retired.behind is not None
    assert b.retired.behind.low < 2 / 3 < b.retired.behind.high < 1
    assert b.standing is not None
    assert b.standing.to_others == {"a": b.retired.behind}
    assert found["a"].standing is not None
    assert found["a"].standing.to_others["b"].value == pytest.approx(1 / b.retired.behind.value)
    assert list(b.standings) == ["throughput"], "it has no place by lock waits"
    assert b.drift is None
    assert b.notices[0].code == "raced"
    assert b.notices[0].text.startswith("b left the race after 10 blocks")
    assert msgspec.to_builtins(b), "no figure of a library's own type stands in it"


def test_all_intervals_of_who_left_a_race_are_wider_than_those_of_as_many_blocks(plan: Plan) -> None:
    raced = _rank(plan, _raced(_behind)).results["b"]
    few = _measured(_behind)
    for name in NAMES:
        few.trials[name] = few.trials[name][: WARMUP_BLOCKS + LEFT_AFTER]
    usual = _ranked(plan, few)["b"]

    assert raced.operations_per_s is not None
    assert usual.operations_per_s is not None
    assert raced.operations_per_s.value == usual.operations_per_s.value
    assert raced.operations_per_s.high > usual.operations_per_s.high
    assert raced.operations_per_s.low < usual.operations_per_s.low
    for ours, theirs in zip(raced.writers, usual.writers, strict=True):
        assert ours.ratio.high - ours.ratio.low >= theirs.ratio.high - theirs.ratio.low
    costs = {cost.name: cost.ratio for cost in usual.costs}
    assert {cost.value for cost in raced.costs if cost.per in {"run", "end"}} == {None}, "of fewer blocks"
    assert all(
        other is not None and (cost.ratio.low <= other.low and other.high <= cost.ratio.high)
        for cost in raced.costs
        if cost.ratio and (other := costs[cost.name])
    )


@pytest.mark.parametrize("left", [_retired, lambda: _raced(_behind)], ids=["as far slower", "a race"])
def test_no_totals_and_no_final_sizes_are_told_of_who_left_the_blocks(plan: Plan, left: Callable[[], Measured]) -> None:
    grown = {name: {counters.AT_THE_END["table_bytes"]: 8e6} for name in NAMES}
    found = _rank(plan, left(), replace(WATCHED, grown=grown)).results
    sizes = {name: {cost.name: cost.value for cost in one.costs}["table_size"] for name, one in found.items()}

    assert sizes == {"baseline": 8e6, "a": 8e6, "b": None}, "of fewer blocks than the others'"
    costs = [cost for cost in found["b"].costs if cost.per in {"run", "end"}]
    assert {(cost.value, cost.ratio, cost.differs) for cost in costs} == {(None, None, False)}


def test_percentiles_of_who_left_a_race_are_wider_than_those_of_as_many_blocks_too(plan: Plan) -> None:
    random, raced, few = np.random.default_rng(1), _raced(_behind), _measured(_behind, LEFT_AFTER)
    times = [
        (WARMUP_BLOCKS + block, np.rint(1e6 * random.lognormal(0, 0.3, 400)).astype(np.int64))
        for block in range(LEFT_AFTER)
    ]
    raced.times["b", "add"] = few.times["b", "add"] = times
    ours, theirs = (_ranked(plan, one)["b"] for one in (raced, few))

    for wider, usual in ((ours.call_p50_ns, theirs.call_p50_ns), (ours.call_p99_ns, theirs.call_p99_ns)):
        assert wider is not None
        assert usual is not None
        assert wider.low < usual.low < usual.value == wider.value < usual.high < wider.high


def _fading(name: str, block: int) -> Mapping[str, Any]:
    """Return trials as those of `_behind`, but `a` takes three times as long as before soon after `b` has left."""
    slowed = name == "a" and block > WARMUP_BLOCKS + LEFT_AFTER + 2
    found = _behind(name, block)
    return {"duration_s": found["duration_s"] * (3 if slowed else 1)}


def test_a_lead_over_who_left_a_race_that_is_gone_afterwards_is_a_tie_and_says_so(plan: Plan) -> None:
    found = _rank(replace(plan, race=1), _raced(_fading, 30)).results
    b, a = found["b"], found["a"]

    assert b.standing is not None
    assert a.standing is not None
    assert "a" in b.standing.tied_with
    assert "b" in a.standing.tied_with
    assert [notice.code for notice in b.notices[:2]] == ["raced", "raced-in-doubt"]
    assert "a fell back from 1.50x [" in b.notices[1].text
    assert "its throughput to 0.500x [" in b.notices[1].text
    assert "Measure it without --race" in b.notices[1].text


def test_who_left_a_race_behind_a_leader_that_has_no_rank_may_have_a_place_after_all(plan: Plan) -> None:
    measured, baseline, b = _raced(_behind), plan.candidates[0], plan.candidates[2]
    alone = results.rank(replace(plan, race=1), {BASELINE: baseline, CONTROL: baseline, "b": b}, measured, WATCHED)
    found = alone.results["b"]

    assert [notice.code for notice in found.notices[:2]] == ["raced", "raced-in-doubt"]
    assert "since then a lost its rank" in found.notices[1].text
    assert found.standing is not None
    assert found.standing.rank == 1, "nobody else is faster"


def test_who_left_a_race_behind_others_that_are_still_ahead_has_no_place(plan: Plan) -> None:
    found = _rank(replace(plan, race=1), _raced(_behind, 30)).results["b"]

    assert [notice.code for notice in found.notices[:2]] == ["raced"]


def test_who_left_a_race_and_who_was_not_proved_to_differ_from_it_tie(plan: Plan) -> None:
    measured = _raced(_behind)
    known = measured.retired["b"].beaten
    assert known is not None
    unproved = replace(known.leads["baseline"], low=-0.5, high=0.5)
    measured.retired["b"] = replace(
        measured.retired["b"], beaten=Beaten(leader="a", leads={**known.leads, "baseline": unproved})
    )
    found = _rank(plan, measured).results
    places = {name: (one.standing.rank, one.standing.tied_with) for name, one in found.items() if one.standing}

    assert places == {"a": (1, ()), "b": (2, ("baseline",)), "baseline": (2, ("b",))}


def test_an_interrupt_in_warm_up_leaves_no_block_that_counts_though_a_far_slower_candidate_has_left() -> None:
    measured = _measured(blocks=0, executed=WARMUP_BLOCKS)
    measured.retire("b", None)
    left = list(measured.trials["b"])
    measured.break_off()
    measured.settle([name for name in NAMES if name != "b"])

    assert measured.blocks == 0
    assert measured.trials["b"] == left


def test_the_blocks_are_those_of_the_candidates_that_stay() -> None:
    measured = _measured(executed=WARMUP_BLOCKS + BLOCKS)
    measured.retire("b", None, Beaten(leader="a", leads={}))
    measured.trials["baseline"] = [
        replace(one, warmup=one.block < WARMUP_BLOCKS + 4) for one in measured.trials["baseline"]
    ]

    assert measured.blocks == BLOCKS - 4
