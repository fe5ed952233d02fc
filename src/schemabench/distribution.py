"""pytest-xdist: which worker runs what, and pytest-benchmark in spite of it.

Owns the adaptation to both. A controller collects nothing: each worker tells it, with what it has collected, how many
of these are evaluations. Where none is, xdist's own scheduler has the session, and pytest-benchmark stays off, as it
does under xdist, since it would time each worker on its own.

Evaluations are executed by all workers at once, first of all tests; every other test as `--dist` has it.
pytest-benchmark is turned on again, in the controller, whose entries come from the leader's reports. Workers never
save, compare or print.
"""

import secrets
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from schemabench.errors import WorkerError
from schemabench.scheduling import Collecting, Together
from schemabench.workers.seat import LEADER, Seat

_SEAT, _CHANNEL, _LOST = "schemabench_seat", "schemabench_channel", "schemabench_lost"
"""The keys of what a worker is told, of where it tells what it has collected, and of what it tells at its end."""
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
"""What pytest-benchmark is to do at the end of a worker: only the controller reports."""


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is a worker of xdist."""
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    """Return whether this process hands its tests to workers."""
    return not is_worker(config) and config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))


def seat(config: pytest.Config) -> Seat | None:
    """Return this worker's seat; None in a process that is no worker, or that came in place of one, too late."""
    told = getattr(config, "workerinput", {}).get(_SEAT)
    return Seat(**told) if told else None


def announce(config: pytest.Config, evaluations: int, problem: str = "") -> None:
    """Tell the controller what this worker is about to say that it has collected.

    Args:
        config: The worker's.
        evaluations: How many of its tests are evaluations: the first ones.
        problem: Why none can be run.
    """
    getattr(config, "workerinput", {})[_CHANNEL].send((evaluations, problem))


def give_up(session: pytest.Session, error: WorkerError) -> None:
    """End this worker's session, since another is gone; have the controller end that one, where it has only stopped."""
    session.shouldfail = error.what
    getattr(session.config, "workeroutput", {})[_LOST] = error.worker


def configure(config: pytest.Config, host: Callable[[pytest.Config], None]) -> None:
    """Be ready for evaluations in a session that is shared among workers, in its controller and in each of them.

    pytest-benchmark refuses `--benchmark-only` beside `-n` as soon as it is configured: it will, once it is known that
    there are no evaluations.

    Args:
        config: The session's, before pytest-benchmark looks at it.
        host: What makes a controller's session one of evaluations.
    """
    if not is_worker(config) and not is_controller(config):
        return
    if config.pluginmanager.hasplugin("benchmark"):
        config.stash[_ONLY] = bool(config.getoption("benchmark_only", default=False))
        config.option.benchmark_only = False
    if is_controller(config):
        config.pluginmanager.register(Controller(config, host), _CONTROLLER)


def enable_benchmarks(config: pytest.Config) -> None:
    """Undo what pytest-benchmark decided about xdist, before it looks at what was collected.

    Within workers it stays disabled: benchmarks of other kinds are run once there, without a clock, as always.
    """
    session = config.pluginmanager.getplugin(_BENCHMARK)
    if session is None or _ONLY not in config.stash:
        return
    session.xdist_warning, session.only = False, config.stash[_ONLY]
    session.disabled = is_worker(config) or (config.option.benchmark_disable and not config.option.benchmark_enable)
    if is_worker(config):
        vars(session).update(_NEUTRAL)


def _leave_benchmarks(config: pytest.Config) -> None:
    """Have pytest-benchmark decide about `--benchmark-only` after all, as if it had seen the option."""
    if config.stash.get(_ONLY, False):
        config.option.benchmark_only = True
        type(config.pluginmanager.getplugin(_BENCHMARK))(config)


def bereaved(config: pytest.Config) -> str:
    """Return, in a controller, the id of the workers' run where one of them came to a bad end; else nothing."""
    controller = config.pluginmanager.getplugin(_CONTROLLER)
    return controller.run_id if controller is not None and controller.worker_lost else ""


