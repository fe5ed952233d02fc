"""The ghost jobs in a process of their own, as the process that measures sees it.

Owns its life: from its start to its end, whoever ends it. Must not know experiments.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from schemabench.errors import ServerError
from schemabench.noise.model import Model
from schemabench.noise.running import Counts
from schemabench.server.dsn import Conninfo

_ANSWER_S = 30.0
"""How long an answer may take: the process opens connections first."""
_ENDING_S = 20.0
"""How long the process may take to end, before it is killed."""
_SHOWN_CHARACTERS = 200
_CHUNK_BYTES = 65536
_MS_PER_S = 1000


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the process is to do."""

    conninfo: str = field(repr=False)
    """The ghost town's database; may hold a password."""
    schema: str
    model: Model
    speed: float


@dataclass(frozen=True, kw_only=True)
class Status:
    """An answer of the process."""

    elapsed_s: float = 0.0
    """How long the jobs have been running."""
    pids: tuple[int, ...] = ()
    """The process ids of its sessions on the server."""
    counts: Mapping[str, Counts] = field(default_factory=dict)
    """Kind of job -> its runs so far."""
    error: str = ""
    """Why it ends; empty while it works."""
    remedies: tuple[str, ...] = ()
    """What to do about it."""


class Process:
    """The process, from its start: use `closing`.

    Args:
        conninfo: The ghost town's database.
        schema: Its schema.
        model: Has the jobs.
        speed: How many times as fast as the model says.

    Raises:
        ServerError: It does not start.
    """

    def __init__(self, conninfo: Conninfo, schema: str, model: Model, speed: float) -> None:
        self._received = b""
        self._child = subprocess.Popen(
            [sys.executable, "-m", "schemabench.noise"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the process that measures
        )
        try:
            self._send(msgspec.json.encode(Request(conninfo=str(conninfo), schema=schema, model=model, speed=speed)))
            self.first = self.status()
        except BaseException:
            self.close()
            raise

    def status(self) -> Status:
        """Return the counts so far.

        Raises:
            ServerError: The process is gone, or does not answer.
        """
        self._send(b"")
        assert self._child.stdout is not None, "it is a pipe"
        descriptor, until_s = self._child.stdout.fileno(), monotonic() + _ANSWER_S
        arrived = select.poll()
        arrived.register(descriptor, select.POLLIN)
        while b"\n" not in self._received:
            if not arrived.poll(max(0.0, until_s - monotonic()) * _MS_PER_S):
                self._child.kill()
                raise self._ended(f"it did not answer within {_ANSWER_S:g} s")
            if not (some := os.read(descriptor, _CHUNK_BYTES)):
                raise self._ended(self._reason())
            self._received += some
        line, _, self._received = self._received.partition(b"\n")
        status = msgspec.json.decode(line, type=Status)
        if status.error:
            raise self._ended(status.error, status.remedies)
        return status

    def close(self) -> None:
        """End the process: runs under way may finish."""
        assert self._child.stdin is not None, "it is a pipe"
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        try:
            self._child.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for stream in (self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()

    def _send(self, line: bytes) -> None:
        assert self._child.stdin is not None, "it is a pipe"
        try:
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._ended(self._reason()) from None

    def _reason(self) -> str:
        """Return why the process is gone."""
        try:
            code = self._child.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        assert self._child.stderr is not None, "it is a pipe"
        said = self._child.stderr.read().decode(errors="replace").strip().splitlines() or [f"exit status {code}"]
        return said[-1][:_SHOWN_CHARACTERS]

    def _ended(self, reason: str, remedies: Sequence[str] = ("run again",)) -> ServerError:
        return ServerError(
            f"The process of the noise ended: {reason}",
            remedies=[*remedies, "try the jobs by themselves: schemabench noise run", "leave out --noise"],
        )
