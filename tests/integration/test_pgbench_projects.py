"""Projects from scripts of pgbench: they run at once, and leave the rows that pgbench would leave."""

import os
import re
import shlex
import sys
from itertools import islice
from pathlib import Path
from random import Random

import pgbench_program
import programs
import psycopg
import pytest

from schemabench import cli, workload
from schemabench.pgbench import builtins
from schemabench.server import Server
from schemabench.server.dsn import with_words

DOCS = Path(__file__).parents[2] / "docs" / "bring-your-own-schema.md"
SECTION = DOCS.read_text(encoding="utf-8").partition("## From scripts of pgbench")[2].partition("\n## ")[0]
RUNS = 200


def block(name: str, language: str) -> str:
    """Return an example of the docs."""
    (shown,) = re.findall(f"<!-- {name} -->\n(.*?)<!-- /{name} -->", SECTION, re.DOTALL)
    (text,) = re.findall(f"```{language}\n(.*?)```", shown, re.DOTALL)
    return str(text)


def evaluated(server: Server, project: Path) -> str:
    """Run a project; return what it says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCHEMABENCH_", "PYTEST_", "PG"))}
    place = str.__str__(with_words(server.conninfo))
    environment = {"SCHEMABENCH_POSTGRES": place, "SCHEMABENCH_BUDGET": "200ms", "SCHEMABENCH_CLIENTS": "2"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]

    result = programs.run(command, cwd=project, env={**kept, **environment}, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
    return str(result.stdout)


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Convert what the docs show, by the command that they show."""
    monkeypatch.chdir(tmp_path)
    Path("mine.sql").write_text(block("script", "sql"))
    Path("schema.sql").write_text(builtins.schemas()["baseline"])
    (command,) = re.findall(r"```sh\n(.*?) && ", SECTION)
    assert cli.main(shlex.split(command.replace("scale=10", "scale=1"))[1:]) == 0
    return tmp_path / "mine"


def test_the_docs_show_what_is_written(documented: Path) -> None:
    (name,) = workload.names(documented / "workloads")

    assert block("converted", "python") in (documented / "workloads" / name / "__init__.py").read_text()
    assert block("converted", "sql") in (documented / "workloads" / name / "operations.sql").read_text()


def test_the_docs_say_what_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["init", "--help"])
    usage = capsys.readouterr().out

    assert all(option in usage for option in re.findall(r"^\| `(-[A-Za-z-]+)", SECTION, re.MULTILINE))


def test_a_project_of_ones_own_scripts_runs_at_once(server: Server, documented: Path) -> None:
    said = evaluated(server, documented)

    assert "pgbench at typical" in said
    assert "retries: none" in said


def test_a_project_of_builtin_scripts_runs_and_its_candidates_agree(server: Server, tmp_path: Path) -> None:
    scripts = [word for name in builtins.SCRIPTS for word in ("--pgbench", name)]
    assert cli.main(["init", str(tmp_path / "project"), *scripts]) == 0

    said = evaluated(server, tmp_path / "project")

    assert "room_on_pages" in said
    assert "retries: none" in said
    assert "States cannot be compared" not in said


def test_the_tables_of_builtin_scripts_are_those_of_pgbench(server: Server, conninfo: str, tmp_path: Path) -> None:
    assert cli.main(["init", str(tmp_path / "project"), "--pgbench", "tpcb-like"]) == 0
    found = workload.load(tmp_path / "project" / "workloads", "tpcb_like")
    sizes = found.workload.cardinalities["typical"]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(builtins.schemas()["baseline"].encode())
        for call in found.workload.background(sizes, Random(0)):  # noqa: S311 (it draws nothing)
            (statement,) = found.operations[call.operation].statements
            connection.execute(statement.render({}).sql.replace("$1", "%s").encode(), [call.values["scale"]])
        ours = contents(connection)
    theirs = server.create("pgbench")
    try:
        pgbench_program.initialize(server.conninfo_for(theirs.name))
        with psycopg.connect(server.conninfo_for(theirs.name)) as connection:
            assert contents(connection) == ours
    finally:
        server.drop(theirs)


def contents(connection: psycopg.Connection[tuple[object, ...]]) -> list[object]:
    """Return the columns of pgbench's tables, with their settings, and digests of their rows."""
    columns = (
        "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable "
        "FROM information_schema.columns WHERE table_name LIKE 'pgbench%' ORDER BY table_name, ordinal_position"
    )
    found: list[object] = [connection.execute(columns.encode()).fetchall()]
    settings = "SELECT relname, reloptions FROM pg_class WHERE relname LIKE 'pgbench%' AND relkind = 'r' ORDER BY 1"
    found.append(connection.execute(settings.encode()).fetchall())
    for table in ("branches", "tellers", "accounts", "history"):
        rows = f"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM pgbench_{table} t"  # noqa: S608
        found.append(connection.execute(rows.encode()).fetchall())
    return found


@pytest.mark.parametrize("name", builtins.SCRIPTS)
def test_calls_are_about_rows_that_there_are(name: str, tmp_path: Path) -> None:
    assert cli.main(["init", str(tmp_path), "--pgbench", name, "-D", "scale=3", "--name", "mine"]) == 0
    found = workload.load(tmp_path / "workloads", "mine")
    random = Random(1)  # noqa: S311 (reproducible on purpose)
    calls = list(islice(found.workload.burst(found.workload.cardinalities["typical"], "client", 0, random), RUNS))
    highest = {"aid": 300_000, "bid": 3, "tid": 30}

    for call in calls:
        assert all(1 <= call.values[key] <= most for key, most in highest.items() if key in call.values)  # type: ignore[operator]
    assert len({call.values["aid"] for call in calls}) > RUNS // 2
