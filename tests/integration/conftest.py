"""One server for all tests that only need some server."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import servers

from schemabench.errors import ServerError
from schemabench.server import Database, Server

CLIENTS = 160


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start a server; those who use it drop their databases."""
    with ExitStack() as stack:
        serving = servers.serving("embedded", settings={"deadlock_timeout": "20ms"}, clients=CLIENTS, run_id="test")
        try:
            server = stack.enter_context(serving)
        except ServerError as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Make an empty database for a test."""
    database = server.create("test")
    yield database
    server.drop(database)
