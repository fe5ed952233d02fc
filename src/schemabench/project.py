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
_WORKLOADS = "workloads"
"""A project's folder of workloads, unless an option says another."""


def is_configured(folder: Path) -> bool:
    """Return whether a new project in a folder needs no ini file: pytest finds one above, of no other project."""
    root = next(filter(_is_root, (folder, *folder.parents)), None)
    return root is not None and not (root / _WORKLOADS).is_dir()


def _is_root(folder: Path) -> bool:
    return any(
        (file := folder / name).is_file() and section in file.read_text(encoding="utf-8", errors="replace")
        for name, section in _CONFIGURED.items()
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
