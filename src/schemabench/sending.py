"""How the calls of an operation are sent: one by one or gathered, prepared or not, and what is tried again.

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
_LINE = re.compile(r"--\s*(?P<key>[a-z]+):\s*(?P<value>.*?)\s*")
_BATCH = re.compile(r"(?P<calls>[\d_,]+)(?:\s+within\s+(?P<within>.+))?")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How the calls of an operation are sent."""

    batch: int = 1
    """The most calls of one connection that are gathered into one request. Their values arrive as arrays, or as rows of
    a COPY."""
    within_s: float | None = None
    """How long the first call of a batch waits for others where calls are due at a pace; None for as long as it takes
    to fill the batch."""
    prepared: bool = True
    """Whether statements are prepared once for each connection; otherwise each request sends their text."""
    lines: tuple[str, ...] = ()
    """What says so, as in `-- batch: 100`."""
    retried: tuple[str, ...] = ()
    """SQLSTATEs after which a request is repeated, besides those that every request is repeated after."""
    accepted: tuple[str, ...] = ()
    """SQLSTATEs that end a request as if it had succeeded; nothing of it remains."""

    @property
    def plain(self) -> bool:
        """Whether each call is one request of prepared statements."""
        return self.batch == 1 and self.prepared


AS_IS = Sending()
"""Each call is one request."""


def line(comment: str) -> tuple[str, str] | None:
    """Return key and value of a comment that says how to send; None for any other comment."""
    match = _LINE.fullmatch(comment.rstrip())
    return (match["key"], match["value"]) if match and match["key"] in _PARSED else None


def suggestion(comment: str) -> str:
    """Return the nearest key to that of a comment that reads like one, as in `; did you mean 'batch'?`."""
    match = _LINE.fullmatch(comment.rstrip())
    return nearest(match["key"], _PARSED) if match else ""


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
    match = _BATCH.fullmatch(value)
    calls = int(re.sub(r"[_,]", "", match["calls"])) if match else 0
    if match is None or not 1 <= calls <= MOST_CALLS:
        raise ValueError(f"{value!r} is not a batch: write `-- batch: 100` or `-- batch: 100 within 50 ms`")
    return {"batch": calls, "within_s": parse_duration_s(match["within"]) if match["within"] else None}


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


_PARSED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "batch": _batch,
    "prepare": _prepare,
    "retry": _retry,
    "accept": _accept,
}
