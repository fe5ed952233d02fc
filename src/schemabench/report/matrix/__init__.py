"""Several runs side by side: which candidate leads in which, and where the winner changes.

Owns the comparison of run files, from what may be compared to how it looks. Reads records only, as all reports do.
"""

from schemabench.report.matrix.building import compare
from schemabench.report.matrix.document import markdown
from schemabench.report.matrix.model import Comparison
from schemabench.report.matrix.screen import terminal


def html(comparison: Comparison) -> str:
    """Return a comparison as one HTML page."""
    from schemabench.report.matrix import page  # noqa: PLC0415 (its charts take a second to load)

    return page.html(comparison)


__all__ = ["Comparison", "compare", "html", "markdown", "terminal"]
