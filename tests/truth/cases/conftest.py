"""A second server for cases whose effect is not one of the disk: in memory, where commits take no time."""

from collections.abc import Iterator

import pytest
import servers
from laboratory import Laboratory

CONNECTIONS = 64
"""Of all entrants of an experiment, and of who watches."""


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return where experiments are made that wait for no disk."""
    settings = {"autovacuum": "off"}
    with servers.serving("embedded", settings=settings, clients=CONNECTIONS, run_id="cases") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)
