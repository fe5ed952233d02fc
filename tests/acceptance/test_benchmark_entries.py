"""Candidates as entries of pytest-benchmark: its table, its JSON, saving and comparing."""

import json
import sys
from typing import Any

import programs
import pytest
from shop import Shop, assert_clear, said

NAMES = ["test_orders[orders-typical-baseline]", "test_orders[orders-typical-without_index]"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[Shop, pytest.RunResult]:
    """Return a project with an ordinary test that fails, and one saved run of its evaluations only."""
    shop = Shop.open(tmp_path_factory.mktemp("entries") / "shop", environment)
    plain = shop.write("tests/test_plain.py", "def test_plain():\n    assert False\n")
    options = ["--benchmark-only", "--benchmark-save", "first", "--benchmark-json", "all.json", "--report", "run.json"]
    result = shop.run("-W", "error", *options, "--benchmark-histogram", "plot")
    plain.unlink()
    return shop, result


def _saved(shop: Shop) -> list[str]:
    return sorted(path.name for path in shop.path.glob(".benchmarks/*/*.json"))


def test_candidates_stand_side_by_side_in_the_table(saved: tuple[Shop, pytest.RunResult]) -> None:
    _, result = saved

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*- benchmark 'orders typical': 2 tests -*"])
    assert all(any(line.startswith(name) for line in result.outlines) for name in NAMES)


def test_pytest_benchmark_does_not_say_that_its_fixture_was_not_used(saved: tuple[Shop, pytest.RunResult]) -> None:
    _, result = saved

    result.assert_outcomes(passed=2, skipped=1, warnings=0)
    assert "not used" not in said(result)


def test_json_holds_all_of_pytest_benchmarks_own_and_the_run(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    content = json.loads(shop.read("all.json"))

    assert content.keys() == {"machine_info", "commit_info", "benchmarks", "datetime", "version", "schemabench"}
    assert sorted(entry["name"] for entry in content["benchmarks"]) == NAMES
    assert all(entry["group"] == "orders typical" for entry in content["benchmarks"])
    assert [one["workload"] for one in content["schemabench"]["experiments"]] == ["orders"]


def test_the_run_file_is_that_json(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    own, theirs = (json.loads(shop.read(name)) for name in ("run.json", "all.json"))

    assert own.keys() == theirs.keys()
    assert own["benchmarks"] == theirs["benchmarks"]
    assert own["schemabench"] == theirs["schemabench"]


def test_ops_is_operations_by_duration(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    content = json.loads(shop.read("all.json"))
    (experiment,) = content["schemabench"]["experiments"]
    trials = {one["name"]: [t for t in one["trials"] if not t["warmup"]] for one in experiment["candidates"]}

    for entry in content["benchmarks"]:
        counted: list[dict[str, Any]] = trials[entry["extra_info"]["candidate"]]
        assert entry["stats"]["rounds"] == len(counted)
        assert entry["stats"]["iterations"] == experiment["operations"]
        duration_s = sum(trial["duration_s"] for trial in counted)
        assert entry["stats"]["ops"] == pytest.approx(len(counted) * experiment["operations"] / duration_s)


def test_a_saved_run_holds_the_run_too(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    (path,) = shop.path.glob(".benchmarks/*/0001_first.json")

    assert "schemabench" in json.loads(path.read_text(encoding="utf-8"))


def test_pytest_benchmark_compares_saved_runs(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved
    command = [sys.executable, "-m", "pytest_benchmark", "compare", "0001"]

    done = programs.run(command, cwd=shop.path, capture_output=True, text=True, check=True)

    assert "benchmark 'orders typical': 2 tests" in done.stdout
    assert all(name in done.stdout for name in NAMES)


def test_a_run_compares_with_a_saved_one_and_passes_where_nothing_is_slower(
    saved: tuple[Shop, pytest.RunResult],
) -> None:
    shop, _ = saved
    shop.scale_saved(1_000)

    result = shop.run("--benchmark-compare", "--benchmark-compare-fail=mean:1%", "--benchmark-autosave")

    assert result.ret == 0
    assert all(f"{name} (NOW)" in said(result) and f"{name} (0001_first)" in said(result) for name in NAMES)
    assert len(_saved(shop)) == 2


def test_a_run_that_is_slower_than_the_saved_one_fails_and_shows_its_ranking(
    saved: tuple[Shop, pytest.RunResult],
) -> None:
    shop, _ = saved
    shop.scale_saved(1e-6)

    result = shop.run("--benchmark-compare=0001", "--benchmark-compare-fail=mean:1%")

    assert result.ret != 0
    assert "Performance has regressed" in said(result)
    assert "orders at typical" in said(result)


def test_a_histogram_is_drawn(saved: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = saved

    assert [path.suffix for path in shop.path.glob("plot*")] == [".svg"]


def test_benchmark_skip_skips_evaluations_and_starts_no_server(shop: Shop) -> None:
    result = shop.run("--benchmark-skip", SCHEMABENCH_POSTGRES="local:/nowhere")

    assert result.ret == 0
    result.assert_outcomes(skipped=2)


def test_benchmark_only_skips_ordinary_tests_and_runs_evaluations(saved: tuple[Shop, pytest.RunResult]) -> None:
    _, result = saved

    assert result.ret == 0
    result.assert_outcomes(passed=2, skipped=1)


def test_benchmark_disable_rehearses_one_block(shop: Shop) -> None:
    result = shop.run("-W", "error", "--benchmark-disable", "--budget", "10min", "--report", "run.json")

    assert result.ret == 0
    result.assert_outcomes(passed=2)
    assert json.loads(shop.read("run.json"))["schemabench"]["experiments"][0]["blocks"] == 1
    assert "benchmark 'orders typical'" not in said(result)


def test_neutral_ids_pair_one_candidate_with_the_saved_run_of_another(shop: Shop) -> None:
    first = shop.run("--candidate", "baseline", "--neutral-ids", "--benchmark-save", "a")
    second = shop.run("--candidate", "without_index", "--neutral-ids", "--benchmark-compare")

    assert (first.ret, second.ret) == (0, 0)
    assert "test_orders[orders-typical] (NOW)" in said(second)
    assert "test_orders[orders-typical] (0001_a)" in said(second)
    assert "2 tests" in said(second)


def test_neutral_ids_of_several_candidates_are_refused(shop: Shop) -> None:
    result = shop.run("--neutral-ids")

    assert_clear(result, "--neutral-ids needs one candidate, not 2: baseline, without_index", "--candidate NAME")


def test_a_session_without_pytest_benchmark_says_what_is_missing(shop: Shop) -> None:
    shop.write("tests/test_plain.py", "def test_plain():\n    pass\n")

    result = shop.run("-p", "no:benchmark")
    plain = shop.run("-p", "no:benchmark", "tests/test_plain.py")

    assert_clear(result, "leave out -p no:benchmark")
    assert plain.ret == 0
