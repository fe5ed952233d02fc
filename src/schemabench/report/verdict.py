"""The results of an experiment, in sentences.

Owns the wording of verdict, control, ties and setting. Must not claim more than the standings support.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, log
from statistics import median

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, Experiment, Retirement, Standing
from schemabench.report import ends, figures, noise, race
from schemabench.report.text import name
from schemabench.report.view import ranked
from schemabench.units import format_duration, format_significant, plural

FRONT = "*"
"""Marks a candidate on the Pareto front."""

_USUAL_ISOLATION = "read committed"
"""The server's default, which is not mentioned."""
_MARGIN = 1.25
"""A margin, since a machine's speed varies."""
_SHORTEST_TRIAL_S, _LONGEST_TRIAL_S, _BLOCKS_IN_BUDGET = 0.05, 0.2, 30
"""How long a trial is meant to last: see `experiment.plan`."""
_WANTED = 2
"""Bursts are shortened further for this many times the fewest blocks that can tell any candidates apart: see
`experiment.sizing`."""
_TOLD_SHARE = 0.1
"""Share of the budget: time beyond it that removed candidates took is mentioned from this share on."""


def unranked(experiment: Experiment) -> list[CandidateResult]:
    """Return the candidates without a rank, in order."""
    return [result for result in experiment.candidates if result.status != "ranked" or result.standing is None]


def left_out(experiment: Experiment) -> list[list[CandidateResult]]:
    """Return the candidates without a rank, grouped by status and reason, in order of each group's first."""
    groups: dict[tuple[str, str], list[CandidateResult]] = {}
    for result in unranked(experiment):
        groups.setdefault((result.status, result.reason), []).append(result)
    return list(groups.values())


def sentence(experiment: Experiment) -> str:
    """Return the verdict: the leader, its lead, and whether the figures can be trusted."""
    standings = [standing for _, standing in ranked(experiment)]
    doubt = " Doubtful: the baseline differs from itself (see control)." if is_doubtful(experiment.control) else ""
    return _verdict(experiment, standings) + doubt


def _verdict(experiment: Experiment, standings: Sequence[Standing]) -> str:
    left = [(result.name, result.retired) for result, _ in ranked(experiment) if result.retired]
    far = {who: one for who, one in left if one.rule == "far slower"}
    others = [standing for standing in standings if standing.name not in far]
    return _joined(_of_all(experiment, others, far), race.sentence(experiment))


def _of_all(experiment: Experiment, standings: Sequence[Standing], far: Mapping[str, Retirement]) -> str:
    """Return the verdict on some standings, and on those that left as far slower."""
    rivals = [standing for standing in standings if standing.name != BASELINE]
    left = _joined(*(_left(one, name(who)) for who, one in far.items()))
    if not rivals:
        return _joined(_of_nobody_else(far) if standings else _nothing(experiment), left)
    if is_undecided(experiment):
        return _joined(_undecided(experiment, rivals), left)
    tied = [rival for rival in rivals if BASELINE in rival.tied_with]
    if len(tied) == len(rivals):
        who = "No other candidate" if far else "No candidate"
        return _joined(left, f"{who} can be told apart from the baseline{_reach(experiment, rivals)}.", _among(tied))
    best = min(standing.rank for standing in standings)
    leaders = [standing for standing in standings if standing.rank == best]
    if all(leader.name != BASELINE for leader in leaders):
        return _joined(_candidates_lead(experiment, leaders), left)
    slower = [rival for rival in rivals if rival not in tied]
    if all(map(_is_proved, far.values())):
        return _joined(_baseline_leads(experiment, tied, slower), _among(tied), left)
    return _joined(left, _baseline_leads(experiment, tied, slower, others=True), _among(tied))


def _of_nobody_else(far: Mapping[str, Retirement]) -> str:
    """Return the verdict where nobody but the baseline stayed; empty if nothing is proved of those that left."""
    slower = [name(who) for who, one in far.items() if _is_proved(one)]
    if not far:
        return f"Only the {BASELINE} was ranked: there is nothing to compare it with."
    if len(slower) == len(far):
        return f"The {BASELINE} leads: all others are far slower."
    return f"{figures.listed(slower)} {_is(slower)} slower than the {BASELINE}." if slower else ""


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _is(some: Sequence[object]) -> str:
    return "is" if len(some) == 1 else "are"


def on(experiment: Experiment, result: CandidateResult) -> str:
    """Return the verdict on one candidate by throughput, in a few words."""
    if result.status != "ranked" or result.standing is None:
        return result.status
    if result.name == BASELINE:
        return "the baseline"
    if result.retired:
        return departure(result.retired, figures.decimals(experiment))
    return _against_baseline(experiment, result.standing)


