"""Workers on a real server that part before the end: what they have finished is kept, with the calls of all if it can.

Their user interrupts one, or one is lost, or gives up.
"""

import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import laboratory
import psycopg
import pytest

from schemabench import Call, Workload, Writer
from schemabench.errors import Interrupted, ServerError, WorkerError
from schemabench.experiment import Plan, measure
from schemabench.experiment.copies import Copies
from schemabench.experiment.team import Part, Samples
from schemabench.progress import Silence
from schemabench.records import WORKER_LOST, Experiment
from schemabench.server import Database, Server
from schemabench.workers import follower, latencies, leader
from schemabench.workers.follower import Follower, follow
from schemabench.workers.leader import Leader, lead
from schemabench.workers.link import Link
from schemabench.workers.messages import Go
from schemabench.workers.seat import Seat

pytestmark = pytest.mark.usefixtures("heeds_interrupts")

BASELINE = "CREATE TABLE item (key text PRIMARY KEY, value bigint);\n"
OPERATIONS = """\
-- name: put
INSERT INTO item VALUES (:key::text, :value::bigint) ON CONFLICT (key) DO UPDATE SET value = excluded.value;
"""
BLOCKS = 6
"""So many are finished before they part, of which the first two warm up."""
PATIENCE_S = 60
"""What is waited for takes milliseconds; a machine that stalls is waited for."""


