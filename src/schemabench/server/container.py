"""A server of our own in a Docker container, through testcontainers.

Owns the container's lifetime and its address. `start` holds a locked folder whose name is the container's label, so the
next run recognizes the container of a killed run.
"""

import os
import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from schemabench.errors import ServerError, UsageError, tell_besides
from schemabench.records import Notice
from schemabench.redaction import MASK, hides, without_values
from schemabench.server import folder
from schemabench.server.dsn import Conninfo, opened
from schemabench.server.offer import Offer
from schemabench.server.source import LOG_LINES

LABEL = "schemabench.folder"
"""The label of our containers; its value is the name of the folder that stays locked while their run is alive."""
MARKER = "docker"
"""The file that marks a folder as belonging to a container."""
SHARED_MEMORY = "1g"
"""For parallel queries, which fail with Docker's default of 64 MB."""
DEFAULT_HOST = "unix:///var/run/docker.sock"
"""The daemon's default address; the environment may name another."""
DAEMON_LIMIT_S = 5
"""Time limit for the daemon to answer a ping."""
REMOVAL_LIMIT_S = 120
"""Time limit for the daemon to remove a container with its files, which a busy disk makes slow."""
START_LIMIT_S = 120.0
"""Time limit for the image's initdb and start; three seconds are usual."""
POLL_S = 0.1
"""Interval between checks of a starting container."""
PORT = 5432
"""The server's port inside the container."""

_UNHEARD = "SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_error_statement = panic"
"""Keeps a session's statements out of the log, whether they succeed or fail."""
_CHOICES_OF_USER = ("TC_HOST", "TESTCONTAINERS_HOST_OVERRIDE", "TESTCONTAINERS_CONNECTION_MODE")
_INSTALL = "pip install 'schemabench[docker]'"
_ELSEWHERE = "use a server without Docker: `pip install 'schemabench[embedded]'` and --postgres embedded"


@dataclass(frozen=True, kw_only=True, eq=False)
class ContainerServer:
    """A running server in a container of ours."""

    conninfo: Conninfo
    """The maintenance database, with the password."""
    origin: str
    """As in `docker postgres:16`."""
    container: Any
    """Docker's own object (it ships no types)."""
    settings: Mapping[str, str] = field(repr=False)
    """What it was started with; may hold secrets."""
    owned: bool = True
    """Whether the server ends with the run."""
    data: None = None
    """Its data folder is inside the container."""
    pids: tuple[int, ...] = ()
    """Its processes may be on another machine."""
    notices: tuple[Notice, ...] = ()
    """Caveats for figures from this server."""

    def another(self, settings: Mapping[str, str], run_id: str) -> None:
        """Return None: the data folder of a container cannot be changed from outside."""

    def alive(self) -> bool:
        """Return whether the container runs."""
        return _status(self.container) == "running"

    def forget_crashes(self) -> None:
        """Do nothing: what its server has recovered from is not told."""

    def failure(self) -> str | None:
        """Return the container's state and the end of its log, or None while it runs."""
        if (status := _status(self.container)) == "running":
            return None
        log = "\n".join(f"  {line}" for line in _log(self.container, self.settings)[-LOG_LINES:])
        return f"the container of {self.origin} is {status}\nIts log ends:\n{log}"


def survey() -> Offer:
    """Return an offer that tells whether a Docker daemon answers."""
    return Offer(name="docker", version=None, reason=_daemon_trouble())


@contextmanager
def start(image: str, settings: Mapping[str, str], run_id: str) -> Iterator[ContainerServer]:
    """Run a server in a container, and always remove the container at the end of the block.

    Raises:
        ServerError: The daemon or the image is missing, or the server in it does not start.
    """
    if (reason := _daemon_trouble()) is not None:
        first = "start Docker, and allow this user to use it" if _installed() else f"install it: `{_INSTALL}`"
        raise ServerError(f"No server from the Docker image {image}: {reason}", remedies=[first, _ELSEWHERE])
    with folder.hold(run_id, _unmarked) as home, _removed_after(home, image):
        password = secrets.token_urlsafe(24)
        secret = {name: value for name, value in settings.items() if hides(name)}
        plain = {name: value for name, value in settings.items() if name not in secret}
        arguments = [part for name, value in plain.items() for part in ("-c", f"{name}={value}")]
        postgres = _container_class()(image, username="postgres", password=password, dbname="postgres", driver=None)
        postgres.with_env("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C")
        postgres.with_command(["postgres", *arguments])
        postgres.with_kwargs(shm_size=SHARED_MEMORY, labels={LABEL: home.name})
        with closing(postgres.get_docker_client().client):
            _begin(postgres, image)
            words = {"user": "postgres", "password": password, "dbname": "postgres", "application_name": "schemabench"}
            conninfo = _wait(postgres, words, image, settings)
            if secret:
                _tell(conninfo, secret)
                _begin(postgres, image, again=True)
                conninfo = _wait(postgres, words, image, settings)  # at another port
            container = postgres.get_wrapped_container()
            yield ContainerServer(conninfo=conninfo, origin=f"docker {image}", container=container, settings=settings)


