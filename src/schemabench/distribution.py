"""pytest-xdist: distribution of tests to workers, and pytest-benchmark under xdist.

Owns the adaptation to both. A controller collects nothing: each worker reports its tests, and how many of them are
evaluations. Without evaluations, xdist's own scheduler runs the session and pytest-benchmark stays off, as usual under
xdist, since it would time each worker separately.

Evaluations are executed by all workers together, before all other tests; these follow `--dist`. pytest-benchmark is
enabled again in the controller, which takes its entries from the leader's reports. Workers never save, compare or
print.
"""

import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from schemabench import options
from schemabench.errors import SchemabenchError, WorkerError
from schemabench.scheduling import Collecting, Together
from schemabench.units import plural
from schemabench.workers.seat import LEADER, Seat

_SEAT, _CHANNEL, _LOST = "schemabench_seat", "schemabench_channel", "schemabench_lost"
"""The keys of a worker's input, of its collection report, and of its output at the end."""
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


def announce(config: pytest.Config, evaluations: int, problem: str = "") -> None:
    """Send the number of evaluations to the controller, before the collection itself.

    Args:
        config: The worker's configuration.
        evaluations: The number of its evaluations, which are its first tests.
        problem: Why no evaluation can be run; empty if they can.
    """
    getattr(config, "workerinput", {})[_CHANNEL].send((evaluations, problem))


def _variables(config: pytest.Config, spec: Any) -> dict[str, str]:  # noqa: ANN401 (untyped upstream)
    """Return what libpq reads from this environment, for a worker on another machine; nothing unless a DSN is given."""
    if spec.popen and not spec.via:
        return {}  # it has this environment
    with suppress(SchemabenchError):  # whoever needs the options tells what is wrong with them
        chosen, _ = options.resolve(config.option, os.environ, config.getini)
        if "://" in chosen.postgres or "=" in chosen.postgres:
            return {name: value for name, value in os.environ.items() if name.startswith("PG")}
    return {}


def give_up(session: pytest.Session, error: WorkerError) -> None:
    """End this worker's session, since another one is gone or waits in vain; have the controller kill that one."""
    session.shouldfail = error.what
    getattr(session.config, "workeroutput", {})[_LOST] = error.worker


def configure(config: pytest.Config, host: Callable[[pytest.Config], None]) -> None:
    """Prepare for evaluations in a session with workers, in the controller and in each worker.

    pytest-benchmark refuses `--benchmark-only` together with `-n` during configuration; here that is delayed until it
    is known that there are no evaluations.

    Args:
        config: The session's configuration, before pytest-benchmark reads it.
        host: Prepares a controller's session for evaluations.
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


def orphaned(config: pytest.Config) -> str:
    """Return, in a controller, the id of the workers' run if a worker was lost; otherwise an empty text."""
    controller = config.pluginmanager.getplugin(_CONTROLLER)
    return controller.run_id if controller is not None and controller.worker_lost else ""


class Controller:
    """Assigns seats to the workers, distributes tests once they are collected, and ends stopped workers.

    Args:
        config: The session's configuration.
        host: Prepares the session for evaluations.

    Attributes:
        run_id: The id of the workers' run.
        worker_lost: Whether a worker died, was killed, or was interrupted.
    """

    def __init__(self, config: pytest.Config, host: Callable[[pytest.Config], None]) -> None:
        self.run_id = secrets.token_hex(4)
        self.worker_lost = False
        self._config = config
        self._host = host
        self._meeting = Path(tempfile.gettempdir()) / f"schemabench-{self.run_id}-{secrets.token_hex(8)}"
        self._stack = ExitStack()
        self._names: list[str] = []
        self._vacant: list[int] = []
        self._evaluating: bool | None = None
        """Whether there are evaluations; None during collection."""
        self._announced: dict[str, tuple[int, str]] = {}

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """Note the names of the workers."""
        self._names = [spec.id for spec in specs]

    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Assign a worker its seat: during collection, a replacement takes the seat of the worker it replaces."""
        name = node.gateway.id
        channel = node.workerinput[_CHANNEL] = node.gateway.newchannel()
        channel.setcallback(partial(self._announced.__setitem__, name))
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
            UsageError: Of pytest: evaluations cannot be run, or the workers' evaluations differ.
        """
        evaluations = {node: tuple(ids[: self._evaluations(node)]) for node, ids in collected.items()}
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
        self._host(self._config)
        self._meet()
        if self._config.option.maxworkerrestart is None:  # a replacement would have missed too much
            dsession._max_worker_restart = 0  # noqa: SLF001 (the option was read before collection)
        dsession.sched = Together(usual, evaluations[first])
        return dsession.sched

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

    def _evaluations(self, node: Any) -> int:  # noqa: ANN401 (untyped upstream)
        """Return the number of a worker's evaluations."""
        evaluations, problem = self._announced.get(node.gateway.id, (0, ""))
        if problem:
            raise pytest.UsageError(problem)
        return evaluations

    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 (untyped upstream)
        """Kill the worker that another one gave up: this process would wait for it forever."""
        name = node.gateway.id
        if error:
            self.worker_lost = True
            if name in self._names:
                self._vacant.append(self._names.index(name))
            if self._evaluating and name == self._names[LEADER]:
                from schemabench.workers.meeting import call_off  # noqa: PLC0415 (imports the database driver)

                call_off(str(self._meeting), f"it died ({error})")
        lost = getattr(node, "workeroutput", {}).get(_LOST)
        for other in node.nodemanager.group:
            if other.id == lost:
                self.worker_lost = True
                other._io.kill()  # noqa: SLF001 (every public way needs the worker's cooperation)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Note that workers were interrupted."""
        self.worker_lost = True

    def pytest_unconfigure(self) -> None:
        """Remove the folder in which the workers met."""
        self._stack.close()
