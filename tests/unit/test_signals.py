"""Interrupts: none is lost."""

import gc
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from schemabench import signals


@pytest.fixture
def _heeded() -> Iterator[None]:
    """Heed interrupts, which the background job of a script ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeded")
def test_an_interrupt_that_python_ignores_where_it_falls_comes_again() -> None:
    interrupted = []

    def collecting(_phase: str, _info: dict[str, int]) -> None:
        if not interrupted:
            interrupted.append(True)
            signal.raise_signal(signal.SIGINT)

    with ExitStack() as stack:
        signals.heed(stack.callback)
        gc.callbacks.append(collecting)
        stack.callback(gc.callbacks.remove, collecting)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (it comes some time after)
            gc.collect()
            time.sleep(60)

    assert interrupted
