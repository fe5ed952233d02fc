"""A run that is watched: each line that it writes, and when.

Owns the reading of a program's output while it runs. Must not know what a line means.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

import psutil
from programs import DEATH_S, Program


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A program whose output is read as it comes."""

    program: Program
    lines: list[tuple[float, str]] = field(default_factory=list)
    """When each line of either output was read, as `time.monotonic` has it, and the line."""
    _readers: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def of(cls, program: Program) -> "Watched":
        """Begin to read a program's output."""
        one = cls(program=program)
        for stream in (program.stdout, program.stderr):
            if stream is not None:
                one._readers.append(threading.Thread(target=one._read, args=(stream,), daemon=True))
                one._readers[-1].start()
        return one

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def finish(self, limit_s: float, among: Sequence[psutil.Process] = ()) -> int:
        """Wait until it has ended, and the other processes; return its status.

        Raises:
            AssertionError: It does not end in time; with what it said.
        """
        deadline_s = time.monotonic() + limit_s
        try:
            status = self.program.wait(limit_s)
        except Exception as error:
            self.program.end()
            raise AssertionError(self.output) from error
        _, alive = psutil.wait_procs(among, timeout=max(0.0, deadline_s - time.monotonic()))
        assert not alive, self.output
        for reader in self._readers:
            reader.join(DEATH_S)
        return status

    def close(self) -> None:
        """Close the program's outputs, once it has ended."""
        for stream in (self.program.stdout, self.program.stderr):
            if stream is not None:
                stream.close()

    @property
    def output(self) -> str:
        """Return all lines, in the order in which they came."""
        return "\n".join(line for _, line in sorted(self.lines, key=lambda one: one[0]))
