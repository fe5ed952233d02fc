"""Processes that share a burst, beside what the server wrote down: each call once, or the run refuses.

The processes of a run hash texts differently, as those of several machines do, and one of them may play another host
whose clock is an hour ahead.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import urlencode

import programs
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemabench.server import Server

CALLS, WRITERS, NAMES = 300, 3, 1_000
SEED = "PYTHONHASHSEED"
_STEERING = ("SCHEMABENCH_", "PYTEST_", "PG", "GITHUB_", "CI", "COV_", SEED)
TESTS = """
import pytest

@pytest.mark.workload("names")
def test_names(evaluate):
    evaluate()
"""
WORKLOAD = '''
"""Names that come out of a set."""

import os
from dataclasses import dataclass, replace

from schemabench import Call, Workload, Writer
from schemabench.workers import wire

if os.environ.get("PYTEST_XDIST_WORKER") == os.environ.get("ELSEWHERE"):
    ours = wire.packed
    wire.packed = lambda part: ours(replace(part, clock="elsewhere", started_ns=part.started_ns + 3_600 * 10**9))

@dataclass(frozen=True)
class Sizes:
    names: int = NAMES

def burst(sizes, writer, block, random):
    while True:
        names = {f"{writer} {block} {number}" for number in range(sizes.names)}
        for name in ORDER(names):
            yield Call("note", {"name": name})

WORKLOAD = Workload(
    name="names",
    summary="names out of a set",
    cardinalities={"typical": Sizes()},
    writers=lambda _: tuple(Writer(name=name, kind="stream", weight=1, clients=2) for name in ("one", "two", "three")),
    burst=burst,
)
'''
BASELINE = """
CREATE TABLE noted (name text NOT NULL, began timestamptz NOT NULL DEFAULT clock_timestamp());
"""
NOTE = """
-- name: note
INSERT INTO noted (name) VALUES (:name::text);
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project whose only workload notes names."""

    path: Path
    server: Server

    def run(self, order: str, workers: int = 2, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run its evaluation, with the databases left where they are."""
        self._write("workloads/names/__init__.py", WORKLOAD.replace("ORDER", order).replace("NAMES", str(NAMES)))
        url = f"postgresql:///?{urlencode(conninfo_to_dict(self.server.conninfo))}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
        options = ["-n", str(workers), "--keep-databases", "--clients", "6", "--budget", "500ms"]
        burst = ["--burst", str(CALLS), "--equivalence", "off", "--report", "run.json"]
        return programs.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *burst],
            cwd=self.path,
            env={**kept, "SCHEMABENCH_POSTGRES": url, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def written(self) -> None:
        """Write what does not change."""
        self._write("workloads/names/operations.sql", NOTE)
        self._write("schemas/names/baseline.sql", BASELINE)
        self._write("tests/test_names.py", TESTS)
        self._write("pytest.ini", "[pytest]\n")

    def databases(self) -> list[str]:
        """Return the databases that are left of runs."""
        with psycopg.connect(self.server.conninfo, autocommit=True) as connection:
            rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'sb\\_%baseline%'").fetchall()
        return [name for (name,) in rows]

    def noted(self) -> list[Counter[str]]:
        """Return how often each name was noted, database by database."""
        found = []
        for name in self.databases():
            with psycopg.connect(make_conninfo(self.server.conninfo, dbname=name)) as connection:
                found.append(Counter(name for (name,) in connection.execute("SELECT name FROM noted").fetchall()))
        return found

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def project(shipped: Server, tmp_path: Path) -> Iterator[Project]:
    """Return a project of the test's own, and drop what its run left."""
    project = Project(path=tmp_path / "project", server=shipped)
    project.written()
    yield project
    with psycopg.connect(shipped.conninfo, autocommit=True) as connection:
        for name in project.databases():
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]


def _executed(project: Project) -> tuple[list[float], int]:
    """Return the durations of the baseline's trials, and how many blocks were executed."""
    (experiment,) = json.loads((project.path / "run.json").read_text(encoding="utf-8"))["schemabench"]["experiments"]
    (baseline,) = experiment["candidates"]
    return [trial["duration_s"] for trial in baseline["trials"]], len(baseline["trials"])


def _assert_each_once(project: Project, order: Callable[[set[str]], Sequence[str]] | None = sorted) -> None:
    """Check that the server saw every call of every block once, whoever executed it.

    Args:
        project: It has run.
        order: In which calls come out of a set; None where only the processes know.
    """
    _, blocks = _executed(project)
    found = project.noted()
    assert len(found) == 2, "baseline and control"
    for noted in found:
        assert set(noted.values()) == {1}
        for writer, block in product(("one", "two", "three"), range(blocks)):
            names = {f"{writer} {block} {number}" for number in range(NAMES)}
            seen = names & noted.keys()
            assert len(seen) == CALLS // WRITERS
            assert order is None or seen == set(order(names)[: len(seen)])


def test_workers_whose_sets_have_different_orders_refuse_to_run(project: Project) -> None:
    result = project.run("list")

    assert result.returncode != 0, result.stdout
    assert "The burst of warm-up block 1 is not the same in the workers gw0 and gw1" in result.stdout
    assert "sorted" in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.long)])
def test_the_server_sees_every_call_of_a_burst_once_though_workers_hash_differently(
    project: Project, workers: int
) -> None:
    result = project.run("sorted", workers)

    assert result.returncode == 0, result.stdout
    _assert_each_once(project)


@pytest.mark.long
def test_the_server_sees_every_call_of_a_burst_made_from_a_set_once_where_workers_hash_alike(project: Project) -> None:
    result = project.run("list", **{SEED: "7"})

    assert result.returncode == 0, result.stdout
    _assert_each_once(project, order=None)


@pytest.mark.long
def test_a_clock_that_is_an_hour_ahead_on_another_host_is_in_no_duration(project: Project) -> None:
    result = project.run("sorted", ELSEWHERE="gw1")

    assert result.returncode == 0, result.stdout
    _assert_each_once(project)
    durations_s, _ = _executed(project)
    (first, *_) = project.databases()
    with psycopg.connect(make_conninfo(project.server.conninfo, dbname=first)) as connection:
        query = """
            SELECT max(took) FROM (
                SELECT extract(EPOCH FROM max(began) - min(began))::float8 AS took
                FROM noted GROUP BY split_part(name, ' ', 2)
            ) AS block
        """
        (longest_s,) = connection.execute(query).fetchone() or (0.0,)
    assert 0 < max(durations_s) < 60
    assert max(durations_s) > longest_s / 4, "the longest part is a large part of what the server saw of all"
