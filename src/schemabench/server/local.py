"""A server of our own on this machine: initdb, start, stop, and ending the server of a killed run.

Owns the lifetime of its processes and its data folder. Listens on loopback with a password of its own and on no Unix
socket, since a socket's path may not exceed 107 bytes. Must not know what the server is used for.
"""

import hashlib
import hmac
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from psycopg.conninfo import make_conninfo

from schemabench.errors import SchemabenchError, ServerError, UsageError
from schemabench.records import Notice
from schemabench.redaction import hides, without_values
from schemabench.server import account, folder
from schemabench.server.account import Account
from schemabench.server.binaries import PROGRAMS, Binaries, reachable
from schemabench.server.database import NO_SPACE
from schemabench.server.dsn import COMPLETE, Conninfo
from schemabench.server.source import LOG_LINES

START_LIMIT_S = 60.0
"""Time limit for a server to accept connections; half a second is usual."""
STOP_LIMIT_S = 10.0
"""Time limit for a server to stop; the postmaster itself kills its children after five seconds."""
POLL_S = 0.01
"""Interval between checks of a starting server."""
PORT_ATTEMPTS = 5
"""Number of ports tried, in case another process takes ours between choosing and using it."""
_PROGRAM = "postgres"
"""A link to the server program, next to the data folder, for the next run in case this one is killed."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (a file system, not a file whose name could be guessed)
SHARED_MEMORY_BYTES = 1 << 30
"""Space that parallel queries and counters of many connections may need there; containers have 64 MB by default."""
_WITHOUT_IT = {"dynamic_shared_memory_type": "sysv"}
"""The same memory by the older interface, which no file system limits."""
_CHOICE_SINCE = 16
"""The first version whose initdb accepts settings; older ones use their defaults."""
_CHECKSUMS_SINCE = 18
"""The first version whose pages have checksums unless initdb is told otherwise."""
MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
"""File systems on which fsync costs nothing, so that writes look cheaper than they are."""


@dataclass(kw_only=True, eq=False)
class LocalServer:
    """A running server whose processes and folder are ours."""

    conninfo: Conninfo
    """The maintenance database, with the password."""
    origin: str
    """The server's source, to be shown."""
    process: subprocess.Popen[bytes]
    """The postmaster."""
    data: Path
    """The data folder."""
    log: Path
    """The server's standard error, which includes statements: no other user may read it."""
    binaries: Binaries
    """Its programs."""
    settings: Mapping[str, str]
    """What it was started with."""
    owned: bool = True
    """Whether the server ends with the run."""
    _told_bytes: int = field(default=0, init=False)
    """How much of the log tells of crashes that are over."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The postmaster's process id and those of its children at this moment."""
        with suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children()
            return (self.process.pid, *(child.pid for child in children))
        return ()

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Caveats for figures from this server."""
        kind = _file_system(self.data)
        if kind not in MEMORY_FILE_SYSTEMS:
            return ()
        text = f"The server's data folder is in memory ({kind}), where fsync costs nothing: {folder.REMEDY}."
        return (Notice(code="data-in-memory", text=text),)

    def another(self, settings: Mapping[str, str], run_id: str) -> AbstractContextManager["LocalServer"]:
        """Return a server of the same programs and settings, but for some, and without checksums of pages."""
        return start(self.binaries, {**self.settings, **settings}, [], run_id, checksums=False)

    def alive(self) -> bool:
        """Return whether the postmaster runs."""
        return self.process.poll() is None

    def forget_crashes(self) -> None:
        """Leave out of `failure` the crashes from which it has recovered."""
        with suppress(OSError):
            self._told_bytes = self.log.stat().st_size

    def failure(self) -> str | None:
        """Return how the server died, or how it crashed and recovered, with the end of its log; None if it did not."""
        if (code := self.process.poll()) is None:
            lines = _tail(self.log, 1000, self.settings, after_bytes=self._told_bytes)
            crashes = [line.strip() for line in lines if "was terminated by signal" in line or "PANIC:" in line]
            told = "; ".join(crashes[-2:])
            return f"a process of the server ended and the server restarted: {told}" if crashes else None
        end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        log = "\n".join(f"  {line}" for line in _tail(self.log, 1000, self.settings)[-LOG_LINES:])
        return f"the server (process {self.process.pid}) {end}\nIts log ends:\n{log}"


@contextmanager
def start(
    binaries: Binaries, settings: Mapping[str, str], asked: Sequence[str], run_id: str, *, checksums: bool = True
) -> Iterator[LocalServer]:
    """Create a cluster, start its server, and always remove both at the end of the block.

    `asked` names the user's settings, so that an error in one is attributed to the user. Pages have checksums if that
    is the version's default and `checksums` holds.

    Raises:
        ServerError: It cannot be created or started; holds the program's message.
        UsageError: The server refuses a setting of the user's.
    """
    user = server_user()
    binaries = reachable(binaries, user)
    with folder.hold(run_id) as home:
        account.admit(home, user)
        (home / _PROGRAM).symlink_to(binaries.folder / "postgres")
        password = secrets.token_urlsafe(24)
        unsummed = [] if checksums or binaries.major < _CHECKSUMS_SINCE else ["--no-data-checksums"]
        data = _initdb(binaries, home, user, password, settings, unsummed)
        process, port = _launch(binaries, home, data, settings, asked, user)
        try:
            words = {**COMPLETE, "user": "postgres", "password": password, "dbname": "postgres"}
            yield LocalServer(
                conninfo=Conninfo(make_conninfo("", **words, port=port, application_name="schemabench")),
                origin=binaries.name if binaries.version in binaries.name else f"{binaries.name} {binaries.version}",
                process=process,
                data=data,
                log=home / "log",
                binaries=binaries,
                settings=settings,
            )
        finally:
            _stop(process, data)


def shared_memory() -> dict[str, str]:
    """Return the settings of a server that must do without `/dev/shm` because that is small."""
    with suppress(OSError):
        if shutil.disk_usage(SHARED_MEMORY).free < SHARED_MEMORY_BYTES:
            return _WITHOUT_IT
    return {}


def end_leftovers(home: Path) -> bool:
    """End the server that a killed run left in its folder, if it runs, and return True: the folder may be removed.

    Only Postgres processes whose working folder is this one are ended: the process id in `postmaster.pid` may have been
    reused.
    """
    _clear(home / "data")
    return True


def server_user() -> Account | None:
    """Return the user that our servers run as, or None if that is the current user."""
    return account.server_account()


def _initdb(  # noqa: PLR0913, PLR0917 - the parts of one command line
    binaries: Binaries,
    home: Path,
    user: Account | None,
    password: str,
    settings: Mapping[str, str],
    more: Sequence[str],
) -> Path:
    data, password_file = home / "data", home / "password"
    data.mkdir(mode=0o700)
    account.give(data, user)
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_verifier(password))
    account.give(password_file, user)
    command: list[str | Path] = [binaries.folder / "initdb", "-D", data, "-U", "postgres", f"--pwfile={password_file}"]
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    if binaries.major >= _CHOICE_SINCE:  # initdb runs a server, too
        options += [f"--set={name}={settings[name]}" for name in _WITHOUT_IT if name in settings]
    try:
        done = account.run([*command, *options, *more], user, home)
    except (OSError, subprocess.SubprocessError) as error:
        raise ServerError(f"initdb of {binaries.name} cannot be run: {error}", remedies=_other_servers()) from error
    finally:
        password_file.unlink()
        _clear(data)  # an interrupted initdb leaves its server running
    if done.returncode != 0:
        raise _failed("initdb", binaries, (done.stdout + done.stderr).splitlines(), data)
    return data


def _verifier(password: str) -> str:
    """Return what the server keeps of a password, as SCRAM-SHA-256 (RFC 5802) has it, with one iteration.

    Iterations make weak passwords dear to guess, and each connection: with the usual 4,096, milliseconds. Ours has 192
    random bits.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations=1)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    parts = (salt, stored, hmac.digest(salted, b"Server Key", "sha256"))
    return "SCRAM-SHA-256$1:{}${}:{}".format(*(b64encode(part).decode() for part in parts))


