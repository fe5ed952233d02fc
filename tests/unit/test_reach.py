"""Statements by which a candidate would reach beyond its own database."""

import re
from pathlib import Path

import pytest

from schemabench import candidate, reach, sqlfile
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError

TABLE = "CREATE TABLE item (key integer);\n"
PROGRAM = "COPY item TO PROGRAM 'cat > /tmp/x';"


def made(tmp_path: Path, text: str) -> Candidate:
    (tmp_path / "baseline.sql").write_text(TABLE, encoding="utf-8")
    (tmp_path / "one.sql").write_text(TABLE + text, encoding="utf-8")
    return candidate.find(tmp_path)["one"]


@pytest.mark.parametrize("levels", [300, 3_000])
def test_a_statement_may_be_nested_as_deeply_as_the_server_allows(tmp_path: Path, levels: int) -> None:
    deep = f"{'f(' * levels}1{' + 1)' * levels}"
    one = made(tmp_path, f"CREATE VIEW v AS SELECT {deep};\n\n-- name: look\nSELECT {deep} AS a;\n")

    reach.check(one, owned=False)

    with pytest.raises(CandidateError, match="pg_drop_replication_slot"):
        reach.check(made(tmp_path, f"SELECT {deep.replace('1', 'pg_drop_replication_slot(1)')};"), owned=False)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("ALTER SYSTEM SET work_mem = '1GB';", "ALTER SYSTEM"),
        ("CREATE ROLE reader;", "CREATE ROLE"),
        ("CREATE USER reader LOGIN;", "CREATE ROLE"),
        ("ALTER ROLE postgres SET jit = off;", "ALTER ROLE ... SET"),
        ("GRANT pg_read_all_data TO public_reader;", "GRANT or REVOKE of a role"),
        ("CREATE TABLESPACE fast LOCATION '/fast';", "CREATE TABLESPACE"),
        ("DROP DATABASE shop;", "DROP DATABASE"),
        ("GRANT CONNECT ON DATABASE shop TO reader;", "GRANT or REVOKE on what all databases share"),
        ("REVOKE CREATE ON TABLESPACE fast FROM reader;", "GRANT or REVOKE on what all databases share"),
        ("GRANT SET ON PARAMETER work_mem TO reader;", "GRANT or REVOKE on what all databases share"),
        ("COMMENT ON DATABASE shop IS 'x';", "COMMENT on what all databases share"),
        ("COMMENT ON ROLE reader IS 'x';", "COMMENT on what all databases share"),
        ("COMMENT ON TABLESPACE fast IS 'x';", "COMMENT on what all databases share"),
        ("ALTER DATABASE shop RENAME TO shop2;", "RENAME of what all databases share"),
        ("ALTER ROLE reader RENAME TO reader2;", "RENAME of what all databases share"),
        ("ALTER TABLESPACE fast RENAME TO slow;", "RENAME of what all databases share"),
        ("ALTER DATABASE shop OWNER TO reader;", "ALTER ... OWNER of what all databases share"),
        ("REASSIGN OWNED BY reader TO writer;", "REASSIGN OWNED"),
        ("DROP OWNED BY reader;", "DROP OWNED"),
        ("CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p;", "CREATE SUBSCRIPTION"),
        ("DROP SUBSCRIPTION s;", "DROP SUBSCRIPTION"),
        ("PREPARE TRANSACTION 'g';", "a prepared transaction"),
        ("ROLLBACK PREPARED 'g';", "a prepared transaction"),
        ("UPDATE pg_catalog.pg_authid SET rolsuper = true;", "a write to pg_authid"),
        ("WITH a AS (DELETE FROM pg_database RETURNING 1) SELECT FROM a;", "a write to pg_database"),
        ("EXPLAIN ANALYZE UPDATE pg_database SET datname = 'x';", "a write to pg_database"),
        ("SELECT pg_create_physical_replication_slot('s');", "pg_create_physical_replication_slot()"),
        ("SELECT pg_catalog.pg_drop_replication_slot('s');", "pg_drop_replication_slot()"),
        ("SELECT pg_replication_origin_create('o');", "pg_replication_origin_create()"),
        ("SELECT lo_export(1, '/tmp/x');", "lo_export()"),
        ("SET standard_conforming_strings = off;", "SET standard_conforming_strings"),
    ],
)
def test_what_changes_a_server_is_refused_on_one_that_is_not_ours(tmp_path: Path, statement: str, what: str) -> None:
    one = made(tmp_path, statement)

    reach.check(one, owned=True)
    with pytest.raises(
        CandidateError, match=re.escape(f"'one' reaches beyond its own database: {what} changes the server")
    ) as caught:
        reach.check(one, owned=False)
    assert caught.value.where is not None
    assert caught.value.where.line == 2
    assert any(reach.FLAG in remedy for remedy in caught.value.remedies)


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("text", [PROGRAM, f"-- name: look\n{PROGRAM}\n", "COPY item FROM PROGRAM 'ls';"])
def test_a_program_is_run_on_no_server(tmp_path: Path, text: str, owned: bool) -> None:  # noqa: FBT001 (either server)
    with pytest.raises(CandidateError, match="runs a program on the server's machine"):
        reach.check(made(tmp_path, text), owned=owned)


