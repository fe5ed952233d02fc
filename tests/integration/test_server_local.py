"""Servers of our own: started, used, stopped, and cleaned up after in every way a run can end."""

# ruff: noqa: PT012 - an error is raised in mid-run, to see what becomes of the run

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import places
import programs
import psutil
import psycopg
import pytest
from programs import Program

from schemabench.errors import ServerError, UsageError
from schemabench.server import Needs, Server, binaries, folder, local, serve
from schemabench.server.binaries import Binaries, Wheel

FOUND = {one.major: one for one in reversed(binaries.survey().found)}
MAJORS = [
    pytest.param(
        major,
        marks=pytest.mark.skipif(major not in FOUND, reason=f"no programs of PostgreSQL {major} on this machine"),
    )
    for major in (15, 16, 17, 18)
]
NEWEST = str(max(FOUND, default=0))


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a place of its own for servers, and see that nothing is left there."""
    with places.place() as path:
        monkeypatch.setenv(folder.VARIABLE, str(path))
        yield path
        homes = path / "schemabench" / "servers"
        assert not homes.exists() or list(homes.iterdir()) == []
        assert _processes_below(path) == []


def _processes_below(place: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and process.cwd().startswith(f"{place}/"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _killed_run(spec: str) -> dict[str, object]:
    """Kill a run once its server is up, and return what it left."""
    program = (
        "import json, sys, time\nfrom schemabench.server import Needs, serve\n"
        f"with serve({spec!r}, Needs(clients=2), settings={{}}, run_id='dead') as server:\n"
        "    print(json.dumps({'data': str(server.data), 'pid': server.pids[0]}), flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program]
    with programs.start(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        left: dict[str, object] = json.loads(run.stdout.readline())
        run.kill()
        run.wait()  # what it started is left alone
    return left


def _shared_memory(pid: int, data: Path) -> tuple[list[Path], list[str]]:
    """Return the files and the System V segments that a running server shares with its sessions."""
    mapped = {Path(one.path) for one in psutil.Process(pid).memory_maps() if "/PostgreSQL." in one.path}
    _, segment = (data / "postmaster.pid").read_text().splitlines()[6].split()  # its key, and its number
    return sorted(mapped), [segment]


def _works(pid: int) -> bool:
    """Return whether a process is there that is more than a number which nobody has asked for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _stopped_within_initdb(place: Path, run: Program) -> tuple[list[Path], list[str]]:
    """Stop the first program that a run's initdb starts as soon as it shares memory, and return that."""
    while run.poll() is None:
        for pid_file in (place / "schemabench").glob("servers/*/data/postmaster.pid"):
            with suppress(OSError, ValueError, IndexError, psutil.Error):  # not yet there, half written, gone again
                number = int(pid_file.read_text().splitlines()[0])
                assert number < 0, "a postmaster, whose number is positive, is there: initdb is over"
                if shared := _stopped_with_memory(psutil.Process(-number), pid_file.parent):
                    return shared
        time.sleep(0.001)
    assert run.stderr is not None
    raise AssertionError(f"the run ended with {run.returncode} before a program shared memory:\n{run.stderr.read()!r}")


def _stopped_with_memory(process: psutil.Process, data: Path) -> tuple[list[Path], list[str]] | None:
    """Stop a process and return the memory that it shares, or let it go on where it shares none yet.

    A file counts once something is written to it: before, no server that follows could know of it.
    """
    process.suspend()
    shared = None
    try:
        while process.status() != psutil.STATUS_STOPPED:
            time.sleep(0)
        files, segments = _shared_memory(process.pid, data)
        if any(any(file.read_bytes()[:4]) for file in files):
            shared = files, segments
    finally:
        if shared is None:
            process.resume()
    return shared


def _left_of(memory: tuple[list[Path], list[str]]) -> tuple[list[Path], list[str]]:
    """Return what of it is still there."""
    files, segments = memory
    there = {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()}
    return [file for file in files if file.exists()], [segment for segment in segments if segment in there]


