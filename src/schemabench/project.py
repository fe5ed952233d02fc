"""The folder of a project, which contains its workloads and candidates.

Owns only its location. Must not know any of its content except pytest's own files.
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
"""File -> the section by which it makes a folder the root of pytest."""


def is_configured(folder: Path) -> bool:
    """Return whether pytest finds an ini file in a folder or above it."""
    found = [(one / name, section) for one in (folder, *folder.parents) for name, section in _CONFIGURED.items()]
    return any(
        file.is_file() and section in file.read_text(encoding="utf-8", errors="replace") for file, section in found
    )


def find(config: pytest.Config, workloads: Path) -> Path:
    """Return the folder of a project: pytest's root, or the closest one with workloads from the working folder upwards.

    Without an ini file, pytest's root depends on its arguments: the value of `--report ../run.html` is one of them as
    soon as the file exists.

    Args:
        config: pytest's configuration.
        workloads: The folder of workloads, within the project.
    """
    if config.inipath and (config.rootpath / workloads).is_dir():
        return config.rootpath
    here = config.invocation_params.dir
    return next((one for one in (here, *here.parents) if (one / workloads).is_dir()), config.rootpath)
