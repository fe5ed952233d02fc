"""Run a program that ends with who started it, after so many seconds at the latest, and that heeds signals.

    python -I -S bounded.py PARENT LIMIT_S PROGRAM [ARGUMENT...]

Owns what the kernel does for a program: it is killed when its parent ends, however that ends, and its alarm goes off
at the limit. Both outlive the change into the program, which is then the very process that was started. Imports as
little as it can, since every program of the tests passes through here.
"""

import ctypes
import os
import signal
import sys

_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG: `prctl(2)`."""
_DEFAULT = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGPIPE", "SIGXFSZ")
"""What a script's background job, nohup or Python itself ignores is ignored by every program that they start."""


def end_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends; programs are started by main threads.

    Args:
        parent: The process that started it. Where it has ended meanwhile, so does this one.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def main(parent: str, limit_s: str, *command: str) -> None:
    """Become the program, bounded."""
    end_with(int(parent))
    for name in _DEFAULT:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.alarm(int(limit_s))
    os.execvp(command[0], command)  # noqa: S606 (the command of a test)


if __name__ == "__main__":
    main(*sys.argv[1:])
