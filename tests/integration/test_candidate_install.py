"""Candidates on a real server: any DDL installs, and what the server refuses is shown where it was written."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from schemabench.candidate import Candidate, find, install
from schemabench.errors import CandidateError
from schemabench.server import Database, Server

EVERYTHING = """\
-- candidate: baseline
-- summary: a bit of everything; with a semicolon
CREATE TABLE plain (id bigint PRIMARY KEY, note text DEFAULT ';--', "größe 🎉" int); -- remark ; é
/* a comment ; /* in a comment */ */
CREATE TABLE part (site text, day date, n bigint, PRIMARY KEY (site, day)) PARTITION BY RANGE (day);
DO $outer$
DECLARE month int;
BEGIN
    FOR month IN 1..3 LOOP
        EXECUTE format($q$CREATE TABLE part_%s PARTITION OF part FOR VALUES FROM (%L) TO (%L)$q$,
                       month, make_date(2026, month, 1), make_date(2026, month + 1, 1));
    END LOOP;
END
$outer$;
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT x * 2; END;
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.n := coalesce(NEW.n, 0) + 1; -- a comment with a ' quote
    RETURN NEW;
END $$;
CREATE TRIGGER bump BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION bump();
CREATE MATERIALIZED VIEW totals AS SELECT site, sum(n) AS n FROM part GROUP BY site;
CREATE UNIQUE INDEX ON totals (site);
CREATE INDEX CONCURRENTLY plain_by_note ON plain (note);
CREATE RULE log AS ON DELETE TO plain DO ALSO (INSERT INTO part VALUES ('a', '2026-01-01'); SELECT 1);
INSERT INTO part VALUES ('a', '2026-02-16', 4), ('b''s', '2026-03-01', NULL);
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
ALTER DATABASE CURRENT_DATABASE_NAME SET work_mem = '8MB';
VACUUM part;
"""


@pytest.fixture
def connection(server: Server, database: Database) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        yield connection


def _candidate(folder: Path, sql: str) -> Candidate:
    (folder / "baseline.sql").write_text(sql, encoding="utf-8")
    return find(folder)["baseline"]


def _refused(folder: Path, connection: psycopg.Connection[tuple[object, ...]], sql: str) -> CandidateError:
    with pytest.raises(CandidateError) as caught:
        install(_candidate(folder, sql), connection)
    return caught.value


def test_any_ddl_installs(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]], database: Database
) -> None:
    install(_candidate(tmp_path, EVERYTHING.replace("CURRENT_DATABASE_NAME", database.name)), connection)

    assert connection.execute("SELECT count(*) FROM pg_inherits").fetchone() == (3 + 3,), "partitions and their indexes"
    assert connection.execute("SELECT site, n FROM totals ORDER BY site").fetchall() == [("a", 5), ("b's", 1)]
    assert connection.execute("SELECT twice(4)").fetchone() == (8,)
    assert connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'plain_by_note'::regclass").fetchone()
    connection.execute("INSERT INTO plain (id) VALUES (1)")
    assert connection.execute('SELECT note, "größe 🎉" FROM plain').fetchone() == (";--", None)


def test_an_empty_candidate_installs(tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    install(_candidate(tmp_path, "-- candidate: baseline\n"), connection)


def test_what_is_refused_leaves_what_came_before(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    _refused(tmp_path, connection, "CREATE TABLE a ();\nCREATE TABLE a ();")

    assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "place", "line", "caret"),
    [
        ("CREATE TABLE a ();\n  SELECT * FROM ünbekannt;", "42P01", "2:17", "  SELECT * FROM ünbekannt;", 16),
        ("CREATE TABLE a ();\n\nCREATE TABEL b ();", "42601", "3:8", "CREATE TABEL b ();", 7),
        ("-- 🎉\nSELECT '🎉', nothing FROM pg_class", "42703", "2:13", "SELECT '🎉', nothing FROM pg_class", 12),
        ("CREATE TABLE a (\n\tid int,\n\tid text\n)", "42701", "1:1", "CREATE TABLE a (", 0),
        ("CREATE TABLE a (id int);\nCREATE INDEX ON a (\n    it\n)", "42703", "2:1", "CREATE INDEX ON a (", 0),
        ("/* é */ SELECT 1/0", "22012", "1:9", "/* é */ SELECT 1/0", 8),
    ],
)
def test_an_error_is_shown_where_it_was_written(  # noqa: PLR0913, PLR0917 (the parts of a place)
    tmp_path: Path,
    connection: psycopg.Connection[tuple[object, ...]],
    sql: str,
    sqlstate: str,
    place: str,
    line: str,
    caret: int,
) -> None:
    error = _refused(tmp_path, connection, sql)
    first, shown, below = str(error.where).splitlines()

    assert error.sqlstate == sqlstate
    assert first == f"{tmp_path / 'baseline.sql'}:{place}"
    assert shown == f"  {line}"
    assert below.index("^") == 2 + caret
    assert f"(SQLSTATE {sqlstate})" in str(error)
    assert "The server refused the candidate 'baseline'" in error.what


def test_an_error_in_a_do_block_is_shown_with_its_line_in_the_block(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    error = _refused(tmp_path, connection, "SELECT 1;\n\nDO $$\nBEGIN\n  PERFORM 1;\n  PERFORM 1/0;\nEND $$;\n")

    assert error.sqlstate == "22012"
    assert str(error.where).startswith(f"{tmp_path / 'baseline.sql'}:3:1\n  DO $$\n")
    assert any("inline_code_block line 4 at PERFORM" in line for line in error.checked)


@pytest.mark.parametrize(
    ("sql", "sqlstate", "place"),
    [
        ("DO $$\nBEGIN\n  PERFORM now(;\nEND $$", "42601", "3:15"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT nothing\n$$", "42703", "2:10"),
        ("CREATE FUNCTION f() RETURNS int\nBEGIN ATOMIC SELECT nothing; END", "42703", "2:21"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $é$\nBEGIN\n  é oops;\nEND $é$", "42601", "3:3"),
    ],
)
def test_an_error_in_a_body_is_shown_in_the_body(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]], sql: str, sqlstate: str, place: str
) -> None:
    error = _refused(tmp_path, connection, sql)

    assert error.sqlstate == sqlstate
    assert str(error.where).startswith(f"{tmp_path / 'baseline.sql'}:{place}\n")


def test_syntax_that_only_the_server_can_judge_is_shown_where_it_was_written(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    error = _refused(tmp_path, connection, "CREATE TABLE a ();\n-- é\nCREATE TABLE b ();\n CREATE NOVELTY c;\n")

    assert (error.sqlstate, str(error.where).splitlines()[0][-4:]) == ("42601", ":4:9")


def test_a_hint_of_the_server_is_a_remedy(tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    error = _refused(tmp_path, connection, "CREATE TABLE a (id int);\nSELECT ida FROM a;")

    assert "a.id" in error.remedies[0]


def test_commands_of_psql_are_named_as_such(tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    error = _refused(tmp_path, connection, "--\n-- A script\n--\n\n\\set n 1\n\nCREATE TABLE a ();")

    assert str(error.where).splitlines() == [f"{tmp_path / 'baseline.sql'}:5:1", "  \\set n 1", "  ^"]
    assert "\\set" in error.remedies[0]


def test_rows_are_not_copied_to_the_client(tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    error = _refused(tmp_path, connection, "CREATE TABLE a (n int, m int);\n /* rows */ COPY a TO STDOUT;")

    assert "cannot copy from or to the client" in error.what
    assert str(error.where).startswith(f"{tmp_path / 'baseline.sql'}:2:13\n")


def test_a_file_that_is_not_there_is_the_candidates_fault(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    assert _refused(tmp_path, connection, "SELECT pg_stat_file('nowhere');").sqlstate == "58P01"


def test_a_statement_that_ran_out_of_its_time_is_the_candidates_fault(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    slow = "SET statement_timeout = '50ms';\nSELECT pg_sleep(60);"

    assert _refused(tmp_path, connection, slow).sqlstate == "57014"


def test_a_lost_connection_is_no_fault_of_the_candidate(
    tmp_path: Path, server: Server, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        installing = pool.submit(install, _candidate(tmp_path, "SELECT pg_sleep(60);"), connection)
        with psycopg.connect(server.conninfo, autocommit=True) as another:
            ended = "SELECT pg_terminate_backend(%s) FROM pg_stat_activity WHERE pid = %s AND query ~ 'pg_sleep'"
            pid = connection.info.backend_pid
            while not another.execute(ended, [pid, pid]).fetchall():
                assert not installing.done()
        with pytest.raises(psycopg.OperationalError):
            installing.result(timeout=30)


def test_a_candidate_that_ends_its_own_session_is_refused(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    assert _refused(tmp_path, connection, "SELECT pg_terminate_backend(pg_backend_pid());").sqlstate == "57P01"
