"""Plans as real servers tell them, from the session of a writer, and what is left when they were told: no row."""

from collections.abc import Iterator, Sequence

import psycopg
import pytest
import servers
from psycopg.pq import ExecStatus, TransactionStatus

from schemabench.load import LostConnectionError, Session
from schemabench.monitor import plans
from schemabench.monitor.plans import Statement, compared, explain
from schemabench.records import StatementPlan
from schemabench.server import binaries

FOUND = {one.major for one in binaries.survey().found}
SCHEMA = """
CREATE TABLE item (id serial PRIMARY KEY, key text UNIQUE, total int);
INSERT INTO item (key, total) VALUES ('a', 1), ('b', 2);
CREATE TABLE log (key text);
CREATE MATERIALIZED VIEW totals AS SELECT sum(total) FROM item;
"""
PARTITIONS = """
CREATE TABLE source (id int PRIMARY KEY);
INSERT INTO source VALUES (1);
CREATE TABLE stored (day date, source int REFERENCES source, total int, PRIMARY KEY (day, source))
    PARTITION BY LIST (day);
CREATE TABLE stored_1 PARTITION OF stored FOR VALUES IN ('2026-01-01');
CREATE TABLE stored_2 PARTITION OF stored FOR VALUES IN ('2026-01-02');
CREATE TABLE stored_3 PARTITION OF stored FOR VALUES IN ('2026-01-03');
INSERT INTO stored VALUES ('2026-01-01', 1, 5);
CREATE FUNCTION written() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO log VALUES (TG_OP); RETURN new; END $$;
CREATE TRIGGER stored_written AFTER INSERT OR UPDATE ON stored FOR EACH ROW EXECUTE FUNCTION written();
CREATE TABLE ruled (total int);
CREATE RULE ruled_too AS ON INSERT TO ruled DO ALSO INSERT INTO log VALUES ('ruled');
CREATE TABLE mute (total int);
CREATE RULE mute_instead AS ON INSERT TO mute DO INSTEAD NOTHING;
"""


@pytest.fixture
def admin(conninfo: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield connection


@pytest.fixture
def session(conninfo: str, admin: psycopg.Connection) -> Iterator[Session]:  # noqa: ARG001 (the schema comes first)
    session = Session.open(conninfo)
    yield session
    session.close()


def _prepared(session: Session, *steps: tuple[str, Sequence[bytes | None]]) -> list[Statement]:
    """Prepare an operation as the writers' sessions do."""
    statements = []
    for position, (sql, parameters) in enumerate(steps):
        name = f"do it_{position}".encode()
        assert session.prepare(name, sql).status == ExecStatus.COMMAND_OK
        statements.append(Statement(operation="do it", position=position, prepared=name, parameters=parameters))
    return statements


def _explain(session: Session, *steps: tuple[str, Sequence[bytes | None]]) -> tuple[StatementPlan, ...]:
    found = explain(session.connection, _prepared(session, *steps))
    assert session.connection.transaction_status == TransactionStatus.IDLE
    return found


def test_a_plan_is_told_whole_and_in_one_line(session: Session) -> None:
    (found,) = _explain(
        session,
        (
            "INSERT INTO item (key, total) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET total = excluded.total",
            [b"a", b"7"],
        ),
    )

    assert (found.operation, found.position, found.same) == ("do it", 0, None)
    assert found.nodes == "Insert on item (conflict: item_key_key, update) <- Result"
    assert found.summary.startswith(f"{found.nodes}; 1 row; ")
    assert "hit" in found.summary
    assert " B WAL" in found.summary
    assert found.plan[0]["Plan"]["Conflicting Tuples"] == 1


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", b"O'Neil \"x\" \\ \\' $1 :name ; --"),
        ("text", b""),
        ("text", "\u00e9\n\t\u2603".encode()),
        ("text[]", b'{"a,b",NULL,"q\\"\\\\",\'}'),
        ("bigint[]", b"{1,-2,NULL}"),
        ("date", b"2026-02-28"),
        ("int", b"-5"),
        ("numeric", b"-1.50"),
        ("boolean", b"f"),
        ("bytea", b"\\x00ff27"),
        ("jsonb", b'{"a": "it\'s \\"b\\" \\\\"}'),
        ("timestamptz", b"2026-01-01 00:00:00+02"),
    ],
)
def test_parameters_arrive_as_they_were_given(
    admin: psycopg.Connection, session: Session, kind: str, value: bytes
) -> None:
    admin.execute(f"CREATE TABLE odd (value {kind})")  # type: ignore[call-overload]
    session.connection.nonblocking = 0
    session.connection.exec_params(b"INSERT INTO odd VALUES ($1), (NULL)", [value])
    session.connection.nonblocking = 1

    (found,) = _explain(session, ("SELECT FROM odd WHERE value = $1", [value]))

    assert found.summary.startswith("Seq Scan on odd; 1 row; ")


