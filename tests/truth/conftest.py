"""What tests of truth share: a server as a run's own, on a real disk.

Where there is none they fail: skipped, they would show nothing.
"""

from collections.abc import Iterator

import pytest
import servers
from laboratory import Laboratory

from schemabench.server import Server

CLIENTS, DATABASES = 8, 7
"""Connections of an experiment and databases with connections at once, at most."""


@pytest.fixture(scope="session")
def shipped() -> Iterator[Server]:
    """Start a server with no settings but those that every run has."""
    with servers.durable("embedded", settings={}, clients=CLIENTS, databases=DATABASES, run_id="truth") as server:
        yield server


@pytest.fixture(scope="session")
def laboratory(shipped: Server, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """Return where experiments are made."""
    return Laboratory(server=shipped, folders=tmp_path_factory)
