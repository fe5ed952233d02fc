"""Golden files: what a format looks like, kept to be read and compared.

To accept a change, run the test with `UPDATE_GOLDEN=1` in the environment, and read the difference in git.
"""

import os
from pathlib import Path

_FOLDER = Path(__file__).with_name("golden")


def check(name: str, found: str) -> None:
    """Compare a text with its golden file, or replace the file where `UPDATE_GOLDEN` is set."""
    path = _FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found, encoding="utf-8")
    expected = path.read_text(encoding="utf-8")
    assert found == expected, f"{path} differs; where that is meant, run again with UPDATE_GOLDEN=1"
