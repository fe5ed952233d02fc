"""Noise beside an experiment, on real servers: what is told of it, and what an experiment is worth without it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import laboratory
import msgspec
import programs
import psutil
import psycopg
import pytest
import servers

from schemabench import Call, Workload, Writer, report
from schemabench.errors import Interrupted, ServerError
from schemabench.experiment import Noise, Plan, measure, with_tenants
from schemabench.noise import datamodel, making, mapping, populating
from schemabench.noise.model import Model
from schemabench.noise.process import Process, Request
from schemabench.noise.running import MOST_PER_S, pace
from schemabench.noise.town import SCHEMA_NAME, SESSION_NAME, entered
from schemabench.records import PROCESSOR, READS, WAL, Run
from schemabench.server import Server
from schemabench.server.dsn import Conninfo

SILENCE: Any = SimpleNamespace(stage=lambda *_: None, block=lambda *_: None)
SCHEMA = "CREATE TABLE note (id int, owner bigint);\n"
OPERATIONS = """\
-- name: add
INSERT INTO note VALUES (:id::int, 0);
-- name: load
INSERT INTO note SELECT 0, unnest(:owners::bigint[]);
-- name: rows
SELECT owner, count(*) FROM note GROUP BY owner ORDER BY owner;
"""
BOUND_S = 30.0
"""What a test waits for comes long before."""


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""


def _burst(_: Sizes, __: str, block: int, ___: Random) -> Iterator[Call]:
    return (Call("add", {"id": block * 100_000 + number}) for number in count())


def _tenants(_: Sizes, organisations: Sequence[Any], __: Random) -> Iterator[Call]:
    yield Call("load", {"owners": [one.id for one in organisations]}, rows=len(organisations))


NOTES = Workload(
    name="notes",
    summary="notes",
    cardinalities={"typical": Sizes()},
    writers=lambda _: (Writer(name="stream", kind="stream", weight=20),),
    burst=_burst,
    state=("rows",),
)


@pytest.fixture(scope="module", params=[pytest.param("15", marks=pytest.mark.thorough), "18"])
def small(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server: of 18, which counts WAL by session, and of 15, which does not."""
    with servers.serving(str(request.param), settings={}, clients=80, run_id="noisy") as server:
        yield server


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a small model, some of whose jobs run."""
    return making.make(datamodel.load(None, sample=True), seed=7, organisations=4)


def _plan(place: Path, model: Model, *, speed: float, budget_s: float = 3.0, workload: Workload[Any] = NOTES) -> Plan:
    noise = Noise(path=place / "noise.json", model=model, speed=speed)
    return Plan(
        found=with_tenants(laboratory.found(place, workload, OPERATIONS), noise),
        noise=noise,
        cardinality="typical",
        candidates=laboratory.installable(place / "schemas", dict.fromkeys(("baseline", "a"), SCHEMA)),
        clients=2,
        budget_s=budget_s,
        precision=1e-9,
        seed=1,
        sample_hz=100.0,
    )


def _sessions(server: Server) -> list[int]:
    """Return the process ids of the sessions of ghost jobs."""
    with psycopg.connect(server.conninfo) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
        return [pid for (pid,) in connection.execute(query, [SESSION_NAME])]


def _copies(server: Server) -> list[str]:
    return [one.name for one in server.databases if "noise_copy" in one.name]


def test_the_record_says_what_the_jobs_did_and_took(small: Server, model: Model, tmp_path: Path) -> None:
    plan = _plan(tmp_path, model, speed=200)

    experiment = measure(plan, small, SILENCE)

    noise = experiment.noise
    assert noise is not None
    assert noise.organisations == len(model.organisations)
    assert noise.pace_per_s == pytest.approx(pace(model, 200))
    due = sum(one.due for one in noise.runs)
    assert due >= 0.5 * noise.pace_per_s * noise.lasted_s > 1
    assert due >= sum(one.begun for one in noise.runs) >= sum(one.done for one in noise.runs) > 0
    assert not any(one.failed for one in noise.runs)
    assert 0 < noise.shares[PROCESSOR] < 1
    if "18" in str(small.record.version)[:2]:
        assert 0 < noise.shares[WAL] < 1
    else:
        assert "before version 18" in noise.missing[WAL]
    assert "noise-in-totals" in {notice.code for notice in experiment.notices}
    assert not _sessions(small), "the jobs have ended"
    assert not _copies(small), "their database is gone"


def test_the_report_names_the_noise(small: Server, model: Model, tmp_path: Path) -> None:
    experiment = measure(_plan(tmp_path, model, speed=200, budget_s=1.0), small, SILENCE)
    run = Run(
        run_id="a",
        started="2026-01-01",
        version="1",
        command="",
        machine={},
        options=(),
        server=small.record,
        experiments=(experiment,),
    )

    text = report.terminal(run, 80)

    assert "beside noise of 4 organisations" in " ".join(text.split())
    assert "jobs" in text
    assert "longest wait" in text


def test_every_experiment_begins_with_the_same_rows(small: Server, model: Model, tmp_path: Path) -> None:
    counted = []

    for number in range(2):
        (tmp_path / str(number)).mkdir()
        measure(_plan(tmp_path / str(number), model, speed=500, budget_s=0.5), small, SILENCE)
        (kept,) = [one for one in small.databases if one.label == "noise"]
        with psycopg.connect(small.conninfo_for(kept.name)) as connection:
            row = connection.execute("SELECT sum(runs) FROM ghost.jobs").fetchone()
            counted.append(row)

    assert counted[0] == counted[1] == (sum(job.history for one in model.organisations for job in one.jobs),)


def test_tenants_live_in_the_candidates_own_tables_where_the_workload_has_a_place_for_them(
    small: Server, model: Model, tmp_path: Path
) -> None:
    seen: list[Any] = []

    class Looking(SimpleNamespace):
        def stage(self, _: object, text: str, *__: object) -> None:
            if text == "comparing states":
                (own,) = [one for one in small.databases if one.label == "notes_typical_a"]
                with psycopg.connect(small.conninfo_for(own.name)) as connection:
                    seen.append(connection.execute("SELECT count(*) FROM note WHERE owner > 0").fetchone())

    progress: Any = Looking(block=lambda *_: None)
    plan = _plan(tmp_path, model, speed=1, budget_s=0.5, workload=replace(NOTES, tenants=_tenants))

    experiment = measure(plan, small, progress)

    assert seen == [(len(model.organisations),)]
    assert experiment.noise is not None
    assert experiment.noise.tenants
    assert all(one.status == "ranked" for one in experiment.candidates)


def _kill_when_at_work(number: signal.Signals, killed: list[int]) -> None:
    """Send a signal to the process of the noise, once its experiment is at work."""
    until_s = time.monotonic() + BOUND_S
    while not killed and time.monotonic() < until_s:
        for child in psutil.Process().children():
            if "schemabench.noise" in " ".join(child.cmdline()) and child.net_connections():
                time.sleep(0.7)
                child.send_signal(number)
                killed.append(child.pid)
                break
        time.sleep(0.02)


def test_an_experiment_whose_noise_is_killed_has_no_result(small: Server, model: Model, tmp_path: Path) -> None:
    killed: list[int] = []
    killer = threading.Thread(target=_kill_when_at_work, args=[signal.SIGKILL, killed])
    killer.start()
    try:
        with pytest.raises(
            ServerError, match=r"The process of the noise ended: it was ended by SIGKILL, in .*block"
        ) as told:
            measure(_plan(tmp_path, model, speed=50, budget_s=20.0), small, SILENCE)
    finally:
        killer.join(BOUND_S)

    assert "has no result" in str(told.value)
    assert not _copies(small)


def test_an_experiment_whose_noise_falls_behind_has_no_result(small: Server, model: Model, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"The noise fell behind, in .*block .*: [\d,]+ of [\d,]+ runs") as told:
        measure(_plan(tmp_path, model, speed=MOST_PER_S / pace(model, 1), budget_s=60.0), small, SILENCE)

    assert "--noise-speed" in str(told.value)
    assert not _sessions(small)
    assert not _copies(small)


def test_an_experiment_whose_noise_fails_has_no_result(small: Server, model: Model, tmp_path: Path) -> None:
    class Breaking(SimpleNamespace):
        def block(self, *_: object) -> None:
            (own,) = _copies(small)
            with psycopg.connect(small.conninfo_for(own)) as connection:
                connection.execute("ALTER TABLE IF EXISTS ghost.runs RENAME TO gone")

    progress: Any = Breaking(stage=lambda *_: None)
    with pytest.raises(ServerError, match=r"The noise failed, in .*block .*: [\d,]+ of [\d,]+ runs, .* failed"):
        measure(_plan(tmp_path, model, speed=1_000, budget_s=20.0), small, progress)

    assert not _copies(small)


@pytest.mark.parametrize(
    "number", [pytest.param(0, id="alive"), pytest.param(signal.SIGKILL, id="killed", marks=pytest.mark.thorough)]
)
def test_interrupted_experiment_has_the_shares_of_its_noise_or_says_why_not(
    small: Server, model: Model, tmp_path: Path, number: int
) -> None:
    class Interrupting(SimpleNamespace):
        def block(self, _: object, done: int, *__: object) -> None:
            if done == 10:  # processor time is counted in ticks of 10 ms
                for child in psutil.Process().children():
                    if number and "schemabench.noise" in " ".join(child.cmdline()):
                        child.send_signal(number)
                raise KeyboardInterrupt

    progress: Any = Interrupting(stage=lambda *_: None)
    with pytest.raises(Interrupted) as caught:
        measure(_plan(tmp_path, model, speed=50, budget_s=20.0), small, progress)

    noise = caught.value.known.noise
    assert sum(one.due for one in noise.runs) > 0
    if number:
        assert set(noise.missing) == {WAL, READS, PROCESSOR}
        assert noise.missing[WAL] == "The process of the noise ended: it was ended by SIGKILL"
    else:
        assert 0 < noise.shares[PROCESSOR] < 1
        assert PROCESSOR not in noise.missing
    assert not _copies(small)


def test_signals_to_the_jobs_are_for_the_process_that_measures(small: Server, model: Model, tmp_path: Path) -> None:
    sent: list[int] = []
    sender = threading.Thread(target=_kill_when_at_work, args=[signal.SIGTERM, sent])
    sender.start()

    experiment = measure(_plan(tmp_path, model, speed=50), small, SILENCE)

    sender.join(BOUND_S)
    assert sent
    assert experiment.noise is not None
    assert experiment.noise.lasted_s > 0


@pytest.fixture
def town(small: Server, model: Model) -> Iterator[Conninfo]:
    """Make a ghost town in a database of its own."""
    database = small.create("town")
    conninfo = Conninfo(small.conninfo_for(database.name))
    with entered(conninfo, SCHEMA_NAME, "Populating") as own:
        populating.populate(own, model, mapping.NONE, lambda *_: None)
    yield conninfo
    small.drop(database)


def test_the_jobs_end_when_the_process_that_measures_is_killed(
    small: Server, town: Conninfo, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "request").write_bytes(msgspec.json.encode([str(town), msgspec.to_builtins(model)]))
    measuring = """
