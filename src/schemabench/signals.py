"""Signals that end a run as Ctrl-C does: what is finished is reported, and nothing is left behind.

Owns which these are. Must not end anything itself.
"""

import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, NoReturn

_GIVEN_UP = (signal.SIGTERM, signal.SIGHUP)


def heed(add_cleanup: Callable[[Callable[[], None]], object]) -> None:
    """Have these signals raise KeyboardInterrupt, until whoever keeps the cleanups calls them.

    Only a process's main thread can; signals that are ignored stay so.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _GIVEN_UP:
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            add_cleanup(partial(_restore, number, signal.signal(number, _interrupt)))


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _restore(number: int, previous: Any) -> None:  # noqa: ANN401 (whatever Python calls a handler)
    signal.signal(number, previous)
