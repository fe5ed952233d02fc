"""Workers on other machines, by execnet's own gateways: here all of them are this machine, reached over loopback."""

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import programs
import psutil
import pytest
import told
import waiting
from programs import Program
from shared_server import PASSWORD, Shared
from shop import Shop, assert_clear

END_S = 120
"""A run that has lost a machine ends sooner, however busy this one is."""
SERVERS_S = 1200
"""Those that the tests of this module share take no longer."""
CLIENTS = 4
NO_COPY = "--rsyncignore=*"
"""Without it xdist copies pytest itself into the other machine's folder."""
SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
PasswordAuthentication no
UsePAM no
StrictModes no
"""
SSH = """\
Host elsewhere
  HostName 127.0.0.1
  Port {port}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  BatchMode yes
"""


@dataclass(frozen=True, kw_only=True)
class Machines:
    """A user's project on two machines."""

    here: Shop
    elsewhere: Path
    """The same checkout on the other machine."""
    options: Sequence[str]
    """What runs are started with: the environment does not travel."""
    local: Mapping[str, Any]
    """The experiment, as one process on one machine finds it."""

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run the project with the workers given, to its end."""
        return self.here.run(*self._shared(*arguments))

    def start(self, *arguments: str) -> Program:
        """Start the project with the workers given."""
        return self.here.start(*self._shared(*arguments))

    def _shared(self, *arguments: str) -> tuple[str, ...]:
        return ("--dist", "load", NO_COPY, *self.options, *arguments)

    def other_environment(self) -> dict[str, str]:
        """Return what a process on the other machine finds in its environment: nothing of ours."""
        return {name: value for name, value in self.here.environment.items() if not name.startswith("SCHEMABENCH_")}

    def at_work(self) -> list[psutil.Process]:
        """Return the workers on the other machine."""
        return [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(self.elsewhere)]


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], shared: Shared
) -> Iterator[Machines]:
    """Return a project on two machines, and see that no worker stays behind."""
    folder = tmp_path_factory.mktemp("machines")
    here = Shop.open(folder / "shop", environment)
    shutil.copytree(here.path, elsewhere := folder / "elsewhere")
    options = ["--postgres", shared.dsn(), "--clients", str(CLIENTS), "--budget", "200ms", "--report=run.json"]
    here.run(*options).assert_outcomes(passed=2)
    machines = Machines(here=here, elsewhere=elsewhere, options=options, local=told.experiment(here))
    yield machines
    assert machines.at_work() == []


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an ssh server with keys of its own; return xdist's word for a worker over it."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    sshd = shutil.which("sshd", path=places)
    if sshd is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        pytest.skip("sshd, ssh or ssh-keygen is missing: apt-get install openssh-server")
    folder, port = tmp_path_factory.mktemp("ssh"), _free_port()
    for name in ("host", "user"):
        programs.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    key = (folder / "host.pub").read_text(encoding="utf-8")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}", encoding="utf-8")
    (folder / "sshd_config").write_text(SSHD.format(port=port, folder=folder), encoding="utf-8")
    (folder / "ssh_config").write_text(SSH.format(port=port, folder=folder), encoding="utf-8")
    cell = Path("/run/sshd")  # where sshd shuts itself in when it is root; its package makes it when the service starts
    made = os.geteuid() == 0 and not cell.exists()
    if made:
        cell.mkdir(mode=0o755)
    command = [sshd, "-D", "-e", "-f", folder / "sshd_config"]
    try:
        with (folder / "log").open("wb") as log, programs.start(command, stderr=log, limit_s=SERVERS_S) as server:
            waiting.until(lambda: _listens(port))
            yield f"ssh=elsewhere//ssh_config={folder}/ssh_config//python={sys.executable}"
            waiting.until(lambda: psutil.Process(server.pid).children() == [])
    finally:
        if made:
            cell.rmdir()


@pytest.fixture(scope="module")
def socket_server(machines: Machines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start execnet's socket server; return xdist's word for a worker in it."""
    with _socket_server(machines, tmp_path_factory.mktemp("socket")) as (spec, server):
        yield spec
        waiting.until(lambda: psutil.Process(server.pid).children() == [])


@contextmanager
def _socket_server(machines: Machines, folder: Path) -> Iterator[tuple[str, Program]]:
    port = _free_port()
    command = [sys.executable, "-m", "execnet.script.socketserver", f"127.0.0.1:{port}"]
    environment = machines.other_environment()
    with (
        (folder / "log").open("wb") as log,
        programs.start(command, cwd=folder, env=environment, stdout=log, limit_s=SERVERS_S) as server,
    ):
        waiting.until(lambda: _listens(port))
        yield f"socket=127.0.0.1:{port}", server


def test_libpqs_variables_go_along_to_another_machine(machines: Machines, shared: Shared, ssh: str) -> None:
    given = [*machines.options, "--postgres", f"postgresql://{shared.place}/postgres"]
    workers = ["--tx", "popen", "--tx", f"{ssh}//chdir={machines.elsewhere}"]
    result = machines.here.run("--dist", "load", NO_COPY, *given, *workers, PGUSER="maker", PGPASSWORD=PASSWORD)

    assert result.ret == 0
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("way", ["ssh", "socket_server"])
def test_a_worker_on_another_machine_does_its_part(
    machines: Machines, way: str, request: pytest.FixtureRequest
) -> None:
    spec = request.getfixturevalue(way)

    result = machines.run("--tx", "popen", "--tx", f"{spec}//chdir={machines.elsewhere}")

    assert result.ret == 0
    result.assert_outcomes(passed=2)
    _assert_like_local(machines, workers=2)


