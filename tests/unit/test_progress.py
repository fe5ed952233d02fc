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
