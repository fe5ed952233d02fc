"""Servers that are not ours: what we ask of them, what we leave there, and what we never touch."""

# ruff: noqa: PT012 - an error is raised in mid-run, to see what becomes of the run

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import places
import programs
import psycopg
import pytest
import servers
from programs import Program
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from schemabench.errors import SchemabenchError, ServerError, UsageError
from schemabench.server import Needs, Server, binaries, database, folder, local, serve
from schemabench.server.database import Mark, lock_key
from schemabench.server.dsn import Conninfo, describe, opened, with_words

FOUND = binaries.survey().found
SECRET = "hunter2"  # noqa: S105 - the password that must not be seen
DATABASES = 30
"""How many a run makes that is to be ended while it makes one, so that it ends by itself; in 1 s to 5 s."""
PATIENCE_S = 60
"""How long is waited for anything, however busy the machine is."""


@pytest.fixture(scope="module")
def dsn() -> Iterator[Conninfo]:
    """Start a server that plays somebody else's, with room for 30 connections, and return its superuser's DSN."""
    with places.place() as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv(folder.VARIABLE, str(path))
        sockets = path / "sockets"
        sockets.mkdir()
        sockets.chmod(0o777)  # the server's user is another
        settings = {"max_connections": "30", **servers.SMALL, "unix_socket_directories": str(sockets)}
        oldest = min(FOUND, key=lambda one: one.major)
        with local.start(oldest, settings, [], "theirs") as server:
            with psycopg.connect(server.conninfo, autocommit=True) as connection:
                connection.execute(f"CREATE ROLE maker LOGIN CREATEDB PASSWORD '{SECRET}'")
                connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{SECRET}'")
                connection.execute(f"CREATE ROLE narrow LOGIN CREATEDB CONNECTION LIMIT 12 PASSWORD '{SECRET}'")
            yield server.conninfo


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder in which a test starts servers of its own."""
    with places.place() as path:
        monkeypatch.setenv(folder.VARIABLE, str(path))
        yield path


@pytest.fixture
def theirs(dsn: Conninfo) -> Iterator[psycopg.Connection]:
    """Look at the server as its owner, and see that a test leaves no database behind."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
        assert _databases(connection) == set()


def test_an_attempt_to_connect_that_is_interrupted_is_not_left_half_open() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as thread:
        silent.settimeout(PATIENCE_S)
        before = signal.signal(signal.SIGUSR2, interrupt)
        try:
            reached = thread.submit(_interrupted_once_reached, silent, threading.get_ident())
            with pytest.raises(KeyboardInterrupt) as held:  # whose frames would hold the socket
                opened(f"host=127.0.0.1 port={silent.getsockname()[1]} sslmode=disable user=maker")
        finally:
            signal.signal(signal.SIGUSR2, before)
        with reached.result() as other:
            other.settimeout(PATIENCE_S)
            while other.recv(1024):
                pass  # what it asked for; then it hangs up
    assert held.value.__traceback__ is not None


def _interrupted_once_reached(silent: socket.socket, caller: int) -> socket.socket:
    """Interrupt who calls a server once the server has been asked for something, and return the server's side."""
    other, _ = silent.accept()
    other.recv(1, socket.MSG_PEEK)
    signal.pthread_kill(caller, signal.SIGUSR2)
    return other


def _databases(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
    )
    return {str(name) for (name,) in rows}


def _make(connection: psycopg.Connection, name: str, comment: str | None = None) -> None:
    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    if comment is not None:
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), comment))


def _drop(connection: psycopg.Connection, *names: str) -> None:
    for name in names:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _as(dsn: Conninfo, user: str) -> Conninfo:
    return with_words(dsn, user=user, password=SECRET)