def test_null_is_no_text(session: Session) -> None:
    (null, text) = _explain(
        session, ("SELECT 1 WHERE $1::text IS NULL", [None]), ("SELECT 1 WHERE $1::text IS NULL", [b"NULL"])
    )

    assert null.summary.startswith("Result; 1 row; ")
    assert text.summary.startswith("Result; 0 rows; ")


def test_a_large_parameter_passes_a_connection_that_does_not_block(session: Session) -> None:
    array = b"{" + b",".join(b"%d" % (1_000_000 + number) for number in range(150_000)) + b"}"

    (found,) = _explain(session, ("SELECT FROM unnest($1::int[])", [array]))

    assert found.summary.startswith("Function Scan on unnest; 150,000 rows; ")
    assert session.connection.nonblocking == 1


def test_prepared_statements_may_have_any_name(session: Session) -> None:
    name = b'say "it"; \\'
    session.prepare(name, "SELECT 1")

    (found,) = explain(session.connection, [Statement(operation="say", position=0, prepared=name, parameters=())])

    assert found.nodes == "Result"


def test_nothing_that_is_written_remains_but_sequences_advance(admin: psycopg.Connection, session: Session) -> None:
    admin.execute("""
        CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO log VALUES (new.key); RETURN new; END $$;
        CREATE TRIGGER logged AFTER INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION logged();
        CREATE FUNCTION write(text) RETURNS int LANGUAGE sql AS
            $$ DELETE FROM item; INSERT INTO item (key) VALUES ($1) RETURNING id $$
        """)
    before = admin.execute("SELECT * FROM item ORDER BY id").fetchall()

    found = _explain(
        session,
        ("INSERT INTO item (key) VALUES ($1)", [b"c"]),
        ("INSERT INTO item (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET total = 0", [b"a"]),
        ("UPDATE item SET total = total + 1", []),
        ("SELECT write($1)", [b"z"]),
        ("TRUNCATE log", []),
        ("SELECT 1", []),
    )

    assert [one.plan is not None for one in found] == [True, True, True, True, False, True]
    assert found[2].summary.startswith(
        "Update on item <- Seq Scan on item; triggers: logged; in logged line 1: Insert on log <- Result; 3 rows; "
    )
    assert admin.execute("SELECT * FROM item ORDER BY id").fetchall() == before
    assert admin.execute("SELECT count(*) FROM log").fetchall() == [(0,)]
    assert admin.execute("SELECT last_value FROM item_id_seq").fetchall() == [(5,)]


def test_the_plan_is_the_one_that_the_session_has_come_to_use(session: Session) -> None:
    (statement,) = _prepared(session, ("SELECT FROM item WHERE total < $1", [b"5"]))
    (first,) = explain(session.connection, [statement])
    for _ in range(5):
        session.connection.exec_prepared(statement.prepared, statement.parameters)

    (last,) = explain(session.connection, [statement])

    assert [one.plan[0]["Plan"]["Filter"] for one in (first, last)] == ["(total < 5)", "(total < $1)"]
    assert first.nodes == last.nodes


def test_a_utility_statement_takes_effect_on_those_after_it(admin: psycopg.Connection, session: Session) -> None:
    admin.execute("UPDATE item SET total = 10")

    utility, after = _explain(
        session, ("REFRESH MATERIALIZED VIEW totals", []), ("SELECT FROM totals WHERE sum = $1", [b"20"])
    )

    assert utility == StatementPlan(
        operation="do it",
        position=0,
        nodes="",
        summary="no plan: EXPLAIN has none for REFRESH MATERIALIZED VIEW totals",
        same=None,
        plan=None,
    )
    assert after.summary.startswith("Seq Scan on totals; 1 row; ")
    assert admin.execute("SELECT * FROM totals").fetchall() == [(3,)]


def test_a_utility_statement_on_its_own_need_not_run_in_a_transaction(session: Session) -> None:
    (found,) = _explain(session, ("VACUUM\n    item", []))

    assert found.summary == "no plan: EXPLAIN has none for VACUUM item"


def test_a_statement_that_fails_says_why_and_ends_its_operation(admin: psycopg.Connection, session: Session) -> None:
    found = _explain(
        session,
        ("DELETE FROM log", []),
        ("INSERT INTO item (key) VALUES ($1)", [b"a"]),
        ("SELECT 1", []),
    )

    assert [one.plan is None for one in found] == [False, True, True]
    assert [one.summary for one in found[1:]] == [
        'no plan: duplicate key value violates unique constraint "item_key_key" (23505)',
        "no plan: not executed, as statement 2 failed",
    ]
    assert admin.execute("SELECT count(*) FROM item").fetchall() == [(2,)]


