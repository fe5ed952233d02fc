"""From a team's own database to a ranking by three commands, for schemas of three kinds; and how like it the calls are.

The applications work through an ORM. What they send is compared with what is derived from their databases.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import applications
import jobs
import likeness
import planner
import programs
import psycopg
import pytest
import rentals
import servers
from applications import Seen
from likeness import Counted, Made

from schemabench import cli
from schemabench.server import Server
from schemabench.server.dsn import with_words

pytestmark = pytest.mark.thorough
REQUESTS = 1_000
"""What each application serves: 2,000 statements or more."""
CALLS = 20_000
MOST_OF_MIX = 0.01
"""How far the share of an operation may be from the application's."""
MOST_OF_PACE = 0.05
"""How far calls a second may be from the application's, as a part of them."""
MOST_OF_SKEW = 0.08
"""How far the part of the calls that the busiest keys have may be from the application's."""
SIGMAS = 4
"""And how many standard errors farther, as the application has made few calls: a hundred that are about one of five
shops at random have their busiest one in 20 to 35 % of them."""
FEWEST_SENT = 100
"""Of so many values that an application has sent, the busiest ones tell the skew."""
MOST_OF_ROWS = 2.5
"""How many times more, or fewer, rows a call may find or change."""
FEWEST_EXECUTED = 20
INDEXES = {
    "rentals": "CREATE INDEX rental_open ON rental (customer_id) WHERE returned_at IS NULL;",
    "jobs": "CREATE INDEX attempt_by_worker ON attempt (worker_id, started_at);",
    "planner": "CREATE INDEX task_by_state ON task (tenant_id, project_id, state);",
}
"""What somebody proposes for each application."""
BLAMING = ("States cannot be compared", "never executed", "no pg_dump", "baseline.sql has the tables alone")
"""Words of notices about what was derived badly."""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A project that was derived from an application's database, and what is known of the application."""

    name: str
    project: Path
    seen: Seen
    seconds: tuple[float, float]
    """For how long the application was at work when the project was begun, and when it was there."""
    operations: Mapping[str, Counted]
    made: Made


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server that counts statements."""
    settings = {"shared_preload_libraries": "pg_stat_statements", "max_connections": "60"}
    with servers.serving("embedded", settings=settings, clients=8, run_id="shapes") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield server


@pytest.fixture(scope="module", params=[rentals, jobs, planner], ids=lambda module: module.__name__)
def derived(request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Derived:
    """Let an application work, and derive a project from its database."""
    application: ModuleType = request.param
    name = application.__name__
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    place = str.__str__(with_words(server.conninfo, dbname=name))
    seen = applications.serve_application(application, place, REQUESTS, seed=1)
    project = tmp_path_factory.mktemp("derived") / name
    begun = time.monotonic() - seen.began
    assert cli.main(["init", str(project), "--from", place]) == 0
    seconds = begun, time.monotonic() - seen.began
    made = likeness.made(project, name, CALLS, seed=2)
    operations = likeness.counted(project, name)
    return Derived(name=name, project=project, seen=seen, seconds=seconds, operations=operations, made=made)


@pytest.fixture(scope="module")
def said(derived: Derived, server: Server) -> str:
    """Propose an index, rank it against the schema as it is, and return what is said."""
    proposed = derived.project / "schemas" / derived.name / "proposed.sql"
    proposed.write_text(f"-- candidate: proposed\n-- extends: baseline\n{INDEXES[derived.name]}\n", encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCHEMABENCH_", "PYTEST_", "PG"))}
    place = {"SCHEMABENCH_POSTGRES": str.__str__(server.conninfo)}
    options = ["--budget", "1s", "--candidate", "proposed"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *options]
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(likeness.FORGET.encode())
    result = programs.run(command, cwd=derived.project, env={**kept, **place}, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return str(result.stdout)


def test_three_commands_lead_from_a_database_to_a_ranking(derived: Derived, said: str) -> None:
    assert f"{derived.name} at typical" in said
    assert "proposed" in said.partition("Candidates in order of rank")[2]
    assert not [words for words in BLAMING if words in said], said


def test_every_statement_of_the_application_is_counted(derived: Derived) -> None:
    alike = {name: derived.seen.calls[likeness.bare(one.sql)] for name, one in derived.operations.items()}

    for name, calls in alike.items():  # the server does not count those that fail
        assert not calls or 0.9 * calls <= derived.operations[name].calls <= calls, name
    assert sum(map(bool, alike.values())) >= 0.8 * len(alike)


def test_the_mix_of_statements_is_that_of_the_application(derived: Derived) -> None:
    counted, made = sum(one.calls for one in derived.operations.values()), derived.made.calls

    for name, one in derived.operations.items():
        assert made[name] / made.total() == pytest.approx(one.calls / counted, abs=MOST_OF_MIX), name


def test_the_pace_is_that_of_the_application(derived: Derived) -> None:
    counted = sum(one.calls for one in derived.operations.values())
    pace = derived.made.calls.total() / derived.made.seconds
    least, most = (counted / seconds for seconds in reversed(derived.seconds))

    assert (1 - MOST_OF_PACE) * least < pace < (1 + MOST_OF_PACE) * most


def test_busy_keys_are_as_busy_as_in_the_application(derived: Derived) -> None:
    pairs = likeness.pairs(derived.operations, derived.seen, derived.made)
    keys = {about: pair for about, pair in pairs.items() if _is_key(about[1]) and _sent(pair[0]) >= FEWEST_SENT}

    assert len(keys) >= 2
    for about, (sent, made) in keys.items():
        busiest = max(1, len(sent) // 100)
        expected, error = likeness.expected_top(made, busiest, _sent(sent))
        assert likeness.top(sent, busiest) == pytest.approx(expected, abs=MOST_OF_SKEW + SIGMAS * error), about


def _is_key(parameter: str) -> bool:
    return parameter in {"id", "queue"} or parameter.endswith("_id")


def _sent(values: Counter[str]) -> int:
    return values.total() - values["None"]


def test_statements_find_and_change_as_many_rows_as_in_the_application(
    derived: Derived, said: str, server: Server
) -> None:
    assert said
    executed = likeness.executed(server.conninfo)
    compared = {
        name: (one.rows, executed[likeness.bare(one.sql)][1])
        for name, one in derived.operations.items()
        if executed.get(likeness.bare(one.sql), (0, 0.0))[0] >= FEWEST_EXECUTED
    }

    assert len(compared) >= 0.3 * len(derived.operations)
    for name, (counted, found) in compared.items():
        assert found + 1 <= MOST_OF_ROWS * (counted + 1), name
        assert counted + 1 <= MOST_OF_ROWS * (found + 1), name
