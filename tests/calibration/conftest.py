"""One server for all calibrations but those of commits, which have one whose commits wait for a disk.

Where a server does not start, they fail: a calibration that is skipped shows nothing.
"""

import os
from collections.abc import Iterator

import pytest
import servers
from laboratory import Laboratory

from schemabench import options
from schemabench.server import Needs, Server, serve

SETTINGS = {
    "autovacuum": "off",  # its work and its locks would fall into some candidates' trials and not into others'
    "deadlock_timeout": "10ms",  # what every deadlock costs: the default of 1 s would be most of a budget
    "fsync": "off",  # no effect here is one of the disk, but for those of `paying`
    "full_page_writes": "off",  # whole pages in the WAL follow from checkpoints, not from how a row is written
}
CLIENTS = 8
"""Connections of an experiment, at most."""
ENTRANTS = 7
"""Databases of an experiment with connections at once, at most: candidates, control, scratch."""


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """Start the server that `--postgres` asks for, the embedded one where it does not."""
    spec = _spec(pytestconfig)
    with serve(spec, Needs(clients=CLIENTS, databases=ENTRANTS), settings=SETTINGS, run_id="calibration") as server:
        yield server


@pytest.fixture(scope="session")
def laboratory(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """Return where experiments are made."""
    return Laboratory(server=server, folders=tmp_path_factory)


@pytest.fixture(scope="session")
def paying(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return where experiments are made whose commits wait for a disk, as they do in production."""
    spec = _spec(pytestconfig)
    settings = SETTINGS | {"fsync": "on"}
    with servers.durable(spec, settings=settings, clients=CLIENTS, databases=ENTRANTS, run_id="paying") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)


def _spec(config: pytest.Config) -> str:
    chosen, _ = options.resolve(config.option, os.environ, config.getini)
    return chosen.postgres
