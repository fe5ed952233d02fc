"""Whether a schema is correct: compared with the workload's model beforehand, and with the baseline afterwards.

Must not decide what follows from a difference.
"""

from schemabench.equivalence.check import EFFORTS, Checked, Oracle
from schemabench.equivalence.durability import unlogged
from schemabench.equivalence.questions import Question, questions
from schemabench.equivalence.states import BASELINES, Asked, Passing, difference, digest, violation

__all__ = [
    "BASELINES",
    "EFFORTS",
    "Asked",
    "Checked",
    "Oracle",
    "Passing",
    "Question",
    "difference",
    "digest",
    "questions",
    "unlogged",
    "violation",
]