import os, pathlib, sys, time, msgspec
from schemabench.noise.model import Model
from schemabench.noise.process import Process, Request
from schemabench.server.dsn import Conninfo
conninfo, model = msgspec.json.decode(pathlib.Path(sys.argv[1]).read_bytes(), type=tuple[str, Model])
process = Process(Conninfo(conninfo), "ghost", model, 50.0)
print(os.getpid(), *process.first.pids, flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", measuring, tmp_path / "request"]
    with programs.start(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        own, *pids = (int(word) for word in parent.stdout.readline().split())
        assert {*pids} <= {*_sessions(small)}
        os.kill(own, signal.SIGKILL)
        until_s = time.monotonic() + BOUND_S
        while {*pids} & {*_sessions(small)}:
            assert time.monotonic() < until_s, "the jobs outlive their parent"
            time.sleep(0.05)


def test_the_jobs_end_when_nobody_reads_their_answer(town: Conninfo, model: Model) -> None:
    request = Request(conninfo=str(town), schema=SCHEMA_NAME, model=model, speed=50.0)
    command = [sys.executable, "-m", "schemabench.noise"]
    with programs.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(request) + b"\n\n")
        child.stdin.flush()
        assert child.stdout.readline(), "the jobs have begun"
        os.kill(child.pid, signal.SIGSTOP)
        child.stdin.write(b"\n")
        child.stdin.close()
        child.stdout.close()
        os.kill(child.pid, signal.SIGCONT)

        assert child.wait(BOUND_S) == 0


def test_a_town_that_is_not_there_is_told_by_the_runs_that_fail(small: Server, town: Conninfo, model: Model) -> None:
    with closing(Process(town, "another", model, 5_000.0)) as process:
        until_s = time.monotonic() + BOUND_S
        while not (failed := sum(one.failed for one in process.status().counts.values())):
            assert time.monotonic() < until_s
            time.sleep(0.05)

    assert failed
    assert not _sessions(small)
