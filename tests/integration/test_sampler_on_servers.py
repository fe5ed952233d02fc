"""The sampler on a real server: who is seen waiting, on what, for whom, and how often it looks."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from random import Random
from time import monotonic, sleep
from typing import TypeVar

import psycopg
import pytest
import servers
from psycopg.pq import ExecStatus

from schemabench.load import Drive, Limits, LostConnectionError, Session, StatementFailedError, Step, Talk, drive
from schemabench.monitor import relations
from schemabench.monitor.attribution import Tally
from schemabench.monitor.sample import Lock, Samples, Seen
from schemabench.monitor.sampler import Sampler, mark
from schemabench.records import Contention
from schemabench.server import Database, Server, binaries
from schemabench.server.offer import TESTED_MAJORS
from schemabench.units import NANOSECONDS

HZ = 100.0
HELD_S = 0.3
"""How long the writer that holds a lock keeps it at least while the others wait."""
ENOUGH = 10
"""How many looks it keeps it for at least: on a machine that does other things, they come when they come."""
PATIENCE_S = 15.0
"""After so long it lets go whatever was seen, so that the test fails and does not hang."""
SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, n int DEFAULT 0);
CREATE INDEX item_n ON item (n);
INSERT INTO item VALUES (1, 0);
CREATE TABLE parted (id int PRIMARY KEY, n int DEFAULT 0) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1, 11);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2, 12);
INSERT INTO parted VALUES (1, 0), (2, 0);
CREATE TABLE wide (body text) PARTITION BY RANGE (body);
CREATE TABLE wide_1 PARTITION OF wide DEFAULT;
ALTER TABLE wide_1 ALTER body SET STORAGE EXTERNAL;
CREATE TABLE long (body text);
ALTER TABLE long ALTER body SET STORAGE EXTERNAL;
CREATE VIEW seen AS SELECT * FROM item;
CREATE MATERIALIZED VIEW top AS SELECT * FROM item;
CREATE FUNCTION spin(seconds float) RETURNS void LANGUAGE plpgsql AS $$
DECLARE began timestamptz := clock_timestamp();
BEGIN
    WHILE clock_timestamp() < began + seconds * interval '1 s' LOOP END LOOP;
END $$;
CREATE TABLE released ();
CREATE FUNCTION rest() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM released) LOOP PERFORM pg_sleep(0.005); END LOOP;
END $$;
"""

REINDEX_TOAST = """
DO $$ BEGIN
    EXECUTE format('REINDEX TABLE %s', (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = '{}'::regclass));
END $$
"""

Value = TypeVar("Value")
Call = tuple[Session, str, list[Step]]
"""The session that executes it, its operation, and its steps."""


class Writer:
    """A session that has one operation, prepared step by step as an experiment does."""

    def __init__(self, conninfo: str, operation: str, *statements: str) -> None:
        self.session = Session.open(conninfo)
        self.operation = operation
        self.pid = self.session.connection.backend_pid
        labelled = {"begin": "BEGIN", **{str(place): sql for place, sql in enumerate(statements)}, "commit": "COMMIT"}
        labelled["rest"] = "SELECT rest()"
        for label, sql in labelled.items():
            assert self.session.prepare(self._name(label), mark(operation) + sql).status == ExecStatus.COMMAND_OK

    def call(self, *labels: str) -> Call:
        """Return a call that executes some of the steps."""
        return self.session, self.operation, [(self._name(label), ()) for label in labels]

    def do(self, *labels: str) -> None:
        """Execute some of the steps while nobody watches."""
        _drive(self.call(*labels))

    def _name(self, label: str) -> bytes:
        return f"{self.operation}_{label}".encode()


