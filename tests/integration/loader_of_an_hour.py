"""A loader as a process of its own, which a test may kill: it executes requests one after the other, each atomically.

`python loader_of_an_hour.py CONNINFO FILE`, with a list of requests as JSON: each is a list of [SQL, values]. It writes
its backend's process id, and executes a request for each line that it reads; then it writes the request's number.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import psycopg

Connection: TypeAlias = psycopg.Connection[Any]
Request: TypeAlias = Sequence[tuple[str, list[object]]]
"""SQL and values of each statement of a call."""


def connected(conninfo: str) -> Connection:
    """Return a connection for requests."""
    return psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.RawCursor)


def execute(connection: Connection, request: Request) -> None:
    """Execute a request as schemabench sends it: a single statement is a transaction of its own."""
    with connection.transaction() if len(request) > 1 else nullcontext():
        for sql, values in request:
            connection.execute(sql.encode(), values or None)


def load(conninfo: str, path: Path) -> None:
    """Execute the requests of a file, each when it is told to."""
    requests = json.loads(path.read_text(encoding="utf-8"))
    with connected(conninfo) as connection:
        _say(connection.info.backend_pid)
        for (number, request), _ in zip(enumerate(requests), sys.stdin, strict=False):
            execute(connection, request)
            _say(number)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    load(sys.argv[1], Path(sys.argv[2]))
