"""One server for all tests that only need some server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from towns import Towns

from schemabench.server import Database, Server

CLIENTS = 160


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start a server; those who use it drop their databases."""
    settings = {"deadlock_timeout": "20ms"}
    with servers.serving("embedded", settings=settings, clients=CLIENTS, run_id="test") as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Make an empty database for a test."""
    database = server.create("test")
    yield database
    server.drop(database)


@pytest.fixture
def conninfo(server: Server, database: Database) -> str:
    """Return libpq's words for it."""
    return server.conninfo_for(database.name)


@pytest.fixture
def towns(conninfo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Towns:
    """Return where ghost towns are made: an empty database, and a folder."""
    return Towns(conninfo=conninfo, folder=tmp_path, capsys=capsys)