class Stage:
    """A database with a sampler, and the writers in it."""

    def __init__(self, conninfo: str, sampler: Sampler, admin: psycopg.Connection) -> None:
        self.conninfo = conninfo
        self.sampler = sampler
        self.admin = admin
        self.writers: list[Writer] = []

    def writer(self, operation: str, *statements: str) -> Writer:
        """Open a writer that is watched."""
        self.writers.append(Writer(self.conninfo, operation, *statements))
        return self.writers[-1]

    def watch(self, *calls: Call) -> tuple[Drive, Samples]:
        """Execute calls and return what was seen of all writers meanwhile."""
        pids, tables = [writer.pid for writer in self.writers], relations.read(self.admin).tables
        done = _drive(*calls, watch=self.sampler.watch(pids, Random(1)))  # noqa: S311 (reproducible)
        return done, self.sampler.taken(tables)  # at once: looks that fall due until then are lost

    def rested(self, *calls: Call, until: Callable[[], object]) -> tuple[Drive, Samples]:
        """Return what was seen while calls were executed, some of which rest until another thread is done."""

        def release() -> None:
            try:
                until()
            finally:
                self.admin.execute("INSERT INTO released DEFAULT VALUES")

        other = threading.Thread(target=release)
        other.start()
        try:
            return self.watch(*calls)
        finally:
            other.join()
            self.admin.execute("TRUNCATE released")

    def held(self, holder: Writer, *waiters: Writer) -> Samples:
        """Have a writer keep the transaction that it has open, and others execute their one statement meanwhile."""
        _, samples = self.held_by(holder, *(waiter.call("0") for waiter in waiters))
        return samples

    def held_by(self, holder: Writer, *calls: Call) -> tuple[Drive, Samples]:
        """Have a writer keep the transaction that it has open until others were often seen to wait for it."""
        waiting = [session.connection.backend_pid for session, _, _ in calls]

        def until_seen() -> None:
            self.until(lambda: self._blocked(waiting))
            self.until_looked(ENOUGH)

        return self.rested(holder.call("rest", "commit"), *calls, until=until_seen)

    def until_looked(self, count: int) -> None:
        """Wait until the sampler has looked so often, and `HELD_S` have gone by."""
        wanted = len(self.sampler._answers) + count
        sleep(HELD_S)
        self.until(lambda: len(self.sampler._answers) >= wanted)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        patience = monotonic() + PATIENCE_S
        while not holds() and monotonic() < patience:
            sleep(0.005)

    def _blocked(self, pids: list[int]) -> bool:
        query = "SELECT count(*) = cardinality(%(pids)s::int[]) FROM pg_locks WHERE NOT granted AND pid = ANY(%(pids)s)"
        return bool(self.admin.execute(query, {"pids": pids}).fetchone()[0])

    def contention(self, samples: Samples) -> Contention:
        """Return the record of what was seen."""
        tally = Tally()
        tally.add(samples)
        contention = tally.contention(relations.read(self.admin).named)
        assert contention is not None
        return contention


def _drive(*calls: Call, watch: tuple[int, Talk] | None = None) -> Drive:
    queues = [(session, [(number, operation, steps)]) for number, (session, operation, steps) in enumerate(calls)]
    return drive(queues, calls=len(calls), limits=Limits(call_s=20.0), random=Random(1), watch=watch)  # noqa: S311 (reproducible)


@contextmanager
def _staged(server: Server, database: Database) -> Iterator[Stage]:
    conninfo = server.conninfo_for(database.name)
    with (
        closing(Sampler(server.conninfo, HZ)) as sampler,
        psycopg.connect(conninfo, autocommit=True) as admin,
    ):
        admin.execute(SCHEMA)
        stage = Stage(conninfo, sampler, admin)
        yield stage
    for writer in stage.writers:
        writer.session.close()


@pytest.fixture
def stage(server: Server, database: Database) -> Iterator[Stage]:
    with _staged(server, database) as stage:
        yield stage


def _of(samples: Samples, writer: Writer) -> list[Seen]:
    return [seen for sample in samples.taken for seen in sample.seen if seen.pid == writer.pid]


def _usual(values: Iterable[Value]) -> Value:
    """Return what was seen most often: a wait may just begin or end between two things that a look reads."""
    ((value, count),) = Counter(values).most_common(1)
    assert count >= ENOUGH / 2, "it was seen in many of the looks"
    return value


def _locks(samples: Samples, writer: Writer) -> list[Lock]:
    return [seen.lock for seen in _of(samples, writer) if seen.lock]


def _blockers(samples: Samples, writer: Writer) -> tuple[int, ...]:
    return _usual(seen.blockers for seen in _of(samples, writer) if seen.lock)


def test_a_writer_that_waits_for_a_row_is_seen_with_its_lock_and_who_holds_it(stage: Stage) -> None:
    holder = stage.writer("hold", "UPDATE item SET n = n + 1 WHERE id = 1")
    waiter = stage.writer("bump", "UPDATE item SET n = n + 1 WHERE id = 1")
    holder.do("begin", "0")
    samples = stage.held(holder, waiter)
    seen = _usual((seen.operation, seen.wait_class, seen.event) for seen in _of(samples, waiter))

    assert seen == ("bump", "Lock", "transactionid")
    assert _blockers(samples, waiter) == (holder.pid,)
    contention = stage.contention(samples)
    assert [(lock.kind, lock.mode, lock.relation, lock.partitions) for lock in contention.locks] == [
        ("transactionid", "ShareLock", "item", 0)
    ]
    assert [(pair.waiting, pair.blocking) for pair in contention.pairs] == [("bump", "hold")]


