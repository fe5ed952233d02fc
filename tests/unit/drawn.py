"""Reports in a format that the package only writes to files, as a text."""

from schemabench.records import Run
from schemabench.report import document, flavored


def markdown(run: Run) -> str:
    """Return the report of a run as GitHub Flavored Markdown."""
    return flavored.markdown(document(run))
