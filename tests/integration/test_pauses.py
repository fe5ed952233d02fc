"""Pauses of the client within an operation: where they are, and how long."""

from collections.abc import Mapping
from pathlib import Path
from random import Random

import psycopg
import pytest

from schemabench import sqlfile
from schemabench.errors import WorkloadError
from schemabench.experiment.burst import Encoded
from schemabench.experiment.forms import forms
from schemabench.load import Drive, Limits, Session, drive

PAUSE_NS = 20_000_000
COUNTER = "CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL); INSERT INTO counter VALUES (1, 0)"
UPDATE = "UPDATE counter SET n = n + 1 WHERE id = 1;\n"


@pytest.fixture
def counter(conninfo: str) -> str:
    """Return libpq's words for a database with one row."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(COUNTER)
    return conninfo


def driven(conninfo: str, folder: Path, block: str, *calls: Mapping[str, bytes | None]) -> Drive:
    """Execute calls of an operation at once, each over a session of its own."""
    (folder / "operations.sql").write_text(f"-- name: op\n{block}")
    operation = sqlfile.read(folder / "operations.sql", WorkloadError).operations["op"]
    known = tuple(forms(operation, {}, WorkloadError))
    sessions = [Session.open(conninfo) for _ in calls]
    try:
        queues = []
        for number, (session, values) in enumerate(zip(sessions, calls, strict=True)):
            for form in known:
                session.prepare(form.name, form.sql.decode())
            call = Encoded(number, "op", values, "writer")
            queues.append((session, [(number, "op", [form.step([call]) for form in known])]))
        random = Random(1)  # noqa: S311 (reproducible on purpose)
        return drive(queues, calls=len(calls), limits=Limits(call_s=30), random=random)
    finally:
        for session in sessions:
            session.close()


@pytest.mark.parametrize(
    "block",
    [
        f"-- pause: 20 ms\n{UPDATE}",
        f"-- pause: 20 ms\n{UPDATE}{UPDATE}",
        f"{UPDATE}-- pause: 20 ms\n{UPDATE}",
        f"{UPDATE}{UPDATE}-- pause: 20 ms\n",
        f"-- transaction: 1\n{UPDATE}-- pause: 20 ms\n",
    ],
)
def test_a_call_pauses_where_its_operation_says_so(counter: str, tmp_path: Path, block: str) -> None:
    done = driven(counter, tmp_path, block, {})

    assert done.latencies_ns[0] > PAUSE_NS
    with psycopg.connect(counter) as connection:
        assert connection.execute("SELECT n FROM counter").fetchone() == (block.count("UPDATE"),)


def test_a_pause_may_be_of_each_calls_own_length(counter: str, tmp_path: Path) -> None:
    done = driven(counter, tmp_path, f"-- pause: :think ms\n{UPDATE}", {"think": b"20"}, {"think": b"0"})

    assert done.latencies_ns[0] > PAUSE_NS


@pytest.mark.parametrize("value", [b"soon", b"", None, b"nan"])
def test_a_pause_that_is_no_time_is_refused(counter: str, tmp_path: Path, value: bytes | None) -> None:
    with pytest.raises(WorkloadError, match=r"pauses for .* by `-- pause: :think ms`"):
        driven(counter, tmp_path, f"-- pause: :think ms\n{UPDATE}", {"think": value})


def test_a_pause_for_which_the_server_would_end_the_session_is_refused(counter: str, tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match=r"pauses for 4\.5 s in its transaction"):
        driven(counter, tmp_path, f"{UPDATE}-- pause: 4500 ms\n{UPDATE}", {})


def test_a_row_is_held_while_its_transaction_pauses(counter: str, tmp_path: Path) -> None:
    done = driven(counter, tmp_path, f"-- transaction: 1\n{UPDATE}-- pause: 20 ms\n", {}, {})

    assert done.duration_ns > 2 * PAUSE_NS, "the pauses do not overlap"


def test_one_statement_may_be_a_transaction_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "operations.sql").write_text(f"-- name: op\n-- transaction: 1\n{UPDATE}")
    operation = sqlfile.read(tmp_path / "operations.sql", WorkloadError).operations["op"]

    assert [form.name for form in forms(operation, {}, WorkloadError)] == [b"op_begin", b"op_0", b"op_commit"]
