"""A project from a live database: it runs at once, makes production's calls, and says nothing of what is stored."""

import json
import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import live_shop
import programs
import psycopg
import pytest
import servers
from live_shop import MIX, SECRET, SKEW, TENANTS
from psycopg import pq

from schemabench import cli, production
from schemabench import workload as workloads
from schemabench.monitor.nodes import outline
from schemabench.server import Server
from schemabench.server.dsn import with_words

CALLS = 3_000
PASSWORD = "hunter2secret"  # noqa: S105 (what must be shown nowhere)
SECRETS_SINCE = 180000
"""The first libpq with a further secret in its connection strings."""
MOST_OF_MIX = 0.02
"""How far the share of an operation may be from production's."""
MOST_OF_SKEW = 0.1
"""How large a part of all calls may go to tenants of another rank than in production."""
NAMES = {
    "insert_orders": "place_order",
    "insert_order_lines": "add_line",
    "update_accounts_by_tenant_id": "pay",
    "update_orders_by_id": "ship",
    "upsert_usage_daily": "count_usage",
    "insert_audit": "write_audit",
    "select_orders_by_id": "find_order",
    "select_orders_by_tenant_id": "newest_orders",
    "select_customers_by_email": "find_customer",
    "select_order_lines_by_order_id": "lines_of",
    "select_usage_daily_by_tenant_id": "usage_of",
}
"""Operation -> what the application did."""
AS_PRODUCTION = {
    "select_orders_by_id": "SELECT * FROM orders WHERE id = 77",
    "select_orders_by_tenant_id": (
        "SELECT id, status, amount_cents FROM orders WHERE tenant_id = 1 ORDER BY placed_at DESC LIMIT 10"
    ),
    "select_customers_by_email": "SELECT * FROM customers WHERE email = 'nobody@example.org'",
    "select_order_lines_by_order_id": "SELECT * FROM order_lines WHERE order_id = 5",
    "update_orders_by_id": "UPDATE orders SET status = 'shipped' WHERE id = 5 AND status <> 'shipped'",
    "update_accounts_by_tenant_id": "UPDATE accounts SET balance_cents = balance_cents + 1 WHERE tenant_id = 3",
    "insert_audit": "INSERT INTO audit (tenant_id, payload) VALUES (1, '{}')",
}
"""Operation -> a statement of the application whose plan in production is that of the operation."""


@dataclass(frozen=True)
class Live:
    """A server with a live database."""

    server: Server
    done: Counter[str]
    """What the application did."""

    def dsn(self, database: str = "live", role: str = "watcher") -> str:
        """Return the DSN of a database, for a role."""
        words = {"dbname": database, "user": role, "password": PASSWORD}
        return str.__str__(with_words(self.server.conninfo, **words))

    def maker(self, database: str = "live") -> psycopg.Connection[tuple[object, ...]]:
        """Open a session of whoever made the database."""
        return psycopg.connect(with_words(self.server.conninfo, dbname=database), autocommit=True)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """Make a live database, and let its application work."""
    settings = {"shared_preload_libraries": "pg_stat_statements", "max_connections": "60"}
    with servers.serving("embedded", settings=settings, clients=8, run_id="live") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            for name in ("live", "empty", "uncounted"):
                connection.execute(f"CREATE DATABASE {name}".encode())
            connection.execute(f"CREATE ROLE watcher LOGIN PASSWORD '{PASSWORD}'".encode())
            connection.execute(f"CREATE ROLE stranger LOGIN PASSWORD '{PASSWORD}'".encode())
            connection.execute(f"CREATE ROLE counter LOGIN PASSWORD '{PASSWORD}'".encode())
            connection.execute("GRANT pg_read_all_stats, pg_read_all_data TO watcher")
            connection.execute("GRANT pg_read_all_stats TO counter")
        found = Live(server, Counter())
        with found.maker("empty") as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        with found.maker("uncounted") as connection:
            connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
        with found.maker() as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            live_shop.fill(connection, seeded(1))
            connection.execute("SELECT pg_stat_statements_reset()")
            found.done.update(live_shop.work(connection, seeded(2), CALLS))
        yield found


