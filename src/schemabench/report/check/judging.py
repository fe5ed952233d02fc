"""Whether candidates are worse than allowed.

Owns the rule, and what it cannot be applied to. Must not compute an interval: they are those of the run file, and hold
jointly for all candidates of an experiment by one criterion.

The rule: a candidate is worse if the whole interval lies beyond the bound, and not worse if the whole interval lies on
the bound's better side; otherwise nobody can tell. A bound on a difference is a share of the other candidate's own
figure, which has an interval, too: the end that makes the verdict harder counts. Of a figure that is a lower bound, as
the load generator was the bottleneck, the interval has no upper end. Where it was the bottleneck of whom others are
compared with, ratios below 1 look too good: only whoever is as fast is not worse.

Without an interval, a candidate is worse that failed, was disqualified, or left as far slower than the baseline, if it
is compared with that. By criteria of which whoever left has no figures, it is worse if it is so by throughput.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from schemabench.candidate import BASELINE
from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.records import BUSY_SHARE, THROUGHPUT, CandidateResult, Criterion, Estimate, Experiment, Run, Standing
from schemabench.report import criteria, ends, figures, verdict
from schemabench.report.check import duration
from schemabench.report.check.model import Asked, Check, Judged, Judgement
from schemabench.report.check.scale import Bound, bound, gain
from schemabench.report.text import name
from schemabench.report.view import View
from schemabench.units import format_percent

_WITHOUT_RESULT = "experiment-failed"
"""The notice on an experiment of the run that has no record."""
_BEHIND = ("disqualified", "failed")
"""The statuses that are worse than any figure."""
_LIMITED = "the load generator was the bottleneck, so that a longer run would not tell: see the footnote"
_UNDERSTATED = "the load generator was the bottleneck, so that a slower schema looks less slow: see the footnote"
_SATURATED = "client-saturated"
"""The notice on an experiment in which the load generator was the baseline's bottleneck."""


def check(run: Run, asked: Asked) -> Check:
    """Return the verdicts on all experiments of a run.

    Raises:
        UsageError: The run holds no experiment, or nothing of what is asked for: a candidate, a criterion.
    """
    missing = tuple(notice.text for notice in run.notices if notice.code == _WITHOUT_RESULT)
    if not run.experiments:
        raise UsageError(
            "The run holds no experiment: there is nothing to judge",
            checked=missing,
            remedies=["finish a run: pytest --report run.json"],
        )
    _check_names(run, asked)
    _check_criteria(run, asked)
    judged = [Judged(view=View(one, run), judgements=tuple(_judgements(one, asked))) for one in run.experiments]
    found = tuple(one for one in judged if any(each.verdict != "skipped" for each in one.judgements))
    if not found:
        raise UsageError(
            f"The run holds no candidate that was measured beside {asked.against!r}",
            checked=[_held(one) for one in run.experiments],
            remedies=["measure candidates together: pytest --candidate NAME"],
        )
    return Check(run=run, asked=asked, experiments=tuple(one for one in judged if one.judgements), missing=missing)


def _held(experiment: Experiment) -> str:
    """Return what became of an experiment's candidates."""
    results = [f"{one.name} {one.status}" for one in experiment.candidates]
    return f"{experiment.workload} at {experiment.cardinality}: {', '.join(results)}"


def _check_names(run: Run, asked: Asked) -> None:
    names = dict.fromkeys(result.name for experiment in run.experiments for result in experiment.candidates)
    for candidate in (asked.against, *asked.candidates):
        if candidate not in names:
            raise UsageError(
                f"The run has no candidate {candidate!r}{nearest(candidate, names)}",
                remedies=[f"name some of these: {', '.join(names)}"],
            )
    if asked.against in asked.candidates:
        raise UsageError(
            f"{asked.against!r} cannot be judged against itself", remedies=["leave it out of --candidates"]
        )


def _check_criteria(run: Run, asked: Asked) -> None:
    known = {criterion.name: criterion for experiment in run.experiments for criterion in experiment.criteria}
    for by in asked.criteria:
        if known and by not in known:
            raise UsageError(
                f"The run was not ranked by {by!r}{nearest(by, known)}",
                checked=[f"its criteria: {', '.join(known)}"],
                remedies=[_ranked_by(run, [*known, by])],
            )
        if known and known[by].better == "more" and asked.regression(by) >= 1:
            raise UsageError(
                f"Nothing is worse in {known[by].title} by {format_percent(asked.regression(by))}",
                remedies=[f"allow less than 100 %: --max-regression {by}=5%"],
            )


