"""`schemabench`, and `python -m schemabench`: the command line, from its first import to its end.

Owns Ctrl-C while modules are loaded, and after the command: it ends the process at once. Then nothing is left to clean
up, and an interrupt raised within an import may be lost, or come out as another error. Must import nothing of
schemabench before.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

_INTERRUPTED = 130
"""As shells have it for a process that Ctrl-C ended."""


def main() -> int:
    """Run a command; return its exit status, as `cli.main` does."""
    is_heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not in the background of a script
    if is_heeded:
        signal.signal(signal.SIGINT, _end)
    from schemabench import cli  # noqa: PLC0415 (once Ctrl-C is heeded)

    try:
        if is_heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return cli.main()
    except KeyboardInterrupt:  # between this function and that
        _end()
    finally:
        if is_heeded:
            signal.signal(signal.SIGINT, _end)


def _end(*_: object) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"Interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