def _against_baseline(experiment: Experiment, standing: Standing) -> str:
    if is_doubtful(experiment.control):
        return "doubtful: the baseline differs from itself"
    if is_undecided(experiment):
        return "no verdict: too few blocks"
    if BASELINE in standing.tied_with:
        return "cannot be told apart from the baseline"
    return f"{'faster' if standing.to_baseline.value > 1 else 'slower'} than the baseline"


def is_undecided(experiment: Experiment) -> bool:
    """Return whether there are too few blocks for a verdict on any difference, however large."""
    return experiment.blocks < experiment.blocks_needed


def _left(retired: Retirement, who: str) -> str:
    """Return why a candidate left the blocks early, or that there is no verdict on it."""
    if _is_proved(retired):
        return f"{who} left early: {proved(retired)}."
    return (
        f"No verdict on {who}: it looked {_seen(retired)}x slower than the {BASELINE} in "
        f"{plural(retired.trials, 'trial')}, which vary too much to prove it."
    )


def _is_proved(retired: Retirement) -> bool:
    """Return whether the few trials of a candidate that left prove it to be slower."""
    return retired.slower.low > 1


def _seen(retired: Retirement) -> str:
    return format_significant(retired.slower.value, 2)


def departure(retired: Retirement, places: int) -> str:
    """Return that a candidate left, when and on what, in a few words."""
    return race.on(retired, retired.behind, places) if retired.behind else f"left early: {proved(retired)}"


def proved(retired: Retirement) -> str:
    """Return how much slower a candidate is that left the blocks early, and whether its few trials prove that."""
    trials = plural(retired.trials, "trial")
    if not _is_proved(retired):
        return f"{_seen(retired)}x slower, in {trials} that vary too much to prove it"
    return f"at least {format_significant(retired.slower.low, 2)}x slower, in {trials}"


def _undecided(experiment: Experiment, rivals: Sequence[Standing]) -> str:
    """Word what was seen in too few blocks for a verdict, and what is missing for one."""
    extreme = max(rivals, key=lambda rival: abs(log(rival.to_baseline.value)))
    durations = {
        result.name: {trial.block: trial.duration_s for trial in result.trials if not trial.warmup}
        for result in experiment.candidates
    }
    own, baseline = durations.get(extreme.name, {}), durations.get(BASELINE, {})
    slower = extreme.to_baseline.value < 1
    so = sum((own[block] > baseline[block]) == slower for block in own.keys() & baseline.keys())
    missing = experiment.blocks_needed - experiment.blocks
    more = f"For {plural(missing, 'more block')}: --budget {budget_s(experiment, experiment.blocks_needed)}s"
    if befell := ends.early(experiment):
        more = f"The run {befell}"
    factor = 1 / extreme.to_baseline.value if slower else extreme.to_baseline.value
    seen = f"{name(extreme.name)} was {figures.multiple(factor)} {'slower' if slower else 'faster'} than the baseline"
    return (
        f"No verdict: it needs {experiment.blocks_needed} blocks, and {experiment.blocks} were measured. So far "
        f"{seen}, in {so} of {plural(len(own), 'block')}. {more}."
    )


def budget_s(experiment: Experiment, blocks: int) -> int:
    """Return the budget for so many counted blocks of an experiment; in whole seconds.

    Those of a longer run may take longer: trials are shorter where the budget is. Blocks are taken to grow like trials,
    though the work between trials does not: there may be more of them, but not fewer.
    """
    done = experiment.blocks + experiment.warmup_blocks
    spent_s = experiment.elapsed_s if experiment.spent_s is None else experiment.spent_s
    as_short_s = _MARGIN * spent_s * (blocks + experiment.warmup_blocks) / done
    return ceil(as_short_s * _lengthened(experiment, blocks, as_short_s))


def _lengthened(experiment: Experiment, blocks: int, as_short_s: float) -> float:
    """Return how many times as long trials are with a budget for so many blocks.

    Args:
        experiment: The one that was measured.
        blocks: That should count.
        as_short_s: The budget for them if trials were as long as those measured.
    """
    if blocks < _WANTED * experiment.blocks_needed:
        return 1.0  # bursts are shortened for them again
    unshortened = (experiment.shortened_from or experiment.operations) / experiment.operations
    trial_s, then_s = (_trial_s(experiment, one) for one in (experiment.budget_s, as_short_s * unshortened))
    # Trials grow in proportion to the budget, so that there are no more blocks in it until they grow no longer.
    return unshortened * (_LONGEST_TRIAL_S / trial_s if then_s > trial_s else 1.0)