def test_a_utility_statement_that_cannot_be_executed_says_why(session: Session) -> None:
    utility, after = _explain(session, ("VACUUM item", []), ("SELECT 1", []))

    assert utility.summary == "no plan: VACUUM cannot run inside a transaction block (25001)"
    assert after.summary == "no plan: not executed, as statement 1 failed"


def test_a_statement_that_takes_too_long_is_cancelled(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "LIMIT_MS", 20)

    (found,) = _explain(session, ("SELECT pg_sleep(20)", []))

    assert found.summary == "no plan: canceling statement due to statement timeout (57014)"
    result = session.connection.exec_(b"SHOW statement_timeout")
    assert result.get_value(0, 0) == b"0", "the limit ends with the transaction"


def test_an_operation_that_commits_itself_is_rolled_back_all_the_same(
    admin: psycopg.Connection, session: Session
) -> None:
    found = _explain(session, ("DELETE FROM item", []), ("/* now */ COMMIT", []), ("SELECT 1", []))

    assert found[0].nodes == "Delete on item <- Seq Scan on item"
    assert found[1].summary == "no plan: EXPLAIN has none for /* now */ COMMIT"
    assert found[2].summary == "no plan: not executed, as statement 2 would end the transaction"
    assert admin.execute("SELECT count(*) FROM item").fetchall() == [(2,)]


def test_writes_that_nothing_reads_count(session: Session) -> None:
    sql = """
        WITH unread AS (INSERT INTO log SELECT n::text FROM generate_series(1, 1000) AS n)
        INSERT INTO item (key) VALUES ($1)
        """

    (found,) = _explain(session, (sql, [b"c"]))

    top = found.plan[0]["Plan"]
    (unread,) = [node for node in top["Plans"] if node.get("Subplan Name") == "CTE unread"]
    assert unread["WAL Bytes"] > 1000 * 24 > top["WAL Bytes"]
    assert " KiB WAL" in found.summary


@pytest.mark.parametrize("known", [True, False])
def test_a_connection_that_is_lost_is_told_from_a_refusal(
    admin: psycopg.Connection, session: Session, *, known: bool
) -> None:
    statements = _prepared(session, ("SELECT 1", []))
    admin.execute("SELECT pg_terminate_backend(%s, 10000)", [session.connection.backend_pid])
    if known:
        session.connection.exec_(b"SELECT 1")

    with pytest.raises(LostConnectionError, match=r"connection"):
        explain(session.connection, statements)


@pytest.mark.parametrize("major", [15, 16, 17, 18])
def test_versions_differ_in_what_they_tell_but_not_in_the_line(major: int) -> None:
    if major not in FOUND:
        pytest.skip(f"no programs of PostgreSQL {major} on this machine")
    upsert = "INSERT INTO stored VALUES ($1, $2, $3) ON CONFLICT (day, source) DO UPDATE SET total = excluded.total"
    with servers.serving(f"local:{major}", settings={}, clients=4, run_id="plans") as server:
        conninfo = server.conninfo_for(server.create("plans").name)
        with psycopg.connect(conninfo, autocommit=True) as admin:
            admin.execute(SCHEMA + PARTITIONS)
        session = Session.open(conninfo)
        found = _explain(
            session,
            (upsert, [b"2026-01-02", b"1", b"-3"]),
            (upsert, [b"2026-01-01", b"1", b"-3"]),
            ("UPDATE stored SET total = total + 1", []),
            ("SELECT day, count(*) FROM stored GROUP BY day ORDER BY day DESC LIMIT 1", []),
            ("SELECT total FROM stored WHERE day = $1 AND source = $2", [b"2026-01-03", b"1"]),
            ("INSERT INTO ruled VALUES ($1)", [b"1"]),
            ("INSERT INTO mute VALUES ($1)", [b"1"]),
        )
        session.close()

    triggers = "triggers: stored_source_fkey, stored_written"
    insert = "Insert on stored (conflict: stored_pkey, update) <- Result"
    inside = "Insert on log <- Result" if found[0].inside else ""  # not every build has auto_explain
    assert [one.nodes.partition("; in written line 1: ")[2] for one in found] == [inside, inside, inside, *[""] * 4]
    assert [one.nodes.partition("; in written")[0] for one in found] == [
        f"{insert}; {triggers}",
        f"{insert}; triggers: stored_written",
        # the key of a row that the same transaction inserted is checked once more
        f"Update on stored (3 partitions) <- Append of 3 x Seq Scan on stored_1 ...; {triggers}",
        "Limit <- GroupAggregate <- Append of 3 x Index Only Scan Backward using stored_1_pkey on stored_1 ...",
        "Index Scan using stored_3_pkey on stored_3",
        "Insert on ruled <- Result + Insert on log <- Result",
        "",
    ]
    assert found[2].summary.startswith(f"{found[2].nodes}; 2 rows; ")
    assert [one.same for one in compared(found, found[:1])] == [True, *[None] * 6]


