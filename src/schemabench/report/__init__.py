"""Reports: what a run found out, for a terminal, for a pull request, and as a run file.

Owns how figures look and where they are written. A report is one document, see `document` and `tree`, which any format
draws. Reads records only: must not know a server, compute a statistic, or rank. So a report can be drawn later,
elsewhere, from the run file alone.
"""

from schemabench.records import Run
from schemabench.report import flavored, matrix, screen
from schemabench.report.document import document
from schemabench.report.files import append, check_writable, find, read, write, write_comparison, write_json
from schemabench.report.matrix import Comparison, compare
from schemabench.report.sizes import cardinalities


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
    "document",
    "find",
    "markdown",
    "read",
    "terminal",
    "terminal_comparison",
    "write",
    "write_comparison",
    "write_json",
]
