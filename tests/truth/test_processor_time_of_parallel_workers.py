"""Processor time for an operation is the same whether one process takes it or three.

The same rows are added up by a parallel query and by a serial one, as a setting of the table decides. A parallel one
takes somewhat more in all, for starting its workers and for their tuples' way to the leader; were only leaders counted,
it would seem to take a third. Source: the manual, "Parallel Query".
"""

from collections.abc import Iterator
from itertools import repeat
from random import Random

import pytest
import servers
from laboratory import Laboratory, amount, result

from schemabench import Call, Writer
from schemabench.records import Experiment
from schemabench.server import binaries

FOUND = {one.major for one in binaries.survey().found}
MAJORS = [
    pytest.param(major, marks=[*marks, pytest.mark.skipif(major not in FOUND, reason=f"no PostgreSQL {major} here")])
    for major, marks in ((15, [pytest.mark.long]), (17, [pytest.mark.long]), (18, []))
]
SETTINGS = {
    "autovacuum": "off",
    "max_parallel_workers_per_gather": "2",
    "min_parallel_table_scan_size": "0",
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
}
TABLE = """\
CREATE TABLE item (key integer, value double precision) WITH (parallel_workers = {workers});
INSERT INTO item SELECT n, n FROM generate_series(1, 1000000) AS n;
"""
OPERATIONS = "-- name: add\nSELECT sum(sqrt(sqrt(sqrt(value)))) FROM item WHERE key % 7 <> 3;\n"
LEAST, MOST = 0.85, 1.4
"""Of a parallel query's time to a serial one's: workers are no gift, and a clock of 100 ticks a second is off by half a
tick for each process."""


def burst(_: str, __: Random) -> Iterator[Call]:
    """Yield the one call."""
    return repeat(Call("add", {}))


@pytest.fixture(scope="module", params=MAJORS)
def experiment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Experiment]:
    """Measure both."""
    with servers.serving(str(request.param), settings=SETTINGS, clients=8, run_id="parallel") as server:
        yield Laboratory(server=server, folders=tmp_path_factory).rank(
            operations=OPERATIONS,
            candidates={"baseline": TABLE.format(workers=0), "parallel": TABLE.format(workers=2)},
            writers=[Writer(name="reader", kind="reader", weight=1)],
            burst=burst,
            budget_s=4,
        )


def test_the_processor_time_of_parallel_workers_counts(experiment: Experiment) -> None:
    serial, parallel = (
        sum(trial.counters["cpu_s"] for trial in result(experiment, name).trials) for name in ("baseline", "parallel")
    )
    plans = [plan.nodes for plan in result(experiment, "parallel").plans]

    assert any("Gather" in nodes for nodes in plans), plans
    assert LEAST < parallel / serial < MOST


def test_a_server_that_counts_parallel_workers_is_asked(experiment: Experiment) -> None:
    counted = [trial.counters.get("parallel_workers") for trial in result(experiment, "parallel").trials]
    if None in counted:
        pytest.skip("counted since PostgreSQL 18")

    assert all(counted)
    assert not any(trial.counters["parallel_workers"] for trial in result(experiment, "baseline").trials)
    assert amount(experiment, "parallel", "seq_scans") > 0
