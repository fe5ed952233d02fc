"""pytest-xdist: which worker runs what, and pytest-benchmark in spite of it.

Owns the adaptation to both. pytest-benchmark turns itself off under xdist, since it would time each worker on its own;
here it is turned on again, in the controller, whose entries come from the leader's reports. Workers never save, compare
or print: what their options say about that is cleared.

Every evaluation is executed by all workers at once, first of all tests; any other test once, by the worker whose turn
it is. xdist's own scheduler for `--dist each` does both, once each worker keeps of its collection what it shall run.
"""

import shutil
import tempfile
from collections.abc import Generator
from typing import Any

import pytest

from schemabench.workers.meeting import Seat

_INPUT = "schemabench"
"""The key of what a worker is told by the controller."""
_REFUSED = {"loadscope", "loadfile", "loadgroup", "worksteal"}
_BENCHMARK = "pytest-benchmark"
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
    told = getattr(config, "workerinput", {}).get(_INPUT)
    return Seat(**told) if told else None


def refusal(config: pytest.Config) -> str:
    """Return why evaluations cannot be run in this session; empty where they can."""
    dist = config.getoption("dist", "no")
    if dist in _REFUSED:
        return f"--dist {dist} gives each test to one worker, and an evaluation is executed by all: leave it out"
    return ""


def share(config: pytest.Config, evaluations: list[pytest.Item], others: list[pytest.Item]) -> list[pytest.Item]:
    """Return what this worker runs, of all that was collected: every evaluation, and its share of the others.

    Evaluations come first, so that no other test is at work beside them.
    """
    own = seat(config)
    assert own is not None, "only a worker with a seat shares tests"
    each = config.getoption("dist", "no") == "each"
    return [*evaluations, *(others if each else others[own.number :: own.of])]


def enable_benchmarks(config: pytest.Config) -> None:
    """Undo what pytest-benchmark decided about xdist; at the start of the session, before anything is collected."""
    session = config.pluginmanager.getplugin(_BENCHMARK)
    if session is None or _ONLY not in config.stash:
        return
    session.xdist_warning, session.only = False, config.stash[_ONLY]
    session.disabled = config.option.benchmark_disable and not config.option.benchmark_enable


def configure(config: pytest.Config, run_id: str) -> None:
    """Prepare a session that is shared among workers, in the controller and in each of them.

    Before pytest-benchmark looks at its options: `--benchmark-only` beside `-n` is an error to it.
    """
    if not config.pluginmanager.hasplugin("benchmark"):
        return
    config.stash[_ONLY] = bool(config.getoption("benchmark_only", default=False))
    config.option.benchmark_only = False
    if is_worker(config):
        vars(config.option).update(_NEUTRAL)
        return
    if config.option.maxworkerrestart is None:  # a replacement would come too late for what it missed
        config.option.maxworkerrestart = "0"
    config.pluginmanager.register(Controller(run_id), "schemabench-controller")


class Controller:
    """Seats the workers, and schedules tests."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._folder = tempfile.mkdtemp(prefix="schemabench-")
        self._seated = 0
        self._collected = 0

    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 (untyped upstream)
        """Give a worker its seat."""
        node.workerinput[_INPUT] = {
            "number": self._seated,
            "of": node.workerinput["workercount"],
            "name": node.gateway.id,
            "run_id": self._run_id,
            "folder": self._folder,
        }
        self._seated += 1

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:  # noqa: ANN401 (untyped upstream)
        """Send to each worker all that it has kept."""
        if config.getoption("dist") in _REFUSED:
            return None
        from xdist.scheduler import EachScheduling  # noqa: PLC0415 (xdist is optional)

        return EachScheduling(config, log)

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Count what workers have kept: xdist would believe the last of them."""
        self._collected = max(self._collected, len(ids))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Have pytest know that there were tests, where the last worker had none."""
        try:
            return (yield)
        finally:
            session.testscollected = self._collected

    def pytest_unconfigure(self) -> None:
        """Take the folder away in which the workers met."""
        shutil.rmtree(self._folder, ignore_errors=True)


def end_lost_worker(report: Any, name: str) -> None:  # noqa: ANN401 (a report with xdist's node)
    """End a worker that has been stopped: the controller would wait for it for ever."""
    for node in report.node.nodemanager.group:
        if node.id == name:
            node._io.kill()  # noqa: SLF001 (there is no public way that does not ask the worker)
