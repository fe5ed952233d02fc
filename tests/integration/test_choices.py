"""What the planner would do, asked of real servers from a session of its own, and what is left by that: nothing."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
import servers
from psycopg.pq import ExecStatus

from schemabench.load import Session
from schemabench.monitor.choices import choose, tables
from schemabench.monitor.nodes import outline
from schemabench.monitor.plans import Statement, explain
from schemabench.server import Server

SCHEMA = """
CREATE TABLE votes (id int PRIMARY KEY, total int);
CREATE TABLE log (id int);
CREATE TABLE event (day int, total int) PARTITION BY LIST (day);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
CREATE TABLE event_2 PARTITION OF event FOR VALUES IN (2);
"""
FILL = "INSERT INTO votes SELECT n, 0 FROM generate_series(1, 20000) AS n"
READ = b"read_0"


@pytest.fixture(scope="module", params=servers.ENDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server of each version where no autovacuum mends what is looked for."""
    with servers.serving(str(request.param), settings={"autovacuum": "off"}, clients=16, run_id="choices") as server:
        yield server


@pytest.fixture
def conninfo(server: Server) -> Iterator[str]:
    database = server.create("test")
    yield server.conninfo_for(database.name)
    server.drop(database)


@pytest.fixture
def admin(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute("VACUUM (ANALYZE)")
        yield connection


@pytest.fixture
def writer(conninfo: str, admin: psycopg.Connection) -> Iterator[Session]:  # noqa: ARG001 (the schema comes first)
    with closing(Session.open(conninfo)) as session:
        yield session


def _prepared(
    session: Session, *texts: str, operation: str = "read", values: tuple[bytes, ...] = (b"7",)
) -> list[Statement]:
    statements = []
    for position, text in enumerate(texts):
        name = f"{operation}_{position}".encode()
        result = session.prepare(name, text)
        assert result.status == ExecStatus.COMMAND_OK, result.error_message.decode()
        count = text.count("$")
        statements.append(Statement(operation=operation, position=position, prepared=name, parameters=values[:count]))
    return statements


def _execute(session: Session, times: int) -> None:
    session.connection.nonblocking = 0
    for _ in range(times):
        assert session.connection.exec_prepared(READ, [b"7"]).status == ExecStatus.TUPLES_OK
    session.connection.nonblocking = 1


def _trace(session: Session) -> tuple[bytes | None, ...]:
    """Return how often a session's statement was executed by either kind of plan."""
    session.connection.nonblocking = 0
    result = session.connection.exec_(
        b"SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = '" + READ + b"'"
    )
    session.connection.nonblocking = 1
    return result.get_value(0, 0), result.get_value(0, 1)


def test_a_writers_plan_of_an_empty_table_outlives_it_and_a_new_session_tells(
    conninfo: str, admin: psycopg.Connection, writer: Session
) -> None:
    read = "SELECT total FROM votes WHERE id = $1"
    statements = _prepared(writer, read)
    _execute(writer, 6)
    admin.execute(FILL)
    _execute(writer, 1)
    with closing(Session.open(conninfo)) as new:
        (choice,) = choose(new.connection, _prepared(new, read)).values()
    (own,) = explain(writer.connection, statements)

    assert outline(own.plan) == "Seq Scan on votes"
    assert choice.lines == {"Index Scan using votes_pkey on votes"} or "Bitmap Heap Scan" in outline(choice.custom)
    assert own.plan[0]["Plan"]["Total Cost"] == 0, "an empty table costs nothing to read"
    assert outline(own.plan) not in choice.lines


def test_asking_leaves_no_trace_in_a_writers_session_nor_a_lock_nor_a_count(
    conninfo: str, admin: psycopg.Connection, writer: Session
) -> None:
    texts = ("SELECT total FROM votes WHERE id = $1", "INSERT INTO log VALUES ($1)", "UPDATE votes SET total = $1")
    _prepared(writer, *texts)
    _execute(writer, 3)
    before, counts = _trace(writer), _counts(admin)
    with closing(Session.open(conninfo)) as new:
        found = choose(new.connection, _prepared(new, *texts))
        locks = admin.execute(
            "SELECT count(*) FROM pg_locks WHERE relation IN ('votes'::regclass, 'log'::regclass)"
        ).fetchone()

    assert set(found) == {("read", 0), ("read", 1), ("read", 2)}
    assert (before, _trace(writer)) == ((b"0", b"3"), before)
    assert locks == (0,)
    assert _counts(admin) == counts


def _counts(admin: psycopg.Connection) -> object:
    admin.execute("SELECT pg_stat_force_next_flush()")
    return admin.execute(
        "SELECT relname, seq_scan, idx_scan, n_tup_ins, n_tup_upd FROM pg_stat_user_tables ORDER BY relname"
    ).fetchall()


def test_settings_of_an_operation_count_and_nothing_else_is_executed(conninfo: str, admin: psycopg.Connection) -> None:
    admin.execute(FILL)
    admin.execute("ANALYZE votes")
    admin.execute("CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM votes")
    admin.execute("DELETE FROM votes WHERE id > 10000")
    texts = (
        "SET LOCAL enable_indexscan = off",
        "SET LOCAL enable_bitmapscan = off",
        "REFRESH MATERIALIZED VIEW totals",
        "SELECT total FROM votes WHERE id = $1",
    )
    with closing(Session.open(conninfo)) as new:
        ((key, choice),) = choose(new.connection, _prepared(new, *texts)).items()

    assert (key, choice.lines) == (("read", 3), {"Seq Scan on votes"})
    assert admin.execute("SELECT * FROM totals").fetchone() == (20000,)


def test_a_statement_that_cannot_be_planned_takes_those_after_it_along(
    conninfo: str, admin: psycopg.Connection
) -> None:
    with closing(Session.open(conninfo)) as new:
        statements = _prepared(new, "SELECT 1", "SELECT total FROM votes WHERE id = $1", "SELECT 2")
        admin.execute("ALTER TABLE votes DROP COLUMN total")
        found = choose(new.connection, statements)
        again = choose(new.connection, statements[:1])

    assert set(found) == set(again) == {("read", 0)}


def test_what_the_planner_believes_of_tables_is_told_beside_what_there_is(admin: psycopg.Connection) -> None:
    admin.execute(FILL)
    admin.execute("INSERT INTO event SELECT 1 + n % 2, n FROM generate_series(1, 4000) AS n")
    admin.execute("SELECT pg_stat_force_next_flush()")
    admin.execute("ANALYZE event_1")
    found = {one.name: one for one in tables(admin)}

    assert (found["votes"].believed_rows, found["votes"].live_rows) == (0, 20000)
    assert found["votes"].pages > 80
    assert {name: (one.root, one.believed_rows, one.live_rows) for name, one in found.items() if "event" in name} == {
        "event_1": ("event", 2000, 2000),
        "event_2": ("event", 0, 2000),
    }
