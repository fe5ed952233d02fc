"""A project that has nothing to do with schemabench, in whose environment it is installed: it must not notice.

It happens to have packages below `workloads`, options and fixtures of the same names as ours, and it shares its tests
out by pytest-xdist in its own way.
"""

from pathlib import Path

import pytest
from shop import Shop, said

WITHOUT = ("-p", "no:schemabench")
OTHERS = [pytest.param(WITHOUT, id="without", marks=pytest.mark.thorough), pytest.param((), id="with")]
"""The same session as if schemabench were not installed."""
CONFTEST = """
import os
from pathlib import Path
import pytest

def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=7, help="of the project's own")
    parser.addoption("--report", choices=("short", "long"), help="as above")

@pytest.fixture
def candidate():
    return "somebody"

@pytest.fixture
def evaluate(candidate):
    return lambda: candidate

@pytest.fixture(autouse=True)
def noted(request):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with Path("ran.txt").open("a") as file:
        print(worker, request.node.path.name, request.node.name, file=file)
"""
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_number(number):
    pass
"""
OWN_NAMES = """
def test_options(request):
    assert (request.config.getoption("--seed"), request.config.getoption("--report")) == (3, "long")

def test_fixtures(evaluate, candidate):
    assert evaluate() == candidate == "somebody"
"""
HEAVY = {
    "numpy",
    "scipy",
    "pandas",
    "psycopg",
    "pglast",
    "psutil",
    "msgspec",
    "tqdm",
    "altair",
    "schemabench.bench",
    "schemabench.evaluations",
    "schemabench.frames",
    "schemabench.loading",
    "schemabench.records",
    "schemabench.workload",
}
LIGHT = """
import sys

def test_light():
    assert not {heavy} & set(sys.modules)
"""
MORTAL = """
import os

def test_mortal():
    os._exit(1)
"""
TIMED = """
def test_timed(benchmark):
    benchmark(int)
"""


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str]) -> Shop:
    """Return the project."""
    shop = Shop.empty(tmp_path / "foreign", environment)
    shop.write("conftest.py", CONFTEST)
    for name in ("orders", "billing"):
        shop.write(f"workloads/{name}/__init__.py", "raise RuntimeError('nobody asked for this')\n")
    for name in ("a", "b", "c"):
        shop.write(f"test_{name}.py", TESTS)
    return shop


def _ran(project: Shop) -> list[tuple[str, str, str]]:
    """Return (worker, file, test) of each test that ran, and forget them."""
    lines = [line.split() for line in project.read("ran.txt").splitlines()]
    project.write("ran.txt", "")
    return [(worker, file, test) for worker, file, test in lines]


@pytest.mark.parametrize("dist", ["loadfile", "worksteal", "load"])
def test_a_project_with_packages_of_workloads_keeps_its_way_to_share_tests_out(project: Shop, dist: str) -> None:
    result = project.run("-v", "-n", "2", "--dist", dist)

    usual = {"loadfile": "LoadFileScheduling", "worksteal": "WorkStealingScheduling", "load": "LoadScheduling"}
    result.assert_outcomes(passed=18)
    assert f"scheduling tests via {usual[dist]}" in said(result)
    ran = _ran(project)
    assert len({(file, test) for _, file, test in ran}) == len(ran) == 18
    if dist == "loadfile":
        assert len({(worker, file) for worker, file, _ in ran}) == 3


def test_every_worker_runs_every_test_where_the_project_wants_it_so(project: Shop) -> None:
    result = project.run("-n", "2", "--dist", "each")

    result.assert_outcomes(passed=36)
    assert len(set(_ran(project))) == 36


@pytest.mark.parametrize("others", OTHERS)
def test_a_worker_that_dies_is_replaced(project: Shop, others: tuple[str, ...]) -> None:
    project.write("test_aa.py", MORTAL)

    result = project.run("-n", "2", "--dist", "load", *others)

    result.assert_outcomes(passed=18, failed=1)
    assert "replacing crashed worker" in said(result)
    assert "crashed while running 'test_aa.py::test_mortal'" in said(result)


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "shared"])
def test_options_and_fixtures_of_the_project_come_before_those_of_the_same_names(
    project: Shop, arguments: list[str]
) -> None:
    project.write("test_names.py", OWN_NAMES)

    result = project.run("--seed", "3", "--report", "long", "test_names.py", *arguments)

    result.assert_outcomes(passed=2)


def test_options_that_the_project_does_not_have_stay(project: Shop) -> None:
    helped = said(project.run("--help"))

    assert "--seed=SEED of the project's own" in helped
    assert "--seed=N" not in helped
    assert "measuring time for each workload" in helped
    assert project.run("--budget", "5s", "test_a.py").ret == 0


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["alone", "shared"])
def test_a_session_without_evaluations_loads_nothing_that_only_evaluations_need(
    project: Shop, arguments: list[str]
) -> None:
    project.write("test_light.py", LIGHT.format(heavy=HEAVY))

    project.run("test_light.py", *arguments).assert_outcomes(passed=1)


@pytest.mark.parametrize("others", OTHERS)
def test_benchmarks_of_the_project_are_what_pytest_benchmark_makes_of_them_beside_workers(
    project: Shop, others: tuple[str, ...]
) -> None:
    project.write("test_timed.py", TIMED)

    usual = project.run("-n", "2", "test_timed.py", *others)
    only = project.run("-n", "2", "test_timed.py", "--benchmark-only", *others)

    usual.assert_outcomes(passed=1)
    assert "Benchmarks are automatically disabled because xdist plugin is active" in said(usual)
    assert only.ret == pytest.ExitCode.USAGE_ERROR
    assert "Can't have both --benchmark-only and --benchmark-disable options" in said(only)


def test_a_wrong_value_of_an_option_of_ours_is_no_matter_of_the_project(project: Shop) -> None:
    assert project.run("-n", "2", SCHEMABENCH_BUDGET="soon").ret == 0
    assert project.run(SCHEMABENCH_BUDGET="soon").ret == 0


def test_a_session_leaves_no_folder(project: Shop) -> None:
    (project.path / "tmp").mkdir()

    project.run("-n", "2", "test_a.py", TMPDIR=str(project.path / "tmp")).assert_outcomes(passed=6)

    assert not list((project.path / "tmp").glob("schemabench-*"))
