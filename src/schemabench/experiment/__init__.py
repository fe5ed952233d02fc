"""An experiment: all blocks of one workload at one cardinality, on a real server."""

from schemabench.experiment.feed import check_inputs
from schemabench.experiment.measurement import measure
from schemabench.experiment.plan import Plan, Progress

__all__ = ["Plan", "Progress", "check_inputs", "measure"]