def _ranked_by(run: Run, names: Sequence[str]) -> str:
    """Return what to do where a run was not ranked by the last of some criteria."""
    given = next((option.value for option in run.options if option.name == "--criteria"), "")
    if names[-1] in given.split(","):
        return "see in the report of the run why it was not counted: schemabench report"
    return f"rank by it: pytest --criteria {','.join(names)}"


def _judgements(experiment: Experiment, asked: Asked) -> Iterator[Judgement]:
    against = next((one for one in experiment.candidates if one.name == asked.against), None)
    for result in experiment.candidates:
        if result.name == asked.against or (asked.candidates and result.name not in asked.candidates):
            continue
        if without := _without_figures(result, asked.against):
            yield without
        elif against is None or against.status != "ranked":
            why = f"{name(asked.against)} is {against.status}" if against else _absent(asked.against)
            yield Judgement(result=result, verdict="no result", reason=why)
        elif _is_far(result) and _is_far(against):
            both = figures.listed((name(result.name), name(against.name)))
            yield Judgement(result=result, verdict="no result", reason=f"{both} left the blocks early")
        else:
            for criterion in asked.criteria:
                yield _judged(experiment, result, against, criterion, asked)


def _absent(against: str) -> str:
    return f"the experiment has no candidate {name(against)}"


def _without_figures(result: CandidateResult, against: str) -> Judgement | None:
    """Return the verdict on a candidate that no figure decides; None for one that is compared with the other."""
    if result.status in _BEHIND:
        return Judgement(result=result, verdict="worse", reason=result.reason)
    if result.status == "skipped":
        return Judgement(result=result, verdict="skipped", reason=result.reason)
    if result.status != "ranked":
        return Judgement(result=result, verdict="no result", reason=result.reason)
    if result.retired and _is_far(result) and against == BASELINE:
        told = f"left the blocks early: {verdict.proved(result.retired)}"
        return Judgement(result=result, verdict="worse", reason=told)
    return None


def _is_far(result: CandidateResult) -> bool:
    """Return whether a candidate left as far slower than the baseline."""
    return result.retired is not None and result.retired.rule == "far slower"


def _left_behind(result: CandidateResult, against: CandidateResult) -> bool:
    """Return whether a candidate left the blocks proved slower than the other."""
    own = result.standings.get(THROUGHPUT.name)
    if not result.retired or own is None:
        return False
    found = own.to_baseline if against.name == BASELINE else own.to_others.get(against.name)
    return found is not None and found.high < 1


def _judged(
    experiment: Experiment, result: CandidateResult, against: CandidateResult, by: str, asked: Asked
) -> Judgement:
    """Return the verdict on a ranked candidate by one criterion."""
    criterion = criteria.find(experiment, by)
    own, other = result.standings.get(by), against.standings.get(by)
    if own is None and result.retired and criterion is not None:
        return _by_throughput_alone(experiment, result, against, by, asked)
    if criterion is None or own is None or other is None:
        whose = "the experiment" if criterion is None else name((against if other is None else result).name)
        reason = f"{whose} has no figures by {criterion.title if criterion else by}"
        return Judgement(result=result, criterion=criterion, verdict="no result", reason=reason, by=by)
    found = own.to_baseline if against.name == BASELINE else own.to_others.get(against.name)
    if found is None:
        reason = f"the run file holds no comparison with {name(against.name)}: an older version wrote it"
        return Judgement(result=result, criterion=criterion, verdict="no result", reason=reason)
    limit = bound(criterion, asked.regression(by), other.figure)
    told = Judgement(
        result=result,
        criterion=criterion,
        verdict="cannot tell",
        found=_limited(found, own, other),
        of=other.figure.value,
    )
    judged = _told(told, criterion, found, limit, experiment)
    if by == THROUGHPUT.name and _is_saturated(experiment, against):
        judged = _of_saturated(judged, criterion, limit)
    left = judged.is_forecast and (result.retired or against.retired)
    return _of_departed(judged, against, experiment) if left else judged


