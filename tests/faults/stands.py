"""Where a run's server is: one of its own, or somebody else's, with things of theirs that nobody may touch.

Owns what is found of a server from outside: its processes, its databases. Must not know which fault befalls it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import servers

from schemabench.server import folder, local
from schemabench.server.dsn import with_words

PASSWORD = "sentinel-of-the-table"  # noqa: S105 (the password that must not be seen)
THEIRS = {"ledger": "theirs", "sb_ledger": "theirs, too"}
"""Databases of somebody else's -> what their only row says. The second is named like those of runs."""
KINDS = ("wheel", "local", "superuser", "createdb")
"""The wheel's and the system's server are the run's own. The others are somebody else's, with a role of either kind."""


@dataclass(frozen=True, kw_only=True)
class Stand:
    """A server for runs of one cell of the table."""

    kind: str
    postgres: str
    """What `--postgres` says."""
    place: Path
    """Where runs keep servers of their own."""
    theirs: local.LocalServer | None
    """Somebody else's server; None where runs have their own."""

    @property
    def environment(self) -> dict[str, str]:
        """What runs find in the environment."""
        return {
            "SCHEMABENCH_POSTGRES": self.postgres,
            "SCHEMABENCH_BUDGET": "300ms",
            "SCHEMABENCH_CLIENTS": "2",
            "SCHEMABENCH_EQUIVALENCE": "off",
            folder.VARIABLE: str(self.place),
            "TMPDIR": str(self.place),
        }

    def postmaster(self) -> psutil.Process:
        """Return the server's first process."""
        found = [self.theirs.data] if self.theirs else [*self.place.glob("schemabench/servers/*/data")]
        (data,) = found
        return psutil.Process(int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))

    def backends(self, words: str) -> list[psutil.Process]:
        """Return the processes of sessions whose title has some words, such as a database's name."""
        found = []
        with suppress(psutil.Error, OSError, ValueError):
            for process in self.postmaster().children():
                with suppress(psutil.Error):
                    found += [process] if words in " ".join(process.cmdline()) else []
        return found

    def left(self) -> list[str]:
        """Return what runs have left: databases, servers and folders of servers."""
        servers_left = [
            f"server in {path.parent.parent.name}"
            for path in self.place.glob("schemabench/servers/*/data/postmaster.pid")
        ]
        folders_left = [f"folder {path.name}" for path in self.place.glob("schemabench/servers/*")]
        databases = [f"database {name}" for name in self._databases() if name.startswith("sb_") and name not in THEIRS]
        return [*servers_left, *folders_left, *databases]

    def touched(self) -> list[str]:
        """Return which of somebody else's things are not as they were."""
        if not self.theirs:
            return []
        found = []
        for name, says in THEIRS.items():
            with psycopg.connect(with_words(self.theirs.conninfo, dbname=name)) as connection:
                found += [] if connection.execute("SELECT says FROM kept").fetchall() == [(says,)] else [name]
        return found

    def _databases(self) -> list[str]:
        if not self.theirs:
            return []
        with psycopg.connect(self.theirs.conninfo) as connection:
            return [str(name) for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]


@contextmanager
def stand(kind: str, place: Path) -> Iterator[Stand]:
    """Yield a server of a kind, with a folder for servers of runs' own."""
    own = {"wheel": "embedded", "local": "local:15"}
    if kind in own:
        yield Stand(kind=kind, postgres=own[kind], place=place, theirs=None)
        return
    with servers.serving("embedded", settings={"max_connections": "60"}, clients=8, run_id="theirs") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE createdb LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE ROLE superuser LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
            for name in THEIRS:
                connection.execute(f"CREATE DATABASE {name}".encode())
            address = f"127.0.0.1:{connection.info.port}"
        for name, says in THEIRS.items():
            with psycopg.connect(with_words(server.conninfo, dbname=name)) as connection:
                connection.execute(f"CREATE TABLE kept AS SELECT '{says}'::text AS says".encode())
        assert isinstance(server.source, local.LocalServer)
        yield Stand(
            kind=kind, postgres=f"postgresql://{kind}:{PASSWORD}@{address}/postgres", place=place, theirs=server.source
        )
