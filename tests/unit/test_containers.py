"""Containers of our own, without a daemon: they are removed by their label, or stay with what finds them again."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import places
import pytest
import requests

from schemabench.errors import ServerError, UsageError
from schemabench.server import container, folder
from schemabench.server.dsn import Conninfo

SLOW = requests.ReadTimeout("read timed out")
REFUSED = docker.errors.APIError("removal is in progress")
SECRET = "hunter2"  # noqa: S105 (the value that must not be seen)


class Daemon:
    """A Docker daemon, as far as it is asked.

    Attributes:
        containers: Label -> whether its container is there.
        failure: What it answers to everything about containers.
        start_fails: What it answers to the making of one.
        limits_s: How long each client waits for an answer.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.failure: Exception | None = None
        self.start_fails: Exception | None = None
        self.limits_s: list[int] = []
        self.lines: list[str] = []
        self.containers = self

    def list(self, *, filters: dict[str, str], **_: bool) -> list[Any]:
        """Return the containers with a label."""
        label = filters["label"].removeprefix(f"{container.LABEL}=")
        return [SimpleNamespace(remove=lambda name=one, **_: self._remove(name)) for one in self.found if one == label]

    def _remove(self, name: str) -> None:
        if self.failure:
            raise self.failure
        self.found.remove(name)

    def _start(self, name: str) -> None:
        if self.start_fails:
            raise self.start_fails
        self.found.append(name)

    def info(self) -> dict[str, int]:
        """Fail."""
        raise SLOW

    @contextmanager
    def client(self, limit_s: int = container.DAEMON_LIMIT_S) -> Iterator["Daemon"]:
        """Connect."""
        self.limits_s.append(limit_s)
        yield self

    def postgres(self, *_: str, **__: object) -> Any:  # noqa: ANN401 (as testcontainers has it)
        """Return a container that is to be started."""
        wrapped = SimpleNamespace(reload=lambda: None, status="exited", logs=lambda **_: "\n".join(self.lines).encode())
        labels: dict[str, str] = {}
        return SimpleNamespace(
            with_env=lambda *_: None,
            with_command=lambda _: None,
            with_kwargs=lambda **given: labels.update(given["labels"]),
            start=lambda: self._start(labels[container.LABEL]),
            get_docker_client=lambda: SimpleNamespace(client=SimpleNamespace(close=lambda: None)),
            get_wrapped_container=lambda: wrapped,
        )


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    daemon = Daemon()
    monkeypatch.setattr(container, "_daemon_trouble", lambda: None)
    monkeypatch.setattr(container, "_client", daemon.client)
    monkeypatch.setattr(container, "_container_class", lambda: daemon.postgres)
    with places.place() as path:
        monkeypatch.setenv(folder.VARIABLE, str(path))
        yield daemon


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers be up as soon as they are started."""
    monkeypatch.setattr(container, "_wait", lambda *_: Conninfo("host=h"))


def _homes() -> list[Path]:
    return [*(folder.base() / "servers").iterdir()]


@pytest.mark.usefixtures("up")
def test_a_container_goes_with_its_block_and_its_folder_too(daemon: Daemon) -> None:
    with container.start("postgres:16", {}, "run"):
        (home,) = _homes()
        assert daemon.found == [home.name]

    assert daemon.found == []
    assert _homes() == []
    assert daemon.limits_s == [container.REMOVAL_LIMIT_S], "a container with its files may take long"


@pytest.mark.parametrize("failure", [SLOW, REFUSED])
@pytest.mark.usefixtures("up")
def test_a_container_that_cannot_be_removed_is_told_and_found_again(daemon: Daemon, failure: Exception) -> None:
    with pytest.raises(ServerError, match="may be left") as caught, container.start("postgres:16", {}, "run"):
        daemon.failure = failure

    (home,) = _homes()
    assert home.name in caught.value.what
    assert any(f"label={container.LABEL}={home.name})" in remedy for remedy in caught.value.remedies)
    assert folder.sweep(container.end_leftovers) == (), "the next run does not fail by it"
    daemon.failure = None
    assert folder.sweep(container.end_leftovers) == (home.name,)
    assert daemon.found == []


@pytest.mark.usefixtures("up")
def test_a_container_that_cannot_be_removed_does_not_hide_what_ended_the_run(daemon: Daemon) -> None:
    with pytest.raises(UsageError, match="mine") as caught, container.start("postgres:16", {}, "run"):  # noqa: PT012 (mid-run)
        daemon.failure = SLOW
        raise UsageError("mine")

    assert "may be left" in str(caught.value)
    assert len(_homes()) == 1


@pytest.mark.parametrize("made", [True, False], ids=["by then", "afterwards"])
def test_a_container_whose_making_was_interrupted_is_removed_or_found_by_the_next_run(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, *, made: bool
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        (home,) = _homes()
        if made:
            daemon.found.append(home.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(container, "_begin", interrupt)
    with pytest.raises(KeyboardInterrupt), container.start("postgres:16", {}, "run"):
        pass

    assert daemon.found == []
    if not made:
        (home,) = _homes()
        daemon.found.append(home.name)  # by a daemon that was slow
        assert folder.sweep(container.end_leftovers) == (home.name,)
        assert daemon.found == []
    assert _homes() == []


@pytest.mark.parametrize("failure", [SLOW, REFUSED], ids=["late", "refused"])
def test_a_container_that_may_still_be_made_after_an_answer_that_was_late_is_found_by_the_next_run(
    daemon: Daemon, failure: Exception
) -> None:
    daemon.start_fails = failure
    with pytest.raises(ServerError, match="No server from the Docker image"), container.start("postgres:16", {}, "run"):
        pass

    if failure is REFUSED:
        assert _homes() == [], "the daemon itself says that there is none"
        return
    (home,) = _homes()
    daemon.found.append(home.name)
    assert folder.sweep(container.end_leftovers) == (home.name,)
    assert daemon.found == []
    assert _homes() == []


def test_a_daemon_that_does_not_say_its_memory_is_no_error(daemon: Daemon) -> None:
    assert container.memory_bytes() is None
    assert daemon.limits_s == [container.DAEMON_LIMIT_S]


def test_a_secret_setting_that_a_container_refuses_as_it_starts_again_is_told_without_it(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter(["running", "exited", "exited"])
    monkeypatch.setattr(container, "_status", lambda _: next(states, "exited"))
    monkeypatch.setattr(container, "_addresses", lambda *_: [("h", 1)])
    monkeypatch.setattr(container, "opened", lambda _: nullcontext())
    monkeypatch.setattr(container, "_tell", lambda *_: None)
    monkeypatch.setattr(container, "_begin", lambda *_, **__: None)
    daemon.lines = [f'FATAL:  invalid value for parameter "ssl_passphrase_command": "{SECRET}"']

    settings = {"ssl_passphrase_command": SECRET}
    with pytest.raises(UsageError, match="ssl_passphrase_command") as caught:
        container.start("postgres:16", settings, "run").__enter__()

    assert SECRET not in str(caught.value)
    wrapped = daemon.postgres().get_wrapped_container()
    server = container.ContainerServer(
        conninfo=Conninfo(""), origin="docker postgres:16", container=wrapped, settings=settings
    )
    assert "ssl_passphrase_command" in (server.failure() or "")
    assert SECRET not in f"{server.failure()}{server}"
