"""What sessions prepare, without a server."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemabench import Writer, sqlfile
from schemabench.errors import WorkloadError
from schemabench.experiment.burst import Encoded
from schemabench.experiment.prepared import Prepared, Wanted


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
