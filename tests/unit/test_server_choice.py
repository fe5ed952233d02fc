"""What is found on a machine, and which of it is preferred."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from schemabench.errors import ServerError, UsageError
from schemabench.server import binaries, choice, container, serve
from schemabench.server.admission import Needs
from schemabench.server.binaries import Binaries, Survey, inspect
from schemabench.server.offer import Offer
from schemabench.server.spec import Anything, Image, LocalFolder, LocalMajor

NO_DOCKER = Offer(name="docker", version=None, reason="no Docker daemon answers")


def _programs(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def _found(version: str, name: str = "local") -> Binaries:
    return Binaries(name=f"{name} {version}", folder=Path("/x"), version=version, major=int(version.partition(".")[0]))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_up(*found: Binaries, docker: Offer = NO_DOCKER) -> None:
        offers = tuple(Offer(name=one.name, version=one.version, reason=None) for one in found)
        monkeypatch.setattr(binaries, "survey", lambda: Survey(found=found, offers=offers))
        monkeypatch.setattr(container, "survey", lambda: docker)

    return set_up


def test_a_folder_with_both_programs_is_of_use(tmp_path: Path) -> None:
    found, offer = inspect(_programs(tmp_path / "bin", "16.14 (Debian 16.14-1)"), "local x")

    assert found == Binaries(name="local x", folder=tmp_path / "bin", version="16.14", major=16)
    assert str(offer) == "local x (PostgreSQL 16.14): can be used"


def test_a_folder_without_initdb_is_passed_over_with_the_reason(tmp_path: Path) -> None:
    (_programs(tmp_path / "bin", "16.14") / "initdb").unlink()

    found, offer = inspect(tmp_path / "bin", "local x")

    assert found is None
    assert "has no initdb" in str(offer)


def test_programs_that_cannot_be_run_are_passed_over_with_their_own_words(tmp_path: Path) -> None:
    programs = _programs(tmp_path / "bin", "16.14")
    (programs / "initdb").write_text("#!/bin/sh\necho 'libpq.so.5: cannot open shared object file' >&2\nexit 127\n")

    found, offer = inspect(programs, "local x")

    assert found is None
    assert "libpq.so.5" in str(offer)


def test_an_old_version_is_passed_over(tmp_path: Path) -> None:
    found, offer = inspect(_programs(tmp_path / "bin", "9.6.24"), "local x")

    assert found is None
    assert "older than 14" in str(offer)


def test_a_beta_version_is_read(tmp_path: Path) -> None:
    found, _ = inspect(_programs(tmp_path / "bin", "19beta1"), "local x")

    assert found is not None
    assert (found.version, found.major) == ("19beta1", 19)


def test_the_first_found_is_taken(machine: Callable[..., None]) -> None:
    machine(_found("18.6", "wheel"), _found("17.1"))

    assert choice.choose(Anything(major=None)) == _found("18.6", "wheel")
    assert choice.choose(Anything(major=17)) == _found("17.1")
    assert choice.choose(LocalMajor(major=17)) == _found("17.1")


def test_docker_serves_what_the_machine_does_not(machine: Callable[..., None]) -> None:
    machine(_found("18.6"), docker=Offer(name="docker", version=None, reason=None))

    assert choice.choose(Anything(major=16)) == Image(image="postgres:16")


def test_where_nothing_is_to_be_had_the_error_lists_what_was_passed_over(machine: Callable[..., None]) -> None:
    machine(_found("18.6"))

    with pytest.raises(ServerError, match="No PostgreSQL 16 server is available") as caught:
        choice.choose(Anything(major=16))

    assert caught.value.checked == ("local 18.6: can be used", "docker: no Docker daemon answers")
    assert caught.value.remedies


def test_a_local_version_that_is_missing_is_answered_with_those_that_are_there(machine: Callable[..., None]) -> None:
    machine(_found("18.6"), _found("15.1"))

    with pytest.raises(UsageError, match="PostgreSQL 99 is not installed") as caught:
        choice.choose(LocalMajor(major=99))

    assert caught.value.remedies[:2] == ("--postgres local:18", "--postgres local:15")


def test_a_version_that_is_too_old_is_refused_at_once(machine: Callable[..., None]) -> None:
    machine()

    with pytest.raises(UsageError, match="older than 14"):
        choice.choose(Anything(major=12))


def test_a_folder_may_be_named_with_or_without_its_bin(tmp_path: Path) -> None:
    programs = _programs(tmp_path / "bin", "16.14")

    for path in (tmp_path, programs):
        chosen = choice.choose(LocalFolder(folder=path))
        assert isinstance(chosen, Binaries)
        assert chosen.folder == programs


def test_a_folder_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no postgres and no initdb"):
        choice.choose(LocalFolder(folder=tmp_path / "nothing"))


def test_databases_of_a_throw_away_server_cannot_be_kept() -> None:
    server = serve("embedded", Needs(clients=1), settings={}, run_id="r", keep_databases=True)

    with pytest.raises(UsageError, match="--keep-databases"), server:
        pass


@pytest.mark.parametrize(("daemon", "buffers"), [(1 << 30, "256MB"), (None, "1024MB")])
def test_the_cache_of_a_container_is_sized_for_the_daemons_machine(
    monkeypatch: pytest.MonkeyPatch, daemon: int | None, buffers: str
) -> None:
    monkeypatch.setattr(choice.machine, "memory_bytes", lambda: 64 << 30)
    monkeypatch.setattr(container, "memory_bytes", lambda: daemon)
    monkeypatch.setattr(container, "start", lambda *_: nullcontext())
    with ExitStack() as stack:
        _, ours, _ = choice._source(stack, Image(image="postgres:15"), {}, Needs(clients=4), "run", None)

    assert ours["shared_buffers"] == buffers


def test_a_wheel_is_never_imported() -> None:
    import sys  # noqa: PLC0415

    binaries.survey()

    assert not {wheel.package for wheel in binaries.WHEELS} & set(sys.modules)
