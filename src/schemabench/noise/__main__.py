"""The process of ghost jobs beside a measurement: reads a request, answers with counts, ends with its input.

Owns the conversation with the process that measures. Must not decide anything.

The request is one line of JSON on standard input: it may hold a password, which must not stand on a command line. Every
further line asks for the counts, which are a line of JSON on standard output. The end of the input ends the jobs, even
if the other process was killed.
"""

import os
import signal
import sys
from math import inf
from threading import Event, Thread

import msgspec

from schemabench.errors import SchemabenchError
from schemabench.noise.process import Request, Status
from schemabench.noise.running import Ghosts
from schemabench.server.dsn import Conninfo


def main() -> int:
    """Run the jobs of a request; return 0, or 1 after an error, which is the last answer."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the process that measures, which ends the input
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=Request)
    ghosts = Ghosts(
        conninfo=Conninfo(request.conninfo), schema=request.schema, model=request.model, speed=request.speed
    )
    over = Event()
    listening = Thread(target=_answer, args=[ghosts, over], daemon=True)
    try:
        ghosts.work(inf, lambda _: _listen(listening) and not over.is_set())
    except SchemabenchError as failure:
        _write(Status(error=failure.what, remedies=failure.remedies))
        return 1
    return 0


def _listen(listening: Thread) -> bool:
    """Begin to answer once the jobs have begun."""
    if listening.ident is None:
        listening.start()
    return True


def _answer(ghosts: Ghosts, over: Event) -> None:
    """Answer with the counts until the input ends, or nobody reads an answer."""
    try:
        while sys.stdin.buffer.readline():
            _write(Status(elapsed_s=ghosts.elapsed_s, pids=ghosts.pids, counts=ghosts.counts()))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes the rest when it ends
    finally:
        over.set()


def _write(status: Status) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(status) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
