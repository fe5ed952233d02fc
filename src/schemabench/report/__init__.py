"""Reports: what a run found out, for a terminal, for a pull request, and as a run file.

Owns how figures look and where they are written. Reads records only: must not know a server, compute a statistic, or
rank. So a report can be drawn later, elsewhere, from the run file alone.
"""

from schemabench.report.document import markdown
from schemabench.report.files import read, write, write_json
from schemabench.report.screen import terminal

__all__ = ["markdown", "read", "terminal", "write", "write_json"]
