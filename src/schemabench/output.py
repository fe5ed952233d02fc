"""Standard output and standard error of the command line.

Owns what becomes of a text that cannot be written, in all commands. Must not know what is said.
"""

import os
import sys
from pathlib import Path
from typing import TextIO

from schemabench.errors import UsageError


def say(text: str, end: str = "\n") -> None:
    """Write a text to standard output at once; to none, if that is closed.

    Raises:
        BrokenPipeError: Its reader is gone.
        UsageError: It cannot be written.
    """
    try:
        print(text, end=end, flush=True)  # noqa: T201 (the command line prints)
    except BrokenPipeError:
        _discard(sys.stdout)
        raise
    except OSError as cause:
        _discard(sys.stdout)
        raise UsageError(
            f"Standard output cannot be written: {cause.strerror}",
            remedies=["free space where it goes", "redirect it elsewhere"],
        ) from cause


def complain(text: str, end: str = "\n") -> None:
    """Write a text to standard error; nowhere, if that cannot be written either."""
    try:
        print(text, end=end, file=sys.stderr, flush=True)  # noqa: T201 (as above)
    except OSError:
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Have what a stream still holds, and all that follows, written nowhere: Python would try again when it ends."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