def _trial_s(experiment: Experiment, budget_s: float) -> float:
    """Return the intended length of a trial on the baseline."""
    entrants = len(experiment.candidates) + 1
    return min(_LONGEST_TRIAL_S, max(_SHORTEST_TRIAL_S, budget_s / (entrants * _BLOCKS_IN_BUDGET)))


def _nothing(experiment: Experiment) -> str:
    counts = Counter(result.status for result in experiment.candidates)
    why = "; ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    if experiment.stopped == "never started":
        cause = "the experiment never started"
    elif any(result.name == BASELINE and result.status == "disqualified" for result in experiment.candidates):
        cause = "the baseline itself is disqualified"
    elif counts["invalid"]:
        cause = "the load generator was the bottleneck"
    else:
        cause = "no candidate was left"
    return f"Nothing was ranked: {cause}{f' ({why})' if why else ''}."


def _baseline_leads(
    experiment: Experiment, tied: Sequence[Standing], slower: Sequence[Standing], *, others: bool = False
) -> str:
    """Return the verdict if no candidate is better than the baseline.

    Args:
        experiment: What was measured.
        tied: Those that cannot be told apart from the baseline.
        slower: Those that are slower; not empty.
        others: Whether there was a sentence on further candidates before, so that these are not all.
    """
    if tied:
        names, rest = (figures.listed(name(rival.name) for rival in some) for some in (tied, slower))
        return (
            f"No {'other ' if others else ''}candidate beats the baseline: {names} "
            f"{'ties' if len(tied) == 1 else 'tie'} with it, {rest} {_is(slower)} slower."
        )
    nearest = max(slower, key=lambda rival: rival.to_baseline.value)
    label = name(nearest.name)
    every = "each" if others else "every candidate"
    who = f"{label} is slower" if len(slower) == 1 else f"{every} is slower, {label} the least"
    leads = "The baseline leads the others" if others else "The baseline leads"
    return f"{leads}: {who}, at {figures.stood(nearest, figures.decimals(experiment))} its throughput."


def _among(tied: Sequence[Standing]) -> str:
    """Return which of the candidates that tie with the baseline are faster than which others; empty without any."""
    pairs = _below(tied, tie=False)
    told = "; ".join(f"{name(one.name)} is faster than {figures.listed(others)}" for one, others in pairs)
    return f"But {told}." if told else ""


def _candidates_lead(experiment: Experiment, leaders: Sequence[Standing]) -> str:
    """Return the verdict if candidates are better than the baseline."""
    places = figures.decimals(experiment)
    unsure = [leader for leader in leaders if BASELINE in leader.tied_with]
    ahead = [leader for leader in leaders if leader not in unsure] or leaders
    names = figures.listed(name(leader.name) for leader in ahead)
    ratios = figures.listed(figures.stood(leader, places) for leader in ahead)
    said = f"{names} {'leads' if len(ahead) == 1 else 'lead, tied'}: {ratios} the baseline's throughput"
    if not unsure:
        return f"{said}."
    who = figures.listed(name(leader.name) for leader in unsure)
    if ahead is leaders:
        return f"{said}; {who} cannot be told apart from the baseline, either."
    ties = "ties" if len(unsure) == 1 else "tie"
    return f"{said}; {who} {ties} with both the lead and the baseline."


def _reach(experiment: Experiment, rivals: Sequence[Standing]) -> str:
    """Return where the ratios of candidates that tie with the baseline may lie, by their own intervals."""
    if experiment.smallest_difference is None:
        return ": there are too few blocks" if experiment.control else ""
    places = figures.decimals(experiment)
    known = [rival for rival in rivals if figures.is_positive(rival.to_baseline)]
    if not known:
        return ""
    if len(rivals) == 1:
        return f": {name(rivals[0].name)} has {figures.stood(rivals[0], places)} its throughput"
    least = min(known, key=lambda rival: rival.to_baseline.low)
    most = max(known, key=lambda rival: rival.to_baseline.high)
    low, high = figures.multiple(least.to_baseline.low, places), figures.multiple(most.to_baseline.high, places)
    if limited := [name(rival.name) for rival in known if rival.at_least]:
        why = f"as the load generator was the bottleneck of {figures.listed(limited)}"
        return f": their ratios to it may lie anywhere from {low} ({name(least.name)}) up, {why}"
    lowest = f"{low} ({name(least.name)})" if least is not most else low
    return f": their ratios to it may lie anywhere from {lowest} to {high} ({name(most.name)})"


def is_doubtful(control: Standing | None) -> bool:
    """Return whether there is a control, and it was told apart from the baseline."""
    return control is not None and BASELINE not in control.tied_with


