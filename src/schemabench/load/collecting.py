"""When Python looks for garbage: not while a burst is made, loaded or executed, nor within a block.

Owns nothing but that. Bursts have no reference cycles, and thousands of objects each: collections would go through them
again and again, at times that differ between trials.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Have no garbage collected meanwhile; as a decorator, while the function is executed."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
