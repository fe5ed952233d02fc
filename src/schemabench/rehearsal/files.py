"""A rehearsal's report in a file: Markdown, a page, or its figures as JSON.

Owns which suffix is which. Must not know what is in a report.
"""

import json
from pathlib import Path

import msgspec

from schemabench import placing, report
from schemabench.errors import UsageError
from schemabench.rehearsal.document import document
from schemabench.rehearsal.record import Rehearsal

SUFFIXES = (".md", ".html", ".json")


def check_path(path: Path) -> None:
    """Refuse a path before anything is measured, if no report can be written there.

    Raises:
        UsageError: With the reason.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"No report format for {path.suffix or 'a path without a suffix'}: {path}",
            remedies=[f"end the path in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"],
        )
    try:
        placing.check(path)
    except OSError as cause:
        raise _unwritten(path, cause) from cause


def write(found: Rehearsal, path: Path) -> None:
    """Write a report in the format of the path's suffix; replace an existing file.

    Raises:
        UsageError: The path cannot be written.
    """
    if path.suffix.lower() != ".json":
        report.write_document(document(found), path)
        return
    try:
        placing.replace(path, (json.dumps(msgspec.to_builtins(found), indent=2) + "\n").encode())
    except OSError as cause:
        raise _unwritten(path, cause) from cause


def _unwritten(path: Path, cause: OSError) -> UsageError:
    return UsageError(
        f"The report {path} cannot be written: {cause.strerror}",
        remedies=["name a path that you may write to: -o PATH"],
    )
