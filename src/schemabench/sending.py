"""How the calls of an operation are sent: one by one, gathered, in a pipeline; prepared or not; what is tried again.

Owns the lines that say so in annotated SQL, as in `-- batch: 100 within 50 ms`. Must not know SQL, nor send anything.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemabench.naming import nearest
from schemabench.units import parse_duration_s

MOST_CALLS = 1_000_000
"""In one request: its rows are in memory, here and on the server."""
MOST_IN_FLIGHT = 10_000
"""Requests on a connection: libpq keeps what the server has not read yet in memory."""
_LINE = re.compile(r"--\s*(?P<key>[a-z]+):\s*(?P<value>.*?)\s*", re.IGNORECASE)
_GATHERED = re.compile(r"(?P<calls>[\d_,]+)(?:\s+within\s+(?P<within>.+))?")
_COUNT = re.compile(r"[\d_,]+")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How the calls of an operation are sent."""

    batch: int = 1
    """The most calls of one connection that are gathered into one request. Their values arrive as arrays, or as rows of
    a COPY."""
    transaction: int = 1
    """The most calls of one connection that are gathered into one transaction, each by statements of its own."""
    begins: bool = False
    """Whether each request begins and commits a transaction, though it may have one statement only."""
    within_s: float | None = None
    """How long the first of gathered calls waits for others where calls are due at a pace; None for as long as it takes
    to fill the batch or the transaction."""
    pipeline: int = 1
    """A request is sent while fewer than this many requests of its connection are in flight."""
    prepared: bool = True
    """Whether statements are prepared once for each connection; otherwise each request sends their text."""
    lines: tuple[str, ...] = ()
    """What says so, as in `-- batch: 100`."""
    retried: tuple[str, ...] = ()
    """SQLSTATEs after which a request is repeated, besides those that every request is repeated after."""
    accepted: tuple[str, ...] = ()
    """SQLSTATEs that end a request as if it had succeeded; nothing of it remains."""

    @property
    def calls(self) -> int:
        """The most calls of one request."""
        return max(self.batch, self.transaction)


AS_IS = Sending()
"""Each call is one request."""


def line(comment: str) -> tuple[str, str] | None:
    """Return key and value of a comment that says how to send; None for any other comment."""
    match = _LINE.fullmatch(comment.rstrip())
    key = match["key"].lower() if match else ""
    return (key, match["value"]) if match and key in _PARSED else None


def suggestion(comment: str) -> str:
    """Return the nearest key to that of a comment that reads like one, as in `; did you mean 'batch'?`."""
    match = _LINE.fullmatch(comment.rstrip())
    return nearest(match["key"].lower(), _PARSED) if match else ""


def parse(lines: Iterable[tuple[str, str]], before: Sending) -> Sending:
    """Return what lines say, each a key and a value, besides what was said before.

    Raises:
        ValueError: A value is not acceptable; with what is.
    """
    for key, value in lines:
        before = replace(before, lines=(*before.lines, f"-- {key}: {value}"), **_PARSED[key](value))
    if both := set(before.retried) & set(before.accepted):
        raise ValueError(f"{min(both)!r} is both retried and accepted")
    return before


def _batch(value: str) -> dict[str, Any]:
    return _gathered("batch", value)


def _transaction(value: str) -> dict[str, Any]:
    return {**_gathered("transaction", value), "begins": True}


def _gathered(key: str, value: str) -> dict[str, Any]:
    match = _GATHERED.fullmatch(value)
    calls = _number(match["calls"]) if match else 0
    if match is None or not 1 <= calls <= MOST_CALLS:
        raise ValueError(f"{value!r} is not a {key}: write `-- {key}: 100` or `-- {key}: 100 within 50 ms`")
    return {key: calls, "within_s": parse_duration_s(match["within"]) if match["within"] else None}


def _pipeline(value: str) -> dict[str, Any]:
    requests = _number(value) if _COUNT.fullmatch(value) else 0
    if not 1 <= requests <= MOST_IN_FLIGHT:
        raise ValueError(f"{value!r} is not a number of requests from 1 to {MOST_IN_FLIGHT:,}: write `-- pipeline: 20`")
    return {"pipeline": requests}


def _number(digits: str) -> int:
    return int(re.sub(r"[_,]", "", digits) or 0)


def _prepare(value: str) -> dict[str, Any]:
    if value not in {"always", "never"}:
        raise ValueError(f"{value!r} is neither `always` nor `never`")
    return {"prepared": value == "always"}


def _retry(value: str) -> dict[str, Any]:
    return {"retried": _sqlstates("retry", value)}


def _accept(value: str) -> dict[str, Any]:
    return {"accepted": _sqlstates("accept", value)}


def _sqlstates(key: str, value: str) -> tuple[str, ...]:
    codes = [code.strip() for code in value.split(",")]
    if wrong := next((code for code in codes if not _SQLSTATE.fullmatch(code)), None):
        raise ValueError(f"{wrong!r} is not a SQLSTATE: write `-- {key}: 23505`, several with commas between")
    return tuple(dict.fromkeys(codes))


LINES = {
    "batch: 100 within 50 ms": "gathers up to 100 calls of a connection into one request, whose parameters are arrays "
    "or rows of a `COPY`; `within`: how long the first waits for others where calls are due at a pace",
    "transaction: 100 within 50 ms": "gathers calls likewise, each by statements of its own, into one transaction; "
    "`1`: a call of one statement is a transaction with `BEGIN` and `COMMIT`, too",
    "pipeline: 20": "sends a request while fewer than 20 requests of its connection are in flight",
    "prepare: never": "sends the text of each statement; `always`, the default: prepares it once for each connection",
    "retry: 23505, 23503": "SQLSTATEs after which a request is repeated, besides deadlocks, serialization failures "
    "and, except in `rehearse`, lock timeouts",
    "accept: 23505": "SQLSTATEs that end a request as if it had succeeded; nothing of it remains",
}
"""What may stand between `-- name:` and the first statement, as in an example -> its meaning."""
_PARSED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "batch": _batch,
    "transaction": _transaction,
    "pipeline": _pipeline,
    "prepare": _prepare,
    "retry": _retry,
    "accept": _accept,
}
