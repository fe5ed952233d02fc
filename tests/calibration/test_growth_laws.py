"""Known laws, as growth curves show them: partitions that are pruned or not, and clients that wait for one row or not.

Sources: the manual, "Table Partitioning", section "Partition Pruning" (without it, every partition is scanned), and
what `test_counter_slots` says of rows that are locked until a transaction ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import items_project
import pytest

from schemabench import growth
from schemabench.bench import Bench
from schemabench.growth import Over, needs
from schemabench.records import CandidateResult, Experiment, Growth

PARTITIONED = """\
CREATE TABLE event (day int NOT NULL, id int NOT NULL) PARTITION BY LIST (day);
CREATE INDEX ON event (day);
CREATE INDEX ON event (id);
"""
EVENTS = {
    "workloads/events/operations.sql": """\
-- name: add_day
CREATE TABLE :"name" PARTITION OF event FOR VALUES IN (:'day');
INSERT INTO event (day, id) SELECT :'day'::int, :'day'::int * 100 + number FROM generate_series(0, 99) AS number;
-- name: read
SELECT count(*) FROM event WHERE day = :day::int AND id = :id::int;
""",
    "schemas/events/baseline.sql": PARTITIONED,
    "schemas/events/unpruned.sql": f"{PARTITIONED}-- name: read\nSELECT count(*) FROM event WHERE id = :id::int;\n",
    "workloads/events/__init__.py": """\
from dataclasses import dataclass

from schemabench import Call, Workload, Writer


@dataclass(frozen=True, kw_only=True)
class Sizes:
    days: int = 4


def burst(sizes, writer, block, random):
    while True:
        day = random.randrange(sizes.days)
        yield Call("read", {"day": day, "id": 100 * day + random.randrange(100)}, rows=0)


WORKLOAD = Workload(
    name="events",
    summary="events of one day are read, of a table with a partition for each",
    cardinalities={"typical": Sizes()},
    writers=lambda _: [Writer(name="reader", kind="reader", weight=1)],
    burst=burst,
    background=lambda sizes, _: (
        Call("add_day", {"name": f"day_{day}", "day": day}, rows=100) for day in range(sizes.days)
    ),
    grows="days",
)
""",
}
COUNTERS = {
    "workloads/counters/operations.sql": """\
-- name: count
UPDATE counter SET total = total + 1 WHERE slot = :slot::int;
SELECT pg_sleep(0.002);
""",
    "schemas/counters/baseline.sql": """\
CREATE TABLE counter (slot int PRIMARY KEY, total bigint NOT NULL);
INSERT INTO counter VALUES (0, 0);
-- name: count
UPDATE counter SET total = total + 1 WHERE slot = 0;
SELECT pg_sleep(0.002);
""",
    "schemas/counters/slots.sql": """\
CREATE TABLE counter (slot int PRIMARY KEY, total bigint NOT NULL);
INSERT INTO counter SELECT slot, 0 FROM generate_series(0, 255) AS slot;
""",
    "workloads/counters/__init__.py": """\
from dataclasses import dataclass

from schemabench import Call, Workload, Writer


@dataclass(frozen=True, kw_only=True)
class Sizes:
    slots: int = 256


def burst(sizes, writer, block, random):
    while True:
        yield Call("count", {"slot": random.randrange(sizes.slots)})


WORKLOAD = Workload(
    name="counters",
    summary="increments of a total",
    cardinalities={"typical": Sizes()},
    writers=lambda _: [Writer(name="counting", kind="stream", weight=1)],
    burst=burst,
)
""",
}
KEYS = {
    "workloads/keys/operations.sql": """\
-- name: load
INSERT INTO entry (key) SELECT number FROM generate_series(:first::bigint, :last::bigint) AS number;
-- name: add
INSERT INTO entry (key) VALUES (:number::bigint);
""",
    "schemas/keys/baseline.sql": "CREATE TABLE entry (key bigint PRIMARY KEY);\n",
    "schemas/keys/scattered.sql": """\
CREATE TABLE entry (key bigint PRIMARY KEY);
-- name: load
INSERT INTO entry (key)
SELECT hashint8extended(number, 0) FROM generate_series(:first::bigint, :last::bigint) AS number;
-- name: add
INSERT INTO entry (key) VALUES (hashint8extended(:number::bigint, 0));
""",
    "workloads/keys/__init__.py": """\
from dataclasses import dataclass

from schemabench import Call, Workload, Writer


@dataclass(frozen=True, kw_only=True)
class Sizes:
    rows: int = 10_000


def burst(sizes, writer, block, random):
    for number in range(10**9 + 10**6 * block, 10**9 + 10**6 * (block + 1)):
        yield Call("add", {"number": number})


