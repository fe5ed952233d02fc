"""Terminals for progress output: pytest's and the command line's.

Owns writing to them. Must not know the content.
"""

import sys
from contextlib import nullcontext

import pytest

from schemabench.output import complain


class Uncaptured:
    """pytest's terminal, during a test whose output pytest captures."""

    def __init__(self, config: pytest.Config) -> None:
        self._reporter = config.pluginmanager.getplugin("terminalreporter")
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self.hasmarkup = bool(self._reporter.hasmarkup)
        self.width = config.get_terminal_writer().fullwidth

    def write(self, text: str, **markup: bool) -> None:
        """Write a text, marked up as pytest does it, and flush."""
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            self._reporter.write(text, flush=True, **markup)

    def begin(self) -> None:
        """Start a new line, and let pytest start a new one after it."""
        with self._capture.global_and_fixture_disabled() if self._capture else nullcontext():
            self._reporter.ensure_newline()


class Screen:
    """Standard error, so that standard output can be piped."""

    def __init__(self, width: int) -> None:
        self.hasmarkup = sys.stderr.isatty()
        self.width = width

    def write(self, text: str) -> None:
        """Write a text and flush; nowhere, if standard error cannot be written."""
        complain(text, end="")

    def begin(self) -> None:
        """Do nothing: every text already starts a new line."""
