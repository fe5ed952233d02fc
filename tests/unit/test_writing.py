"""Reports that are written again and again: one that vanished or cannot be written is told."""

import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fixed_run
import pytest
from test_report_growth import GROWN

from schemabench import cli, crossover, growth, rehearse_command
from schemabench.errors import ServerError
from schemabench.records import Run
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


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return what the commands are to do: their steps, and where reports go, of which the first cannot be written."""
    (tmp_path / "reports").touch()
    paths = (tmp_path / "reports" / "run.json", tmp_path / "run.md", tmp_path / "run.json")
    asked = SimpleNamespace(reports=paths, origins=())
    stage = SimpleNamespace(paths=paths, steps=lambda keep: keep(), closing=[], is_fruitless=False)

    def bench(run: Run) -> SimpleNamespace:
        nothing = replace(run, experiments=(), maps=(), growths=())
        return SimpleNamespace(
            record=lambda: nothing if stage.is_fruitless else run, close=lambda: [one() for one in stage.closing]
        )

    def take_steps(*given: Any, **_: object) -> None:  # noqa: ANN401 (as each command calls it)
        (keep,) = [one for one in given if callable(one)]
        stage.steps(keep)

    monkeypatch.setattr(cli, "_asked", lambda _: asked)
    monkeypatch.setattr(cli, "Bench", lambda *_: bench(fixed_run.RUN))
    monkeypatch.setattr(crossover, "add_map", take_steps)
    monkeypatch.setattr(crossover, "add_search", lambda *_, **__: stage.steps(lambda: None))
    monkeypatch.setattr(growth, "prepared", lambda *_: (bench(GROWN), None))
    monkeypatch.setattr(growth, "add_growth", take_steps)
    return stage


COMMANDS = [["crossover", "usage", "--map", "3x3"], ["growth", "usage", "--over", "rows"]]


@pytest.mark.parametrize("command", COMMANDS, ids=["map", "growth"])
def test_a_command_that_cannot_write_a_report_goes_on_and_says_so_by_its_status(
    commands: SimpleNamespace, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(command) == 2

    said = capsys.readouterr()
    assert said.err.count(f"ERROR: The report {commands.paths[0]} cannot be written") == 2, (
        "after a step, and at the end"
    )
    assert all(path.exists() for path in commands.paths[1:])
    assert "usage" in said.out


@pytest.mark.parametrize("command", COMMANDS, ids=["map", "growth"])
def test_a_report_that_cannot_be_written_hides_no_error_that_ended_the_command(
    commands: SimpleNamespace, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise ServerError("the server is gone")

    commands.steps = fail

    assert cli.main(command) == 2

    said = capsys.readouterr().err
    assert "ERROR: the server is gone" in said
    assert f"ERROR: The report {commands.paths[0]} cannot be written" in said
    assert all(path.exists() for path in commands.paths[1:])


@pytest.mark.parametrize("command", COMMANDS, ids=["map", "growth"])
def test_a_command_whose_reports_are_all_written_ends_well(
    commands: SimpleNamespace, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "reports").unlink()

    assert cli.main(command) == 0
    assert all(path.exists() for path in commands.paths)


@pytest.mark.parametrize("ended_by", [ServerError("the server is gone"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
@pytest.mark.parametrize("command", [*COMMANDS, ["crossover", "usage"]], ids=["map", "growth", "search"])
def test_a_command_without_any_result_says_which_reports_are_of_an_earlier_run(
    commands: SimpleNamespace, command: list[str], ended_by: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise ended_by

    commands.steps, commands.is_fruitless = fail, True
    _, old, missing = commands.paths
    old.write_text("of yesterday", encoding="utf-8")

    assert cli.main(command) == (130 if isinstance(ended_by, KeyboardInterrupt) else 2)

    said = capsys.readouterr()
    assert f"{old} is of an earlier run: this one has no result" in said.err
    assert str(missing) not in said.err
    assert old.read_text(encoding="utf-8") == "of yesterday"
    assert said.out == ""


@pytest.mark.parametrize("ended_by", [ServerError("the server is gone"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_a_rehearsal_without_any_result_says_which_reports_are_of_an_earlier_one(
    ended_by: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ended_by

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_asked", lambda _: None)
    monkeypatch.setattr(rehearse_command, "_found", fail)
    Path("old.md").touch()

    status = cli.main(["rehearse", "orders", "--candidate", "rated", "-o", "old.md", "-o", "new.md"])

    assert status == (130 if isinstance(ended_by, KeyboardInterrupt) else 3)
    said = capsys.readouterr().err
    assert "old.md is of an earlier run: this one has no result" in said
    assert "new.md" not in said


def test_a_check_that_fails_says_which_verdicts_are_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.md").touch()

    assert cli.main(["check", "missing.json", "--max-regression", "5%", "-o", "old.md", "-o", "new.md"]) == 3

    said = capsys.readouterr().err
    assert "old.md is of an earlier run: this one has no result" in said
    assert "new.md" not in said


@pytest.mark.parametrize("command", COMMANDS, ids=["map", "growth"])
def test_no_signal_tears_the_end_of_a_command(commands: SimpleNamespace, command: list[str], tmp_path: Path) -> None:
    """As when an impatient user presses Ctrl-C, or a job's time is up, while databases are dropped."""
    (tmp_path / "reports").unlink()
    commands.closing += [partial(signal.raise_signal, one) for one in (signal.SIGTERM, signal.SIGINT)]

    assert cli.main(command) == 130
    assert all(path.exists() for path in commands.paths)
