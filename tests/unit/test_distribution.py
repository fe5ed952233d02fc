"""Who runs what: evaluations by all workers, first; every other test as xdist's own schedulers hand it out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from execnet.xspec import XSpec
from hypothesis import given
from hypothesis import strategies as st
from xdist.dsession import Interrupted
from xdist.scheduler import (
    EachScheduling,
    LoadFileScheduling,
    LoadGroupScheduling,
    LoadScheduling,
    LoadScopeScheduling,
    WorkStealingScheduling,
)

from schemabench import distribution
from schemabench.errors import WorkerError
from schemabench.scheduling import Collecting, Together
from schemabench.workers.losses import Losses

SCHEDULERS = (
    EachScheduling,
    LoadFileScheduling,
    LoadGroupScheduling,
    LoadScheduling,
    LoadScopeScheduling,
    WorkStealingScheduling,
)


@dataclass(eq=False)
class Worker:
    """A worker that runs tests as xdist's do: the next of its queue once it knows what follows."""

    name: str
    queue: list[int] = field(default_factory=list)
    ran: list[int] = field(default_factory=list)
    shutting_down: bool = False
    stolen: list[int] | None = None

    @property
    def gateway(self) -> SimpleNamespace:
        """Return its name, where xdist looks for it."""
        return SimpleNamespace(id=self.name, spec=self.name)

    def send_runtest_some(self, indices: list[int]) -> None:
        """Queue tests."""
        self.queue += indices

    def send_steal(self, indices: list[int]) -> None:
        """Note what is to be given back."""
        self.stolen = list(indices)

    def shutdown(self) -> None:
        """Know that no more tests come."""
        self.shutting_down = True

    def run_one(self, scheduler: Any) -> bool:  # noqa: ANN401 (any of them)
        """Run a test or give some back; return whether there was anything to do."""
        if self.stolen is not None:
            given_back, self.stolen = self.stolen, None
            self.queue = [index for index in self.queue if index not in given_back]
            scheduler.remove_pending_tests_from_node(self, given_back)
            return True
        if len(self.queue) < (1 if self.shutting_down else 2):
            return False
        self.ran.append(self.queue.pop(0))
        scheduler.mark_test_complete(self, self.ran[-1], 0.0)
        return True


def _config(workers: int) -> Any:  # noqa: ANN401 (as much of a pytest.Config as is asked for)
    options = {"tx": ["popen"] * workers, "maxschedchunk": None}
    return SimpleNamespace(
        getvalue=options.get, getoption=options.get, option=SimpleNamespace(loadscopereorder=True, debug=False)
    )


def _ids(evaluations: int, others: int) -> list[str]:
    first = [f"tests/test_orders.py::test_orders[{number}]" for number in range(evaluations)]
    return first + [f"tests/test_{number % 3}.py::test_other[{number}]" for number in range(others)]


def _session(kind: Callable[[Any], Any], workers: int, evaluations: int, others: int) -> tuple[Any, list[Worker]]:
    """Hand tests out to workers, until none of them has anything to do."""
    nodes = [Worker(f"gw{number}") for number in range(workers)]
    ids = _ids(evaluations, others)
    scheduler = Together(kind(_config(workers)), ids[:evaluations])
    for node in nodes:
        scheduler.add_node(node)
    for node in nodes:
        scheduler.add_node_collection(node, ids)
    scheduler.schedule()
    while any(node.run_one(scheduler) for node in nodes):
        if scheduler.tests_finished:  # as xdist's session does
            for node in scheduler.nodes:
                node.shutdown()
    return scheduler, nodes


@pytest.mark.parametrize("kind", SCHEDULERS)
@given(workers=st.integers(1, 4), evaluations=st.integers(1, 4), others=st.integers(0, 20))
def test_every_worker_runs_all_evaluations_first_and_every_other_test_as_dist_has_it(
    kind: Callable[[Any], Any], workers: int, evaluations: int, others: int
) -> None:
    scheduler, nodes = _session(kind, workers, evaluations, others)

    assert scheduler.tests_finished
    assert all(node.ran[:evaluations] == list(range(evaluations)) for node in nodes)
    rest = sorted(index for node in nodes for index in node.ran[evaluations:])
    times = workers if kind is EachScheduling else 1
    assert rest == sorted(list(range(evaluations, evaluations + others)) * times)


def test_files_stay_together_where_dist_has_it_so() -> None:
    _, nodes = _session(LoadFileScheduling, 2, 2, 12)

    files = [(node.name, _ids(2, 12)[index].partition("::")[0]) for node in nodes for index in node.ran[2:]]
    assert len(set(files)) == 3


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_a_worker_that_dies_at_an_evaluation_leaves_it_to_be_reported_once(kind: Callable[[Any], Any]) -> None:
    ids = _ids(2, 1)
    nodes = [Worker("gw0"), Worker("gw1")]
    scheduler = Together(kind(_config(2)), ids[:2])
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, ids)
    scheduler.schedule()
    nodes[1].run_one(scheduler)

    assert not scheduler.tests_finished
    assert [scheduler.unfinished(node) for node in nodes] == [ids[:2], ids[1:2]]
    assert scheduler.remove_node(nodes[1]) is None, "xdist itself would report it, beside the leader"
    assert scheduler.unfinished(nodes[1]) == []


