"""Folders of servers: held while their run lives, swept afterwards."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import places
import platformdirs
import programs
import pytest
from filelock import FileLock

from schemabench.errors import ServerError
from schemabench.server import folder


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with places.place() as path:
        monkeypatch.setenv(folder.VARIABLE, str(path))
        yield path


def test_a_folder_lives_as_long_as_its_block() -> None:
    with folder.hold("run1") as home:
        (home / "data").mkdir()
        (home / "data" / "file").write_text("x")
        assert home.name.startswith("run1-")

    assert not home.exists()


def test_a_folder_goes_when_its_block_fails() -> None:
    with pytest.raises(KeyboardInterrupt), folder.hold("run1") as home:
        raise KeyboardInterrupt

    assert not home.exists()


def test_a_folder_that_may_not_go_at_its_end_is_left_to_the_next_sweep() -> None:
    with folder.hold("run1", lambda _: False) as home:
        (home / "marker").touch()

    assert (home / "marker").exists()
    assert folder.sweep(lambda _: True) == (home.name,)
    assert not home.exists()


def test_a_live_folder_is_never_swept() -> None:
    with folder.hold("run1") as home:
        assert folder.sweep(lambda _: True) == ()
        assert home.exists()


def test_the_folder_of_a_killed_process_is_swept() -> None:
    program = "import os\nfrom schemabench.server import folder\nwith folder.hold('dead'): os.kill(os.getpid(), 9)"
    programs.run([sys.executable, "-c", program])
    ended = []

    swept = folder.sweep(lambda home: ended.append(home) is None)

    assert [name[:5] for name in swept] == ["dead-"]
    assert [home.exists() for home in ended] == [False]


def test_a_folder_that_may_not_go_yet_is_left_for_the_next_run() -> None:
    home = folder.base() / "servers" / "dead-1"
    home.mkdir()

    assert folder.sweep(lambda _: False) == ()
    assert home.exists()
    assert folder.sweep(lambda _: True) == ("dead-1",)
    assert not home.exists()


def test_a_folder_locked_by_another_is_left_alone() -> None:
    home = folder.base() / "servers" / "live-1"
    home.mkdir()

    with FileLock(home / "lock"):
        assert folder.sweep(lambda _: True) == ()
    assert folder.sweep(lambda _: True) == ("live-1",)


def test_a_place_that_cannot_be_used_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    (place / "file").write_text("x")
    monkeypatch.setenv(folder.VARIABLE, str(place / "file"))

    with pytest.raises(ServerError, match="No folder is available") as caught:
        folder.base()

    assert str(place / "file") in caught.value.checked[0]
    assert folder.VARIABLE in caught.value.remedies[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")
def test_root_refuses_a_place_that_the_server_cannot_reach(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    (place / "closed").mkdir(mode=0o700)
    monkeypatch.setenv(folder.VARIABLE, str(place / "closed"))

    with pytest.raises(ServerError) as caught:
        folder.base()

    assert "closed to the unprivileged user" in caught.value.checked[0]


def test_a_folder_that_is_a_link_to_somebodys_project_is_not_used_and_nothing_there_goes(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    project = place / "project"
    (project / "servers" / "precious").mkdir(parents=True)
    shared = place / "shared"
    shared.mkdir()
    (shared / "schemabench").symlink_to(project)
    monkeypatch.setenv(folder.VARIABLE, str(shared))

    with pytest.raises(ServerError, match="No folder is available") as caught:
        folder.sweep(lambda _: True)
    assert (project / "servers" / "precious").is_dir()
    assert caught.value.checked[0].endswith("schemabench is a link, or not a folder")


def test_the_folder_of_servers_may_be_no_link_either(place: Path) -> None:
    (place / "project" / "precious").mkdir(parents=True)
    (place / "schemabench").mkdir()
    (place / "schemabench" / "servers").symlink_to(place / "project")

    with pytest.raises(ServerError, match="No folder is available"):
        folder.sweep(lambda _: True)
    assert (place / "project" / "precious").is_dir()


def test_a_link_among_the_folders_of_servers_is_left_alone(place: Path) -> None:
    (place / "project").mkdir()
    (folder.base() / "servers" / "looks-like-one").symlink_to(place / "project")

    assert folder.sweep(lambda _: True) == ()
    assert [*(place / "project").iterdir()] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(place: Path) -> None:
    (place / "schemabench").mkdir()
    os.chown(place / "schemabench", 12345, 12345)

    with pytest.raises(ServerError) as caught:
        folder.base()
    assert caught.value.checked[0].endswith("schemabench belongs to another user")


DEAD, LIVE = "schemabench-0123abcd-0123456789abcdef", "schemabench-0123abcd-fedcba9876543210"
"""Names of meetings."""


def _killed_in_a_meeting(place: Path) -> None:
    program = (
        "import os\nfrom pathlib import Path\nfrom schemabench.server import folder\n"
        f"with folder.hold_meeting(Path({str(place)!r})): os.kill(os.getpid(), 9)"
    )
    programs.run([sys.executable, "-c", program])
    assert place.is_dir()


def test_the_folder_of_a_meeting_that_was_killed_goes_with_the_next_sweep(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    _killed_in_a_meeting(place / DEAD)
    with folder.hold_meeting(place / LIVE):
        folder.sweep(lambda _: True)
        assert (place / LIVE).stat().st_mode & 0o777 == 0o700

        assert not (place / DEAD).exists()
    assert not (place / LIVE).exists()


@pytest.mark.parametrize("name", ["schemabench-results", f"{DEAD}-mine", DEAD.upper(), f"my-{DEAD}"])
def test_a_folder_that_only_resembles_a_meeting_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, place: Path, name: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    (place / name).mkdir()
    (place / name / "lock").touch()
    folder.sweep(lambda _: True)

    assert (place / name / "lock").exists()


def test_a_meeting_that_was_killed_before_it_had_its_name_goes_unless_it_may_be_about_to_have_it(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    draft = place / f".{DEAD}"
    draft.mkdir()
    (draft / "lock").touch()
    folder.sweep(lambda _: True)
    assert draft.is_dir()

    os.utime(draft, (0, 0))
    folder.sweep(lambda _: True)
    assert not draft.exists()


def test_folders_on_the_way_are_open_to_the_servers_user_whatever_the_mask(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    monkeypatch.setenv(folder.VARIABLE, str(place / "deep" / "deeper"))
    before = os.umask(0o077)
    try:
        assert folder.base() == (place / "deep" / "deeper" / "schemabench").resolve()
    finally:
        os.umask(before)


def test_a_user_without_a_home_has_a_folder_among_temporary_ones(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.delenv(folder.VARIABLE)
    monkeypatch.setattr(folder.platformdirs, "site_cache_path", lambda *_, **__: Path("~/.cache/schemabench"))
    monkeypatch.setattr(folder.platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache/schemabench"))
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    assert folder.base() == (place / f"schemabench-{os.geteuid()}").resolve()
    assert not Path("~").exists()


def test_a_user_without_a_home_has_a_folder_among_those_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv(folder.VARIABLE)
    monkeypatch.setattr(platformdirs, "site_cache_path", unknown)
    monkeypatch.setattr(platformdirs, "user_cache_path", unknown)
    with places.place() as path:
        monkeypatch.setattr(tempfile, "tempdir", str(path))
        assert folder.base() == path / f"schemabench-{os.geteuid()}"
