"""Servers of the tests' own, each in a place of its own. Tests of full disks mount their own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import places
import pytest

from schemabench.server import Needs, Server, binaries, folder, serve

WAL = {"max_wal_size": "256MB"}
"""Servers in memory keep no more of what they wrote."""
FOUND = {one.major: one for one in reversed(binaries.survey().found)}
"""Major version -> its programs on this machine."""
MAJORS = [
    pytest.param(major, marks=pytest.mark.skipif(major not in FOUND, reason=f"no PostgreSQL {major} here"))
    for major in (15, 16, 17, 18)
]
"""Of a fixture or a test that wants a server of each version."""
ENDS = [
    MAJORS[0],
    *(pytest.param(*one.values, marks=[*one.marks, pytest.mark.thorough]) for one in MAJORS[1:-1]),
    MAJORS[-1],
]
"""Likewise, where the oldest and the newest version suffice, unless tests are to be thorough."""
NEWEST = [pytest.param(*MAJORS[0].values, marks=[*MAJORS[0].marks, pytest.mark.thorough]), MAJORS[-1]]
"""Likewise, where the newest version suffices, unless tests are to be thorough, with the oldest."""
SMALL = {"fsync": "off", "shared_buffers": "64MB", **WAL}
"""Three processes of tests serve at once: none syncs anything, and none fills a quarter of memory with tables."""


@contextmanager
def serving(spec: str, *, settings: Mapping[str, str], clients: int, run_id: str) -> Iterator[Server]:
    """Start a server that syncs nothing, in a place of its own, and stop it at the end of the block.

    Other servers that are started meanwhile are where they would be without.
    """
    with places.place() as path, ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(folder.VARIABLE, str(path))
            server = stack.enter_context(
                serve(spec, Needs(clients=clients), settings={**SMALL, **settings}, run_id=run_id)
            )
        yield server


@contextmanager
def durable(spec: str, *, settings: Mapping[str, str], clients: int, databases: int, run_id: str) -> Iterator[Server]:
    """Start a server as a run's own is, where those of runs are, and stop it at the end of the block.

    There a commit waits for the disk: a data folder in memory is refused, since it would show nothing.
    """
    with serve(spec, Needs(clients=clients, databases=databases), settings=settings, run_id=run_id) as server:
        assert "data-in-memory" not in {notice.code for notice in server.notices}, (
            f"the server's data are in memory, where commits cost nothing: {folder.REMEDY}"
        )
        yield server
