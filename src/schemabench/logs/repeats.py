"""Which entries of a log were taken before: of a file that is given twice, or of the other format.

Owns what a session's numbers and times tell. Must not know what entries say.

A server that writes both formats numbers a session's entries in each of them, and counts only those that it has written
there. Within a format the number tells whether an entry was taken. Of the other format, what was written while this one
was on was taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemabench.logs.entries import Entry, Form

_OTHER: dict[Form, Form] = {"csvlog": "jsonlog", "jsonlog": "csvlog"}

_MOST_GAPS = 16
"""Ranges of numbers of a session that are remembered: a log without holes has one at most."""


@dataclass(slots=True)
class _Taken:
    """What was taken of a session in one format."""

    first_s: float
    """When its first entry was written; likewise the last."""
    last_s: float
    last: int = 0
    """The highest number."""
    gaps: tuple[tuple[int, int], ...] = ()
    """The numbers below it that were not taken, in ranges from and to."""
    messages: tuple[int, ...] = ()
    """Hashes of the messages at the last time: times have milliseconds."""

    def takes(self, number: int) -> bool:
        """Take a number, unless it was taken before; return whether it was not."""
        if number > self.last:
            if number > self.last + 1:
                self.gaps = (*self.gaps[1 - _MOST_GAPS :], (self.last + 1, number - 1))
            self.last = number
            return True
        gap = next(((low, high) for low, high in self.gaps if low <= number <= high), None)
        if gap is None:
            return not number
        low, high = gap
        rest = tuple(one for one in ((low, number - 1), (number + 1, high)) if one[0] <= one[1])
        self.gaps = (*(one for one in self.gaps if one != gap), *rest)
        return True

    def note(self, entry: Entry) -> None:
        """Take the time of an entry."""
        self.first_s = min(self.first_s, entry.time_s)
        if entry.time_s >= self.last_s:
            before = self.messages if entry.time_s == self.last_s else ()
            self.last_s, self.messages = entry.time_s, (*before, hash(entry.message))

    def covers(self, entry: Entry) -> bool:
        """Return whether an entry of the other format was written while entries were taken of this one."""
        if entry.time_s == self.last_s:
            return hash(entry.message) in self.messages
        return self.first_s <= entry.time_s < self.last_s


@dataclass
class Repeats:
    """Tells entries that were taken before."""

    late: int = 0
    """Entries that come behind later ones of their session, from a file that should have come before."""
    _taken: Mapping[Form, dict[str, _Taken]] = field(default_factory=lambda: {"csvlog": {}, "jsonlog": {}})

    def has(self, entry: Entry) -> bool:
        """Return whether an entry was taken before; if it was not, it is then."""
        sessions = self._taken[entry.form]
        own = sessions.get(entry.session)
        if own is None:
            own = sessions[entry.session] = _Taken(entry.time_s, entry.time_s)
        before = own.last
        if not own.takes(entry.number):
            return True
        other = self._taken[_OTHER[entry.form]].get(entry.session)
        repeated = other is not None and other.covers(entry)
        own.note(entry)
        self.late += not repeated and 0 < entry.number < before
        return repeated
