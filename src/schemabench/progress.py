"""What a person sees while experiments run: a live bar on a terminal, a plain line now and then elsewhere.

Owns the wording and pace of progress. Must not decide anything, nor be needed for anything.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Protocol

from tqdm import tqdm

from schemabench.candidate import BASELINE, Candidate
from schemabench.units import format_duration

PLAIN_INTERVAL_S = 15.0
"""Between two plain lines of one experiment."""
_SHOWN_RATIOS = 3
_BAR = "{desc} |{bar:12}| {n:.0f}/{total:.0f} s{postfix}"


class Shown(Protocol):
    """An experiment's plan, as far as it is shown; its text names it."""

    @property
    def budget_s(self) -> float:
        """How long it measures for."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Whose ratios are shown; the control's is none of a candidate."""


class Terminal(Protocol):
    """Where progress is shown."""

    hasmarkup: bool
    """Whether it understands escape sequences: a person is watching."""
    width: int
    """In columns."""

    def write(self, text: str) -> None:
        """Write a text as it is, at once."""

    def begin(self) -> None:
        """Start a line of its own."""


class Progress(Protocol):
    """Whoever shows how far an experiment is."""

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Hear what is being done before and after the blocks, and what is spent of the budget where that counts."""

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Hear how many blocks are done, how much of the budget is spent, and the ratios so far."""

    def say(self, text: str) -> None:
        """Hear what was found on the way, to be shown at once and to stay."""

    def close(self) -> None:
        """Hear that the experiment is over."""


class Silence:
    """Nothing, for a session without a terminal reporter."""

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Show nothing."""

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


class _File:
    """A terminal writer in the shape of a file, as tqdm wants it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def write(self, text: str) -> None:
        self._terminal.write(text)

    def flush(self) -> None:
        """Every write is flushed."""


class ProgressBar:
    """A bar for a person: what is being done, how much of the budget is spent, the best ratios so far."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._bar: tqdm[None] | None = None

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Show what is being done."""
        bar = self._open(plan)
        if elapsed_s is not None:
            bar.n = min(elapsed_s, plan.budget_s)
        bar.set_description_str(f"{plan}: {text}")

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Show how far it is."""
        bar = self._open(plan)
        bar.n = min(elapsed_s, plan.budget_s)
        bar.set_description_str(f"{plan}: block {done}", refresh=False)
        bar.set_postfix_str(best(plan, ratios))

    def say(self, text: str) -> None:
        """Write a line that stays, in place of the bar, which is drawn anew below it."""
        self.close()
        self._terminal.begin()
        self._terminal.write(f"{text}\n")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _open(self, plan: Shown) -> "tqdm[None]":
        if self._bar is None:
            self._terminal.begin()
            self._bar = tqdm(
                total=plan.budget_s,
                file=_File(self._terminal),
                leave=False,
                ncols=self._terminal.width,
                bar_format=_BAR,
                delay=0,
            )
        return self._bar


class ProgressLines:
    """Plain lines for a log: each stage that matters, then the ratios now and then."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._last_s = -PLAIN_INTERVAL_S

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Say what is being done, if it has been quiet for a while."""
        spent = "" if elapsed_s is None else f", {_spent(plan, elapsed_s)}"
        self._say(f"{plan}: {text}{spent}")

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Say how far it is, likewise."""
        self._say(f"{plan}: block {done}, {_spent(plan, elapsed_s)}: {best(plan, ratios)}")

    def say(self, text: str) -> None:
        """Say it, however lately something was said."""
        self.close()
        self._say(text)

    def close(self) -> None:
        """Let the next experiment speak at once."""
        self._last_s = -PLAIN_INTERVAL_S

    def _say(self, text: str) -> None:
        if monotonic() - self._last_s >= PLAIN_INTERVAL_S:
            self._terminal.begin()
            self._terminal.write(f"{text}\n")
            self._last_s = monotonic()


def on(terminal: Terminal) -> Progress:
    """Return the progress for a terminal: a bar for a person, plain lines for a log."""
    return ProgressBar(terminal) if terminal.hasmarkup else ProgressLines(terminal)


def _spent(plan: Shown, elapsed_s: float) -> str:
    return f"{format_duration(elapsed_s)} of {format_duration(plan.budget_s)}"


def best(plan: Shown, ratios: Mapping[str, float]) -> str:
    """Return the best ratios so far in words, as in `hash_by_site 1.21x, fillfactor_70 1.05x`."""
    names = {candidate.name for candidate in plan.candidates} - {BASELINE}
    others = sorted(((ratio, name) for name, ratio in ratios.items() if name in names), reverse=True)
    return ", ".join(f"{name} {ratio:.2f}x" for ratio, name in others[:_SHOWN_RATIOS])
