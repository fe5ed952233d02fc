"""Files as psql reads them: rows and commands are left out, lines are counted on, and nothing else is touched."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pglast.parser import scan

from schemabench.errors import CandidateError
from schemabench.sqlfile import SqlFile, dump, read, sections

BODY = "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '\n\\restrict x\nCOPY a FROM stdin;\n1\n' $$;\n"
ROWS = st.lists(st.text(alphabet="ab\t'\"$;-é🎉", max_size=8).filter(lambda row: row != "\\."), max_size=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dumps")


def _read(folder: Path, text: str | bytes) -> SqlFile:
    path = folder / "baseline.sql"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path, CandidateError)


def _refused(folder: Path, text: str | bytes) -> CandidateError:
    with pytest.raises(CandidateError) as caught:
        _read(folder, text)
    return caught.value


@given(ROWS, ROWS)
def test_rows_are_told_by_number_and_digest_and_lines_are_counted_on(
    folder: Path, first: list[str], second: list[str]
) -> None:
    blocks = ["".join(f"{row}\n" for row in rows) for rows in (first, second)]
    text = f"-- é\nCREATE TABLE a (n text);\nCOPY a\nFROM stdin;\n{blocks[0]}\\.\n\n{BODY}COPY a (n) FROM STDIN ;\n"
    file = _read(folder, f"{text}{blocks[1]}\\.\nSELECT 1;\n")
    (section,) = sections(file.preamble, CandidateError)
    last = section.statements[-1].text

    told = [
        f"-- {len(rows)} row{'' if len(rows) == 1 else 's'}, sha256 {sha256(block.encode()).hexdigest()[:16]}"
        for rows, block in zip((first, second), blocks, strict=True)
    ]
    assert [line for line in file.source.splitlines() if "sha256" in line] == told
    content = file.path.read_bytes()
    found = [content[slice(*one.rows)].decode() for one in file.preamble.omissions if one.rows]
    assert found == blocks
    assert BODY in file.source
    assert last.place(last.sql.index("SELECT")).line == content.decode().count("\n")


def test_rows_of_other_encodings_are_left_as_they_are(folder: Path) -> None:
    file = _read(folder, b"COPY a FROM stdin;\n\xe9\xff\n\\.\nSELECT 1;\n")

    assert "-- 1 row, sha256" in file.source


def test_lines_that_end_as_on_windows_are_read_alike(folder: Path) -> None:
    file = _read(folder, "\ufeff-- summary: a\r\nCOPY a FROM stdin;\r\n1\r\n\\.\r\nSELECT 1;\r\n")

    assert file.headers == {"summary": "a"}
    assert "\r" not in file.source
    assert file.source.endswith("\nSELECT 1;\n")


@pytest.mark.parametrize("word", ["\\restrict abc", "\\unrestrict abc"])
def test_commands_of_a_dump_become_comments(folder: Path, word: str) -> None:
    assert _read(folder, f"{word}\nSELECT 1;\n").source == f"-- {word}\nSELECT 1;\n"


@pytest.mark.parametrize("text", ["\\set n 1\n", BODY, "/* a\n\\restrict x\n*/\n", "SELECT 'COPY a FROM stdin;\n';\n"])
def test_all_else_is_left_as_it_is(folder: Path, text: str) -> None:
    assert _read(folder, text).source == text


def test_operations_that_copy_are_followed_by_no_rows(folder: Path) -> None:
    text = "-- name: load\nCOPY a (n) FROM STDIN;\n-- name: read\nSELECT 1;\n"

    assert _read(folder, text).source == text
    assert list(_read(folder, f"COPY a FROM stdin;\n-- name: is a row\n\\.\n{text}").operations) == ["load", "read"]


def test_what_belongs_to_another_database_is_left_out_but_the_headers(folder: Path) -> None:
    above = "-- summary: a\n--\n\nCREATE DATABASE shop;\n\\connect shop\nSET a = 1;\nALTER DATABASE shop SET a = 2;\n"
    file = _read(folder, f"{above}\\connect shop\nCREATE TABLE a ();\n")
    (section,) = sections(file.preamble, CandidateError)
    (statement,) = section.statements

    assert file.headers == {"summary": "a"}
    assert file.connects
    assert "DATABASE" not in file.source.replace("another database", "")
    assert statement.text.place(statement.text.sql.index("CREATE")).line == 9


def test_several_databases_are_refused(folder: Path) -> None:
    error = _refused(folder, "SELECT 1;\n\\connect a\nSELECT 1;\n\\connect b\n")

    assert "holds several databases: a and b" in error.what
    assert str(error.where).startswith(f"{folder}/baseline.sql:4:1\n")


@pytest.mark.parametrize(
    ("above", "place"),
    [
        ("-- a table\nCREATE TABLE a ();\n", "2:1"),
        ("SET a = 1;\nCREATE DATABASE shop;\n\n  CREATE ROLE app;\n", "4:3"),
        ("COPY a FROM stdin;\n1\n\\.\n", "1:1"),
        ("CREATE DATABASE shop;\n\\connect shop\nCREATE TABLE a ();\n", "3:1"),
    ],
)
def test_what_would_be_lost_above_a_connect_is_refused(folder: Path, above: str, place: str) -> None:
    error = _refused(folder, f"{above}\\connect shop\nCREATE TABLE b ();\n")

    assert error.what == "What stands above `\\connect shop` is for another database"
    assert str(error.where).startswith(f"{folder}/baseline.sql:{place}\n")


def test_what_a_dump_says_of_its_database_is_left_out(folder: Path) -> None:
    above = (
        "SET a = 1;\nSELECT pg_catalog.set_config('search_path', '', false);\nDROP DATABASE IF EXISTS shop;\n"
        "CREATE DATABASE shop;\nALTER DATABASE shop OWNER TO app;\nCOMMENT ON DATABASE shop IS 'a; b';\n"
        "UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = 'shop';\n"
    )
    file = _read(folder, f"{above}\\connect -reuse-previous=on \"dbname='shop'\"\nCREATE TABLE b ();\n")

    assert file.connects
    assert file.source.endswith("database\nCREATE TABLE b ();\n")


@pytest.mark.parametrize("line", ["\\c\n", "\\connect - app\n"])
def test_a_connect_to_the_same_database_leaves_nothing_out(folder: Path, line: str) -> None:
    text = f"CREATE TABLE a ();\n{line}CREATE TABLE b ();\n"

    assert _read(folder, text).source == text


def test_statements_that_look_like_rows_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "INSERT INTO a VALUES ('from stdin; ');\n" * 200
    read: list[int] = []
    monkeypatch.setattr(dump, "scan", lambda sql: read.append(len(sql)) or scan(sql))

    assert _read(folder, text).source == text
    assert sum(read) == len(text)


def test_rows_without_an_end_are_refused_at_their_copy(folder: Path) -> None:
    error = _refused(folder, "COPY a FROM stdin;\n1\n\\.\n\nCOPY b FROM stdin;\n2\n")

    assert error.what == "The rows after this COPY have no end"
    assert str(error.where).startswith(f"{folder}/baseline.sql:5:1\n  COPY b FROM stdin;\n")


@pytest.mark.parametrize("text", [b"PGDMP\x01\x0e", b"toc.dat\0\0\0"])
def test_an_archive_is_refused(folder: Path, text: bytes) -> None:
    assert "is an archive of pg_dump, not SQL" in _refused(folder, text).what
