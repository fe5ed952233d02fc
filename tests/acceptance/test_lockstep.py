"""Workers of pytest-xdist as concurrent writers: the same results, entries and reports as in a single process."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # a file of pytest's own

import pytest
from shop import Shop, assert_clear, said, section

NAMES = ["test_orders[orders-typical-baseline]", "test_orders[orders-typical-without_index]"]
REPORTS = ("--report", "run.json", "--report", "run.md")
NOTED = """
import os
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_plain(number):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with Path("ran.txt").open("a") as file:
        print(worker, number, file=file)
"""
BEGUN = """
    import os
    from pathlib import Path
    Path(os.environ["PYTEST_XDIST_WORKER"] + ".begun").touch()
    evaluate()
"""
AFTER = """
    assert {path.name for path in Path().glob("*.begun")} == {"gw0.begun", "gw1.begun"}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Shop:
    """Return a project for tests that do not change it."""
    return Shop.open(tmp_path_factory.mktemp("lockstep") / "shop", environment)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[Shop, pytest.RunResult]:
    """Return a project with one saved run of two workers."""
    shop = Shop.open(tmp_path_factory.mktemp("saved") / "shop", environment)
    shop.write("tests/test_plain.py", "def test_plain():\n    pass\n")
    options = ["--benchmark-save", "first", "--benchmark-json", "all.json", "--junit-xml", "junit.xml", *REPORTS]
    return shop, shop.run("-W", "error", "-n", "2", "--clients", "4", "--budget", "1s", *options)


def _experiment(shop: Shop) -> dict[str, Any]:
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    return dict(experiment)


