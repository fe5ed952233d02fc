"""A run is told where production would have another plan: by operation and candidate, and nowhere else."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from random import Random

import laboratory
import psycopg
import pytest
import servers

from schemabench import Call, Workload, Writer, production
from schemabench.errors import Interrupted
from schemabench.experiment import Plan, measure, measurement
from schemabench.experiment.entrant import Entrant
from schemabench.monitor.nodes import outline
from schemabench.production import Production
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Experiment
from schemabench.server import Needs, Server, serve
from schemabench.server.dsn import with_words

FEW, MANY = 200, 40_000
OPERATIONS = """\
-- name: fill
INSERT INTO item (owner, amount) SELECT owner % 20, owner FROM generate_series(1, :rows::int) AS owner;
-- name: look
SELECT amount FROM item WHERE owner = :owner::int;
-- name: count_all
SELECT count(*) FROM item;
-- name: add
INSERT INTO item (owner, amount) VALUES (:owner::int, 0);
"""
BASELINE = "CREATE TABLE item (owner int NOT NULL, amount int NOT NULL);\n"
INDEX = "CREATE INDEX item_owner ON item (owner, amount);\n"
OWN_SETTINGS = """\
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %1$I SET enable_indexscan = on; ALTER DATABASE %1$I SET enable_bitmapscan = off;
                    ALTER DATABASE %1$I SET enable_seqscan = off', current_database());
END $$;
"""
LOOK = "SELECT amount FROM item WHERE owner = 7"


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""

    rows: int


def burst(sizes: Sizes, writer: str, block: int, random: Random) -> Iterator[Call]:  # noqa: ARG001 (as authors write it)
    """Yield looks, counts and rows."""
    if writer == "stream":
        yield from repeat(Call("add", {"owner": 7}, key="one"))
    while True:
        yield Call("look", {"owner": random.randrange(20)}, rows=0)
        yield Call("count_all", {}, rows=0)


SHOP = Workload(
    name="shop",
    summary="a made-up shop",
    cardinalities={"typical": Sizes(FEW), "production": Sizes(MANY), "empty": Sizes(0)},
    writers=lambda _: (
        Writer(name="stream", kind="stream", weight=1, clients=1),
        Writer(name="reader", kind="reader", weight=4),
    ),
    burst=burst,
    background=lambda sizes, _: iter([Call("fill", {"rows": sizes.rows})]),
)


@pytest.fixture(scope="module", params=servers.NEWEST)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server; on older versions, statistics are restored as test_production_plans.py sees."""
    with servers.serving(str(request.param), settings={}, clients=16, run_id="notices") as server:
        yield server


@pytest.fixture(scope="module")
def asked(server: Server) -> Production:
    """Return what a production says of itself, which has the schema of the baseline."""
    database = server.create("production")
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        connection.execute(BASELINE)
        connection.execute("INSERT INTO item SELECT owner % 20, owner FROM generate_series(1, 40000) AS owner")
        connection.execute("VACUUM (ANALYZE)")
        found = production.taken(connection, server="PostgreSQL", day="2026-11-29")
        connection.execute(INDEX)
        row = connection.execute(f"EXPLAIN (FORMAT JSON) {LOOK}".encode()).fetchone()
    server.drop(database)
    assert row is not None
    assert "item_owner" in outline(row[0]), "production would use the index"
    return found


def plan(folder: Path, asked: Production | None, cardinality: str = "typical", **candidates: str) -> Plan:
    """Return the plan of an experiment."""
    return Plan(
        found=laboratory.found(folder, SHOP, OPERATIONS),
        cardinality=cardinality,
        candidates=laboratory.installable(folder / "schemas", {"baseline": BASELINE, **candidates}),
        clients=2,
        budget_s=0.0,
        precision=0.001,
        seed=1,
        burst=20,
        production=asked,
    )


def results(experiment: Experiment) -> dict[str, CandidateResult]:
    """Return what is known of each candidate."""
    return {one.name: one for one in experiment.candidates}


def told(result: CandidateResult, code: str = "production-plan") -> list[str]:
    """Return the notices of a kind."""
    return [notice.text for notice in result.notices if notice.code == code]


