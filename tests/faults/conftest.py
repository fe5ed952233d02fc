"""The option that writes the table of faults into a page, cell by cell."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog import NAMES, NO_SERVER
from cells import Cell, put
from stands import KINDS

OPTION = "--faults-table"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the option."""
    parser.addoption(OPTION, type=Path, help="put each cell that is filled into the table of this page")


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[list[Cell]]:
    """Return the cells that a test fills; they are in the table even if the session does not reach its end."""
    cells: list[Cell] = []
    yield cells
    if cells and (path := request.config.getoption(OPTION)):
        put(path, cells, NAMES, (*KINDS, NO_SERVER))
