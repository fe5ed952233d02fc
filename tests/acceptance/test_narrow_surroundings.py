"""Little memory, little processor time, and users of whom the machine knows nothing: it works, or is told in words.

Surroundings are made by root, in a namespace of the run's own; whoever is not root skips these tests.
"""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import groups
import places
import programs
import pytest
import servers
from shared_server import Shared
from shop import Shop, assert_clear, said

import schemabench
from schemabench.machine import LEAST_MEMORY_MIB

UNKNOWN = 12345
"""A user of whom /etc/passwd says nothing, as `docker run -u 12345` has."""

PARALLEL_HASH = """
CREATE TABLE wide AS SELECT key, repeat('x', 400) AS text FROM generate_series(1, 200000) AS key;
ANALYZE wide;
SET work_mem = '512MB';
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(other.text) FROM wide JOIN wide AS other USING (key);
DROP TABLE wide;
"""
"""Takes 100 MB of shared memory, for a hash table of several processes."""


@pytest.fixture(autouse=True)
def _may_make_surroundings() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount, make control groups and become another user")
    if programs.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]).returncode != 0:  # noqa: S108
        pytest.skip("this container may not mount anything")


def mounted(*lines: str) -> list[str]:
    """Return the command that executes another one after lines of a shell script, with mounts that only these see."""
    return ["unshare", "--mount", "sh", "-ec", "\n".join((*lines, 'exec "$@"')), "sh"]


def shared_memory(size: str) -> list[str]:
    """Return the command that gives another one so much of /dev/shm, and leaves it the session's folder."""
    folder = shlex.quote(str(places.session()))
    kept = f"mount --bind {folder} /mnt", f"mkdir -p {folder}; mount --bind /mnt {folder}"
    return mounted(kept[0], f"mount -t tmpfs -o size={size} tmpfs /dev/shm", kept[1])


@pytest.mark.parametrize(
    ("major", "size"),
    [
        pytest.param(15, "64m", marks=pytest.mark.thorough),
        pytest.param(16, "1m", marks=pytest.mark.thorough),
        (18, "1m"),
        pytest.param(18, "64m", marks=pytest.mark.thorough),
    ],
)
def test_a_run_does_without_the_shared_memory_of_a_file_system(shop: Shop, major: int, size: str) -> None:
    if major not in servers.FOUND:
        pytest.skip(f"no PostgreSQL {major} here")
    shop.candidate("parallel", PARALLEL_HASH)
    result = shop.run_within(shared_memory(size), "--postgres", f"local:{major}", "--report", "run.md")

    assert result.ret == 0, said(result)
    assert "sysv" in shop.read("run.md")


def test_too_little_shared_memory_for_an_old_version_is_told_as_that(shop: Shop) -> None:
    if 15 not in servers.FOUND:
        pytest.skip("no PostgreSQL 15 here")
    result = shop.run_within(shared_memory("64k"), "--postgres", "local:15")

    assert_clear(result, "not enough space in /dev/shm", "docker run --shm-size")


@contextmanager
def within(controller: str, **limits: str) -> Iterator[list[str]]:
    """Yield the command that executes another one in a control group with these limits."""
    with groups.control_group(controller, **limits) as place:
        yield ["sh", "-ec", f'echo $$ > {place}/cgroup.procs; exec "$@"', "sh"]


@pytest.fixture
def disk() -> Iterator[Path]:
    """Return a folder that is not in memory, which would count as a run's own."""
    with tempfile.TemporaryDirectory(prefix="schemabench-test-disk-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@contextmanager
def little_memory(mebibytes: int) -> Iterator[list[str]]:
    """Yield the command that gives another one, and all that it starts, so much memory together."""
    size = str(mebibytes << 20)
    with within("memory", memory_max=size, memory_limit_in_bytes=size) as command:
        yield command


def test_a_run_fits_into_little_memory_and_sizes_its_server_by_it(shop: Shop, disk: Path) -> None:
    place = {"SCHEMABENCH_FOLDER": str(disk), "TMPDIR": str(disk)}
    with little_memory(256) as command:
        result = shop.run_within(command, "--postgres", "embedded", "--report", "run.md", **place)

    assert result.ret == 0, said(result)
    assert "256 MiB of " in shop.read("run.md")
    assert "64MB" in shop.read("run.md")


def test_too_little_memory_is_told_before_the_kernel_ends_anything(shop: Shop) -> None:
    with little_memory(LEAST_MEMORY_MIB - 64) as command:
        result = shop.run_within(command, "--postgres", "embedded")

    assert_clear(result, "Only 128 MiB of memory is available", f"needs {LEAST_MEMORY_MIB} MiB", "--memory")


def test_a_run_works_on_one_core_and_says_so(shop: Shop) -> None:
    result = shop.run_within(["taskset", "--cpu-list", "0"], "--postgres", "embedded", "--report", "run.md")

    assert result.ret == 0, said(result)
    assert os.cpu_count() == 1 or f"1 of {os.cpu_count()}" in shop.read("run.md")


def test_a_run_works_with_half_a_core_and_says_so(shop: Shop) -> None:
    limits = {"cpu_max": "50000 100000", "cpu_cfs_quota_us": "50000"}
    with within("cpu", **limits) as command:
        result = shop.run_within(command, "--postgres", "embedded", "--report", "run.md")

    assert result.ret == 0, said(result)
    assert f"0.5 of {os.cpu_count()}" in shop.read("run.md")


@pytest.fixture
def theirs(shop: Shop) -> Iterator[Shop]:
    """Return a project that belongs to a user whom nobody knows: all it has."""
    with places.place() as place:
        path = place / "shop"
        shutil.copytree(shop.path, path)
        for one in (place, path, *path.rglob("*")):
            os.chown(one, UNKNOWN, UNKNOWN)
        yield Shop.empty(path, {**shop.environment, "SCHEMABENCH_FOLDER": str(place), "TMPDIR": str(place)})


def as_user(uid: int, *lines: str, without: Sequence[str] = ("HOME", "USER", "LOGNAME")) -> list[str]:
    """Return the command that executes another one as a user, who sees only processes of its own."""
    unset = [part for name in without for part in ("-u", name)]
    hidden = "mount -t proc -o hidepid=2 proc /proc"
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "env", *unset]
    return [*mounted(*opened(), hidden, *lines), *become]