@pytest.fixture(scope="module")
def measured(server: Server, asked: Production, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Measure a hundredth of the rows."""
    folder = tmp_path_factory.mktemp("small")
    return measure(plan(folder, asked, indexed=BASELINE + INDEX), server, Silence())


def test_plan_that_production_would_not_have_is_told_for_its_operation_and_candidate(measured: Experiment) -> None:
    found = results(measured)

    (text,) = told(found["indexed"])
    assert text.startswith("indexed: at production's size, look would have the plan ")
    assert "item_owner" in text.partition(";")[0]
    assert text.endswith("measured was Seq Scan on item")
    docs = (Path(__file__).parents[2] / "docs" / "bring-your-own-schema.md").read_text(encoding="utf-8")
    assert docs.partition("<!-- notice -->")[2].partition("<!-- /notice -->")[0].strip() == f"```text\n{text}\n```"
    assert not told(found["baseline"])


def test_difference_of_several_candidates_is_told_once_with_their_names(
    server: Server, asked: Production, tmp_path: Path
) -> None:
    alike = dict.fromkeys(("indexed", "again"), BASELINE + INDEX)
    found = results(measure(plan(tmp_path, asked, **alike), server, Silence()))

    (text,) = {text for one in found.values() for text in told(one)}
    assert text.startswith(("indexed, again: at production's size, look", "again, indexed: at production's size, look"))
    assert [name for name, one in found.items() if told(one)] == [name for name in found if name != "baseline"]


def test_every_plan_at_productions_size_is_recorded(measured: Experiment) -> None:
    found = results(measured)

    for name in ("baseline", "indexed"):
        same = {one.operation: one.same for one in found[name].grown_plans}
        assert same == {"add": True, "count_all": same["count_all"], "look": name == "baseline"}
    (look,) = [one for one in found["indexed"].grown_plans if one.operation == "look"]
    assert look.nodes == outline(look.plan)
    assert json.loads(json.dumps(look.plan)) == look.plan


def test_same_rows_as_in_production_are_told_nothing(server: Server, asked: Production, tmp_path: Path) -> None:
    found = results(measure(plan(tmp_path, asked, "production", indexed=BASELINE + INDEX), server, Silence()))

    for one in found.values():
        assert {(plan.operation, plan.same) for plan in one.grown_plans} == {
            ("add", True),
            ("count_all", True),
            ("look", True),
        }
        assert not told(one)


def test_without_statistics_of_production_nothing_is_compared(server: Server, tmp_path: Path) -> None:
    (one,) = measure(plan(tmp_path, None), server, Silence()).candidates

    assert not one.grown_plans
    assert not [notice for notice in one.notices if notice.code.startswith("production")]


def test_planner_has_productions_settings_and_they_are_told(server: Server, asked: Production, tmp_path: Path) -> None:
    slow = {"enable_bitmapscan": "off", "enable_indexscan": "off", "no_such_setting": "1"}
    candidates = {"indexed": BASELINE + INDEX, "own": BASELINE + OWN_SETTINGS + INDEX}
    found = results(measure(plan(tmp_path, replace(asked, settings=slow), **candidates), server, Silence()))

    assert not told(found["indexed"])
    grown = {one.operation: one.nodes for one in found["indexed"].grown_plans}
    assert grown["look"] == "Seq Scan on item"

    assert not told(found["own"])

    (tmp_path / "eager").mkdir()
    eager = {"min_parallel_table_scan_size": "0", "parallel_setup_cost": "0", "parallel_tuple_cost": "0"}
    (one,) = measure(plan(tmp_path / "eager", replace(asked, settings=eager)), server, Silence()).candidates
    assert all(text.startswith("baseline: at production's size and settings (min_par") for text in told(one))
    assert "Gather" in " ".join(told(one))


def test_table_that_production_has_not_is_told(server: Server, asked: Production, tmp_path: Path) -> None:
    schema = (
        BASELINE
        + "CREATE TABLE extra (owner int);\n-- name: look\nSELECT owner FROM extra WHERE owner = :owner::int;\n"
    )
    one = results(measure(plan(tmp_path, asked, extra=schema), server, Silence()))["extra"]

    assert told(one, "production-not-compared") == [
        "extra: plans that read public.extra were not compared with those at production's size, which is not known"
    ]
    assert {plan.operation for plan in one.grown_plans} == {"add", "count_all"}


def test_new_index_of_a_table_without_rows_is_planned_as_large_as_it_would_be_or_not_at_all(
    server: Server, asked: Production, tmp_path: Path
) -> None:
    partial = INDEX.replace(";", " WHERE amount > 0;")
    found = results(
        measure(plan(tmp_path, asked, "empty", indexed=BASELINE + INDEX, partial=BASELINE + partial), server, Silence())
    )

    grown = {one.operation: one.nodes for one in found["indexed"].grown_plans}
    assert "item_owner" in grown["look"]
    assert not told(found["indexed"], "production-not-compared")
    assert told(found["partial"], "production-not-compared") == [
        "partial: plans that read public.item were not compared with those at production's size, which is not known"
    ]
    assert not found["partial"].grown_plans


def test_partitions_of_a_table_that_production_has_not_are_not_compared(
    server: Server, asked: Production, tmp_path: Path
) -> None:
    schema = (
        BASELINE
        + "CREATE TABLE extra (owner int) PARTITION BY HASH (owner);\n"
        + "CREATE TABLE extra_0 PARTITION OF extra FOR VALUES WITH (MODULUS 2, REMAINDER 0);\n"
        + "CREATE TABLE extra_1 PARTITION OF extra FOR VALUES WITH (MODULUS 2, REMAINDER 1);\n"
        + "-- name: look\nSELECT owner FROM extra WHERE owner = :owner::int;\n"
    )
    one = results(measure(plan(tmp_path, asked, extra=schema), server, Silence()))["extra"]

    (text,) = told(one, "production-not-compared")
    assert text.startswith("extra: plans that read public.extra were not compared")
    assert {plan.operation for plan in one.grown_plans} == {"add", "count_all"}


def _state(server: Server, names: list[str]) -> list[object]:
    """Return sizes and statistics of the tables of some databases, and how often these were gathered."""
    query = """
        SELECT c.relname, c.relpages, c.reltuples, c.relallvisible, pg_relation_size(c.oid), s.vacuum_count,
               s.analyze_count, (SELECT md5(string_agg(p::text, '' ORDER BY p.staattnum))
                                 FROM pg_statistic p WHERE p.starelid = c.oid)
        FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace ORDER BY c.relname
    """
    found: list[object] = [server.databases]
    for name in names:
        with psycopg.connect(server.conninfo_for(name)) as connection:
            found.append(connection.execute(query).fetchall())
    return found


def test_measured_databases_and_their_server_stay_as_they_were(
    server: Server, asked: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, seen = measurement.production.compare, []

    def watched(plan: Plan, server: Server, ended: Mapping[Entrant, object], *others: object) -> object:
        names = [database.name for one in ended for database in one.databases]
        seen.append(_state(server, names))
        found = compare(plan, server, ended, *others)  # type: ignore[arg-type] # passed on
        seen.append(_state(server, names))
        return found

    monkeypatch.setattr(measurement.production, "compare", watched)
    found = results(measure(plan(tmp_path, asked, indexed=BASELINE + INDEX), server, Silence()))

    assert found["indexed"].grown_plans
    before, after = seen
    assert before == after
    assert len(before) == 1 + 3, "the baseline, its control and the candidate"


def test_server_that_is_not_ours_is_told_and_no_second_one_is_started(
    server: Server, asked: Production, tmp_path: Path
) -> None:
    theirs = str.__str__(with_words(server.conninfo))
    with serve(theirs, Needs(clients=4, databases=3), settings={}, run_id="guest") as guest:
        found = results(measure(plan(tmp_path, asked, indexed=BASELINE + INDEX), guest, Silence()))

    for one in found.values():
        (text,) = told(one, "production-not-compared")
        assert "schemabench did not start" in text
        assert not one.grown_plans


def test_candidate_that_production_cannot_have_keeps_its_figures(
    server: Server, asked: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(measurement.production.production, "extend", failing)
    (one,) = measure(plan(tmp_path, asked), server, Silence()).candidates

    assert one.status == "ranked"
    (text,) = told(one, "production-not-compared")
    assert "No space left on device" in text


def test_interrupt_of_the_comparison_keeps_all_that_was_found_before(
    server: Server, asked: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(measurement.production.production, "extend", interrupted)
    with pytest.raises(Interrupted, match="production's size") as stopped:
        measure(plan(tmp_path, asked, indexed=BASELINE + INDEX), server, Silence())

    record = stopped.value.known
    assert record is not None
    assert record.stopped != "interrupted", "every block was measured"
    assert not [notice for notice in record.notices if notice.code == "interrupted"]
    for one in record.candidates:
        assert one.status == "ranked"
        assert one.plans
        assert told(one, "production-not-compared") == [
            "Plans were not compared with those at production's size: the run was interrupted"
        ]


def test_without_the_baselines_copy_no_candidate_is_compared(
    server: Server, asked: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relations, failures = measurement.production.production.relations, [psycopg.OperationalError("it was lost")]

    def failing_once(connection: psycopg.Connection[object]) -> object:
        if failures:
            raise failures.pop()
        return relations(connection)

    monkeypatch.setattr(measurement.production.production, "relations", failing_once)
    found = results(measure(plan(tmp_path, asked, indexed=BASELINE + INDEX), server, Silence()))

    for one in found.values():
        assert not one.grown_plans
        assert told(one, "production-not-compared") == [
            "Plans were not compared with those at production's size: it was lost"
        ]


def test_operations_that_the_second_server_does_not_plan_are_told(
    server: Server, asked: Production, tmp_path: Path
) -> None:
    lost = replace(asked, settings={"search_path": "nowhere"})
    (one,) = measure(plan(tmp_path, lost), server, Silence()).candidates

    assert not one.grown_plans
    assert told(one, "production-not-compared") == [
        "baseline: at production's size, the second server made no plans of add, count_all, look"
    ]
