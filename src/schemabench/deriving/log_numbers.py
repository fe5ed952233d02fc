"""Which insertion of a log got which number from the server: the log has the statements, and not the answers.

Owns the reasoning. A value that a later statement uses is an insertion's only if nothing else is possible by what the
log shows: the session that uses it, the order of insertions, and for a sequence the numbers of those around it. In
doubt it is nobody's.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_NEIGHBOURS = 16
"""Insertions around one that its number is compared with."""
_TWICE = 2
_TICK_S = 0.001
"""Of the clock of a log."""


class Insertion(NamedTuple):
    """A statement that made rows whose numbers the server chose."""

    order: int
    """When it was done, by the entries of the log; likewise below."""
    session: str
    start_s: float
    end_s: float
    committed: int
    """When its transaction was committed."""
    committed_s: float
    rows: int
    """At least so many."""
    gives: bool
    """Whether it asked for the number, of a single row."""


class Use(NamedTuple):
    """Where a value is used for the first time."""

    order: int
    session: str
    committed: int
    """When the transaction was committed that uses it."""
    after: int = -1
    """When the statement before it in its session was done; -1 if there was none."""


@dataclass
class Matched:
    """What was found out for a column."""

    by_value: dict[str, Insertion] = field(default_factory=dict)
    """Value -> the insertion that got it."""
    doubtful: int = 0
    """Values that were made while the log was written, and nobody can say by which insertion."""


def by_sequence(insertions: Sequence[Insertion], uses: Mapping[str, Use]) -> Matched:
    """Return which insertions got which numbers of a sequence.

    Args:
        insertions: All that took numbers from it, in order.
        uses: Number -> its first use, without those that statements chose themselves.
    """
    numbers = {int(value): use for value, use in uses.items() if value.isdecimal()}
    return _Sequence(insertions, numbers).matched()


def by_session(insertions: Sequence[Insertion], uses: Mapping[str, Use]) -> Matched:
    """Return which insertions got which values, where values have no order: by the session alone.

    A value belongs to the only insertion of its session that has none yet; with several, it is the latest one's if it
    is used in the same transaction.
    """
    found = Matched()
    left: dict[str, list[Insertion]] = {}
    place = 0
    for value, use in sorted(uses.items(), key=lambda one: one[1].order):
        while place < len(insertions) and insertions[place].order < use.order:
            if insertions[place].gives:
                left.setdefault(insertions[place].session, []).append(insertions[place])
            place += 1
        own = left.get(use.session, [])
        if own and (len(own) == 1 or own[-1].committed == use.committed):
            found.by_value[value] = own.pop()
        elif own:
            found.doubtful += 1
    return found


class _Sequence:
    """Numbers of a sequence, and the insertions that took them."""

    def __init__(self, insertions: Sequence[Insertion], uses: Mapping[int, Use]) -> None:
        self._insertions = insertions
        self._uses = uses
        self._orders = [one.order for one in insertions]
        self._taken = [0]
        """The numbers taken before each insertion, at least."""
        for one in insertions:
            self._taken.append(self._taken[-1] + max(1, one.rows))
        self._of_session: dict[str, list[int]] = {}
        for place, one in enumerate(insertions):
            if one.gives:
                self._of_session.setdefault(one.session, []).append(place)
        self._number: dict[int, int] = {}
        """Place of an insertion -> its number."""
        self._known: list[tuple[int, int]] = []
        """(number, place), ascending."""

    def matched(self) -> Matched:
        """Return what can be said."""
        self._begin()
        begun = {number for number, _ in self._known}
        pending = sorted(self._uses.keys() - begun, key=lambda number: self._uses[number].order)
        progress = bool(self._known)
        while progress:
            left = [number for number in pending if not self._try(number)]
            progress, pending = len(left) < len(pending), left
        found = Matched()
        for number, place in self._known:
            found.by_value[str(number)] = self._insertions[place]
        if self._known:
            low, high = self._known[0][0], self._known[-1][0]
            found.doubtful = sum(low < number < high or self._is_new(number) for number in pending)
        return found

    def _begin(self) -> None:
        """Take the insertions that a use follows at once: those that agree with most others."""
        sure = [(number, place) for number in self._uses if (place := self._followed(number)) is not None]
        pairs = sure or [
            (number, own[-1]) for number, use in self._uses.items() if (own := self._before(use.session, use.order))
        ]
        steps = Counter(number - self._taken[place] for number, place in pairs)
        for step, count in steps.most_common(1):
            for number, place in pairs if count >= _TWICE or sure else ():
                agrees = number - self._taken[place] == step
                if agrees and place not in self._number and self._fits(number, place):
                    self._take(number, place)

    def _before(self, session: str, order: int) -> list[int]:
        """Return the insertions of a session before a time that have no number yet, by their places."""
        own = self._of_session.get(session, [])
        end = bisect_left(own, bisect_left(self._orders, order))
        return [place for place in own[max(0, end - _NEIGHBOURS) : end] if place not in self._number]

    def _followed(self, number: int) -> int | None:
        """Return the insertion that a use follows at once in its session, or that is alone in its transaction."""
        use = self._uses[number]
        own = self._before(use.session, use.order)
        within = [place for place in own if self._insertions[place].committed == use.committed]
        before = [place for place in own if self._insertions[place].order == use.after]
        return within[0] if len(within) == 1 else before[0] if before and not within else None

    def _try(self, number: int) -> bool:
        """Find the insertion of a number; return whether there is exactly one that it can be."""
        place = self._followed(number)
        if place is None or not self._fits(number, place) or not self._is_near(number, place):
            place = self._only(number)
        if place is None:
            return False
        self._take(number, place)
        return True

    def _only(self, number: int) -> int | None:
        """Return the insertion that a number must be of, by those around it; None if there are several, or none."""
        use = self._uses[number]
        near, at = self._nearest(number)
        place = bisect_left(self._taken, self._taken[at] + number - near)
        around = range(max(0, place - _NEIGHBOURS), min(len(self._insertions), place + _NEIGHBOURS + 1))
        found = [one for one in around if self._can_be(number, one, use)]
        exact = place in found and self._taken[place] - self._taken[at] == number - near
        exact = exact and not self._overlaps(place) and not self._overlaps(at)
        only = place if exact else found[0] if len(found) == 1 else None
        return only if only is not None and self._insertions[only].gives and self._is_near(number, only) else None

    def _can_be(self, number: int, place: int, use: Use) -> bool:
        """Return whether an insertion without a number is seen where this one is used, and fits those around it."""
        one = self._insertions[place]
        seen = one.order < use.order if one.session == use.session else one.committed < use.order
        return seen and place not in self._number and self._fits(number, place)

    def _overlaps(self, place: int) -> bool:
        """Return whether insertions without a number were under way at the same time."""
        one = self._insertions[place]
        around = range(max(0, place - _NEIGHBOURS), min(len(self._insertions), place + _NEIGHBOURS + 1))
        others = (self._insertions[at] for at in around if at != place and at not in self._number)
        return any(other.start_s < one.end_s + _TICK_S and one.start_s < other.end_s + _TICK_S for other in others)

    def _fits(self, number: int, place: int) -> bool:
        """Return whether the insertions with numbers near this one came before and after, as their numbers say."""
        one, at = self._insertions[place], bisect_left(self._known, (number, -1))
        lower = (self._insertions[known] for _, known in self._known[max(0, at - _NEIGHBOURS) : at])
        higher = (self._insertions[known] for _, known in self._known[at : at + _NEIGHBOURS])
        return not any(other.start_s > one.end_s + _TICK_S for other in lower) and not any(
            other.end_s + _TICK_S < one.start_s for other in higher
        )

    def _is_near(self, number: int, place: int) -> bool:
        """Return whether a number is no older than the insertions around it."""
        low, first = self._known[0]
        return number > low or low - number - (self._taken[first] - self._taken[place]) in range(_NEIGHBOURS)

    def _is_new(self, number: int) -> bool:
        """Return whether a number was taken after the last known one."""
        return number > self._known[-1][0]

    def _nearest(self, number: int) -> tuple[int, int]:
        """Return the known number that is nearest, and the place of its insertion."""
        at = bisect_left(self._known, (number, -1))
        return min(self._known[max(0, at - 1) : at + 1], key=lambda one: abs(one[0] - number))

    def _take(self, number: int, place: int) -> None:
        self._number[place] = number
        insort(self._known, (number, place))
