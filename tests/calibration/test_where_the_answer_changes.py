"""A search and a map that must find what is known by construction: where indexes stop to help.

Four indexes on the table that is written make each write some times dearer, and one on the table that is read
makes a read of many rows cheaper by far: at 40,000 rows and 8 reads for each write the indexed candidate leads by a
factor. At a few rows, which never become more, it trails by one.
"""

from collections.abc import Iterator
from pathlib import Path

import items_project
import pytest

from schemabench import crossover
from schemabench.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return the bench of the project, and a server of its own."""
    with items_project.bench(tmp_path, budget_s=60.0) as bench:
        yield bench


def test_search_finds_the_flip(bench: Bench) -> None:
    crossover.add_search(bench, "items", resume=False)

    (found,) = bench.findings.crossovers
    worst = found.found[0]
    assert (found.candidate, found.start.side, worst.side, found.flips) == ("indexed", "better", "worse", True)
    assert worst.values["rows"] < 4_000


def test_map_shows_where_the_answer_changes(bench: Bench) -> None:
    crossover.add_map(bench, "items", (2, 2), lambda: None)

    (drawn,) = bench.findings.maps
    few, many = ([cell.side for cell in cells] for cells in (drawn.cells[:2], drawn.cells[2:]))
    assert "worse" in few
    assert "better" not in few, "a busy machine may leave one of them tied"
    assert many == ["better", "better"]
