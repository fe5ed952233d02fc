"""Where a run's server is: one of its own, or somebody else's, with things of theirs that nobody may touch.

Owns what is found of a server from outside: its processes, its databases. Must not know which fault befalls it.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import places
import psutil
import psycopg
import pytest
import servers
from relay import Relay, relaying

from schemabench.server import Needs, account, container, folder, local, serve
from schemabench.server.dsn import with_words

PASSWORD = "sentinel-of-the-table"  # noqa: S105 (the password that must not be seen)
THEIRS = {"ledger": "theirs", "sb_ledger": "theirs, too"}
"""Databases of somebody else's -> what their only row says. The second is named like those of runs."""
OWN, SHARED, CONTAINER = ("wheel", "local"), ("superuser", "createdb"), "container"
KINDS = (*OWN, CONTAINER, *SHARED)
"""The wheel's, the system's and Docker's server are the run's own. The others are somebody else's, with a role each."""
_IMAGE = "postgres:15"
_ADDRESSES = {"wheel": "embedded", "local": "local:15", CONTAINER: f"docker:{_IMAGE}"}
_WITHOUT_REGISTRY = {
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
    "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
}
"""Of a machine that has no image of Ryuk."""
_PATIENCE_S = 60
_POLL_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Stand:
    """A server for runs of one cell of the table."""

    kind: str
    postgres: str
    """What `--postgres` says."""
    place: Path
    """Where runs keep servers of their own."""
    theirs: local.LocalServer | None = None
    """Somebody else's server; None where runs have their own."""
    relay: Relay | None = None
    """What carries the connections to it."""
    command: tuple[str, ...] = ()
    """What starts it."""
    again: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Its processes since it was started anew."""

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
            **(_WITHOUT_REGISTRY if self.kind == CONTAINER else {}),
        }

    def postmaster(self) -> psutil.Process:
        """Return the server's first process."""
        if self.kind == CONTAINER:
            (first,) = [psutil.Process(one.attrs["State"]["Pid"]) for one in self._containers()]
            return next(one for one in (first, *first.children(recursive=True)) if one.name() == "postgres")
        (data,) = [self.theirs.data] if self.theirs else self.place.glob("schemabench/servers/*/data")
        return psutil.Process(int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))

    def backends(self, words: str) -> list[psutil.Process]:
        """Return the processes of sessions whose title has some words, such as a database's name."""
        found = []
        with suppress(psutil.Error, OSError, ValueError, IndexError, StopIteration):  # it may be being written
            for process in self.postmaster().children():
                with suppress(psutil.Error):
                    found += [process] if words in " ".join(process.cmdline()) else []
        return found

    def restart(self) -> None:
        """Start somebody else's server anew, once it has ended."""
        assert self.theirs
        deadline_s = time.monotonic() + _PATIENCE_S
        while self._runs():
            assert time.monotonic() < deadline_s
            time.sleep(_POLL_S)
        home = self.theirs.data.parent
        with (home / "log").open("ab") as log:
            self.again.append(account.spawn(self.command, local.server_user(), home, log))
        assert local._wait(self.again[-1], self.theirs.data), (home / "log").read_text(encoding="utf-8")

    def revive(self) -> None:
        """See that somebody else's server answers, as after its operator has looked after it."""
        if not self.theirs:
            return
        deadline_s = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if not self._runs():
                self.restart()
            assert time.monotonic() < deadline_s
            time.sleep(_POLL_S)

    def left(self) -> list[str]:
        """Return what runs have left: databases, servers and folders of servers."""
        homes = [*self.place.glob("schemabench/servers/*")]
        running = [one for one in homes if local._processes_in(one / "data")]
        databases = [name for name in self._databases() if name.startswith("sb_") and name not in THEIRS]
        found = {"its server": running, "its folder": homes, "its databases": databases}
        found["its container"] = self._containers() if self.kind == CONTAINER else []
        return [what for what, some in found.items() if some]

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

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            self._databases()
            return True
        return False

    def _runs(self) -> bool:
        """Return whether the first process of somebody else's server is there; if it has ended, it is reaped."""
        assert self.theirs
        return (self.again or [self.theirs.process])[-1].poll() is None

    def _containers(self) -> list[Any]:
        """Return the containers of runs whose folders are here."""
        import docker  # noqa: PLC0415 (where there is a daemon)

        homes = {path.name for path in self.place.glob("schemabench/servers/*")}
        client = docker.from_env()
        try:
            found = client.containers.list(all=True, filters={"label": container.LABEL})
            return [one for one in found if one.labels[container.LABEL] in homes]
        finally:
            client.close()


@contextmanager
def stand(kind: str, disk: Path | None = None) -> Iterator[Stand]:
    """Yield a server of a kind, with a folder for servers of runs' own.

    Args:
        kind: One of `KINDS`.
        disk: Where its data are; None for the session's folder.
    """
    with ExitStack() as stack:
        place = stack.enter_context(places.place())
        if kind in _ADDRESSES:
            if kind == CONTAINER:
                _require_image()
            if kind == "local" and 15 not in servers.FOUND:
                pytest.skip("no PostgreSQL 15 here")
            yield Stand(kind=kind, postgres=_ADDRESSES[kind], place=disk or place)
            return
        again: list[subprocess.Popen[bytes]] = []
        stack.callback(lambda: [one.wait(_PATIENCE_S) for one in again])  # whom the end of the server has killed
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(folder.VARIABLE, str(disk or stack.enter_context(places.place())))
            settings = {**servers.SMALL, "max_connections": "60"}
            server = stack.enter_context(serve("embedded", Needs(clients=8), settings=settings, run_id="theirs"))
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE createdb LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE ROLE superuser LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
            for name in THEIRS:
                connection.execute(f"CREATE DATABASE {name}".encode())
            relay = stack.enter_context(relaying(connection.info.port))
        for name, says in THEIRS.items():
            with psycopg.connect(with_words(server.conninfo, dbname=name)) as connection:
                connection.execute(f"CREATE TABLE kept AS SELECT '{says}'::text AS says".encode())
        assert isinstance(server.source, local.LocalServer)
        address = f"postgresql://{kind}:{PASSWORD}@127.0.0.1:{relay.port}/postgres"
        command = psutil.Process(server.source.process.pid).cmdline()
        yield Stand(
            kind=kind,
            postgres=address,
            place=place,
            theirs=server.source,
            relay=relay,
            again=again,
            command=(str(server.source.binaries.folder / "postgres"), *command[1:]),
        )


def _require_image() -> None:
    if (reason := container.survey().reason) is not None:
        pytest.skip(reason)
    import docker  # noqa: PLC0415
    import docker.errors  # noqa: PLC0415

    client = docker.from_env()
    try:
        client.images.get(_IMAGE)
    except docker.errors.ImageNotFound:
        pytest.skip(f"no image {_IMAGE} on this machine")
    finally:
        client.close()
