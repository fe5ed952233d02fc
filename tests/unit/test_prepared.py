"""What sessions prepare, without a server."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from fake_connection import Answer, FakeConnection, FakeResult
from psycopg.pq import ExecStatus

from schemabench import Writer, sqlfile
from schemabench.errors import WorkloadError
from schemabench.experiment.burst import Encoded
from schemabench.experiment.prepared import Prepared, Wanted
from schemabench.load import AnyStep, Linked, Session
from schemabench.load.conversation import conduct
from schemabench.load.talk import Done
from schemabench.units import NANOSECONDS


def test_writers_without_a_part_have_identifiers_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "operations.sql"
    path.write_text('-- name: put\nINSERT INTO :"place" VALUES (:key);\n')
    operations = sqlfile.read(path, WorkloadError).operations
    template: Any = SimpleNamespace(operations=operations, fault=lambda _: WorkloadError)
    prepared = Prepared(template)
    one, other = (
        Writer(name=name, kind="stream", weight=1, identifiers={"place": name}) for name in ("north", "south")
    )
    texts = [prepared._statements(writer, "put")[0].sql.decode() for writer in (one, other, one)]

    assert ['"north"' in text for text in texts] == [True, False, True]
    assert '"south"' in texts[1]


TEXTS = {
    "plain": "SELECT :a, :b, :a",
    "others": "SELECT 1",
    "sent as text": "-- prepare: never\nSELECT :a",
    "several statements": "SELECT :a;\nSELECT :b",
    "gathered": "-- batch: 3\nINSERT INTO t SELECT * FROM unnest(:a::integer[], :b::integer[])",
    "a pause": "-- pause: 5 ms\nSELECT :b",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("sums", [{}, {"work": "total"}], ids=["nothing noted", "a sum noted"])
def test_calls_one_by_one_are_the_requests_that_they_are_by_themselves(
    name: str, sums: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "operations.sql"
    path.write_text(f"-- name: work\n{TEXTS[name]};\n\n-- name: plain\nSELECT :b;\n")
    operations = sqlfile.read(path, WorkloadError).operations
    template: Any = SimpleNamespace(operations=operations, fault=lambda _: WorkloadError)
    prepared, session = Prepared(template), Any
    writer = Writer(name="worker", kind="stream", weight=1)
    for operation in operations:
        prepared._forms[session, operation] = prepared._statements(writer, operation)  # type: ignore[index]
    queue = [
        Encoded(number, "plain" if number % 3 == 2 else "work", {"a": b"%d" % number, "b": None, "c": b"3"}, "worker")
        for number in range(7)
    ]
    wanted = Wanted(session, writer, operations={"work", "plain"})  # type: ignore[arg-type]

    assert prepared.one_by_one(wanted, queue, sums) == [
        prepared.request(session, (call,), sums.get(call.operation, ""))  # type: ignore[arg-type]
        for call in queue
    ]


def test_a_call_without_a_value_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "operations.sql"
    path.write_text("-- name: work\nSELECT :amount;\n")
    operations = sqlfile.read(path, WorkloadError).operations
    template: Any = SimpleNamespace(operations=operations, fault=lambda _: WorkloadError)
    prepared, session = Prepared(template), Any
    writer = Writer(name="worker", kind="stream", weight=1)
    prepared._forms[session, "work"] = prepared._statements(writer, "work")  # type: ignore[index]
    wanted = Wanted(session, writer, operations={"work"})  # type: ignore[arg-type]

    with pytest.raises(WorkloadError, match="A call of 'work' has no value for :amount"):
        prepared.one_by_one(wanted, [Encoded(0, "work", {"amuont": b"1"}, "worker")], {})


LINKED = """\
-- name: find
-- pause: :wait s
-- as: found
-- if none: stop
SELECT id FROM job WHERE kind = :kind;
-- pause: 1 s
UPDATE job SET done = true WHERE id = :found.id;
-- pause: 2 s

-- name: note
-- pause: :think s
INSERT INTO note VALUES (:kind);

-- name: copy
-- batch: 10
COPY note (kind) FROM STDIN;

