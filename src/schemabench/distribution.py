"""pytest-xdist: distribution of tests to workers, and pytest-benchmark under xdist.

Owns the adaptation to both. A controller collects nothing: each worker reports its tests, and how many of them are
evaluations. Without evaluations, xdist's own scheduler runs the session and pytest-benchmark stays off, as usual under
xdist, since it would time each worker separately.

Evaluations are executed by all workers together, before all other tests; these follow `--dist`. pytest-benchmark is
enabled again in the controller, which takes its entries from the leader's reports. Workers never save, compare or
print.
"""

import atexit
import os
import secrets
import signal
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from schemabench import options
from schemabench.errors import SchemabenchError, WorkerError
from schemabench.scheduling import Collecting, Together
from schemabench.units import plural
from schemabench.workers.losses import Key, Losses, LostExperiment
from schemabench.workers.seat import LEADER, Seat

_SEAT, _CHANNEL, _RECORD, _LOST = "schemabench_seat", "schemabench_channel", "schemabench_record", "schemabench_lost"
"""The keys of a worker's seat, of what it tells of its collection and of an interrupted run, and of whom it gave up and
why."""
END_LIMIT_S = 15.0
"""How long the end of all workers may take: xdist kills those that have not ended after 10 s, if it can."""
_BENCHMARK = "pytest-benchmark"
_CONTROLLER = "schemabench-controller"
_ONLY = pytest.StashKey[bool]()
_NEUTRAL: dict[str, Any] = {
    "save": None,
    "autosave": None,
    "json": None,
    "compare": None,
    "compare_fail": None,
    "histogram": False,
}
"""pytest-benchmark's options at the end of a worker: only the controller reports."""


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is a worker of xdist."""
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    """Return whether this process distributes its tests to workers."""
    return not is_worker(config) and config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))


def seat(config: pytest.Config) -> Seat | None:
    """Return this worker's seat; None in a process that is not a worker, or that replaces one too late."""
    told = getattr(config, "workerinput", {}).get(_SEAT)
    return Seat(**told) if told else None


def announce(config: pytest.Config, evaluations: Sequence[Key], problem: str = "") -> None:
    """Send the experiment of each evaluation to the controller, before the collection itself.

    Args:
        config: The worker's configuration.
        evaluations: The experiments of its evaluations, which are its first tests.
        problem: Why no evaluation can be run; empty if they can.
    """
    getattr(config, "workerinput", {})[_CHANNEL].send((evaluations, problem))


class Refusal:
    """Ends a session whose evaluations cannot be run, after collection; in a worker, the controller ends it.

    Args:
        problem: The reason.
    """

    def __init__(self, problem: str) -> None:
        self._problem = problem

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """End the session, as for any other invalid option."""
        if not is_worker(config):
            raise pytest.UsageError(self._problem)
        items.clear()

    @pytest.hookimpl(tryfirst=True)  # before xdist reports the collection
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Let the controller end the session."""
        if is_worker(session.config):
            announce(session.config, (), self._problem)


def _variables(config: pytest.Config, spec: Any) -> dict[str, str]:  # noqa: ANN401 (untyped upstream)
    """Return what libpq reads from this environment, for a worker on another machine; nothing unless a DSN is given."""
    if _is_here(spec):
        return {}  # it has this environment
    with suppress(SchemabenchError):  # whoever needs the options tells what is wrong with them
        chosen, _ = options.resolve(config.option, os.environ, config.getini)
        if "://" in chosen.postgres or "=" in chosen.postgres:
            return {name: value for name, value in os.environ.items() if name.startswith("PG")}
    return {}


def _is_here(spec: Any) -> bool:  # noqa: ANN401 (untyped upstream)
    """Return whether a worker is on this machine."""
    return bool(spec.popen and not spec.via)


def give_up(config: pytest.Config, error: WorkerError) -> None:
    """Have the controller kill another worker, which is gone or waits in vain, once this one's session ends."""
    getattr(config, "workeroutput", {}).setdefault(_LOST, (error.worker, error.headline, error.remedies))


def end_if_without(session: pytest.Session) -> None:
    """End this worker's session if it gave another one up: all workers take part in every evaluation."""
    if given_up := getattr(session.config, "workeroutput", {}).get(_LOST):
        _, session.shouldfail, _ = given_up


def configure(config: pytest.Config, host: Callable[[pytest.Config, int], None]) -> None:
    """Prepare for evaluations in a session with workers, in the controller and in each worker.

    pytest-benchmark refuses `--benchmark-only` together with `-n` during configuration; here that is delayed until it
    is known that there are no evaluations.

    Args:
        config: The session's configuration, before pytest-benchmark reads it.
        host: Prepares a controller's session for evaluations by so many workers.
    """
    if not is_worker(config) and not is_controller(config):
        return
    if config.pluginmanager.hasplugin("benchmark"):
        config.stash[_ONLY] = bool(config.getoption("benchmark_only", default=False))
        config.option.benchmark_only = False
    if is_controller(config):
        config.pluginmanager.register(Controller(config, host), _CONTROLLER)


