"""A session waits for its socket, however many others the process has open."""

import fcntl
import os
import resource
from socket import socketpair

import pytest

from schemabench.load import session

BEYOND_SELECT = 1_100
"""A descriptor that select cannot take."""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= BEYOND_SELECT, reason="so many are not allowed")
def test_a_socket_beyond_the_reach_of_select_is_waited_for() -> None:
    near, far = socketpair()
    with near, far:
        descriptor = fcntl.fcntl(near, fcntl.F_DUPFD, BEYOND_SELECT)
        try:
            assert not session._wait(descriptor, 0, 0.01)
            assert session._wait(descriptor, 1, 0.01)
            far.send(b".")
            assert session._wait(descriptor, 0, 5.0)
        finally:
            os.close(descriptor)
