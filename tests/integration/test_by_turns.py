"""Sessions by turns, where a server has too few connections for all entrants: each has its own only while it works."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random
from time import sleep

import laboratory
import psycopg
import pytest

from schemabench import Call, Workload, Writer
from schemabench.errors import ServerError, UsageError
from schemabench.experiment import Plan, filling, measure, replanning
from schemabench.experiment.burst import make
from schemabench.experiment.copies import Copies
from schemabench.experiment.feed import Feed
from schemabench.experiment.replanning import PLANNED
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.shifts import LEAD_IN
from schemabench.load import Session
from schemabench.progress import Silence
from schemabench.records import Experiment
from schemabench.server import Server, several
from schemabench.workers.follower import follow
from schemabench.workers.leader import lead
from schemabench.workers.link import Link
from schemabench.workers.seat import Seat

BASELINE = "CREATE TABLE item (key integer PRIMARY KEY, value bigint NOT NULL);\n"
FAILING = (
    BASELINE
    + """\
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.value > 1 THEN RAISE EXCEPTION 'no more'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION fail();
"""
)
SETTING = FAILING.replace("IF NEW.value > 1 THEN RAISE EXCEPTION 'no more'; END IF;", "SET work_mem = '9MB';")
"""Its sessions differ in a setting as soon as they have executed something."""
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


class Told(Silence):
    """Remembers the stages."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stage(self, _plan: object, text: str) -> None:
        """Note a stage."""
        self.told.append(text)


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
    texts = {"baseline": BASELINE, "a": BASELINE, "b": SETTING}
    found = laboratory.installable(plan.found.path.parent / "setting", texts)
    record = measure(replace(plan, candidates=found), full, watched)

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
    changed = {one.name: [(own.name, own.value) for own in one.settings] for one in record.candidates}
    assert changed == {"baseline": [], "a": [], "b": [("work_mem", "9MB")]}, "by what it executed"


def test_a_server_with_enough_connections_keeps_all_sessions(plan: Plan, server: Server) -> None:
    record = measure(replace(plan, budget_s=0.5), server, Silence())

    assert "sessions-by-turns" not in {one.code for one in record.notices}
    assert record.lead_in == 0


def test_new_copies_are_made_of_databases_whose_sessions_are_closed(
    plan: Plan, full: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Copies, "due", lambda _, measured, __: measured.executed == 2)  # before the first that counts
    record = measure(replace(plan, budget_s=1.0), full, Silence())

    assert record.copies == 2
    assert not [one for one in record.candidates if one.status != "ranked"]


@pytest.fixture
def worked(plan: Plan, server: Server) -> Iterator[Sessions]:
    """Return sessions by turns that have executed some bursts."""
    template = filling.build(plan.candidates[0], plan.found.operations, server, (), "", parts=plan.parts)
    bursts = [make(Feed(plan.found, plan.values, 1, {}), plan.writers, number, 1) for number in range(2)]
    sessions = Sessions(template, template.databases, plan.connections, by_turns=True)
    try:
        with closing(sessions):
            assert not sessions.pids
            sessions.wake()
            for one in bursts:
                sessions.execute(one, Random(1))  # noqa: S311 (reproducible)
            yield sessions
    finally:
        several.drop(server, template.databases)


def test_a_new_session_has_planned_as_much_as_the_one_before(worked: Sessions) -> None:
    before, had, pids = _planned(worked), _rows(worked), worked.pids
    worked.rest()
    worked.wake()

    assert not set(worked.pids) & set(pids)
    assert _planned(worked) == before
    assert _rows(worked) == had, "nothing was executed"
    assert len(before) == CLIENTS
    assert all(one == {"put": (5, True), "look": (5, True)} for one in before)


def test_one_session_that_has_planned_every_operation_does_where_no_burst_is_executed(worked: Sessions) -> None:
    before = _planned(worked)
    worked.rest()
    worked.wake(few=True)

    assert _planned(worked) == before[:1]
    worked.rest()
    worked.wake()
    assert _planned(worked) == before, "all know what they had planned"


def test_one_session_does_where_nothing_was_executed_either(plan: Plan, server: Server) -> None:
    template = filling.build(plan.candidates[0], plan.found.operations, server, (), "", parts=plan.parts)
    try:
        with closing(Sessions(template, template.databases, plan.connections, by_turns=True)) as sessions:
            sessions.wake(few=True)
            assert len(sessions.pids) == 1
    finally:
        several.drop(server, template.databases)


