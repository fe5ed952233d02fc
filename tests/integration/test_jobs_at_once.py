"""Jobs of one client set at the same time: a day that is applied twice, and operators while insight runs."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import mutants
import psycopg
import pytest
from jobs_of_a_set import ALL, LIMIT_S, NAMES, Job, connected, locked, until_it_waits

from schemabench import candidate as candidates
from schemabench.server import Database, Server

COLUMNS = ("set_id", "day", "line", "prescription", "member", "policy", "plan", "drug", "cents")
RECORD = dict(zip(COLUMNS, ("a", 5, 0, "rx", "ada", "gold_1", "gold", "aspirin", 70), strict=True))
DAYS = {"before": 6, "days": 3, "limit_cents": 100}
PUBLISHED = {"policy": "gold_1", "day": 6}
LOCKS = ["flag_advisory", "flag_row_lock"]
"""The candidates whose flag is a lock; that of the others is a row."""


@pytest.fixture
def jobs(server: Server, database: Database, which: str) -> Iterator[list[Job]]:
    """Install a candidate; return two jobs."""
    one = mutants.shipped("pipelines")[which]
    with connected(server, database) as first, connected(server, database) as second:
        candidates.install(one, first, [NAMES])
        yield [Job(one, first), Job(one, second)]


def _loaded(job: Job) -> None:
    """Load a day of one record."""
    job.copy([RECORD])
    job.run("apply_records", {"day": 5})


@pytest.mark.parametrize("which", ["baseline", "database_per_set", "schema_per_set"])
def test_a_day_that_two_loads_apply_at_once_counts_once(server: Server, database: Database, jobs: list[Job]) -> None:
    first, second = jobs
    first.copy([RECORD])
    claim, *others = first.steps("apply_records", {"day": 5})
    late_claim, *_ = second.steps("apply_records", {"day": 5})
    with ThreadPoolExecutor(1) as pool, connected(server, database) as watching:
        with first.connection.transaction():
            assert claim().fetchall()
            late = pool.submit(late_claim)
            until_it_waits(watching, second)
            for step in others:
                step()

        assert not late.result().fetchall(), "the operation ends there"
    assert first.rows("state_members") == [("a", "ada", 5, 1, 70)]


@pytest.mark.parametrize("which", ALL)
def test_operators_are_kept_away_while_insight_runs(server: Server, database: Database, jobs: list[Job]) -> None:
    insight, operator = jobs
    _loaded(insight)
    operator.connection.execute("SET lock_timeout = '100ms'")
    with ThreadPoolExecutor(1) as pool, connected(server, database) as holding:
        with holding.transaction():
            locked(holding, "prescription")
            running = pool.submit(insight.run, "run_insight", DAYS)
            until_it_waits(holding, insight)
            allowed, *_ = operator.steps("publish_policy", PUBLISHED)
            try:
                kept_away = not allowed().fetchall()
            except psycopg.errors.LockNotAvailable:
                kept_away = True
        running.result()

    assert kept_away
    operator.run("publish_policy", PUBLISHED)
    assert [row[-1] for row in insight.rows("state_policies")] == [6]
    assert insight.rows("state_plans_outcome") == [("a", "gold", "aspirin", 1, 1, 0, 70)]


@pytest.mark.parametrize("which", LOCKS)
def test_insight_waits_for_an_operator_who_came_first_where_the_flag_is_a_lock(
    server: Server, database: Database, jobs: list[Job]
) -> None:
    insight, operator = jobs
    _loaded(insight)
    *first, publish = operator.steps("publish_policy", PUBLISHED)
    with ThreadPoolExecutor(1) as pool, connected(server, database) as watching:
        with operator.connection.transaction():
            for step in first:
                step()
            running = pool.submit(insight.run, "run_insight", DAYS)
            until_it_waits(watching, insight)
            publish()
        running.result(LIMIT_S)

    assert [row[-1] for row in insight.rows("state_policies")] == [6]
    assert insight.rows("state_plans_outcome") == [("a", "gold", "aspirin", 1, 1, 0, 70)]


@pytest.mark.parametrize("which", [which for which in ALL if which not in LOCKS])
def test_an_operator_who_looked_before_insight_came_publishes_beside_it_where_the_flag_is_a_row(
    server: Server, database: Database, jobs: list[Job]
) -> None:
    insight, operator = jobs
    _loaded(insight)
    look, publish = operator.steps("publish_policy", PUBLISHED)
    with ThreadPoolExecutor(1) as pool, connected(server, database) as holding:
        with holding.transaction():
            locked(holding, "prescription")
            with operator.connection.transaction():
                assert look().fetchall(), "the flag is not up yet"
                running = pool.submit(insight.run, "run_insight", DAYS)
                until_it_waits(holding, insight)
                publish()
            assert operator.rows("flag_left_up"), "and now it is"
            assert [row[-1] for row in operator.rows("state_policies")] == [6]
        running.result(LIMIT_S)

    assert insight.rows("state_plans_outcome") == [("a", "gold", "aspirin", 1, 1, 0, 70)], "it counts from the next day"
