"""What a process of tests does for its memory: it keeps little of what a module's tests leave.

A pytest plugin; must not know what the tests are about. What was collected lives as long as the process, so that the
garbage collector need not look at it again (`gc.freeze`). At the end of each module, garbage is collected, and the
allocator gives free memory back to the system (`malloc_trim(3)`). It has one arena, as glibc otherwise keeps one for
each thread that ever ran (`mallopt(3)`).
"""

import ctypes
import gc
from collections.abc import Callable, Iterator

import pytest

_M_ARENA_MAX = -8
"""The parameter of `mallopt`, as `malloc.h` has it."""


def pytest_configure() -> None:
    """Have one arena."""
    if limit := _of_glibc("mallopt"):
        limit(_M_ARENA_MAX, 1)


def pytest_collection_finish() -> None:
    """Leave what was collected alone."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Give back what a module's tests leave."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        if trim := _of_glibc("malloc_trim"):
            trim(0)
    return result


def _of_glibc(name: str) -> Callable[[int], int] | None:
    """Return a function of glibc; None with another library of C."""
    return getattr(ctypes.CDLL(None), name, None)
