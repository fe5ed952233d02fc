"""A file load of pipelines that is killed in the middle and run again: the day counts once, as the model has it."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import groupby, islice
from random import Random
from typing import Any, NamedTuple, TypeAlias

import mutants
import psycopg
import pytest
from jobs_of_a_set import (
    ALL,
    LIMIT_S,
    NAMES,
    PIPELINES,
    Job,
    Session,
    connected,
    locked,
    until_it_is_gone,
    until_it_waits,
)

from schemabench import Call
from schemabench import candidate as candidates
from schemabench.server import Database, Server

WORKLOAD: Any = PIPELINES.workload
MODEL = WORKLOAD.model
SIZES = replace(
    WORKLOAD.cardinalities["typical"], records=30, members=20, policies=5, drugs=3, insight_days=1, publishes=1
)
COPIED = 10
"""Records of one COPY."""

Request: TypeAlias = Sequence[Call]
"""One call, or the records of one COPY."""


class Point(NamedTuple):
    """Where a load is killed: in the middle of a COPY, or in a step that waits for a lock on a table."""

    operation: str
    number: int = 0
    """Which of the requests with this operation."""
    lock: str = ""


POINTS = (
    Point("stage_record", 1),
    Point("stage_record", 2),
    Point("check_records", lock="staging"),
    Point("apply_records", lock="prescription"),
    Point("clear_staging", -1, lock="staging"),
)
"""With a part of the file in staging, with most of it, before it is checked, while it is applied, and after that."""


def _cut(_: Session, job: Job) -> None:
    """Cut a job's connection, as happens when its client's process is killed."""
    with socket.socket(fileno=os.dup(job.connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _terminate(watching: Session, job: Job) -> None:
    """Kill the backend of a job."""
    watching.execute("SELECT pg_terminate_backend(%s)", [job.backend])


KILLS: Mapping[str, Callable[[Session, Job], None]] = {"client": _cut, "backend": _terminate}


def _file(day: int) -> list[Call]:
    """Return the calls of one load, as the workload makes them; each of another file."""
    (weight,) = (writer.weight for writer in WORKLOAD.writers(SIZES) if writer.name == "load_a")
    random = Random(day)  # noqa: S311 (a seeded generator is the point)
    return list(islice(WORKLOAD.burst(SIZES, "load_a", day, random), weight))


def _requests(calls: Sequence[Call]) -> Iterator[Request]:
    """Gather records, as a client does."""
    for operation, some in groupby(calls, lambda call: call.operation):
        gathered, size = list(some), COPIED if operation == "stage_record" else 1
        yield from (gathered[first : first + size] for first in range(0, len(gathered), size))


def _execute(job: Job, request: Request) -> None:
    (one, *_) = request
    if one.operation == "stage_record":
        job.copy([call.values for call in request])
    else:
        job.run(one.operation, one.values)


class Loading(NamedTuple):
    """A candidate in a database, and a session that watches what happens there."""

    server: Server
    database: Database
    which: str
    watching: Job

    def load(self, calls: Sequence[Call]) -> None:
        """Load a file, which nobody disturbs."""
        for request in _requests(calls):
            _execute(self.watching, request)

    def kill(self, calls: Sequence[Call], point: Point, kill: Callable[[Session, Job], None]) -> None:
        """Load a file up to a point, and kill the load there."""
        requests = list(_requests(calls))
        last = [number for number, (one, *_) in enumerate(requests) if one.operation == point.operation][point.number]
        with connected(self.server, self.database) as holding, connected(self.server, self.database) as connection:
            job = Job(mutants.shipped("pipelines")[self.which], connection)
            for request in requests[:last]:
                _execute(job, request)
            if point.lock:
                _kill_while_it_waits(holding, job, requests[last], point.lock, kill)
            else:
                _kill_while_it_copies(holding, job, requests[last], kill)
            until_it_is_gone(holding, job)

    def state(self) -> dict[str, list[Any]]:
        """Return all that candidates must agree on."""
        return {name: sorted(self.watching.rows(name)) for name in WORKLOAD.state}


def _kill_while_it_waits(
    holding: Session, job: Job, request: Request, lock: str, kill: Callable[[Session, Job], None]
) -> None:
    with ThreadPoolExecutor(1) as pool, holding.transaction():
        locked(holding, lock)
        killed = pool.submit(_execute, job, request)
        until_it_waits(holding, job)
        kill(holding, job)
        assert isinstance(killed.exception(LIMIT_S), psycopg.OperationalError)


def _kill_while_it_copies(holding: Session, job: Job, request: Request, kill: Callable[[Session, Job], None]) -> None:
    def halfway() -> None:
        kill(holding, job)
        until_it_is_gone(holding, job)

    with suppress(psycopg.OperationalError):
        job.copy([call.values for call in request], halfway)
        pytest.fail("it was not killed")


def _expected(calls: Sequence[Call]) -> dict[str, list[Any]]:
    """Return what there is after calls that nobody disturbs, as the model has it."""
    state = MODEL.initial()
    for call in calls:
        MODEL.apply(state, call._replace(part=NAMES["set"]))
    rows = MODEL.state(state)
    return {name: sorted(rows[name]) for name in WORKLOAD.state}


@pytest.fixture
def loading(server: Server, database: Database, which: str) -> Iterator[Loading]:
    """Install a candidate."""
    one = mutants.shipped("pipelines")[which]
    with connected(server, database) as connection:
        candidates.install(one, connection, [NAMES])
        yield Loading(server, database, which, Job(one, connection))


@pytest.mark.parametrize("victim", KILLS)
@pytest.mark.parametrize("which", ALL)
def test_a_load_that_is_killed_in_the_middle_and_run_again_counts_once(loading: Loading, victim: str) -> None:
    done: list[Call] = []
    for day, point in enumerate(POINTS):
        calls = _file(day)
        loading.kill(calls, point, KILLS[victim])
        loading.load(calls)
        done += calls

        assert loading.state() == _expected(done), point
    loading.load(_file(0))
    assert loading.state() == _expected(done), "a load of a finished day does nothing"


@pytest.mark.parametrize("which", ["baseline"])
def test_a_load_that_begins_with_its_records_is_found_out_by_a_kill(loading: Loading) -> None:
    cleared, *calls = _file(0)
    loading.kill(calls, POINTS[0], _terminate)
    loading.load(calls)

    assert cleared.operation == "clear_staging"
    assert loading.state() != _expected(calls)
