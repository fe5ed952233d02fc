"""Differences that are known are found, and intervals hold them as often as they say.

Of throughput, by construction: an operation sleeps for 100 ms, or for 3, 5 or 10 % longer, over one connection. What a
call takes beyond its sleep makes a difference smaller by less than its hundredth part; it is timed apart, over a
connection of the test's own, and is in the ratio that is taken for true. pg_sleep waits for whole milliseconds, rounded
up (src/backend/utils/adt/misc.c), so that it is asked for half of one less. Of costs, by the format of the WAL: a
row of a table without indexes is one record of an insert and one of a commit, whose lengths pg_walinspect tells for
single inserts into a table of the test's own, and a longer column makes the first longer. No pages are written whole
and nothing is vacuumed: what is left are some records of the server's own, a part in two thousand.

Intervals hold together for all candidates of an experiment with 95 % confidence: in at least 93 of 100 experiments all
of them hold what is true, as far as the upper limit of the share's interval (Clopper & Pearson) tells. Likewise,
what is far beyond the smallest difference that an experiment says it could have seen is found in at least 90 of 100.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from random import Random
from statistics import median

import many
import psycopg
import pytest
import servers
from laboratory import Laboratory, cost, result
from many import Line

from schemabench import Call, Writer
from schemabench.records import Estimate, Experiment
from schemabench.server import Server, opened
from schemabench.statistics.ranking import fewest_blocks

CONNECTIONS = 40
"""Of all candidates of an experiment."""
COVER, POWER = 0.93, 0.9
BEYOND = 2.0
"""A difference that is so many times the smallest that an experiment says it could have seen must be found by it: how
small that is depends on what else the machine does."""
SLEEP_S, HALF_S = 0.1, 0.0005
SLEEPS = {"more_3": 0.03, "more_5": 0.05, "more_10": 0.10}
"""Candidate -> by how much longer it sleeps."""
LENGTHS = {"more_3": 5, "more_5": 9, "more_10": 18}
"""Candidate -> bytes more in each row: about so many percent of a record of 140 bytes and a commit of 34."""
PLAIN = 100
"""Bytes of the column otherwise."""
PART = 0.0005
"""Of a cost's ratio: records of the server's own, by chance in the trials of this candidate or of that."""
TIMED = 20
"""Calls that are timed apart."""
EXPERIMENTS, SECONDS = 60, 8.0
FEW_SECONDS = 5.0
SETTINGS = {"autovacuum": "off", "full_page_writes": "off"}


def asleep(seconds: float) -> str:
    """Return the operation that sleeps for so long."""
    return f"-- name: work\nSELECT pg_sleep({seconds - HALF_S:.5f});\n"


def inserted(length: int) -> str:
    """Return the operation that inserts a row with a column of so many bytes."""
    return f"-- name: work\nINSERT INTO event VALUES (1, repeat('x', {length}));\n"


def burst(_: str, __: Random) -> Iterator[Call]:
    """Yield the one call."""
    return repeat(Call("work", {}))


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Start a server where nothing is written but what a test writes."""
    with servers.serving("embedded", settings=SETTINGS, clients=CONNECTIONS, run_id="steady") as server:
        with opened(server.conninfo) as connection:
            connection.execute("CREATE EXTENSION pg_walinspect")
        yield Laboratory(server=server, folders=tmp_path_factory)


def true_sleeps(server: Server) -> dict[str, float]:
    """Return the throughput of each candidate over the baseline's, from calls that are timed one by one."""
    took = []
    with opened(server.conninfo) as connection:
        for _ in range(TIMED):
            start = time.perf_counter()
            connection.execute(f"SELECT pg_sleep({SLEEP_S - HALF_S})", prepare=True)  # type: ignore[call-overload]
            took.append(time.perf_counter() - start)
    beyond_s = median(took) - SLEEP_S
    return {name: (SLEEP_S + beyond_s) / (SLEEP_S * (1 + more) + beyond_s) for name, more in SLEEPS.items()}


def true_lengths(server: Server) -> dict[str, float]:
    """Return the WAL of a row of each candidate over the baseline's, from the records of single inserts."""
    with opened(server.conninfo) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS event (key integer, rest text)")
        plain, *others = (record_bytes(connection, PLAIN + more) for more in (0, *LENGTHS.values()))
    return {name: other / plain for name, other in zip(LENGTHS, others, strict=True)}


def record_bytes(connection: psycopg.Connection[tuple[object, ...]], length: int) -> int:
    """Return the length of the two records of an insert; the shortest of a few, should others write meanwhile."""
    found = []
    for _ in range(5):
        ((start,),) = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchall()
        connection.execute("INSERT INTO event VALUES (1, repeat('x', %s))", [length])
        ((size,),) = connection.execute(
            "SELECT sum(record_length) FROM pg_get_wal_records_info(%s, pg_current_wal_flush_lsn())", [start]
        ).fetchall()
        found.append(int(str(size)))
    return min(found)


