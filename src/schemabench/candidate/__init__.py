"""Candidates: SQL files and folders of migrations that are found, checked against a workload, and installed."""

from schemabench.candidate.fitting import check_parts, operations
from schemabench.candidate.folder import find, select
from schemabench.candidate.installing import install
from schemabench.candidate.refusals import ends_sessions, refused, remedies
from schemabench.candidate.remarks import Remark, notices, without_rows
from schemabench.candidate.variation import BASELINE, Candidate, Script

__all__ = [
    "BASELINE",
    "Candidate",
    "Remark",
    "Script",
    "check_parts",
    "ends_sessions",
    "find",
    "install",
    "notices",
    "operations",
    "refused",
    "remedies",
    "select",
    "without_rows",
]
