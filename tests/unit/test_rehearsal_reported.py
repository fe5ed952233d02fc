"""What `schemabench rehearse` does with what it found: it is told, whatever becomes of the files."""

import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_rehearsal_document import FOUND

from schemabench import rehearse_command
from schemabench.errors import ServerError, UsageError
from schemabench.rehearsal import Rehearsal


def test_a_report_that_cannot_be_written_is_shown_and_the_others_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, other = Path("/proc/report.md"), tmp_path / "report.json"

    (failure,) = rehearse_command._report(FOUND, [gone, other], 80)

    assert isinstance(failure, UsageError)
    assert "cannot be written" in str(failure)

    assert "The result is indexed." in capsys.readouterr().out
    assert other.exists()


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), ServerError("the disk is full")], ids=["Ctrl-C", "server"])
def test_what_ended_the_comparison_is_told_though_a_report_cannot_be_written_either(
    ending: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(_: object, __: object, ___: int, keep: Any) -> None:  # noqa: ANN401 (a function)
        keep(FOUND)
        raise ending

    monkeypatch.setattr(rehearse_command, "_found", found)
    monkeypatch.setattr("schemabench.rehearsal.check_path", lambda _: None)
    chosen: Any = SimpleNamespace(output=[Path("/proc/one.md"), Path("/proc/other.md")])
    asked: Any = None

    with pytest.raises(type(ending)):
        rehearse_command._rehearse(chosen, asked, 80)
    said = capsys.readouterr()
    assert "The result is indexed." in said.out
    assert "/proc/one.md" in said.err
    assert "/proc/other.md" in said.err


def test_files_are_written_though_nothing_can_be_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str) -> None:
        raise UsageError("Standard output cannot be written")

    monkeypatch.setattr(rehearse_command.output, "say", full)

    (failure,) = rehearse_command._report(FOUND, [tmp_path / "report.json"], 80)

    assert "Standard output" in str(failure)
    assert (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("found", "status"),
    [
        pytest.param(FOUND, 0, id="the candidate"),
        pytest.param(replace(FOUND, compared=()), 1, id="nothing to compare rows by"),
        pytest.param(replace(FOUND, compared=(), undecided=("paid",)), 1, id="no invariant tells"),
        pytest.param(replace(FOUND, rows="the state 'amounts' differs"), 1, id="other rows"),
        pytest.param(replace(FOUND, counts=("entry has 0 rows instead of 9",)), 0, id="rows that no state reads"),
        pytest.param(
            replace(FOUND, counts=("entry has 0 rows instead of 9",), by_state=False), 1, id="invariants alone"
        ),
    ],
)
def test_only_a_result_whose_rows_were_compared_is_a_success(
    found: Rehearsal, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse_command, "_found", lambda *_: found)
    chosen: Any = SimpleNamespace(output=[])
    asked: Any = None

    assert rehearse_command._rehearse(chosen, asked, 80) == status


@pytest.mark.parametrize("interrupted", [True, False])
@pytest.mark.usefixtures("heeds_interrupts")
def test_a_further_interrupt_tears_no_report(*, interrupted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Rehearsal] = []

    def found(_: object, __: object, ___: int, keep: Any) -> Rehearsal:  # noqa: ANN401 (a function)
        keep(FOUND)
        if interrupted:
            signal.raise_signal(signal.SIGINT)
        return FOUND

    def report(one: Rehearsal, *_: object) -> list[UsageError]:
        signal.raise_signal(signal.SIGINT)
        reported.append(one)
        return []

    monkeypatch.setattr(rehearse_command, "_found", found)
    monkeypatch.setattr(rehearse_command, "_report", report)
    chosen: Any = SimpleNamespace(output=[])
    asked: Any = None
    with pytest.raises(KeyboardInterrupt):  # also of one that comes while the report is written: once it is
        rehearse_command._rehearse(chosen, asked, 80)

    assert reported == [FOUND]
