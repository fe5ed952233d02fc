"""The application's three kinds of events, as calls.

Owns names, and what an event holds. Must not know who sends events, nor how many.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemabench import Call

INSTALL, LOG_IN, LIKE = "FIRST_INSTALL", "LOG_IN", "LIKE_ARTICLE"


class Event(NamedTuple):
    """An event that happened before the first block."""

    kind: str
    user_id: str
    happened_at: datetime
    article: str | None = None


def first_install(user_id: str, happened_at: datetime) -> Call:
    """Return the event that a user, who never did before, installs the application."""
    return Call("first_install", {"user_id": user_id, "happened_at": happened_at})


def log_in(user_id: str, happened_at: datetime) -> Call:
    """Return the event that a user comes back."""
    return Call("log_in", {"user_id": user_id, "happened_at": happened_at})


def like_article(user_id: str, article: str, happened_at: datetime) -> Call:
    """Return the event that a user likes an article."""
    return Call("like_article", {"user_id": user_id, "article": article, "happened_at": happened_at})


def load_events(events: Sequence[Event]) -> Call:
    """Return the call that loads events of the past."""
    values = {
        "kinds": [event.kind for event in events],
        "user_ids": [event.user_id for event in events],
        "times": [event.happened_at for event in events],
        "articles": [event.article for event in events],
    }
    return Call("load_events", values, rows=len(events))
