"""Reports: what a run found out, for a terminal, for a pull request, and as a run file.

Owns how figures look and where they are written. A report is one document, see `document` and `tree`, which any format
draws. Reads records only: must not know a server, compute a statistic, or rank. So a report can be drawn later,
elsewhere, from the run file alone.
"""

from schemabench.errors import UsageError
from schemabench.records import Run
from schemabench.report import csv, flavored, matrix, screen
from schemabench.report.document import document
from schemabench.report.files import append, check_writable, find, read, write, write_comparison, write_json
from schemabench.report.matrix import Comparison, compare
from schemabench.report.sizes import cardinalities
from schemabench.report.tree import Document


def compared(comparison: Comparison) -> Document:
    """Return the report of several runs."""
    return matrix.document(comparison)


def shown(document: Document, width: int = 80) -> str:
    """Return a report as lines of text; see `screen`."""
    return screen.terminal(document, width)


def table(document: Document, name: str) -> str:
    """Return one table of a report as comma-separated values.

    Raises:
        UsageError: There is no table of that name; the message lists those that there are.
    """
    known = csv.tables(document)
    if name not in known:
        raise UsageError(
            f"The report has no table {name!r}",
            checked=[f"its tables: {', '.join(known)}"],
            remedies=["name one of these: --table NAME"],
        )
    return csv.csv(known[name]).rstrip("\n")


def terminal(run: Run, width: int = 80) -> str:
    """Return the report of a run as lines of text; see `screen`."""
    return screen.terminal(document(run), width)


def terminal_comparison(comparison: Comparison, width: int = 80) -> str:
    """Return the report of several runs as lines of text, as `terminal` returns that of one."""
    return screen.terminal(matrix.document(comparison), width)


def markdown(run: Run) -> str:
    """Return the report of a run as GitHub Flavored Markdown."""
    return flavored.markdown(document(run))


def brief(run: Run) -> str:
    """Return the report of a run in a few lines of HTML, for a page of somebody else's."""
    from schemabench.report import page  # noqa: PLC0415 (the library of its charts takes a second to load)

    return page.brief(document(run))


__all__ = [
    "append",
    "brief",
    "cardinalities",
    "check_writable",
    "compare",
    "compared",
    "document",
    "find",
    "markdown",
    "read",
    "shown",
    "table",
    "terminal",
    "terminal_comparison",
    "write",
    "write_comparison",
    "write_json",
]
