"""Workers that meet again on a real server: one whose connection a network forgot gets its seat back."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from schemabench.server import Database, Server
from schemabench.server.dsn import with_words
from schemabench.workers import link
from schemabench.workers.link import Link
from schemabench.workers.messages import Here

PROCESS = "process 7 on load2"
PATIENCE_S = 20
"""What is waited for takes milliseconds."""


def test_a_worker_that_meets_again_ends_its_own_dead_session_and_no_other(server: Server, database: Database) -> None:
    conninfo = server.conninfo_for(database.name)
    with (
        closing(Link(conninfo, "test", 0)) as leader,
        closing(Link(conninfo, "test", 1)) as dead,
        closing(Link(conninfo, "test", 2)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        meeting = pool.submit(Link, conninfo, "test", 1)
        try:
            again = meeting.result(timeout=PATIENCE_S)
            with pytest.raises(psycopg.OperationalError):
                dead.tell(Here(process=PROCESS))
        finally:
            dead.close()  # so that nobody waits any more
        with closing(again):
            again.tell(Here(process=PROCESS))
            assert leader.present() == {0, 1, 2}
            assert (leader.hear(PATIENCE_S) or {})["seat"] == 1
            assert other.present() == {0, 1, 2}


def test_a_seat_that_somebody_else_has_is_told_in_words(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SEAT_LIMIT_S", 0.2)
    conninfo = server.conninfo_for(database.name)
    with psycopg.connect(server.conninfo, autocommit=True) as owner:
        owner.execute("CREATE ROLE stranger LOGIN SUPERUSER PASSWORD 'stranger'")
        try:
            with psycopg.connect(
                with_words(conninfo, user="stranger", password="stranger"),  # noqa: S106 (of a server of the test's own)
                autocommit=True,
            ) as stranger:
                stranger.execute("SELECT pg_advisory_lock(1)")
                with pytest.raises(psycopg.OperationalError, match=r"its lock, number 1 in this database, for 0.2 s"):
                    Link(conninfo, "test", 1)
                assert stranger.execute("SELECT 1").fetchone() == (1,)
        finally:
            owner.execute("DROP ROLE stranger")