class Controller:
    """Seats the workers, hands out tests once it is known what they are, and ends workers that have been stopped.

    Args:
        config: The session's.
        host: What makes it a session of evaluations.

    Attributes:
        run_id: The workers'.
        worker_lost: Whether a worker died, was ended, or was interrupted.
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
        """Whether there are evaluations; None while tests are collected."""
        self._announced: dict[str, tuple[int, str]] = {}

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """Learn what workers are called."""
        self._names = [spec.id for spec in specs]

    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Give a worker its seat: one that comes in place of another has that one's, while tests are collected."""
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
            }

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 (untyped upstream)
        """Wait for what workers have collected, before tests are handed out as whoever is asked next would do it."""
        make = config.pluginmanager.subset_hook_caller("pytest_xdist_make_scheduler", [self])
        return Collecting(len(self._names), partial(self._scheduler, make(config=config, log=log)))

    def _scheduler(self, usual: Any, collected: dict[Any, Sequence[str]]) -> Any:  # noqa: ANN401 (untyped upstream)
        """Return what hands tests out: the usual scheduler itself where there are no evaluations.

        Args:
            usual: As `--dist` asks for.
            collected: Worker -> the ids of its tests.

        Raises:
            UsageError: Of pytest: evaluations cannot be run, or workers disagree which there are.
        """
        evaluations = {node: tuple(ids[: self._evaluations(node)]) for node, ids in collected.items()}
        first, *others = evaluations
        for other in others:
            if evaluations[other] != evaluations[first]:
                raise pytest.UsageError(
                    f"{other.gateway.id} collects {len(evaluations[other])} evaluations; they differ from the "
                    f"{len(evaluations[first])} of {first.gateway.id}: have all workers find the same files and "
                    "options"
                )
        dsession = self._config.pluginmanager.getplugin("dsession")
        self._evaluating = bool(evaluations[first])
        if not self._evaluating:
            _leave_benchmarks(self._config)
            dsession.sched = usual
            return usual
        self._host(self._config)
        self._meet()
        if self._config.option.maxworkerrestart is None:  # who comes in place of another has missed too much
            dsession._max_worker_restart = 0  # noqa: SLF001 (the option was read before anything was collected)
        dsession.sched = Together(usual, evaluations[first])
        return dsession.sched

    def _meet(self) -> None:
        """Make the place where workers learn of each other, and of a server's password."""
        from schemabench.server import folder  # noqa: PLC0415 (of sessions with evaluations alone)

        try:
            self._stack.enter_context(folder.hold_meeting(self._meeting))
        except OSError as cause:
            raise pytest.UsageError(
                f"The meeting folder of the workers, {self._meeting}, cannot be created: {cause.strerror}. Choose "
                "another folder for temporary files: TMPDIR=/path"
            ) from cause

    def _evaluations(self, node: Any) -> int:  # noqa: ANN401 (untyped upstream)
        """Return how many of a worker's tests are evaluations."""
        evaluations, problem = self._announced.get(node.gateway.id, (0, ""))
        if problem:
            raise pytest.UsageError(problem)
        return evaluations

    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 (untyped upstream)
        """End whom a worker could not wait for: this process would wait for it for ever."""
        name = node.gateway.id
        if error:
            self.worker_lost = True
            if name in self._names:
                self._vacant.append(self._names.index(name))
            if self._evaluating and name == self._names[LEADER]:
                from schemabench.workers.meeting import call_off  # noqa: PLC0415 (brings a database's driver with it)

                call_off(str(self._meeting), f"it died ({error})")
        lost = getattr(node, "workeroutput", {}).get(_LOST)
        for other in node.nodemanager.group:
            if other.id == lost:
                self.worker_lost = True
                other._io.kill()  # noqa: SLF001 (there is no public way that does not ask the worker)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Know that workers end in the middle of something."""
        self.worker_lost = True

    def pytest_unconfigure(self) -> None:
        """Take the folder away in which the workers met."""
        self._stack.close()
