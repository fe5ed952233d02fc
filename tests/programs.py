"""Programs that tests start: each ends with its test, however that ends, and by itself after a while.

The one way in which tests start programs. A program of Python that loops says how often, too.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import bounded
import psutil

LIMIT_S = 300
"""No program of a test takes longer, however busy the machine is: the tests themselves have 600 s."""
DEATH_S = 10
"""Who is killed is gone sooner, unless a disk holds it."""

_left: list["Program"] = []


class Program(subprocess.Popen[Any]):
    """A program that was started; as a context, it is killed at the end of the block with all that it started."""

    def __enter__(self) -> Self:
        if self in _left:
            _left.remove(self)
        return self

    def __exit__(self, *error: object) -> None:
        self.end()
        super().__exit__(*error)

    def end(self) -> None:
        """Kill it, if it runs, and all that it started."""
        if self.poll() is not None:
            return
        started = psutil.Process(self.pid).children(recursive=True)
        for process in (*started, self):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.wait()
        psutil.wait_procs(started, timeout=DEATH_S)


def start(command: Sequence[str | Path], *, limit_s: int = LIMIT_S, **options: Any) -> Program:  # noqa: ANN401 (as Popen has them)
    """Start a program. Where it is no context, it ends with the test that is executed."""
    program = Program(_bounded(command, limit_s), **options)
    _left.append(program)
    return program


def run(command: Sequence[str | Path], *, limit_s: int = LIMIT_S, **options: Any) -> subprocess.CompletedProcess[Any]:  # noqa: ANN401 (as `subprocess.run` has them)
    """Run a program to its end."""
    return subprocess.run(_bounded(command, limit_s), check=options.pop("check", False), **options)  # noqa: S603 (the command of a test)


def script(path: Path, program: str, *, limit_s: int = LIMIT_S) -> Path:
    """Write a script that runs a program, for whoever wants a file that can be started; return its path."""
    words = [sys.executable, "-I", "-S", bounded.__file__]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$PPID" {limit_s} {shlex.quote(program)} "$@"\n')
    path.chmod(0o755)
    return path


@contextmanager
def ended() -> Iterator[None]:
    """End every program that is started within the block and still runs at its end, but those that are contexts."""
    earlier = len(_left)
    try:
        yield
    finally:
        for program in _left[earlier:]:
            with program:  # whose end it is
                pass


def _bounded(command: Sequence[str | Path], limit_s: int) -> list[str | Path]:
    return [sys.executable, "-I", "-S", bounded.__file__, str(os.getpid()), str(limit_s), *command]