@contextmanager
def _removed_after(home: Path, image: str) -> Iterator[None]:
    """Mark a folder as belonging to a container; remove both at the end of the block.

    What cannot be removed stays, with the mark by which the next run finds it. The container is found by its label: the
    daemon makes it even if the answer to that is not waited for.

    Raises:
        ServerError: The container may still be there, unless the block raises something itself, which then tells so.
    """
    (home / MARKER).touch()
    try:
        yield
    except BaseException as error:
        import docker.errors  # noqa: PLC0415

        removed, problem = _removed(home, image)
        if problem:
            tell_besides(error, problem)
        elif removed or isinstance(error.__cause__, docker.errors.APIError):  # else it may be about to make it
            (home / MARKER).unlink()
        raise
    _, problem = _removed(home, image)
    if problem:
        raise problem
    (home / MARKER).unlink()


def _removed(home: Path, image: str) -> tuple[int, ServerError | None]:
    """Remove the containers of a folder; return how many there were, and the error if they may still be there."""
    try:
        return _remove(home.name), None
    except _failures() as cause:
        label = f"{LABEL}={home.name}"
        return 0, ServerError(
            f"The container of docker {image} with the label {label} may be left: {_said(cause)}",
            remedies=[
                f"remove it: docker rm --force --volumes $(docker ps --all --quiet --filter label={label})",
                "run schemabench on this machine again: it removes the containers of dead runs",
            ],
        )


def _unmarked(home: Path) -> bool:
    return not (home / MARKER).exists()


def end_leftovers(home: Path) -> bool:
    """Remove the container that a killed run left, if any; return whether the folder may go."""
    if _unmarked(home):
        return True
    if _daemon_trouble() is not None:
        return False  # the daemon may be back for the next run
    try:
        _remove(home.name)
    except _failures():
        return False  # likewise
    return True


def _remove(name: str) -> int:
    """Remove the containers whose label is the name of a folder, and return how many there were.

    Raises:
        docker.errors.DockerException, OSError: The daemon refused, did not answer in time, or is gone.
    """
    import docker.errors  # noqa: PLC0415 - takes a quarter of a second, and few runs need it

    with _client(REMOVAL_LIMIT_S) as client:
        found = client.containers.list(all=True, filters={"label": f"{LABEL}={name}"}, ignore_removed=True)
        for container in found:
            with suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
    return len(found)


