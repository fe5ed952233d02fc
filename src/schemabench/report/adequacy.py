"""How candidates fare at production's pace: the sentence, and what its tables hold, alike in every format.

Owns the wording of it. Must not judge who keeps up: the record says so.
"""

from collections.abc import Sequence

from schemabench.records import Adequacy, CandidateResult, Experiment, Latency, Pacing
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


def by_writer(known: Sequence[Fared]) -> list[tuple[str, Pacing]]:
    """Return how each writer fared under each candidate; none of older run files."""
    return [(name, writer) for name, one in known for writer in one.writers]


def sentence(experiment: Experiment, name: Name) -> str:
    """Return who keeps up with production, and how long responses take; empty where that was not asked."""
    known = fared([result for result, _ in verdict.ranked(experiment)])
    if not known:
        return ""
    _, first = known[0]
    calls = figures.plural(sum(response.count for response in first.responses), "call")
    left = [name(one.name) for one, _ in verdict.ranked(experiment) if one.retired and one.adequacy is None]
    who = _who(known, name, whole=not left)
    if left:
        was = "was" if len(left) == 1 else "were"
        who.append(f"{figures.listed(left, len(left))} left the blocks early and {was} not asked")
    return f"at production's pace for {seconds(first.duration_s)} ({calls}) {'; '.join(who)}; {_slowest(known, name)}"


def answer(keeps_up: bool | None) -> str:  # noqa: FBT001 (a verdict)
    """Return a verdict as a word."""
    return "not known" if keeps_up is None else "yes" if keeps_up else "no"


def waiting(one: Adequacy) -> str:
    """Return the calls that still waited when production's time was over, by writer."""
    shown = [f"{writer} {count:,}" for writer, count in sorted(one.waiting.items(), key=lambda item: -item[1])]
    return figures.listed(shown) or "none"


def over(one: Adequacy) -> str:
    """Return how long after production's time the last response came, or the burst was cut short."""
    late_s = one.elapsed_s - one.duration_s
    late = seconds(late_s) if late_s > 0 else "0 s"
    return f"{late} (cut short)" if one.cut else late


def drained(one: Pacing) -> str:
    """Return in which time what was left would be done."""
    return "never" if one.drain_s is None else seconds(one.drain_s)


def slowest(one: Adequacy) -> Latency:
    """Return the response times of the slowest operation: by the 99th percentile, or by all where calls are too few."""
    return max(one.responses, key=_level_ns)


def slowest_ns(one: Adequacy) -> float:
    """Return within which time `within` says that it was."""
    return _level_ns(slowest(one))


def within(one: Adequacy) -> str:
    """Return in which time responses of the slowest operation came, as in `99 % within 2.05 ms`."""
    return f"{_many(slowest(one))} within {_time(one)}"


def seconds(value: float) -> str:
    """Return a duration."""
    return figures.time(value * NANOSECONDS)


def _who(known: Sequence[Fared], name: Name, *, whole: bool) -> list[str]:
    """Return who keeps up, who does not, and of whom it cannot be told."""
    behind = [f"{name(label)} ({_behind(one, name)})" for label, one in known if one.keeps_up is False]
    unclear = [f"{name(label)} ({_unclear(one, name)})" for label, one in known if one.keeps_up is None]
    said = []
    if len(behind) == len(known):
        said.append(f"none keeps up: {figures.listed(behind, len(behind))}")
    elif behind:
        said.append(f"not all keep up: {figures.listed(behind, len(behind))}")
    elif not unclear:
        every = "every candidate keeps up" if whole else "all that were asked keep up"
        said.append(every if len(known) > 1 else f"{name(known[0][0])} keeps up")
    elif len(unclear) < len(known):
        said.append("the others keep up")
    if unclear:
        who = f"{figures.listed(unclear, len(unclear))} {'keeps' if len(unclear) == 1 else 'keep'} up"
        said.append(f"it cannot be told whether {who}: a longer --adequacy may tell")
    return said


def _behind(one: Adequacy, name: Name) -> str:
    """Return why a candidate does not keep up, by the writer that is furthest behind."""
    late = f"done {over(one)} late" if not one.cut else f"cut short after {seconds(one.elapsed_s)}"
    worst = max((w for w in one.writers if w.keeps_up is False), key=lambda w: w.utilisation.value, default=None)
    if worst is None:  # an older run file has no writers
        writer, count = max(one.waiting.items(), key=lambda item: item[1])
        return f"{figures.plural(count, 'call')} of {name(writer)} waiting at the end, {late}"
    if worst.utilisation.value < 1 and worst.busiest is not None and worst.busiest.low >= 1:
        taken = figures.share_with_interval(worst.busiest)
        return f"calls over one connection of {name(worst.name)} take {taken} of its time, {late}"
    return f"{_taken(worst, name)}, {late}"


def _unclear(one: Adequacy, name: Name) -> str:
    """Return why it cannot be told whether a candidate keeps up."""
    writer = max((w for w in one.writers if w.keeps_up is None), key=lambda w: w.utilisation.high)
    if writer.utilisation.high >= 1:
        return _taken(writer, name)
    if writer.drain_s is None or writer.drain_s > one.duration_s:
        return f"what {name(writer.name)} had left at the end takes {drained(writer)} to be done"
    return f"a response to {name(writer.name)} took {seconds(writer.slowest_s)}, longer than all were due in"


def _taken(writer: Pacing, name: Name) -> str:
    return (
        f"calls of {name(writer.name)} take {figures.share_with_interval(writer.utilisation)} of its connections' time"
    )


def _slowest(known: Sequence[Fared], name: Name) -> str:
    """Return the slowest operation and in which time it was answered, from the quickest candidate to the slowest."""
    ordered = sorted(known, key=lambda fared: slowest_ns(fared[1]))
    (first, quick), (last, slow) = ordered[0], ordered[-1]
    operation, other = slowest(quick).operation, slowest(slow).operation
    said = f"slowest operation: {name(operation)}, {within(quick)}"
    due = "of when they were due"
    if len(known) == 1:
        return f"{said} {due}"
    alike = operation == other and _many(slowest(quick)) == _many(slowest(slow))
    what = _time(slow) if alike else f"{name(other)}, {within(slow)}"
    return f"{said} ({name(first)}) to {what} ({name(last)}) {due}"


def _time(one: Adequacy) -> str:
    """Return in which time responses of the slowest operation came."""
    return f"{figures.time(slowest_ns(one))}{' or more' if one.cut else ''}"


def _many(times: Latency) -> str:
    """Return of how many calls that is known."""
    return "99 %" if times.p99_ns is not None else f"all {times.count:,}" if times.count > 1 else "its one call"


def _level_ns(times: Latency) -> float:
    return times.max_ns if times.p99_ns is None else times.p99_ns
