"""Jobs of one client set at the same time: a day that is loaded twice, and operators while insight runs."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import mutants
import psycopg
import pytest

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError
from schemabench.server import Database, Server

NAMES = {"set": "a"}
RECORD = ("a", 5, 0, "rx", "ada", "gold_1", "gold", "aspirin", 70)
DAYS = {"before": 6, "days": 3, "limit_cents": 100}
LIMIT_S = 30.0
ALL = sorted(mutants.shipped("pipelines"))

Session = psycopg.Connection[Any]


class Job:
    """A session that executes operations of a candidate, for one set."""

    def __init__(self, one: Candidate, connection: Session) -> None:
        self.connection = connection
        self.connection.cursor_factory = psycopg.RawCursor
        self._operations = candidates.operations(one, mutants.found("pipelines").operations)

    def steps(self, name: str, values: Mapping[str, object]) -> list[Callable[[], psycopg.Cursor[Any]]]:
        """Return what executes each statement of an operation."""
        queries = [one.render(NAMES, CandidateError, NAMES) for one in self._operations[name].statements]
        return [
            lambda query=query: self.connection.execute(  # type: ignore[misc] # a lambda has no annotations
                query.sql.encode(), [values[name] for name in query.parameters]
            )
            for query in queries
        ]

    def run(self, name: str, values: Mapping[str, object]) -> list[Any]:
        """Execute an operation, of several statements in a transaction; return the rows of its last statement."""
        steps = self.steps(name, values)
        if len(steps) == 1:
            cursor = steps[0]()
        else:
            with self.connection.transaction():
                *_, cursor = [step() for step in steps]
        return cursor.fetchall() if cursor.description else []

    def stage(self) -> None:
        """Copy the record into staging."""
        (statement,) = self._operations["stage_record"].statements
        columns = ("set_id", "day", "line", "prescription", "member", "policy", "plan", "drug", "cents")
        row = dict(zip(columns, RECORD, strict=True))
        with self.connection.cursor().copy(statement.render(NAMES, CandidateError, NAMES).sql.encode()) as copy:
            copy.write_row([row[name] for name in statement.columns])

    def rows(self, name: str) -> list[Any]:
        """Return the rows of a query."""
        return self.run(name, {})


@pytest.fixture
def jobs(server: Server, database: Database, which: str) -> Iterator[list[Job]]:
    """Install a candidate; return two jobs."""
    one = mutants.shipped("pipelines")[which]
    with _connected(server, database) as first, _connected(server, database) as second:
        candidates.install(one, first, [NAMES])
        yield [Job(one, first), Job(one, second)]


@contextmanager
def _connected(server: Server, database: Database) -> Iterator[Session]:
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        yield connection


def _until_it_waits(connection: Session, waiting: Job) -> None:
    """Return once a job waits for a lock."""
    until_s = monotonic() + LIMIT_S
    while monotonic() < until_s:
        pids = connection.execute("SELECT pid FROM pg_locks WHERE NOT granted").fetchall()
        if (waiting.connection.info.backend_pid,) in pids:
            return
        sleep(0.01)
    raise AssertionError("it never waited")


@pytest.mark.parametrize("which", ["baseline", "database_per_set", "schema_per_set"])
def test_a_day_that_two_loads_apply_at_once_counts_once(server: Server, database: Database, jobs: list[Job]) -> None:
    first, second = jobs
    first.stage()
    claim, *others = first.steps("apply_records", {"day": 5})
    late_claim, *_ = second.steps("apply_records", {"day": 5})
    with ThreadPoolExecutor(1) as pool, _connected(server, database) as watching:
        with first.connection.transaction():
            assert claim().fetchall()
            late = pool.submit(late_claim)
            _until_it_waits(watching, second)
            for step in others:
                step()

        assert not late.result().fetchall(), "the operation ends there"
    assert first.rows("state_members") == [("a", "ada", 5, 1, 70)]


@pytest.mark.parametrize("which", ALL)
def test_operators_are_kept_away_while_insight_runs(server: Server, database: Database, jobs: list[Job]) -> None:
    insight, operator = jobs
    insight.stage()
    insight.run("apply_records", {"day": 5})
    prescriptions = "SELECT oid::regclass FROM pg_class WHERE relname = 'prescription'"
    publish = {"policy": "gold_1", "day": 6}
    operator.connection.execute("SET lock_timeout = '100ms'")
    with ThreadPoolExecutor(1) as pool, _connected(server, database) as holding:
        with holding.transaction():
            ((table,),) = holding.execute(prescriptions).fetchall()
            holding.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            running = pool.submit(insight.run, "run_insight", DAYS)
            _until_it_waits(holding, insight)
            allowed, *_ = operator.steps("publish_policy", publish)
            try:
                kept_away = not allowed().fetchall()
            except psycopg.errors.LockNotAvailable:
                kept_away = True
        running.result()

    assert kept_away
    operator.run("publish_policy", publish)
    assert [row[-1] for row in insight.rows("state_policies")] == [6]
    assert insight.rows("state_plans_outcome") == [("a", "gold", "aspirin", 1, 1, 0, 70)]
