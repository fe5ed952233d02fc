"""A loader of page views that is killed in mid-hour: the hour is never half visible, and its job can be run again."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import mutants
import psycopg
import pytest
from loader_of_an_hour import connected
from warehouse import FOUND, SHIPPED, WAIT_S, Warehouse, expected

from schemabench import Call
from schemabench.candidate import Candidate
from schemabench.server import Server

FIRST = datetime(2016, 9, 1)  # noqa: DTZ001 (hours of files are stored without a zone)
CHUNKS = 3
LINES = 40
"""In each chunk and domain: more than are kept."""
ENTRIES = 2 * 25
"""Of a whole hour: two domains."""
RULES = [*{*FOUND.workload.invariants} - {*FOUND.bounded(FOUND.workload.cardinalities["typical"])}]
"""The invariants that hold for hours of any size."""
BLACKLIST = Call("blacklist_pages", {"domains": ["en"], "pages": ["page 079"]})


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


@contextmanager
def _pair(one: Candidate, server: Server, folder: Path) -> Iterator[tuple[Warehouse, Warehouse]]:
    """Make two warehouses of a candidate: in one of them nobody is killed."""
    with ExitStack() as stack:
        made = []
        for label in ("killed", "undisturbed"):
            database = server.create(label)
            stack.callback(server.drop, database)
            made.append(Warehouse(one, server.conninfo_for(database.name), folder))
            made[-1].load([BLACKLIST])
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
    assert killed.state() == undisturbed.state() == expected([BLACKLIST, *done])
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
            seen.add(warehouse.seen(connection, FIRST))  # at least once, however busy the machine is

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
