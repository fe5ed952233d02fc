"""A loader of page views that is killed in mid-hour: the hour is never half visible, and its job can be run again."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import mutants
import programs
import psycopg
import pytest
from loader_of_an_hour import Request, connected, execute
from psycopg import sql

from schemabench import Call, candidate
from schemabench.candidate import Candidate
from schemabench.server import Server

LOADER = Path(__file__).with_name("loader_of_an_hour.py")
FIRST = datetime(2016, 9, 1)  # noqa: DTZ001 (hours of files are stored without a zone)
CHUNKS = 3
LINES = 40
"""In each chunk and domain: more than are kept."""
ENTRIES = 2 * 25
"""Of a whole hour: two domains."""
WAIT_S = 60.0
"""For what takes milliseconds."""
FOUND = mutants.found("pageviews")
MODEL: Any = FOUND.workload.model
SHIPPED = mutants.shipped("pageviews")
RULES = [*{*FOUND.workload.invariants} - {*FOUND.bounded(FOUND.workload.cardinalities["typical"])}]
"""The invariants that hold for hours of any size."""
BLACKLIST = Call("blacklist_pages", {"domains": ["en"], "pages": ["page 079"]})

Rows: TypeAlias = list[tuple[object, ...]]


class Point(NamedTuple):
    """Where a loader is killed: while it waits, in a request, for a lock on a table."""

    request: int
    lock: str
    reload: bool = False
    """Whether the hour was loaded before, and is reloaded by force."""


POINTS = (
    Point(1, "loaded_hour IN ACCESS EXCLUSIVE MODE"),
    Point(CHUNKS, "loaded_hour IN ACCESS EXCLUSIVE MODE"),
    Point(CHUNKS + 1, "pageview_fact IN EXCLUSIVE MODE"),
    Point(0, "pageview_fact IN EXCLUSIVE MODE", reload=True),
    Point(CHUNKS, "loaded_hour IN ACCESS EXCLUSIVE MODE", reload=True),
)
"""In the first chunk, in the last one, while the hour is finished, while it is withdrawn, and when it was withdrawn."""


def job(hour: datetime, *, views: int, first: str = "find_hour") -> list[Call]:
    """Return one run of the loader: chunks of two domains, whose pages come again in the next chunk with more views."""
    calls = [Call(first, {"date_hour": hour})]
    for chunk in range(CHUNKS):
        numbers = range(20 * chunk, 20 * chunk + LINES)
        lines = [(domain, f"page {n:03}", views + chunk + n % 7) for domain in ("en", "de") for n in numbers]
        domains, pages, counts = map(list, zip(*lines, strict=True))
        calls.append(Call("load_pages", {"date_hour": hour, "domains": domains, "pages": pages, "views": counts}))
    return [*calls, Call("finish_hour", {"date_hour": hour})]


class Warehouse:
    """A candidate in a database of its own, with a blacklist."""

    def __init__(self, one: Candidate, conninfo: str, folder: Path) -> None:
        self.conninfo = conninfo
        self._operations = candidate.operations(one, FOUND.operations)
        self._path = folder / "requests.json"
        self.connection = connected(conninfo)
        candidate.install(one, self.connection)
        self.load([BLACKLIST])

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

    def seen(self, connection: "psycopg.Connection[Any]", hour: datetime) -> tuple[bool, int]:
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


def _expected(calls: Sequence[Call]) -> dict[str, Rows]:
    """Return what can be seen after calls that nobody disturbs, as the model has it."""
    state = MODEL.initial()
    for call in (BLACKLIST, *calls):
        MODEL.apply(state, call)
    rows = MODEL.state(state)
    return {name: list(rows[name]) for name in ("loaded_hours", "ranked_pages")}


@contextmanager
def _pair(one: Candidate, server: Server, folder: Path) -> Iterator[tuple[Warehouse, Warehouse]]:
    """Make two warehouses of a candidate: in one of them nobody is killed."""
    with ExitStack() as stack:
        made = []
        for label in ("killed", "undisturbed"):
            database = server.create(label)
            stack.callback(server.drop, database)
            made.append(Warehouse(one, server.conninfo_for(database.name), folder))
            stack.callback(made[-1].connection.close)
        yield made[0], made[1]


@pytest.fixture(params=sorted(SHIPPED))
def warehouses(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[tuple[Warehouse, Warehouse]]:
    """Make two warehouses of each candidate."""
    with _pair(SHIPPED[request.param], server, tmp_path) as made:
        yield made


@pytest.mark.parametrize("victim", ["client", "backend"])
def test_a_job_that_is_killed_in_mid_hour_can_be_run_again(
    warehouses: tuple[Warehouse, Warehouse], victim: str
) -> None:
    killed, undisturbed = warehouses
    done: list[Call] = []
    for number, point in enumerate(POINTS):
        hour = FIRST + timedelta(hours=number)
        earlier = job(hour, views=1) if point.reload else []
        calls = job(hour, views=10, first="withdraw_hour" if point.reload else "find_hour")
        killed.load(earlier)
        before = killed.seen(killed.connection, hour)
        _kill(killed, calls, point, victim)
        after = killed.seen(killed.connection, hour)

        assert before == ((True, ENTRIES) if point.reload else (False, 0))
        assert after in {before, (False, 0), *([(True, ENTRIES)] if point.request == len(calls) - 1 else [])}
        killed.load(job(hour, views=10, first="withdraw_hour") if point.reload else calls)
        undisturbed.load([*earlier, *calls])
        done += [*earlier, *calls]

        assert killed.seen(killed.connection, hour) == (True, ENTRIES)
    assert killed.state() == undisturbed.state() == _expected(done)
    assert killed.held() == undisturbed.held()
    assert [name for name in RULES if killed.rows(name)] == []


def test_a_candidate_that_adds_what_comes_again_is_found_out_by_a_kill(server: Server, tmp_path: Path) -> None:
    calls = job(FIRST, views=10)
    with _pair(mutants.mutant("pageviews", "counts_added"), server, tmp_path) as (killed, undisturbed):
        _kill(killed, calls, POINTS[1], "client")
        killed.load(calls)
        undisturbed.load(calls)

        assert killed.state() != undisturbed.state()


def _kill(warehouse: Warehouse, calls: Sequence[Call], point: Point, victim: str) -> None:
    """Have a loader execute calls up to a point, and kill it there: the process, or the backend that serves it."""
    with psycopg.connect(warehouse.conninfo) as blocker, warehouse.loader(calls) as loader:
        for number in range(point.request):
            loader.execute(number)
        blocker.execute(f"LOCK TABLE {point.lock}".encode())
        loader.begin()
        warehouse.wait_for(loader.backend, [("Lock",)])
        if victim == "client":
            loader.program.send_signal(signal.SIGKILL)
            loader.program.wait(WAIT_S)
        else:
            warehouse.connection.execute("SELECT pg_terminate_backend($1)", [loader.backend])
        blocker.rollback()
        warehouse.wait_for(loader.backend, [])


def test_an_hour_is_never_half_visible_while_it_is_loaded_and_reloaded(
    warehouses: tuple[Warehouse, Warehouse],
) -> None:
    warehouse, _ = warehouses
    seen, over = set(), threading.Event()

    def watch() -> None:
        with connected(warehouse.conninfo) as connection:
            while not over.is_set():
                seen.add(warehouse.seen(connection, FIRST))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        warehouse.load(job(FIRST, views=1))
        for views in range(2, 5):
            warehouse.load(job(FIRST, views=views, first="withdraw_hour"))
    finally:
        over.set()
        watcher.join()

    assert seen <= {(False, 0), (True, ENTRIES)}
    assert (True, ENTRIES) in seen
