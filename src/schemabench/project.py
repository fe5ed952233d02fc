"""Where a project is: the folder below which its workloads and candidates are found.

Owns the answer alone. Must not know what is in it beside pytest's own files.
"""

from pathlib import Path

import pytest

_CONFIGURED = {
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
"""File -> what it holds where it makes a folder the root of pytest."""


def is_configured(folder: Path) -> bool:
    """Return whether pytest finds an ini file in a folder, or above it."""
    found = [(one / name, section) for one in (folder, *folder.parents) for name, section in _CONFIGURED.items()]
    return any(
        file.is_file() and section in file.read_text(encoding="utf-8", errors="replace") for file, section in found
    )


def find(config: pytest.Config, workloads: Path) -> Path:
    """Return the folder of a project: pytest's root, or the first one with workloads from where it was started upwards.

    Without an ini file, pytest's root hangs on what its arguments name: the value of `--report ../run.html` is one of
    them as soon as the file is there.

    Args:
        config: Of pytest.
        workloads: The folder of workloads, within the project.
    """
    if config.inipath and (config.rootpath / workloads).is_dir():
        return config.rootpath
    here = config.invocation_params.dir
    return next((one for one in (here, *here.parents) if (one / workloads).is_dir()), config.rootpath)
