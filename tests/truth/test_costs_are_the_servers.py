"""What a record says that writes cost is what other sources say, which the harness does not read.

Around every trial sessions of the test read what else the server knows: the records of the WAL itself
(pg_walinspect), blocks by statement (pg_stat_statements), rows by table (pg_stat_user_tables); before the first and
after the last, dead rows by reading all of the table (pgstattuple), and sizes of files. A snapshot that is held from
before the first trial keeps every dead row where pgstattuple can count it. Autovacuum is off: it would remove rows, and
write, beside the writers.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from random import Random
from typing import LiteralString, TypeAlias

import pytest
import servers
from laboratory import Laboratory, amount, result
from witness import Connection, Reading, Witness, staying

from schemabench import Call, Writer
from schemabench.experiment import Plan
from schemabench.records import Experiment
from schemabench.server import binaries, opened

FOUND = {one.major for one in binaries.survey().found}
MAJORS = [
    pytest.param(
        major, marks=[*marks, pytest.mark.skipif(major not in FOUND, reason=f"no PostgreSQL {major} with contrib here")]
    )
    for major, marks in ((17, [pytest.mark.long]), (18, []))
]
SETTINGS = {"autovacuum": "off", "shared_preload_libraries": "pg_stat_statements"}
UNSEEN = "SET track_counts = off; SET pg_stat_statements.track = none"
"""What the test reads is counted as nobody's doing."""
NEARLY = 0.01
"""By how much two sources may differ: what is not the writers', such as a record of the background writer."""
CLIENTS, SESSIONS = 4, 3
"""Connections of the writers to each database, and of the witness."""
ROWS = 4_000
TABLE = """\
CREATE EXTENSION pgstattuple;
CREATE TABLE account (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total integer NOT NULL, note text)
    WITH (fillfactor = 60);
INSERT INTO account (total, note) SELECT n, repeat('x', 100) FROM generate_series(1, 4000) AS n;
"""
CANDIDATES = {
    "baseline": TABLE,
    "indexed": f"{TABLE}CREATE INDEX ON account (total);\n",
    "wide": f"{TABLE}ALTER TABLE account ALTER note SET DEFAULT repeat('y', 300);\n",
    "out_of_line": f"{TABLE}ALTER TABLE account ALTER note SET STORAGE EXTERNAL,\n"
    "    ALTER note SET DEFAULT repeat('z', 3000);\n",
}
NAMES = [*CANDIDATES, "baseline (control)"]
OPERATIONS = """\
-- name: charge
UPDATE account SET total = total + :sum::integer WHERE id = :id::bigint;
-- name: enter
INSERT INTO account (total) VALUES (:sum::integer);
"""
WAL = """
SELECT
    coalesce(sum(combined_size), 0),
    coalesce(sum(count) FILTER (WHERE "resource_manager/record_type" LIKE 'Heap/HOT_UPDATE%%'), 0),
    coalesce(sum(count) FILTER (WHERE "resource_manager/record_type" LIKE 'Heap/UPDATE%%'), 0)
FROM pg_get_wal_stats(%s, %s, per_record => true)
"""
COUNTED = """
WITH mine AS (SELECT oid AS dbid FROM pg_database WHERE datname = current_database())
SELECT
    (SELECT sum(n_tup_upd) FROM pg_stat_user_tables) AS rows_updated,
    (SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables) AS rows_dead,
    (SELECT sum(shared_blks_hit) FROM pg_stat_statements JOIN mine USING (dbid) WHERE query ~ 'account') AS blocks_hit,
    (SELECT sum(shared_blks_dirtied) FROM pg_stat_statements JOIN mine USING (dbid) WHERE query ~ 'account')
        AS blocks_dirtied
"""
FOUND_THERE = """
WITH files AS (
    SELECT relkind = 'i' AND relnamespace <> 'pg_toast'::regnamespace AS is_index, stat.size AS bytes
    FROM pg_class, unnest(ARRAY['', '_fsm', '_vm']) AS fork,
        LATERAL pg_stat_file(pg_relation_filepath(pg_class.oid) || fork, true) AS stat
    WHERE relname ~ '^account'
        OR (SELECT reltoastrelid FROM pg_class WHERE relname = 'account') IN (
            pg_class.oid, (SELECT indrelid FROM pg_index WHERE indexrelid = pg_class.oid)
        )
)
SELECT
    (SELECT dead_tuple_count FROM pgstattuple('account')) AS rows_dead,
    (SELECT sum(bytes) FILTER (WHERE NOT is_index) FROM files) AS table_bytes,
    (SELECT sum(bytes) FILTER (WHERE is_index) FROM files) AS index_bytes
"""


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield updates of random rows, and inserts."""
    while True:
        yield Call("charge", {"sum": 1, "id": random.randint(1, ROWS)})
        yield Call("enter", {"sum": 1})


class Sources:
    """Reads the independent counters; what is in the WAL is added up from one reading to the next."""

    def __init__(self) -> None:
        self._end: str | None = None
        self._wal = dict.fromkeys(("wal_bytes", "wal_hot", "wal_not_hot"), 0.0)

    def __call__(self, server: Connection, own: Connection) -> Reading:
        """Return where they stand; every commit has been waited for, so that all WAL of theirs is on the disk."""
        ((end,),) = server.execute("SELECT pg_current_wal_flush_lsn()::text").fetchall()
        if self._end not in {None, end}:
            (found,) = server.execute(WAL, [self._end, end]).fetchall()
            for name, increase in zip(self._wal, found, strict=True):
                self._wal[name] += float(increase)
        self._end = end
        return {**self._wal, **row(own, COUNTED)}


def look(_: Connection, own: Connection) -> Reading:
    """Return the dead rows that there are, and the sizes of the files."""
    return row(own, FOUND_THERE)


def row(connection: Connection, query: LiteralString) -> Reading:
    """Return the one row of a query."""
    cursor = connection.execute(query)
    (values,) = cursor.fetchall()
    assert cursor.description is not None
    return {column.name: float(value or 0) for column, value in zip(cursor.description, values, strict=True)}


Looked: TypeAlias = tuple[Experiment, Witness]


@pytest.fixture(scope="module", params=MAJORS)
def looked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    """Measure once, beside the witness."""
    with ExitStack() as stack:
        clients = CLIENTS + SESSIONS * len(NAMES)
        serving = servers.durable(
            str(request.param), settings=SETTINGS, clients=clients, databases=len(NAMES) + 1, run_id="costs"
        )
        server = stack.enter_context(serving)
        watched: list[Witness] = []

        def team(plan: Plan) -> Witness:
            witness = Witness(plan, server.conninfo, read=Sources(), look=look, settings=UNSEEN, hold=True)
            watched.append(stack.enter_context(closing(witness)))
            return witness

        with opened(server.conninfo) as connection:
            connection.execute("CREATE EXTENSION pg_walinspect")
        stack.enter_context(staying())
        experiment = Laboratory(server=server, folders=tmp_path_factory).rank(
            operations=OPERATIONS,
            candidates=CANDIDATES,
            writers=[Writer(name="clerks", kind="stream", weight=4, clients=CLIENTS)],
            burst=burst,
            budget_s=4,
            team=team,
        )
        yield experiment, watched[0]


def counted(experiment: Experiment, name: str, counter: str) -> float:
    """Return what the record holds over the counted trials of a candidate."""
    return sum(trial.counters[counter] for trial in result(experiment, name).trials if not trial.warmup)


@pytest.mark.parametrize("name", CANDIDATES)
@pytest.mark.parametrize(
    ("counter", "source"),
    [
        ("wal_bytes", "wal_bytes"),
        ("rows_updated", "rows_updated"),
        ("rows_hot_updated", "wal_hot"),
        ("rows_dead", "rows_dead"),
        ("blocks_hit", "blocks_hit"),
        ("blocks_dirtied", "blocks_dirtied"),
    ],
)
def test_a_counter_of_a_record_is_what_another_source_says(
    looked: Looked, name: str, counter: str, source: str
) -> None:
    experiment, witness = looked
    said = witness.increases(result(experiment, "baseline"))[name][source]

    assert counted(experiment, name, counter) == pytest.approx(said, rel=NEARLY)
    assert said > 0 or (name, source) == ("indexed", "wal_hot")


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_share_of_hot_updates_is_that_of_their_records_in_the_wal(looked: Looked, name: str) -> None:
    experiment, witness = looked
    increases = witness.increases(result(experiment, "baseline"))[name]
    hot, others = (increases[source] for source in ("wal_hot", "wal_not_hot"))

    assert amount(experiment, name, "hot_share") == pytest.approx(hot / (hot + others), abs=NEARLY)


@pytest.mark.parametrize("name", CANDIDATES)
def test_dead_rows_are_those_that_lie_there(looked: Looked, name: str) -> None:
    experiment, witness = looked
    recorded = sum(trial.counters["rows_dead"] for trial in result(experiment, name).trials)

    assert recorded == pytest.approx(witness.growth[name]["rows_dead"], rel=NEARLY)


@pytest.mark.parametrize("name", CANDIDATES)
@pytest.mark.parametrize("measure", ["table_bytes", "index_bytes"])
def test_growth_for_each_row_is_that_of_the_files(looked: Looked, name: str, measure: str) -> None:
    experiment, witness = looked
    rows = sum(trial.rows for trial in result(experiment, name).trials)

    assert amount(experiment, name, measure) * rows == pytest.approx(witness.growth[name][measure], rel=NEARLY)


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_cost_is_what_its_counter_grew_by_over_the_rows(looked: Looked, name: str) -> None:
    experiment, witness = looked
    rows = sum(trial.rows for trial in result(experiment, name).trials if not trial.warmup)

    increases = witness.increases(result(experiment, "baseline"))[name]
    for measure in ("wal_bytes", "blocks_hit", "blocks_dirtied", "rows_dead"):
        said = increases[measure] / rows
        assert amount(experiment, name, measure) == pytest.approx(said, rel=NEARLY), measure
