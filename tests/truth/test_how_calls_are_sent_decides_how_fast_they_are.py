"""One table and the same rows, sent in five ways: over a socket, and at a round trip of half a millisecond.

Row by row, each row costs a commit and a round trip. One transaction of 100 rows saves 99 commits and no round trip, a
batch of 100 saves both, and a `COPY` of 1,000 rows saves parsing and executing statements, too. A pipeline of 20 saves
round trips and no commit.
"""

from collections.abc import Iterator
from itertools import count
from random import Random

import pytest
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import Experiment

pytestmark = pytest.mark.long

ROUND_TRIP_S = 0.0005
CLIENTS = 2
CALLS = 2000
"""For each connection a COPY of 1,000 rows."""
TABLE = "CREATE TABLE reading (id bigint PRIMARY KEY, sensor int NOT NULL, value float8 NOT NULL);\n"
INSERT = "INSERT INTO reading VALUES (:id::bigint, :sensor::int, :value::float8);\n"
ARRAYS = "INSERT INTO reading SELECT * FROM unnest(:id::bigint[], :sensor::int[], :value::float8[]);\n"
OPERATIONS = f"-- name: ingest\n{INSERT}"
CANDIDATES = {
    "baseline": TABLE,
    "transaction": f"{TABLE}-- name: ingest\n-- transaction: 100\n{INSERT}",
    "pipeline": f"{TABLE}-- name: ingest\n-- pipeline: 20\n{INSERT}",
    "batch": f"{TABLE}-- name: ingest\n-- batch: 100\n{ARRAYS}",
    "copied": f"{TABLE}-- name: ingest\n-- batch: 1000\nCOPY reading (id, sensor, value) FROM STDIN;\n",
}


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield rows that no other burst has."""
    for number in count(random.randrange(1 << 60)):
        yield Call("ingest", {"id": number, "sensor": number % 100, "value": random.random()})


def ranked(laboratory: Laboratory, round_trip_s: float) -> Experiment:
    """Rank all ways."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates=CANDIDATES,
        writers=[Writer(name="ingesting", kind="stream", weight=CLIENTS, clients=CLIENTS)],
        burst=burst,
        budget_s=20,
        calls=CALLS,
        round_trip_s=round_trip_s,
    )


def ratios(experiment: Experiment) -> dict[str, float]:
    """Return the throughput of each way over that of row by row."""
    standings = {name: result(experiment, name).standing for name in CANDIDATES}
    return {name: one.to_baseline.value for name, one in standings.items() if one}


@pytest.fixture(scope="module")
def near(laboratory: Laboratory) -> dict[str, float]:
    """Rank all ways over a socket."""
    return ratios(ranked(laboratory, 0.0))


@pytest.fixture(scope="module")
def distant(laboratory: Laboratory) -> dict[str, float]:
    """Rank all ways at a round trip."""
    return ratios(ranked(laboratory, ROUND_TRIP_S))


def test_copy_is_faster_than_a_batch_that_than_a_transaction_and_that_than_row_by_row(
    distant: dict[str, float],
) -> None:
    assert distant["copied"] > distant["batch"] > distant["transaction"] > 1


def test_a_pipeline_saves_round_trips(distant: dict[str, float]) -> None:
    assert distant["batch"] > distant["pipeline"] > 1


def test_a_transaction_saves_commits_only_and_loses_as_the_distance_grows(
    near: dict[str, float], distant: dict[str, float]
) -> None:
    assert near["transaction"] > distant["transaction"]
    assert distant["batch"] / distant["transaction"] > near["batch"] / near["transaction"]
