"""What sessions prepare, without a server."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from schemabench import Writer, sqlfile
from schemabench.errors import WorkloadError
from schemabench.experiment.prepared import Prepared


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
