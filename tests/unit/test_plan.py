"""What an experiment is to do: connections shared out, the length of a trial, what makes two experiments comparable."""

from dataclasses import replace
from pathlib import Path

import made_up
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench import Writer, sqlfile
from schemabench.errors import CandidateError, UsageError
from schemabench.experiment.plan import SHORTEST_TRIAL_S, TRIAL_S, Plan, share_out

shares = st.lists(st.integers(min_value=1, max_value=50), min_size=1, max_size=8)


def _writers(some: list[int]) -> list[Writer]:
    return [Writer(name=f"w{place}", kind="stream", weight=1, clients=share) for place, share in enumerate(some)]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return made_up.plan(tmp_path, "other", clients=6)


@given(shares, st.integers(min_value=0, max_value=60))
def test_all_connections_are_shared_out_and_every_writer_has_one(some: list[int], more: int) -> None:
    counts = share_out(_writers(some), len(some) + more)

    assert sum(counts) == len(some) + more
    assert min(counts) >= 1


@given(shares, st.integers(min_value=0, max_value=60))
def test_one_more_client_takes_no_connection_from_anyone(some: list[int], more: int) -> None:
    before = share_out(_writers(some), len(some) + more)
    after = share_out(_writers(some), len(some) + more + 1)

    assert all(one <= other for one, other in zip(before, after, strict=True))


@given(shares, st.integers(min_value=1, max_value=20))
def test_multiples_of_the_shares_are_met(some: list[int], factor: int) -> None:
    assert share_out(_writers(some), factor * sum(some)) == tuple(factor * share for share in some)


@given(st.integers(min_value=1, max_value=20), st.integers(min_value=1, max_value=8), st.integers(0, 40))
def test_equal_shares_differ_by_one_at_most(share: int, number: int, more: int) -> None:
    counts = share_out(_writers([share] * number), number + more)

    assert max(counts) - min(counts) <= 1


def test_fewer_clients_than_writers_are_refused() -> None:
    with pytest.raises(UsageError, match="--clients 1 is fewer than the writers: w0, w1") as caught:
        share_out(_writers([1, 1]), 1)

    assert caught.value.remedies == ("use at least --clients 2",)


def test_a_plan_gives_each_writer_its_connections(plan: Plan) -> None:
    assert plan.writers == ((made_up.STREAM, 4), (made_up.READER, 2))
    assert plan.values == made_up.Sizes()
    assert str(plan) == "made_up typical"


@pytest.mark.parametrize(("budget_s", "trial_s"), [(0.0, SHORTEST_TRIAL_S), (9.0, 0.1), (600.0, TRIAL_S)])
def test_trials_get_shorter_where_the_budget_is_small(plan: Plan, budget_s: float, trial_s: float) -> None:
    assert replace(plan, budget_s=budget_s).trial_s == pytest.approx(trial_s)


def test_what_shapes_bursts_shapes_the_digest_and_nothing_else_does(plan: Plan, tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one.csv", "same.csv", "other.csv"))
    for path, text in ((one, "1\n"), (same, "1\n"), (other, "2\n")):
        path.write_text(text)
    replayed = replace(plan, inputs={"made_up": one})

    assert replace(plan, clients=9, budget_s=1.0, precision=0.5, seed=7, candidates=()).digest == plan.digest
    assert replayed.digest != plan.digest
    assert replayed.digest == replace(plan, inputs={"made_up": same}).digest
    assert replayed.digest != replace(plan, inputs={"made_up": other}).digest


def test_workers_can_tell_that_they_have_another_text_of_what_a_candidate_extends(plan: Plan) -> None:
    baseline, candidate = plan.candidates[:2]
    files = [sqlfile.parse(Path("baseline.sql"), sql, CandidateError) for sql in ("SELECT 1", "SELECT 2")]
    one, other = (replace(candidate, extends=replace(baseline, file=file)) for file in files)

    assert replace(plan, candidates=(one,)).fingerprint != replace(plan, candidates=(other,)).fingerprint


def test_workers_can_tell_that_they_have_other_modules_of_a_workload(plan: Plan) -> None:
    before = plan.fingerprint
    (plan.found.path.parent / "sizes.py").write_text("SITES = 3\n", encoding="utf-8")

    assert plan.fingerprint != before
