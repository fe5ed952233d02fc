"""What every source of a server offers: DSN, container, or a cluster of our own."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from schemabench.records import Notice
from schemabench.server.dsn import Conninfo

LOG_LINES = 8
"""Number of lines of a dead server's log that are shown."""


class Source(Protocol):
    """A running server of any source."""

    @property
    def conninfo(self) -> Conninfo:
        """The maintenance database, perhaps with a password."""

    @property
    def origin(self) -> str:
        """The server's source, to be shown; empty if its address is enough."""

    @property
    def owned(self) -> bool:
        """Whether the server, with all its databases, is removed at the end of the run."""

    @property
    def data(self) -> Path | None:
        """The data folder, if it is ours."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The server's processes on this machine, if it is ours."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Caveats for figures from this server."""

    def another(self, settings: Mapping[str, str], run_id: str) -> "AbstractContextManager[Source] | None":
        """Return a further server like this one, but for some settings, that starts with the block; None if none can.

        Its data folder can be changed from here, and its pages have no checksums.
        """

    def alive(self) -> bool:
        """Return whether it runs."""

    def forget_crashes(self) -> None:
        """Leave out of `failure` the crashes from which it has recovered: they are no reason for what fails later."""

    def failure(self) -> str | None:
        """Return how it died or crashed, or None."""
