"""How a criterion is shown: its figures, its scale, and the words for it.

Owns the wording of every criterion, from what its record says of it. Must not judge what a ranking says.
"""

from collections.abc import Iterable, Mapping

from schemabench.candidate import BASELINE
from schemabench.records import LOCK_WAITS, THROUGHPUT, Criterion, Estimate, Experiment, Per, Standing
from schemabench.report import figures
from schemabench.report.drawings import Scale
from schemabench.report.view import ranked

_SHORT = {LOCK_WAITS.name: "locks"}
"""What a criterion is called where there is little room; the measure's own title for any other."""
_LEGENDS = {
    LOCK_WAITS.name: "share of the writers' time spent waiting for heavyweight locks or pausing before a retry",
}
_PER: Mapping[Per, str] = {
    "row": "per row written, the mean over counted trials",
    "operation": "per operation, the mean over counted trials",
    "update": "of all updates, the mean over counted trials",
}
_AXES = {
    THROUGHPUT.name: "throughput over the baseline's (ratio, log scale)",
    LOCK_WAITS.name: "lock waits (% of the writers' time)",
}
_VAGUE = 0.5
"""A share of lock waits whose interval is wider may be almost anything: a handful of samples says no more."""


def find(experiment: Experiment, name: str) -> Criterion | None:
    """Return a criterion of an experiment; None where it was not ranked by it."""
    return next((one for one in experiment.criteria if one.name == name), None)


def is_vague(criterion: Criterion, standing: Standing) -> bool:
    """Return whether a share of lock waits has too few samples to say anything."""
    return criterion.name == LOCK_WAITS.name and standing.figure.high - standing.figure.low > _VAGUE


def standings(experiment: Experiment, criterion: Criterion) -> list[Standing]:
    """Return where each candidate stands that has a rank by a criterion, in order of throughput."""
    found = (result.standings.get(criterion.name) for result, _ in ranked(experiment))
    return [standing for standing in found if standing]


def short(criterion: Criterion) -> str:
    """Return what a criterion is called in a narrow column."""
    return _SHORT.get(criterion.name, criterion.title.partition(" per ")[0])


def legend(criterion: Criterion) -> str:
    """Return what the figures of a criterion are, where its short name does not say it."""
    return _LEGENDS.get(criterion.name, _PER[criterion.per] if criterion.per else "")


def front_legend(criteria: Iterable[Criterion]) -> str:
    """Return what the Pareto front means."""
    titles = [one.title for one in criteria]
    either, other = (" or ".join(titles), "the other") if len(titles) == 2 else (_any(titles), "another")  # noqa: PLR2004
    return f"no other is better in {either} without being worse in {other} (Pareto)"


def figure(criterion: Criterion, standing: Standing, places: int) -> tuple[str, str]:
    """Return what a rank rests on, and its interval: the ratio to the baseline's, or the candidate's own figure.

    Args:
        criterion: What the rank is by.
        standing: Of a candidate that has a rank.
        places: The decimals of ratios.
    """
    if criterion.compared == "difference":
        return amount(criterion, standing.figure)
    ratio = standing.to_baseline
    if standing.name == BASELINE:
        return f"{figures.BASELINE_RATIO}x", ""
    if standing.at_least:
        return figures.ratio_at_least(ratio, places), ""
    shown = figures.ratio(ratio.value, places)
    return shown if shown == figures.DASH else f"{shown}x", figures.ratio_interval(ratio, places)


def amount(criterion: Criterion, estimate: Estimate) -> tuple[str, str]:
    """Return a figure in the criterion's own unit, and its interval."""
    if criterion.unit == "share":
        return figures.share(estimate.value), figures.share_interval(estimate)
    value, low, high = (figures.in_unit(one, criterion.unit) for one in (estimate.value, estimate.low, estimate.high))
    return value, f"[{low}, {high}]"


def compared(criterion: Criterion, estimate: Estimate, of: float, places: int) -> tuple[str, str]:
    """Return how one candidate compares with another, and its interval.

    A ratio, or a difference with its sign: in points for shares, else in percent of the other's figure, or in the
    criterion's own unit where that is zero.

    Args:
        criterion: What they are compared by.
        estimate: The ratio or the difference.
        of: The other's figure.
        places: The decimals of ratios.
    """
    if criterion.compared == "ratio":
        return figures.multiple(estimate.value, places), figures.ratio_interval(estimate, places)
    if criterion.unit == "share":
        value, low, high = (f"{100 * one:+z.1f}" for one in (estimate.value, estimate.low, estimate.high))
        return value, f"[{low}, {high}]"
    if of > 0:
        value, low, high = (figures.signed_percent(one / of) for one in (estimate.value, estimate.low, estimate.high))
        return f"{value} %", f"[{low}, {high}]"
    return amount(criterion, estimate)


def allowed(criterion: Criterion, share: float) -> str:
    """Return the worst that a comparison by a criterion may be, as in `at least 0.95x` or `at most 5 % more`."""
    if criterion.compared == "ratio":
        return f"at least {1 - share:.4g}x" if criterion.better == "more" else f"at most {1 + share:.4g}x"
    unit = "points" if criterion.unit == "share" else "%"
    return f"at most {100 * share:.4g} {unit} {'less' if criterion.better == 'more' else 'more'}"


def as_compared(criterion: Criterion) -> str:
    """Return the title of a criterion, with the unit of its comparisons where their figures do not hold it."""
    in_points = criterion.compared == "difference" and criterion.unit == "share"
    return f"{criterion.title} (points)" if in_points else criterion.title


def scale(criterion: Criterion) -> Scale:
    """Return the scale that a criterion's figures are drawn on."""
    title = _AXES.get(criterion.name, f"{criterion.title} ({criterion.unit})")
    if criterion.compared == "ratio":
        return Scale(kind="ratio", title=title)
    return Scale(kind="share" if criterion.unit == "share" else "amount", title=title)


def drawn(criterion: Criterion, standing: Standing) -> Estimate:
    """Return the figure that is drawn on the criterion's scale."""
    return standing.to_baseline if criterion.compared == "ratio" else standing.figure


def _any(titles: list[str]) -> str:
    return f"{', '.join(titles[:-1])} or {titles[-1]}"