def _failures(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what a daemon that refuses, or does not answer, raises; and more."""
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415

    return docker.errors.DockerException, requests.RequestException, OSError, *more


def _said(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)


def _begin(postgres: Any, image: str, *, again: bool = False) -> None:  # noqa: ANN401 - testcontainers ships no types
    """Start a container, or start it again.

    Raises:
        ServerError: The daemon refused, did not answer in time, or is gone.
    """
    try:
        if again:
            postgres.get_wrapped_container().restart()
        else:
            postgres.start()
    except _failures() as error:
        raise ServerError(
            f"No server from the Docker image {image}: {_said(error)}",
            remedies=[
                f"get the image first: `docker pull {image}`",
                "correct the name: --postgres docker:IMAGE",
                _ELSEWHERE,
            ],
        ) from error


def _tell(conninfo: Conninfo, settings: Mapping[str, str]) -> None:
    """Write settings that may hold a secret into the server's configuration.

    A command line is visible to every user of Docker.

    Raises:
        UsageError: The server refuses one.
    """
    with opened(conninfo) as session:
        session.execute(_UNHEARD)
        for name, value in settings.items():
            parts = sql.Identifier(*name.split("."))
            try:
                session.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(parts, sql.Literal(value)))
            except psycopg.Error as error:
                said = (error.diag.message_primary or "").replace(value, MASK)
                raise UsageError(
                    f"The server refuses --postgres-setting {name}: {said}",
                    remedies=[f"correct or leave out --postgres-setting {name}=..."],
                ) from None


def _wait(postgres: Any, words: Mapping[str, str], image: str, settings: Mapping[str, str]) -> Conninfo:  # noqa: ANN401
    """Wait until the server answers at one of its possible addresses, and return that one."""
    container = postgres.get_wrapped_container()
    deadline = time.monotonic() + START_LIMIT_S
    while (status := _status(container)) in ("created", "running") and time.monotonic() < deadline:
        for host, port in _addresses(postgres, container):
            conninfo = make_conninfo("", **words, host=host, port=port, connect_timeout=2)
            with suppress(psycopg.OperationalError), opened(conninfo):
                return Conninfo(make_conninfo("", **words, host=host, port=port))
        time.sleep(POLL_S)
    lines = _log(container, settings)
    for line in lines:
        if "FATAL" in line and "parameter" in line:
            raise UsageError(
                f"The server of the Docker image {image} refuses a setting: {line.partition('FATAL:')[2].strip()}",
                remedies=["correct or leave out that --postgres-setting"],
            )
    raise ServerError(
        f"The server of the Docker image {image} did not start: the container is {status}",
        checked=lines[-LOG_LINES:],
        remedies=[f"see whether it is an image of PostgreSQL: `docker run --rm {image} postgres --version`"],
    )


def _addresses(postgres: Any, container: Any) -> Iterator[tuple[str, int]]:  # noqa: ANN401
    """Yield the server's possible addresses, the likeliest first.

    Inside a container, testcontainers returns an address of Docker's network even if the daemon runs in the same
    container. Hence the mapped port on loopback is tried first, unless the user's environment decides.
    """
    with suppress(Exception):  # addresses are hints: each is tried, and may be missing while the container starts
        container.reload()
        mapped = (container.ports.get(f"{PORT}/tcp") or [{}])[0].get("HostPort")
        if mapped and not any(os.environ.get(name) for name in _CHOICES_OF_USER):
            yield "127.0.0.1", int(mapped)
        yield postgres.get_container_host_ip(), int(postgres.get_exposed_port(PORT))


def _container_class() -> Any:  # noqa: ANN401
    """Return testcontainers' class without its own wait, which continues for two minutes after a server has died."""
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415

    try:
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415
    except ImportError:  # before 4.15
        from testcontainers.postgres import PostgresContainer  # noqa: PLC0415

    if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        # its reaper needs another image and another container; our label and the next run's sweep do the same
        testcontainers_config.ryuk_disabled = True

    class Postgres(PostgresContainer):  # type: ignore[misc,unused-ignore]  # typed or not, depending on its version
        def _connect(self) -> None:
            """Do not wait: `_wait` does."""

    return Postgres


def memory_bytes() -> int | None:
    """Return the memory of the daemon's machine; None if it does not say, or does not answer: starting tells why."""
    if _daemon_trouble() is not None:
        return None
    try:
        with _client() as client:
            total: int | None = client.info().get("MemTotal")
    except _failures():
        return None
    return total


@contextmanager
def _client(limit_s: int = DAEMON_LIMIT_S) -> Iterator[Any]:
    """Connect to the daemon that testcontainers would use, which has so long for each answer."""
    from testcontainers.core.docker_client import DockerClient  # noqa: PLC0415

    with closing(DockerClient(timeout=limit_s).client) as client:
        yield client


def _daemon_trouble() -> str | None:
    """Return why no daemon can be used, or None if one answers."""
    if not _installed():
        return f"testcontainers is not installed: {_INSTALL}"
    try:
        import testcontainers.core.config  # noqa: F401, PLC0415 (imported to see whether it can be)
    except RuntimeError as error:  # on import it reads a file in the user's home
        return f"testcontainers cannot be used: {error}"
    try:
        _knock()
        with _client() as client:
            client.ping()
    except _failures(ValueError) as error:
        return f"no Docker daemon answers: {error}"
    return None


def _installed() -> bool:
    """Return whether the extra `docker` is installed, which provides all dependencies of this module."""
    return find_spec("testcontainers") is not None


def _knock() -> None:
    """Connect to the daemon's Unix socket and disconnect: Docker's own client leaks a socket if it cannot connect.

    Raises:
        OSError: Nobody listens there, or we may not connect.
    """
    from testcontainers.core.docker_client import get_docker_host  # noqa: PLC0415

    scheme, _, path = (get_docker_host() or DEFAULT_HOST).partition("://")
    if scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(DAEMON_LIMIT_S)
            try:
                probe.connect(path)
            except OSError as error:
                raise OSError(f"{path}: {error.strerror or error}") from None


def _status(container: Any) -> str:  # noqa: ANN401
    import docker.errors  # noqa: PLC0415

    try:
        container.reload()
    except docker.errors.NotFound:
        return "removed"
    except _failures() as error:
        return f"out of reach ({error})"
    return str(container.status)


def _log(container: Any, settings: Mapping[str, str]) -> list[str]:  # noqa: ANN401
    """Return the last lines of a container's log, without the values of settings that may be secret."""
    with suppress(*_failures()):
        text: str = container.logs(tail=200).decode(errors="replace")
        return without_values(text, settings).splitlines()
    return []
