"""Soaks on a real server: what bloats by construction is found, and nothing but autovacuum looks after anybody."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median
from threading import Timer

import laboratory
import psycopg
import pytest
import servers

from schemabench import Call, Companion, Workload, Writer
from schemabench.errors import Interrupted, ServerError
from schemabench.experiment import Plan, measure, soaking
from schemabench.experiment.entrant import CONTROL
from schemabench.monitor.wear import Wear
from schemabench.progress import Shown, Silence
from schemabench.records import CandidateResult, Experiment, SoakFigures
from schemabench.server import Database, Needs, Server, opened, serve, slowed
from schemabench.server.local import LocalServer

ROWS = 100
"""So few that a table without bloat is read at once."""
SOAK_S = 3.0
SOME = 5
OPERATIONS = """
-- name: bump
UPDATE counter SET value = value + 1;
-- name: total
SELECT pg_sleep(0.001 * pg_relation_size('counter') / 8192);
"""
"""A read takes 1 ms for each block, as from a slow disk: whatever else the machine does, bloat is what takes time."""
TABLE = f"""
CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL) WITH (fillfactor = 20);
INSERT INTO counter SELECT id, 0 FROM generate_series(1, {ROWS}) AS id;
"""  # noqa: S608 (a constant)
BLOATING = f"{TABLE}CREATE INDEX ON counter (value);\n"
"""No update is HOT, and autovacuum, whose clock is slow, does not come within seconds."""
REFUSING = f"""
{TABLE}
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_database() LIKE '%soak%' THEN
        RAISE 'not for so long';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse AFTER UPDATE ON counter FOR EACH STATEMENT EXECUTE FUNCTION refuse();
"""
"""It fails in soaks alone."""
PENDING = f"{TABLE}CREATE TABLE note (words int[]);\nCREATE INDEX ON note USING gin (words);\n"
SECRET = "hunter2"  # noqa: S105 (of a role that lasts as long as the server)
_OF_SOAKS = "SELECT oid, datname FROM pg_database WHERE datname LIKE '%soak%' ORDER BY oid"
_BY_HAND = """
SELECT coalesce(sum(pg_stat_get_vacuum_count(oid) + pg_stat_get_analyze_count(oid)), 0) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True)
class Sizes:
    """The one cardinality: whatever has a size has it in the SQL."""


def _burst(_sizes: Sizes, writer: str, block: int, random: Random) -> Iterator[Call]:
    del block, random
    operation = cycle(("bump", "total")) if writer == "writer" else cycle(("total",))
    return (Call(one, {}, rows=ROWS if one == "bump" else 0) for one in operation)


WORKLOAD = Workload(
    name="counters",
    summary="each update changes all rows, each read takes time for each block",
    cardinalities={"typical": Sizes()},
    writers=lambda _: [Writer(name="writer", kind="stream", weight=2, clients=1)],
    burst=_burst,
)


class Observed(Silence):
    """Whoever watches, and looks at the copies of a soak before each turn."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.stages: list[str] = []
        self.copies: set[tuple[tuple[int, str], ...]] = set()
        self.by_hand: list[int] = []

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Look."""
        super().stage(plan, text, elapsed_s)
        self.stages.append(text)
        if text.startswith("soak, round"):
            with closing(opened(self._server.conninfo)) as connection:
                found = connection.execute(_OF_SOAKS).fetchall()
            self.copies.add(tuple(found))
            for _, name in found:
                with closing(psycopg.connect(self._server.conninfo_for(name))) as connection:
                    self.by_hand += [int(count) for (count,) in connection.execute(_BY_HAND)]


def _plan(folder: Path, workload: Workload[Sizes] = WORKLOAD, **candidates: str) -> Plan:
    return Plan(
        found=laboratory.found(folder, workload, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": TABLE, **candidates}),
        clients=1,
        budget_s=0.3,
        precision=0.01,
        seed=1,
        soak_s=SOAK_S,
    )


def _result(experiment: Experiment, name: str) -> CandidateResult:
    (found,) = [one for one in experiment.candidates if one.name == name]
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server of its own, whose clocks no other test sees; without the disk's part in the noise."""
    with servers.serving("embedded", settings={"fsync": "off"}, clients=12, run_id="drift") as server:
        yield server


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory, server: Server) -> tuple[Experiment, Observed]:
    """Return an experiment with a soak, and what was seen meanwhile."""
    observed = Observed(server)
    plan = _plan(tmp_path_factory.mktemp("soak"), bloating=BLOATING)
    return measure(plan, server, observed), observed


