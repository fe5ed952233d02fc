"""The machine: what is refused, in which words, and how much of it may be used."""

import os
import platform
import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from schemabench import machine
from schemabench.errors import ServerError, UsageError


@pytest.mark.parametrize(("system", "words"), [("Darwin", "Darwin"), ("Windows", "Windows"), ("", "an unknown system")])
def test_a_system_other_than_linux_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, system: str, words: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)

    with pytest.raises(UsageError, match=f"schemabench measures on Linux only; this machine runs {words}") as refused:
        machine.check()

    assert "epoll and timerfd" in str(refused.value)
    assert "a container or a virtual machine is enough" in str(refused.value)


def test_linux_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")

    machine.check()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that plays what the kernel tells of a host and of this process."""
    monkeypatch.setattr(machine, "_BOOT", tmp_path / "boot_id")
    monkeypatch.setattr(machine, "_NAMESPACES", tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "one")
    (tmp_path / "boot_id").write_text("12ab\n")
    (tmp_path / "time").symlink_to("time:[1]")
    (tmp_path / "pid").symlink_to("pid:[1]")
    return tmp_path


def test_containers_of_one_machine_share_a_clock_but_not_the_numbers_of_processes(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, processes = machine.clock(), machine.processes()
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    (kernel / "pid").unlink()
    (kernel / "pid").symlink_to("pid:[2]")

    assert machine.clock() == clock
    assert machine.processes() != processes


@pytest.mark.parametrize(("name", "text"), [("boot_id", "34cd"), ("time", "time:[2]")])
def test_hosts_of_one_name_and_namespaces_of_time_have_clocks_of_their_own(kernel: Path, name: str, text: str) -> None:
    clock = machine.clock()
    (kernel / name).unlink()
    if name == "time":
        (kernel / name).symlink_to(text)
    else:
        (kernel / name).write_text(text)

    assert machine.clock() != clock


def test_where_the_kernel_tells_nothing_hosts_are_told_apart_by_their_names(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in kernel.iterdir():
        file.unlink()
    first = machine.clock(), machine.processes()
    monkeypatch.setattr(socket, "gethostname", lambda: "another")

    assert first == ("one", "one")
    assert (machine.clock(), machine.processes()) == ("another", "another")


def test_a_process_of_another_container_is_not_taken_for_one_of_the_same_number_here(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "Process", lambda _: SimpleNamespace(status=lambda: psutil.STATUS_STOPPED))
    here = machine.processes()

    assert machine.is_suspended(here, 7)
    (kernel / "pid").unlink()
    (kernel / "pid").symlink_to("pid:[2]")
    assert not machine.is_suspended(here, 7)


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that plays the file system of control groups, and have the file that names our own beside it."""
    monkeypatch.setattr(machine, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")
    return tmp_path


def test_without_control_groups_all_of_the_machine_may_be_used(groups: Path) -> None:
    assert not (groups / "own").exists()
    assert machine.memory_bytes() == psutil.virtual_memory().total
    assert machine.cores() == len(os.sched_getaffinity(0))


def test_the_narrowest_of_the_groups_around_us_holds(groups: Path) -> None:
    (groups / "own").write_text("0::/outer/inner\n")
    for name, memory, cpu in (("outer", "67108864", "25000 100000"), ("outer/inner", "max", "max 100000")):
        place = groups / "cgroup" / name
        place.mkdir(parents=True)
        (place / "memory.max").write_text(f"{memory}\n")
        (place / "cpu.max").write_text(f"{cpu}\n")

    assert machine.memory_bytes() == 64 << 20
    assert machine.cores() == 0.25


def test_a_container_finds_its_own_group_at_the_top(groups: Path) -> None:
    (groups / "own").write_text("4:memory:/docker/12ab\n1:cpu,cpuacct:/docker/12ab\n0::/\n")
    for place, name, text in (
        ("memory", "memory.limit_in_bytes", "67108864"),
        ("cpu,cpuacct", "cpu.cfs_quota_us", "50000"),
        ("cpu,cpuacct", "cpu.cfs_period_us", "100000"),
    ):
        (groups / "cgroup" / place).mkdir(parents=True, exist_ok=True)
        (groups / "cgroup" / place / name).write_text(f"{text}\n")

    assert machine.memory_bytes() == 64 << 20
    assert machine.cores() == 0.5
    assert machine.described()["memory"].startswith("64.0 MiB of ")


def test_a_group_of_the_old_kind_without_limits_limits_nothing(groups: Path) -> None:
    (groups / "own").write_text("4:memory:/\n1:cpu:/\n")
    for place, name, text in (
        ("memory", "memory.limit_in_bytes", "9223372036854771712"),
        ("cpu", "cpu.cfs_quota_us", "-1"),
        ("cpu", "cpu.cfs_period_us", "100000"),
    ):
        (groups / "cgroup" / place).mkdir(parents=True, exist_ok=True)
        (groups / "cgroup" / place / name).write_text(f"{text}\n")

    assert machine.memory_bytes() == psutil.virtual_memory().total
    assert machine.cores() == len(os.sched_getaffinity(0))


def test_too_little_memory_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: 128 << 20)
    with pytest.raises(ServerError, match="Only 128 MiB of memory is available") as refused:
        machine.check_memory()
    assert any("docker run --memory" in remedy for remedy in refused.value.remedies)
