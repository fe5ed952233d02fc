"""The option that writes the table of faults into a page, and what the cells of one session have in common."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog import NAMES, NO_SERVER
from cells import Cell, put
from stands import KINDS

OPTION = "--faults-table"
cells = pytest.StashKey[list[Cell]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the option."""
    parser.addoption(OPTION, type=Path, help="put the cells that were filled into the table of this page")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty table."""
    config.stash[cells] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table."""
    path = session.config.getoption(OPTION)
    if path and session.config.stash[cells]:
        put(path, session.config.stash[cells], NAMES, (*KINDS, NO_SERVER))


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[list[Cell]]:
    """Return the cells that are filled."""
    return request.config.stash[cells]
