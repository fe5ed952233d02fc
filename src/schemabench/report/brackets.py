"""What stands in brackets beside a figure: its 95 % interval or, with too few blocks for one, the range over blocks.

Owns the words for both, and how many blocks each kind of figure needs. Must not compute an interval: the record has
the range in its place.
"""

from collections.abc import Iterable

from schemabench.records import Criterion, Experiment
from schemabench.report import verdict
from schemabench.report.view import ranked
from schemabench.statistics.sign_flips import fewest

INTERVAL, RANGE = "95 % interval", "observed range"
_MEANS = 2
"""Student's interval of a mean takes no more."""


def of_pairs(*experiments: Experiment) -> str:
    """Return what is beside ratios of throughput, which hold jointly for all pairs of candidates of an experiment."""
    return either(RANGE if verdict.is_undecided(one) else INTERVAL for one in experiments)


def of_rates(experiment: Experiment) -> str:
    """Return what is beside rates, each of which holds alone."""
    return _of(experiment, fewest(1))


def of_costs(experiment: Experiment) -> str:
    """Return what is beside ratios of costs, which hold jointly for the candidates, against the baseline alone."""
    return _of(experiment, fewest(len(ranked(experiment)) - 1))


def of(criterion: Criterion, experiment: Experiment) -> str:
    """Return what is beside the figures by a criterion: ratios of throughput, or means, each of which holds alone."""
    return of_pairs(experiment) if criterion.compared == "ratio" else _of(experiment, _MEANS)


def of_comparisons(criterion: Criterion, experiment: Experiment) -> str:
    """Return what is beside comparisons of two candidates by a criterion."""
    return INTERVAL if criterion.decides else of_pairs(experiment)


def either(some: Iterable[str]) -> str:
    """Return what is beside one figure or another, as in `95 % interval or observed range`."""
    found = set(some)
    return " or ".join(one for one in (INTERVAL, RANGE) if one in found) or INTERVAL


def with_article(within: str) -> str:
    """Return what is beside a figure for use in a sentence, as in `a 95 % interval`."""
    return within.replace(INTERVAL, f"a {INTERVAL}").replace(RANGE, f"the {RANGE}")


def _of(experiment: Experiment, needed: int) -> str:
    return INTERVAL if experiment.blocks >= needed else RANGE
