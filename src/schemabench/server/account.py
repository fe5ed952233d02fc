"""The user account that runs a server's programs, and the ways to run them.

Owns Postgres's rule that a server must not run as root, and the environment variables that its programs get. Must not
know which program it runs.
"""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

from schemabench.errors import ServerError

OWN = "schemabench"
CANDIDATES = (OWN, "nobody", "postgres")
"""Unprivileged users that a machine may have, in order of preference: our own; one that owns nothing; one that may own
the data of other servers, which a candidate's SQL could then read."""
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")
"""The variables that a server's programs need. Any other may hold a secret, such as a token or a password, that a
candidate's SQL could read: `pg_read_file('/proc/self/environ')`."""
PROGRAM_LIMIT_S = 120.0
"""Time limit for initdb, which usually takes half a second."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """An unprivileged user that runs a server for root."""

    name: str
    """As in `postgres`."""
    uid: int
    """The user's number."""
    gid: int
    """The number of the user's group."""


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def server_account() -> Account | None:
    """Return the user that a server must run as, or None if that is the current user.

    Raises:
        ServerError: The current user is root and the machine has no unprivileged user, or the current user has no name.
    """
    import pwd  # noqa: PLC0415 (not on Windows, where reports are drawn all the same)

    if os.geteuid() != 0:
        with suppress(KeyError):
            pwd.getpwuid(os.geteuid())
            return None
        raise ServerError(
            f"The current user, number {os.geteuid()}, has no name on this machine, and Postgres needs one",
            remedies=[
                "run as a user with an entry in /etc/passwd",
                "use a server on another machine: --postgres postgresql://user@host:5432/database",
            ],
        )
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise ServerError(
        "Postgres refuses to run as root, and this machine has no unprivileged user to run it",
        checked=[f"user {name}: none" for name in CANDIDATES],
        remedies=["make one: `useradd --system postgres`", "run schemabench as an ordinary user"],
    )


def shared_account() -> tuple[str, ...]:
    """Return a warning if other programs may run as the user of our servers, too.

    Raises:
        ServerError: As `server_account`.
    """
    account = server_account()
    if account is None or account.name == OWN:
        return ()
    said = (
        f"When root starts a server, it runs as the user {account.name!r}: other processes of {account.name!r} could "
        f"read its data, and a candidate's SQL could read files of {account.name!r}. To use a separate user: useradd "
        f"--system {OWN}"
    )
    return (said,)


def run(command: Sequence[str | Path], account: Account | None, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program as the account, inside `folder`, and return its exit code and output."""
    return subprocess.run(  # noqa: S603 - programs of a Postgres installation that the user chose
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=PROGRAM_LIMIT_S,
        cwd=folder,
        env=_environment(),
        start_new_session=True,
        **_identity(account),
    )


def spawn(
    command: Sequence[str | Path], account: Account | None, folder: Path, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a program as the account, inside `folder`, in a session of its own so that Ctrl-C does not reach it."""
    return subprocess.Popen(  # noqa: S603 - programs of a Postgres installation that the user chose
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=folder,
        env=_environment(),
        start_new_session=True,
        **_identity(account),
    )


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of a file or folder."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def admit(folder: Path, account: Account | None) -> None:
    """Let the account, and no other user, pass through a folder of ours."""
    if account is not None:
        os.chown(folder, -1, account.gid)
        folder.chmod(0o710)


def _identity(account: Account | None) -> _Identity:
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """Return the environment of a server's programs."""
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}  # messages that we can read; initdb need not guess a time zone