@pytest.mark.parametrize("statement", ["COPY item TO '/tmp/x';", "COPY item FROM '/etc/passwd';"])
def test_files_of_a_server_that_is_not_ours_are_left_alone(tmp_path: Path, statement: str) -> None:
    one = made(tmp_path, statement)

    reach.check(one, owned=True)
    with pytest.raises(CandidateError, match="COPY reads or writes a file of the server's machine"):
        reach.check(one, owned=False)


def test_what_stays_in_the_database_is_let_through(tmp_path: Path) -> None:
    text = (
        "GRANT SELECT ON item TO PUBLIC;\nCOMMENT ON TABLE item IS 'x';\nALTER TABLE item RENAME TO thing;\n"
        "ALTER TABLE thing OWNER TO CURRENT_USER;\nSELECT datname FROM pg_database;\nPREPARE p AS SELECT 1;\n"
        "BEGIN;\nCOMMIT;\nSET work_mem = '1MB';\nSET standard_conforming_strings = on;\n"
        "CREATE EXTENSION IF NOT EXISTS pg_trgm;\n"
        "-- name: look\nSELECT 'ALTER SYSTEM' WHERE :key::integer > 0;\n"
    )
    reach.check(made(tmp_path, text), owned=False)


def test_syntax_of_another_version_is_for_the_server_to_judge(tmp_path: Path) -> None:
    file = sqlfile.parse(tmp_path / "x.sql", "CREATE SHINY TABLE item;", CandidateError)
    one = Candidate(name="x", summary="", expects="", bounds=(), file=file)
    reach.check(one, owned=False)


@pytest.mark.parametrize("owned", [True, False])
def test_a_program_in_a_statement_that_cannot_be_read_is_refused(tmp_path: Path, owned: bool) -> None:  # noqa: FBT001 (either server)
    text = "COPY (SELECT 1 FROM pg_class system_user LIMIT 1) TO PROGRAM 'touch /tmp/x';"  # reserved since 16

    with pytest.raises(CandidateError, match="cannot be parsed, and contains the word PROGRAM") as caught:
        reach.check(made(tmp_path, text), owned=owned)
    assert caught.value.where is not None
    assert caught.value.where.line == 2


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("CREATE ROLE system_user PASSWORD 'x';", "ROLE"),
        ("create user system_user;", "USER"),
        ("ALTER GROUP system_user ADD USER a;", "GROUP"),
        ("ALTER SYSTEM SET shiny.system_user.x TO system_user;", "SYSTEM"),
        ("GRANT a TO system_user;", "GRANT"),
        ("UPDATE pg_authid system_user SET rolsuper = true;", "pg_authid"),
        ('UPDATE "pg_authid" system_user SET rolsuper = true;', "pg_authid"),
        ("SELECT pg_create_physical_replication_slot('s') FROM a system_user;", "pg_create_physical_replication_slot"),
        ("COPY shiny system_user TO '/tmp/x';", "COPY"),
    ],
)
def test_what_cannot_be_read_and_might_reach_a_server_needs_the_users_word(
    tmp_path: Path, statement: str, word: str
) -> None:
    one = made(tmp_path, statement)

    reach.check(one, owned=True)
    with pytest.raises(CandidateError, match=f"cannot be parsed, and contains the word {word}") as caught:
        reach.check(one, owned=False)
    assert any(reach.FLAG in remedy for remedy in caught.value.remedies)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SHINY TABLE item (grants integer);",
        "CREATE SHINY TABLE item AS SELECT 'DROP ROLE x; COPY a TO PROGRAM', count(*) FROM a GROUP BY 1;",
        'CREATE SHINY TABLE item /* ALTER SYSTEM */ ("role" integer); -- DROP DATABASE',
    ],
)
def test_words_in_texts_comments_and_names_are_no_reason_to_refuse(tmp_path: Path, statement: str) -> None:
    file = sqlfile.parse(tmp_path / "x.sql", statement, CandidateError)
    reach.check(Candidate(name="x", summary="", expects="", bounds=(), file=file), owned=False)