def test_a_wait_is_as_long_as_it_has_lasted(stage: Stage) -> None:
    holder = stage.writer("hold", "UPDATE item SET n = n + 1 WHERE id = 1")
    waiter = stage.writer("bump", "UPDATE item SET n = n + 1 WHERE id = 1")
    holder.do("begin", "0")
    done, samples = stage.held_by(holder, waiter.call("0"))
    waited_s = [lock.waited_s for lock in _locks(samples, waiter)]

    assert waited_s == sorted(waited_s)
    assert HELD_S / 2 < waited_s[-1] <= done.duration_ns / NANOSECONDS


def test_those_who_queue_for_one_row_wait_for_each_other(stage: Stage) -> None:
    holder, first, second = (
        stage.writer(operation, "UPDATE item SET n = n + 1 WHERE id = 1") for operation in ("hold", "first", "second")
    )
    holder.do("begin", "0")
    contention = stage.contention(stage.held(holder, first, second))

    assert {(lock.kind, lock.mode, lock.relation) for lock in contention.locks} == {
        ("transactionid", "ShareLock", "item"),
        ("tuple", "ExclusiveLock", "item"),
    }
    pairs = {(pair.waiting, pair.blocking) for pair in contention.pairs}
    assert pairs & {("first", "hold"), ("second", "hold")}
    assert pairs & {("first", "second"), ("second", "first")}


def test_the_queue_for_one_lock_is_as_deep_as_those_who_wait_for_it(stage: Stage) -> None:
    holder = stage.writer("hold", "LOCK TABLE item")
    waiters = [stage.writer("add", "INSERT INTO item VALUES (9) ON CONFLICT DO NOTHING") for _ in range(3)]
    holder.do("begin", "0")
    contention = stage.contention(stage.held(holder, *waiters))

    assert contention.deepest_queue == 3


def test_an_insertion_that_waits_for_one_of_the_same_key_is_laid_to_its_table(stage: Stage) -> None:
    holder, waiter = (
        stage.writer(operation, "INSERT INTO item VALUES (7) ON CONFLICT DO NOTHING") for operation in ("one", "other")
    )
    holder.do("begin", "0")
    samples = stage.held(holder, waiter)
    (lock,) = stage.contention(samples).locks

    assert (lock.kind, lock.mode, lock.relation) == ("transactionid", "ShareLock", "item")
    assert _blockers(samples, waiter) == (holder.pid,)


def test_rows_that_a_serializable_transaction_has_read_are_not_what_it_waits_for(stage: Stage) -> None:
    insertion = "INSERT INTO item VALUES (7) ON CONFLICT DO NOTHING"
    holder = stage.writer("hold", insertion)  # which has to see that it is released
    for setting in (
        "default_transaction_isolation = serializable",
        "enable_seqscan = off",
    ):  # locks of rows by an index
        stage.admin.execute(f'ALTER DATABASE "{stage.admin.info.dbname}" SET {setting}'.encode())
    waiter = stage.writer("both", "SELECT n FROM parted WHERE id = 1", insertion)
    holder.do("begin", "0")
    waiter.do("begin", "0")
    _, samples = stage.held_by(holder, waiter.call("1", "commit"))
    (lock,) = stage.contention(samples).locks

    assert (lock.kind, lock.relation) == ("transactionid", "item")


@pytest.mark.parametrize(
    ("statement", "relation"),
    [("UPDATE item SET n = n + 1 WHERE id = 1", "item"), ("INSERT INTO item VALUES (7) ON CONFLICT DO NOTHING", "")],
)
def test_who_writes_several_tables_waits_for_the_one_whose_row_it_queues_for_or_for_an_unknown_one(
    stage: Stage, statement: str, relation: str
) -> None:
    holder = stage.writer("hold", statement)
    waiter = stage.writer("both", "UPDATE parted SET n = n + 1 WHERE id = 1", statement)
    holder.do("begin", "0")
    waiter.do("begin", "0")
    _, samples = stage.held_by(holder, waiter.call("1", "commit"))
    (lock,) = stage.contention(samples).locks

    assert (lock.kind, lock.relation) == ("transactionid", relation)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE parted SET n = n + 1 WHERE id = {}", "INSERT INTO parted VALUES (10 + {}) ON CONFLICT DO NOTHING"],
)
def test_partitions_are_shown_under_their_parent_with_their_number(stage: Stage, statement: str) -> None:
    holder = stage.writer("hold", statement.format(1), statement.format(2))
    waiters = [stage.writer(f"wait_{key}", statement.format(key)) for key in (1, 2)]
    holder.do("begin", "0", "1")
    (lock,) = stage.contention(stage.held(holder, *waiters)).locks

    assert (lock.kind, lock.relation, lock.partitions) == ("transactionid", "parted", 2)