FUNCTIONS = """
CREATE FUNCTION bump(by int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE found int;
BEGIN
    FOR place IN 1..3 LOOP
        UPDATE item SET total = total + by WHERE id = place;
    END LOOP;
    SELECT count(*) INTO found FROM item WHERE total > 0;
    RETURN found;
END $$;
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO log VALUES (TG_OP); RETURN new; END $$;
CREATE TRIGGER noted AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION noted();
CREATE FUNCTION total_of(wanted text) RETURNS int LANGUAGE sql VOLATILE AS
    $$ UPDATE item SET total = total + 1 WHERE key = wanted RETURNING total $$;
CREATE PROCEDURE settle() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log; END $$;
"""
INSIDE_BUMP = (
    "; in bump line 5: Update on item <- Index Scan using item_pkey on item"
    "; in bump line 7: Aggregate <- Seq Scan on item"
)


@pytest.fixture
def functions(admin: psycopg.Connection) -> None:
    admin.execute(FUNCTIONS)
    admin.execute("INSERT INTO item (key, total) SELECT n::text, n FROM generate_series(1, 5000) AS n")
    admin.execute("ANALYZE item")


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("sql", "parameters", "nodes", "times"),
    [
        ("SELECT bump($1::int)", [b"1"], f"Result{INSIDE_BUMP}", {"bump line 5": 3, "bump line 7": 1}),
        (
            "INSERT INTO item (key, total) VALUES ('c', 3)",
            [],
            "Insert on item <- Result; triggers: noted; in noted line 1: Insert on log <- Result",
            {"noted line 1": 1},
        ),
        (
            "SELECT total_of('a')",
            [],
            "Result; in total_of statement 1: Update on item <- Index Scan using item_key_key on item",
            {"total_of statement 1": 1},
        ),
        ("CALL settle()", [], "Call; in settle line 1: Delete on log <- Seq Scan on log", {"settle line 1": 1}),
    ],
    ids=["function", "trigger", "SQL", "procedure"],
)
def test_the_plans_of_statements_in_functions_are_told(
    session: Session, sql: str, parameters: Sequence[bytes], nodes: str, times: dict[str, int]
) -> None:
    (found,) = _explain(session, (sql, parameters))

    assert found.nodes == nodes
    assert {one.function: one.times for one in found.inside} == times
    assert found.summary.endswith(f"{sum(times.values())} statement{'s' * (sum(times.values()) > 1)} in functions")


@pytest.mark.usefixtures("functions")
def test_a_procedure_that_fails_has_no_plan_and_says_why(admin: psycopg.Connection, session: Session) -> None:
    admin.execute("CREATE PROCEDURE break() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log; PERFORM 1 / 0; END $$")
    (found,) = _explain(session, ("CALL break()", []))

    assert found.summary == "no plan: division by zero (22012)"
    assert (found.plan, found.inside) == (None, ())


@pytest.mark.usefixtures("functions")
def test_what_explains_functions_speaks_in_that_session_and_that_transaction_alone(
    admin: psycopg.Connection, session: Session
) -> None:
    said: list[str] = []
    _explain(session, ("SELECT bump(1)", []))
    session.connection.notice_handler = lambda notice: said.append(str(notice))
    session.query("SELECT bump(1)")

    assert said == []
    assert admin.execute("SELECT name FROM pg_settings WHERE name LIKE 'auto_explain%'").fetchall() == []


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("sql", "calls"),
    [
        ("SELECT bump(1)", True),
        ("INSERT INTO item (key, total) VALUES ('c', 3)", True),
        ("CALL settle()", True),
        ("SELECT count(*), lower(key) FROM item GROUP BY key", False),
    ],
)
def test_that_plans_in_functions_are_unknown_is_said_only_where_functions_are_called(
    session: Session, monkeypatch: pytest.MonkeyPatch, sql: str, *, calls: bool
) -> None:
    monkeypatch.setattr("schemabench.monitor.functions.LOAD", b"LOAD 'no_such_library'")
    (found,) = _explain(session, (sql, []))

    said = "; plans in its functions are not known: auto_explain cannot be loaded: could not access file"
    assert (said in found.summary) == calls
    assert found.inside == ()


@pytest.mark.usefixtures("functions")
def test_a_plan_in_a_function_that_is_not_the_baselines_is_another_plan(
    admin: psycopg.Connection, session: Session
) -> None:
    statements = _prepared(session, ("SELECT total_of('a')", []))
    before = explain(session.connection, statements)
    admin.execute("ALTER TABLE item DROP CONSTRAINT item_key_key")
    after = compared(explain(session.connection, statements), before)

    assert [one.same for one in after] == [False]
