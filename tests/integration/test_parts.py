"""Parts on a real server: one workload whose parts live in schemas, in partitions and in databases of their own."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import laboratory
import programs
import psycopg
import pytest
import regions
import servers
from hypothesis import strategies as st

from schemabench import Call, Companion, Model, Workload
from schemabench.errors import CandidateError
from schemabench.experiment import Plan, measure
from schemabench.experiment.copies import Copies
from schemabench.experiment.team import Alone
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Experiment
from schemabench.server import Server, several
from schemabench.workers.follower import follow
from schemabench.workers.leader import lead
from schemabench.workers.link import Link
from schemabench.workers.seat import Seat

LAYOUTS = ("baseline", "partitions", "databases")
QUICKLY = {"autovacuum": "off", "synchronous_commit": "off", "wal_level": "minimal", "max_wal_senders": "0"}
BLOCK = 300
"""Calls in each burst."""
NAMES = ("gw0", "gw1")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers.serving("embedded", settings=QUICKLY, clients=160, run_id="parts") as server:
        yield server


def workload(**changes: Any) -> Workload[Any]:  # noqa: ANN401 (any field of it)
    """Return the workload of the page."""
    names: dict[str, Any] = {"__name__": "regions"}
    exec(regions.module(), names)  # noqa: S102 (our own page)
    return replace(names["workload"], **changes)


def planned(folder: Path, candidates: Mapping[str, str] | None = None, **changes: Any) -> Plan:  # noqa: ANN401 (likewise)
    """Return an experiment of one counted block with the candidates of the page, or with others."""
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    return Plan(
        found=laboratory.found(folder, workload(**changes), regions.operations()),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", candidates or regions.candidates()),
        clients=6,
        budget_s=0.0,
        precision=0.01,
        seed=1,
        burst=BLOCK,
        sample_hz=50.0,
    )


def measured(server: Server, plan: Plan, team: Alone | None = None) -> Experiment:
    """Return the record of an experiment, which leaves no database."""
    before = server.databases
    found = measure(plan, server, Silence(), team)
    assert server.databases == before
    return found


def by_name(found: Experiment) -> dict[str, CandidateResult]:
    return {one.name: one for one in found.candidates}


class Counting(Alone):
    """A team of one that reads what the databases of each entrant count, apart from the product."""

    def __init__(self, plan: Plan, server: Server) -> None:
        super().__init__(plan)
        self._server = server
        self.rows: dict[str, tuple[int, ...]] = {}

    def samples(self) -> Any:  # noqa: ANN401 (as Alone does)
        """Read when all blocks are over."""
        for name, databases in self._joined.items():
            self.rows[name] = tuple(map(sum, zip(*map(self._read, databases), strict=True)))
        return super().samples()

    def join(self, entrants: Any) -> Any:  # noqa: ANN401 (as Alone does)
        """Note the databases."""
        self._joined = {one.name: [its.name for its in one.databases] for one in entrants}
        self.companions = {one.name: len(one.companions.names) for one in entrants}
        return super().join(entrants)

    def _read(self, database: str) -> tuple[int, int]:
        query = "SELECT sum(n_tup_ins)::int, sum(n_tup_upd)::int FROM pg_stat_user_tables"
        with psycopg.connect(self._server.conninfo_for(database)) as connection:
            inserted, updated = connection.execute(query).fetchone() or (0, 0)
        return inserted, updated


@pytest.fixture(scope="module")
def watched(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, Counting]:
    plan = planned(tmp_path_factory.mktemp("regions"))
    counting = Counting(plan, server)
    return measured(server, plan, counting), counting


@pytest.fixture
def found(watched: tuple[Experiment, Counting]) -> Experiment:
    return watched[0]


def _ranked(found: Experiment) -> None:
    reasons = {one.name: one.reason for one in found.candidates if one.status != "ranked"}
    assert (reasons, {one.name for one in found.candidates}) == ({}, {*LAYOUTS})


def test_layouts_of_the_page_have_the_same_state(found: Experiment) -> None:
    _ranked(found)


def test_counters_are_the_sum_over_databases(watched: tuple[Experiment, Counting]) -> None:
    found, counting = by_name(watched[0]), watched[1]

    assert len({counting.rows[name] for name in LAYOUTS}) == 1, counting.rows
    for name in LAYOUTS:
        trials = found[name].trials
        assert sum(trial.counters["rows_updated"] for trial in trials) == counting.rows[name][1]
        assert sum(trial.operations for trial in trials) == counting.rows[name][0]
        assert all(trial.counters["wal_bytes"] > 0 for trial in trials)
    sizes = {one.name: {cost.name: cost.value for cost in one.costs} for one in found.values()}
    assert all((sizes[name]["table_size"] or 0) >= 6 * 8192 for name in LAYOUTS), "two tables in each of three parts"


def test_the_whole_servers_counters_are_read_once(found: Experiment) -> None:
    wal = {name: [trial.counters["wal_bytes"] for trial in one.trials] for name, one in by_name(found).items()}

    for name in LAYOUTS:  # the same rows in the same tables; a partition's have one column more
        assert sum(wal[name]) == pytest.approx(sum(wal["baseline"]), rel=0.5)


def test_each_layout_is_explained(found: Experiment) -> None:
    for one in found.candidates:
        assert {plan.operation for plan in one.plans if plan.plan} == {"place_order"}


def test_lock_waits_of_all_databases_are_seen(server: Server, tmp_path: Path) -> None:
    found = by_name(measured(server, replace(planned(tmp_path / "regions"), budget_s=2.0, burst=1500)))

    for name in LAYOUTS:
        contention = found[name].contention
        assert contention is not None
        assert contention.observations > 0


def test_copies_are_made_of_all_databases(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Copies, "due", lambda _, measured, __: measured.executed in {1, 2})
    found = measured(server, replace(planned(tmp_path / "regions"), budget_s=2.0))

    _ranked(found)
    assert found.copies == 3


@pytest.mark.thorough
def test_a_soak_is_in_copies_of_all_databases(server: Server, tmp_path: Path) -> None:
    found = measured(server, replace(planned(tmp_path / "regions"), burst=30, soak_s=0.3, soak_closed=True))

    _ranked(found)
    for one in found.candidates:
        assert one.soak is not None
        assert not one.soak.ended
        assert one.soak.slices[-1].state["table_bytes"] >= 6 * 8192, "two tables in each of three parts"
    assert "soak-no-autovacuum" in {notice.code for notice in found.notices}


def test_workers_connect_to_the_databases_of_their_writers_and_take_turns_of_parts_alone_together(
    server: Server, tmp_path: Path
) -> None:
    plan, database = planned(tmp_path / "regions", interference=True), server.create("link")
    conninfo = server.conninfo_for(database.name)
    seats = [Seat(number=number, names=NAMES, run_id="parts", folder="/nowhere") for number in range(2)]
    with (
        closing(Link(conninfo, "parts", 0)) as first,
        closing(Link(conninfo, "parts", 1)) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        following = pool.submit(follow, plan, second, seats[1])
        with lead(plan, first, seats[0]) as team:
            found = measure(plan, server, Silence(), team)
        following.result()
    server.drop(database)

    _ranked(found)
    assert set(found.workers) == {*NAMES}
    for one in found.candidates:
        assert {plan.operation for plan in one.plans if plan.plan} == {"place_order"}
        assert [figure.part for figure in one.interference] == ["north", "south", "west"]
        assert all(figure.alone_s > 0 and figure.beside_s > 0 for figure in one.interference)


def _wrong() -> dict[str, str]:
    """Return candidates that update the rows of one part, whichever part the writer belongs to."""
    texts, update = regions.candidates(), regions.operations().partition("\n\n")[0]
    return {
        "schema": texts["baseline"].replace("candidate: baseline", "candidate: schema")
        + update.replace('UPDATE :"region"', "UPDATE north"),
        "partition": texts["partitions"]
        .replace("candidate: partitions", "candidate: partition")
        .replace("WHERE region = :'region'", "WHERE region = 'north'"),
    }


def test_rows_that_are_written_into_another_part_are_found(server: Server, tmp_path: Path) -> None:
    found = by_name(measured(server, planned(tmp_path / "regions", regions.candidates() | _wrong())))

    assert {found[name].status for name in LAYOUTS} == {"ranked"}
    for name in _wrong():
        assert found[name].status == "disqualified"
        assert (
            "the state 'totals' differs from the baseline's:\nexpected, and not found: (north,0," in found[name].reason
        )


def test_an_invariant_is_checked_in_every_part(server: Server, tmp_path: Path) -> None:
    plan = planned(tmp_path / "regions")
    more = "\n-- name: lost\nSELECT id FROM :\"region\".customer WHERE :'region' = 'west' AND id = 7;\n"
    operations = laboratory.found(tmp_path / "regions", plan.found.workload, regions.operations() + more).operations
    broken = replace(plan.found, operations=operations, workload=workload(invariants=("lost",)))
    fixed = {name: f"{text}\n-- name: lost\nSELECT 1 WHERE false;\n" for name, text in regions.candidates().items()}
    fixed["databases"] = fixed["databases"].replace(
        "SELECT 1 WHERE false", "SELECT id FROM customer WHERE :'region' = 'west' AND id = 7"
    )
    candidates = laboratory.installable(tmp_path / "fixed", fixed)
    found = by_name(measured(server, replace(plan, found=broken, candidates=candidates)))

    assert found["databases"].status == "disqualified"
    assert found["databases"].reason == "the invariant 'lost' does not hold:\n7"
    assert found["partitions"].status == "ranked"


def _model(calls: Any) -> Model[Any, Any]:  # noqa: ANN401 (a strategy)
    def apply(state: dict[tuple[str, int], int], call: Call) -> None:
        key = call.part, int(str(call.values["id" if call.operation == "load_customers" else "customer"]))
        if call.operation == "load_customers":
            state[key] = 0
        elif key in state:
            state[key] += int(str(call.values["amount"]))

    def possible(state: dict[tuple[str, int], int], call: Call) -> bool:
        return call.operation != "load_customers" or (call.part, call.values["id"]) not in state

    return Model(
        initial=dict,
        calls=lambda _: calls,
        apply=apply,
        state=lambda state: {"totals": sorted((part, id_, total) for (part, id_), total in state.items())},
        possible=possible,
    )


def _calls(parts: tuple[str, ...]) -> Any:  # noqa: ANN401 (a strategy)
    part, small = st.sampled_from(parts), st.integers(0, 2)
    return st.one_of(
        st.builds(lambda where, id_: Call("load_customers", {"id": id_, "total": 0}, part=where), part, small),
        st.builds(
            lambda where, id_, amount: Call("place_order", {"customer": id_, "amount": amount}, part=where),
            part,
            small,
            small,
        ),
    )


def test_the_model_check_knows_parts(server: Server, tmp_path: Path) -> None:
    texts = regions.candidates()
    texts["partition"] = _wrong()["partition"]
    plan = planned(tmp_path / "regions", texts, model=_model(_calls(("north", "south"))))
    found = by_name(measured(server, replace(plan, equivalence="quick")))

    assert {name: one.status for name, one in found.items()} == {
        **dict.fromkeys(LAYOUTS, "ranked"),
        "partition": "disqualified",
    }
    assert "of the part south" in found["partition"].reason
    for name in LAYOUTS:
        check = found[name].equivalence
        assert check is not None
        assert check.agrees


def test_a_model_whose_calls_belong_to_no_part_is_refused(server: Server, tmp_path: Path) -> None:
    plan = planned(tmp_path / "regions", model=_model(_calls(("",))))

    with pytest.raises(CandidateError, match='sets the identifier :"region"'):
        measured(server, replace(plan, equivalence="quick"))


def test_a_database_for_each_part_needs_parts(server: Server, tmp_path: Path) -> None:
    names = {"region": "north", "customers": "customer_north", "orders": "orders_north"}
    table = "CREATE SCHEMA north;\nCREATE TABLE north.customer (id int PRIMARY KEY, total bigint);\n"
    texts = {
        "baseline": table + "CREATE TABLE north.orders (customer int, amount int);\n",
        "apart": f"-- databases: part\n{table}CREATE TABLE north.orders (customer int, amount int);\n",
        "section": f"-- for each part\n{table}CREATE TABLE north.orders (customer int, amount int);\n-- end\n",
    }

    def alone(shop: Any) -> Any:  # noqa: ANN401 (the page's own types)
        (writer, *_) = workload().writers(shop)
        return [replace(writer, part="", identifiers=names)]

    plan = planned(tmp_path / "regions", texts, writers=alone, background=lambda *_: iter(()))
    found = by_name(measured(server, plan))

    assert found["baseline"].status == "ranked"
    assert "'apart' has a database for each part, and the workload has no parts" in found["apart"].reason
    assert "The schema of 'section' has statements for each part, and the workload has no parts" in (
        found["section"].reason
    )


def test_a_writer_of_no_part_has_no_database(server: Server, tmp_path: Path) -> None:
    def mixed(shop: Any) -> Any:  # noqa: ANN401 (the page's own types)
        first, *others = workload().writers(shop)
        return [replace(first, name="visitor", part=""), first, *others]

    plan = planned(tmp_path / "regions", writers=mixed)
    found = by_name(measured(server, replace(plan, clients=8)))

    assert {name: one.status for name, one in found.items()} == {
        "baseline": "ranked",
        "partitions": "ranked",
        "databases": "failed",
    }
    assert "these writers belong to none: visitor" in found["databases"].reason


def test_a_name_that_no_part_has_is_refused_at_its_place(server: Server, tmp_path: Path) -> None:
    texts = regions.candidates()
    texts["baseline"] = texts["baseline"].replace('CREATE SCHEMA :"region"', 'CREATE SCHEMA :"regoin"')

    with pytest.raises(CandidateError, match="No part has a value for :\"regoin\"; did you mean 'region'") as caught:
        measured(server, planned(tmp_path / "regions", texts))
    assert caught.value.where is not None
    assert caught.value.where.line == 5


def test_a_companion_of_no_part_runs_in_every_database(server: Server, tmp_path: Path) -> None:
    everywhere = Companion(name="snapshot", operation="look", holds=True, isolation="repeatable read")
    here = Companion(name="report", operation="totals", every_s=0.01, part="south", identifiers={"region": "south"})
    looked = regions.operations() + "\n-- name: look\nSELECT count(*) FROM pg_catalog.pg_class;\n"
    plan = planned(tmp_path / "regions", companions=lambda _: (everywhere, here))
    operations = laboratory.found(tmp_path / "regions", plan.found.workload, looked).operations
    counting = Counting(plan, server)
    plan = replace(plan, found=replace(plan.found, operations=operations))
    experiment = measure(plan, server, Silence(), counting)
    found = by_name(experiment)

    assert {one.status for one in found.values()} == {"ranked"}
    assert counting.companions == {"baseline": 2, "partitions": 2, "databases": 4, "baseline (control)": 2}
    assert "companions-multiplied" not in {one.code for one in experiment.notices}, (
        "only what is held is in all of them"
    )


def test_a_companion_that_executes_more_where_there_are_more_databases_is_told(server: Server, tmp_path: Path) -> None:
    busy = Companion(name="busy", operation="look")
    looked = regions.operations() + "\n-- name: look\nSELECT pg_sleep(0.005);\n"
    plan = planned(tmp_path / "regions", companions=lambda _: (busy,))
    operations = laboratory.found(tmp_path / "regions", plan.found.workload, looked).operations
    experiment = measured(server, replace(plan, found=replace(plan.found, operations=operations)))

    (text,) = [one.text for one in experiment.notices if one.code == "companions-multiplied"]
    assert "in each database of a candidate: busy" in text
    assert "databases (3)" in text
    for one in experiment.candidates:
        for figure in one.companions:
            assert figure.p50_ns is not None
            assert figure.every_s is not None
            # each of up to three sessions may complete one that it began before the trial
            own = figure.executions - 3
            assert figure.every_s * figure.executions > 0.9 * own * figure.p50_ns / 1e9, "of one connection"


def test_templates_of_all_parts_are_kept_together(server: Server, tmp_path: Path) -> None:
    plan = replace(planned(tmp_path / "regions"), keep_templates=True)
    first = measure(plan, server, Silence())
    kept = [databases for _, databases in server.kept]
    second = measure(plan, server, Silence())

    _ranked(first)
    _ranked(second)
    assert sorted(len([*one]) for one in kept) == [1, 1, 3]
    assert [databases for _, databases in server.kept] == kept
    while server.kept:
        several.drop(server, server.kept.pop()[1])


@pytest.mark.parametrize("name", LAYOUTS)
def test_psql_reads_the_schema_of_a_candidate_for_one_part(server: Server, tmp_path: Path, name: str) -> None:
    psql = which("psql")
    if psql is None:
        pytest.skip("psql is not installed")
    (tmp_path / "schema.sql").write_text(regions.candidates()[name].partition("-- name:")[0])
    database = server.create("psql")
    names = {"region": "north", "customers": "customer_north", "orders": "orders_north"}
    variables = [word for one in names.items() for word in ("-v", "=".join(one))]
    conninfo = server.conninfo_for(database.name)
    options = ["-X", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-f", tmp_path / "schema.sql"]
    run = programs.run([psql, *variables, *options], capture_output=True, text=True)
    with psycopg.connect(conninfo) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384")
        count = tables.fetchone()
    server.drop(database)

    assert (run.returncode, run.stderr) == (0, "")
    assert count == ((4,) if name == "partitions" else (2,))