WORKLOAD = Workload(
    name="keys",
    summary="rows of which each has a further number, or its hash",
    cardinalities={"typical": Sizes()},
    writers=lambda _: [Writer(name="adding", kind="stream", weight=1)],
    burst=burst,
    background=lambda sizes, _: (
        Call("load", {"first": first, "last": first + 999}, rows=1000) for first in range(0, sizes.rows, 1000)
    ),
    grows="rows",
)
""",
}
CACHE = 4 << 20


STEPS = 5
"""Enough for the coefficients of a law with three, and a step to hold out."""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Return the bench of a project, and a server of its own; as many steps are measured, however busy the machine."""
    monkeypatch.setattr(needs, "SHORTEST_STEP_S", 2.0)

    def lacking(own: needs.Needs, value: float, _: float) -> str:
        return "is one too many" if len(own.measured) >= STEPS and value != own.over.end else ""

    monkeypatch.setattr(needs.Needs, "lacking", lacking)
    with items_project.bench(tmp_path, budget_s=30.0) as bench:
        yield bench


def grown(bench: Bench, workload: str, files: Mapping[str, str], over: Over, clients: int) -> Growth:
    """Return a growth curve of a workload with these files."""
    for name, text in files.items():
        (bench.asked.root / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.asked.root / name).write_text(text, encoding="utf-8")
    bench.asked = replace(bench.asked, options=replace(bench.asked.options, clients=clients, precision=0.1))
    growth.add_growth(bench, workload, over, lambda: None, 2.0)
    (found,) = bench.findings.growths
    return found


def rates(found: Growth, candidate: str) -> list[float]:
    """Return a candidate's calls per second at each step."""
    return [
        one.calls_per_s.value
        for step in found.steps
        for one in step.figures
        if one.candidate == candidate and one.calls_per_s
    ]


def test_a_read_grows_with_partitions_unless_they_are_pruned(bench: Bench) -> None:
    found = grown(bench, "events", EVENTS, Over(field="days", start=4, end=256, whole=True), clients=2)

    pruned, unpruned = rates(found, "baseline"), rates(found, "unpruned")
    assert found.steps[-1].value == 256
    of_pruned = [own / other for own, other in zip(unpruned, pruned, strict=True)]
    assert of_pruned[-1] < of_pruned[0] / 2, "64 times as many partitions"
    assert unpruned[-1] < unpruned[0] / 1.5
    (loaded,) = [one.loaded for one in found.steps[-1].figures if one.candidate == "unpruned"]
    assert loaded is not None
    assert loaded.own_rows < loaded.rows == 25_600


def test_clients_that_wait_for_one_row_add_nothing_and_those_of_many_rows_do(bench: Bench) -> None:
    found = grown(bench, "counters", COUNTERS, Over(field="clients", start=1, end=16, whole=True), clients=16)

    one_row, slots = rates(found, "baseline"), rates(found, "slots")
    assert found.steps[-1].value == 16
    assert slots[-1] > 2 * slots[0]
    assert one_row[-1] < 1.5 * one_row[0]
    contention = {one.candidate: one.parameters["sigma"].value for one in found.projections}
    assert contention["baseline"] > 0.6, "each waits for all others"
    assert contention["slots"] < contention["baseline"] / 2


def experiments(bench: Bench) -> Sequence[Experiment]:
    """Return the experiments of the steps."""
    return bench.findings.experiments


def read_per_call(result: CandidateResult) -> float:
    """Return the blocks that a candidate read from outside of the cache, for each of its calls."""
    trials = [one for one in result.trials if not one.warmup]
    return sum(one.counters["blocks_read"] for one in trials) / sum(one.operations for one in trials)


def test_an_index_of_scattered_keys_bends_where_it_leaves_the_cache_and_one_of_ascending_keys_does_not(
    bench: Bench,
) -> None:
    settings = (("fsync", "off"), ("shared_buffers", f"{CACHE >> 10}kB"))
    bench.asked = replace(bench.asked, options=replace(bench.asked.options, postgres_setting=settings))
    found = grown(bench, "keys", KEYS, Over(field="rows", start=10_000, end=1_000_000, whole=True), clients=2)

    small, large = found.steps[0].value, found.steps[-1].value
    reads = {one.cardinality: {each.name: read_per_call(each) for each in one.candidates} for one in experiments(bench)}
    first, last = reads[f"rows={small:.0f}"], reads[f"rows={large:.0f}"]
    assert large == 1_000_000
    assert max(first.values()) < 0.1, "the index fits into the cache"
    assert last["scattered"] > 0.5
    assert last["baseline"] < 0.1