@pytest.fixture(scope="module")
def project(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Derive a project."""
    folder = tmp_path_factory.mktemp("derived") / "project"
    assert cli.main(["init", str(folder), "--from", live.dsn(), "--rows", "50%"]) == 0
    return folder


def seeded(seed: int) -> Random:
    """Return a generator."""
    return Random(seed)  # noqa: S311 (reproducible on purpose)


def init(folder: Path, dsn: str, *options: str) -> int:
    """Run the command; return its exit status."""
    return cli.main(["init", str(folder), "--from", dsn, *options])


def texts(folder: Path) -> dict[str, str]:
    """Return the files of a project."""
    kinds = {".py", ".sql", ".json"}
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.suffix in kinds}


@pytest.fixture(scope="module")
def calls(project: Path) -> list[workloads.Call]:
    """Return calls of all writers, in their proportions."""
    workload = workloads.load(project / "workloads", "live").workload
    sizes = workload.cardinalities["typical"]
    writers = workload.writers(sizes)
    whole = sum(writer.weight for writer in writers)
    return [
        call
        for writer in writers
        for call in islice(workload.burst(sizes, writer.name, 0, seeded(3)), 30_000 * writer.weight // whole)
    ]


def evaluated(live: Live, project: Path, *options: str) -> str:
    """Run a project; return what it says."""
    place = str.__str__(with_words(live.server.conninfo))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCHEMABENCH_", "PYTEST_", "PG"))}
    environment = {"SCHEMABENCH_POSTGRES": place, "SCHEMABENCH_BUDGET": "200ms", "SCHEMABENCH_CLIENTS": "2"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *options]

    result = programs.run(command, cwd=project, env={**kept, **environment}, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
    return str(result.stdout)


def test_a_project_from_a_live_database_runs_at_once(live: Live, project: Path) -> None:
    said = evaluated(live, project)

    assert "live at typical" in said
    assert "without_unused_indexes" in said
    assert "retries: none" in said
    assert "States cannot be compared" not in said


def test_plans_are_compared_with_those_at_productions_size(live: Live, tmp_path: Path) -> None:
    assert init(tmp_path / "small", live.dsn(), "--rows", "1%") == 0
    said = evaluated(live, tmp_path / "small", "--postgres", "embedded", "--report", "run.json")
    record = json.loads((tmp_path / "small" / "run.json").read_text())["schemabench"]
    (baseline,) = [one for one in record["experiments"][0]["candidates"] if one["name"] == "baseline"]
    plans = {one["operation"]: one for one in baseline["grown_plans"]}
    told = " ".join(one["text"] for one in baseline["notices"] if one["code"] == "production-plan")

    assert "orders_pkey" in plans["select_orders_by_id"]["nodes"]
    with live.maker() as connection:
        for name, query in AS_PRODUCTION.items():
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode()).fetchone()
            assert row is not None
            assert plans[name]["nodes"] == outline(row[0]), name  # type: ignore[arg-type] # as JSON is read
    differing = {name for name, one in plans.items() if not one["same"]}
    assert all((f"size, {name} would" in told) == (name in differing) for name in plans)
    assert ("at production's size" in said) == bool(differing)


@pytest.mark.thorough
def test_plans_are_compared_only_on_a_server_of_ours_and_not_at_all_if_asked(
    live: Live, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "bring-your-own-schema.md").read_text(encoding="utf-8")
    section = docs.partition("## The plan that production would get")[2].partition("\n## ")[0]
    ((first, second),) = re.findall(r"```sh\n(.*)\n(.*)\n```", section)
    named = [live.dsn() if "://" in word else word for word in shlex.split(first)]
    pytest_, *options = shlex.split(second)
    monkeypatch.chdir(tmp_path)
    Path("workloads/shop").mkdir(parents=True)

    assert cli.main(named[1:]) == 0
    ours, theirs = Path("workloads/shop/production.json"), project / "workloads" / "live" / "production.json"
    assert list(production.read(ours).by_name) == list(production.read(theirs).by_name)
    assert pytest_ == "pytest"
    assert "were not compared with those at production's size" in " ".join(evaluated(live, project).split())
    assert "production's size" not in " ".join(evaluated(live, project, *options).split())


def test_database_without_tables_has_no_sizes(live: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "production.json"

    assert cli.main(["production", str(file), "--from", live.dsn("empty")]) == 2
    assert "The database 'empty' has no tables" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize(("role", "is_told"), [("watcher", False), ("counter", True)])
def test_sizes_without_statistics_of_columns_are_told(
    live: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str], role: str, *, is_told: bool
) -> None:
    file = tmp_path / "production.json"
    with live.maker() as connection:
        connection.execute("ANALYZE")

    assert cli.main(["production", str(file), "--from", live.dsn(role=role)]) == 0
    said = capsys.readouterr().out
    assert ("No statistics of the columns of public." in said) == is_told
    assert ("GRANT pg_read_all_data" in said) == is_told
    assert bool(production.read(file).unseen) == is_told


def test_the_mix_of_calls_is_that_of_production(live: Live, calls: list[workloads.Call]) -> None:
    made = Counter(NAMES[call.operation] for call in calls)

    assert set(made) == set(MIX)
    for name, times in made.items():
        assert abs(times / made.total() - live.done[name] / live.done.total()) < MOST_OF_MIX, name


@pytest.mark.parametrize(
    "operation", ["insert_orders", "upsert_usage_daily", "select_orders_by_tenant_id", "insert_audit"]
)
def test_busy_keys_are_as_busy_as_in_production(calls: list[workloads.Call], operation: str) -> None:
    made = Counter(call.values["tenant_id"] for call in calls if call.operation == operation)
    random = seeded(4)
    real = Counter(SKEW.draw(TENANTS, random) for _ in range(20_000))

    assert distance(made, real) < MOST_OF_SKEW


def distance(first: Mapping[object, int], second: Mapping[object, int]) -> float:
    """Return the part of all calls that would have to go to keys of other ranks for two to be alike."""
    one, other = (sorted(some.values(), reverse=True) for some in (first, second))
    length = max(len(one), len(other))
    pairs = zip(one + [0] * (length - len(one)), other + [0] * (length - len(other)), strict=True)
    return sum(abs(a / sum(one) - b / sum(other)) for a, b in pairs) / 2


def test_no_content_of_the_database_is_in_the_files(project: Path) -> None:
    for path, text in texts(project).items():
        assert SECRET.lower() not in text.lower(), path
        assert "example.org" not in text, path
        assert "192.0.2" not in text, path


def test_no_password_is_in_the_files_or_in_what_is_said(
    live: Live, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path / "wrong", live.dsn(role="nobody_known")) == 2
    assert init(tmp_path / "again", live.dsn(role="counter")) == 0
    if pq.version() >= SECRETS_SINCE:
        more = with_words(live.dsn(role="counter"), oauth_client_secret=PASSWORD)
        assert init(tmp_path / "more", str.__str__(more)) == 0
    said = "".join(capsys.readouterr())

    assert all(PASSWORD not in text for text in (*texts(project).values(), *texts(tmp_path).values(), said))


def test_with_values_texts_are_those_of_the_statistics(live: Live, tmp_path: Path) -> None:
    assert init(tmp_path / "open", live.dsn(), "--with-values") == 0

    assert "SKU-00" in texts(tmp_path / "open")["workloads/live/tables.py"]


def test_a_scale_multiplies_the_rows_of_each_table(project: Path) -> None:
    sizes = workloads.load(project / "workloads", "live").workload.cardinalities

    assert (sizes["typical"].orders, sizes["production"].orders) == (live_shop.ORDERS // 2, live_shop.ORDERS)
    assert sizes["typical"].tenants == TENANTS  # small tables keep their rows


def test_so_many_statements_become_operations_and_the_others_are_listed(live: Live, tmp_path: Path) -> None:
    assert init(tmp_path / "few", live.dsn(), "--statements", "3") == 0
    operations = texts(tmp_path / "few")["workloads/live/operations.sql"]

    assert sum(f"-- name: {name}\n" in operations for name in NAMES) == 3
    assert "-- name: insert_" in operations
    assert "Beyond the number of statements" in operations


def test_a_role_that_reads_statistics_alone_suffices(
    live: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path / "counted", live.dsn(role="counter")) == 0
    said = capsys.readouterr().out

    assert "No statistics of public.tenants" in said
    assert "GRANT pg_read_all_data" in said
    assert "baseline.sql is what the catalogs say" in said
    assert "live at typical" in evaluated(live, tmp_path / "counted", "--candidate", "baseline")


def test_a_schema_that_the_role_must_not_use_is_no_obstacle(live: Live, tmp_path: Path) -> None:
    with live.maker() as connection:
        connection.execute("CREATE SCHEMA closed")
        connection.execute("CREATE TABLE closed.door (id bigserial PRIMARY KEY)")
    try:
        assert init(tmp_path / "counted", live.dsn(role="counter")) == 0
    finally:
        with live.maker() as connection:
            connection.execute("DROP SCHEMA closed CASCADE")

    assert "SELECT setval('closed.door_id_seq'" in texts(tmp_path / "counted")["workloads/live/operations.sql"]


def test_a_role_without_rights_is_told_which_it_needs(
    live: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path / "project", live.dsn(role="stranger")) == 2

    assert "GRANT pg_read_all_stats TO stranger" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("database", "words"),
    [
        ("empty", "The database 'empty' has no tables"),
        ("uncounted", "CREATE EXTENSION pg_stat_statements"),
        ("absent", 'database "absent" does not exist'),
    ],
)
def test_a_database_that_gives_nothing_is_refused_in_words(
    live: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str], database: str, words: str
) -> None:
    assert init(tmp_path / "project", live.dsn(database)) == 2

    assert words in capsys.readouterr().err
    assert not (tmp_path / "project").exists()


def test_a_folder_that_is_not_empty_is_left_alone(
    live: Live, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = texts(project)

    assert init(project, live.dsn()) == 2
    assert "is not an empty folder" in capsys.readouterr().err
    assert texts(project) == before


def test_options_of_a_live_database_need_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(tmp_path / "project"), "--rows", "1%"]) == 2

    assert "--rows is about a live database" in capsys.readouterr().err


def test_the_docs_say_what_can_be_typed(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "bring-your-own-schema.md").read_text(encoding="utf-8")
    section = docs.partition("## From a live database")[2].partition("\n## ")[0]
    (command,) = re.findall(r"```sh\n(.*?) && ", section)
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    words = [live.dsn() if "://" in word else word for word in shlex.split(command)]
    monkeypatch.chdir(tmp_path)

    assert cli.main(words[1:]) == 0
    exec(compile(example, "docs", "exec"), {})  # noqa: S102 (an example of ours)
    with pytest.raises(SystemExit):
        cli.main(["init", "--help"])
    usage = capsys.readouterr().out.rpartition("usage:")[2]
    assert all(option in usage for option in re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE))


def test_a_server_that_does_not_load_the_extension_is_told(
    conninfo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("CREATE TABLE t (id int)")

    assert init(tmp_path / "project", str.__str__(with_words(conninfo))) == 2
    assert "shared_preload_libraries = 'pg_stat_statements'" in capsys.readouterr().err
