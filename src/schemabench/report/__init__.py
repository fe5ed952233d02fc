"""Reports: the results of a run for a terminal, a pull request or a web page, and run files.

Owns the form of figures and the files they are written to. A report is one document, see `document` and `tree`, which
any format draws. Reads records only: must not know a server, compute a statistic, or rank. Hence a report can be drawn
later, on another machine, from the run file alone.
"""

from schemabench.errors import UsageError
from schemabench.records import Run
from schemabench.report import check as checks
from schemabench.report import csv, matrix, screen
from schemabench.report.check import STATUSES, Asked, Check, check
from schemabench.report.document import document
from schemabench.report.files import append, check_writable, find, read, write, write_document, write_json
from schemabench.report.matrix import Comparison, compare, other_conditions
from schemabench.report.properties import properties
from schemabench.report.sizes import cardinalities
from schemabench.report.text import plain
from schemabench.report.tree import Document


def compared(comparison: Comparison) -> Document:
    """Return the report of several runs."""
    return matrix.document(comparison)


def checked(check: Check) -> Document:
    """Return the report of a check."""
    return checks.document(check)


def headed(document: Document, width: int = 80) -> str:
    """Return a report as lines of text below its title."""
    return "\n\n".join([document.title, screen.terminal(document, width)])


def shown(document: Document, width: int = 80) -> str:
    """Return a report as lines of text; see `screen`."""
    return screen.terminal(document, width)


def table(document: Document, name: str) -> str:
    """Return one table of a report as comma-separated values.

    Raises:
        UsageError: There is no table of that name; the message lists the tables.
    """
    known = csv.tables(document)
    if name not in known:
        raise UsageError(
            f"The report has no table {name!r}",
            checked=[f"{one}: {plain(found.caption)}" for one, found in known.items()],
            remedies=["name one of these: --table NAME"],
        )
    return csv.csv(known[name]).rstrip("\n")


def terminal(run: Run, width: int = 80) -> str:
    """Return the report of a run as lines of text; see `screen`."""
    return screen.terminal(document(run), width)


def brief(run: Run) -> str:
    """Return the report of a run as a short HTML fragment to embed in another page."""
    from schemabench.report import page  # noqa: PLC0415 (the library of its charts takes a second to load)

    return page.brief(document(run))


__all__ = [
    "STATUSES",
    "Asked",
    "Check",
    "append",
    "brief",
    "cardinalities",
    "check",
    "check_writable",
    "checked",
    "compare",
    "compared",
    "document",
    "find",
    "headed",
    "other_conditions",
    "properties",
    "read",
    "shown",
    "table",
    "terminal",
    "write",
    "write_document",
    "write_json",
]
