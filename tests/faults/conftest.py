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
    """Return where a test puts the cell that it has filled, once it is as it must be; the table has it at once."""
    cells: list[Cell] = []
    yield cells
    if cells and (path := request.config.getoption(OPTION)):
        put(path, cells, NAMES, (*KINDS, NO_SERVER))
