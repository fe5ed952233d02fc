"""Reports that are written again and again: one that vanished or cannot be written is told."""

from pathlib import Path

import fixed_run

from schemabench.writing import Reports


def test_a_report_that_vanished_is_written_anew_and_told(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "run.json"
    reports = Reports([path, tmp_path / "run.md"])
    assert list(reports.write(fixed_run.RUN, dict)) == []
    assert list(reports.write(fixed_run.RUN, dict)) == []
    whole = path.read_bytes()
    path.unlink()
    path.parent.rmdir()

    (told,) = reports.write(fixed_run.RUN, dict)

    assert told.startswith(f"WARNING: {path} had vanished")
    assert path.read_bytes() == whole
    assert list(reports.write(fixed_run.RUN, dict)) == []


def test_a_report_that_cannot_be_written_is_told_and_the_others_are_written(tmp_path: Path) -> None:
    path, other = tmp_path / "reports" / "run.json", tmp_path / "run.md"
    path.parent.touch()
    reports = Reports([path, other])

    (told,) = reports.write(fixed_run.RUN, dict)

    assert told.startswith("ERROR: ")
    assert str(path) in told
    assert reports.unwritten == {path}
    assert other.exists()