def test_tests_are_handed_out_once_every_worker_has_collected() -> None:
    told: list[dict[Any, Any]] = []
    usual = LoadScheduling(_config(2))

    def successor(collected: dict[Any, Any]) -> LoadScheduling:
        told.append(dict(collected))
        return usual

    collecting = Collecting(2, successor)
    dead, late, nodes = Worker("gw0"), Worker("gw2"), [Worker("gw1")]
    for node in (dead, *nodes):
        collecting.add_node(node)
    collecting.add_node_collection(dead, ["a"])
    collecting.remove_node(dead)
    collecting.add_node(late)
    collecting.add_node_collection(nodes[0], ["a", "b"])
    assert not told

    collecting.add_node_collection(late, ["a", "b"])

    assert told == [{nodes[0]: ["a", "b"], late: ["a", "b"]}]
    assert usual.nodes == [*nodes, late]
    assert usual.collection_is_completed


def test_a_worker_that_was_not_ready_is_unknown_as_xdist_expects_it() -> None:
    with pytest.raises(KeyError):
        Collecting(2, lambda _: None).remove_node(Worker("gw0"))


def test_a_process_that_is_no_worker_has_no_seat() -> None:
    config: Any = SimpleNamespace()

    assert distribution.seat(config) is None


@pytest.mark.parametrize(
    ("server", "worker", "goes"),
    [
        ("service=shop", "ssh=load2", True),
        ("postgresql://", "popen//via=load2", True),
        ("postgresql://", "popen", False),
        ("embedded", "ssh=load2", False),
        ("docker:16", "ssh=load2", False),
        ("nonsense", "ssh=load2", False),
    ],
)
def test_libpqs_variables_leave_a_machine_only_for_a_server_that_a_dsn_names(
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    worker: str,
    goes: bool,  # noqa: FBT001 (the expected value)
) -> None:
    monkeypatch.setenv("SCHEMABENCH_POSTGRES", server)
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    config: Any = SimpleNamespace(option=SimpleNamespace(), getini=lambda _: "")
    controller = distribution.Controller(config, lambda *_: None)
    gateway = SimpleNamespace(id="gw0", spec=XSpec(worker), newchannel=Mock)
    node: Any = SimpleNamespace(gateway=gateway, workerinput={})
    controller.pytest_xdist_setupnodes([gateway])
    controller.pytest_configure_node(node)

    seat = distribution.seat(node)
    assert seat is not None
    assert seat.variables.get("PGPASSWORD") == ("hunter2" if goes else None)
    assert "hunter2" not in repr(seat)


@pytest.mark.parametrize(
    ("server", "workers", "refused"),
    [
        ("embedded", ["ssh=load2", "popen"], "gw0"),
        ("embedded", ["popen", "popen//via=load2"], "gw1"),
        ("local:/opt/a=b", ["popen", "ssh=load2"], "gw1"),
        ("docker:16", ["popen", "socket=load2:8888"], "gw1"),
        ("embedded", ["popen", "popen//chdir=elsewhere"], ""),
        ("embedded", ["ssh=load2"], ""),
        ("postgresql://", ["ssh=load2", "popen"], ""),
        ("service=shop", ["popen", "ssh=load2"], ""),
    ],
)
def test_workers_on_several_machines_need_a_server_that_is_named(
    monkeypatch: pytest.MonkeyPatch, server: str, workers: list[str], refused: str
) -> None:
    monkeypatch.setenv("SCHEMABENCH_POSTGRES", server)
    config: Any = SimpleNamespace(option=SimpleNamespace(), getini=lambda _: "")
    controller = distribution.Controller(config, lambda *_: None)
    gateways = [SimpleNamespace(id=f"gw{number}", spec=XSpec(worker)) for number, worker in enumerate(workers)]
    if not refused:
        controller._check_reach(gateways)
        return
    with pytest.raises(pytest.UsageError, match=rf"The worker {refused} is on another machine, .*\n.*--postgres postg"):
        controller._check_reach(gateways)


def test_a_worker_that_was_given_up_counts_as_down_even_if_it_cannot_be_killed() -> None:
    config: Any = SimpleNamespace(option=SimpleNamespace(), getini=lambda _: "")
    controller, never = distribution.Controller(config, lambda *_: None), Event()  # behind a proxy that is stopped
    nodes = [
        Mock(
            gateway=SimpleNamespace(
                id=name, spec=XSpec("popen"), newchannel=Mock, _io=SimpleNamespace(kill=never.wait)
            ),
            workerinput={},
            workeroutput={},
            _down=False,
        )
        for name in ("gw0", "gw1")
    ]
    nodes[0].workeroutput["schemabench_lost"] = "gw1", "The worker gw1 was stopped", ["end it"]
    controller.pytest_xdist_setupnodes([node.gateway for node in nodes])
    for node in nodes:
        controller.pytest_configure_node(node)

    for _ in range(2):
        controller.pytest_testnodedown(nodes[0], None)

    nodes[1].notify_inproc.assert_called_once_with("errordown", node=nodes[1], error="another worker gave it up")
    assert nodes[1]._down
    assert controller.worker_lost
    assert str(controller.losses.cause) == "The worker gw1 was stopped\nTo fix this: end it"
    never.set()


