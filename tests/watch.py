"""A watch over what a session of tests takes, of memory and of room for files: where it is too much, the session fails.

Looks about once a second, from a thread of the session's first process, at that process and all that come from it, and
at the servers in the session's folder, which may have lost who started them. What processes share is counted once (the
PSS of the kernel, `proc_pid_smaps(5)`), and files are those in the session's folder and in pytest's `tmp_path`s. A
pytest plugin; must not know what the tests are about.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import places
import psutil
import pytest

VARIABLE = "SCHEMABENCH_SUITE_MB"
"""The environment variable that sets another limit."""
LIMIT_MB = 2147
"""2 GiB, which a small machine has to spare: of memory, and of files, which may be in memory too."""
PAUSE_S = 1.0
SHARE = 0.05
"""Looking takes no more of a processor's time than this: where there is much to look at, pauses grow."""
GRACE_S = 30.0
"""How long a session that takes too much may take to end by itself."""
SHOWN = 3
"""How many of the largest are named."""
_MB = 10**6


class Watch:
    """The watch, for one session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._folders: list[Path] = []
        self._limit = int(os.environ.get(VARIABLE, LIMIT_MB)) * _MB
        self._memory = self._files = 0  # at most, in bytes
        self._takers = ""
        """What took the memory then."""
        self._running: list[str] = []
        self._trouble = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._before: Any = None

    def pytest_sessionstart(self) -> None:
        """Begin."""
        self._folders = [places.session(), self._config._tmp_path_factory.getbasetemp()]
        self._before = signal.signal(signal.SIGUSR1, self._give_up)
        self._thread.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note which tests are executed, by whichever process."""
        self._running.append(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note which tests are over."""
        with suppress(ValueError):
            self._running.remove(nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was taken at most."""
        peak = f"peak of the suite: {_size(self._memory)} of memory, {_size(self._files)} of files"
        terminalreporter.write_line(f"{peak}; {self._takers}" if self._takers else peak)

    def pytest_unconfigure(self) -> None:
        """End."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
            signal.signal(signal.SIGUSR1, self._before)

    def _watch(self) -> None:
        pause_s = 0.0
        while not self._over.wait(pause_s):
            started_s = time.thread_time()
            if trouble := self._look():
                self._end(trouble)
                return
            pause_s = max(PAUSE_S, (time.thread_time() - started_s) / SHARE)

    def _look(self) -> str:
        """Measure, and return what is too much; nothing where nothing is."""
        processes = {process: _memory(process) for process in _processes()}
        folders = {folder: _room(folder) for folder in self._folders}
        memory, files = sum(processes.values()), sum(folders.values())
        if memory > self._memory:
            self._memory, self._takers = memory, self._told(processes)
        self._files = max(self._files, files)
        if memory > self._limit:
            return self._too_much("memory", memory, {_name(process): taken for process, taken in processes.items()})
        if files > self._limit:
            parts = {part: _room(part) for folder in folders for part in folder.iterdir()}
            return self._too_much("files", files, {str(part): taken for part, taken in parts.items()})
        return ""

    def _told(self, processes: dict[psutil.Process, int]) -> str:
        """Return what takes memory: programs, and the tests that are executed."""
        programs: Counter[str] = Counter()
        for process, taken in processes.items():
            with suppress(psutil.Error):
                programs[process.name()] += taken
        largest = ", ".join(f"{name} {_size(taken)}" for name, taken in programs.most_common(SHOWN))
        tests = f", while {' and '.join(self._running)} was executed" if self._running else ""
        return f"memory: {largest}{tests}"

    def _too_much(self, what: str, taken: int, parts: dict[str, int]) -> str:
        largest = sorted(parts.items(), key=lambda part: -part[1])[:SHOWN]
        lines = [f"The tests take {_size(taken)} of {what}, and may take {_size(self._limit)}. The largest:"]
        lines += [f"  {_size(size)}: {name}" for name, size in largest]
        lines += [f"  while {nodeid} was executed" for nodeid in self._running]
        return "\n".join([*lines, f"Have the test take less; {VARIABLE} sets another limit."])

    def _end(self, trouble: str) -> None:
        """End all that the session started, and have it fail; end it ourselves where it does not."""
        self._trouble = trouble
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)  # first: who is killed is not to be replaced
        for process in _processes():
            if process.pid != os.getpid():
                with suppress(psutil.Error):
                    process.kill()
        if not self._over.wait(GRACE_S):
            self._say()
            os._exit(pytest.ExitCode.TESTS_FAILED)

    def _give_up(self, *_: object) -> None:
        """Raise, in the main thread, what ends a session."""
        self._say()
        pytest.exit(self._trouble.partition(" The largest:")[0], returncode=pytest.ExitCode.TESTS_FAILED)

    def _say(self) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        with self._config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(self._trouble, red=True)


def _processes() -> Iterator[psutil.Process]:
    """Yield this process, all that come from it, and servers in the session's folder."""
    ours = psutil.Process()
    seen = {ours, *ours.children(recursive=True)}
    yield from seen
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres" and process not in seen:
            with suppress(psutil.Error):
                if places.session() in Path(process.cwd()).parents:
                    yield process


def _memory(process: psutil.Process) -> int:
    """Return a process's share of memory, in bytes; 0 where it is gone."""
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return f"process {process.pid}, {' '.join(process.cmdline())[:160]}"
    return f"process {process.pid}, which is gone"


def _room(path: Path) -> int:
    """Return what a file or folder takes on its file system, in bytes; what goes meanwhile is not counted."""
    with suppress(OSError):
        taken = path.lstat().st_blocks * 512  # its unit, whatever the file system's is: `stat(2)`
        if path.is_dir() and not path.is_symlink():
            taken += sum(_room(Path(entry)) for entry in os.scandir(path))
        return taken
    return 0


def _size(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"
