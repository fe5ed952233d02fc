"""The check of a run: which candidates are worse than allowed, which are not, and of which nobody can tell.

Owns the rule, from the recorded intervals to the document that says the verdicts. Reads records only, as all reports
do.
"""

from schemabench.report.check.document import document
from schemabench.report.check.judging import check
from schemabench.report.check.model import STATUSES, Asked, Check

__all__ = ["STATUSES", "Asked", "Check", "check", "document"]
