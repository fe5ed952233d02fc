"""What the command line writes where: full disks are told, none with a traceback, and progress is for terminals."""

import os
import pty
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import programs
import pytest

FULL = "ERROR: Standard output cannot be written: No space left on device\n"
RUN = Path(__file__).parent / "golden" / "run.json"


def _ended(command: list[str | Path], folder: Path, out: str) -> subprocess.CompletedProcess[str]:
    with Path(out).open("w") as opened:
        return programs.run(
            [sys.executable, "-m", "schemabench", *command],
            cwd=folder,
            stdout=opened,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.mark.parametrize(
    "command",
    [
        ["noise", "run", "--help"],
        ["servers"],
        ["init", "new"],
        ["report", RUN],
        ["check", RUN, "--max-regression", "5%"],
        ["noise", "model", "--sample", "--orgs", "2", "-o", "noise.json"],
    ],
    ids=lambda words: " ".join(Path(word).name for word in words[:3]),
)
def test_full_disk_behind_standard_output_is_told_in_words(command: list[str | Path], tmp_path: Path) -> None:
    done = _ended(command, tmp_path, "/dev/full")

    assert done.returncode == (3 if command[0] == "check" else 2), "2 is a verdict of check"
    assert done.stderr.startswith(FULL)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_what_a_command_made_is_there_although_it_could_not_say_so(tmp_path: Path) -> None:
    _ended(["noise", "model", "--sample", "--orgs", "2", "-o", "noise.json"], tmp_path, "/dev/full")

    assert (tmp_path / "noise.json").stat().st_size > 0


def test_full_disk_behind_both_outputs_leaves_the_exit_status(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = programs.run(
            [sys.executable, "-m", "schemabench", "report", RUN],
            cwd=tmp_path,
            stdout=full,
            stderr=full,
        )

    assert done.returncode == 2


def test_progress_that_cannot_be_written_ends_no_command(tmp_path: Path) -> None:
    """That of `crossover` and `balance`."""
    code = "from schemabench.terminal import Screen\nfor _ in range(2): Screen(80).write('running')\nprint('done')"
    with Path("/dev/full").open("w") as full:
        done = programs.run([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=full, text=True)

    assert (done.returncode, done.stdout) == (0, "done\n")


def test_reader_that_has_closed_its_pipe_ends_help_silently(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        command = [sys.executable, "-m", "schemabench", "--help"]
        done = programs.run(command, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_progress_of_a_model_is_shown_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, "-m", "schemabench", "noise", "model", "--sample", "--orgs", "2", "-o", "noise.json"]
    with programs.start(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, text=True) as program:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # how a terminal says that nobody is there any more
            while some := os.read(ours, 1 << 16):
                written += some
        os.close(ours)
        assert program.stdout.read().startswith("wrote noise.json: 2 organisations")

    assert b"noise:" in written
    assert b"/2 " in written