def _burst(_sizes: laboratory.Sizes, _writer: str, block: int, _random: Random) -> Iterator[Call]:
    return (Call("put", {"key": f"key {number}", "value": block}, key=str(number)) for number in count())


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return an experiment that nothing ends but the parting of its workers."""
    (tmp_path / "__init__.py").touch()
    workload = Workload(
        name="shared",
        summary="a stream",
        cardinalities={"typical": laboratory.Sizes()},
        writers=lambda _: (Writer(name="stream", kind="stream", weight=8),),
        burst=_burst,
    )
    return Plan(
        found=laboratory.found(tmp_path, workload, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(tmp_path / "schemas", {"baseline": BASELINE, "candidate": BASELINE}),
        clients=4,
        budget_s=600.0,
        precision=0.0001,
        burst=2,
        seed=1,
    )


def _parted(
    server: Server,
    database: Database,
    plan: Plan,
    error: type[Interrupted | WorkerError],
    match: str = "was interrupted in",
) -> Experiment:
    """Lead an experiment, which a thread follows, until an error ends it; return what is kept of it."""
    conninfo = server.conninfo_for(database.name)
    seats = [Seat(number=number, names=("gw0", "gw1"), run_id="test", folder="/nowhere") for number in (0, 1)]
    with (
        closing(Link(conninfo, "test", 0)) as first,
        closing(Link(conninfo, "test", 1)) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(follow, plan, second, seats[1])
        with pytest.raises(error, match=match) as caught, lead(plan, first, seats[0]) as team:
            measure(plan, server, Silence(), team)
    assert isinstance(caught.value.known, Experiment)
    return caught.value.known


def _interrupt_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    def due(_: Copies, measured: Any, __: object) -> bool:  # noqa: ANN401 (as much of it as is asked for)
        if measured.executed == BLOCKS:
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(Copies, "due", due)


def _interrupt_follower(monkeypatch: pytest.MonkeyPatch) -> None:
    execute, executed = follower.execute, count()

    def until(*args: Any) -> tuple[Part, Samples]:  # noqa: ANN401 (handed on)
        if next(executed) == BLOCKS * 3:  # with the control
            raise KeyboardInterrupt
        return execute(*args)

    monkeypatch.setattr(follower, "execute", until)


@pytest.mark.parametrize("whom", [_interrupt_leader, _interrupt_follower])
def test_an_interrupt_of_one_worker_keeps_the_finished_blocks_with_the_service_times_of_all(
    server: Server,
    database: Database,
    plan: Plan,
    monkeypatch: pytest.MonkeyPatch,
    whom: Callable[[pytest.MonkeyPatch], None],
) -> None:
    whom(monkeypatch)

    experiment = _parted(server, database, plan, Interrupted)

    _assert_of_all_calls(experiment)


def _assert_of_all_calls(experiment: Experiment) -> None:
    assert experiment.stopped == "interrupted"
    assert experiment.blocks >= 1
    for one in experiment.candidates:
        assert one.status == "ranked"
        counted = [trial for trial in one.trials if not trial.warmup]
        assert sum(latency.count for latency in one.latencies) == sum(trial.operations for trial in counted)
    (notice,) = [one for one in experiment.notices if one.code in {"interrupted", WORKER_LOST}]
    assert "left out" not in notice.text


def _at_the_end(monkeypatch: pytest.MonkeyPatch, happens: Callable[[Follower], None]) -> None:
    """Have something happen to the follower instead of a trial, when blocks are finished."""
    execute, executed = Follower._execute, count()

    def until(self: Follower, go: Go) -> None:
        if next(executed) == BLOCKS * 3:  # with the control
            happens(self)
        execute(self, go)

    monkeypatch.setattr(Follower, "_execute", until)


def test_a_worker_that_is_lost_leaves_the_finished_blocks_but_no_service_times(
    server: Server, database: Database, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(one: Follower) -> None:
        one._link.close()
        raise psycopg.OperationalError("closed")

    monkeypatch.setattr(leader, "PARTING_LIMIT_S", 2 * PATIENCE_S)
    _at_the_end(monkeypatch, die)
    lost = r"The worker gw1 was lost while executing the trial of .* in block (\d+):"
    begun_s = time.monotonic()

    experiment = _parted(server, database, plan, WorkerError, lost)

    assert time.monotonic() - begun_s < PATIENCE_S, "nobody waits for what is lost"
    assert (experiment.stopped, experiment.blocks + experiment.warmup_blocks) == ("interrupted", BLOCKS)
    assert {one.status for one in experiment.candidates} == {"ranked"}
    assert {one.latencies for one in experiment.candidates} == {()}, "half of the calls are no sample of all"
    (notice,) = [one for one in experiment.notices if one.code == WORKER_LOST]
    assert notice.text.startswith("shared typical was cut short: The worker gw1 was lost while executing")
    assert re.findall(lost, notice.text) == [str(experiment.blocks + 1)], "the next one"
    assert notice.text.endswith("Service times are left out, because not all workers handed theirs over")


def test_ctrl_c_while_the_leader_parts_from_those_that_are_left_keeps_the_finished_blocks(
    server: Server, database: Database, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(_: Follower) -> None:
        raise ServerError("no disk")

    parting = Leader.break_off

    def impatient(own: Leader) -> Any:  # noqa: ANN401 (handed on)
        signal.raise_signal(signal.SIGINT)
        return parting(own)

    _at_the_end(monkeypatch, give_up)
    monkeypatch.setattr(Leader, "break_off", impatient)

    experiment = _parted(server, database, plan, Interrupted, r"after all was measured: .*gw1 gave up while")

    _assert_of_all_calls(experiment)


def test_a_worker_that_gives_up_hands_over_the_service_times_of_the_finished_blocks(
    server: Server, database: Database, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(_: Follower) -> None:
        raise ServerError("no disk")

    _at_the_end(monkeypatch, give_up)

    _assert_of_all_calls(_parted(server, database, plan, WorkerError, r"gw1 gave up while .*: no disk"))


def test_service_times_are_left_out_if_those_of_a_worker_are_missing(
    server: Server, database: Database, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(leader, "PARTING_LIMIT_S", 0.2)
    monkeypatch.setattr(latencies, "store", lost)
    _interrupt_leader(monkeypatch)

    experiment = _parted(server, database, plan, Interrupted)

    assert {one.status for one in experiment.candidates} == {"ranked"}
    assert {one.latencies for one in experiment.candidates} == {()}
    assert {one.call_p50_ns for one in experiment.candidates} == {None}
    (notice,) = [one for one in experiment.notices if one.code == "interrupted"]
    assert notice.text.endswith("Service times are left out, because not all workers handed theirs over")
