"""The processor time of sessions."""

import os
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import process_time

import programs
import pytest

from schemabench.monitor.processor import Processor

_TICK_S = 0.01
"""What the system's other account of processor time is rounded to."""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's scheduler tells more than ticks")
def test_less_than_a_tick_of_processor_time_is_seen() -> None:
    processor = Processor([os.getpid()], local=True)
    grown: list[float] = []
    for _ in range(5):
        before_s, since_s = processor.seconds(None), process_time()
        while process_time() - since_s < _TICK_S / 4:
            pass
        grown.append(processor.seconds(None) - before_s)
    processor.close()

    assert min(grown) >= _TICK_S / 8, grown


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only there is it a file")
def test_what_tells_the_time_is_closed_with_its_process_or_at_the_end() -> None:
    with programs.start([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        processor = Processor([os.getpid(), child.pid], local=True)
        processor.seconds(None)
        child.communicate(b"\n", timeout=20)

    processor.seconds(None)
    assert len(_open_clocks()) == 1
    processor.close()
    assert not _open_clocks()


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="likewise")
def test_half_of_all_files_are_left_for_others() -> None:
    before, limits = _open_files(), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * before + 20, limits[1]))
    try:
        processor = Processor([os.getpid()] * 50, local=True)
        assert processor.seconds(None) > 0
        assert before < _open_files() <= before + 11, "numbers below half of the limit"
        processor.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def _open_clocks() -> list[str]:
    """Return the open files that tell the time of processes: other threads, as the session's watch, open others."""
    names = []
    for number in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed since
            names.append(str(number.readlink()))
    return [name for name in names if name.endswith("/schedstat")]


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1  # what lists them
