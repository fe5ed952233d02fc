"""Statements by which a candidate would reach beyond its own database."""

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
    ],
)
def test_what_changes_a_server_is_refused_on_one_that_is_not_ours(tmp_path: Path, statement: str, what: str) -> None:
    one = made(tmp_path, statement)

    reach.check(one, owned=True)
    with pytest.raises(
        CandidateError, match=f"'one' reaches beyond its own database: {what} changes the server"
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


def test_what_stays_in_the_database_is_let_through(tmp_path: Path) -> None:
    text = (
        "GRANT SELECT ON item TO PUBLIC;\nSET work_mem = '1MB';\nCREATE EXTENSION IF NOT EXISTS pg_trgm;\n"
        "-- name: look\nSELECT 'ALTER SYSTEM' WHERE :key::integer > 0;\n"
    )
    reach.check(made(tmp_path, text), owned=False)


def test_syntax_of_another_version_is_for_the_server_to_judge(tmp_path: Path) -> None:
    file = sqlfile.parse(tmp_path / "x.sql", "CREATE SHINY TABLE item;", CandidateError)
    one = Candidate(name="x", summary="", expects="", bounds=(), file=file)
    reach.check(one, owned=False)
