"""What a person at a terminal sees while experiments run."""

import os
import pty
import sys
from contextlib import suppress

import programs
from shop import LIMIT_S, QUICK, Shop


def _watch(shop: Shop, *arguments: str) -> str:
    """Run pytest on a terminal of 80 columns and return all that was written to it."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", *QUICK, *arguments]
    environment = {**shop.environment, "TERM": "xterm", "COLUMNS": "80"}
    with programs.start(command, cwd=shop.path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # how a terminal says that nobody is there any more
            while some := os.read(ours, 1 << 16):
                written += some
        os.close(ours)
        assert run.wait(LIMIT_S) == 0
    return written.decode()


def _screen(written: str) -> list[str]:
    """Return the lines that remain on the screen, where a carriage return writes over what stands there."""
    lines = []
    for line in written.replace("\r\n", "\n").split("\n"):
        shown = ""
        for piece in line.split("\r"):
            shown = piece + shown[len(piece) :]
        lines.append(shown.rstrip())
    return lines


def test_a_bar_shows_the_block_and_the_ratios_and_goes_away(shop: Shop) -> None:
    shop.candidate("a_candidate_whose_name_is_long_enough_to_fill_a_line_of_its_own", "")

    written = _watch(shop, "--budget", "1s")
    drawn = [piece for line in written.split("\n") for piece in line.split("\r") if "orders typical:" in piece]

    assert any("building baseline" in piece for piece in drawn)
    assert any("block 1 |" in piece and "/1 s, " in piece for piece in drawn)
    assert max(map(len, drawn)) <= 80
    assert not [line for line in _screen(written) if "block 1 |" in line or "building" in line]
