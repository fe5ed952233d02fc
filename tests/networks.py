"""Machines of a network, played by namespaces of this one: what passes between them is delayed on its way.

A namespace lives as long as its holder, a program of the test's, and a link as long as its relay: nothing is left
behind, however the test ends. The links are TUN devices whose packets one relay carries from each to the others
(`delaying`). It needs no queueing discipline of the kernel (`netem`), which many kernels lack.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import delaying
import places
import programs
import psutil
import pytest
import servers
import waiting

from schemabench.server import account, binaries, folder, local

TOOLS = ("ip", "nsenter", "unshare", "hostname")
PORT = 5432


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A namespace with an address and a host name of its own."""

    address: str
    holder: int
    """The process that keeps it alive."""

    @property
    def enter(self) -> list[str]:
        """The command that executes there what follows it."""
        return ["nsenter", "--target", str(self.holder), "--net", "--uts"]


@contextmanager
def network(names: Sequence[str], *, one_way_ms: float) -> Iterator[list[Machine]]:
    """Yield machines on one network; skip the test where they cannot be made.

    Args:
        names: The host name of each.
        one_way_ms: What a packet takes from one to another.
    """
    require()
    with ExitStack() as stack:
        machines = [
            Machine(address=f"10.213.77.{number}", holder=_held(name, stack)) for number, name in enumerate(names, 1)
        ]
        devices = {f"sb{one.holder}": one for one in machines}
        relay = [sys.executable, "-I", "-S", delaying.__file__, str(one_way_ms)]
        relay += [f"{name}={one.address}" for name, one in devices.items()]
        carrying = stack.enter_context(programs.start(relay, stdout=subprocess.PIPE, text=True))
        assert carrying.stdout is not None, "a pipe was asked for"
        assert carrying.stdout.readline() == "ready\n"
        for name, one in devices.items():
            for command in (
                ["ip", "link", "set", name, "netns", str(one.holder)],
                [*one.enter, "ip", "link", "set", "lo", "up"],
                [*one.enter, "ip", "address", "add", f"{one.address}/24", "dev", name],
                [*one.enter, "ip", "link", "set", name, "up"],
            ):
                programs.run(command, check=True)
        yield machines


@contextmanager
def serving(machine: Machine) -> Iterator[str]:
    """Run a server that syncs nothing on a machine, and yield its DSN for all machines of the network.

    It is swept as those of runs are, should the test be killed.
    """
    program, user, password = binaries.survey().found[0], account.server_account(), secrets.token_urlsafe(24)
    program = local.reachable(program, user)
    with places.place() as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv(folder.VARIABLE, str(path))
        with folder.hold("network") as home:
            account.admit(home, user)
            (home / local._PROGRAM).symlink_to(program.folder / "postgres")
            data = local._initdb(program, home, user, password, {}, [])
            with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
                rules.write(f"host all all {machine.address}/24 scram-sha-256\n")
            settings = {**servers.SMALL, "listen_addresses": machine.address, "unix_socket_directories": ""}
            identity = [] if user is None else ["--setuid", str(user.uid), "--setgid", str(user.gid)]
            command: list[str | Path] = [*machine.enter, *identity, program.folder / "postgres", "-D", data]
            command += [f"--{name}={value}" for name, value in settings.items()]
            with (home / "log").open("wb") as log:
                process = account.spawn(command, None, home, log)
            try:
                assert local._wait(process, data), (home / "log").read_text(encoding="utf-8")
                yield f"postgresql://postgres:{password}@{machine.address}:{PORT}/postgres"
            finally:
                local._stop(process, data)


def require() -> None:
    """Skip the test where networks cannot be made."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: apt-get install iproute2 util-linux hostname")
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    if not Path(delaying.DEVICE).exists():
        pytest.skip(f"{delaying.DEVICE} is missing, by which packets can be delayed")
    if programs.run(["unshare", "--net", "--uts", "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this container may not make network namespaces")


def _held(name: str, stack: ExitStack) -> int:
    """Make a namespace with a host name, and return the process that keeps it alive as long as the stack."""
    hold = ["unshare", "--net", "--uts", "sleep", str(programs.LIMIT_S)]
    holder = stack.enter_context(programs.start(hold)).pid
    waiting.until(lambda: psutil.Process(holder).name() == "sleep")  # by then it is in its namespace
    programs.run(["nsenter", "--target", str(holder), "--uts", "hostname", name], check=True)
    return holder