def test_a_budget_that_opening_sessions_exceeds_is_refused_before_a_second_candidate_is_built(
    plan: Plan, full: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, before = Sessions.wake, _databases(full)

    def slow(self: Sessions, *, few: bool = False) -> None:
        sleep(1.0)
        real(self, few=few)

    monkeypatch.setattr(Sessions, "wake", slow)
    progress = Told()
    with pytest.raises(UsageError, match=r"A budget of 2\.00 s is too short for 4 entrants with 4 sessions each"):
        measure(plan, full, progress)

    assert [text for text in progress.told if "building" in text] == ["building baseline"]
    assert _databases(full) == before, "nothing is left"


def test_a_new_session_plans_for_values_where_generic_plans_do_not_suit(worked: Sessions, server: Server) -> None:
    worked.rest()
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        for one in worked._databases:
            connection.execute(f'ALTER DATABASE "{one.name}" SET plan_cache_mode = force_custom_plan')
    worked.wake()

    assert all(one == {"put": (PLANNED, False), "look": (PLANNED, False)} for one in _planned(worked))


def test_a_session_that_is_lost_while_it_is_opened_again_is_an_error_of_the_server(
    worked: Sessions, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = replanning._done

    def ended(some: Sequence[Session], deadline_s: float) -> bool:
        with psycopg.connect(server.conninfo) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", [some[0].connection.backend_pid])
        return done(some, deadline_s)

    worked.rest()
    monkeypatch.setattr(replanning, "_done", ended)
    with pytest.raises(ServerError, match=r"terminating connection|closed the connection"):
        worked.wake()
    assert not worked.pids
    monkeypatch.undo()
    worked.wake()
    assert len(worked.pids) == CLIENTS


@pytest.mark.parametrize(
    "place", ["load.session._set_up", "experiment.prepared.Prepared.documents", "experiment.replanning._done"]
)
def test_an_interruption_while_sessions_are_opened_again_leaves_none_open(
    worked: Sessions, server: Server, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    worked.rest()
    monkeypatch.setattr(f"schemabench.{place}", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        worked.wake()

    assert _left(server) == 0
    assert caught, "what it holds lives until here"


def _databases(server: Server) -> list[str]:
    with psycopg.connect(server.conninfo) as connection:
        return [name for (name,) in connection.execute("SELECT datname FROM pg_database ORDER BY datname")]


def _left(server: Server) -> int:
    """Return the sessions in the databases of candidates, once what is closed is gone."""
    left = 0
    for _ in range(50):
        with psycopg.connect(server.conninfo) as connection:
            row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE %s", ["%baseline%"])
            (left,) = row.fetchone() or (0,)
        if not left:
            break
        sleep(0.02)
    return left


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
    watched = Watched(full)
    record = _by_two(replace(plan, adequacy_s=0.0), full, watched)

    assert {one.status for one in record.candidates} == {"ranked"}
    assert max(watched.open) < CLIENTS
    assert all(len(trial.busy_shares) == 2 for one in record.candidates for trial in one.trials)
    for candidate in record.candidates:
        counted = sum(trial.operations for trial in candidate.trials if not trial.warmup)
        assert sum(one.count for one in candidate.latencies) == counted, "those of both workers"


def test_a_candidate_that_fails_leaves_and_the_others_go_on(plan: Plan, full: Server) -> None:
    texts = {"baseline": BASELINE, "a": BASELINE, "b": FAILING}
    found = laboratory.installable(plan.found.path.parent / "failing", texts)
    record = _by_two(replace(plan, candidates=found), full, Silence())

    assert {one.name: one.status for one in record.candidates} == {"baseline": "ranked", "a": "ranked", "b": "failed"}


def _by_two(plan: Plan, full: Server, progress: Silence) -> Experiment:
    """Return an experiment of two workers."""
    database = full.create("link")
    names = ("gw0", "gw1")
    seats = [Seat(number=number, names=names, run_id="test", folder="/nowhere") for number in range(2)]
    conninfo = full.conninfo_for(database.name)
    try:
        with (
            closing(Link(conninfo, "test", 0)) as first,
            closing(Link(conninfo, "test", 1)) as second,
            ThreadPoolExecutor(1) as pool,
        ):
            following: Future[None] = pool.submit(lambda: follow(plan, second, seats[1]))
            with lead(plan, first, seats[0]) as team:
                record = measure(plan, full, progress, team)
            following.result()
    finally:
        full.drop(database)
    return record