def test_databases_are_gone_after_the_run(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    with serve(_as(dsn, "maker"), Needs(clients=4), settings={}, run_id="run1") as server:
        template = server.create("template")
        server.clone(template, "copy")
        assert _databases(theirs) == {"sb_run1_template", "sb_run1_copy"}
        assert server.is_local
        assert server.data is None


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt, SystemExit])
def test_databases_are_gone_however_the_run_ends(
    dsn: Conninfo, theirs: psycopg.Connection, ending: type[BaseException]
) -> None:
    with pytest.raises(ending), serve(dsn, Needs(clients=4), settings={}, run_id="run1") as server:
        database = server.create("a")
        with psycopg.connect(server.conninfo_for(database.name)):
            assert _databases(theirs)
            raise ending


def test_kept_databases_stay_and_no_later_run_takes_them(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    with serve(dsn, Needs(clients=4), settings={}, run_id="run1", keep_databases=True) as server:
        server.clone(server.create("template"), "kept", keep=True)
        server.clone(server.create("scratch"), "copy")
    with serve(dsn, Needs(clients=4), settings={}, run_id="run2"):
        pass

    assert _databases(theirs) == {"sb_run1_kept"}
    _drop(theirs, "sb_run1_kept")


def test_a_database_without_our_mark_and_our_name_is_never_dropped(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    ours = str(Mark(run="dead", label="x", keep=False))
    _make(theirs, "sb_dead_baseline")
    _make(theirs, "sb_dead_template", "schemabench")
    _make(theirs, "sb_dead_other", ours.replace("1", "2"))
    _make(theirs, "marked", ours)
    _make(theirs, "sb_prod", ours)
    _make(theirs, "sb_dead_marked", ours)

    with serve(dsn, Needs(clients=4), settings={}, run_id="run1"):
        pass

    kept = {"sb_dead_baseline", "sb_dead_template", "sb_dead_other", "marked", "sb_prod"}
    assert _databases(theirs) == kept
    _drop(theirs, *kept)


def test_a_database_whose_mark_was_taken_away_is_not_dropped(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    with (
        pytest.raises(ServerError, match=r"Left on .*: 1 database of the run") as caught,
        serve(dsn, Needs(clients=4), settings={}, run_id="run1") as server,
    ):
        database = server.create("mine_now")
        theirs.execute(sql.SQL("COMMENT ON DATABASE {} IS 'precious'").format(sql.Identifier(database.name)))
        with pytest.raises(ServerError, match="does not carry the mark"):
            server.drop(database)

    assert "sb_run1_mine_now" in caught.value.checked[0]
    _drop(theirs, "sb_run1_mine_now")


def test_a_name_that_is_taken_is_neither_used_nor_marked(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    _make(theirs, "sb_run1_a")

    with (
        pytest.raises(ServerError, match="sb_run1_a already exists"),
        serve(dsn, Needs(clients=4), settings={}, run_id="run1") as server,
    ):
        server.create("a")

    assert _databases(theirs) == {"sb_run1_a"}
    _drop(theirs, "sb_run1_a")


def test_what_a_killed_run_left_is_dropped_by_the_next(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    with _run_elsewhere(dsn, "dead") as run:
        assert _databases(theirs) == {"sb_dead_a"}
        with serve(dsn, Needs(clients=4), settings={}, run_id="run1"):
            assert _databases(theirs) == {"sb_dead_a"}  # it lives
        run.kill()
    _wait_for_no_lock(theirs, "dead")

    with serve(dsn, Needs(clients=4), settings={}, run_id="run2"):
        assert _databases(theirs) == set()


def test_a_dead_runs_database_that_somebody_uses_is_left_alone(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    _make(theirs, "sb_dead_a", str(Mark(run="dead", label="a", keep=False)))

    with psycopg.connect(with_words(dsn, dbname="sb_dead_a")) as user:
        with serve(dsn, Needs(clients=4), settings={}, run_id="run1"):
            pass
        assert user.execute("SELECT 1").fetchone() == (1,)

    _drop(theirs, "sb_dead_a")


@pytest.mark.parametrize("network", ["TCP", "socket"])  # which says at once that nobody is there
def test_a_run_killed_while_it_makes_a_database_leaves_none_without_mark(
    dsn: Conninfo, theirs: psycopg.Connection, network: str
) -> None:
    (sockets,) = theirs.execute("SHOW unix_socket_directories").fetchone() or ()
    over = dsn if network == "TCP" else with_words(dsn, host=sockets)
    program = (
        "import sys\nfrom schemabench.server import Needs, serve\n"
        "with serve(sys.argv[1], Needs(clients=1), settings={}, run_id='dead') as server:\n"
        f"    for _ in range({DATABASES}): server.create('a')\n"
    )
    for _ in range(4):
        with programs.start([sys.executable, "-c", program, over]) as run:
            _wait_for_statement(theirs, "CREATE DATABASE%")
            run.kill()
        _wait_for_no_lock(theirs, "dead")
        assert _databases(theirs), "the server went on to the end"
        with serve(dsn, Needs(clients=1), settings={}, run_id="next"):
            assert _databases(theirs) == set()


def test_an_interrupted_run_waits_for_the_database_that_is_being_made_and_drops_it(
    dsn: Conninfo, theirs: psycopg.Connection
) -> None:
    program = (
        "import sys\nfrom schemabench.server import Needs, serve\n"
        "with serve(sys.argv[1], Needs(clients=1), settings={}, run_id='stopped') as server:\n"
        f"    for _ in range({DATABASES}): server.create('a')\n"
    )
    for _ in range(4):
        with programs.start([sys.executable, "-c", program, str(dsn)], stderr=subprocess.PIPE) as run:
            _wait_for_statement(theirs, "CREATE DATABASE%")
            run.send_signal(signal.SIGINT)
            _, told = run.communicate()
        assert told.endswith(b"KeyboardInterrupt\n")
        assert _databases(theirs) == set()


@pytest.mark.parametrize("interrupted", [1, 2])
def test_an_interruption_before_both_statements_are_sent_makes_nothing_and_waits_for_nothing(
    dsn: Conninfo, theirs: psycopg.Connection, interrupted: int
) -> None:
    class Interrupted(sql.Composed):
        def as_bytes(self, context: object = None) -> bytes:  # noqa: ARG002 (as psycopg has it)
            raise KeyboardInterrupt

    statements = [sql.Composed([sql.SQL("CREATE DATABASE half")]), sql.Composed([sql.SQL("SELECT 1")])]
    statements.insert(interrupted, Interrupted([]))
    with psycopg.connect(dsn, autocommit=True) as ours:
        pid = ours.info.backend_pid
        with pytest.raises(KeyboardInterrupt):
            database._execute_together(ours, statements)
    _wait_for_no_session(theirs, pid)
    assert _databases(theirs) == set()


def test_a_database_that_cannot_be_marked_is_dropped_at_once(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    with psycopg.connect(dsn, autocommit=True) as ours, psycopg.connect(dsn) as other:
        ours.execute("SET lock_timeout = '0.5s'")
        other.execute("LOCK TABLE pg_shdescription IN SHARE MODE")

        def release() -> None:
            _wait_for_statement(theirs, "DROP DATABASE%")
            other.rollback()

        releasing = threading.Thread(target=release)
        releasing.start()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            database.create(ours, "sb_run1_a", Mark(run="run1", label="a", keep=False))
        releasing.join()


def test_two_live_runs_never_touch_each_others_databases(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    problems: list[BaseException] = []
    start = threading.Barrier(2)

    def run(name: str) -> None:
        try:
            start.wait()
            for round_ in range(4):
                with serve(dsn, Needs(clients=1), settings={}, run_id=f"{name}{round_}") as server:
                    database = server.create("same")
                    with psycopg.connect(server.conninfo_for(database.name)) as connection:
                        connection.execute("CREATE TABLE t (c int)")
                    server.drop(server.clone(database, "same"))
                    psycopg.connect(server.conninfo_for(database.name)).close()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            problems.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert _databases(theirs) == set()


def test_a_lost_session_is_renewed_and_the_runs_databases_still_go(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    with serve(dsn, Needs(clients=4), settings={}, run_id="run1") as server:
        server.create("a")
        theirs.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        server.create("b")
        with psycopg.connect(dsn) as other:
            assert _lock_is_held(other, "run1")


def test_settings_of_the_user_apply_to_our_databases_only(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    asked = {"work_mem": "7MB", "synchronous_commit": "off"}
    with serve(dsn, Needs(clients=4), settings=asked, run_id="run1") as server:
        copy = server.clone(server.create("template"), "copy")
        with psycopg.connect(server.conninfo_for(copy.name)) as connection:
            assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)
        assert theirs.execute("SHOW work_mem").fetchone() == ("4MB",)


def test_a_text_is_read_as_a_configuration_file_is(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    asked = {
        "search_path": 'app,"$user" , "Odd, ""name""", public',
        "session_preload_libraries": "plpgsql, $libdir/plpgsql",
        "temp_tablespaces": "pg_default, pg_default",
        "datestyle": "German, YMD",
        "app.list": "a, 'b', \"c\"  ",
        "default_transaction_read_only": "on",
        "statement_timeout": " 90 min ",
    }
    assert theirs.autocommit
    with serve(dsn, Needs(clients=4), settings=asked, run_id="run1") as server:
        template = server.create("template")
        for database in (template, server.clone(template, "copy")):
            with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as inside:
                seen = {name: inside.execute(f"SHOW {name}").fetchone() for name in asked}
                inside.execute("SET default_transaction_read_only = off")
                for schema in ("app", '"Odd, ""name"""'):
                    inside.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                assert inside.execute("SELECT current_schemas(false)").fetchone() == (["app", 'Odd, "name"', "public"],)
            assert {name: value for name, (value,) in seen.items()} == {
                **asked,
                "datestyle": "German, YMD",
                "app.list": "a, 'b', \"c\"",
                "statement_timeout": "90min",
            }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shared_buffers": "1GB"}, "needs a restart"),
        ({"max_wal_size": "1GB"}, "needs a change of its configuration"),
        ({"no_such_setting": "1"}, "unrecognized configuration parameter"),
        ({"work_mem": "lots"}, "invalid value"),
        ({"search_path": 'a, "b'}, "invalid value"),
        ({"temp_tablespaces": "pg_default, nowhere"}, 'tablespace "nowhere" does not exist'),
    ],
)
def test_a_setting_that_cannot_be_had_is_a_usage_error(
    dsn: Conninfo, theirs: psycopg.Connection, settings: dict[str, str], words: str
) -> None:
    with (
        pytest.raises(UsageError, match=words) as caught,
        serve(dsn, Needs(clients=4), settings=settings, run_id="run1"),
    ):
        pass

    assert next(iter(settings)) in caught.value.what
    assert caught.value.remedies
    assert theirs.closed is False


def test_a_setting_that_is_not_shown_to_a_role_is_a_usage_error_too(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    theirs.execute(f"CREATE ROLE plain LOGIN CREATEDB PASSWORD '{SECRET}'")
    asked = {"shared_preload_libraries": "pg_stat_statements"}
    try:
        with (
            pytest.raises(UsageError, match="cannot be changed without restarting the server") as caught,
            serve(_as(dsn, "plain"), Needs(clients=4), settings=asked, run_id="run1"),
        ):
            pass
    finally:
        theirs.execute("DROP ROLE plain")

    assert caught.value.remedies[0].startswith("set shared_preload_libraries on that server")


def test_as_many_files_may_be_open_as_there_are_connections(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, before[1]))
    try:
        with serve(dsn, Needs(clients=4), settings={}, run_id="run1"):
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert theirs.closed is False


def test_too_many_clients_are_told_with_the_numbers_before_anything_is_made(
    dsn: Conninfo, theirs: psycopg.Connection
) -> None:
    with (
        pytest.raises(UsageError, match="--clients 25 is too much") as caught,
        serve(dsn, Needs(clients=25), settings={}, run_id="run1"),
    ):
        pass

    assert caught.value.checked == ("max_connections 30, of which reserved 3, in use 1",)
    assert caught.value.remedies[0] == "fewer clients: --clients 17"
    assert theirs.closed is False


def test_a_users_own_limit_of_connections_is_told(dsn: Conninfo) -> None:
    with (
        pytest.raises(UsageError, match="the user narrow") as caught,
        serve(_as(dsn, "narrow"), Needs(clients=10), settings={}, run_id="run1"),
    ):
        pass

    assert caught.value.remedies[0] == "fewer clients: --clients 3"


def test_noise_that_needs_more_connections_than_there_are_is_told_with_how_many_it_may_have(
    dsn: Conninfo, theirs: psycopg.Connection
) -> None:
    with (
        pytest.raises(UsageError, match="--clients 4, beside the 20 connections of --noise, is too much") as caught,
        serve(dsn, Needs(clients=4, neighbours=20), settings={}, run_id="run1"),
    ):
        pass

    slower = "slow the noise down to 13 connections, one for ten runs a second: --noise-speed"
    assert caught.value.remedies[:2] == (slower, "leave out --noise")
    with serve(dsn, Needs(clients=4, neighbours=13), settings={}, run_id="run1"):
        assert theirs.closed is False


def test_noise_beyond_a_users_own_limit_is_told_likewise(dsn: Conninfo) -> None:
    with (
        pytest.raises(UsageError, match="the user narrow") as caught,
        serve(_as(dsn, "narrow"), Needs(clients=3, neighbours=2), settings={}, run_id="run1"),
    ):
        pass

    assert caught.value.remedies[:2] == ("fewer clients: --clients 1", "leave out --noise")


def test_a_user_who_may_not_make_databases_is_told_what_to_do(dsn: Conninfo) -> None:
    with (
        pytest.raises(ServerError, match="The user reader may not create databases") as caught,
        serve(_as(dsn, "reader"), Needs(clients=4), settings={}, run_id="run1"),
    ):
        pass

    assert any('ALTER ROLE "reader" CREATEDB' in remedy for remedy in caught.value.remedies)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"password": SECRET}, "password authentication failed"),
        ({"dbname": "nowhere"}, "does not exist"),
        ({"port": "1"}, "127.0.0.1:1"),
    ],
)
def test_a_wrong_dsn_is_told_without_its_password(dsn: Conninfo, words: dict[str, str], said: str) -> None:
    password = str(conninfo_to_dict(dsn)["password"])
    wrong = with_words(dsn, **words)

    with pytest.raises(ServerError) as caught, serve(wrong, Needs(clients=4), settings={}, run_id="run1"):
        pass

    assert said in str(caught.value)
    assert describe(wrong) in str(caught.value)
    assert caught.value.remedies
    assert SECRET not in str(caught.value)
    assert password not in str(caught.value)


def test_the_record_shows_the_address_and_the_version(dsn: Conninfo) -> None:
    url = f"postgresql://maker:{SECRET}@127.0.0.1:{conninfo_to_dict(dsn)['port']}/postgres"
    with serve(url, Needs(clients=4), settings={}, run_id="run1") as server:
        port = conninfo_to_dict(dsn)["port"]
        version = server.record.version
        assert server.record.origin == f"postgresql://maker@127.0.0.1:{port}/postgres (PostgreSQL {version})"
        assert SECRET not in repr([server, server.record, server.conninfo])


def test_a_password_from_the_environment_is_used_and_not_shown(dsn: Conninfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    with serve(
        f"postgresql://maker@127.0.0.1:{conninfo_to_dict(dsn)['port']}/postgres",
        Needs(clients=4),
        settings={},
        run_id="run1",
    ) as server:
        assert SECRET not in repr([server, server.record, server.conninfo])
        assert SECRET not in server.conninfo


@pytest.mark.usefixtures("place")
def test_a_server_that_is_lost_in_mid_run_does_not_mask_the_error() -> None:
    with (
        local.start(FOUND[0], {"max_connections": "30"}, [], "theirs") as elsewhere,
        pytest.raises(ValueError, match="original") as caught,
        serve(elsewhere.conninfo, Needs(clients=4), settings={}, run_id="run1") as server,
    ):
        server.create("a")
        os.kill(elsewhere.process.pid, signal.SIGKILL)
        elsewhere.process.wait()
        _until_silent(server)
        assert "No connection to" in (server.failure() or "")
        raise ValueError("original")
    assert "1 database of the run" in caught.value.__notes__[0]
    assert str(conninfo_to_dict(elsewhere.conninfo)["password"]) not in caught.value.__notes__[0]


def test_a_database_is_dropped_once_the_superuser_has_left_it(dsn: Conninfo, theirs: psycopg.Connection) -> None:
    url = f"postgresql://maker:{SECRET}@127.0.0.1:{conninfo_to_dict(dsn)['port']}/postgres"
    with serve(url, Needs(clients=4), settings={}, run_id="run1") as server:
        database = server.create("a")
        busy = psycopg.connect(with_words(dsn, dbname=database.name))  # as an autovacuum is
        leaving = threading.Timer(0.5, busy.close)
        leaving.start()

        server.drop(database)

        leaving.join()
        assert _databases(theirs) == set()


def _until_silent(server: Server) -> None:
    """Wait until the sessions of a server that was killed have noticed it; they may still answer for a moment."""
    for _ in _looks(0.05):
        if not server.alive():
            return
    raise AssertionError("a killed server answers")


def test_servers_of_one_run_share_its_lock_and_end_only_their_own_databases(
    dsn: Conninfo, theirs: psycopg.Connection
) -> None:
    with serve(dsn, Needs(clients=1), settings={}, run_id="run1") as first:
        first.create("first")
        with serve(first.conninfo, Needs(clients=1), settings={}, run_id="run1") as second:
            second.create("second")
        assert _databases(theirs) == {"sb_run1_first"}
        assert _lock_is_held(theirs, "run1")


def test_errors_of_ours_are_not_swallowed_by_the_end_of_a_run(dsn: Conninfo) -> None:
    with (
        pytest.raises(SchemabenchError, match="mine"),
        serve(dsn, Needs(clients=1), settings={}, run_id="run1"),
    ):
        raise SchemabenchError("mine")


@contextmanager
def _run_elsewhere(dsn: Conninfo, run_id: str) -> Iterator[Program]:
    """Start a run in another process, and wait until it has made one database."""
    program = (
        "import json, sys, time\nfrom schemabench.server import Needs, serve\n"
        "with serve(sys.argv[1], Needs(clients=1), settings={}, run_id=sys.argv[2]) as server:\n"
        "    print(json.dumps(server.create('a').name), flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(dsn), run_id]
    with programs.start(command, stdout=subprocess.PIPE, text=True) as run:
        assert json.loads(run.stdout.readline())
        yield run


def _lock_is_held(connection: psycopg.Connection, run_id: str) -> bool:
    query = "SELECT pg_try_advisory_lock(%(key)s) AND pg_advisory_unlock(%(key)s)"
    row = connection.execute(query, {"key": lock_key(run_id)}).fetchone()
    return row != (True,)


def _looks(pause_s: float) -> Iterator[None]:
    """Yield again and again, with pauses, until nobody would wait any longer."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        yield
        time.sleep(pause_s)


def _wait_for_statement(connection: psycopg.Connection, like: str) -> None:
    """Wait until somebody executes such a statement."""
    for _ in _looks(0.002):
        found = connection.execute(
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()", [like]
        )
        if found.rowcount:
            return
    raise AssertionError(f"nobody executes {like}")


def _wait_for_no_session(connection: psycopg.Connection, pid: int) -> None:
    """Wait until a session has ended."""
    for _ in _looks(0.02):
        if not connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).rowcount:
            return
    raise AssertionError(f"the session {pid} has not ended")


def _wait_for_no_lock(connection: psycopg.Connection, run_id: str) -> None:
    """Wait until the server has noticed that a killed run's connections are gone."""
    for _ in _looks(0.02):
        busy = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'schemabench' AND pid <> pg_backend_pid()"
            " AND (wait_event <> 'ClientRead' OR wait_event IS NULL)"
        ).fetchone()
        if busy == (0,) and not _lock_is_held(connection, run_id):
            return
    raise AssertionError(f"the lock of {run_id} is still held")
