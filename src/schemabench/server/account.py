"""Which user of this machine a server's programs run as, and how they are run.

Owns the one rule that Postgres imposes: it refuses to run as root. Must not know which program it runs.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

from schemabench.errors import ServerError

CANDIDATES = ("postgres", "nobody")
"""Unprivileged users that a machine may have, the fittest first."""
PROGRAM_LIMIT_S = 120.0
"""How long initdb may take before it counts as stuck; it takes about half a second."""


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
    """Return the user that a server must run as, or None where that is the user we are.

    Raises:
        ServerError: We are root and the machine has no unprivileged user.
    """
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 (not on Windows, where reports are drawn all the same)

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


def run(command: Sequence[str | Path], account: Account | None, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as the account, inside `folder`, and return its exit code and output."""
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


def _identity(account: Account | None) -> _Identity:
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    """Return our environment without what would steer Postgres, or tell it a password."""
    steering = ("PG", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}  # messages that we can read; initdb need not guess a time zone
