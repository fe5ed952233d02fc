"""Ranking by any criterion, from trials to standings and the Pareto front."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import pytest
from made_up import WARMUP_BLOCKS, counted_trial

from schemabench.errors import UsageError
from schemabench.experiment import criteria
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan

NAMES = ("baseline", CONTROL, "quick", "frugal")
DURATIONS_S = {"quick": 0.1, "frugal": 0.3}
WAL = {"quick": 9000.0, "frugal": 4000.0}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return made_up.plan(tmp_path, "quick", "frugal", budget_s=8.0, sample_hz=50.0)


def measured(counters: Mapping[str, float] | None = None) -> Measured:
    """Return trials in which one candidate is quick, and one writes little WAL."""
    found = Measured()
    for name in NAMES:
        for block in range(WARMUP_BLOCKS + 16):
            amount = WAL.get(name, 6000.0) + 10 * ((block * 7 + len(name)) % 5)
            changes: dict[str, Any] = {
                "duration_s": DURATIONS_S.get(name, 0.2) * (1 + block % 5 / 100),
                "counters": {"wal_bytes": amount, "rows_updated": 50.0} if counters is None else counters,
            }
            found.trials[name].append(counted_trial(block, **changes))
    return found


def test_candidates_are_ranked_by_every_criterion_that_is_named(plan: Plan) -> None:
    rankings = criteria.rank(replace(plan, criteria=("throughput", "wal_bytes")), NAMES, measured())
    ranks = {criterion: {one.name: one.rank for one in ranking.standings} for criterion, ranking in rankings.items()}

    assert list(ranks) == ["throughput", "lock_waits", "wal_bytes"]
    assert ranks["throughput"] == {"quick": 1, "baseline": 2, "frugal": 3}
    assert ranks["wal_bytes"] == {"frugal": 1, "baseline": 2, "quick": 3}


def test_figure_of_a_cost_is_what_a_row_costs_and_is_compared_by_difference(plan: Plan) -> None:
    rankings = criteria.rank(replace(plan, criteria=("throughput", "wal_bytes")), NAMES, measured())
    standings = {one.name: one for one in rankings["wal_bytes"].standings}

    assert standings["frugal"].figure.value == pytest.approx(4020 / 80, rel=0.01)
    assert standings["frugal"].to_baseline.value == pytest.approx(-2000 / 80, rel=0.01)
    assert standings["frugal"].to_baseline.high < 0
    assert (standings["baseline"].to_baseline.low, standings["baseline"].to_baseline.high) == (0, 0)


def test_front_is_over_the_named_criteria_alone(plan: Plan) -> None:
    named = replace(plan, criteria=("throughput", "wal_bytes"))
    rankings = criteria.rank(named, NAMES, measured())

    assert criteria.on_front(named, rankings) == {"quick", "baseline", "frugal"}
    assert {one.name: one.on_front for one in criteria.records(named, rankings)} == {
        "throughput": True,
        "lock_waits": False,
        "wal_bytes": True,
    }
    assert criteria.on_front(plan, rankings) == {"quick"}, "they tie by lock waits"


def test_one_criterion_has_no_front(plan: Plan) -> None:
    alone = replace(plan, criteria=("throughput",))

    assert criteria.on_front(alone, criteria.rank(alone, NAMES, measured())) == set()


def test_intervals_of_all_pairs_say_what_the_ranks_say(plan: Plan) -> None:
    named = replace(plan, criteria=("throughput", "lock_waits", "wal_bytes"))
    for criterion, ranking in criteria.rank(named, NAMES, measured()).items():
        equal = 1.0 if criterion == "throughput" else 0.0
        names = {one.name for one in ranking.standings}
        for standing in ranking.standings:
            assert standing.to_others.keys() == names - {standing.name, "baseline"}
            for other, found in standing.to_others.items():
                assert (other in standing.tied_with) == (found.low <= equal <= found.high)


def test_criterion_that_the_server_does_not_count_ranks_nobody(plan: Plan) -> None:
    named = replace(plan, criteria=("throughput", "lock_waits", "cpu_s"))
    rankings = criteria.rank(named, NAMES, measured())

    assert list(rankings) == ["throughput", "lock_waits"]
    assert criteria.on_front(named, rankings) == {"quick"}


def test_unknown_criterion_is_refused_with_the_nearest_and_all_names() -> None:
    with pytest.raises(UsageError, match="there is no criterion 'wal_byte'; did you mean 'wal_bytes'") as caught:
        criteria.check(["throughput", "wal_byte"])

    assert "lock_waits" in str(caught.value)
    assert "cpu_s" in str(caught.value)


@pytest.mark.parametrize("name", ["table_size", "index_bytes", "wal_bytes_after_checkpoint", "deadlocks"])
def test_what_is_not_read_around_every_counted_trial_is_no_criterion(name: str) -> None:
    with pytest.raises(UsageError):
        criteria.check([name])


def test_more_is_better_where_the_measure_says_so(plan: Plan) -> None:
    hot = measured({"wal_bytes": 1.0, "rows_updated": 50.0, "rows_hot_updated": 10.0})
    for block, trial in enumerate(hot.trials["frugal"]):
        changed = {**trial.counters, "rows_hot_updated": 40.0 + block % 3}
        hot.trials["frugal"][block] = replace(trial, counters=changed)
    ranking = criteria.rank(replace(plan, criteria=("throughput", "hot_share")), NAMES, hot)["hot_share"]

    assert ranking.standings[0].name == "frugal"
    assert np.isclose(ranking.standings[0].figure.value, 0.82, atol=0.02)
