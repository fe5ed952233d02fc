"""From the entries of a log to what its sessions did: statements, transactions, and what is left out.

Owns what a session has open, and the counts of what is left out. Must not know tables.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pglast import split
from pglast.parser import ParseError

from schemabench.logs import messages
from schemabench.logs.entries import Entry, entries
from schemabench.logs.files import Damage
from schemabench.logs.messages import Message
from schemabench.logs.ordering import ordered
from schemabench.logs.repeats import Repeats
from schemabench.logs.shapes import Shape, Shapes, Value
from schemabench.logs.spool import Part, Request, Spool

_FIRST_WORD = re.compile(
    r"(?>\s|--[^\n]*\n|/\*.*?\*/)*+(?P<word>[a-z]+)(?P<rest>(?:\s+\w+)*+)", re.IGNORECASE | re.DOTALL
)
_BEGIN, _COMMIT, _ROLLBACK = {"begin", "start"}, {"commit", "end"}, {"rollback", "abort"}
_FAILURES = {"ERROR", "FATAL", "PANIC"}
_CLIENT = {"", "client backend"}
_ENDS = "disconnection: "
_CUT = "..."
_MILLISECONDS = 1_000

ABORTED, FAILED = "statements of transactions that were rolled back", "statements that failed"
UNFINISHED = "statements of transactions that the log does not end"
UNDONE = "statements undone by ROLLBACK TO"
NO_VALUES = "statements without their values (log_parameter_max_length = 0, or a detail that is cut off)"
CURSORS = "fetches from cursors"
UNREADABLE = "statements that are no SQL that schemabench reads"
PREPARED = "statements of transactions that were prepared for two-phase commit"


@dataclass
class Found:
    """What was read."""

    shapes: Sequence[Shape] = ()
    left_out: Counter[str] = field(default_factory=Counter)
    """What did not become part of a request, in words -> how often."""
    entries: int = 0
    others: int = 0
    """Entries that are about no statement of the database."""
    elsewhere: int = 0
    """Statements in other databases."""
    repeated: int = 0
    """Entries that another file has, too."""
    late: int = 0
    """Entries that come behind later ones of their session."""
    zones: Sequence[str] = ()
    """Zones in which no session began, so that their distance from UTC is guessed."""
    levels: Counter[str] = field(default_factory=Counter)
    """Isolation level that a BEGIN asked for -> how often."""
    damage: Damage = field(default_factory=Damage)
    untimed: int = 0
    """Statements without a duration."""
    begun_before: int = 0
    """Transactions whose BEGIN the log does not have."""
    sessions: int = 0
    most_open: int = 0
    """The most sessions that were at work within one second."""
    first_s: float = 0.0
    last_s: float = 0.0
    cut: int = 0
    """Values that end in dots, as the server writes those that it cuts off."""
    longest_cut: int = 0
    """Characters of the longest of these; likewise of all values."""
    longest: int = 0

    @property
    def truncated(self) -> int:
        """Values that the server has cut off, so far as can be told: none if others are longer."""
        return self.cut if self.longest <= self.longest_cut else 0

    @property
    def span_s(self) -> float:
        """From the first entry to the last."""
        return max(0.001, self.last_s - self.first_s)


@dataclass
class _Statement:
    """A statement of a session."""

    sql: str
    values: Sequence[Value] | None
    start_s: float
    end_s: float
    ms: float | None
    order: int


@dataclass
class _Session:
    """What a session has open."""

    pending: _Statement | None = None
    """Logged before it is done."""
    open: list[_Statement] | None = None
    """The statements of its transaction; None if it has none."""
    savepoints: list[tuple[str, int]] = field(default_factory=list)
    """Name, and how many statements there were."""
    failed: bool = False
    start_s: float = 0.0


def read(paths: Sequence[Path], database: str, spool: Spool, *, without: Collection[str] = ()) -> Found:
    """Read log files.

    Args:
        paths: The files, in any order.
        database: The database whose statements are meant.
        spool: Receives the requests.
        without: Names of applications whose sessions do not count.

    Raises:
        UsageError: A file cannot be read, or is none.
    """
    reader = _Reader(database, spool)
    order, times = ordered(paths)
    for path in order:
        for entry in entries(path, reader.found.damage, times):
            if entry.application not in without:
                reader.take(entry)
    found = reader.end()
    found.zones = times.guessed
    return found


class _Reader:
    """Takes entries, and gives requests."""

    def __init__(self, database: str, spool: Spool) -> None:
        self.found = Found()
        self._database = database
        self._spool = spool
        self._shapes = Shapes()
        self._sessions: dict[str, _Session] = {}
        self._seen: set[str] = set()
        self._repeats = Repeats()
        self._active: set[str] = set()
        self._second = 0

    def take(self, entry: Entry) -> None:
        """Take an entry, unless another file has had it."""
        found = self.found
        if self._repeats.has(entry):
            found.repeated += 1
            return
        found.first_s = entry.time_s if not found.entries else found.first_s
        found.last_s = max(found.last_s, entry.time_s)
        found.entries += 1
        if entry.severity in _FAILURES and entry.database == self._database and entry.backend in _CLIENT:
            self._failed(entry)
            return
        said = messages.parsed(entry.message) if entry.backend in _CLIENT else None
        if said is None or entry.database != self._database:
            found.elsewhere += said is not None and bool(said.what)
            found.others += said is None
            if entry.message.startswith(_ENDS) and entry.session in self._sessions:
                self._leave(self._sessions.pop(entry.session))
            return
        self._count_active(entry)
        self._said(entry, said)

    def end(self) -> Found:
        """Return what was found, once all entries are taken."""
        for session in self._sessions.values():
            self._leave(session)
        self.found.shapes = self._shapes.every
        self.found.sessions = len(self._seen)
        self.found.late = self._repeats.late
        self.found.most_open = max(self.found.most_open, len(self._active))
        return self.found

    def _count_active(self, entry: Entry) -> None:
        if int(entry.time_s) != self._second:
            self.found.most_open = max(self.found.most_open, len(self._active))
            self._active, self._second = set(), int(entry.time_s)
        self._active.add(entry.session)

    def _said(self, entry: Entry, said: Message) -> None:
        """Take what an entry says of a statement."""
        if said.what == "prepare":
            return
        session = self._sessions.get(entry.session) or self._sessions.setdefault(entry.session, _Session())
        if not said.what:
            if session.pending is not None:
                done, session.pending = session.pending, None
                done.ms, done.end_s, done.order = said.ms, entry.time_s, self.found.entries
                self._done(session, entry.session, entry.user, done)
            return
        self._flush(session, entry)
        if said.name.startswith("fetch from "):
            self.found.left_out[CURSORS] += 1
            return
        start_s = entry.time_s - (said.ms or 0.0) / _MILLISECONDS
        values = messages.parameters(entry.detail)
        one = _Statement(said.sql, values, start_s, entry.time_s, said.ms, self.found.entries)
        if said.ms is None:
            session.pending = one
        else:
            self._done(session, entry.session, entry.user, one)

    def _flush(self, session: _Session, entry: Entry) -> None:
        """Take a statement as done, whose duration the log does not have."""
        if session.pending is not None:
            done, session.pending = session.pending, None
            done.order = self.found.entries
            self._done(session, entry.session, entry.user, done)

    def _failed(self, entry: Entry) -> None:
        """Take an error: of the statement that is pending, or of one that the log has only here."""
        session = self._sessions.setdefault(entry.session, _Session())
        session.pending = None
        if entry.severity != "ERROR":  # the session ends, or was refused
            self._leave(self._sessions.pop(entry.session))
            return
        self.found.left_out[FAILED] += 1
        session.failed = session.open is not None

    def _leave(self, session: _Session) -> None:
        """Take the end of a session, or of the log."""
        self.found.left_out[UNFINISHED] += len(session.open or ())

    def _done(self, session: _Session, name: str, user: str, one: _Statement) -> None:
        """Take a statement that is done, or several that were sent as one text."""
        if one.values is None and ";" in one.sql.rstrip("; \n"):
            for place, sql in enumerate(self._split(one.sql)):
                ms = one.ms if place == 0 else 0.0
                self._step(session, name, user, _Statement(sql, None, one.start_s, one.end_s, ms, one.order))
        else:
            self._step(session, name, user, one)

    def _split(self, sql: str) -> Sequence[str]:
        try:
            return [str(one) for one in split(sql)]
        except ParseError:
            return [sql]

    def _step(self, session: _Session, name: str, user: str, one: _Statement) -> None:
        """Take one statement: one that begins or ends a transaction, or another."""
        self._seen.add(name)
        match = _FIRST_WORD.match(one.sql)
        word, rest = (match["word"].lower(), match["rest"].lower()) if match else ("", "")
        if word in _BEGIN:
            session.open, session.savepoints, session.failed = session.open or [], [], False
            session.start_s = one.start_s
            level = re.search(r"isolation level (.+?)(?: read (?:only|write)|$)", " ".join(rest.split()))
            self.found.levels[level[1] if level else ""] += 1
        elif word in _ROLLBACK and " to" in f" {rest} ":
            self._roll_back_to(session, one.sql)
        elif word in _COMMIT | _ROLLBACK or (word == "prepare" and rest.split()[:1] == ["transaction"]):
            self._end(session, name, user, one, word)
        elif word == "savepoint":
            session.savepoints.append((_last_word(one.sql), len(session.open or ())))
        elif word == "release":
            pass
        elif session.open is not None:
            session.open.append(one)
        else:
            self._add(name, user, [one], one.start_s, one, explicit=False)

    def _roll_back_to(self, session: _Session, sql: str) -> None:
        wanted, session.failed = _last_word(sql), False
        kept = next((count for one, count in reversed(session.savepoints) if one == wanted), 0)
        self.found.left_out[UNDONE] += len((session.open or [])[kept:])
        session.open = (session.open or [])[:kept]

    def _end(self, session: _Session, name: str, user: str, one: _Statement, word: str) -> None:
        """Take the end of a transaction."""
        self.found.begun_before += session.open is None
        own, session.open = session.open or [], None
        if word in _COMMIT and not session.failed:
            if own:
                self._add(name, user, own, session.start_s, one, explicit=True)
        else:
            self.found.left_out[PREPARED if word == "prepare" else ABORTED] += len(own)
        session.failed, session.savepoints = False, []

    def _add(  # noqa: PLR0913 (a request and who made it)
        self, name: str, user: str, some: Sequence[_Statement], start_s: float, last: _Statement, *, explicit: bool
    ) -> None:
        """Keep a request."""
        parts = [part for one in some if (part := self._part(user, one)) is not None]
        if parts:
            self._spool.add(Request(name, start_s, last.end_s, last.order, explicit, parts))

    def _part(self, user: str, one: _Statement) -> Part | None:
        found = self.found
        try:
            known = self._shapes.of(one.sql, one.values)
        except ParseError:
            found.left_out[UNREADABLE] += 1
            return None
        if known is None:
            found.left_out[NO_VALUES] += 1
            return None
        shape, values = known
        shape.note(values)
        shape.roles[user] = shape.roles.get(user, 0) + 1
        if one.ms is None:
            found.untimed += 1
        else:
            shape.total_ms += one.ms
            shape.timed += 1
        self._measure(one.values or ())
        return Part(shape.number, values, one.order, one.start_s, one.end_s)

    def _measure(self, values: Sequence[Value]) -> None:
        """Note how long values are, and which end in dots."""
        found = self.found
        for value in values:
            if value is None:
                continue
            size = len(value)
            found.longest = max(found.longest, size)
            if value.endswith(_CUT):
                found.cut += 1
                found.longest_cut = max(found.longest_cut, size)


def _last_word(sql: str) -> str:
    """Return the name of a savepoint."""
    words = sql.rstrip("; \n\t").split()
    return words[-1].lower() if words else ""
