"""Folders of migrations as candidates: which files are applied, in which order, and which part of each."""

from pathlib import Path

import pytest

from schemabench.candidate import Candidate, find
from schemabench.errors import CandidateError
from schemabench.sqlfile import ordered

TABLE = "CREATE TABLE item (key text);\n"
DBMATE = "-- migrate:up\nCREATE TABLE a ();\n\n-- migrate:down\nDROP TABLE a;\n"
GOOSE = """\
-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;
-- +goose StatementEnd
CREATE TABLE a ();

-- +goose Down
DROP TABLE a;
"""


def _candidate(folder: Path, **files: str) -> Candidate:
    """Return the candidate of a folder with files."""
    (folder / "baseline.sql").write_text(TABLE, encoding="utf-8")
    migrations = folder / "next"
    migrations.mkdir(exist_ok=True)
    for name, text in files.items():
        (migrations / name).write_text(text, encoding="utf-8")
    return find(folder)["next"]


def _refused(folder: Path, **files: str) -> CandidateError:
    with pytest.raises(CandidateError) as caught:
        _candidate(folder, **files)
    return caught.value


def _statements(one: Candidate) -> list[str]:
    found = [each.text.sql for section in one.schema for each in section.statements]
    return [sql.strip().splitlines()[-1] for sql in found if sql.strip()]


@pytest.mark.parametrize(
    "names",
    [
        ["V1__a.sql", "V1.1__c.sql", "V1_2__b.sql", "V2__b.sql", "V10__a.sql", "R__a.sql", "R__b.sql"],
        ["1_z.up.sql", "2_b.up.sql", "10_a.up.sql"],
        ["20240101000000_z.sql", "20240102000000_a.sql"],
        ["001_z.sql", "002_a.sql", "010_b.sql", "tables.sql"],
        ["step2.sql", "step10.sql"],
        ["a.sql", "b.sql"],
    ],
)
def test_files_are_applied_in_order_of_their_versions(names: list[str]) -> None:
    paths = [Path("next") / name for name in names]

    assert [path.name for path in ordered(list(reversed(paths)), CandidateError)] == names


def test_what_undoes_a_migration_is_left_out() -> None:
    names = ["V1__a.sql", "U1__a.sql"], ["1_a.up.sql", "1_a.down.sql"]

    assert [path.name for some in names for path in ordered([Path(name) for name in some], CandidateError)] == [
        "V1__a.sql",
        "1_a.up.sql",
    ]


@pytest.mark.parametrize("text", [DBMATE, GOOSE, DBMATE.replace("-- migrate", "--migrate"), GOOSE.lower()])
def test_the_part_that_is_applied_ends_where_the_other_begins(tmp_path: Path, text: str) -> None:
    one = _candidate(tmp_path, **{"001_a.sql": text})

    assert _statements(one)[-1].lower() == "create table a ()"
    assert "drop" not in one.sql.lower()
    assert one.name == "next"
    assert one.path == tmp_path / "next"


def test_a_single_file_of_such_a_tool_is_read_likewise(tmp_path: Path) -> None:
    (tmp_path / "baseline.sql").write_text(TABLE, encoding="utf-8")
    (tmp_path / "next.sql").write_text(f"-- summary: by dbmate\n{DBMATE}-- name: read\nSELECT 1;\n", encoding="utf-8")
    one = find(tmp_path)["next"]

    assert _statements(one) == ["CREATE TABLE a ()"]
    assert one.summary == "by dbmate"
    assert list(one.operations) == ["read"]
    assert "DROP" not in one.sql


@pytest.mark.parametrize(
    ("name", "text", "together"),
    [
        ("1.sql", "CREATE TABLE a ();", True),
        ("1.sql", "CREATE INDEX CONCURRENTLY ON a (b);", False),
        ("1.sql", "ALTER TABLE a DETACH PARTITION b CONCURRENTLY;", False),
        ("1.sql", "VACUUM a;", False),
        ("1.sql", "REINDEX TABLE CONCURRENTLY a;", False),
        ("1.sql", DBMATE, True),
        ("1.sql", DBMATE.replace("up", "up transaction:false"), False),
        ("1.sql", GOOSE, True),
        ("1.sql", f"-- +goose NO TRANSACTION\n{GOOSE}", False),
    ],
)
def test_a_migration_is_one_transaction_unless_it_cannot_be(
    tmp_path: Path, name: str, text: str, *, together: bool
) -> None:
    (migration,) = _candidate(tmp_path, **{name: text}).migrations

    assert migration.one_transaction is together


