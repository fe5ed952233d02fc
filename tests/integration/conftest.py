"""One server for all tests that only need some server."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemabench.errors import ServerError
from schemabench.server import Database, Server, folder, serve

CLIENTS = 160


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start a server in a place of its own; those who use it drop their databases."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="schemabench-test-")))
        place.chmod(0o755)
        patch.setenv(folder.VARIABLE, str(place))
        settings = {"fsync": "off", "deadlock_timeout": "20ms"}
        try:
            server = stack.enter_context(serve("embedded", settings=settings, clients=CLIENTS, run_id="test"))
        except ServerError as error:
            pytest.skip(str(error))
        patch.undo()  # other tests have servers in places of their own
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Make an empty database for a test."""
    database = server.create("test")
    yield database
    server.drop(database)
