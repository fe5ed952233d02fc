"""What every source of a server offers: DSN, container, or a cluster of our own."""

from pathlib import Path
from typing import Protocol

from schemabench.records import Notice
from schemabench.server.dsn import Conninfo


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

    def alive(self) -> bool:
        """Return whether it runs."""

    def failure(self) -> str | None:
        """Return how it died or crashed, or None."""