@pytest.mark.parametrize(
    ("taken", "wanted", "expected"),
    [
        ("LOCK TABLE item IN SHARE MODE", "INSERT INTO item VALUES (8)", ("relation", "RowExclusiveLock", "item")),
        ("REFRESH MATERIALIZED VIEW top", "SELECT FROM top", ("relation", "AccessShareLock", "top")),
        (
            "ALTER INDEX item_n SET (fillfactor = 80)",
            "ALTER INDEX item_n SET (fillfactor = 90)",
            ("relation", "ShareUpdateExclusiveLock", "item_n"),
        ),
        ("LOCK TABLE seen IN ACCESS EXCLUSIVE MODE", "SELECT FROM seen", ("relation", "AccessShareLock", "seen")),
        (
            REINDEX_TOAST.format("long"),
            "INSERT INTO long VALUES (repeat('x', 10000))",
            ("relation", "RowExclusiveLock", "TOAST of long"),
        ),
        (
            REINDEX_TOAST.format("wide_1"),
            "INSERT INTO wide VALUES (repeat('x', 10000))",
            ("relation", "RowExclusiveLock", "TOAST of wide"),
        ),
        ("SELECT pg_advisory_xact_lock(5)", "SELECT pg_advisory_xact_lock(5)", ("advisory", "ExclusiveLock", "")),
    ],
)
def test_a_lock_has_its_kind_its_mode_and_the_name_of_what_it_is_on(
    stage: Stage, taken: str, wanted: str, expected: tuple[str, str, str]
) -> None:
    holder, waiter = stage.writer("hold", taken), stage.writer("want", wanted)
    holder.do("begin", "0")
    samples = stage.held(holder, waiter)
    (lock,) = stage.contention(samples).locks

    assert (lock.kind, lock.mode, lock.relation) == expected
    assert _blockers(samples, waiter) == (holder.pid,)


def test_every_relation_goes_by_a_name_that_people_know(stage: Stage) -> None:
    known = relations.read(stage.admin).named
    every = stage.admin.execute("SELECT oid::bigint FROM pg_class").fetchall()

    assert set(known) == {oid for (oid,) in every}
    names = set(known.values())
    assert {("TOAST of long", ""), ("index on TOAST of long", ""), ("TOAST of wide_1", "TOAST of wide")} <= names
    assert [name for name, _ in names if name.startswith("pg_toast.")] == []


def test_a_holder_that_is_no_writer_is_another_session(stage: Stage) -> None:
    waiter = stage.writer("bump", "UPDATE item SET n = n + 1 WHERE id = 1")
    with psycopg.connect(stage.conninfo) as stranger:
        stranger.execute("UPDATE item SET n = n + 1 WHERE id = 1")

        def commit_once_seen() -> None:
            stage.until_looked(ENOUGH)
            stranger.commit()

        _, samples = stage.rested(waiter.call("0"), until=commit_once_seen)
    contention = stage.contention(samples)

    assert [(pair.waiting, pair.blocking) for pair in contention.pairs] == [("bump", "(another session)")]


def test_sessions_are_seen_by_what_they_do_and_idle_ones_never(stage: Stage) -> None:
    spinning = stage.writer("spin", f"SELECT spin({4 * HELD_S})")
    thinking = stage.writer("think", "SELECT 1")
    stage.writer("idle", "SELECT 1").do("0")
    thinking.do("begin", "0")
    _, samples = stage.watch(spinning.call("0"))

    assert {seen.operation for sample in samples.taken for seen in sample.seen} == {"spin", "think"}
    assert _usual((seen.wait_class, seen.event) for seen in _of(samples, spinning)) == ("running", "")
    assert {(seen.wait_class, seen.event) for seen in _of(samples, thinking)} == {("Client", "ClientRead")}
    assert len(_of(samples, thinking)) == len(samples.taken)


def test_who_holds_a_lock_while_its_client_thinks_is_found_by_its_last_operation(stage: Stage) -> None:
    holder = stage.writer("hold", "UPDATE item SET n = n + 1 WHERE id = 1")
    waiter = stage.writer("bump", "UPDATE item SET n = n + 1 WHERE id = 1")
    holder.do("begin", "0")

    def commit_once_seen() -> None:
        stage.until_looked(ENOUGH)
        holder.do("commit")

    _, samples = stage.rested(waiter.call("0"), until=commit_once_seen)

    assert [(pair.waiting, pair.blocking) for pair in stage.contention(samples).pairs] == [("bump", "hold")]
    assert "Client" in {seen.wait_class for seen in _of(samples, holder)}