@pytest.mark.parametrize("major", MAJORS)
def test_a_server_of_each_version_is_started_used_and_removed(major: int) -> None:
    with serve(f"local:{major}", Needs(clients=9), settings={"work_mem": "8MB"}, run_id="run1") as server:
        template = server.create("template")
        with psycopg.connect(server.conninfo_for(template.name)) as connection:
            connection.execute("CREATE TABLE t AS SELECT 'ä' AS c")
        copy = server.clone(template, "Copy of it")
        with psycopg.connect(server.conninfo_for(copy.name)) as connection:
            assert connection.execute("SELECT c, current_setting('work_mem') FROM t").fetchone() == ("ä", "8MB")
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        server.drop(template)
        assert [database.name for database in server.databases] == ["sb_run1_copy_of_it"]
        assert server.record.version_num // 10000 == major
        assert server.is_local
        assert server.alive()
        assert server.failure() is None
        data, pids = server.data, server.pids

    assert data is not None
    assert not data.exists()
    assert not any(_works(pid) for pid in pids)


@pytest.mark.parametrize("wheel", binaries.WHEELS, ids=lambda wheel: wheel.distribution)
def test_the_programs_of_a_wheel_that_is_installed_are_not_passed_over(wheel: Wheel) -> None:
    spec = find_spec(wheel.package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{wheel.distribution} is not installed")
    package = Path(spec.origin).parent
    installed = {package / install / "bin" for install in wheel.installs if (package / install).exists()}

    survey = binaries.survey()

    assert installed
    assert installed <= {one.folder for one in survey.found}, survey.offers


def test_a_list_of_the_users_is_a_list_in_a_session() -> None:
    asked = {"search_path": 'app,"$user" , "Odd, ""name"""', "temp_tablespaces": "pg_default, pg_default"}
    with serve(NEWEST, Needs(clients=2), settings=asked, run_id="run1") as server:
        copy = server.clone(server.create("template"), "copy")
        with psycopg.connect(server.conninfo_for(copy.name), autocommit=True) as inside:
            inside.execute('CREATE SCHEMA app; CREATE SCHEMA "Odd, ""name"""')
            assert inside.execute("SELECT current_schemas(false)").fetchone() == (["app", 'Odd, "name"'],)
            assert inside.execute("SHOW temp_tablespaces").fetchone() == ("pg_default, pg_default",)


def test_the_password_of_a_server_is_in_none_of_its_words() -> None:
    with serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server:
        password = psycopg.conninfo.conninfo_to_dict(server.conninfo)["password"]
        words = repr([server, server.record, server.conninfo, server.conninfo_for("x"), server.notices])
        other = psycopg.conninfo.make_conninfo(server.conninfo, password="wrong")  # noqa: S106
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(other)
        left = list(server.data.parent.iterdir()) if server.data else []

    assert str(password) not in words
    assert "password" not in [path.name for path in left]


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_server_is_stopped_however_its_run_ends(ending: type[BaseException]) -> None:
    with pytest.raises(ending), serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server:
        pid = server.pids[0]
        server.create("left")
        raise ending

    assert not _works(pid)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"no_such_setting": "1"}, "unrecognized configuration parameter"),
        ({"work_mem": "lots"}, "invalid value"),
        ({"max_connections": "999999999"}, "outside the valid range"),
    ],
)
def test_a_setting_that_the_server_refuses_is_a_usage_error_in_its_words(settings: dict[str, str], words: str) -> None:
    with (
        pytest.raises(UsageError, match=words) as caught,
        serve(NEWEST, Needs(clients=2), settings=settings, run_id="run1"),
    ):
        pass

    assert next(iter(settings)) in caught.value.remedies[0]


