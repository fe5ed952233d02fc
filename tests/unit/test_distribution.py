"""Who runs what: evaluations by all workers, first; every other test by one."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench import distribution


def _config(number: int, of: int, dist: str = "load") -> Any:  # noqa: ANN401 (as much of a pytest.Config as is asked for)
    names = tuple(f"gw{one}" for one in range(of))
    seat = {"number": number, "names": names, "run_id": "abc", "folder": "/nowhere"}
    return SimpleNamespace(workerinput={"schemabench_seat": seat, "schemabench_dist": dist})


def _items(*names: str) -> Any:  # noqa: ANN401 (nothing is asked of items)
    return list(names)


@given(others=st.lists(st.integers(), unique=True), workers=st.integers(1, 6))
def test_every_worker_evaluates_first_and_every_other_test_is_run_by_one(others: list[int], workers: int) -> None:
    kept = [
        distribution.share(_config(number, workers), _items("evaluation"), list(others))  # type: ignore[arg-type]
        for number in range(workers)
    ]

    assert all(items[0] == "evaluation" for items in kept)
    assert sorted(item for items in kept for item in items[1:]) == sorted(others)  # type: ignore[type-var]


def test_with_dist_each_every_worker_runs_every_test() -> None:
    kept = distribution.share(_config(1, 2, "each"), _items("evaluation"), _items("a", "b"))

    assert kept == ["evaluation", "a", "b"]


@pytest.mark.parametrize("dist", ["loadfile", "loadscope", "loadgroup", "worksteal"])
def test_evaluations_are_refused_where_a_test_goes_to_one_worker(dist: str) -> None:
    assert distribution.refusal(_config(0, 2, dist)).startswith(f"--dist {dist} gives each test to one worker")


@pytest.mark.parametrize("dist", ["load", "each"])
def test_evaluations_are_not_refused_where_all_workers_can_run_them(dist: str) -> None:
    assert not distribution.refusal(_config(0, 2, dist))


def test_a_process_that_is_no_worker_has_no_seat() -> None:
    config: Any = SimpleNamespace()

    assert distribution.seat(config) is None
    assert not distribution.refusal(config)
