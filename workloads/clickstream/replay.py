"""Edits of Wikipedia as the application's events: one JSON object a line, with `time`, `user`, `channel` and `page`.

Owns the validity of lines, and the meaning of their fields. Must not know operations.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from schemabench import BadLineError, Call

from .cardinality import Clickstream
from .events import first_install, like_article, log_in

COLUMNS = (
    "an edit is a like: user -> user_id, channel and page -> article, time -> happened_at; a user's first edit is an "
    "install as well, the first on any later day a log-in; each pass has users of its own"
)
MOST_NAME_BYTES = 1_000  # a title has at most 255; an entry of an index at most 2,704


class Edit(NamedTuple):
    """One line of a replayed file."""

    happened_at: datetime
    """In UTC, without a zone."""
    user: str
    article: str


def parse(line: str) -> Edit | None:
    """Read one line of edits; None for a blank one.

    Raises:
        BadLineError: It is not a JSON object of these fields, or Postgres could not hold its names.
    """
    if not line.strip():
        return None
    try:
        fields = json.loads(line)
    except ValueError as cause:
        raise BadLineError(f"not JSON: {cause}") from cause
    except RecursionError:
        raise BadLineError("not an edit: JSON nested too deeply") from None
    if not isinstance(fields, dict):
        raise BadLineError("not a JSON object")
    channel, page = _name(fields, "channel"), _name(fields, "page")
    return Edit(_time(fields), _name(fields, "user"), f"{channel} {page}")


def replayed(
    _sizes: Clickstream, edits: Iterator[Edit], _others: Mapping[str, Sequence[Any]], cycle: int
) -> Iterator[Call]:
    """Yield the events of each edit; later cycles repeat them with other users, so that nothing is sent twice."""
    last_seen: dict[str, date] = {}
    for happened_at, user, article in edits:
        user_id = f"{user} ({cycle + 1})" if cycle else user
        seen = last_seen.get(user)
        if seen is None:
            yield first_install(user_id, happened_at)
        elif seen < happened_at.date():
            yield log_in(user_id, happened_at)
        last_seen[user] = max(happened_at.date(), seen or happened_at.date())
        yield like_article(user_id, article, happened_at)


def _time(fields: Mapping[str, object]) -> datetime:
    text = fields.get("time")
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
        if time is not None:  # without a zone it is UTC already
            return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        pass
    raise BadLineError(f"the time is {text!r}, not one as in 2015-09-12T00:46:58.771Z")


def _name(fields: Mapping[str, object], field: str) -> str:
    name = fields.get(field)
    if not isinstance(name, str) or not name:
        raise BadLineError(f"the {field} is {name!r}, not a text")
    if "\0" in name:
        raise BadLineError(f"the {field} holds a NUL, which Postgres cannot store")
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise BadLineError(f"the {field} is not Unicode text") from None
    if size_bytes > MOST_NAME_BYTES:
        raise BadLineError(f"the {field} has {size_bytes} bytes, more than {MOST_NAME_BYTES}")
    return name