def test_headers_and_operations_are_in_a_file_of_their_own(tmp_path: Path) -> None:
    about = "-- candidate: later\n-- summary: s\n-- extends: baseline\n-- name: read\nSELECT 1;\n"
    (tmp_path / "baseline.sql").write_text(TABLE, encoding="utf-8")
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "candidate.sql").write_text(about, encoding="utf-8")
    (tmp_path / "next" / "2_b.sql").write_text("CREATE TABLE b ();", encoding="utf-8")
    (tmp_path / "next" / "1_a.sql").write_text(DBMATE, encoding="utf-8")
    one = find(tmp_path)["later"]

    assert one.summary == "s"
    assert _statements(one) == [TABLE.rstrip(";\n"), "CREATE TABLE a ()", "CREATE TABLE b ()"]
    assert list(one.operations) == ["read"]
    assert one.sql == (
        "-- candidate: later\n-- summary: s\n-- extends: baseline\n\n"
        "-- 1_a.sql\nCREATE TABLE a ();\n\n-- 2_b.sql\nCREATE TABLE b ();\n\n-- name: read\nSELECT 1;\n"
    )


@pytest.mark.parametrize(
    ("files", "what", "where"),
    [
        ({"candidate.sql": TABLE, "1.sql": TABLE}, "what comes first is not said", "candidate.sql:1:1"),
        ({"1.sql": "-- extends: baseline\n"}, "The header 'extends' has no effect in a migration", "1.sql:1:1"),
        ({"1.sql": f"{TABLE}-- name: read\nSELECT 1;"}, "The operation 'read' stands in a migration", "1.sql:2:14"),
        ({"1.sql": "-- migrate:down\nDROP TABLE a;"}, "says what undoes it, and not what it does", "1.sql:1:1"),
        ({"1.sql": f"-- as before\n{TABLE}{DBMATE}"}, "stands above `-- migrate:up`, and would not be", "1.sql:2:1"),
        ({"1.sql": f"-- migrate:down\nDROP TABLE a;\n{DBMATE}"}, "stands above `-- migrate:up`", "1.sql:2:1"),
        ({"1.sql": f"{GOOSE}{GOOSE}"}, "stands in a file that has one already, at line 1", "1.sql:9:1"),
        ({"V1__a.sql": "\nCREATE TABLE ${schema}.a ();"}, "${schema} is a placeholder", "V1__a.sql:2:14"),
        ({"1.sql": f"-- +goose ENVSUB ON\n{GOOSE}"}, "takes values from the environment", "1.sql:1:1"),
        ({"V1__a.sql": "", "afterMigrate.sql": ""}, "is not named as Flyway names migrations", "afterMigrate.sql:1:1"),
        ({"1_a.up.sql": "", "2_b.sql": ""}, "is not named as golang-migrate names migrations", "2_b.sql:1:1"),
        ({"V1__a.sql": "", "B2__b.sql": ""}, "is a baseline migration", "B2__b.sql:1:1"),
        ({"1_a.sql": "", "2_b.go": ""}, "is a program, and a candidate is SQL", None),
        ({"1.sql": "SELECT 'open;\n"}, "unterminated quoted string", "1.sql:1:8"),
    ],
)
def test_what_cannot_be_a_migration_is_refused(
    tmp_path: Path, files: dict[str, str], what: str, where: str | None
) -> None:
    error = _refused(tmp_path, **files)

    assert what in error.what
    assert where is None or str(error.where).startswith(f"{tmp_path}/next/{where}")
    assert error.remedies or "Postgres cannot read" in error.what


def test_a_folder_without_sql_is_no_candidate(tmp_path: Path) -> None:
    (tmp_path / "baseline.sql").write_text(TABLE, encoding="utf-8")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("-- candidate: no", encoding="utf-8")

    assert list(find(tmp_path)) == ["baseline"]


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "next.sql").write_text(TABLE, encoding="utf-8")

    assert "Two candidates are named 'next'" in _refused(tmp_path, **{"1.sql": TABLE}).what


def test_a_folder_may_be_the_baseline(tmp_path: Path) -> None:
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline" / "1.sql").write_text(TABLE, encoding="utf-8")

    assert find(tmp_path)["baseline"].path == tmp_path / "baseline"


def test_a_dump_in_the_format_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline" / "toc.dat").write_bytes(b"PGDMP\1")

    with pytest.raises(CandidateError, match="is an archive of pg_dump"):
        find(tmp_path)