def control(experiment: Experiment) -> str:
    """Return the control's result, and how much equal schemas may differ; empty without a control."""
    if experiment.control is None:
        return ""
    found = figures.ratio_with_interval(experiment.control.to_baseline, figures.decimals(experiment))
    if is_doubtful(experiment.control):
        return f"{found}: the baseline differs from itself; do not trust differences of this size"
    if experiment.smallest_difference is None:
        return f"{found}: too few blocks to tell any difference from chance"
    differ = figures.percent(experiment.smallest_difference)
    return f"{found}: equal schemas may differ by up to {differ} here by chance"


def ties_across_ranks(experiment: Experiment) -> str:
    """Return the pairs that tie although their ranks differ, each once; empty without any."""
    found = _below([standing for _, standing in ranked(experiment)], tie=True)
    return "; ".join(f"{name(one.name)} with {figures.listed(others, len(others))}" for one, others in found)


def _below(standings: Sequence[Standing], *, tie: bool) -> Iterator[tuple[Standing, list[str]]]:
    """Yield candidates with the names of those of lower rank that tie with them, or of those that do not."""
    for one in standings:
        below = [other for other in standings if other.rank > one.rank and (other.name in one.tied_with) == tie]
        if below:
            yield one, [name(other.name) for other in below]


def place(experiment: Experiment, standing: Standing, standings: Sequence[Standing]) -> str:
    """Return a rank, as in `2`, or as in `2=` where it is shared with a candidate that cannot be told apart.

    A dash if there are too few blocks for a verdict, except for a candidate that few blocks prove to be slower.
    """
    if is_undecided(experiment) and standing.rank == 1:
        return figures.DASH
    shared = any(other.rank == standing.rank and other.name in standing.tied_with for other in standings)
    return f"{standing.rank}{'=' if shared else ''}"


def drift(experiment: Experiment) -> str:
    """Return the effect of written rows on each candidate's throughput; empty if it is consistent with chance."""
    found = [f"{name(result.name)} {_drift(result.drift)}" for result, _ in ranked(experiment) if result.drift]
    return (
        f"{figures.listed(found, len(found))} of its throughput per {plural(experiment.drift_rows, 'row')} written, "
        "the machine's own drift included"
        if found
        else ""
    )


def _drift(found: Estimate) -> str:
    """Return a drift, as in `loses 4 % [2, 6]`."""
    found_ends = sorted(100 * abs(end) for end in (found.low, found.high))
    low, high = (format_significant(end, 2) for end in found_ends)
    return (
        f"{'loses' if found.value < 0 else 'gains'} {format_significant(100 * abs(found.value), 2)} % [{low}, {high}]"
    )


def equivalence(experiment: Experiment) -> str:
    """Return how many candidates agree with the workload's model, and the calls compared; empty without a model."""
    checks = [result.equivalence for result in experiment.candidates if result.equivalence]
    agreeing = [check.calls for check in checks if check.agrees]
    if not checks:
        return ""
    asked = f"; rows compared after each of at least {plural(min(agreeing), 'call')}" if agreeing else ""
    return f"{len(agreeing)} of {plural(len(checks), 'candidate')} agree with the workload's model{asked}"


def setting(experiment: Experiment) -> str:
    """Return how the figures were measured: clients, blocks, time, burst."""
    clients = plural(experiment.clients, "client")
    if experiment.round_trip_s:
        clients += f", {format_duration(experiment.round_trip_s)} added to each round trip"
    if experiment.companions:
        clients += f", beside {figures.listed((one.name for one in experiment.companions), len(experiment.companions))}"
    if experiment.without_companions:
        clients += ", without companions"
    if experiment.noise:
        clients += f", beside {noise.short(experiment.noise)}"
    if experiment.isolation != _USUAL_ISOLATION:
        clients += f", {experiment.isolation}"
    if experiment.stopped == "never started":
        return f"{clients}; never started"
    durations = [
        trial.duration_s
        for result in experiment.candidates
        if result.name == BASELINE
        for trial in result.trials
        if not trial.warmup
    ]
    lasting = f", {format_duration(median(durations))} under the baseline" if durations else ""
    took = f"{plural(experiment.blocks, 'block')} in {format_duration(experiment.elapsed_s)}"
    if experiment.spent_s is not None and experiment.elapsed_s - experiment.spent_s > _TOLD_SHARE * experiment.budget_s:
        took += f" ({format_duration(experiment.elapsed_s - experiment.spent_s)} of it by candidates that left early)"
    size = f"{plural(experiment.operations, 'operation')} ({plural(experiment.rows, 'row')}{lasting})"
    if experiment.shortened_from:
        size += f", shortened from {experiment.shortened_from:,} to fit more blocks into the budget"
    return f"{clients}; {took}, {ends.until(experiment)}; bursts of {size}"
