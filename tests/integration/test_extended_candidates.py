"""Candidates of several files on a real server: differences after what they extend, and folders of migrations."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from schemabench.candidate import Candidate, find, install, notices
from schemabench.errors import CandidateError
from schemabench.server import Database, Server, offering

TABLE = "CREATE TABLE item (key text, n int);\nINSERT INTO item VALUES ('a', 1);\n"


@pytest.fixture
def connection(server: Server, database: Database) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        yield connection


def _found(folder: Path, **files: str) -> dict[str, Candidate]:
    """Write files, of which those with a slash in their name are in folders, and return the candidates."""
    for name, text in files.items():
        path = folder / f"{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return find(folder)


def _one(connection: psycopg.Connection[tuple[object, ...]], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_difference_sees_what_the_schema_before_it_inserted(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    more = "-- extends: baseline\nCREATE TABLE copied AS SELECT * FROM item;\nCREATE INDEX by_n ON item (n);\n"

    assert install(_found(tmp_path, baseline=TABLE, more=more)["more"], connection) == ()
    assert _one(connection, "SELECT count(*) FROM copied") == 1
    assert _one(connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_n'::regclass") is True


def test_a_session_goes_on_after_many_files(tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("SET work_mem = '5MB'; SET statement_timeout = '1min'")
    files = {f"moved/{number:02}": f"CREATE TABLE item_{number} (n int);\n" for number in range(12)}

    assert install(_found(tmp_path, baseline="", **files)["moved"], connection) == ()
    assert [_one(connection, "SELECT current_setting('work_mem')") for _ in range(10)] == ["5MB"] * 10


@pytest.mark.parametrize(
    "filling",
    [
        "CREATE TABLE copied AS SELECT * FROM item WHERE n > 1;",
        "CREATE TABLE copied (n int); INSERT INTO copied SELECT n FROM item WHERE n > 1;",
        "UPDATE item SET n = 0 WHERE n > 1;",
    ],
)
def test_what_would_fill_a_table_and_finds_no_rows_is_told_with_the_reason(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]], filling: str
) -> None:
    one = _found(tmp_path, baseline=TABLE, more=f"-- extends: baseline\n\n{filling}\n")["more"]

    (said,) = notices(one, install(one, connection))

    assert said.code == "schema-found-no-rows"
    assert "found no rows, because rows are loaded after the schema, by operations: more.sql:3" in said.text


def test_each_file_begins_with_the_settings_of_who_opened_the_session(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    base = f"{TABLE}SET search_path = pg_catalog;\nSET work_mem = '1GB';\nCREATE TEMP TABLE gone ();\n"
    more = "-- extends: baseline\nCREATE TABLE seen AS SELECT current_setting('work_mem') AS work_mem FROM item;\n"
    connection.execute("SET work_mem = '9MB'")

    install(_found(tmp_path, baseline=base, more=more)["more"], connection)

    assert _one(connection, "SELECT work_mem FROM seen") == "9MB"
    assert _one(connection, "SELECT to_regclass('pg_temp.gone')") is None
    assert _one(connection, "SHOW work_mem") == "9MB"


def test_an_error_is_shown_in_the_file_that_has_it(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    found = _found(tmp_path, baseline=f"{TABLE}SELECT oops;\n", more="-- extends: baseline\n")

    with pytest.raises(CandidateError, match="The server refused the candidate 'more'") as caught:
        install(found["more"], connection)
    assert str(caught.value.where).startswith(f"{tmp_path}/baseline.sql:3:8\n")


def test_an_error_in_a_migration_is_shown_there(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    migration = "-- migrate:up\nCREATE TABLE b ();\nALTER TABLE item ADD x oops;\n-- migrate:down\n"
    found = _found(tmp_path, baseline=TABLE, **{"next/1_a": TABLE, "next/2_b": migration})

    with pytest.raises(CandidateError, match='type "oops" does not exist') as caught:
        install(found["next"], connection)
    assert str(caught.value.where).startswith(f"{tmp_path}/next/2_b.sql:3:24\n")


def test_migrations_are_transactions_each(tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    found = _found(
        tmp_path,
        baseline="",
        **{
            "next/1_a": "CREATE TABLE a (n int);\nLOCK TABLE a;\nSET LOCAL work_mem = '1GB';\n",
            "next/2_b": "CREATE INDEX CONCURRENTLY a_by_n ON a (n);\n",
            "next/3_c": "CREATE TABLE b AS SELECT current_setting('work_mem') AS work_mem;\n",
        },
    )

    install(found["next"], connection)

    assert _one(connection, "SELECT work_mem FROM b") == _one(connection, "SHOW work_mem")
    assert _one(connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_by_n'::regclass") is True


def test_a_constraint_that_fails_at_the_end_of_a_migration_is_shown_there(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    deferred = "CREATE TABLE a (n int UNIQUE DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO a VALUES (1), (1);\n"

    with pytest.raises(CandidateError, match="duplicate key value") as caught:
        install(_found(tmp_path, baseline="", **{"next/1_a": deferred})["next"], connection)
    assert str(caught.value.where).startswith(f"{tmp_path}/next/1_a.sql:2:")


def test_a_transaction_that_is_left_open_is_refused(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    with pytest.raises(CandidateError, match="leaves a transaction open") as caught:
        install(_found(tmp_path, baseline=f"BEGIN;\n{TABLE}")["baseline"], connection)
    assert "write COMMIT" in caught.value.remedies


def test_parts_are_kept_apart_in_what_is_extended_and_what_extends(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    section = "-- for each part\n{}\n-- end\n"
    found = _found(
        tmp_path,
        baseline=section.format('CREATE SCHEMA :"part"; CREATE TABLE :"part".a (n int);'),
        more="-- extends: baseline\n" + section.format('ALTER TABLE :"part".a ADD m int;'),
    )

    install(found["more"], connection, [{"part": "north"}, {"part": "south"}])

    query = "SELECT array_agg(attrelid::regclass::text ORDER BY 1) FROM pg_attribute WHERE attname = 'm' AND attnum > 0"
    assert _one(connection, f"{query} AND attrelid::regclass::text ~ 'north|south'") == ["north.a", "south.a"]


def test_an_extension_that_the_server_lacks_is_named_with_servers_that_have_it(
    tmp_path: Path, connection: psycopg.Connection[tuple[object, ...]]
) -> None:
    one = _found(tmp_path, baseline="CREATE EXTENSION IF NOT EXISTS unheard WITH SCHEMA public;\n")["baseline"]

    with pytest.raises(CandidateError, match="needs the extension 'unheard', which the server does not have") as caught:
        install(one, connection, [], lambda name: [f"--postgres 15 (has {name})"])
    assert str(caught.value.where).startswith(f"{tmp_path}/baseline.sql:1:1\n")
    assert caught.value.remedies[0] == "use a server that has it: --postgres 15 (has unheard)"

    with pytest.raises(CandidateError) as caught:
        install(one, connection)
    assert caught.value.checked == ("other servers of this machine: none has it",)


def test_servers_that_offer_an_extension_are_those_whose_programs_have_it() -> None:
    every, none = offering("plpgsql"), offering("unheard")

    assert every
    assert all(one.startswith("--postgres ") for one in every)
    assert none == ()