def test_several_workers_behind_a_proxy_do_their_part(machines: Machines, socket_server: str) -> None:
    proxied = f"2*popen//via=elsewhere//chdir={machines.elsewhere}"

    result = machines.run("--px", f"id=elsewhere//{socket_server}", "--tx", "popen", "--tx", proxied)

    assert result.ret == 0
    result.assert_outcomes(passed=2)
    _assert_like_local(machines, workers=3)


def test_a_machine_with_another_checkout_is_refused(machines: Machines, ssh: str) -> None:
    file = machines.elsewhere / "schemas" / "orders" / "without_index.sql"
    known = file.read_text(encoding="utf-8")
    file.write_text(f"{known}\n-- a line that nobody else has\n", encoding="utf-8")

    result = machines.run("--tx", "popen", "--tx", f"{ssh}//chdir={machines.elsewhere}")
    file.write_text(known, encoding="utf-8")

    assert_clear(result, "The worker gw1 gave up", "The files or the options of orders typical differ between workers")


def test_a_leader_on_another_machine_needs_a_server_that_all_reach(machines: Machines, ssh: str) -> None:
    result = machines.run(
        "--tx", f"{ssh}//chdir={machines.elsewhere}", "--tx", "popen", "--postgres", "embedded", "--report=none.json"
    )

    assert_clear(result, "The worker gw0 is on another machine", "--postgres postgresql://user@host:5432/database")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_machine_that_is_cut_off_ends_the_run(machines: Machines, ssh: str, shared: Shared) -> None:
    run = machines.start("--tx", "popen", "--tx", f"{ssh}//chdir={machines.elsewhere}", "--budget", "60s")
    _await_trials(machines, shared, run)
    for process in machines.at_work():
        process.kill()
    cut_s = time.monotonic()

    result = machines.here.finish(run)

    assert time.monotonic() - cut_s < END_S
    assert_clear(result, "The worker gw1 ", "the trial of")
    assert machines.at_work() == []


@pytest.mark.thorough
def test_an_interrupt_that_ends_ssh_keeps_the_service_times_of_the_other_machine(
    machines: Machines, ssh: str, shared: Shared
) -> None:
    far = f"{ssh}//chdir={machines.elsewhere}"
    run = machines.start("--tx", "popen", "--tx", far, "--budget=60s", "--burst=24", "--report=interrupted.json")
    _await_trials(machines, shared, run)
    time.sleep(5)  # for some blocks
    for process in (run, *psutil.Process(run.pid).children(recursive=True)):
        process.send_signal(signal.SIGINT)  # as a terminal does

    result = machines.here.finish(run)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    (experiment,) = json.loads(machines.here.read("interrupted.json"))["schemabench"]["experiments"]
    assert experiment["stopped"] == "interrupted"
    for one in experiment["candidates"]:
        calls = sum(trial["operations"] for trial in one["trials"] if not trial["warmup"])
        assert sum(latency["count"] for latency in one["latencies"]) == calls


@pytest.mark.parametrize("proxied", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_a_machine_that_is_stopped_behind_a_socket_server_ends_the_run(
    machines: Machines, shared: Shared, tmp_path: Path, *, proxied: bool
) -> None:
    with _socket_server(machines, tmp_path) as (spec, server):
        others = ["--px", f"id=elsewhere//{spec}", "--tx", "popen//via=elsewhere"] if proxied else ["--tx", spec]
        run = machines.start("--tx", "popen", *others[:-1], f"{others[-1]}//chdir={machines.elsewhere}", "--budget=60s")
        _await_trials(machines, shared, run)
        workers = machines.at_work()
        for process in (psutil.Process(server.pid), *workers):
            process.suspend()
        stopped_s = time.monotonic()
        result = machines.here.finish(run)

    assert time.monotonic() - stopped_s < END_S
    (gone,) = [server.pid] if not proxied else [process.pid for process in workers]
    assert_clear(result, "The worker gw1 was stopped", "the trial of", f"process {gone} on {socket.gethostname()}")


def test_a_worker_over_ssh_that_is_suspended_ends_the_run_is_named_and_does_not_stay(
    machines: Machines, ssh: str, shared: Shared
) -> None:
    run = machines.start("--tx", "popen", "--tx", f"{ssh}//chdir={machines.elsewhere}", "--budget", "60s")
    _await_trials(machines, shared, run)
    (worker,) = machines.at_work()
    worker.suspend()
    stopped_s = time.monotonic()
    try:
        result = machines.here.finish(run)

        assert time.monotonic() - stopped_s < END_S
        assert_clear(result, "The worker gw1 was stopped", f"of process {worker.pid} on {socket.gethostname()} has")
        waiting.until(lambda: machines.at_work() == [])
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def _await_trials(machines: Machines, shared: Shared, run: Program) -> None:
    try:
        waiting.until(lambda: shared.executes("orders_typical_without_index"))
    except AssertionError:
        run.terminate()
        machines.here.finish(run)
        raise


def _assert_like_local(machines: Machines, workers: int) -> None:
    """Check that a run found what one process finds, and that so many workers took part in every trial."""
    experiment = told.experiment(machines.here)
    trials = told.trials(experiment)

    assert told.without_clocks(experiment) == told.without_clocks(machines.local)
    assert {len(trial["busy_shares"]) for trial in trials} == {workers}
    assert all(share > 0 for trial in trials for share in trial["busy_shares"])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