def test_workers_that_cannot_be_ended_are_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    never = Event()
    manager = SimpleNamespace(teardown_nodes=never.wait, group=SimpleNamespace(_cleanup_atexit=never.wait))
    session = SimpleNamespace(nodemanager=manager)
    config: Any = SimpleNamespace(pluginmanager=SimpleNamespace(getplugin=lambda _: session))
    monkeypatch.setattr(distribution, "END_LIMIT_S", 0.1)

    distribution.Controller(config, lambda *_: None).end_workers()
    manager.teardown_nodes()  # as xdist does then
    never.set()


LEFT = [
    ("tests/test_orders.py::test_orders[baseline]", ("orders", "typical")),
    ("tests/test_orders.py::test_orders[other]", ("orders", "typical")),
    ("tests/test_returns.py::test_returns[baseline]", ("returns", "typical")),
]
UNKNOWN = "The leading worker gw0 was lost: its process ended, or the connection to it"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], UNKNOWN),
        ([("gw0", "gw0 was lost in block 3"), ("gw0", "gw0 was lost")], "gw0 was lost in block 3"),
        ([("gw1", "gw1 was stopped")], UNKNOWN),
    ],
)
def test_every_test_of_the_experiment_at_which_the_leader_was_fails_once_and_the_first_says_what_to_do(
    told: list[tuple[str, str]], why: str
) -> None:
    losses, config = Losses(), Mock()
    for worker, words in told:
        losses.hear(WorkerError(words, worker=worker))
    losses.lose(SimpleNamespace(gateway=SimpleNamespace(id="gw0")), LEFT)
    assert losses.experiment is not None
    assert losses.cause is not None
    assert losses.experiment.error.what == losses.cause.what == why

    losses.experiment.report(config, WorkerError("orders typical has no result", remedies=["run again"]))

    reports = [call.kwargs["report"] for call in config.hook.pytest_runtest_logreport.call_args_list]
    assert [(report.nodeid, report.when, report.outcome, report.longrepr) for report in reports] == [
        (LEFT[0][0], "call", "failed", "orders typical has no result\nTo fix this: run again"),
        (LEFT[0][0], "teardown", "passed", None),
        (LEFT[1][0], "call", "failed", "orders typical has no result (see above)"),
        (LEFT[1][0], "teardown", "passed", None),
    ]


def test_a_leader_that_had_ended_all_evaluations_takes_none_along() -> None:
    losses = Losses()
    losses.lose(SimpleNamespace(gateway=SimpleNamespace(id="gw0")), [])

    assert (losses.cause, losses.experiment) == (None, None)


def test_a_worker_whose_loss_nobody_notices_fails_the_session_all_the_same() -> None:
    """The leader needs nothing of the others any more, for example while it has plans explained."""
    losses = Losses()
    losses.miss("gw1")
    assert losses.cause is not None
    assert losses.cause.what == "The worker gw1 was lost: its process ended, or the connection to it"
    assert losses.experiment is None

    losses.hear(WorkerError("gw1 was killed", worker="gw1"))
    assert losses.cause.what == "gw1 was killed", "who needs it says more"


def _looped(controller: distribution.Controller, end: BaseException | None) -> Any:  # noqa: ANN401 (a session)
    """Return the session of a controller whose loop ends as xdist's does, with an error or without one."""
    session = SimpleNamespace(shouldfail=False, Failed=pytest.Session.Failed)
    loop: Any = controller.pytest_runtestloop(session)
    next(loop)
    with pytest.raises(StopIteration) as ended:
        loop.throw(end) if end else loop.send("done")
    assert ended.value.value == "done"
    return session


def test_a_session_that_lost_a_worker_has_failed_and_was_not_interrupted() -> None:
    config: Any = SimpleNamespace(option=SimpleNamespace(), getini=lambda _: "")
    controller = distribution.Controller(config, lambda *_: None)
    controller.losses.hear(WorkerError("The worker gw1 was lost", worker="gw1"))

    with pytest.raises(pytest.Session.Failed, match="The worker gw1 was lost"):
        _looped(controller, Interrupted("The worker gw1 was lost"))
    with pytest.raises(Interrupted, match="gw2 received keyboard-interrupt"):
        _looped(controller, Interrupted("gw2 received keyboard-interrupt"))
    with pytest.raises(KeyboardInterrupt):
        _looped(controller, KeyboardInterrupt())


def test_a_session_that_lost_no_worker_ends_as_xdist_ends_it() -> None:
    config: Any = SimpleNamespace(option=SimpleNamespace(), getini=lambda _: "")
    controller = distribution.Controller(config, lambda *_: None)

    assert not _looped(controller, None).shouldfail
    with pytest.raises(Interrupted, match="stopping after 1 failures"):
        _looped(controller, Interrupted("stopping after 1 failures"))