def _counted(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    return [trial for trial in candidate["trials"] if not trial["warmup"]]


def _ran(shop: Shop) -> list[tuple[str, int]]:
    """Return (worker, number) of each ordinary test that ran."""
    lines = [line.split() for line in shop.read("ran.txt").splitlines()]
    return [(worker, int(number)) for worker, number in lines]


def test_two_workers_enter_each_candidate_once(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = saved
    content = json.loads(shop.read("all.json"))

    assert result.ret == 0
    result.assert_outcomes(passed=3)
    assert sorted(entry["name"] for entry in content["benchmarks"]) == NAMES
    assert content["schemabench"] == json.loads(shop.read("run.json"))["schemabench"]
    result.stdout.fnmatch_lines(["*- benchmark 'orders typical': 2 tests -*"])
    assert section(result)[0] == "orders at typical"


def test_rounds_are_trials_and_iterations_are_operations_of_all_workers(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    experiment = _experiment(shop)
    trials = {one["name"]: _counted(one) for one in experiment["candidates"]}

    for entry in json.loads(shop.read("all.json"))["benchmarks"]:
        counted = trials[entry["extra_info"]["candidate"]]
        assert entry["stats"]["rounds"] == len(counted) == experiment["blocks"]
        assert entry["stats"]["iterations"] == experiment["operations"] == counted[0]["operations"]
        duration_s = sum(trial["duration_s"] for trial in counted)
        assert entry["stats"]["ops"] == pytest.approx(len(counted) * experiment["operations"] / duration_s)


def test_the_latencies_of_all_workers_are_merged(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    experiment = _experiment(shop)

    for one in experiment["candidates"]:
        assert {latency["operation"] for latency in one["latencies"]} == {"place_order", "customer_total"}
        calls = sum(trial["operations"] for trial in _counted(one))
        assert sum(latency["count"] for latency in one["latencies"]) == calls


def test_every_trial_tells_how_busy_each_worker_was_and_the_report_says_it(
    saved: tuple[Shop, pytest.RunResult],
) -> None:
    shop, _ = saved
    experiment = _experiment(shop)

    assert list(experiment["workers"]) == ["gw0", "gw1"]
    assert all(0 < share < 1 for share in experiment["workers"].values())
    trials = [trial for one in experiment["candidates"] for trial in one["trials"]]
    assert {len(trial["busy_shares"]) for trial in trials} == {2}
    assert all(max(trial["busy_shares"]) == trial["busy_share"] for trial in trials)
    assert "load loop of gw1" in shop.read("run.md")


def test_every_writer_is_timed_whichever_worker_has_it(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved

    for one in _experiment(shop)["candidates"]:
        for trial in one["trials"]:
            assert trial["writers_s"].keys() == {"shop", "website"}
            assert max(trial["writers_s"].values()) == pytest.approx(trial["duration_s"], rel=0.01)


@pytest.mark.thorough
def test_contention_is_sampled_over_all_workers_sessions(shop: Shop) -> None:
    shop.write(
        "workloads/orders/operations.sql",
        shop.read("workloads/orders/operations.sql").replace(
            "-- name: customer_total\n", "-- name: customer_total\nSELECT pg_sleep(0.02);\n"
        ),
    )

    result = shop.run("-n", "2", "--budget", "2s", *REPORTS)

    assert result.ret == 0
    for one in _experiment(shop)["candidates"]:  # only the second worker reads totals
        assert "PgSleep" in {event["name"] for event in one["contention"]["events"]}


def test_a_junit_file_shows_each_evaluation_once(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    cases = [case.get("name") for case in ET.fromstring(shop.read("junit.xml")).iter("testcase")]  # noqa: S314

    assert sorted(map(str, cases)) == [*NAMES, "test_plain"]


def test_a_junit_file_has_the_verdict_on_each_candidate(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    found = {
        case.get("name"): {one.get("name"): one.get("value") for one in case.iter("property")}
        for case in ET.fromstring(shop.read("junit.xml")).iter("testcase")  # noqa: S314
    }

    assert found[NAMES[0]]["schemabench_verdict"] == "the baseline"
    assert found[NAMES[1]]["schemabench_candidate"] == "without_index"
    assert found[NAMES[1]].keys() >= {"schemabench_rank", "schemabench_ratio"}, "one block has no interval"
    assert found["test_plain"] == {}


@pytest.mark.thorough
def test_retries_of_all_workers_are_counted(shop: Shop) -> None:
    shop.write(
        "workloads/orders/operations.sql",
        shop.read("workloads/orders/operations.sql").replace(
            "-- name: customer_total\n",
            "-- name: customer_total\nDO $$ BEGIN IF random() < 0.2 THEN RAISE SQLSTATE '40001'; END IF; END $$;\n",
        ),
    )

    result = shop.run("-n", "2", *REPORTS)

    assert result.ret == 0
    for one in _experiment(shop)["candidates"]:
        (retries,) = one["retries"]
        assert (retries["operation"], retries["reason"]) == ("customer_total", "serialization failure")
        assert retries["count"] == sum(trial["retries"] for trial in _counted(one)) > 0


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        pytest.param(["-n", "1"], ["gw0"], id="one"),
        pytest.param(["-n", "0"], [], id="none", marks=pytest.mark.thorough),
        pytest.param(["-p", "no:xdist"], [], id="no-plugin"),
        pytest.param(["-n", "2", "--dist", "each"], None, id="each"),
    ],
)
def test_any_number_of_workers_gives_the_same_entries(
    project: Shop, arguments: list[str], workers: list[str] | None
) -> None:
    result = project.run(*arguments, "--benchmark-json", "all.json", *REPORTS)

    assert result.ret == 0
    result.assert_outcomes(passed=2)
    content = json.loads(project.read("all.json"))
    assert sorted(entry["name"] for entry in content["benchmarks"]) == NAMES
    assert list(_experiment(project)["workers"]) == (["gw0", "gw1"] if workers is None else workers)


@pytest.mark.thorough
def test_evaluations_run_where_xdist_is_not_installed(project: Shop) -> None:
    blocked = "import sys; sys.modules['xdist'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    plugins = ["-p", "schemabench.plugin", "-p", "pytest_benchmark.plugin"]
    process = project.start_python("-c", blocked, *plugins, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")

    result = project.finish(process)

    assert result.ret == 0
    result.assert_outcomes(passed=2)


@pytest.mark.thorough
def test_a_run_compares_with_a_saved_one_of_a_single_process(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    shop.scale_saved(1_000)

    result = shop.run("-n", "2", "--benchmark-compare", "--benchmark-compare-fail=mean:1%", "--benchmark-autosave")

    assert result.ret == 0
    assert all(f"{name} (NOW)" in said(result) and f"{name} (0001_first)" in said(result) for name in NAMES)
    assert len(list(shop.path.glob(".benchmarks/*/*.json"))) == 2


@pytest.mark.thorough
def test_a_run_that_is_slower_than_the_saved_one_fails(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    shop.scale_saved(1e-6)

    result = shop.run("-n", "2", "--benchmark-compare=0001", "--benchmark-compare-fail=mean:1%")

    assert result.ret != 0
    assert "Performance has regressed" in said(result)
    assert "orders at typical" in said(result)


@pytest.mark.thorough
def test_a_histogram_is_drawn(shop: Shop) -> None:
    pytest.importorskip("pygal", reason="it is drawn by pytest-benchmark[histogram]")

    result = shop.run("-n", "2", "--benchmark-histogram", "plot")

    assert result.ret == 0
    assert [path.suffix for path in shop.path.glob("plot*")] == [".svg"]


@pytest.mark.thorough
def test_benchmark_only_skips_ordinary_tests_and_runs_evaluations(shop: Shop) -> None:
    shop.write("tests/test_plain.py", "def test_plain():\n    assert False\n")

    result = shop.run("-n", "2", "--benchmark-only")

    assert result.ret == 0
    result.assert_outcomes(passed=2, skipped=1)


@pytest.mark.thorough
def test_benchmark_disable_rehearses_one_block(shop: Shop) -> None:
    result = shop.run("-n", "2", "--benchmark-disable", "--budget", "10min", "--report", "run.json")

    assert result.ret == 0
    result.assert_outcomes(passed=2)
    assert _experiment(shop)["blocks"] == 1
    assert "benchmark 'orders typical'" not in said(result)


def test_benchmark_skip_skips_evaluations_once_and_starts_no_server(shop: Shop) -> None:
    result = shop.run("-n", "2", "--benchmark-skip", SCHEMABENCH_POSTGRES="local:/nowhere")

    assert result.ret == 0
    result.assert_outcomes(skipped=2)


def test_ordinary_tests_run_once_after_the_evaluations(shop: Shop) -> None:
    shop.write("tests/test_early.py", NOTED.format(count=5) + AFTER)  # before the evaluations in the order of files
    shop.write("tests/test_orders.py", shop.read("tests/test_orders.py").replace("    evaluate()", BEGUN))

    result = shop.run("-n", "2")

    result.assert_outcomes(passed=7)
    assert sorted(number for _, number in _ran(shop)) == list(range(5))
    assert {worker for worker, _ in _ran(shop)} == {"gw0", "gw1"}


@pytest.mark.parametrize(("count", "workers"), [(7, "2"), (1, "3")], ids=["several", "fewer-than-workers"])
def test_a_session_without_evaluations_runs_each_test_once(shop: Shop, count: int, workers: str) -> None:
    shop.write("tests/test_plain.py", NOTED.format(count=count))

    result = shop.run("-n", workers, "tests/test_plain.py", SCHEMABENCH_POSTGRES="local:/nowhere")

    assert result.ret == 0
    result.assert_outcomes(passed=count)
    assert sorted(number for _, number in _ran(shop)) == list(range(count))


def test_a_session_in_which_nothing_is_selected_still_ends_with_no_tests(shop: Shop) -> None:
    result = shop.run("-n", "2", "-k", "nothing_of_this_name")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("dist", ["loadfile", pytest.param("worksteal", marks=pytest.mark.thorough)])
def test_all_workers_evaluate_and_other_tests_are_shared_out_as_dist_has_it(shop: Shop, dist: str) -> None:
    shop.write("tests/test_plain.py", NOTED.format(count=3))

    result = shop.run("-n", "2", "--dist", dist, *REPORTS)

    assert result.ret == 0
    result.assert_outcomes(passed=5)
    assert list(_experiment(shop)["workers"]) == ["gw0", "gw1"]
    assert sorted(number for _, number in _ran(shop)) == [0, 1, 2]
    assert dist != "loadfile" or len({worker for worker, _ in _ran(shop)}) == 1


def test_an_unacceptable_value_ends_a_shared_session_in_the_words_of_any_other(shop: Shop) -> None:
    result = shop.run("-n", "2", SCHEMABENCH_BUDGET="soon")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_clear(result, "--budget: 'soon' is not a duration", "set by: environment")


@pytest.mark.thorough
def test_neutral_ids_pair_one_candidate_with_the_saved_run_of_another(shop: Shop) -> None:
    first = shop.run("-n", "2", "--candidate", "baseline", "--neutral-ids", "--benchmark-save", "a")
    second = shop.run("-n", "2", "--candidate", "without_index", "--neutral-ids", "--benchmark-compare")

    assert (first.ret, second.ret) == (0, 0)
    assert "test_orders[orders-typical] (NOW)" in said(second)
    assert "test_orders[orders-typical] (0001_a)" in said(second)


@pytest.mark.thorough
def test_several_workloads_and_cardinalities_are_evaluated_one_after_the_other(shop: Shop) -> None:
    shop.add("returns")
    shop.change("workloads/orders/__init__.py", "background_orders=20_000", "background_orders=200")

    result = shop.run("-n", "2", "--cardinality", "all", "--workload", "orders", "--workload", "returns", *REPORTS)

    assert result.ret == 0
    run = json.loads(shop.read("run.json"))["schemabench"]
    assert [(one["workload"], one["cardinality"]) for one in run["experiments"]] == [
        (workload, cardinality) for workload in ("orders", "returns") for cardinality in ("typical", "worst")
    ]


@pytest.mark.thorough
def test_the_folder_in_which_workers_meet_is_private_and_goes(shop: Shop, tmp_path: Path) -> None:
    shop.write(
        "tests/test_plain.py",
        "import os, tempfile\nfrom pathlib import Path\n\n"
        "def test_plain():\n"
        "    (file,) = Path(tempfile.gettempdir()).glob('schemabench-*/leader.json')\n"
        "    assert file.stat().st_mode & 0o777 == 0o600\n"
        "    assert file.parent.stat().st_mode & 0o777 == 0o700\n",
    )
    tmp_path.joinpath("tmp").mkdir()

    result = shop.run("-n", "2", TMPDIR=str(tmp_path / "tmp"))

    result.assert_outcomes(passed=3)
    assert list((tmp_path / "tmp").glob("schemabench-*")) == []
