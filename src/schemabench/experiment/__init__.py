"""An experiment: all blocks of one workload at one cardinality, on a real server."""

from schemabench.experiment.balancing import Balance, balance, production_rates
from schemabench.experiment.burst import check_burst
from schemabench.experiment.criteria import check as check_criteria
from schemabench.experiment.feed import Feed, check_inputs
from schemabench.experiment.folders import inputs
from schemabench.experiment.measurement import measure
from schemabench.experiment.neighbours import planned, with_tenants
from schemabench.experiment.plan import Noise, Plan
from schemabench.experiment.soaking import check as check_soak

__all__ = [
    "Balance",
    "Feed",
    "Noise",
    "Plan",
    "balance",
    "check_burst",
    "check_criteria",
    "check_inputs",
    "check_soak",
    "inputs",
    "measure",
    "planned",
    "production_rates",
    "with_tenants",
]
