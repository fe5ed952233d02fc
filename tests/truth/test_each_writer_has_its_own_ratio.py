"""What a candidate does to each writer is told by itself: calls sleep for a known time, at the server."""

from collections.abc import Iterator, Mapping
from itertools import repeat
from random import Random

import pytest
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import Estimate, Experiment
from schemabench.report import reasons
from schemabench.report.text import plain

OPERATIONS = """
-- name: wait
SELECT pg_sleep(0.2);
-- name: step
SELECT pg_sleep(0.010);
"""
BASELINE = "CREATE TABLE nothing ();\n"
TWICE = f"{BASELINE}\n-- name: step\nSELECT pg_sleep(0.005);\n"
"""A candidate that makes the hurried writer's calls half as long, and leaves the other's."""
WRITERS = (
    Writer(name="hurried", kind="stream", weight=8, clients=1),
    Writer(name="last", kind="batch", weight=1, clients=1),
)
CALLS = {"hurried": Call("step", {}, rows=0), "last": Call("wait", {}, rows=0)}
SECONDS = 9.0
"""Of some 15 blocks."""


def _burst(writer: str, random: Random) -> Iterator[Call]:
    assert random is not None
    return repeat(CALLS[writer])


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Measure a candidate that changes all writers but the last."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": BASELINE, "twice": TWICE},
        writers=WRITERS,
        burst=_burst,
        budget_s=SECONDS,
    )


@pytest.fixture(scope="module")
def own(experiment: Experiment) -> Mapping[str, Estimate]:
    """Return each writer's own ratio under the candidate."""
    return {one.writer: one.ratio for one in result(experiment, "twice").writers}


def test_throughput_hides_what_becomes_of_those_that_are_not_the_last(experiment: Experiment) -> None:
    standing = result(experiment, "twice").standing

    assert standing is not None
    assert standing.to_baseline.value == pytest.approx(1.0, abs=0.03)


def test_each_writers_ratio_is_that_of_its_own_calls(own: Mapping[str, Estimate]) -> None:
    assert own["last"].value == pytest.approx(1.0, abs=0.03)
    assert 1.3 < own["hurried"].low < own["hurried"].value < own["hurried"].high < 3.0  # wide on a busy machine
    assert own["hurried"].value == pytest.approx(1.85, abs=0.25), "half the sleep, and what a call takes beside it"


def test_what_throughput_hides_is_named_below_the_verdict(experiment: Experiment) -> None:
    (line,) = [one for one in map(plain, reasons.lines(experiment)) if one.startswith("twice: ")]

    assert line.startswith("twice: hurried 1.")
    assert " last " not in line


def test_it_is_noted_under_whom_one_writer_was_alone(experiment: Experiment) -> None:
    (text,) = [notice.text for notice in experiment.notices if notice.code == "one-writer"]

    assert text.startswith("Under all candidates only the writer ")
