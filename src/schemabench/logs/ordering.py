"""In which order log files are read.

Owns what tells the order of two files: when their first entries were written, as far as their zones are known, and
whose entries of a session have the lower numbers. Must not know what entries say.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import islice, pairwise
from math import inf
from pathlib import Path

from schemabench.logs.entries import entries
from schemabench.logs.files import Damage
from schemabench.logs.times import Times

_FIRST = 10_000
"""Entries of a file that are looked at."""


@dataclass(frozen=True, kw_only=True)
class _Start:
    """What is known of the start of a file."""

    first_s: float
    """When its first entry was written; infinite without one."""
    is_sure: bool


def ordered(paths: Sequence[Path]) -> tuple[list[Path], Times]:
    """Return files in the order in which they were written, and what reads their times.

    Those without entries are at the end. Where the zone of a first entry is only guessed, as after the clocks were
    changed and before the next session begins, the numbers of the entries of sessions that are in several files tell
    the order.

    Args:
        paths: The files, in any order.

    Raises:
        UsageError: A file cannot be read, or is none.
    """
    known: dict[str, int] = {}
    for path in paths:
        known |= _zones(path)
    starts = [_start(path, known) for path in paths]
    sure = all(one.is_sure for one in starts)
    before = {} if sure or len(paths) == 1 else _before([_numbers(path) for path in paths])
    order = _sorted([one.first_s for one in starts], before)
    return [paths[place] for place in order], Times(known)


def _zones(path: Path) -> Mapping[str, int]:
    """Return the zones in which sessions have begun, up to the first entry whose own zone is one of these."""
    times = Times()
    for _ in islice(entries(path, Damage(), times), _FIRST):
        if times.is_sure:
            break
    return times.sure


def _start(path: Path, known: Mapping[str, int]) -> _Start:
    times = Times(known)
    first = next(entries(path, Damage(), times), None)
    return _Start(first_s=first.time_s if first else inf, is_sure=first is None or times.is_sure)


def _numbers(path: Path) -> dict[tuple[str, str], int]:
    """Return the number of the first entry of each session in a file, by format and session."""
    found: dict[tuple[str, str], int] = {}
    for entry in islice(entries(path, Damage()), _FIRST):
        if entry.number:
            found.setdefault((entry.form, entry.session), entry.number)
    return found


def _before(numbers: Sequence[Mapping[tuple[str, str], int]]) -> dict[int, set[int]]:
    """Return the files that come before others, by place: those with the lower numbers of a session."""
    places: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for place, own in enumerate(numbers):
        for session, number in own.items():
            places[session].append((number, place))
    found: dict[int, set[int]] = defaultdict(set)
    for some in places.values():
        for (number, place), (following, later) in pairwise(sorted(some)):
            if number < following:
                found[later].add(place)
    return found


def _sorted(firsts_s: Sequence[float], before: Mapping[int, Collection[int]]) -> Iterator[int]:
    """Yield places by time, none of them in front of one that is known to come before it, unless all others are."""
    left = {place: {*before.get(place, ())} for place in range(len(firsts_s))}
    after: dict[int, list[int]] = defaultdict(list)
    for place, some in left.items():
        for one in some:
            after[one].append(place)
    ready = [(firsts_s[place], place) for place, some in left.items() if not some]
    heapify(ready)
    while left:
        if not ready:  # files that contradict each other
            heappush(ready, min((firsts_s[place], place) for place in left))
        _, place = heappop(ready)
        if left.pop(place, None) is None:
            continue
        yield place
        for one in after[place]:
            if one in left:
                left[one].discard(place)
                if not left[one]:
                    heappush(ready, (firsts_s[one], one))
