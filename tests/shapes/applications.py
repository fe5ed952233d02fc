"""Applications that work through an ORM, and what they were seen to do."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.orm import Session

_PARAMETER = re.compile(r"%\((?P<name>\w+)\)s(?:::[A-Z]+(?:\(\d+\))?(?: WITH TIME ZONE)?(?:\[\])*)?")

_NUMBERED = re.compile(r"(?<!:)[:$]\w+(?:::\w+(?:\(\d+\))?(?: with time zone| varying)?(?:\[\])*)?", re.IGNORECASE)


@dataclass
class Seen:
    """What an application sent."""

    keys: dict[str, dict[int, Counter[Any]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Counter)))
    """Bare statement -> place of a parameter -> how often each value was sent."""
    calls: Counter[str] = field(default_factory=Counter)
    """Bare statement -> how often it was sent."""
    began: float = 0.0
    """When counting began, of a monotonic clock."""

    def watch(self, engine: Engine) -> None:
        """Take down what an engine sends from now on."""

        @event.listens_for(engine, "before_cursor_execute")
        def _(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:  # noqa: ANN401 (the ORM's interface)
            names = [match["name"] for match in _PARAMETER.finditer(statement)]
            known = self.keys[bare(statement)]
            for one in values if isinstance(values, Sequence) else [values]:
                self.calls[bare(statement)] += 1
                for place, name in enumerate(names):
                    value = one[name]
                    known[place][str(value)] += 1


def bare(sql: str) -> str:
    """Return a statement without what writers write differently: casts, names of parameters, lengths of lists."""
    text = _PARAMETER.sub("?", sql)
    text = re.sub(_NUMBERED, "?", re.sub(r"--[^\n]*|/\*.*?\*/", "", text))
    text = re.sub(r"\s+", " ", text).strip().rstrip(";")
    return re.sub(r"(IN|= ANY) \(\?(, ?\?)*\s*\)", "IN (?)", text)


def serve_application(application: ModuleType, conninfo: str, calls: int, seed: int) -> Seen:
    """Make the application's database in an empty one, and let it work.

    Args:
        application: Its module.
        conninfo: The database.
        calls: How many requests it serves.
        seed: Of all random values.
    """
    random, seen = Random(seed), Seen()  # noqa: S311 (reproducible on purpose)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        schema = Path(application.__file__ or "").with_suffix(".sql").read_text(encoding="utf-8")
        connection.execute(schema.encode())
        application.fill(connection, random)
        connection.execute("ANALYZE")
        own = "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()"
        connection.execute(own)
        seen.began = time.monotonic()
    engine = create_engine(_url(conninfo))
    try:
        application.Base.prepare(engine)
        seen.watch(engine)
        for tick, name in enumerate(random.choices(list(application.MIX), list(application.MIX.values()), k=calls)):
            with Session(engine, info={"tick": tick}) as session, session.begin():
                application.DONE[name](session, random)
    finally:
        engine.dispose()
    return seen


def _url(conninfo: str) -> URL:
    words: Mapping[str, Any] = conninfo_to_dict(conninfo)
    query = {"host": str(words["host"])}
    return URL.create(
        "postgresql+psycopg",
        username=words["user"],
        password=words.get("password"),
        database=words["dbname"],
        port=int(words.get("port") or 5432),
        query=query,
    )