def enable_benchmarks(config: pytest.Config) -> None:
    """Undo pytest-benchmark's reaction to xdist before it inspects the collected tests.

    In workers it stays disabled: other benchmarks run there once and untimed, as always.
    """
    session = config.pluginmanager.getplugin(_BENCHMARK)
    if session is None or _ONLY not in config.stash:
        return
    session.xdist_warning, session.only = False, config.stash[_ONLY]
    session.disabled = is_worker(config) or (config.option.benchmark_disable and not config.option.benchmark_enable)
    if is_worker(config):
        vars(session).update(_NEUTRAL)


def _leave_benchmarks(config: pytest.Config) -> None:
    """Let pytest-benchmark apply `--benchmark-only` after all, as if it had seen the option."""
    if config.stash.get(_ONLY, False):
        config.option.benchmark_only = True
        type(config.pluginmanager.getplugin(_BENCHMARK))(config)


def hand_in(config: pytest.Config, record: Mapping[str, Any]) -> None:
    """Send the record of an interrupted leader to the controller, which reads no reports of tests any more.

    Args:
        config: The leader's configuration.
        record: The run's record, as builtins.
    """
    with suppress(OSError):  # the controller is gone
        getattr(config, "workerinput", {})[_RECORD].send(record)


def concluded(config: pytest.Config) -> Mapping[str, Any] | None:
    """In a controller that lost workers, end those that are left; return what an interrupted leader handed in."""
    controller = config.pluginmanager.getplugin(_CONTROLLER)
    if controller is None or not controller.worker_lost:
        return None
    controller.end_workers()
    record: Mapping[str, Any] | None = controller.record
    return record


def lost(config: pytest.Config) -> LostExperiment | None:
    """Return, in a controller, the experiment that was lost with the leader; None if there is none."""
    controller = config.pluginmanager.getplugin(_CONTROLLER)
    return controller.losses.experiment if controller is not None else None


def orphaned(config: pytest.Config) -> str:
    """Return, in a controller, the id of the workers' run if a worker was lost; otherwise an empty text."""
    controller = config.pluginmanager.getplugin(_CONTROLLER)
    return controller.run_id if controller is not None and controller.worker_lost else ""


