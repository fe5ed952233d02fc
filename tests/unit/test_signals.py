"""Interrupts: none is lost."""

import gc
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from schemabench import signals


@pytest.mark.usefixtures("heeds_interrupts")
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


@pytest.mark.usefixtures("heeds_interrupts")
def test_signals_that_are_noted_do_not_interrupt_however_many_come() -> None:
    with signals.noted() as came:
        assert not came()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert came()

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_noted_signal_begins_the_end_which_later_ones_do_not_tear() -> None:
    with signals.heeded():
        with signals.noted() as came:
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert came()

    with signals.heeded():
        with signals.noted() as came:
            pass
        assert not came()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_noted_signal_is_not_forgotten_where_the_block_raises() -> None:
    outer = pytest.raises(KeyboardInterrupt, match="SIGTERM")
    with outer as caught, signals.heeded(), signals.noted():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        raise ValueError("a fault")

    assert repr(caught.value.__context__) == "ValueError('a fault')"
    with pytest.raises(ValueError, match="a fault"), signals.noted():
        raise ValueError("a fault")


def test_signal_that_is_ignored_stays_ignored_where_others_are_noted() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.noted() as came:
            signal.raise_signal(signal.SIGHUP)
            assert not came()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeds_interrupts")
def test_an_interrupt_within_another_call_begins_the_end_of_both() -> None:
    with ExitStack() as outer:
        signals.heed(outer.callback)
        with ExitStack() as inner:
            signals.heed(inner.callback)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # ignored
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)  # the end is under way


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_call_within_an_end_that_has_begun_ignores_signals() -> None:
    with ExitStack() as outer:
        signals.heed(outer.callback).conclude()
        with ExitStack() as inner:
            signals.heed(inner.callback)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_signal_while_a_run_is_closed_tears_nothing_and_is_raised_once_that_is_done() -> None:
    done: list[str] = []

    def close(conclude: Callable[[], None], what: str) -> None:
        conclude()
        signal.raise_signal(signal.SIGINT)
        done.append(what)

    with pytest.raises(KeyboardInterrupt) as caught, signals.heeded() as conclude:  # noqa: PT012 (all of it)
        with signals.heeded() as inner:
            close(inner, "the server is stopped")
        close(conclude, "reports are written")

    assert done == ["the server is stopped", "reports are written"]
    assert caught.value.__notes__ == [signals.LATE]


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_signal_after_an_error_leaves_the_error() -> None:
    with pytest.raises(ValueError, match="a fault"), signals.heeded() as conclude:  # noqa: PT012 (all of it)
        try:
            raise ValueError("a fault")
        finally:
            conclude()
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("heeds_interrupts")
def test_signals_are_heeded_after_a_call_within() -> None:
    with ExitStack() as outer:
        signals.heed(outer.callback)
        with ExitStack() as inner:
            signals.heed(inner.callback)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("fails", [False, True], ids=["ends", "fails"])
def test_a_deferred_interrupt_comes_once_the_block_is_over_which_it_hastens(fails: bool) -> None:  # noqa: FBT001 (of a list)
    done: list[str] = []

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), signals.heeded():  # noqa: PT012 (all of it)
        with signals.deferred(lambda: done.append("hastened")):
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            done.append("over")
            if fails:
                raise ValueError("what is hastened may fail")
        done.append("beyond")

    assert done == ["hastened", "hastened", "over"]


def test_a_block_without_an_interrupt_is_as_it_would_be() -> None:
    with pytest.raises(ValueError, match="its own"), signals.deferred(lambda: pytest.fail("nothing came")):
        raise ValueError("its own")
