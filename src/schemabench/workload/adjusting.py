"""Writers whose pace, kind and connections differ from what their workload says, or that are off.

Owns what a pace in words means. Must not know where it is written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from schemabench.units import parse_duration_s
from schemabench.workload.authoring import Writer

_PACE = re.compile(
    r"(?P<calls>[\d,_]+) calls?"
    r"(?: in (?P<within>[\d.]+ ?[a-z]+))?,?"
    r"(?: (?:every (?P<every>[\d.]+ ?[a-z]+)|(?P<times>\d+) times an? (?P<period>hour|day)))?"
)
_PERIODS_S = {"hour": 3600.0, "day": 86400.0}
PACES = "as in `4,000 calls every 30 s`, `136 calls in 30 s every 2 min` or `136 calls in 30 s, 3 times a day`"


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """What a file says of a writer; None where it says nothing."""

    pace: str | None = None
    kind: Literal["stream", "batch", "reader"] | None = None
    connections: int | None = None
    off: bool = False

    @property
    def calls_per_s(self) -> float | None:
        """The calls a second while the writer is at work; None where no pace is given.

        Raises:
            ValueError: The pace cannot be read, or a run takes longer than the time between two runs.
        """
        if self.pace is None:
            return None
        match = _PACE.fullmatch(self.pace.strip())
        if match is None or not any((match["within"], match["every"], match["times"])):
            raise ValueError(f"{self.pace!r} is not a pace: write it {PACES}")
        between_s = _between_s(match)
        within_s = parse_duration_s(match["within"]) if match["within"] else between_s
        if between_s < within_s:
            raise ValueError(f"{self.pace!r} is not a pace: its calls take longer than the time to the next ones")
        calls = int(re.sub(r"[_,]", "", match["calls"]))
        if calls < 1:
            raise ValueError(f"{self.pace!r} is not a pace: to leave a writer out, write `off = true`")
        return calls / within_s


def adjusted(
    writers: Sequence[Writer], adjustments: Mapping[str, Adjustment], production_s: float | None
) -> list[Writer]:
    """Return writers as a file wants them.

    Args:
        writers: Those of the workload.
        adjustments: By the writer's name.
        production_s: The seconds of production load in the smallest burst; None if unknown.

    Raises:
        ValueError: A pace means nothing here, or less than a call in the smallest burst.
    """
    found = []
    for writer in writers:
        change = adjustments.get(writer.name, Adjustment())
        if change.off:
            continue
        given: dict[str, Any] = {"kind": change.kind, "clients": change.connections, "pace": change.pace}
        given["weight"] = _weight(writer.name, change, production_s)
        found.append(replace(writer, **{key: value for key, value in given.items() if value is not None}))
    return found


def _weight(writer: str, change: Adjustment, production_s: float | None) -> int | None:
    """Return the calls in the smallest burst; None where no pace is given."""
    if change.calls_per_s is None:
        return None
    if production_s is None:
        raise ValueError(
            f"the pace of {writer!r} means nothing: the workload does not know how much a burst stands for"
        )
    calls = change.calls_per_s * production_s
    if round(calls) < 1:
        raise ValueError(
            f"the pace of {writer!r} is {calls:.2g} calls in the {production_s:g} s of production that the smallest "
            "burst stands for: make this longer, or say in how long the calls are sent, as in `136 calls in 30 s, 3 "
            "times a day`"
        )
    return round(calls)


def _between_s(match: re.Match[str]) -> float:
    """Return the seconds from one run of a writer to the next."""
    if match["every"]:
        return parse_duration_s(match["every"])
    if match["times"]:
        return _PERIODS_S[match["period"]] / int(match["times"])
    return parse_duration_s(match["within"])
