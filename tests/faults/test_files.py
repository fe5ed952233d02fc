"""Files that end early or never: each is told as that, without a traceback, at once and in little memory.

They are rows of the table of faults, where no server takes part.
"""

import gzip
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import fixed_run
import programs
import pytest
from catalog import FILES, NO_SERVER
from cells import Cell, telling

from schemabench import cli, report

ROOT = Path(__file__).parents[2]
STEP = 1000
"""Bytes between two ends of a file."""
TOLD_S = 15.0
MOST_BYTES = 1 << 30
"""Of address space for a run, which takes half of it without the line."""
ENDLESS_BYTES = 1 << 30
READ_FAILED = 2
_RUN_FILE, _RUN_FILE_GZIP, _REPLAYED_GZIP, _ENDLESS = FILES
_REPLAYED = b"".join(b"en Page_%d %d 0\n" % (number, 5000 - number) for number in range(3000))


def _ends(content: bytes) -> Iterator[bytes]:
    return (content[:end] for end in range(0, len(content), STEP))


pytestmark = pytest.mark.thorough


@pytest.mark.parametrize("packed", [False, True])
def test_a_run_file_that_ends_early_is_told_as_that(
    tmp_path: Path, table: list[Cell], capsys: pytest.CaptureFixture[str], *, packed: bool
) -> None:
    path = tmp_path / ("run.json.gz" if packed else "run.json")
    report.write_json({}, fixed_run.RUN, tmp_path / "whole.json")
    content = (tmp_path / "whole.json").read_bytes()
    found = []
    for part in _ends(gzip.compress(content, mtime=0) if packed else content):
        path.write_bytes(part)
        since_s = time.monotonic()

        status = cli.main(["report", str(path)])

        took_s = time.monotonic() - since_s
        out, err = capsys.readouterr()
        said, _ = telling([(0.0, line) for line in err.splitlines()])
        assert status == READ_FAILED
        assert out == ""
        assert str(path) in err
        assert took_s < TOLD_S
        found.append((said, took_s))
    assert len(found) > 1
    table.append(_cell(_RUN_FILE_GZIP if packed else _RUN_FILE, found[len(found) // 2][0], max(s for _, s in found)))


def test_a_gzip_file_to_replay_that_ends_early_is_told_as_that(tmp_path: Path, table: list[Cell]) -> None:
    content = gzip.compress(_REPLAYED, mtime=0)
    path = tmp_path / "hour.gz"
    path.write_bytes(content[: len(content) // 2 // STEP * STEP])

    said, took_s = _replayed(path)

    assert "ends early" in said
    table.append(_cell(_REPLAYED_GZIP, said, took_s))


def test_a_line_without_end_is_told_in_little_memory(tmp_path: Path, table: list[Cell]) -> None:
    path = tmp_path / "hour"
    with path.open("wb") as file:
        for _ in range(ENDLESS_BYTES >> 20):
            file.write(b"x" * (1 << 20))
    try:
        said, took_s = _replayed(path)
    finally:
        path.unlink()

    assert "line 1" in said
    table.append(_cell(_ENDLESS, said, took_s))


def _replayed(path: Path) -> tuple[str, float]:
    """Run a workload that replays a file, in so much memory; return what is told first, and after how many seconds."""
    arguments = ["tests/evaluation/test_pageviews.py", "--replay", f"pageviews={path}", "--postgres", "embedded"]
    limited = ["prlimit", f"--as={MOST_BYTES}", sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    since_s = time.monotonic()
    done = programs.run(limited, cwd=ROOT, stdout=PIPE, stderr=PIPE, text=True)
    took_s = time.monotonic() - since_s
    output = f"{done.stdout}\n{done.stderr}"
    said, _ = telling([(0.0, line) for line in output.splitlines()])
    assert done.returncode, output
    assert "Traceback" not in output
    assert "MemoryError" not in output
    assert said, output
    assert took_s < TOLD_S
    return said, took_s


def _cell(fault: str, said: str, took_s: float) -> Cell:
    return Cell(fault=fault, kind=NO_SERVER, kept="", told=said, seconds=took_s, left="")