def _by_throughput_alone(
    experiment: Experiment, result: CandidateResult, against: CandidateResult, by: str, asked: Asked
) -> Judgement:
    """Return the verdict on a candidate that left, by a criterion of which it has no figures.

    It is worse if it is worse by throughput than is allowed there: that is why it was measured no further.
    """
    criterion = criteria.find(experiment, by)
    judged = Judgement(result=result, criterion=criterion, verdict="no result", by=by)
    if by != THROUGHPUT.name and _judged(experiment, result, against, THROUGHPUT.name, asked).verdict == "worse":
        return replace(judged, verdict="worse", reason=_departure(experiment, result))
    title = criterion.title if criterion else by
    return replace(judged, reason=f"{name(result.name)} left the blocks early, and so has no figures by {title}")


def _is_saturated(experiment: Experiment, against: CandidateResult) -> bool:
    """Return whether the load generator was the bottleneck of whom others are compared with.

    The baseline never has a lower bound, nor has whoever is limited less than the baseline: see `experiment.gates`.
    """
    if all(notice.code != _SATURATED for notice in experiment.notices):
        return False
    return against.name == BASELINE or (against.busy_share or 0.0) > BUSY_SHARE


def _of_saturated(judged: Judgement, criterion: Criterion, limit: Bound) -> Judgement:
    """Return a judgement by throughput where the load generator was the bottleneck of whom others are compared with.

    It adds the same time to the trials of both, which moves ratios towards 1: whoever looks slower is slower still, and
    whoever looks as fast is. Hence "worse" holds, and "not worse" from a ratio of 1 on.
    """
    if judged.found is None:
        return judged
    known = gain(criterion, judged.found)
    looks_harmless = judged.verdict == "not worse" and known.low < 0
    in_vain = judged.is_forecast and not judged.result.retired and known.centre >= limit.harmful
    if looks_harmless or in_vain:
        return replace(judged, verdict="cannot tell", reason=_UNDERSTATED, is_forecast=False)
    return judged


def _limited(found: Estimate, own: Standing, other: Standing) -> Estimate:
    """Return an interval without the end that is not known where the load generator was the bottleneck."""
    return replace(found, low=0.0 if other.at_least else found.low, high=math.inf if own.at_least else found.high)


def _told(told: Judgement, criterion: Criterion, found: Estimate, limit: Bound, experiment: Experiment) -> Judgement:
    """Return a judgement with its verdict, or with why there is none."""
    assert told.found is not None, "what was found is judged"
    if not all(map(math.isfinite, (found.value, found.low, found.high))):
        return replace(told, verdict="no result", found=None, reason="there are too few data")
    if doubt := _doubt(experiment, criterion):
        return replace(told, reason=doubt)
    known = gain(criterion, told.found)
    if known.high < limit.harmful:
        return replace(told, verdict="worse")
    if known.low >= limit.harmless:
        befell = ends.early(experiment)
        reason = f"the run {befell} before the candidates' rows were compared"
        return replace(told, reason=reason) if befell else replace(told, verdict="not worse")
    if told.found != found:
        return replace(told, reason=_LIMITED)
    return replace(told, reason=duration.advice(experiment, known, limit), is_forecast=True)


def _of_departed(told: Judgement, against: CandidateResult, experiment: Experiment) -> Judgement:
    """Return the judgement where the bound lies within the interval of a candidate that left: it has no more blocks.

    It is worse if it left a race as proved slower than the other: more blocks were not worth their time.
    """
    if _left_behind(told.result, against) and not _is_far(told.result):
        return replace(told, verdict="worse", reason=_departure(experiment, told.result), is_forecast=False)
    who = told.result if told.result.retired else against
    rest = f" than {name(BASELINE)}" if _is_far(who) else ". Measure without --race"
    reason = f"{name(who.name)} {_departure(experiment, who)}{rest}"
    return replace(told, reason=reason, is_forecast=False)


def _departure(experiment: Experiment, result: CandidateResult) -> str:
    assert result.retired is not None, f"{result.name} left"
    return verdict.departure(result.retired, figures.decimals(experiment))


def _doubt(experiment: Experiment, criterion: Criterion) -> str:
    """Return why no interval by a criterion tells anything; empty where they do."""
    if verdict.is_doubtful(criterion.control):
        return f"the baseline differs from itself in {criterion.title} (see the control): repeat the run"
    if criterion.decides:
        return ""
    if experiment.blocks < experiment.blocks_needed:
        return duration.too_few(experiment)
    return "too few blocks have figures for any verdict: measure longer (--budget), or sample more often (--sample-hz)"
