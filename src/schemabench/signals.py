"""Signals that end a run like Ctrl-C: finished results are reported, and nothing is left behind.

Owns the list of signals. Must not end anything itself.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

_GIVEN_UP = (signal.SIGTERM, signal.SIGHUP)
LATE = "All was done when the interrupt came: nothing is missing"
"""What is told of one that came while a run was closed."""
_AGAIN_S = 0.01
"""The delay before a lost interrupt is repeated."""


def heed(add_cleanup: Callable[[Callable[[], None]], object]) -> "Ending":
    """Make the first of these signals and of Ctrl-C raise KeyboardInterrupt, until the registered cleanup is called.

    Further ones raise nothing, since the end is under way: they would tear it. Works only in a process's main thread;
    ignored signals stay ignored. An interrupt in code whose exceptions Python ignores, such as Hypothesis's callback of
    the garbage collector, is repeated.

    Within another call, up to its cleanup, there is one end for both: a signal after the first raises nothing,
    whichever of them the first one came in.
    """
    if threading.current_thread() is not threading.main_thread():
        return Ending()
    if (ending := _heeding()) is not None:
        return ending
    ending = Ending()
    for number in (signal.SIGINT, *_GIVEN_UP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            add_cleanup(partial(_restore, number, signal.signal(number, ending.begin)))
    add_cleanup(partial(setattr, sys, "unraisablehook", sys.unraisablehook))
    sys.unraisablehook = partial(ending.begin_again, sys.unraisablehook)
    return ending


@contextmanager
def heeded() -> Iterator[Callable[[], None]]:
    """Heed signals in the block, as by `heed`; yield what to call when the end is under way without a signal.

    What a signal must not tear, such as closing a server and writing reports, belongs into the block, too: after a call
    of what is yielded.

    Raises:
        KeyboardInterrupt: One came after that call, and the block, which is not within another one, raised nothing.
    """
    is_within = _heeding() is not None
    with ExitStack() as stack:
        ending = heed(stack.callback)
        yield ending.conclude
    if ending.is_late and not is_within:
        late = KeyboardInterrupt()
        late.add_note(LATE)
        raise late


@contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """Note these signals and Ctrl-C in the block instead of raising; yield a function that tells whether one came.

    For work that a second signal must not tear: `timeout` and terminals send several at once. If one came, the end that
    `heed` would have begun is under way: further ones are ignored after the block, too. If the block raises, nobody
    asks any more: one that came is raised then. In other threads than the main one nothing changes; ignored signals
    stay ignored.
    """
    ending = _heeding()
    came: list[int] = []
    try:
        with _received(came.append):
            yield lambda: bool(came)
    except BaseException:
        _come(came)
        raise
    if came and ending is not None:
        ending.has_begun = True


@contextmanager
def deferred(*hasten: Callable[[], object]) -> Iterator[None]:
    """Have the first of these signals and of Ctrl-C come once the block is over, whatever that raises.

    For what an interrupt would leave half done, such as psycopg's pipelines: some connections would stay in pipeline
    mode, and Python would print that it ignores an exception in what is left of a pipeline.

    Args:
        hasten: All are called when a signal comes, to bring the block to its end.
    """
    came: list[int] = []

    def receive(number: int) -> None:
        came.append(number)
        for one in hasten:
            one()

    try:
        with _received(receive):
            yield
    finally:
        _come(came)


def _come(came: Sequence[int]) -> None:
    """Raise the first of the signals that came, if any did."""
    for number in came[:1]:
        signal.raise_signal(number)


@contextmanager
def _received(receive: Callable[[int], object]) -> Iterator[None]:
    """Pass signals on in the block; in the main thread alone, and none of those that are ignored."""
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *_GIVEN_UP):
                if signal.getsignal(number) != signal.SIG_IGN:
                    previous = signal.signal(number, lambda number, _: receive(number))
                    stack.callback(_restore, number, previous)
        yield


@dataclass
class Ending:
    """The end of a run, which one signal begins, or its work's own."""

    has_begun: bool = False
    is_concluding: bool = False
    is_late: bool = False
    """Whether a signal came while it was concluded: the run is over, and yet whoever waits for it is not to go on."""

    def conclude(self) -> None:
        """Raise nothing from now on."""
        self.has_begun = self.is_concluding = True

    def begin(self, number: int, _frame: FrameType | None) -> None:
        """Raise the interrupt, unless the end has begun."""
        self.is_late |= self.is_concluding
        if not self.has_begun:
            self.has_begun = True
            raise KeyboardInterrupt(*(() if number == signal.SIGINT else (signal.Signals(number).name,)))

    def begin_again(
        self, otherwise: Callable[["sys.UnraisableHookArgs"], object], ignored: "sys.UnraisableHookArgs"
    ) -> None:
        """Repeat an ignored interrupt from a thread; raised in here, it would be ignored, too."""
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            otherwise(ignored)
            return
        self.has_begun = False
        again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()


def _heeding() -> Ending | None:
    """Return the end that signals begin already, if there is one."""
    handlers = (signal.getsignal(number) for number in (signal.SIGINT, *_GIVEN_UP))
    endings = (getattr(handler, "__self__", None) for handler in handlers)
    return next((one for one in endings if isinstance(one, Ending)), None)


def _restore(number: int, previous: Any) -> None:  # noqa: ANN401 (whatever Python calls a handler)
    signal.signal(number, previous)