def seen(experiment: Experiment, difference: float) -> bool:
    """Return whether a difference is far beyond what an experiment says it could have seen."""
    smallest = experiment.smallest_difference
    return smallest is not None and difference > BEYOND * smallest


def held(estimates: Mapping[str, Estimate], true: Mapping[str, float], part: float = 0.0) -> bool:
    """Return whether all intervals hold what is true, give or take a part of it."""
    return all(one.low * (1 - part) <= true[name] <= one.high * (1 + part) for name, one in estimates.items())


def slept(laboratory: Laboratory, experiments: int, seconds: float) -> Sequence[Line]:
    """Return a line for each experiment of candidates that sleep."""
    true = true_sleeps(laboratory.server)

    def make(seed: int, budget_s: float) -> Line:
        experiment = laboratory.rank(
            operations=asleep(SLEEP_S),
            candidates={"baseline": "", **{name: asleep(SLEEP_S * (1 + more)) for name, more in SLEEPS.items()}},
            writers=[Writer(name="sleeping", kind="stream", weight=1)],
            burst=burst,
            budget_s=budget_s,
            seed=seed,
            sample_hz=0.0,
        )
        standings = {name: standing for name in SLEEPS if (standing := result(experiment, name).standing)}
        return {
            "seed": seed,
            "blocks": experiment.blocks,
            "true": true,
            "ratios": {
                name: (one.to_baseline.low, one.to_baseline.value, one.to_baseline.high)
                for name, one in standings.items()
            },
            "held": held({name: one.to_baseline for name, one in standings.items()}, true),
            "found": {
                name: "baseline" not in one.tied_with
                for name, one in standings.items()
                if seen(experiment, 1 / true[name] - 1)
            },
        }

    return many.made("sleeps", make, experiments=experiments, seconds=seconds)


def wrote(laboratory: Laboratory, experiments: int, seconds: float) -> Sequence[Line]:
    """Return a line for each experiment of candidates that write longer rows."""
    true = true_lengths(laboratory.server)
    table = "CREATE TABLE event (key integer, rest text);\n"

    def make(seed: int, budget_s: float) -> Line:
        experiment = laboratory.rank(
            operations=inserted(PLAIN),
            candidates={"baseline": table, **{name: table + inserted(PLAIN + more) for name, more in LENGTHS.items()}},
            writers=[Writer(name="writing", kind="stream", weight=100, clients=4)],
            burst=burst,
            budget_s=budget_s,
            seed=seed,
            sample_hz=0.0,
        )
        costs = {name: cost(experiment, name, "wal_bytes") for name in LENGTHS}
        ratios = {name: one.ratio for name, one in costs.items() if one.ratio}
        return {
            "seed": seed,
            "blocks": experiment.blocks,
            "true": true,
            "ratios": {name: (one.low, one.value, one.high) for name, one in ratios.items()},
            "held": len(ratios) == len(LENGTHS) and held(ratios, true, PART),
            "found": {
                name: one.differs for name, one in costs.items() if experiment.blocks >= fewest_blocks(len(costs))
            },
        }

    return many.made("writes", make, experiments=experiments, seconds=seconds)


def check(lines: Sequence[Line]) -> None:
    """See that intervals hold what is true, and that it is found, as often as it must be."""
    times = sum(line["held"] for line in lines)
    print(f"held in {times} of {len(lines)} experiments")  # noqa: T201 (what is looked at beside the verdict)

    assert many.limits(times, len(lines))[1] >= COVER, [line["ratios"] for line in lines if not line["held"]]
    for name in SLEEPS:
        due = [line["found"][name] for line in lines if name in line["found"]]
        assert not due or many.limits(sum(due), len(due))[1] >= POWER, f"{name} found in {sum(due)} of {len(due)}"


def check_nearly(line: Line, most: float) -> None:
    """See that the intervals of one experiment come near what is true: it alone may miss it."""
    for name, true in line["true"].items():
        low, _, high = line["ratios"][name]
        assert low * (1 - most) <= true <= high * (1 + most), line


@pytest.mark.skipif(many.FOLDER is not None, reason="lines are kept of long experiments")
def test_known_sleeps_are_nearly_what_they_are(steady: Laboratory) -> None:
    check_nearly(*slept(steady, 1, FEW_SECONDS), most=0.02)


@pytest.mark.skipif(many.FOLDER is not None, reason="lines are kept of long experiments")
def test_known_lengths_are_nearly_what_they_are(steady: Laboratory) -> None:
    check_nearly(*wrote(steady, 1, FEW_SECONDS), most=PART)


@pytest.mark.long
def test_known_sleeps_are_found_and_held(steady: Laboratory) -> None:
    check(slept(steady, EXPERIMENTS, SECONDS))


@pytest.mark.long
def test_known_lengths_are_found_and_held(steady: Laboratory) -> None:
    check(wrote(steady, EXPERIMENTS, SECONDS))
