"""How candidates fare at production's pace: the sentence, and what its tables hold, alike in every format.

Owns the wording of it. Must not judge who keeps up: the record says so.
"""

from collections.abc import Sequence

from schemabench.records import Adequacy, CandidateResult, Experiment, Latency
from schemabench.report import figures, verdict
from schemabench.report.verdict import Name
from schemabench.units import NANOSECONDS

Fared = tuple[str, Adequacy]
"""A candidate's name and how it fared."""
Timed = tuple[str, Latency, Latency]
"""A candidate's name, with response times and service times of one operation under it."""


def fared(results: Sequence[CandidateResult]) -> list[Fared]:
    """Return the candidates that were asked, in order."""
    return [(result.name, result.adequacy) for result in results if result.adequacy]


def by_operation(known: Sequence[Fared]) -> dict[str, list[Timed]]:
    """Return the times of each operation, the candidates in order."""
    operations: dict[str, list[Timed]] = {}
    for name, one in known:
        for response, service in zip(one.responses, one.services, strict=True):
            operations.setdefault(response.operation, []).append((name, response, service))
    return operations


def sentence(experiment: Experiment, name: Name) -> str:
    """Return who keeps up with production, and how long responses take; empty where that was not asked."""
    known = fared([result for result, _ in verdict.ranked(experiment)])
    if not known:
        return ""
    _, first = known[0]
    calls = figures.plural(sum(response.count for response in first.responses), "call")
    asked = f"at production's pace for {_seconds(first.duration_s)} ({calls})"
    behind = [f"{name(label)} ({_behind(one, name)})" for label, one in known if not one.keeps_up]
    if not behind:
        who = "every candidate keeps up" if len(known) > 1 else f"{name(known[0][0])} keeps up"
    elif len(behind) == len(known):
        who = f"none keeps up: {figures.listed(behind, len(behind))}"
    else:
        who = f"not all keep up: {figures.listed(behind, len(behind))}"
    return f"{asked} {who}; {_responses(known, name)} of when they were due"


def waiting(one: Adequacy) -> str:
    """Return the calls that still waited when production's time was over, by writer."""
    shown = [f"{writer} {count:,}" for writer, count in sorted(one.waiting.items(), key=lambda item: -item[1])]
    return figures.listed(shown) or "none"


def over(one: Adequacy) -> str:
    """Return how long after production's time the last response came."""
    late_s = one.elapsed_s - one.duration_s
    return _seconds(late_s) if late_s > 0 else "0 s"


def _behind(one: Adequacy, name: Name) -> str:
    writer, count = max(one.waiting.items(), key=lambda item: item[1])
    return f"{figures.plural(count, 'call')} of {name(writer)} waiting at the end, done {over(one)} late"


def _responses(known: Sequence[Fared], name: Name) -> str:
    """Return within which time calls were answered, from the quickest candidate to the slowest."""
    supported = all(one.p99_ns is not None for _, one in known)
    times = sorted((one.p99_ns if supported and one.p99_ns else one.max_ns, label) for label, one in known)
    (least_ns, first), (most_ns, last) = times[0], times[-1]
    share = "99 % of responses" if supported else "all responses"
    if len(times) == 1:
        return f"{share} within {figures.time(least_ns)}"
    return f"{share} within {figures.time(least_ns)} ({name(first)}) to {figures.time(most_ns)} ({name(last)})"


def _seconds(seconds: float) -> str:
    return figures.time(seconds * NANOSECONDS)
