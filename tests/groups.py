"""Control groups of tests' own, which limit the memory or the processors of programs. Only root can make them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")
_LEFT_S = 10.0
"""Until processes that were killed have left their group."""


@contextmanager
def control_group(controller: str, **limits: str) -> Iterator[Path]:
    """Make a control group, yield its folder, and remove it, after whoever is in it has moved to the group above.

    Args:
        controller: As in `memory`.
        limits: By the file's name with `_` for its dot, first of version 2, then of version 1.
    """
    top = GROUPS / controller if (GROUPS / controller).is_dir() else GROUPS
    place = top / f"schemabench-test-{os.getpid()}"
    try:
        place.mkdir()
    except OSError as error:
        pytest.skip(f"no control groups can be made here: {error}")
    try:
        found = [(place / name.replace("_", ".", 1), value) for name, value in limits.items()]
        found = [(file, value) for file, value in found if file.exists()]
        if not found:
            pytest.skip(f"control groups of this machine have no limit of {controller}")
        for file, value in found:
            file.write_text(value)
        yield place
    finally:
        _empty(place, top)
        place.rmdir()


def enter(place: Path, *pids: int) -> None:
    """Move processes into a group; those that have ended meanwhile are passed over."""
    for pid in pids:
        with suppress(ProcessLookupError):
            (place / "cgroup.procs").write_text(str(pid))


def _empty(place: Path, top: Path) -> None:
    deadline_s = time.monotonic() + _LEFT_S
    while (inside := (place / "cgroup.procs").read_text().split()) and time.monotonic() < deadline_s:
        enter(top, *map(int, inside))
        time.sleep(0.05)