-- name: look
SELECT 1;
"""


def _linked(tmp_path: Path, operations: Sequence[str], session: Any, **values: bytes) -> list[AnyStep]:  # noqa: ANN401 (none is needed)
    """Return the steps of calls of operations that are one transaction, each of which gives its name."""
    path = tmp_path / "operations.sql"
    path.write_text(LINKED)
    known = sqlfile.read(path, WorkloadError).operations
    template: Any = SimpleNamespace(operations=known, fault=lambda _: WorkloadError)
    prepared, writer = Prepared(template), Writer(name="worker", kind="stream", weight=1)
    for operation in known:
        prepared._forms[session, operation] = prepared._statements(writer, operation)
        prepared._bounds[session, operation] = prepared._bounding(writer, operation)
    given = {"kind": b"a", "think": b"3", "wait": b"1", **values}
    calls = [
        Encoded(number, name, given, "worker", "a", "t", gives={} if name == "copy" else {"": f"{name} {number}"})
        for number, name in enumerate(operations)
    ]
    return list(prepared.request(session, calls)[2])


def _pauses(steps: Sequence[AnyStep]) -> list[tuple[str, float]]:
    return [(step[0].decode(), step.pause_ns / NANOSECONDS if isinstance(step, Linked) else 0.0) for step in steps]


def test_calls_of_a_transaction_pause_before_their_first_statements_and_after_their_last(tmp_path: Path) -> None:
    assert _pauses(_linked(tmp_path, ["find", "look", "note", "copy"], object(), wait=b"7")) == [
        ("find_begin", 7.0),
        ("find_0", 0.0),
        ("find_1", 1.0),
        ("look_0", 2.0),
        ("note_0", 3.0),
        ("copy_0", 0.0),
        ("find_commit", 0.0),
    ]
    assert _pauses(_linked(tmp_path, ["note", "find"], object(), think=b"9"))[0] == ("note_begin", 9.0)
    assert _pauses(_linked(tmp_path, ["look", "find", "copy"], object()))[-2:] == [("copy_0", 2.0), ("look_commit", 0)]
    assert _pauses(_linked(tmp_path, ["find"], object())) == [
        ("find_begin", 1.0),
        ("find_0", 0.0),
        ("find_1", 1.0),
        ("find_commit", 2.0),
    ]


@pytest.mark.parametrize(
    ("operations", "values", "told"),
    [
        (["look", "find"], {"wait": b"7"}, "'find' pauses for 7 s in its transaction"),
        (["look", "note"], {"think": b"4.5"}, r"'note' pauses for 4\.5 s in its transaction"),
        (["find", "note"], {"think": b"2.5"}, r"'note' pauses for 4\.5 s in its transaction"),
    ],
)
def test_a_pause_behind_the_first_of_a_transaction_is_as_short_as_any_in_a_transaction(
    tmp_path: Path, operations: list[str], values: dict[str, bytes], told: str
) -> None:
    with pytest.raises(WorkloadError, match=told):
        _linked(tmp_path, operations, object(), **values)


@pytest.mark.parametrize(
    ("operations", "sent"),
    [
        (["find", "look"], ["find_begin", "find_0", "look_0", "find_commit"]),
        (["look", "find"], ["look_begin", "look_0", "find_0", "look_commit"]),
        (["find"], ["find_begin", "find_0", "find_commit"]),
    ],
)
def test_an_operation_that_stops_leaves_out_its_own_statements_alone_and_all_that_is_done_is_remembered(
    tmp_path: Path, operations: list[str], sent: list[str]
) -> None:
    nothing = Answer(FakeResult(ExecStatus.TUPLES_OK))
    connection: Any = FakeConnection(*[nothing] * len(sent))
    session, latencies_ns = Session(connection), [0]
    steps = _linked(tmp_path, operations, session)
    for _ in conduct(session, [(0, operations[0], steps)], latencies_ns, Random(1)):  # noqa: S311 (nothing is retried)
        pass

    assert [name.decode() for name, _ in connection.sent] == sent
    assert session.memory == {f"{name} {number}": Done.DONE for number, name in enumerate(operations)}
    connection.finish()
