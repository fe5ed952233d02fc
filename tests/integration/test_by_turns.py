"""Sessions by turns, where a server has too few connections for all entrants: each has its own only while it works."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import laboratory
import psycopg
import pytest

from schemabench import Call, Workload, Writer
from schemabench.errors import ServerError
from schemabench.experiment import Plan, filling, measure
from schemabench.experiment.burst import make
from schemabench.experiment.copies import Copies
from schemabench.experiment.feed import Feed
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.shifts import LEAD_IN
from schemabench.progress import Silence
from schemabench.records import Experiment
from schemabench.server import Server, several
from schemabench.workers.follower import follow
from schemabench.workers.leader import lead
from schemabench.workers.link import Link
from schemabench.workers.seat import Seat

BASELINE = "CREATE TABLE item (key integer PRIMARY KEY, value bigint NOT NULL);\n"
OPERATIONS = """\
-- name: put
INSERT INTO item VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
-- name: look
SELECT value FROM item WHERE key = :key;
-- name: items
SELECT key, value FROM item ORDER BY key;
"""
CLIENTS = 4
ENTRANTS = 4
"""With one session each that reads counters."""
CALLS = 12
"""Of each client in the smallest burst: more than a session plans for their values."""


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""

    keys: int = 50


def burst(sizes: Sizes, _writer: str, block: int, _: Random) -> Iterator[Call]:
    """Yield puts and looks, each key over one connection."""
    for number in count():
        key = number % sizes.keys
        yield Call("put", {"key": key, "value": block}, key=str(key))
        yield Call("look", {"key": key}, rows=0, key=str(key))


WORKLOAD = Workload(
    name="turns",
    summary="a stream",
    cardinalities={"typical": Sizes()},
    writers=lambda _: (Writer(name="stream", kind="stream", weight=2 * CALLS * CLIENTS),),
    burst=burst,
    state=("items",),
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return an experiment of three equal candidates and a few blocks."""
    (tmp_path / "__init__.py").touch()
    return Plan(
        found=laboratory.found(tmp_path, WORKLOAD, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(tmp_path / "schemas", {"baseline": BASELINE, "a": BASELINE, "b": BASELINE}),
        clients=CLIENTS,
        budget_s=2.0,
        precision=1e-6,
        seed=1,
        sample_hz=200.0,
    )


@pytest.fixture
def full(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server with connections for the clients of one entrant at a time."""
    monkeypatch.setattr(server, "connections", CLIENTS)
    return server


class Watched(Silence):
    """Counts the writers' sessions in the databases of entrants at the end of each block."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.open: list[int] = []

    def block(self, *_: object, **__: object) -> None:
        """Count."""
        with psycopg.connect(self._server.conninfo) as connection:
            row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE '%turns%'").fetchone()
        assert row is not None
        self.open.append(row[0] - ENTRANTS)


def test_only_who_works_has_sessions_and_everything_is_measured_as_always(plan: Plan, full: Server) -> None:
    watched = Watched(full)
    record = measure(plan, full, watched)

    assert {one.name: one.status for one in record.candidates} == dict.fromkeys(("baseline", "a", "b"), "ranked")
    assert max(watched.open) < CLIENTS, "those of the last one are closed, or just being closed"
    assert [one.code for one in record.notices].count("sessions-by-turns") == 1
    assert record.lead_in == LEAD_IN
    trials = [trial for one in record.candidates for trial in one.trials]
    assert sum(trial.looks for trial in trials) > 0
    assert all(trial.counters["cpu_s"] >= 0 for trial in trials)
    assert sum(trial.counters["cpu_s"] for trial in trials) > 0
    assert all(one.plans for one in record.candidates), "the writers' own sessions are open again for them"
    assert record.settings


def test_a_server_with_enough_connections_keeps_all_sessions(plan: Plan, server: Server) -> None:
    record = measure(replace(plan, budget_s=0.5), server, Silence())

    assert "sessions-by-turns" not in {one.code for one in record.notices}
    assert record.lead_in == 0


def test_new_copies_are_made_of_databases_whose_sessions_are_closed(
    plan: Plan, full: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Copies, "due", lambda _, measured, __: measured.executed % 3 == 0)  # the first does not count
    record = measure(replace(plan, budget_s=1.0), full, Silence())

    assert record.copies > 1
    assert not [one for one in record.candidates if one.status != "ranked"]


def test_a_new_session_has_planned_as_much_as_the_one_before(plan: Plan, server: Server) -> None:
    template = filling.build(plan.candidates[0], plan.found.operations, server, (), "", parts=plan.parts)
    bursts = [make(Feed(plan.found, plan.values, 1, {}), plan.writers, number, 1) for number in range(2)]
    sessions = Sessions(template, template.databases, plan.connections, by_turns=True)
    try:
        with closing(sessions):
            assert not sessions.pids
            sessions.wake()
            for one in bursts:
                sessions.execute(one, Random(1))  # noqa: S311 (reproducible)
            before, had = _planned(sessions), _rows(sessions)
            sessions.rest()
            sessions.wake()
            assert _planned(sessions) == before
            assert _rows(sessions) == had, "nothing was executed"
    finally:
        several.drop(server, template.databases)

    assert len(before) == CLIENTS
    assert all(one == {"put": (5, True), "look": (5, True)} for one in before)


def _planned(sessions: Sessions) -> list[dict[str, tuple[int, bool]]]:
    """Return of each session: operation -> its custom plans, and whether it has a generic one."""
    query = "SELECT statement, custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE '/*%'"
    found = []
    for session, _ in sessions:
        rows = session.query(query)
        cells = [[(rows.get_value(row, column) or b"").decode() for column in range(3)] for row in range(rows.ntuples)]
        found.append({text.split()[1]: (int(custom), int(generic) > 0) for text, custom, generic in cells})
    return found


def _rows(sessions: Sessions) -> bytes | None:
    session, _ = next(iter(sessions))
    return session.query("SELECT string_agg(item::text || xmin, ',' ORDER BY key) FROM item").get_value(0, 0)


def test_connections_that_run_out_end_the_experiment_as_always(
    plan: Plan, full: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Sessions.rest

    def rest(self: Sessions) -> None:
        real(self)
        with psycopg.connect(full.conninfo, autocommit=True) as connection:
            for one in self._databases:
                connection.execute(f'ALTER DATABASE "{one.name}" ALLOW_CONNECTIONS false')

    monkeypatch.setattr("schemabench.experiment.sessions._LEAVE_S", 0.2)
    monkeypatch.setattr(Sessions, "rest", rest)
    with pytest.raises(ServerError, match="not currently accepting connections"):
        measure(plan, full, Silence())


def test_all_workers_open_and_close_sessions_together(plan: Plan, full: Server) -> None:
    database = full.create("link")
    names = ("gw0", "gw1")
    seats = [Seat(number=number, names=names, run_id="test", folder="/nowhere") for number in range(2)]
    conninfo = full.conninfo_for(database.name)
    watched = Watched(full)
    try:
        with (
            closing(Link(conninfo, "test", 0)) as first,
            closing(Link(conninfo, "test", 1)) as second,
            ThreadPoolExecutor(1) as pool,
        ):
            following: Future[None] = pool.submit(lambda: follow(plan, second, seats[1]))
            with lead(plan, first, seats[0]) as team:
                record: Experiment = measure(replace(plan, adequacy_s=0.0), full, watched, team)
            following.result()
    finally:
        full.drop(database)

    assert {one.status for one in record.candidates} == {"ranked"}
    assert max(watched.open) < CLIENTS
    assert all(len(trial.busy_shares) == 2 for one in record.candidates for trial in one.trials)
    assert all({one.calls for one in candidate.latencies} for candidate in record.candidates)