def test_every_look_that_falls_due_is_taken_or_lost_and_the_drive_ends_with_the_writers(stage: Stage) -> None:
    writer = stage.writer("rest")
    done, samples = stage.rested(writer.call("rest"), until=lambda: stage.until_looked(ENOUGH))
    duration_s = done.duration_ns / NANOSECONDS

    assert HELD_S / 2 <= duration_s < PATIENCE_S, "who releases it may begin to wait before the drive does"
    assert duration_s * HZ - 2 <= len(samples.taken) + samples.lost <= duration_s * HZ + 2
    assert len(samples.taken) >= ENOUGH - 1


def test_looks_are_lost_while_the_server_does_not_answer(stage: Stage) -> None:
    writer = stage.writer("rest")

    def stop_for_a_while() -> None:
        os.kill(stage.sampler.pid, signal.SIGSTOP)
        sleep(HELD_S)
        os.kill(stage.sampler.pid, signal.SIGCONT)
        stage.until_looked(2)

    _, samples = stage.rested(writer.call("rest"), until=stop_for_a_while)

    assert samples.lost > HELD_S * HZ / 2
    assert samples.taken


def test_looks_that_are_still_awaited_at_the_end_are_lost_and_none_of_the_next_trial(stage: Stage) -> None:
    one, other = stage.writer("first"), stage.writer("second")
    os.kill(stage.sampler.pid, signal.SIGSTOP)
    try:
        done, samples = stage.rested(one.call("rest"), until=lambda: sleep(HELD_S))
    finally:
        os.kill(stage.sampler.pid, signal.SIGCONT)

    assert samples.taken == ()
    assert samples.lost >= done.duration_ns / NANOSECONDS * HZ - 2
    done, samples = stage.rested(other.call("rest"), until=lambda: stage.until_looked(ENOUGH))
    assert {seen.operation for sample in samples.taken for seen in sample.seen} == {"second"}
    assert samples.lost + len(samples.taken) <= done.duration_ns / NANOSECONDS * HZ + 2


def test_a_trial_that_fails_leaves_the_sampler_ready_for_the_next(stage: Stage) -> None:
    failing = stage.writer("fail", "SELECT pg_sleep(0.1)", "SELECT 1 / (random() < 0)::int")
    working = stage.writer("work")
    os.kill(stage.sampler.pid, signal.SIGSTOP)  # so that a look is under way when the trial fails
    try:
        with pytest.raises(StatementFailedError, match="division by zero"):
            stage.watch(failing.call("0", "1"))
    finally:
        os.kill(stage.sampler.pid, signal.SIGCONT)
    _, samples = stage.rested(working.call("rest"), until=lambda: stage.until_looked(ENOUGH))

    assert samples.taken
    assert {seen.operation for sample in samples.taken for seen in sample.seen} == {"work"}


def test_a_sampler_whose_connection_is_ended_ends_the_drive(stage: Stage) -> None:
    writer = stage.writer("rest")

    def end() -> None:
        sleep(HELD_S / 4)
        stage.admin.execute("SELECT pg_terminate_backend(%s)", [stage.sampler.pid])
        sleep(HELD_S)

    with pytest.raises(LostConnectionError):
        stage.rested(writer.call("rest"), until=end)


@pytest.mark.parametrize("major", TESTED_MAJORS)
def test_every_version_of_the_server_shows_who_waits_for_whom(major: int) -> None:
    if major not in {one.major for one in binaries.survey().found}:
        pytest.skip(f"no PostgreSQL {major} here")
    with servers.serving(str(major), settings={}, clients=4, run_id="sampler") as server:
        assert server.record.version_num // 10_000 == major
        with _staged(server, server.create("sampler")) as stage:
            holder, first, second = (
                stage.writer(operation, "UPDATE item SET n = n + 1 WHERE id = 1")
                for operation in ("hold", "bump", "raise")
            )
            holder.do("begin", "0")
            contention = stage.contention(stage.held(holder, first, second))

    assert {(lock.kind, lock.relation) for lock in contention.locks} == {("transactionid", "item"), ("tuple", "item")}
    assert contention.longest_wait_s > HELD_S / 2
    assert contention.classes["Lock"] > 0.5
    assert {pair.blocking for pair in contention.pairs} >= {"hold"}


def test_a_sampler_that_cannot_connect_is_a_lost_connection(server: Server) -> None:
    with pytest.raises(LostConnectionError, match='database "absent" does not exist'):
        Sampler(server.conninfo_for("absent"), HZ)
