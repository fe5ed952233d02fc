"""Runs whose candidates have a database for each part: with several workers, and killed in the middle of a trial."""

import json

import pytest
import regions
from shared_server import Shared
from shop import Shop, assert_clear, wait_for

PARTS = ("north", "south", "west")
LONG = ("UPDATE customer", "SELECT pg_sleep(0.01);\nUPDATE customer")


@pytest.fixture
def project(shop: Shop) -> Shop:
    """Return a project with the workload of docs/parts.md in place of its own."""
    shop.write("workloads/regions/__init__.py", regions.module())
    shop.write("workloads/regions/operations.sql", regions.operations())
    for name, text in regions.candidates().items():
        shop.write(f"schemas/regions/{name}.sql", text)
    shop.write("tests/test_regions.py", shop.read("tests/test_orders.py").replace("orders", "regions"))
    return shop


def test_two_workers_agree_on_three_layouts(project: Shop) -> None:
    result = project.run("-k", "regions", "-n", "2", "--clients", "6", "--report", "run.json", "--report", "run.md")
    (experiment,) = json.loads(project.read("run.json"))["schemabench"]["experiments"]

    assert result.ret == 0
    assert {one["name"]: one["status"] for one in experiment["candidates"]} == dict.fromkeys(
        regions.candidates(), "ranked"
    )
    assert [one["part"] for one in experiment["writers"]] == [*PARTS]
    assert len(experiment["workers"]) == 2
    assert "(part `north`)" in project.read("run.md")


@pytest.mark.parametrize(
    "workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.thorough)], ids=["alone", "two workers"]
)
def test_a_run_that_is_killed_in_a_trial_leaves_no_database_of_any_part(
    project: Shop, shared: Shared, workers: tuple[str, ...]
) -> None:
    project.change("schemas/regions/databases.sql", *LONG)
    arguments = ("-k", "regions", "--clients", "6", *workers)
    run = project.start(*arguments, "--budget", "60s", "--burst", "600")
    wait_for(run, lambda: all(shared.executes(f"regions_typical_databases_{part}") for part in PARTS))
    run.end()
    run.communicate()
    left = shared.databases()

    result = project.run("-k", "orders")

    assert {part for part in PARTS if any(name.endswith(f"_databases_{part}") for name in left)} == {*PARTS}
    assert result.ret == 0
    assert shared.databases() == set()


def test_a_run_that_keeps_its_databases_keeps_those_of_all_parts(project: Shop, shared: Shared) -> None:
    result = project.run("-k", "regions", "--clients", "6", "--keep-databases")
    kept = shared.databases()
    for name in kept:
        shared.drop(name)

    assert result.ret == 0
    assert {name.partition("_regions_typical_")[2] for name in kept} == {
        "baseline",
        "baseline_control",
        "partitions",
        *(f"databases_{part}" for part in PARTS),
    }


def test_more_clients_than_the_server_has_connections_for_are_refused(project: Shop) -> None:
    result = project.run("-k", "regions", "--clients", "112")

    assert result.ret == 1
    assert_clear(result, "--clients 112 is too much for this server: the run needs")
