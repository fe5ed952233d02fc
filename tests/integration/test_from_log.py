"""A project from a server's log: its calls are those that were made, and their replay leaves the same rows."""

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import logged_traffic
import programs
import psycopg
import pytest
import servers
from logged_traffic import TABLES, Done

from schemabench import candidate as candidates
from schemabench import cli
from schemabench import workload as workloads
from schemabench.experiment import Feed, entrant, filling
from schemabench.experiment.burst import make
from schemabench.logs import Spool, read
from schemabench.server import Server, local
from schemabench.server.dsn import with_words

SESSIONS, ROUNDS = 6, 15
WAITS = 20_000
TICK_S = 0.001
"""Of the clock of a log."""
SETTINGS = {
    "logging_collector": "on",
    "log_destination": "csvlog,jsonlog",
    "log_filename": "shop.log",
    "log_min_duration_statement": "0",
    "max_connections": "40",
}
SAID = {"log_statement": "all", "log_duration": "on", "log_min_duration_statement": "-1"}
"""The other way to have statements and durations in a log."""
LONGEST = 8
SILENT = "-c log_min_duration_statement=-1"
NAMES = {
    "insert_customers": "add_customer",
    "select_customers_by_id": "find_customer",
    "insert_orders": "place_order",
    "insert_order_lines": "add_line",
    "update_customers_by_id": "charge",
    "update_orders_by_id_state": "pay",
    "update_orders_by_id": "ship",
    "insert_carts": "add_cart",
    "update_carts_by_id": "fill_cart",
    "insert_tokens": "add_token",
    "update_tokens_by_id": "use_token",
    "select_order_lines_by_order_id": "lines_of",
}
"""Operation -> what the application did."""
BY_CUSTOMER = """-- candidate: by_customer
-- extends: baseline
CREATE INDEX orders_by_customer ON orders (customer_id);
"""