def test_a_setting_that_may_be_secret_is_refused_without_its_value() -> None:
    with (
        pytest.raises(UsageError, match="--postgres-setting password_encryption: ") as caught,
        serve(NEWEST, Needs(clients=2), settings={"password_encryption": "hunter2"}, run_id="run1"),
    ):
        pass

    assert "hunter2" not in str(caught.value)


def test_too_few_connections_by_setting_are_told_with_the_numbers() -> None:
    with (
        pytest.raises(UsageError, match="--clients 20 is too much") as caught,
        serve(NEWEST, Needs(clients=20), settings={"max_connections": "20"}, run_id="run1"),
    ):
        pass

    assert "max_connections 20" in caught.value.checked[0]
    assert caught.value.remedies[0].startswith("fewer clients: --clients ")


def test_a_port_that_is_taken_meanwhile_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    free = local.free_port
    with serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as first:
        taken = int(psycopg.conninfo.conninfo_to_dict(first.conninfo)["port"] or 0)
        ports = iter([taken])
        monkeypatch.setattr(local, "free_port", lambda: next(ports, None) or free())
        with serve(NEWEST, Needs(clients=2), settings={}, run_id="run2") as second:
            assert second.alive()
            assert first.alive()


@pytest.mark.parametrize("major", MAJORS[:1] + MAJORS[-1:])
def test_what_a_killed_run_left_is_gone_when_the_next_has_begun(major: int) -> None:
    left = _killed_run(f"local:{major}")
    pid, data = int(str(left["pid"])), Path(str(left["data"]))
    shared = _shared_memory(pid, data)
    assert _left_of(shared) == shared

    with serve(NEWEST, Needs(clients=2), settings={}, run_id="next") as server:
        assert server.alive()
        assert not _works(pid)
        assert not data.exists()
        assert _left_of(shared) == ([], [])


@pytest.mark.parametrize("major", MAJORS[:1] + MAJORS[-1:])
def test_a_server_that_is_killed_leaves_no_shared_memory(major: int) -> None:
    with serve(f"local:{major}", Needs(clients=2), settings={}, run_id="run1") as server:
        assert server.data is not None
        shared = _shared_memory(server.pids[0], server.data)
        assert shared == _left_of(shared)
        assert shared[0]
        os.kill(server.pids[0], signal.SIGKILL)
        _wait_until_dead(server)

    assert _left_of(shared) == ([], [])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_while_its_cluster_is_made_leaves_no_shared_memory(
    place: Path, how: signal.Signals
) -> None:
    program = (
        "from schemabench.server import Needs, serve\n"
        f"with serve({NEWEST!r}, Needs(clients=2), settings={{}}, run_id='r'): ..."
    )
    with programs.start([sys.executable, "-c", program], stderr=subprocess.PIPE) as run:
        shared = _stopped_within_initdb(place, run)
        run.send_signal(how)
        run.communicate()
    assert run.returncode != 0

    with serve(NEWEST, Needs(clients=2), settings={}, run_id="next"):
        assert _left_of(shared) == ([], [])


def test_a_copy_has_the_settings_that_its_template_was_given() -> None:
    given = {"search_path": 'app, "Odd, name"', "app.list": "'a, b'", "work_mem": "'7MB'", "jit": "off"}
    with serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server:
        template = server.create("template")
        with psycopg.connect(server.conninfo_for(template.name), autocommit=True) as inside:
            for name, value in given.items():
                inside.execute(f"ALTER DATABASE {template.name} SET {name} TO {value}")
            inside.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {template.name} SET jit TO on")
        copies = [server.clone(template, label) for label in ("first", "second")]
        copies.append(server.clone(copies[0], "copy of a copy"))

        for copy in (template, *copies):
            with psycopg.connect(server.conninfo_for(copy.name)) as inside:
                seen = {name: inside.execute(f"SHOW {name}").fetchone() for name in given}
            assert seen == {
                "search_path": ('app, "Odd, name"',),
                "app.list": ("a, b",),
                "work_mem": ("7MB",),
                "jit": ("on",),
            }


