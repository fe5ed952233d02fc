"""Servers in Docker containers: these tests need a daemon and an image, and are skipped where one is missing."""

# ruff: noqa: PT012 - an error is raised in mid-run, to see what becomes of the run

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import places
import programs
import psycopg
import pytest

from schemabench.errors import ServerError, UsageError
from schemabench.server import Needs, container, folder, serve

IMAGE = "postgres:15"
SECRET = "hunter2-of-the-container"  # noqa: S105 (the setting that must not be seen)


def _missing() -> str | None:
    if (reason := container.survey().reason) is not None:
        return reason
    client = docker.from_env()
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        return f"no image {IMAGE} on this machine"
    finally:
        client.close()
    return None


@pytest.fixture(scope="module", autouse=True)
def _daemon_and_image() -> None:
    if (reason := _missing()) is not None:
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with places.place() as path:
        monkeypatch.setenv(folder.VARIABLE, str(path))
        yield path


@pytest.fixture
def daemon() -> Iterator[Any]:
    client = docker.from_env()
    before = {one.id for one in client.containers.list(all=True, filters={"label": container.LABEL})}
    yield client
    after = {one.id for one in client.containers.list(all=True, filters={"label": container.LABEL})}
    client.close()
    assert after <= before


def _ours(daemon: Any, run_id: str) -> list[Any]:  # noqa: ANN401 - docker ships no types
    containers = daemon.containers.list(all=True, filters={"label": container.LABEL})
    return [one for one in containers if one.labels[container.LABEL].startswith(f"{run_id}-")]


def test_a_container_serves_and_is_removed(daemon: Any) -> None:  # noqa: ANN401
    with serve("docker:15", Needs(clients=9), settings={"work_mem": "8MB"}, run_id="run1") as server:
        copy = server.clone(server.create("template"), "copy")
        with psycopg.connect(server.conninfo_for(copy.name)) as connection:
            assert connection.execute("SHOW work_mem").fetchone() == ("8MB",)
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert server.record.origin.startswith("docker postgres:15 (PostgreSQL 15.")
        assert server.alive()
        assert len(_ours(daemon, "run1")) == 1

    assert _ours(daemon, "run1") == []


def test_a_container_that_is_killed_in_mid_run_is_told(daemon: Any) -> None:  # noqa: ANN401
    with (
        pytest.raises(ServerError, match="the container of docker postgres:15 is exited"),
        serve(f"docker:{IMAGE}", Needs(clients=2), settings={}, run_id="run1") as server,
    ):
        _ours(daemon, "run1")[0].kill()
        server.create("a")


def test_a_setting_that_the_container_refuses_is_a_usage_error_at_once(daemon: Any) -> None:  # noqa: ANN401
    with (
        pytest.raises(UsageError, match="unrecognized configuration parameter"),
        serve("docker:15", Needs(clients=2), settings={"no_such_setting": "1"}, run_id="run1"),
    ):
        pass

    assert _ours(daemon, "run1") == []


def test_a_setting_that_may_be_secret_is_seen_by_nobody_who_may_use_docker(daemon: Any) -> None:  # noqa: ANN401
    settings = {"ssl_passphrase_command": f"echo {SECRET}", "work_mem": "8MB", "log_statement": "all"}
    with serve("docker:15", Needs(clients=2), settings=settings, run_id="run1") as server:
        with psycopg.connect(server.conninfo) as connection:
            assert connection.execute("SHOW ssl_passphrase_command").fetchone() == (f"echo {SECRET}",)
            assert connection.execute("SHOW work_mem").fetchone() == ("8MB",)
        (ours,) = _ours(daemon, "run1")
        ours.reload()
        assert SECRET not in json.dumps(ours.attrs)
        assert SECRET not in json.dumps(ours.top())
        assert SECRET not in ours.logs().decode()


def test_a_secret_setting_that_the_container_refuses_is_told_without_it(daemon: Any) -> None:  # noqa: ANN401
    with (
        pytest.raises(UsageError, match="--postgres-setting no_such_password") as caught,
        serve("docker:15", Needs(clients=2), settings={"no_such_password": SECRET}, run_id="run1"),
    ):
        pass

    assert SECRET not in str(caught.value)
    assert _ours(daemon, "run1") == []


def test_the_container_of_a_killed_run_is_removed_by_the_next_run_of_any_kind(daemon: Any) -> None:  # noqa: ANN401
    program = (
        "import time\nfrom schemabench.server import Needs, serve\n"
        "with serve('docker:15', Needs(clients=2), settings={}, run_id='dead'):\n"
        "    print('up', flush=True)\n    time.sleep(60)\n"
    )
    with programs.start([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        run.kill()
        run.wait()  # what it started is left alone
    assert len(_ours(daemon, "dead")) == 1

    with pytest.raises(ServerError), serve("postgresql://127.0.0.1:1/d", Needs(clients=2), settings={}, run_id="next"):
        pass

    assert _ours(daemon, "dead") == []


def test_without_a_daemon_the_error_says_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    with (
        pytest.raises(ServerError, match="no Docker daemon answers") as caught,
        serve("docker:15", Needs(clients=2), settings={}, run_id="run1"),
    ):
        pass

    assert any("--postgres embedded" in remedy for remedy in caught.value.remedies)