@dataclass(frozen=True)
class Logging:
    """A server that logs, on whose databases an application was at work."""

    conninfo: str
    logs: Mapping[str, Path]
    """csv, json -> the file."""
    done: Mapping[str, Done]
    """Database -> what the application did there."""
    rows: Mapping[str, list[tuple[Any, ...]]]
    """The rows at the end, in the first database."""

    def dsn(self, database: str = "shop") -> str:
        """Return the DSN of a database."""
        return str.__str__(with_words(self.conninfo, dbname=database))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def logging() -> Iterator[Logging]:
    """Start a server that logs, and let an application work."""
    newest = servers.FOUND[max(servers.FOUND)]
    with local.start(newest, {**servers.SMALL, **SETTINGS}, (), "logging") as server:
        done: dict[str, Done] = {}
        for name, settings in {"shop": {}, "said": SAID, "cut": {"log_parameter_max_length": str(LONGEST)}}.items():
            with psycopg.connect(server.conninfo, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
                for setting, value in settings.items():
                    connection.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'".encode())
            conninfo = str.__str__(with_words(server.conninfo, dbname=name))
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute(logged_traffic.SCHEMA.encode())
            done[name] = logged_traffic.work(conninfo, SESSIONS, ROUNDS if name == "shop" else 3)
        with psycopg.connect(server.conninfo, dbname="shop", autocommit=True, options=SILENT) as connection:
            connection.execute("ANALYZE")
            rows = {name: connection.execute(query.encode()).fetchall() for name, query in TABLES.items()}
        logs = {kind: server.data / "log" / f"shop.{kind}" for kind in ("csv", "json")}
        yield Logging(str.__str__(server.conninfo), logs, done, rows)


@pytest.fixture(scope="module")
def projects(logging: Logging, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Derive a project from each of the two forms of the log, of what was said until now."""
    folder = tmp_path_factory.mktemp("from_log")
    copies = {kind: folder / f"server.{kind}" for kind in logging.logs}
    for kind, path in logging.logs.items():
        copies[kind].write_bytes(path.read_bytes())
    for kind, path in copies.items():
        assert cli.main(["init", str(folder / kind), "--from", logging.dsn(), "--from-log", str(path)]) == 0
    return {kind: folder / kind for kind in copies}


def lines(project: Path, name: str = "shop") -> list[dict[str, Any]]:
    """Return the requests of a project's replay."""
    with gzip.open(project / "workloads" / name / "log.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file][1:]


def by_session(project: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the requests of each session in order: of two sessions in one tick, each form has its own order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in lines(project):
        found.setdefault(one["session"], []).append(one)
    return found


def test_csvlog_and_jsonlog_give_the_same_calls(projects: dict[str, Path]) -> None:
    assert len(lines(projects["csv"])) > SESSIONS * ROUNDS
    assert by_session(projects["csv"]) == by_session(projects["json"])


@pytest.mark.parametrize("database", ["shop", "said"])
def test_operations_have_the_calls_that_were_made(logging: Logging, tmp_path: Path, database: str) -> None:
    project = tmp_path / "project"
    command = ["init", str(project), "--from", logging.dsn(database), "--from-log", str(logging.logs["json"])]

    assert cli.main(command) == 0

    counted = Counter(NAMES[name] for one in lines(project, database) for name, *_ in one["calls"])
    assert counted == logging.done[database].calls


def test_a_session_keeps_its_order_and_its_times(logging: Logging, projects: dict[str, Path]) -> None:
    with Spool() as spool:
        first_s = read([logging.logs["csv"]], "shop", spool).first_s
    found: dict[int, list[tuple[str, float]]] = {}
    for one in lines(projects["csv"]):
        pid = int(one["session"].partition(".")[2], 16)
        found.setdefault(pid, []).extend((NAMES[name], first_s + one["at"]) for name, *_ in one["calls"])

    expected = logging.done["shop"].by_session
    assert {pid: [name for name, _ in own] for pid, own in found.items()} == {
        pid: [name for name, *_ in own] for pid, own in expected.items()
    }
    for pid, own in found.items():
        for (_, at_s), (_, begun_s, ended_s) in zip(own, expected[pid], strict=True):
            assert begun_s - 2 * TICK_S <= at_s <= ended_s + 2 * TICK_S


def test_what_was_rolled_back_or_refused_is_counted_and_left_out(
    logging: Logging, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert init(tmp_path / "project", logging, logging.logs["csv"]) == 0

    said = capfd.readouterr().out
    done = logging.done["shop"]
    assert f"{done.failed:,} statements that failed" in said
    assert f"{done.aborted:,} statements of transactions that were rolled back" in said
    assert "It holds the log's values as they are" in said


def test_transactions_are_whole_and_numbers_are_taken_from_answers(projects: dict[str, Path]) -> None:
    placing = [one for one in lines(projects["csv"]) if one["calls"][0][0] == "insert_orders"]

    assert all(one["transaction"] for one in placing)
    for one in placing:
        names = [name for name, *_ in one["calls"]]
        assert names == ["insert_orders", *["insert_order_lines"] * (len(names) - 2), "update_customers_by_id"]
        (given,) = one["calls"][0][2].values()
        assert {call[1]["order_id"]["given"] for call in one["calls"][1:-1]} == {given}
    shipped = [call for one in lines(projects["csv"]) for call in one["calls"] if call[0] == "update_orders_by_id"]
    assert shipped
    assert all("given" in call[1]["id"] for call in shipped)


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    """Start a server that is measured on."""
    with servers.serving("embedded", settings={}, clients=32, run_id="replayed") as server:
        yield server


@pytest.mark.parametrize("name", ["baseline", "by_customer"])
def test_a_replay_from_the_same_start_leaves_the_same_rows(
    logging: Logging, projects: dict[str, Path], plain: Server, name: str
) -> None:
    project = projects["csv"]
    (project / "schemas" / "shop" / "by_customer.sql").write_text(BY_CUSTOMER)
    found = workloads.load(project / "workloads", "shop")
    known = candidates.find(project / "schemas" / "shop")
    sizes = found.workload.cardinalities["empty"]
    feed = Feed(found, sizes, 1, {"shop": project / "workloads" / "shop" / "log.jsonl.gz"})
    (writer,) = found.workload.writers(sizes)
    count = sum(len(one["calls"]) for one in lines(project))
    template = filling.build(known[name], found.operations, plain, feed.background())

    with closing(entrant.enter(template, name, template.databases, [writer] * SESSIONS)) as one:
        burst = make(feed, [(writer, SESSIONS)], 0, count / writer.weight)
        one.sessions.execute(burst, Random(1))  # noqa: S311 (reproducible on purpose)

    assert len(burst.operations) == count
    (database,) = template.databases
    with psycopg.connect(plain.conninfo_for(database.name)) as connection:
        assert {table: connection.execute(query.encode()).fetchall() for table, query in TABLES.items()} == logging.rows


def test_a_replay_ranks_candidates_on_rows_that_are_made_up(projects: dict[str, Path], plain: Server) -> None:
    project = projects["json"]
    (project / "schemas" / "shop" / "by_customer.sql").write_text(BY_CUSTOMER)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCHEMABENCH_", "PYTEST_", "PG"))}
    environment = {
        "SCHEMABENCH_POSTGRES": str.__str__(plain.conninfo),
        "SCHEMABENCH_BUDGET": "300ms",
        "SCHEMABENCH_CLIENTS": "3",
    }
    replayed = ["--replay", "shop=workloads/shop/log.jsonl.gz", "--adequacy", "500ms"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *replayed]

    result = programs.run(command, cwd=project, env={**kept, **environment}, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "by_customer" in result.stdout
    assert "adequacy: production load" in result.stdout
    assert "States cannot be compared" not in result.stdout


def init(folder: Path, logging: Logging, *logs: Path, database: str = "shop") -> int:
    """Run the command; return its exit status."""
    return cli.main(["init", str(folder), "--from", logging.dsn(database), "--from-log", *map(str, logs)])


def test_values_that_are_cut_off_are_counted_and_told(
    logging: Logging, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.json"
    kept = [one for one in logging.logs["json"].read_text().splitlines() if '"dbname":"cut"' in one and "$1" in one]
    path.write_text("\n".join(kept))

    assert init(tmp_path / "project", logging, path, database="cut") == 0

    assert f"Cut off after {LONGEST:,} characters" in capfd.readouterr().out


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(WAITS):
        if holds():
            return
        sleep(TICK_S)
    raise AssertionError("it never held")


def test_a_format_that_is_switched_on_in_the_middle_of_a_session_loses_no_entry() -> None:
    newest = servers.FOUND[max(servers.FOUND)]
    settings = {name: value for name, value in SETTINGS.items() if name != "log_destination"}
    with local.start(newest, {**servers.SMALL, **settings}, (), "switching") as server:
        paths = [server.data / "log" / f"shop.{kind}" for kind in ("csv", "json")]
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n int)")
            for number, destination in enumerate(("csvlog", "csvlog,jsonlog", "jsonlog")):
                connection.execute(f"ALTER SYSTEM SET log_destination = '{destination}'".encode())
                connection.execute("SELECT pg_reload_conf()")
                wait_until(lambda: connection.execute("SHOW log_destination").fetchone() == (destination,))  # noqa: B023 (at once)
                wait_until(paths[number > 0].exists)
                for one in range(5):
                    connection.execute("INSERT INTO t VALUES (%s)", [5 * number + one])
            wait_until(lambda: "$1 = '14'" in paths[1].read_text())
            for files in (paths, paths[::-1]):
                with Spool() as spool:
                    found = read(files, connection.info.dbname, spool)
                    (wanted,) = (shape.number for shape in found.shapes if shape.sql.startswith("INSERT"))
                    values = [
                        one.values for _, request in spool.in_order() for one in request.parts if one.shape == wanted
                    ]

                assert values == [[str(number)] for number in range(15)]
                assert found.repeated
                assert not found.late


def damaged(logs: Mapping[str, Path], kind: str, damage: str, folder: Path) -> Path:
    """Write a log with some damage; return its path."""
    whole = logs[kind].read_bytes()
    path = folder / f"damaged.{kind}"
    half = whole.index(b"\n20" if kind == "csv" else b"\n", len(whole) // 2) + 1
    content = {
        "cut": whole[: half + 60],
        "rubbish within": whole[:half] + b"\x00\xff rubbish \n" + whole[half:],
        "endless line": whole + b"x" * (1 << 25),
        "packed": gzip.compress(whole),
        "packed and cut": gzip.compress(whole)[:-20],
    }[damage]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("cut", "cut off, too long, or none: 1 entry of the log"),
        ("rubbish within", "Left out, because cut off"),
        ("endless line", "Left out, because cut off"),
        ("packed", "To replay it"),
        ("packed and cut", "is a gzip file that ends early or is damaged after line"),
    ],
)
def test_a_damaged_log_is_read_as_far_as_it_can_be(  # noqa: PLR0913, PLR0917 (the damage and its setting)
    logging: Logging, tmp_path: Path, kind: str, damage: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = damaged(logging.logs, kind, damage, tmp_path)

    assert init(tmp_path / "project", logging, path) == 0

    assert told in capfd.readouterr().out
    assert lines(tmp_path / "project")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"2026-01-31 12:00:00 UTC [7] LOG:  statement: SELECT 1\n" * 3, "is neither csvlog nor jsonlog"),
        (b"a,b,c\n1,2,3\n", "is neither csvlog nor jsonlog"),
        (b'{"event": "login"}\n' * 3, "is neither csvlog nor jsonlog"),
        (os.urandom(1 << 16), "is neither csvlog nor jsonlog"),
        (b"", "has no statement of an application in 'shop'"),
        (None, "does not exist"),
    ],
)
def test_a_file_of_another_kind_is_answered_in_words(
    logging: Logging, tmp_path: Path, content: bytes | None, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.log"
    if content is not None:
        path.write_bytes(content)

    assert init(tmp_path / "project", logging, path) == 2

    said = capfd.readouterr().err
    assert told in said
    assert "Traceback" not in said
    assert not (tmp_path / "project").exists()


def test_a_log_without_a_database_is_answered_in_words(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(tmp_path / "project"), "--from-log", "x.csv"]) == 2

    assert "--from-log is about a live database, and none is named" in capfd.readouterr().err


def test_the_page_shows_commands_that_work(
    logging: Logging, plain: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "bring-your-own-schema.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- from-log -->")[2].partition("<!-- /from-log -->")[0]
    commands = "\n".join(line for line in shown.splitlines() if line and not line.startswith("```"))
    (tmp_path / "postgresql-1.json").write_bytes(logging.logs["json"].read_bytes())
    monkeypatch.setenv("SCHEMABENCH_POSTGRES", str.__str__(plain.conninfo))
    monkeypatch.setenv("SCHEMABENCH_CLIENTS", "3")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    dsn = f"'{logging.dsn()}'"

    script = commands.replace("postgresql://watcher@db.example.com/shop", dsn).replace("--budget 10s", "--budget 300ms")
    result = programs.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
    assert "shop at typical" in result.stdout