def _lost(one: SoakFigures) -> float:
    """Return by which factor the last turns are slower than the first that count."""
    rates = [turn.rate for turn in one.slices]
    return median(rates[1 : SOME + 1]) / median(rates[-SOME:])


def test_who_bloats_by_construction_is_found_beside_a_baseline_that_does_not(
    soaked: tuple[Experiment, Observed],
) -> None:
    experiment, _ = soaked
    fared, usual = _result(experiment, "bloating").soak, _result(experiment, "baseline").soak
    assert fared is not None
    assert usual is not None
    rate = fared.slope("rate")

    assert rate is not None, "what chance is, is a matter of statistics, and of how busy the machine is"
    assert _lost(fared) > 1.3, "by a factor within the soak"
    assert (slope := usual.slope("rate")) is not None
    assert slope.to_baseline is None, "it is compared with nobody"
    assert fared.slices[-1].state["table_bytes"] > 2 * fared.slices[0].state["table_bytes"]
    assert usual.slices[-1].state["table_bytes"] < 2 * usual.slices[0].state["table_bytes"]
    assert fared.slices[-1].state["dead_rows"] > fared.slices[0].state["dead_rows"]


def test_candidates_take_turns_in_random_order_for_the_time_that_was_asked(
    soaked: tuple[Experiment, Observed],
) -> None:
    experiment, observed = soaked
    record = experiment.soak

    assert record is not None
    assert not record.paced
    assert record.rounds == soaking.ROUNDS
    assert record.control is not None
    figures = [record.control, *(one.soak for one in experiment.candidates)]
    for one in figures:
        assert one is not None
        assert SOAK_S <= sum(turn.duration_s for turn in one.slices) < 2 * SOAK_S
        assert not one.ended
    turns = [stage for stage in observed.stages if stage.startswith("soak, round")]
    assert len(turns) == 3 * soaking.ROUNDS
    firsts = {stage.rpartition(": ")[2] for stage in turns[::3]}
    assert firsts == {"baseline", CONTROL, "bloating"}, "each is the first in some round"


def test_neither_upkeep_nor_new_copies_touch_anybody_in_a_soak(soaked: tuple[Experiment, Observed]) -> None:
    experiment, observed = soaked
    bloating = _result(experiment, "bloating").soak

    assert len(observed.copies) == 1, "the same databases from the first turn to the last"
    assert len(next(iter(observed.copies))) == 3
    assert set(observed.by_hand) == {0}
    assert bloating is not None
    assert bloating.slices[-1].state["dead_rows"] > ROWS, "upkeep between blocks would have had it vacuumed"


def test_the_servers_clocks_are_slowed_meanwhile_and_then_as_before(
    soaked: tuple[Experiment, Observed], server: Server
) -> None:
    record = soaked[0].soak

    assert record is not None
    assert record.slowed == {"autovacuum_naptime": 3.0, "checkpoint_timeout": 3.0}
    assert record.settings["autovacuum"] == "on"
    assert record.settings["autovacuum_naptime"] == "3min", "as a writer's own session has it"
    with closing(opened(server.conninfo)) as connection:
        assert connection.execute("SHOW autovacuum_naptime").fetchone() == ("1min",)
        assert connection.execute(_OF_SOAKS).fetchall() == []


def test_a_setting_that_was_given_is_not_slowed() -> None:
    given = {"autovacuum_naptime": "7s"}
    with servers.serving("embedded", settings=given, clients=2, run_id="given") as own:
        with slowed(own, 3) as told, closing(opened(own.conninfo)) as connection:
            assert told == {"checkpoint_timeout": 3.0}
            assert connection.execute("SHOW autovacuum_naptime").fetchone() == ("7s",)
            assert connection.execute("SHOW checkpoint_timeout").fetchone() == ("15min",)
        with closing(opened(own.conninfo)) as connection:
            assert connection.execute("SHOW checkpoint_timeout").fetchone() == ("5min",)


def test_where_production_is_known_calls_are_due_at_its_pace(tmp_path: Path, server: Server) -> None:
    paced = replace(WORKLOAD, production_s=lambda _: 0.05)
    experiment = measure(replace(_plan(tmp_path, paced), soak_s=1.05), server, Silence())
    record, usual = experiment.soak, _result(experiment, "baseline").soak

    assert record is not None
    assert record.paced
    assert record.slice_s == pytest.approx(0.05)
    assert usual is not None
    assert {turn.operations for turn in usual.slices} == {2}
    assert 10 < len(usual.slices) <= 21, "where the machine stalls, fewer fit"
    assert all(turn.duration_s >= 0.05 for turn in usual.slices)


