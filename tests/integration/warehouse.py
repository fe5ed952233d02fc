"""Candidates of pageviews as warehouses that tests load, disturbed or not, and what the model expects in them.

Owns the execution of calls, and the looks at what is there.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import mutants
import programs
from loader_of_an_hour import Connection, Request, connected, execute
from psycopg import sql

from schemabench import Call, candidate
from schemabench.candidate import Candidate

LOADER = Path(__file__).with_name("loader_of_an_hour.py")
WAIT_S = 60.0
"""For what takes milliseconds."""
FOUND = mutants.found("pageviews")
MODEL: Any = FOUND.workload.model
SHIPPED = mutants.shipped("pageviews")

Rows: TypeAlias = list[tuple[object, ...]]


class Warehouse:
    """A candidate in a database of its own."""

    def __init__(self, one: Candidate, conninfo: str, folder: Path) -> None:
        self.conninfo = conninfo
        self._operations = candidate.operations(one, FOUND.operations)
        self._path = folder / "requests.json"
        self.connection = connected(conninfo)
        candidate.install(one, self.connection)

    def requests(self, calls: Sequence[Call]) -> list[Request]:
        """Return the SQL and the values of calls."""
        found = []
        for call in calls:
            queries = [statement.render({}) for statement in self._operations[call.operation].statements]
            found.append([(one.sql, [_plain(call.values[name]) for name in one.parameters]) for one in queries])
        return found

    @contextmanager
    def loader(self, calls: Sequence[Call]) -> Iterator["Loader"]:
        """Start a loader, which executes a call whenever it is told to."""
        self._path.write_text(json.dumps(self.requests(calls)), encoding="utf-8")
        command = [sys.executable, LOADER, self.conninfo, self._path]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with programs.start(command, text=True, **pipes) as program:
            yield Loader(program)

    def load(self, calls: Sequence[Call]) -> None:
        """Execute calls, which nobody disturbs."""
        for request in self.requests(calls):
            execute(self.connection, request)

    def rows(self, query: str) -> Rows:
        """Return the rows of a query of the workload."""
        return self.connection.execute(self._operations[query].statements[0].text.sql.encode()).fetchall()

    def state(self) -> dict[str, Rows]:
        """Return all that can be seen."""
        return {name: self.rows(name) for name in ("loaded_hours", "ranked_pages")}

    def seen(self, connection: Connection, hour: datetime) -> tuple[bool, int]:
        """Return whether an hour is loaded, and how many entries of it there are, at one moment."""
        query = """
            SELECT EXISTS (SELECT FROM loaded_hour WHERE date_hour = $1),
                   (SELECT count(*) FROM ranked_page WHERE date_hour = $1)
        """
        ((loaded, entries),) = connection.execute(query, [hour]).fetchall()
        return bool(loaded), int(entries)

    def held(self) -> dict[str, int]:
        """Return how many rows each table holds, also those that no view shows."""
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        counts = {}
        for (name,) in self.connection.execute(tables).fetchall():
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
            ((count,),) = self.connection.execute(query).fetchall()
            counts[str(name)] = int(count)
        return counts

    def wait_for(self, backend: int, expected: Sequence[tuple[str]]) -> None:
        """Wait until a backend waits for a lock, or is gone."""
        deadline_s = time.monotonic() + WAIT_S
        query = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
        while self.connection.execute(query, [backend]).fetchall() != list(expected):
            assert time.monotonic() < deadline_s, f"the backend is not {expected or 'gone'}"
            time.sleep(0.01)


class Loader:
    """A process that loads."""

    def __init__(self, program: programs.Program) -> None:
        self.program = program
        self.backend = self._told()

    def begin(self) -> None:
        """Have it begin the next request."""
        self.program.stdin.write("\n")
        self.program.stdin.flush()

    def execute(self, number: int) -> None:
        """Have it execute the next request, which has this number."""
        self.begin()
        assert self._told() == number

    def _told(self) -> int:
        return int(self.program.stdout.readline() or -1)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, datetime) else value


def expected(calls: Sequence[Call]) -> dict[str, Rows]:
    """Return what can be seen after calls that nobody disturbs, as the model has it."""
    state = MODEL.initial()
    for call in calls:
        MODEL.apply(state, call)
    rows = MODEL.state(state)
    return {name: list(rows[name]) for name in ("loaded_hours", "ranked_pages")}
