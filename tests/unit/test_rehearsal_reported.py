"""What `schemabench rehearse` does with what it found: it is told, whatever becomes of the files."""

from pathlib import Path

import pytest
from test_rehearsal_document import FOUND

from schemabench import rehearse_command
from schemabench.errors import UsageError


def test_a_report_that_cannot_be_written_is_shown_and_the_others_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, other = Path("/proc/report.md"), tmp_path / "report.json"

    with pytest.raises(UsageError, match="cannot be written"):
        rehearse_command._report(FOUND, [gone, other], 80)

    assert "The result is indexed." in capsys.readouterr().out
    assert other.exists()
