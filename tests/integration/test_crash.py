"""What committed rows outlive a crash of the server, and that a schema's unlogged tables are named."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

import mutants
import psycopg
import pytest
import servers
from laboratory import Sizes, found, installable

from schemabench import Call, Workload, Writer
from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.equivalence import unlogged
from schemabench.equivalence.counterexample import Disagreement, script
from schemabench.experiment import Plan, measure
from schemabench.progress import Silence
from schemabench.server import Server
from schemabench.server.dsn import Conninfo
from schemabench.workload import Parts

RECOVERY_LIMIT_S = 60.0
DAY = date(2026, 2, 16)
CALLS = (
    Call("upsert_media_count", {"utc_date": DAY, "site_id": "mlw_000", "media_count": 3}),
    *(
        Call(
            "insert_cdn",
            {"batch_id": n, "utc_date": DAY, "site_ids": ["mlw_000"], "cdns": ["a"], "bytes_streamed": [n]},
        )
        for n in (1, 2)
    ),
    Call("compact_cdn", {"first_batch": 1, "through_batch": 1}),
)
"""One row for good, one that is compacted, one that is not."""


@pytest.fixture
def mortal() -> Iterator[Server]:
    """Start a server that may crash."""
    with servers.serving("embedded", settings={}, clients=4, run_id="mortal") as server:
        yield server


def _written(one: Candidate, server: Server) -> tuple[Conninfo | str, tuple[str, ...]]:
    """Install a candidate and execute the calls; return where, and what of it is unlogged."""
    conninfo = server.conninfo_for(server.create(one.name).name)
    operations = candidates.operations(one, mutants.found("usage").operations)
    requests = tuple((call,) for call in CALLS)
    calls = script(Disagreement(requests=requests, query="", expected=None, found=()), operations, Parts())
    with psycopg.connect(conninfo, autocommit=True) as connection:
        candidates.install(one, connection)
        connection.execute(calls.encode())
        return conninfo, unlogged(connection)


def _crash(server: Server) -> None:
    """Kill a process that serves a connection: the server restarts, as after any crash. Wait until it has."""
    deadline_s = time.monotonic() + RECOVERY_LIMIT_S
    with psycopg.connect(server.conninfo) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        while not victim.closed:
            assert time.monotonic() < deadline_s, "the server does not notice"
            with suppress(psycopg.OperationalError):
                victim.execute("SELECT 1")
    while time.monotonic() < deadline_s:
        try:
            psycopg.connect(server.conninfo).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server does not come back")


def _states(one: Candidate, conninfo: str) -> list[list[tuple[object, ...]]]:
    operations = candidates.operations(one, mutants.found("usage").operations)
    queries = [operations[name].statements[0].text.sql for name in ("state_media", "state_cdn")]
    with psycopg.connect(conninfo) as connection:
        return [connection.execute(query.encode()).fetchall() for query in queries]


def test_a_crash_takes_the_rows_of_unlogged_tables_and_no_others(mortal: Server) -> None:
    shipped = mutants.shipped("usage")
    entrants = [shipped["baseline"], shipped["unlogged_batches"], mutants.mutant("usage", mutants.CRASHING)]
    written = [_written(one, mortal) for one in entrants]
    before = [_states(one, conninfo) for one, (conninfo, _) in zip(entrants, written, strict=True)]
    _crash(mortal)
    after = [_states(one, conninfo) for one, (conninfo, _) in zip(entrants, written, strict=True)]

    media, streamed = (DAY, "mlw_000", 3, 3, 0, 0), (DAY, "mlw_000", "a")
    assert before == [[[media], [(*streamed, 3)]]] * 3
    assert after == [
        [[media], [(*streamed, 3)]],
        [[media], [(*streamed, 1)]],
        [[], [(*streamed, 2)]],
    ]
    assert [tables for _, tables in written] == [(), ("cdn_batch", "ping_batch"), ("cdn_daily", "media_storage")]


SLEEPY = "CREATE TABLE item (key int);\n-- name: put\nSELECT pg_sleep(1);\n"


def _plan(folder: Path) -> Plan:
    workload = Workload(
        name="items",
        summary="a call that takes too long under one candidate",
        cardinalities={"typical": Sizes()},
        writers=lambda _: [Writer(name="writer", kind="stream", weight=1, clients=1)],
        burst=lambda *_: iter(lambda: Call("put", {}), None),
    )
    return Plan(
        found=found(folder, workload, "-- name: put\nINSERT INTO item VALUES (1);\n"),
        cardinality="typical",
        candidates=installable(folder / "schemas", {"baseline": "CREATE TABLE item (key int);\n", "sleepy": SLEEPY}),
        clients=1,
        budget_s=0.1,
        precision=0.5,
        seed=1,
        burst=10,
        call_timeout_s=0.2,
    )


def test_a_crash_in_one_experiment_is_no_reason_for_what_fails_in_the_next(mortal: Server, tmp_path: Path) -> None:
    _crash(mortal)
    assert "was terminated by signal" in (mortal.failure() or "")

    experiment = measure(_plan(tmp_path), mortal, Silence())

    (sleepy,) = [one for one in experiment.candidates if one.name == "sleepy"]
    assert sleepy.status == "failed"
    assert "was terminated by signal" not in sleepy.reason
    assert mortal.failure() is None
