"""Reports: what a run found out, for a terminal, for a pull request, and as a run file.

Owns how figures look and where they are written. Reads records only: must not know a server, compute a statistic, or
rank. So a report can be drawn later, elsewhere, from the run file alone.
"""

from schemabench.report.document import markdown
from schemabench.report.files import append, check_writable, find, read, write, write_comparison, write_json
from schemabench.report.matrix import compare
from schemabench.report.matrix import terminal as terminal_comparison
from schemabench.report.screen import terminal
from schemabench.report.sizes import cardinalities

__all__ = [
    "append",
    "cardinalities",
    "check_writable",
    "compare",
    "find",
    "markdown",
    "read",
    "terminal",
    "terminal_comparison",
    "write",
    "write_comparison",
    "write_json",
]
