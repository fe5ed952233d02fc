"""Several runs side by side: which candidate leads in which, and where the winner changes.

Owns the comparison of run files, from what may be compared to the document that says it. Reads records only, as all
reports do.
"""

from schemabench.report.matrix.building import compare, other_conditions
from schemabench.report.matrix.document import document
from schemabench.report.matrix.model import Comparison

__all__ = ["Comparison", "compare", "document", "other_conditions"]
