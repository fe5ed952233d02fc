"""Run files of older formats are read as this version would have written them."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemabench.records import from_builtins, to_builtins

OLD = Path(__file__).parents[1] / "truth" / "run_files" / "lock_waits_and_costs.json"


@pytest.fixture
def old() -> dict[str, Any]:
    """Return a run of a format in which throughput and lock waits had records of their own."""
    run: dict[str, Any] = json.loads(OLD.read_text(encoding="utf-8"))["schemabench"]
    assert run["format"] < 3
    return copy.deepcopy(run)


def test_standings_of_an_older_run_are_those_that_its_file_holds(old: dict[str, Any]) -> None:
    (then,), (now,) = old["experiments"], from_builtins(old).experiments

    assert [one.name for one in now.criteria] == ["throughput", "lock_waits"]
    assert now.control is not None
    assert now.control.to_baseline.value == then["control"]["ratio"]["value"]
    assert now.criteria[1].control is not None
    assert now.criteria[1].control.to_baseline.value == then["lock_control"]["difference"]["value"]
    for before, after in zip(then["candidates"], now.candidates, strict=True):
        if before["standing"]:
            throughput, locks = after.standings["throughput"], after.standings["lock_waits"]
            assert throughput.rank == before["standing"]["rank"]
            assert throughput.figure.low == before["standing"]["rate"]["low"]
            assert throughput.to_baseline.high == before["standing"]["ratio"]["high"]
            assert locks.figure.value == before["lock_standing"]["share"]["value"]
            assert list(locks.tied_with) == before["lock_standing"]["tied_with"]
        else:
            assert after.standings == {}


def test_a_run_that_was_read_and_written_again_is_read_as_the_same(old: dict[str, Any]) -> None:
    run = from_builtins(old)

    assert from_builtins({**to_builtins(run), "format": 3}).experiments == run.experiments


@pytest.mark.parametrize(
    "broken",
    [
        {"experiments": 5},
        {"experiments": [5]},
        {"experiments": [{"candidates": 5}]},
        {"experiments": [{"candidates": [5]}]},
        {"experiments": [{"candidates": [{"standing": 5}]}]},
        {"experiments": [{"notices": [5], "smallest_difference": 0.1}]},
        {"experiments": [{"control": 5, "candidates": [{"standing": {}}]}]},
    ],
    ids=lambda broken: json.dumps(broken["experiments"]),
)
def test_an_older_run_that_is_malformed_is_refused_like_any_other(old: dict[str, Any], broken: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        from_builtins(old | broken)