def opened() -> list[str]:
    """Return lines that let everyone enter the folders of Python and of ours, where only root may."""
    shown = {Path(sys.prefix), Path(sys.base_prefix), Path(schemabench.__file__).parents[1]}
    closed = {parent for path in shown for parent in path.parents if not parent.stat().st_mode & 0o001}
    lines = []
    for top in closed:
        inner = [shlex.quote(str(path)) for path in shown if top in path.parents]
        kept = [f"/mnt/{number}" for number in range(len(inner))]
        pairs = list(zip(inner, kept, strict=True))
        lines += ["mount -t tmpfs tmpfs /mnt", *(f"mkdir {new}; mount --bind {old} {new}" for old, new in pairs)]
        lines += [f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(top))}"]
        lines += [f"mkdir -p {old}; mount --bind {new} {old}" for old, new in pairs]
    return lines


def read_only() -> list[str]:
    """Return lines that let nothing be written but the session's folder and what is mounted beside the root."""
    folder = shlex.quote(str(places.session()))
    return [f"mount --bind {folder} {folder}", "mount -o remount,ro,bind /"]


@pytest.mark.parametrize("home", [[], ["HOME=/"]], ids=["no home", "the root for a home"])
def test_an_unknown_user_is_told_what_a_server_of_its_own_needs(theirs: Shop, home: list[str]) -> None:
    result = theirs.run_within([*as_user(UNKNOWN, *read_only()), *home], "--postgres", "embedded")

    assert_clear(result, f"The current user, number {UNKNOWN}, has no name", "/etc/passwd", "--postgres")


def test_an_unknown_user_without_a_folder_is_told_so(theirs: Shop) -> None:
    command = as_user(UNKNOWN, without=("HOME", "USER", "LOGNAME", "SCHEMABENCH_FOLDER"))
    result = theirs.run_within(command, "--postgres", "embedded")

    assert_clear(result, f"The current user, number {UNKNOWN}, has no name")


def test_an_unknown_user_ranks_on_a_server_that_runs(theirs: Shop, shared: Shared) -> None:
    command = as_user(UNKNOWN, *read_only(), without=("HOME", "USER", "LOGNAME", "SCHEMABENCH_FOLDER"))
    result = theirs.run_within(command, "--postgres", shared.dsn(), "--report", "run.md")

    assert result.ret == 0, said(result)


def test_an_unknown_user_sees_what_servers_there_are(theirs: Shop) -> None:
    program = "import sys; from schemabench.cli import main; sys.exit(main(['servers']))"
    done = programs.run(
        [*as_user(UNKNOWN), sys.executable, "-c", program], env=theirs.environment, capture_output=True, text=True
    )

    assert "Traceback" not in done.stderr
    assert "can be used" in done.stdout
    assert f"number {UNKNOWN}" in done.stdout + done.stderr


def known() -> list[str]:
    """Return lines that have the machine know the unknown user, and leave /mnt empty but for that."""
    entry = f"schemabench-test:x:{UNKNOWN}:{UNKNOWN}::/nonexistent:/bin/false"
    return [
        "mount -t tmpfs tmpfs /mnt",
        f"{{ cat /etc/passwd; echo {entry}; }} > /mnt/passwd",
        "mount --bind /mnt/passwd /etc/passwd",
    ]


def test_a_known_user_who_sees_no_processes_of_others_has_a_server(theirs: Shop) -> None:
    result = theirs.run_within(as_user(UNKNOWN, *known()), "--postgres", "embedded")

    assert result.ret == 0, said(result)


def test_a_home_that_cannot_be_written_is_passed_over(theirs: Shop) -> None:
    lines = ["mkdir /mnt/home", "chmod 555 /mnt/home"]
    command = [*as_user(UNKNOWN, *known(), *lines, without=("SCHEMABENCH_FOLDER",)), "env", "HOME=/mnt/home"]
    result = theirs.run_within(command, "--postgres", "embedded")

    assert result.ret == 0, said(result)
    assert list(Path(theirs.environment["TMPDIR"]).glob(f"schemabench-{UNKNOWN}/servers/*")) == []


@pytest.mark.parametrize("temporary", ["/mnt/closed", pytest.param("/nonexistent", marks=pytest.mark.thorough)])
def test_a_folder_for_temporary_files_that_is_not_there_is_passed_over(theirs: Shop, temporary: str) -> None:
    lines = ["mkdir /mnt/closed /mnt/home", "chmod 555 /mnt/closed", f"chown {UNKNOWN} /mnt/home"]
    command = [*as_user(UNKNOWN, *known(), *lines, without=("SCHEMABENCH_FOLDER",)), "env"]
    result = theirs.run_within([*command, "HOME=/mnt/home", f"TMPDIR={temporary}"], "--postgres", "embedded")

    assert result.ret == 0, said(result)
