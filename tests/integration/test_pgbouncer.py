"""PgBouncer is told apart from the server in every mode, and nothing of a run is left in sessions that it shares."""

import os
import pwd
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import programs
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from schemabench.deriving import source
from schemabench.errors import ServerError
from schemabench.noise.town import entered
from schemabench.server import Needs, Server, serve
from schemabench.server.account import server_account
from schemabench.server.dsn import Conninfo, parse_dsn, with_words

PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
PATIENCE_S = 20.0
OWN_LIMIT = "77s"
"""What applications behind the pooler have as their limit of time."""
INI = """\
[databases]
* = host=127.0.0.1 port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 1
"""


@contextmanager
def pooler(server: Server, database: str, mode: str, folder: Path) -> Iterator[Conninfo]:
    """Start PgBouncer before a database of a server; yield the DSN that its clients have."""
    program = shutil.which("pgbouncer", path=PLACES)
    if program is None:
        pytest.skip("pgbouncer is missing: apt-get install pgbouncer")
    words = conninfo_to_dict(server.conninfo)
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    (folder / "users").write_text(f'"{words["user"]}" "{words["password"]}"\n', encoding="utf-8")
    (folder / "ini").write_text(INI.format(port=words["port"], own=own, mode=mode, folder=folder), encoding="utf-8")
    account = server_account()
    user = account.name if account else pwd.getpwuid(os.geteuid()).pw_name
    with (folder / "log").open("wb") as log, programs.start([program, "-u", user, folder / "ini"], stderr=log):
        found = with_words(server.conninfo, port=own, dbname=database)
        _await(found)
        yield found


def _await(conninfo: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        else:
            return


@pytest.fixture(params=["transaction", "session", "statement"])
def pooled(server: Server, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Conninfo]:
    """Return the DSN of a database behind a pooler, whose sessions have a limit of time."""
    database = server.create("pooled")
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET statement_timeout = '{OWN_LIMIT}'".encode())
    with pooler(server, database.name, request.param, tmp_path) as found:
        yield found
        with psycopg.connect(found, autocommit=True) as shared:
            assert shared.execute("SHOW statement_timeout", prepare=False).fetchone() == ("77s",)
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert shared.execute(locks, prepare=False).fetchone() == (0,)
    server.drop(database)


def test_a_run_is_refused_with_the_servers_own_address(server: Server, pooled: Conninfo) -> None:
    before = server.databases
    with (
        pytest.raises(ServerError, match="A connection pooler answers at") as caught,
        serve(str(pooled), Needs(clients=2), settings={}, run_id="pooled"),
    ):
        pytest.fail("it was served")

    own, theirs = (conninfo_to_dict(one)["port"] for one in (server.conninfo, pooled))
    assert f"127.0.0.1:{theirs}/" in caught.value.what
    assert f"127.0.0.1:{own}/" in caught.value.remedies[0]
    assert "prepare: never" in caught.value.remedies[1]
    assert str(conninfo_to_dict(pooled)["password"]) not in str(caught.value)
    assert server.databases == before


def test_other_commands_refuse_it_before_they_ask_anything(server: Server, pooled: Conninfo) -> None:
    refused = []
    with pytest.raises(ServerError, match="A connection pooler answers at") as caught, source.opened(pooled):
        pytest.fail("it was read")
    refused.append(caught.value)
    with (
        pytest.raises(ServerError, match="A connection pooler answers at") as caught,
        entered(pooled, "ghost", "Populating"),
    ):
        pytest.fail("it was entered")
    refused.append(caught.value)

    own = conninfo_to_dict(server.conninfo)["port"]
    for error in refused:  # how statements are sent is no matter of theirs
        (remedy,) = error.remedies
        assert remedy.startswith("name the server itself, by the address that migrations use: ")
        assert f"127.0.0.1:{own}/" in remedy
        assert error.checked == (
            f"the server itself listens on 127.0.0.1, port {own}, as the pooler's machine sees it",
        )


def test_a_parameter_that_it_refuses_is_told_as_its_own(server: Server, tmp_path: Path) -> None:
    with (
        pooler(server, "postgres", "transaction", tmp_path) as found,
        pytest.raises(ServerError, match="unsupported startup parameter") as caught,
        serve(with_words(found, options="-c work_mem=1MB"), Needs(clients=2), settings={}, run_id="pooled"),
    ):
        pytest.fail("it was served")

    assert caught.value.remedies == ("name the server itself: a connection pooler answers at this address",)


def test_the_address_that_is_named_serves(server: Server, pooled: Conninfo) -> None:
    with pytest.raises(ServerError) as caught, source.opened(pooled):
        pytest.fail("it was read")
    named = caught.value.remedies[0].split()[-1]
    password = str(conninfo_to_dict(pooled)["password"])

    with serve(
        with_words(parse_dsn(named), password=password), Needs(clients=1), settings={}, run_id="direct"
    ) as found:
        assert found.record.version == server.record.version
