"""Dumps by pg_dump as candidates: as it writes them, in every version, on servers without the roles of the origin."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dumped
import psycopg
import pytest
import servers

from schemabench import reach, statements
from schemabench.candidate import Candidate, find, install, notices
from schemabench.errors import CandidateError
from schemabench.server import Database, Server

OF_A_ROLE = "CREATE POLICY readers ON public.orders FOR SELECT TO dump_reader USING (amount > 0);"


class Origin(NamedTuple):
    """Where schemas are dumped, and installed again."""

    server: Server
    programs: Path
    """Its folder of programs."""
    major: int


@pytest.fixture(scope="module", params=servers.ENDS)
def origin(request: pytest.FixtureRequest) -> Iterator[Origin]:
    major = request.param
    folder = servers.FOUND[major].folder
    with servers.serving(f"local:{folder}", settings={}, clients=10, run_id="dumps") as server:
        yield Origin(server, folder, major)


@pytest.fixture(scope="module")
def whole(origin: Origin) -> bytes:
    return dumped.dump(origin.server, origin.programs)


@pytest.fixture
def empty(origin: Origin) -> Iterator[Database]:
    database = origin.server.create("restored")
    yield database
    origin.server.drop(database)


def _candidate(folder: Path, text: bytes, **others: str) -> Candidate:
    (folder / "baseline.sql").write_bytes(text)
    for name, sql in others.items():
        (folder / f"{name}.sql").write_text(sql, encoding="utf-8")
    return find(folder)[next(iter(others), "baseline")]


def _installed(one: Candidate, server: Server, database: Database) -> tuple[str, ...]:
    """Install a candidate; return what is noted."""
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        return tuple(notice.text for notice in notices(one, install(one, connection)))


def test_a_dump_is_installed_as_it_is(tmp_path: Path, origin: Origin, whole: bytes, empty: Database) -> None:
    said = _installed(_candidate(tmp_path, whole), origin.server, empty)
    again = origin.server.create("again")
    with psycopg.connect(origin.server.conninfo_for(again.name), autocommit=True) as connection:
        for role in dumped.ROLES:
            connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(dumped.SCHEMA.encode())

    try:
        assert dumped.outline(origin.server, origin.programs, empty.name) == dumped.outline(
            origin.server, origin.programs, again.name
        )
    finally:
        dumped.forget(origin.server.conninfo_for(again.name))
        origin.server.drop(again)
    assert len(said) == 1
    assert re.search(r"\d+ statements on owners .* since the server has no role dump_owner, dump_reader$", said[0])


def test_rows_of_a_dump_are_loaded(tmp_path: Path, origin: Origin, whole: bytes, empty: Database) -> None:
    _installed(_candidate(tmp_path, whole), origin.server, empty)

    with psycopg.connect(origin.server.conninfo_for(empty.name)) as connection:
        names = connection.execute("SELECT name, tags FROM customers ORDER BY id").fetchall()
        assert names == [("a's\tb\n\\.\nc", ["x", "y"]), ("é🎉", []), ("\\N", [])]
        assert connection.execute("SELECT count(*), sum(amount) FROM orders").fetchone() == (61, 1830)
        assert connection.execute("SELECT count(*) FROM orders_rest").fetchone() == (34,)
        assert connection.execute("SELECT sum(amount) FROM totals").fetchone() == (1830,)
        (what,) = connection.execute("SELECT what FROM audit.log LIMIT 1").fetchone() or ("",)
        assert what.splitlines()[1:3] == ["\\restrict is no command here", "COPY public.orders FROM stdin;"]


def test_later_sessions_have_the_search_path_of_the_server(
    tmp_path: Path, origin: Origin, whole: bytes, empty: Database
) -> None:
    more = "-- extends: baseline\nCREATE INDEX orders_by_customer ON orders (customer);\n"
    said = _installed(_candidate(tmp_path, whole, faster=more), origin.server, empty)

    assert said == (), "the baseline says what is passed over"
    with psycopg.connect(origin.server.conninfo_for(empty.name)) as connection:
        assert connection.execute("SHOW search_path").fetchone() == ('"$user", public',)
        assert connection.execute("SELECT 'orders_by_customer'::regclass").fetchone() == ("orders_by_customer",)


def test_what_is_said_of_the_database_itself_is_passed_over(tmp_path: Path, origin: Origin, empty: Database) -> None:
    one = _candidate(tmp_path, b"-- summary: as it is\n" + dumped.dump(origin.server, origin.programs, "--create"))
    reach.check(one, owned=False)

    (said,) = _installed(one, origin.server, empty)

    assert one.summary == "as it is"
    assert "what pg_dump --create writes about the database itself" in said
    with psycopg.connect(origin.server.conninfo_for(empty.name)) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (61,)
        assert connection.execute("SHOW jit").fetchone() == ("on",)


def test_a_dump_of_one_schema_creates_what_a_new_database_has(tmp_path: Path, origin: Origin, empty: Database) -> None:
    without = ("--exclude-table=orders*", "--exclude-table=totals")  # they need another schema
    text = dumped.dump(origin.server, origin.programs, "--schema=public", "--no-owner", *without)

    (said,) = _installed(_candidate(tmp_path, text), origin.server, empty)

    assert "CREATE SCHEMA public, which exists" in said


def test_an_archive_is_refused_with_how_to_make_sql_of_it(tmp_path: Path, origin: Origin) -> None:
    for flag, name in (("-Fc", "baseline.sql"), ("-Ft", "baseline.sql"), ("-Fc", "baseline.dump")):
        path = tmp_path / flag / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(dumped.dump(origin.server, origin.programs, flag))
        with pytest.raises(CandidateError, match="is an archive of pg_dump, not SQL") as caught:
            find(path.parent)
        assert caught.value.remedies == (
            f"write its schema as SQL: pg_restore --schema-only -f {path.parent}/NAME.sql {path}",
        )
        path.unlink()


def test_a_policy_for_a_role_that_is_not_there_is_refused_with_how_to_have_it(
    tmp_path: Path, origin: Origin, empty: Database
) -> None:
    text = dumped.dump(origin.server, origin.programs, policy=OF_A_ROLE)

    with pytest.raises(CandidateError, match='role "dump_reader" does not exist') as caught:
        _installed(_candidate(tmp_path, text), origin.server, empty)

    assert caught.value.remedies[0].endswith("Writer(role='dump_reader')")
    assert caught.value.where is not None
    assert caught.value.where.text.startswith("CREATE POLICY readers")
    assert caught.value.where.line == 1 + text.decode().splitlines().index(caught.value.where.text)


def test_owners_as_whom_the_session_must_not_act_are_passed_over(
    tmp_path: Path, origin: Origin, empty: Database
) -> None:
    one = _candidate(tmp_path, b"CREATE SCHEMA own;\nCREATE TABLE own.a ();\nALTER TABLE own.a OWNER TO postgres;\n")
    with psycopg.connect(origin.server.conninfo_for(empty.name), autocommit=True) as connection:
        connection.execute("CREATE ROLE limited")
        connection.execute(f"GRANT CREATE ON DATABASE {empty.name} TO limited".encode())
        connection.execute("SET ROLE limited")
        (said,) = notices(one, install(one, connection))
        connection.execute("RESET ROLE")
        connection.execute("DROP OWNED BY limited CASCADE")
        connection.execute("DROP ROLE limited")

    assert said.text.endswith("1 statement that would give something to postgres, as whom the session must not act")


def test_a_mapping_of_a_role_that_is_not_there_is_passed_over(tmp_path: Path, origin: Origin, empty: Database) -> None:
    text = (
        "CREATE FOREIGN DATA WRAPPER far;\nCREATE SERVER there FOREIGN DATA WRAPPER far;\n"
        "CREATE USER MAPPING FOR dump_reader SERVER there;\nCREATE USER MAPPING FOR PUBLIC SERVER there;\n"
    )

    (said,) = _installed(_candidate(tmp_path, text.encode()), origin.server, empty)

    assert "1 statement on user mappings of foreign servers, since the server has no role dump_reader" in said
    with psycopg.connect(origin.server.conninfo_for(empty.name)) as connection:
        assert connection.execute("SELECT umuser FROM pg_user_mapping").fetchall() == [(0,)]


def test_a_dump_is_not_read_again_for_what_is_passed_over(
    tmp_path: Path, origin: Origin, empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [f"CREATE TABLE t{n} (password text);\nALTER TABLE t{n} OWNER TO dump_owner;\n" for n in range(9)]
    candidate = _candidate(tmp_path, "".join(tables).encode())
    monkeypatch.setattr(statements, "redact_sql", lambda sql: pytest.fail(f"{len(sql)} characters are read again"))

    (said,) = _installed(candidate, origin.server, empty)

    assert "9 statements on owners and privileges" in said


def test_a_row_that_is_refused_is_told_at_its_copy(tmp_path: Path, origin: Origin, empty: Database) -> None:
    text = "CREATE TABLE a (n int);\nCOPY a FROM stdin;\n1\n2\n\\.\n\nCOPY a (n) FROM stdin;\n3\nfour\n\\.\nSELECT 1;\n"

    with pytest.raises(CandidateError, match='invalid input syntax for type integer: "four"') as caught:
        _installed(_candidate(tmp_path, text.encode()), origin.server, empty)

    assert caught.value.where is not None
    assert (caught.value.where.line, caught.value.where.text) == (7, "COPY a (n) FROM stdin;")
    assert any("COPY a, line 2, column n" in line for line in caught.value.checked)


def test_a_dump_of_the_newest_version_is_installed_on_older_ones(
    tmp_path: Path, origin: Origin, empty: Database
) -> None:
    newest = max(servers.FOUND)
    with servers.serving(f"local:{servers.FOUND[newest].folder}", settings={}, clients=5, run_id="newest") as server:
        text = dumped.dump(server, servers.FOUND[newest].folder, "--no-owner", "--no-privileges")

    said = _installed(_candidate(tmp_path, text), origin.server, empty)

    expected = "Passed over in the SQL of baseline: SET transaction_timeout, which this version does not know"
    assert said == ((expected,) if origin.major < 17 else ())
