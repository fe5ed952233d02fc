"""The table of faults itself: which line is told, and that cells of other servers stay when some are filled anew."""

from pathlib import Path

from cells import BEGIN, END, Cell, put, telling

FAILURES = """\
PostgreSQL 18.6; 2 clients; 1 block in 0.4 s, until it was interrupted
=================================== FAILURES ===================================
_______________________ test_returns[returns-typical] _______________________
[gw0] linux -- Python 3.11.2

The connection to the server was lost: it died
E   later
"""


def cell(fault: str, kind: str, told: str = "it died", seconds: float | None = 1.0) -> Cell:
    """Return a cell."""
    return Cell(fault=fault, kind=kind, kept="orders", told=told, seconds=seconds, left="")


def test_the_first_line_is_that_of_a_failed_test_and_no_line_of_a_report() -> None:
    lines = [(float(number), line) for number, line in enumerate(FAILURES.splitlines())]

    assert telling(lines) == ("The connection to the server was lost: it died", 5.0)


def test_the_first_line_is_why_pytest_ends_but_for_the_name_of_the_exception() -> None:
    told = "!!!! schemabench.errors.Interrupted: orders typical was interrupted !!!!"

    assert telling([(2.0, told), (1.0, "!!!!!! KeyboardInterrupt !!!!!!")]) == ("orders typical was interrupted", 2.0)


def test_nothing_is_told_where_all_is_well() -> None:
    assert telling([(0.0, "1 passed in 2 s")]) == ("", None)


def test_cells_that_are_filled_replace_their_like_alone(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    put(
        page,
        [cell("one", "wheel"), cell("one", "local"), cell("two", "wheel", r"a \| b", None)],
        ["one", "two"],
        ["wheel", "local"],
    )
    first = page.read_text()
    put(page, [], ["one", "two"], ["wheel", "local"])

    assert page.read_text() == first
    assert "| one | wheel (1), local (1) | orders | it died | nothing |" in first

    put(page, [cell("one", "local", "", None)], ["one"], ["wheel", "local"])

    assert page.read_text().splitlines()[0] == "before"
    assert page.read_text().splitlines()[-1] == "after"
    rows = [line for line in page.read_text().splitlines() if line.startswith(("| o", "| t"))]
    assert rows == [
        "| one | wheel (1) | orders | it died | nothing |",
        "| one | local (-) | orders | nothing | nothing |",
    ]
