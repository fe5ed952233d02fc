"""Whether an entrant's trials measure its schema, rather than the client or a single writer, and a fresh one.

Owns the limits for a busy load loop and for a writer that runs alone, the notices if they are exceeded, and
disqualification by the age of answers. Must not rank.

Each entrant is judged by its own trials. A burst is the same work for the client under every candidate, so its share of
a trial grows as the server gets faster. The fastest candidates are the likeliest to be limited by the client, and slow
ones must not excuse them.

The client adds the same time to every trial, which moves ratios towards 1. If the client limits a candidate more than
the baseline, the observed ratio is therefore a lower bound, and no other candidate can be shown to be better.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from schemabench.candidate import BASELINE
from schemabench.errors import UsageError
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.records import BUSY_SHARE, Notice
from schemabench.units import format_duration, format_percent

SATURATED_SHARE = 0.95
"""If the load loop is busier than this under the baseline, the load loop was measured: ratios to the baseline mean
nothing."""
LONELY_SHARE = 0.25
"""If the last writer works alone for longer than this share of a trial, the trial tells little of the others."""

_RELIEF = (
    "spread the load over several processes: pytest -n 2",
    "use fewer connections: --clients N",
    "do more per call, such as upserting an array of rows instead of one",
)
"""Remedies for a client that is too busy."""


def busy_share(measured: Measured, names: Iterable[str]) -> float:
    """Return the share of time in which the load loop was busy, in the median counted trial of some entrants."""
    shares = [trial.busy_share for name in names for trial in measured.counted(name)]
    return float(np.median(shares)) if shares else 0.0


def limited(measured: Measured, candidates: Iterable[str]) -> frozenset[str]:
    """Return the candidates that the client limits more than the baseline: their ratios are lower bounds."""
    most = max(BUSY_SHARE, busy_share(measured, [BASELINE]))
    return frozenset(name for name in candidates if busy_share(measured, [name]) > most)


def saturation(measured: Measured) -> str:
    """Return why the experiment is invalid, and what to do; empty if the client kept up with the baseline."""
    busy = busy_share(measured, [BASELINE])
    if busy <= SATURATED_SHARE:
        return ""
    text = f"The load generator was the bottleneck: it was busy {format_percent(busy)} of the time"
    return str(UsageError(text, remedies=_RELIEF))


def limit(name: str, measured: Measured) -> Notice:
    """Return the notice on a candidate limited by the client."""
    busy = format_percent(busy_share(measured, [name]))
    text = (
        f"Under {name} the load generator was the bottleneck, busy {busy} of the time: ratios of {name} are lower "
        f"bounds, and no candidate is shown to be faster. To measure more: {'; '.join(_RELIEF)}"
    )
    return Notice(code="client-limited", text=text)


def stale(names: Iterable[str], measured: Measured) -> dict[str, str]:
    """Return why the answers of some entrants disqualify them, as they were certainly older than they may be.

    At production's pace if that was measured. The baseline is as old as its copy, the control.
    """
    found = {name: reason for name in names if (reason := _stale(name, measured))}
    return {BASELINE: f"{found[CONTROL]}, in its copy, the control"} | found if CONTROL in found else found


def _stale(name: str, measured: Measured) -> str:
    found = measured.staleness(name)
    for one in [one for one in found if one.phase == "adequacy"] or found:
        if one.certain_s > one.within_s:
            return (
                f"answers of {one.operation!r} were {format_duration(one.certain_s)} old, in seconds of production, "
                f"and may be {format_duration(one.within_s)} old"
            )
    return ""


def notices(measured: Measured, candidates: Sequence[str]) -> tuple[Notice, ...]:
    """Return notices on a busy client under the baseline, on lone writers, and on ages that are not known."""
    return (*_busy(measured), *_lonely(measured, candidates), *_unknown_ages(measured))


def _busy(measured: Measured) -> tuple[Notice, ...]:
    busy = busy_share(measured, [BASELINE])
    if busy <= BUSY_SHARE:
        return ()
    text = (
        f"Under the baseline the load generator was busy {format_percent(busy)} of the time, which makes differences "
        f"look smaller. To measure more: {'; '.join(_RELIEF)}"
    )
    return (Notice(code="client-saturated", text=text),)


def _lonely(measured: Measured, candidates: Sequence[str]) -> tuple[Notice, ...]:
    """Return a notice for each writer that is alone for long under some candidates."""
    found: dict[str, dict[str, float]] = {}
    for name in candidates:
        for writer, share in _alone(measured, name).items():
            if share > LONELY_SHARE:
                found.setdefault(writer, {})[name] = share
    return tuple(
        Notice(
            code="one-writer",
            text=f"Under {_whom(shares, candidates)} only the writer {writer!r} was still working for the last "
            f"{_from_to(shares.values())} of a trial, on average: throughput hides how soon the others are done. See "
            "the ratio of each writer",
        )
        for writer, shares in found.items()
    )


def _unknown_ages(measured: Measured) -> tuple[Notice, ...]:
    if measured.freshness is None or not measured.freshness.by_several_clocks:
        return ()
    text = (
        "How old answers were at production's pace is not known: the workers are on several hosts, whose clocks cannot "
        "be compared. What is certain in trials decides"
    )
    return (Notice(code="ages-between-hosts", text=text),)


def _alone(measured: Measured, name: str) -> dict[str, float]:
    """Return the average share of an entrant's trials in which each writer ran alone, after all others."""
    trials = measured.counted(name)
    alone = dict.fromkeys((writer for trial in trials for writer in trial.writers_s), 0.0)
    for trial in trials:
        *others, (last, finished_s) = sorted(trial.writers_s.items(), key=lambda item: item[1])
        if others:
            alone[last] += (finished_s - others[-1][1]) / trial.duration_s / len(trials)
    return alone


def _whom(some: Iterable[str], every: Sequence[str]) -> str:
    names = list(some)
    return "all candidates" if len(names) == len(every) > 1 else ", ".join(names)


def _from_to(shares: Iterable[float]) -> str:
    """Return a share, or the range of several, as in `31 %` or `31 % to 44 %`."""
    found = sorted(shares)
    return " to ".join(dict.fromkeys(map(format_percent, (found[0], found[-1]))))