def test_a_live_run_is_not_touched_by_another_that_begins_and_ends() -> None:
    with serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as first:
        with serve(NEWEST, Needs(clients=2), settings={}, run_id="run2"):
            pass
        assert first.alive()
        assert first.failure() is None


def test_a_process_that_only_inherited_a_dead_servers_number_is_not_ended(place: Path) -> None:
    home = folder.base() / "servers" / "dead-1"
    (home / "data").mkdir(parents=True)
    with programs.start(["sleep", "60"]) as other:
        (home / "data" / "postmaster.pid").write_text(f"{other.pid}\n{home / 'data'}\n")

        assert folder.sweep(local.end_leftovers) == ("dead-1",)
        assert other.poll() is None
        other.kill()
    assert place.exists()


def test_a_server_killed_in_mid_run_is_told_and_cleaned_up_without_masking_the_error() -> None:
    with (
        pytest.raises(ValueError, match="original") as caught,
        serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server,
    ):
        server.create("a")
        os.kill(server.pids[0], signal.SIGKILL)
        _wait_until_dead(server)
        failure = server.failure() or ""
        assert "SIGKILL" in failure
        assert "Its log ends" in failure
        with pytest.raises(ServerError, match="SIGKILL"):
            server.create("b")
        raise ValueError("original")

    assert not getattr(caught.value, "__notes__", [])


def test_a_crash_that_the_server_recovers_from_is_told() -> None:
    with serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server:
        with pytest.raises(psycopg.OperationalError), psycopg.connect(server.conninfo) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            connection.execute("SELECT pg_sleep(10)")

        assert "was terminated by signal 9" in (server.failure() or "")
        assert server.alive()
        server.create("after")


def test_ctrl_c_on_the_terminal_does_not_reach_the_server() -> None:
    with serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server:
        assert os.getpgid(server.pids[0]) != os.getpgid(0)


def test_long_paths_do_not_matter(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    long = place / ("long" * 30)
    long.mkdir()
    monkeypatch.setenv(folder.VARIABLE, str(long))

    with serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server:
        assert len(str(server.data)) > 107
        assert server.alive()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")
def test_programs_that_only_root_can_read_are_copied_once(place: Path) -> None:
    wheel = next((one for one in FOUND.values() if not one.name.startswith("local")), None)
    if wheel is None:
        pytest.skip("no wheel is installed")
    package = wheel.folder.parent.parent
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            programs.run(["cp", "-r", part, closed / part.name], check=True)
    spec = f"local:{closed / package.name / wheel.folder.parent.name / 'bin'}"

    for run in ("run1", "run2"):
        with serve(spec, Needs(clients=2), settings={}, run_id=run) as server:
            assert server.alive()

    assert len([path for path in (folder.base() / "binaries").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize("size", ["8m", "60m"])
def test_a_full_disk_is_told_with_what_to_do(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with places.small_disk(size) as small:
        monkeypatch.setenv(folder.VARIABLE, str(small))
        with (
            pytest.raises(ServerError, match=r"full|space") as caught,
            serve(NEWEST, Needs(clients=2), settings={}, run_id="run1") as server,
        ):
            assert server.notices[0].code == "data-in-memory"
            template = server.create("template")
            with (
                suppress(psycopg.Error),
                psycopg.connect(server.conninfo_for(template.name), autocommit=True) as connection,
            ):
                connection.execute("CREATE TABLE t AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
            server.clone(template, "copy")
            server.clone(template, "another copy")
        assert caught.value.remedies
        assert list((small / "schemabench" / "servers").iterdir()) == []


def _wait_until_dead(server: Server) -> None:
    deadline = time.monotonic() + 60
    while server.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_folder_of_programs_can_be_named() -> None:
    one: Binaries = FOUND[int(NEWEST)]

    with serve(f"local:{one.folder}", Needs(clients=2), settings={}, run_id="run1") as server:
        assert server.record.origin == f"local {one.folder} {one.version}"