@pytest.mark.thorough
def test_companions_run_beside_the_turns(tmp_path: Path, server: Server) -> None:
    companion = Companion(name="endless_reader", operation="total", clients=1)
    workload = replace(WORKLOAD, companions=lambda _: [companion])
    experiment = measure(replace(_plan(tmp_path, workload), soak_s=0.6), server, Silence())

    assert (fared := _result(experiment, "baseline").soak) is not None
    assert 10 < len(fared.slices) <= soaking.ROUNDS, "where the machine stalls, fewer fit"


def test_who_fails_in_a_soak_leaves_it_and_keeps_its_rank(tmp_path: Path, server: Server) -> None:
    plan = replace(_plan(tmp_path, refusing=REFUSING), soak_s=0.3, budget_s=0.1)
    fared = _result(measure(plan, server, Silence()), "refusing")

    assert fared.status == "ranked"
    assert fared.soak is not None
    assert "not for so long" in fared.soak.ended
    assert fared.soak.slices == fared.soak.slopes == ()


def test_a_soak_that_its_baseline_leaves_ends(tmp_path: Path, server: Server) -> None:
    plan = replace(_plan(tmp_path, baseline=REFUSING, bloating=BLOATING), soak_s=3.0, budget_s=0.1)
    experiment = measure(plan, server, Silence())
    usual, other = (_result(experiment, name).soak for name in ("baseline", "bloating"))

    assert experiment.soak is not None
    assert experiment.soak.rounds == 0
    assert usual is not None
    assert "not for so long" in usual.ended
    assert other is not None
    assert len(other.slices) <= 1, "there is nothing to compare with"


def test_a_pace_that_the_server_cannot_keep_is_told_and_the_soak_is_hardly_longer(
    tmp_path: Path, server: Server
) -> None:
    hurried = replace(WORKLOAD, production_s=lambda _: 0.001)
    experiment = measure(replace(_plan(tmp_path, hurried), soak_s=1.05, budget_s=0.1), server, Silence())
    usual = _result(experiment, "baseline").soak
    told = [one.text for one in experiment.notices if one.code == "soak-behind"]

    assert usual is not None
    assert len(usual.slices) < soaking.ROUNDS, "longer turns, and fewer"
    assert any(one.startswith("baseline did not keep up with production's pace in") for one in told)
    assert sum(turn.duration_s for turn in usual.slices[:-1]) < 1.05


def test_a_role_that_may_only_create_databases_has_a_soak_and_is_told_what_it_may_not(
    tmp_path: Path, server: Server
) -> None:
    with closing(opened(server.conninfo)) as connection:
        connection.execute(f"CREATE ROLE narrow LOGIN CREATEDB PASSWORD '{SECRET}'")
    conninfo = psycopg.conninfo.make_conninfo(server.conninfo, user="narrow", password=SECRET, dbname="postgres")
    with serve(conninfo, Needs(clients=1, databases=3), settings={}, run_id="narrow") as theirs:
        experiment = measure(replace(_plan(tmp_path, pending=PENDING), soak_s=0.6, budget_s=0.1), theirs, Silence())
    told = {one.code: one.text for one in experiment.notices}
    fared = _result(experiment, "pending").soak

    assert experiment.soak is not None
    assert experiment.soak.slowed == {}
    assert "kept the server's time" in told["soak-own-time"]
    assert "pgstattuple" in told["soak-pending-unknown"]
    assert fared is not None
    assert 10 < len(fared.slices) <= soaking.ROUNDS, "where the machine stalls, fewer fit"
    assert not any("pending_bytes" in turn.state for turn in fared.slices)
    assert all("xid_age" in turn.state for turn in fared.slices)


