"""Which evaluations run, and that all other tests are left in peace."""

import json

import pytest
from shop import Shop, assert_clear, said


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Shop:
    """Return a project of two workloads and an ordinary test, for tests that do not change it."""
    shop = Shop.open(tmp_path_factory.mktemp("selection") / "shop", environment)
    shop.add("returns")
    shop.write("tests/test_plain.py", "def test_plain():\n    pass\n")
    return shop


def _ids(result: pytest.RunResult) -> list[str]:
    return [line.partition("[")[2].rstrip("]") for line in result.outlines if "[" in line and "::" in line]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], ["orders-typical-baseline", "orders-typical-without_index",
              "returns-typical-baseline", "returns-typical-without_index"]),
        (["--workload", "returns"], ["returns-typical-baseline", "returns-typical-without_index"]),
        (["--candidate", "without_index"], ["orders-typical-without_index", "returns-typical-without_index"]),
        (["--workload", "orders", "--cardinality", "all"],
         ["orders-typical-baseline", "orders-typical-without_index",
          "orders-worst-baseline", "orders-worst-without_index"]),
        (["--workload", "orders", "--cardinality", "worst", "--candidate", "baseline"], ["orders-worst-baseline"]),
        (["-k", "returns and baseline"], ["returns-typical-baseline"]),
        (["tests/test_orders.py::test_orders[orders-typical-without_index]"], ["orders-typical-without_index"]),
    ],
    ids=["all", "workload", "candidate", "cardinalities", "cardinality", "keyword", "node"],
)  # fmt: skip
def test_what_is_selected_is_collected(two: Shop, arguments: list[str], ids: list[str]) -> None:
    result = two.run("--collect-only", "-q", *arguments)

    assert result.ret == 0
    assert _ids(result) == ids


def test_tests_of_an_unselected_workload_are_deselected(two: Shop) -> None:
    result = two.run("--collect-only", "-q", "--workload", "returns")

    assert result.ret == 0
    assert "3/4 tests collected (1 deselected)" in said(result)


def test_the_baseline_is_measured_even_where_no_test_asks_for_it(two: Shop) -> None:
    result = two.run("-k", "orders-typical-without_index", "--report", "run.json")

    assert result.ret == 0
    result.assert_outcomes(passed=1, deselected=4)
    (experiment,) = json.loads(two.read("run.json"))["schemabench"]["experiments"]
    assert {one["name"] for one in experiment["candidates"]} == {"baseline", "without_index"}


def test_a_session_of_ordinary_tests_starts_no_server_and_says_nothing(two: Shop) -> None:
    result = two.run("tests/test_plain.py", SCHEMABENCH_POSTGRES="local:/nowhere")

    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert "schemabench" not in str(result.stdout).partition("collected")[2]


def test_a_session_of_ordinary_tests_does_not_load_what_measuring_needs(two: Shop) -> None:
    two.write("tests/test_modules.py", "import sys\n\ndef test_modules():\n    assert 'scipy' not in sys.modules\n")

    result = two.run("tests/test_modules.py")
    (two.path / "tests/test_modules.py").unlink()

    assert result.ret == 0


def test_json_of_ordinary_benchmarks_holds_nothing_of_ours(two: Shop) -> None:
    two.write("tests/test_speed.py", "def test_speed(benchmark):\n    benchmark(int)\n")

    result = two.run("tests/test_speed.py", "--benchmark-json", "speed.json")
    (two.path / "tests/test_speed.py").unlink()

    assert result.ret == 0
    assert "schemabench" not in json.loads(two.read("speed.json"))


def test_xdist_may_be_absent(two: Shop) -> None:
    result = two.run("-p", "no:xdist", "--collect-only", "-q")

    assert result.ret == 0


def test_the_terminal_reporter_may_be_absent(two: Shop) -> None:
    result = two.run("-p", "no:terminal", "-k", "plain or orders-typical")

    assert result.ret == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workload", "order"], ["There is no workload 'order'", "did you mean 'orders'?", "name one of these"]),
        (["--candidate", "without_indx"], ["There is no candidate 'without_indx'", "did you mean 'without_index'?"]),
        (["--cardinality", "wurst"], ["no cardinality 'wurst'", "did you mean 'worst'?", "with --cardinality"]),
        (["--replay", "order=x.csv"], ["There is no workload 'order'", "did you mean 'orders'?"]),
        (["--replay", "orders=x.csv", "--workload", "returns"], ["--replay orders=...", "not selected"]),
        (["--replay-range", "orders=last-3"], ["--replay-range orders=... needs --replay orders=FOLDER as well"]),
    ],
    ids=["workload", "candidate", "cardinality", "replay", "unselected", "range"],
)
def test_an_unknown_name_is_refused_with_the_nearest(two: Shop, arguments: list[str], words: list[str]) -> None:
    result = two.run(*arguments)

    assert result.ret in {2, 4}
    assert_clear(result, *words)


def test_a_marker_with_an_unknown_workload_is_refused_with_the_nearest(shop: Shop) -> None:
    shop.change("tests/test_orders.py", '"orders"', '"ordres"')

    result = shop.run()

    assert result.ret == 2
    assert_clear(result, "There is no workload 'ordres'", "did you mean 'orders'?")
