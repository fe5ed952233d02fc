"""Terminals, as progress is shown on them: pytest's own, and the command line's.

Owns how a text gets there. Must not know what is shown.
"""

import sys
from contextlib import nullcontext

import pytest


class Uncaptured:
    """pytest's terminal, in the middle of a test whose output pytest captures."""

    def __init__(self, config: pytest.Config) -> None:
        self._reporter = config.pluginmanager.getplugin("terminalreporter")
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self.hasmarkup = bool(self._reporter.hasmarkup)
        self.width = config.get_terminal_writer().fullwidth

    def write(self, text: str) -> None:
        """Write a text at once."""
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            self._reporter.write(text, flush=True)

    def begin(self) -> None:
        """Start a line of its own, and let pytest begin anew after it."""
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            self._reporter.ensure_newline()


class Screen:
    """Where errors go, so that what a command prints can be piped."""

    def __init__(self, width: int) -> None:
        self.hasmarkup = sys.stderr.isatty()
        self.width = width

    def write(self, text: str) -> None:
        """Write a text at once."""
        sys.stderr.write(text)
        sys.stderr.flush()

    def begin(self) -> None:
        """Do nothing: every line is one of its own already."""