def _kept_out_of_sight(data: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Write the settings that may hold a secret into the server's configuration; return those for its command line.

    A command line is visible to every user of the machine.
    """
    secret = {name: value for name, value in settings.items() if hides(name)}
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = '{_escaped(value)}'\n" for name, value in secret.items())
    return {name: value for name, value in settings.items() if name not in secret}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")


def _launch(  # noqa: PLR0913, PLR0917 - the parts of one command line
    binaries: Binaries,
    home: Path,
    data: Path,
    settings: Mapping[str, str],
    asked: Sequence[str],
    user: Account | None,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the postmaster and return it and its port once it accepts connections."""
    seen = _kept_out_of_sight(data, settings)
    lines: list[str] = []
    for _ in range(PORT_ATTEMPTS):
        port = free_port()
        network = {"listen_addresses": "127.0.0.1", "port": str(port)}
        together = {"unix_socket_directories": "", **seen, **network}
        arguments = [f"--{name}={value}" for name, value in together.items()]
        with os.fdopen(os.open(home / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
            process = account.spawn([binaries.folder / "postgres", "-D", data, *arguments], user, home, log)
        try:
            if _wait(process, data):
                return process, port
        except BaseException:
            _stop(process, data)
            raise
        _stop(process, data)
        lines = _tail(home / "log", 200, settings)
        if not any("Address already in use" in line for line in lines):
            break
    raise _refused_setting(lines, asked) or _failed("postgres", binaries, lines, data)


def free_port() -> int:
    """Return a loopback port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _wait(process: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until the postmaster reports that it is ready; return False if it ends or takes too long."""
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
            # the eighth line is the status: https://www.postgresql.org/docs/current/storage-file-layout.html
            if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":  # noqa: PLR2004
                return True
        time.sleep(POLL_S)
    return False


def _stop(process: subprocess.Popen[bytes], data: Path) -> None:
    """End a server without a checkpoint, since its data are removed, too."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _clear(data)


def _clear(data: Path) -> None:
    """End the processes that outlived a killed postmaster, and free its shared memory."""
    _kill_all_in(data)
    lock = data / "postmaster.pid"
    if lock.exists():  # an orderly shutdown removes it, after all shared memory
        with suppress(OSError, subprocess.SubprocessError):
            lock.unlink()  # its process id stays taken until the process is reaped
            # a starting server frees the shared memory of its folder's last server; with --check it then ends
            account.run([data.parent / _PROGRAM, "--check", "-D", data], server_user(), data.parent)


def _kill_all_in(data: Path) -> None:
    """Kill every server process of an abandoned data folder, the postmaster first, since it starts others."""
    deadline = time.monotonic() + STOP_LIMIT_S
    while (processes := _processes_in(data)) and time.monotonic() < deadline:  # a process may be waiting for the disk
        for process in sorted(processes, key=lambda process: process.pid):
            with suppress(psutil.Error):
                process.kill()
        time.sleep(POLL_S)


def _processes_in(data: Path) -> list[psutil.Process]:
    """Return the Postgres processes whose working folder is the data folder, as is that of every server process."""
    place = str(data.resolve())
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name().startswith(PROGRAMS) and (_works_in(process, place) or place in process.cmdline()):
                found.append(process)
    return found


def _works_in(process: psutil.Process, place: str) -> bool:
    try:
        return bool(process.cwd() == place)
    except psutil.AccessDenied:
        return False


def _file_system(path: Path) -> str:
    parents = {str(path), *(str(parent) for parent in path.parents)}
    mounts = [part for part in psutil.disk_partitions(all=True) if part.mountpoint in parents]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else ""


def _tail(log: Path, limit: int, settings: Mapping[str, str], *, after_bytes: int = 0) -> list[str]:
    """Return the last lines of a log, or of its end, without the values of settings that may be secret."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(after_bytes)
        text = file.read().decode(errors="replace")
        return without_values("\n".join(text.splitlines()[-limit:]), settings).splitlines()
    return []


def _refused_setting(lines: Sequence[str], asked: Sequence[str]) -> SchemabenchError | None:
    """Return a usage error if the server refused a setting of the user's."""
    for line in lines:
        for name in asked:
            if f'"{name}"' in line and ("FATAL" in line or "LOG" in line):
                said = line.partition("FATAL:")[2] or line.partition("LOG:")[2]
                return UsageError(
                    f"The server refuses --postgres-setting {name}: {said.strip()}",
                    remedies=[f"correct or leave out --postgres-setting {name}=..."],
                )
    return None


def _failed(program: str, binaries: Binaries, lines: Sequence[str], data: Path) -> ServerError:
    said = [line for line in lines if line.strip()]
    telling = [line for line in said if "FATAL" in line or "error" in line.lower()] or said[-1:]
    detail = telling[0].strip() if telling else "it printed no message"
    if any("shared memory segment" in line and NO_SPACE in line for line in said):
        return ServerError(
            f"There is not enough space in {SHARED_MEMORY}: {program} of {binaries.name}: {detail}",
            remedies=[
                "allow more: `docker run --shm-size 1g`, or as root `mount -o remount,size=1g /dev/shm`",
                "use a newer version, which does not need that space: --postgres embedded",
            ],
        )
    if any(NO_SPACE in line for line in said):
        return ServerError(
            f"The disk is full: {program} of {binaries.name} could not write to {data}: {detail}",
            remedies=["free some space there", folder.REMEDY, "use a server elsewhere: --postgres postgresql://..."],
        )
    return ServerError(
        f"{program} of {binaries.name} failed: {detail}", checked=said[-LOG_LINES:], remedies=_other_servers()
    )


def _other_servers() -> list[str]:
    return ["list the available servers: `schemabench servers`", "use another server: --postgres SPEC"]
