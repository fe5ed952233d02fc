"""pytest-xdist: which worker runs what, and pytest-benchmark in spite of it.

Owns the adaptation to both. pytest-benchmark turns itself off under xdist, since it would time each worker on its own;
here it is turned on again, in the controller, whose entries come from the leader's reports. Workers never save, compare
or print: what their options say about that is cleared.

Every evaluation is executed by all workers at once, first of all tests; any other test once, by the worker whose turn
it is. xdist's own scheduler for `--dist each` does both, once each worker keeps of its collection what it shall run.
"""

import shutil
import tempfile
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from schemabench.errors import WorkerError
from schemabench.workers.link import LEADER
from schemabench.workers.meeting import Seat, call_off

_SEAT, _DIST, _LOST = "schemabench_seat", "schemabench_dist", "schemabench_lost"
"""The keys of what a worker is told (its own `dist` is always `no`), and of what it tells at its end."""
_REFUSED = {"loadscope", "loadfile", "loadgroup", "worksteal"}
_BENCHMARK = "pytest-benchmark"
_CONTROLLER = "schemabench-controller"
_ONLY = pytest.StashKey[bool]()
_NEUTRAL: dict[str, Any] = {
    "benchmark_save": None,
    "benchmark_autosave": None,
    "benchmark_json": None,
    "benchmark_compare": [],
    "benchmark_compare_fail": None,
    "benchmark_histogram": [],
}
"""pytest-benchmark's options as a worker must see them: only the controller reports."""


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is a worker of xdist."""
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    """Return whether this process hands its tests to workers."""
    return not is_worker(config) and config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))


def seat(config: pytest.Config) -> Seat | None:
    """Return this worker's seat; None in a process that is no worker, or where workers do not share evaluations."""
    told = getattr(config, "workerinput", {}).get(_SEAT)
    return Seat(**told) if told else None


def refusal(config: pytest.Config) -> str:
    """Return why evaluations cannot be run in this session; empty where they can."""
    dist = getattr(config, "workerinput", {}).get(_DIST)
    if dist in _REFUSED:
        return f"--dist {dist} gives each test to one worker, and an evaluation is executed by all: leave it out"
    return ""


def share(config: pytest.Config, evaluations: list[pytest.Item], others: list[pytest.Item]) -> list[pytest.Item]:
    """Return what this worker runs, of all that was collected: every evaluation, and its share of the others.

    Evaluations come first, so that no other test is at work beside them.
    """
    own = seat(config)
    assert own is not None, "only a worker with a seat shares tests"
    each = getattr(config, "workerinput", {}).get(_DIST) == "each"
    return [*evaluations, *(others if each else others[own.number :: len(own.names)])]


def give_up(session: pytest.Session, error: WorkerError) -> None:
    """End this worker's session, since another is gone; have the controller end that one, where it has only stopped."""
    session.shouldfail = error.what
    getattr(session.config, "workeroutput", {})[_LOST] = error.worker


def enable_benchmarks(config: pytest.Config) -> None:
    """Undo what pytest-benchmark decided about xdist; at the start of the session, before anything is collected.

    Within workers it stays disabled: benchmarks of other kinds are run once there, without a clock, as always.
    """
    session = config.pluginmanager.getplugin(_BENCHMARK)
    if session is None or _ONLY not in config.stash:
        return
    session.xdist_warning, session.only = False, config.stash[_ONLY]
    session.disabled = is_worker(config) or (config.option.benchmark_disable and not config.option.benchmark_enable)


def configure(config: pytest.Config, run_id: str) -> None:
    """Prepare a session that is shared among workers, in the controller and in each of them.

    Before pytest-benchmark looks at its options: `--benchmark-only` beside `-n` is an error to it.
    """
    if is_controller(config) and config.getoption("dist") in _REFUSED:
        config.pluginmanager.register(Bystander(), _CONTROLLER)
        return
    if config.pluginmanager.hasplugin("benchmark"):
        config.stash[_ONLY] = bool(config.getoption("benchmark_only", default=False))
        config.option.benchmark_only = False
    if is_worker(config):
        vars(config.option).update(_NEUTRAL)
        return
    if config.option.maxworkerrestart is None:  # a replacement would come too late for what it missed
        config.option.maxworkerrestart = "0"
    config.pluginmanager.register(Controller(run_id), _CONTROLLER)


def bereaved(config: pytest.Config) -> str:
    """Return, in a controller, the id of the workers' run where one of them came to a bad end; else nothing."""
    controller = config.pluginmanager.getplugin(_CONTROLLER)
    return controller.run_id if isinstance(controller, Controller) and controller.worker_lost else ""


class Bystander:
    """Leaves everything to xdist, and has workers know how it hands out tests."""

    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Tell a worker."""
        node.workerinput[_DIST] = node.config.getoption("dist")


class Controller(Bystander):
    """Seats the workers, schedules tests, and ends workers that have been stopped.

    Attributes:
        run_id: The workers'.
        worker_lost: Whether a worker died, was ended, or was interrupted.
    """

    def __init__(self, run_id: str) -> None:
        self.worker_lost = False
        self.run_id = run_id
        self._folder = tempfile.mkdtemp(prefix="schemabench-")
        self._names: list[str] = []
        self._session: pytest.Session | None = None
        self._collected: set[str] = set()

    def pytest_xdist_setupnodes(self, specs: Sequence[Any]) -> None:
        """Learn what workers are called."""
        self._names = [spec.id for spec in specs]

    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Give a worker its seat; none to one that comes in place of another."""
        super().pytest_configure_node(node)
        if node.gateway.id in self._names:
            node.workerinput[_SEAT] = {
                "number": self._names.index(node.gateway.id),
                "names": tuple(self._names),
                "run_id": self.run_id,
                "folder": self._folder,
            }

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 (untyped upstream)
        """Send to each worker all that it has kept."""
        from xdist.scheduler import EachScheduling  # noqa: PLC0415 (xdist is optional)

        return EachScheduling(config, log)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, to which xdist tells what the last worker has kept, as if that were all."""
        self._session = session

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Count what workers have kept, each test once."""
        self._collected.update(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """Have whoever shows progress know how many tests there are."""
        self._count()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Have pytest know that there were tests, where the last worker had none."""
        try:
            return (yield)
        finally:
            self._count()

    def _count(self) -> None:
        assert self._session is not None, "tests are run in a session"
        self._session.testscollected = max(self._session.testscollected, len(self._collected))

    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 (untyped upstream)
        """End whom a worker could not wait for: this process would wait for it for ever."""
        if error:
            self.worker_lost = True
            if node.gateway.id == self._names[LEADER]:
                call_off(self._folder, f"it died ({error})")
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
        shutil.rmtree(self._folder, ignore_errors=True)
