"""Tables as comma-separated values: a figure and its interval are fields of their own, and no cell is lost."""

import csv as comma_separated
import io

from fixed_run import RUN
from hypothesis import given
from hypothesis import strategies as st

from schemabench.report import csv, document
from schemabench.report.text import name
from schemabench.report.tree import Cell, Column, Table, cells, columns


def read(table: Table) -> list[list[str]]:
    return list(comma_separated.reader(io.StringIO(csv.csv(table), newline="")))


def test_figure_and_its_interval_and_its_ratio_are_fields_apart() -> None:
    table = Table(
        caption="rates",
        columns=(Column(heading="candidate"), Column(heading="rows/s"), Column(heading="WAL")),
        rows=(
            (Cell(text=name("a")), Cell(text="1.1k", interval="[1.0k, 1.2k]"), Cell(text="4 B", below="2.00x [1, 3]")),
            cells(name("b"), 900, "-"),
        ),
        footer=(cells("all", Cell(text="1", interval="[0, 2]", below="2.00x"), ""),),
    )
    assert read(table) == [
        ["candidate", "rows/s", "rows/s: interval or ratio", "WAL", "WAL: interval or ratio"],
        ["a", "1.1k", "[1.0k, 1.2k]", "4 B", "2.00x [1, 3]"],
        ["b", "900", "", "-", ""],
        ["all", "1", "[0, 2] 2.00x", "", ""],
    ]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Co"])))
def test_any_text_reads_back_as_it_was(said: str) -> None:
    assert read(Table(caption="", columns=columns("a", "b"), rows=(cells(said, "x"),)))[1] == [said, "x"]


def test_all_tables_of_a_report_are_found_under_the_ids_of_their_sections() -> None:
    found = csv.tables(document(RUN))
    names = {"1-usage-typical-ranks", "1-usage-typical-cost", "1-usage-typical-cost-2", "1-usage-typical-times", "made"}
    assert names <= set(found)
    assert [column.heading for column in found["1-usage-typical-ranks"].columns][:2] == ["front", "rank"], (
        "not the figures behind a chart"
    )
    assert all(len(read(table)) == 1 + len(table.rows) + len(table.footer) for table in found.values())
