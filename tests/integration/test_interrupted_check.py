"""Ctrl-C while the model check asks for rows: no connection is left in a pipeline, no slow query is waited for."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import laboratory
import psycopg
import pytest
from psycopg.pq import PipelineStatus

from schemabench import Call, Workload, Writer
from schemabench.equivalence.scratch import Scratch
from schemabench.server import Server

pytestmark = pytest.mark.usefixtures("heeds_interrupts")

OPERATIONS = """\
-- name: put
INSERT INTO item (key) VALUES (:key::bigint);
-- name: items
SELECT key FROM item ORDER BY key;
-- name: sleepers
SELECT pg_sleep(15);
"""
SHOP = Workload(
    name="shop",
    summary="a made-up shop",
    cardinalities={"typical": None},
    writers=lambda _: (Writer(name="stream", kind="stream", weight=1),),
    burst=lambda *_: iter([Call("put", {"key": 1})]),
    state=("items", "sleepers"),
)


@pytest.fixture
def database() -> None:
    """Nothing: the check makes databases of its own."""


@pytest.fixture
def scratch(tmp_path: Path, server: Server) -> Iterator[Scratch]:
    """Return a candidate in a scratch database."""
    found = laboratory.found(tmp_path, SHOP, OPERATIONS)
    table = {"baseline": "CREATE TABLE item (key bigint);\n"}
    (candidate,) = laboratory.installable(tmp_path / "schemas", table)
    made = Scratch(candidate, found.operations, found.parts(None), server)
    made.install()
    yield made
    made.close()


def test_no_connection_is_left_in_a_pipeline(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = psycopg.Pipeline.__exit__

    def interrupted(self: psycopg.Pipeline, *error: object) -> None:
        signal.raise_signal(signal.SIGINT)
        leave(self, *error)  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg.Pipeline, "__exit__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scratch.query(["items"])

    modes = {one.pgconn.pipeline_status for one in scratch._connections.values()}
    assert modes == {PipelineStatus.OFF}


def test_a_slow_query_is_not_waited_for(scratch: Scratch) -> None:
    began_s = time.monotonic()
    Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        scratch.query(["items", "sleepers"])

    assert time.monotonic() - began_s < 10
    scratch.clear()
    assert scratch.query(["items"]) == [[]], "the connection can be used"
