"""Statements that many sessions prepare at once, and what is left if the server refuses some."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count, repeat
from pathlib import Path
from random import Random
from time import monotonic

import laboratory
import psycopg
import pytest
from psycopg.pq import ExecStatus, TransactionStatus

from schemabench import Call, Workload, Writer
from schemabench.errors import CandidateError
from schemabench.experiment import Plan, filling
from schemabench.experiment.burst import Burst, make
from schemabench.experiment.feed import Feed
from schemabench.experiment.sessions import Sessions
from schemabench.load import Session
from schemabench.load.session import prepare
from schemabench.server import Server, several

CLIENTS = 6
LIMIT_S = 0.5
OPERATIONS = """\
-- name: look
SELECT count(*) FROM item;
-- name: pair
SELECT count(*) FROM item;
INSERT INTO late VALUES (:key);
-- name: items
SELECT key FROM item;
"""


def burst(_sizes: object, _writer: str, _block: int, _: Random) -> Iterator[Call]:
    """Yield pairs and looks in turn."""
    for number in count():
        yield Call("pair", {"key": number})
        yield Call("look", {}, rows=0)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "__init__.py").touch()
    workload = Workload(
        name="late",
        summary="a table that comes late",
        cardinalities={"typical": None},
        writers=lambda _: (Writer(name="stream", kind="stream", weight=4 * CLIENTS),),
        burst=burst,
        state=("items",),
    )
    return Plan(
        found=laboratory.found(tmp_path, workload, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(
            tmp_path / "schemas", {"baseline": "CREATE TABLE item (key integer); CREATE TABLE late (key integer);\n"}
        ),
        clients=CLIENTS,
        budget_s=1.0,
        precision=1e-6,
        seed=1,
        sample_hz=0.0,
    )


@pytest.fixture
def sessions(plan: Plan, server: Server) -> Iterator[Sessions]:
    template = filling.build(plan.candidates[0], plan.found.operations, server, (), "", parts=plan.parts)
    try:
        with closing(Sessions(template, template.databases, plan.connections)) as opened:
            yield opened
    finally:
        several.drop(server, template.databases)


@pytest.fixture
def admin(sessions: Sessions, server: Server) -> Iterator[psycopg.Connection]:
    (database,) = sessions._databases
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        yield connection


@pytest.fixture
def some(plan: Plan) -> Burst:
    return make(Feed(plan.found, plan.values, 1, {}), plan.writers, 0, 1)


def test_each_session_tells_whether_its_statement_was_accepted(conninfo: str) -> None:
    opened = Session.open_all([(conninfo, "")] * 3, memory={})
    try:
        results = prepare(zip(opened, repeat(b"it"), (b"SELECT 1", b"SELECT nothing", b"SELECT 2"), strict=False))
        statuses = [result.status for result in results if result]
        assert statuses == [ExecStatus.COMMAND_OK, ExecStatus.FATAL_ERROR, ExecStatus.COMMAND_OK]
        assert [session.prepare(b"again", "SELECT 3").status for session in opened] == [ExecStatus.COMMAND_OK] * 3
    finally:
        for session in opened:
            session.close()


def test_what_was_refused_at_first_is_prepared_once_it_can_be(
    sessions: Sessions, admin: psycopg.Connection, some: Burst
) -> None:
    admin.execute("ALTER TABLE late RENAME TO later")
    with pytest.raises(CandidateError, match='relation "late" does not exist'):
        sessions.load(some)
    looking = [
        session
        for (session, _), queue in zip(sessions, some.queues, strict=True)
        if "look" in {call.operation for call in queue}
    ]
    assert looking
    assert all(sessions._prepared.knows(session, "look") for session in looking), "all others are prepared"
    admin.execute("ALTER TABLE later RENAME TO late")

    assert sessions.execute(some, Random(1)).duration_ns  # noqa: S311 (reproducible)
    assert admin.execute("SELECT count(*) FROM late").fetchone() == (len(some.operations) // 2,)


def test_all_sessions_together_wait_for_a_locked_table_as_long_as_one(
    sessions: Sessions, admin: psycopg.Connection, some: Burst, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemabench.load.session.PREPARED_WITHIN_S", LIMIT_S)
    with admin.transaction():
        admin.execute("LOCK late")
        begun_s = monotonic()
        with pytest.raises(CandidateError, match="'pair' could not be prepared"):
            sessions.load(some)
        assert monotonic() - begun_s < CLIENTS * LIMIT_S
    pairing, looking = (
        [session for (session, _), queue in zip(sessions, some.queues, strict=True) if queue[0].operation == name]
        for name in ("pair", "look")
    )
    assert len(pairing) == len(looking) == CLIENTS // 2, "each has calls of one operation"
    assert all(sessions._prepared.knows(session, "look") for session in looking), "all were asked"
    assert {session.connection.transaction_status for session in pairing} == {TransactionStatus.IDLE}

    assert sessions.execute(some, Random(1)).duration_ns  # noqa: S311 (reproducible)
