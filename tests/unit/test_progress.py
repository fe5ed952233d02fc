"""What stays on a terminal of what was found on the way."""

from dataclasses import dataclass

import pytest

from schemabench import progress
from schemabench.candidate import Candidate


@dataclass
class FakeTerminal:
    """What remembers all that was written."""

    hasmarkup: bool
    width: int = 80
    written: str = ""

    def write(self, text: str) -> None:
        """Write a text."""
        self.written += text

    def begin(self) -> None:
        """Do nothing: a line of its own is begun."""


@dataclass(frozen=True)
class Map:
    """A plan, as far as it is shown."""

    budget_s: float = 60.0
    candidates: tuple[Candidate, ...] = ()

    def __str__(self) -> str:
        """Return its name."""
        return "items"


@pytest.mark.parametrize("hasmarkup", [False, True])
def test_what_was_found_is_a_line_of_its_own_at_once(*, hasmarkup: bool) -> None:
    terminal = FakeTerminal(hasmarkup=hasmarkup)
    shown = progress.on(terminal)

    shown.stage(Map(), "cell 1 of 2", 1.0)
    shown.say("cell 1: 2.00x")
    shown.say("cell 2: 3.00x")

    assert "cell 1 of 2" in terminal.written
    assert terminal.written.endswith("cell 1: 2.00x\ncell 2: 3.00x\n")


def test_rows_are_counted_with_their_rate_and_shown_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(progress, "monotonic", lambda: now_s)
    shown: list[str] = []
    counter = progress.Counter(shown.append, 10_000)

    for _ in range(8):
        now_s += 0.125
        counter.add(1000)

    assert shown == ["4,000 of 10,000 rows, 8,000 rows/s", "8,000 of 10,000 rows, 8,000 rows/s"]


def test_rows_are_counted_where_their_number_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "monotonic", iter([0.0, 2.0]).__next__)
    shown: list[str] = []

    progress.Counter(shown.append, None).add(3000)

    assert shown == ["3,000 rows, 1,500 rows/s"]
