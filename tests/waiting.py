"""Waiting in a test for what another process or thread does."""

import time
from collections.abc import Callable

PATIENCE_S = 90
_POLL_S = 0.02


def until(happened: Callable[[], object]) -> None:
    """Return once something has happened; fail if it does not."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline_s
        time.sleep(_POLL_S)
