"""Progress of experiments: a live bar on a terminal, occasional plain lines elsewhere.

Owns the wording and frequency of progress output. Must not decide anything, nor be required by anything.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Protocol

from tqdm import tqdm

from schemabench.candidate import BASELINE, Candidate
from schemabench.units import format_duration, plural

PLAIN_INTERVAL_S = 15.0
"""Interval between two plain lines of one experiment."""
_SHOWN_RATIOS = 3
_ROWS_INTERVAL_S = 0.5
"""Interval between two counts of rows on a bar."""
_BAR = "{desc} |{bar:12}| {n:.0f}/{total:.0f} s{postfix}"


class Shown(Protocol):
    """The shown part of an experiment's plan; its `str` is its name."""

    @property
    def budget_s(self) -> float:
        """The time budget of the measurement."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates whose ratios are shown, without the control."""


class Terminal(Protocol):
    """An output for progress."""

    hasmarkup: bool
    """Whether it supports escape sequences, and so a live bar."""
    width: int
    """The width in columns."""

    def write(self, text: str) -> None:
        """Write a text unchanged, and flush."""

    def begin(self) -> None:
        """Start a new line."""


class Progress(Protocol):
    """A display of an experiment's progress."""

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Receive the current stage before or after the blocks, and the time spent of the budget if it counts."""

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Receive the number of finished blocks, the time spent of the budget, and the ratios so far."""

    def say(self, text: str) -> None:
        """Receive a finding, to be shown at once and kept."""

    def close(self) -> None:
        """Receive the end of the experiment."""


class Silence:
    """No output, for a session without a terminal reporter."""

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Show nothing."""

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


class _File:
    """A terminal writer with the interface of a file, for tqdm."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def write(self, text: str) -> None:
        self._terminal.write(text)

    def flush(self) -> None:
        """Every write is flushed."""


class ProgressBar:
    """A live bar: the current stage, the time spent of the budget, the best ratios so far."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._bar: tqdm[None] | None = None

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Show the current stage."""
        bar = self._open(plan)
        if elapsed_s is not None:
            bar.n = min(elapsed_s, plan.budget_s)
        bar.set_description_str(f"{plan}: {text}")

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Show the number of blocks and the ratios."""
        bar = self._open(plan)
        bar.n = min(elapsed_s, plan.budget_s)
        bar.set_description_str(f"{plan}: block {done}", refresh=False)
        bar.set_postfix_str(best(plan, ratios))

    def say(self, text: str) -> None:
        """Write a permanent line above the bar."""
        self.close()
        self._terminal.begin()
        self._terminal.write(f"{text}\n")

    def close(self) -> None:
        """Remove the bar."""
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
    """Plain lines for a log: stages and occasional ratios."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._last_s = -PLAIN_INTERVAL_S

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Write the current stage, unless the last line is recent."""
        spent = "" if elapsed_s is None else f", {_spent(plan, elapsed_s)}"
        self._say(f"{plan}: {text}{spent}")

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Write the progress of the blocks, likewise."""
        self._say(f"{plan}: block {done}, {_spent(plan, elapsed_s)}: {best(plan, ratios)}")

    def say(self, text: str) -> None:
        """Write it, even if the last line is recent."""
        self.close()
        self._say(text)

    def close(self) -> None:
        """Let the next experiment write its first line at once."""
        self._last_s = -PLAIN_INTERVAL_S

    def _say(self, text: str) -> None:
        if monotonic() - self._last_s >= PLAIN_INTERVAL_S:
            self._terminal.begin()
            self._terminal.write(f"{text}\n")
            self._last_s = monotonic()


class Counter:
    """Counts the rows that are loaded, and shows them now and then, with their rate.

    Args:
        show: Receives the count, in words.
        total: The number that is expected; None if it is not known.
    """

    def __init__(self, show: Callable[[str], None], total: int | None) -> None:
        self._show = show
        self._total = total
        self._rows = 0
        self._started_s = self._shown_s = monotonic()

    def add(self, rows: int) -> None:
        """Count rows."""
        self._rows += rows
        now_s = monotonic()
        if now_s - self._shown_s >= _ROWS_INTERVAL_S:
            self._shown_s = now_s
            done = (
                plural(self._rows, "row") if self._total is None else f"{self._rows:,} of {plural(self._total, 'row')}"
            )
            self._show(f"{done}, {self._rows / (now_s - self._started_s):,.0f} rows/s")


def on(terminal: Terminal) -> Progress:
    """Return the progress for an output: a bar on a terminal, plain lines in a log."""
    return ProgressBar(terminal) if terminal.hasmarkup else ProgressLines(terminal)


def _spent(plan: Shown, elapsed_s: float) -> str:
    return f"{format_duration(elapsed_s)} of {format_duration(plan.budget_s)}"


def best(plan: Shown, ratios: Mapping[str, float]) -> str:
    """Return the best ratios so far, as in `hash_by_site 1.21x, fillfactor_70 1.05x`."""
    names = {candidate.name for candidate in plan.candidates} - {BASELINE}
    others = sorted(((ratio, name) for name, ratio in ratios.items() if name in names), reverse=True)
    return ", ".join(f"{name} {ratio:.2f}x" for ratio, name in others[:_SHOWN_RATIOS])