class Controller:
    """Assigns seats to the workers, distributes tests once they are collected, and ends stopped workers.

    Args:
        config: The session's configuration.
        host: Prepares the session for evaluations by so many workers.

    Attributes:
        run_id: The id of the workers' run.
        worker_lost: Whether a worker died, was killed, or was interrupted.
        record: The record of an interrupted leader; None without one.
        losses: What was lost with workers that did not end by themselves.
    """

    def __init__(self, config: pytest.Config, host: Callable[[pytest.Config, int], None]) -> None:
        self.run_id = secrets.token_hex(4)
        self.worker_lost = False
        self.record: Mapping[str, Any] | None = None
        self.losses = Losses()
        self._config = config
        self._host = host
        self._meeting = Path(tempfile.gettempdir()) / f"schemabench-{self.run_id}-{secrets.token_hex(8)}"
        self._stack = ExitStack()
        self._names: list[str] = []
        self._vacant: list[int] = []
        self._evaluating: bool | None = None
        """Whether there are evaluations; None during collection."""
        self._together: Together[tuple[str, Key]] | None = None
        """Knows the id and the experiment of each evaluation; None without any."""
        self._announced: dict[str, tuple[Sequence[Key], str]] = {}
        self._nodes: dict[str, Any] = {}

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """Note the names of the workers."""
        self._names = [spec.id for spec in specs]

    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Assign a worker its seat: during collection, a replacement takes the seat of the worker it replaces."""
        name = node.gateway.id
        self._nodes[name] = node
        for key, heard in ((_CHANNEL, partial(self._announced.__setitem__, name)), (_RECORD, self._hand_in)):
            channel = node.workerinput[key] = node.gateway.newchannel()
            channel.setcallback(heard)
        if self._evaluating is None and self._vacant and name not in self._names:
            self._names[self._vacant.pop()] = name
        if name in self._names:
            node.workerinput[_SEAT] = {
                "number": self._names.index(name),
                "names": tuple(self._names),
                "run_id": self.run_id,
                "folder": str(self._meeting),
                "variables": _variables(self._config, node.gateway.spec),
            }

    def _hand_in(self, record: Mapping[str, Any]) -> None:
        self.record = record

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 (untyped upstream)
        """Return a scheduler that waits for all collections before it distributes tests with the usual one."""
        make = config.pluginmanager.subset_hook_caller("pytest_xdist_make_scheduler", [self])
        return Collecting(len(self._names), partial(self._scheduler, make(config=config, log=log)))

    def _scheduler(self, usual: Any, collected: dict[Any, Sequence[str]]) -> Any:  # noqa: ANN401 (untyped upstream)
        """Return the scheduler for the tests: without evaluations, the usual one.

        Args:
            usual: The scheduler for `--dist`.
            collected: Worker -> the ids of its tests.

        Raises:
            UsageError: Of pytest: evaluations cannot be run, or the workers' evaluations differ, or not all workers can
                reach the server.
        """
        evaluations = {node: tuple(zip(ids, self._announced_by(node), strict=False)) for node, ids in collected.items()}
        first, *others = evaluations
        for other in others:
            if evaluations[other] != evaluations[first]:
                raise pytest.UsageError(
                    f"{other.gateway.id} collects {plural(len(evaluations[other]), 'evaluation')}; they differ from "
                    f"the {len(evaluations[first])} of {first.gateway.id}: make the same files and options available "
                    "to all workers"
                )
        dsession = self._config.pluginmanager.getplugin("dsession")
        self._evaluating = bool(evaluations[first])
        if not self._evaluating:
            _leave_benchmarks(self._config)
            dsession.sched = usual
            return usual
        self._host(self._config, len(evaluations))
        self._check_reach([node.gateway for node in evaluations])
        self._meet()
        if self._config.option.maxworkerrestart is None:  # a replacement would have missed too much
            dsession._max_worker_restart = 0  # noqa: SLF001 (the option was read before collection)
        dsession.sched = self._together = Together(usual, evaluations[first])
        return self._together

    def _check_reach(self, gateways: Sequence[Any]) -> None:
        """Refuse several workers of which some are elsewhere, unless the server is one that all of them may reach."""
        from schemabench.workers.meeting import check_reach  # noqa: PLC0415 (imports the database driver)

        elsewhere = sorted(gateway.id for gateway in gateways if not _is_here(gateway.spec))
        if len(gateways) == 1 or not elsewhere:
            return
        chosen, _ = options.resolve(self._config.option, os.environ, self._config.getini)
        try:
            check_reach(elsewhere[0], chosen.postgres)
        except SchemabenchError as failure:
            raise pytest.UsageError(str(failure)) from None

    def _meet(self) -> None:
        """Create the folder where workers learn each other's addresses and the server's password."""
        from schemabench.server import folder  # noqa: PLC0415 (only for sessions with evaluations)

        try:
            self._stack.enter_context(folder.hold_meeting(self._meeting))
        except OSError as cause:
            raise pytest.UsageError(
                f"The meeting folder of the workers, {self._meeting}, cannot be created: {cause.strerror}. Choose "
                "another folder for temporary files: TMPDIR=/path"
            ) from cause

    def _announced_by(self, node: Any) -> Sequence[Key]:  # noqa: ANN401 (untyped upstream)
        """Return the experiments of a worker's evaluations."""
        evaluations, problem = self._announced.get(node.gateway.id, ((), ""))
        if problem:
            raise pytest.UsageError(problem)
        return evaluations

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """End a session that has lost a worker as failed, which xdist ends as if its user had interrupted it."""
        from xdist.dsession import Interrupted  # noqa: PLC0415 (not there without workers)

        try:
            done = yield
        except Interrupted as end:
            if not self.losses.explain(str(end)):
                raise
        if cause := self.losses.cause:
            session.shouldfail = cause.headline
            raise session.Failed(cause.headline)
        return done

    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 (untyped upstream)
        """Kill the worker that another one gave up: this process would wait for it forever."""
        name, output = node.gateway.id, getattr(node, "workeroutput", {})
        if error:
            self.worker_lost = True
            if name in self._names:
                self._vacant.append(self._names.index(name))
            left = self._together.unfinished(node) if self._together is not None else ()
            if self._together is not None and name == self._names[LEADER]:
                from schemabench.workers.meeting import call_off  # noqa: PLC0415 (imports the database driver)

                call_off(str(self._meeting), "it ended")
                if not output:  # else it was interrupted
                    self.losses.lose(node, left)
            elif left and not output:
                self.losses.miss(name)
        if _LOST in output:
            worker, what, remedies = output[_LOST]
            self.losses.hear(WorkerError(what, worker=worker, remedies=remedies))
            self._give_up(self._nodes[worker])

    def end_workers(self) -> None:
        """End all workers, as xdist does later, but at once, and without waiting forever for one that is stopped."""
        for node in self._nodes.values():
            if _is_here(node.gateway.spec) and not node._down:  # noqa: SLF001 (as in `_give_up`)
                node.gateway._io.popen.send_signal(signal.SIGINT)  # noqa: SLF001 (xdist itself sends it after 5 s)
        manager = self._config.pluginmanager.getplugin("dsession").nodemanager
        ending = Thread(target=manager.teardown_nodes, daemon=True)
        ending.start()
        ending.join(END_LIMIT_S)
        manager.teardown_nodes = lambda: None  # that was it: neither xdist nor execnet has a limit for every worker
        atexit.unregister(manager.group._cleanup_atexit)  # noqa: SLF001

    def _give_up(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Kill a worker; count it as down even if it cannot be killed, as behind a socket server."""
        self.worker_lost = True
        if not node._down:  # noqa: SLF001 (every public way needs the worker's cooperation; likewise below)
            node._down = True  # noqa: SLF001
            node.notify_inproc("errordown", node=node, error="another worker gave it up")
        Thread(target=node.gateway._io.kill, daemon=True).start()  # noqa: SLF001

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Note that workers were interrupted."""
        self.worker_lost = True

    def pytest_unconfigure(self) -> None:
        """Remove the folder in which the workers met."""
        self._stack.close()