def test_the_age_and_the_vacuums_of_catalogs_are_not_those_of_a_candidate(server: Server, database: Database) -> None:
    conninfo = server.conninfo_for(database.name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for _ in range(60):
            connection.execute("SELECT pg_current_xact_id()")
        connection.execute("CREATE TABLE young (body text)")
        (theirs,) = connection.execute(
            "SELECT max(age(relfrozenxid)) FROM pg_class WHERE relkind = 't' AND oid < 16384"
        ).fetchone() or (0,)
    with closing(Wear([conninfo], [], local=False)) as wear:
        wear.begin()
        state, _, _ = wear.end()

    assert theirs >= 60
    assert state["xid_age"] < 60


class Impatient(Silence):
    """A user who has seen enough in the third round, before a turn or some time after it has begun."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._pressed = False

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Press Ctrl-C."""
        super().stage(plan, text, elapsed_s)
        if text.startswith("soak, round 3") and not self._pressed:
            self._pressed = True
            if not self._after_s:
                raise KeyboardInterrupt
            Timer(self._after_s, signal.raise_signal, [signal.SIGINT]).start()


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("after_s", [0.0, 0.1], ids=["before a turn", "in a turn"])
def test_an_interrupted_soak_keeps_the_ranking_and_leaves_nothing_behind(
    tmp_path: Path, server: Server, after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soaking, "ROUNDS", 3)
    soak_s = 3 * (0.1 + 4 * after_s)
    with pytest.raises(Interrupted, match="interrupted during the soak") as stopped:
        measure(replace(_plan(tmp_path), soak_s=soak_s, budget_s=0.1), server, Impatient(after_s))
    known = stopped.value.known

    assert isinstance(known, Experiment)
    assert _result(known, "baseline").status == "ranked"
    assert known.soak is not None
    assert known.soak.interrupted
    assert known.soak.rounds == 2
    for one in (known.soak.control, *(result.soak for result in known.candidates)):
        assert one is not None
        assert [turn.round for turn in one.slices] == [0, 1], "turns of the third round have no counterparts"
    with closing(opened(server.conninfo)) as connection:
        assert connection.execute(_OF_SOAKS).fetchall() == []
        assert connection.execute("SHOW autovacuum_naptime").fetchone() == ("1min",)


class Rude(Silence):
    """An administrator who ends all sessions of the soak in its third round."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """End them."""
        super().stage(plan, text, elapsed_s)
        if text.startswith("soak, round 3"):
            with closing(opened(self._server.conninfo)) as connection:
                names = [name for _, name in connection.execute(_OF_SOAKS)]
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s)", [names]
                )


def test_a_soak_whose_sessions_end_keeps_the_ranking_and_the_finished_rounds(tmp_path: Path, server: Server) -> None:
    experiment = measure(replace(_plan(tmp_path), soak_s=0.6, budget_s=0.1), server, Rude(server))
    told = {one.code: one.text for one in experiment.notices}

    assert _result(experiment, "baseline").status == "ranked"
    assert experiment.soak is not None
    assert experiment.soak.interrupted
    assert experiment.soak.rounds == 2
    assert told["soak-broken-off"].startswith("The soak was broken off, and covers the rounds before: ")
    with closing(opened(server.conninfo)) as connection:
        assert connection.execute(_OF_SOAKS).fetchall() == []
        assert connection.execute("SHOW autovacuum_naptime").fetchone() == ("1min",)


class Killer(Silence):
    """What ends a server at a stage of the soak, as a full disk does.

    Attributes:
        process: The postmaster.
    """

    def __init__(self, process: subprocess.Popen[bytes], stage: str) -> None:
        self.process = process
        self._stage = stage

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """End it."""
        super().stage(plan, text, elapsed_s)
        if text.startswith(self._stage):
            self.process.kill()
            self.process.wait()


@contextmanager
def _mortal(*, owned: bool) -> Iterator[tuple[Server, subprocess.Popen[bytes]]]:
    """Start a server, of the run or not, and yield it with its postmaster."""
    if owned:
        with servers.serving("embedded", settings={}, clients=4, run_id="mortal") as server:
            assert isinstance(server.source, LocalServer)
            yield server, server.source.process
        return
    with servers.serving("embedded", settings={}, clients=12, run_id="theirs") as theirs:
        assert isinstance(theirs.source, LocalServer)
        with (
            pytest.raises(ServerError, match="Left on"),
            serve(theirs.conninfo, Needs(clients=1, databases=3), settings={}, run_id="guest") as server,
        ):
            yield server, theirs.source.process


@pytest.mark.parametrize("owned", [True, False], ids=["own", "another"])
@pytest.mark.parametrize(("stage", "rounds"), [("soak, round 3", 2), ("copying templates for the soak", None)])
def test_a_server_that_ends_in_a_soak_takes_neither_the_ranking_nor_the_finished_rounds(
    tmp_path: Path, stage: str, rounds: int | None, *, owned: bool
) -> None:
    plan = replace(_plan(tmp_path), soak_s=0.6, budget_s=0.1)
    with _mortal(owned=owned) as (server, process), pytest.raises(ServerError) as ended:
        measure(plan, server, Killer(process, stage))
    known = ended.value.known

    assert isinstance(known, Experiment)
    told = {one.code: one.text for one in known.notices}
    assert _result(known, "baseline").status == "ranked"
    assert (known.soak and known.soak.rounds) == rounds
    assert ended.value.headline in told["soak-broken-off" if rounds else "soak-not-begun"]
    assert ("server-changes-unknown" in told) == (not owned)
