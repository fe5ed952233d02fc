"""Reports and run files on disk.

Owns reading run files, and writing reports completely or not at all. Must not know the content of a report.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from schemabench import frames, placing, records
from schemabench.errors import Place, UsageError
from schemabench.records import FORMAT, OLDEST_FORMAT, Run
from schemabench.report.document import document
from schemabench.report.escape import fence
from schemabench.report.flavored import markdown
from schemabench.report.screen import terminal
from schemabench.report.tree import Document

KEY = "schemabench"
"""The key that a run file has in addition to pytest-benchmark's."""
_OF_A_REHEARSAL = {"extends", "statements"}
"""Keys of a file of `schemabench rehearse`."""

_GZIP = b"\x1f\x8b"
"""The first bytes of a gzip file."""
_UNFINISHED = len("u0000")
"""The largest distance of a JSON error from the end of a truncated text: the length of an escape, or of `false`."""
_PATTERN = re.compile(r"[*?\[]")
_ESCAPED = "backslashreplace"
_SUMMARY_BYTES = 1024 * 1024
"""GitHub shows no larger step summary."""
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]")
_SHOWN_CHARACTERS = 80
_ANOTHER_RUN = "write a run file with `pytest --report run.json`"


def check_writable(path: Path) -> None:
    """Refuse a report path before the measurement if it cannot be written.

    Raises:
        UsageError: The path cannot be written; names the path and the reason.
    """
    try:
        placing.check(path)
    except OSError as cause:
        raise UsageError(
            f"--report {path} cannot be written: {cause.strerror}",
            remedies=["name a path that you may write to: --report PATH"],
        ) from cause


def write(run: Run, path: Path) -> None:
    """Write a report, or the table of all trials, in the format of the path's suffix; replace an existing file.

    Raises:
        UsageError: The suffix is unknown, or the path cannot be written.
    """
    if path.suffix.lower() == ".csv":
        _replace(path, frames.csv(run))
    else:
        _write(document(run), path, also=(".csv",))


def write_document(content: Document, path: Path) -> None:
    """Write any report, as of a comparison or a check, as `write` does that of a run.

    Raises:
        UsageError: The suffix is unknown, or the path cannot be written.
    """
    _write(content, path)


def append(run: Run, path: Path) -> None:
    """Append a run's report as Markdown to a file shared with other programs: a step summary of GitHub Actions.

    If it would exceed the size limit of a summary, the terminal report is appended instead.

    Raises:
        UsageError: The path cannot be written.
    """
    try:
        with placing.appending(path) as descriptor, os.fdopen(descriptor, "ab", closefd=False) as file:
            content = document(run)
            text = markdown(content)
            if os.fstat(descriptor).st_size + len(text.encode(errors=_ESCAPED)) >= _SUMMARY_BYTES:
                text = fence(terminal(content)) + "\n"
            file.write(f"\n{text}".encode(errors=_ESCAPED))
    except OSError as cause:
        raise _unwritten(path, path.parent, cause) from cause


def write_json(benchmark_json: Mapping[str, Any], run: Run, path: Path) -> None:
    """Write a run file: pytest-benchmark's complete JSON with the run added.

    Raises:
        UsageError: The path cannot be written.
    """
    _replace(path, json.dumps({**benchmark_json, KEY: records.to_builtins(run)}, indent=2, default=str) + "\n")


def read(path: Path) -> Run:
    """Read a run from its run file, compressed with gzip or not.

    Raises:
        UsageError: There is no such file, or it cannot be read, is not JSON, or holds no run or one of another format.
    """
    content = _parsed(path)
    if isinstance(content, dict) and content.keys() >= _OF_A_REHEARSAL:
        raise UsageError(
            f"{path} is of a rehearsal, and reports are drawn from runs",
            remedies=["have the rehearsal write its report: schemabench rehearse ... -o PATH.html", _ANOTHER_RUN],
        )
    if not isinstance(content, dict) or KEY not in content:
        raise UsageError(
            f"{path} is JSON, but holds no run of schemabench: it has no key {KEY!r}",
            remedies=["name a file that `pytest --report PATH.json` wrote", _ANOTHER_RUN],
        )
    value = content[KEY]
    _check_format(path, value)
    try:
        return records.from_builtins(value)
    except (msgspec.ValidationError, UnicodeError) as cause:
        raise UsageError(
            f"The run in {path} is malformed: {cause}{_found(value, str(cause))}",
            remedies=["restore the file, if it was edited or truncated", _ANOTHER_RUN],
        ) from cause


def find(paths: Iterable[Path]) -> list[Path]:
    """Return the files that some paths name; a path that is not a file may be a pattern, as in `reports/pg*.json`.

    A file that patterns match again is returned once, under the first of its names.

    Raises:
        UsageError: No file matches a pattern, or two of the paths name one file.
    """
    found: dict[str, Path] = {}  # resolved -> as named
    named: dict[str, Path] = {}  # without those that only patterns match
    for path in paths:
        if not _PATTERN.search(str(path)) or path.exists():
            place = os.path.realpath(path)
            if place in named:
                raise _twice(named[place], path)
            named[place] = path
            found.setdefault(place, path)
        elif files := sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))):
            for file in files:
                found.setdefault(os.path.realpath(file), file)
        else:
            raise UsageError(f"No run file matches {path}", remedies=["check the pattern", _ANOTHER_RUN])
    return list(found.values())


def _twice(one: Path, other: Path) -> UsageError:
    """Return the refusal of a file that is named twice: with one run, there is nothing to compare."""
    what = f"{one} is named twice" if one == other else f"{one} and {other} are the same file"
    return UsageError(what, remedies=["name each run once"])


def _write(content: Document, path: Path, also: Iterable[str] = ()) -> None:
    """Write a document in the format of a path's suffix; `also` lists further suffixes for the error message."""
    drawn = _FORMATS.get(path.suffix.lower())
    if drawn is None:
        known = (*_FORMATS, *also)
        raise UsageError(
            f"No report format for {path.suffix or 'a path without a suffix'}: {path}",
            remedies=[f"end the path in {', '.join(known[:-1])} or {known[-1]}"],
        )
    _replace(path, drawn(content))


def _page(content: Document) -> str:
    from schemabench.report import page  # noqa: PLC0415 (the library of its charts takes a second to load)

    return page.html(content)


_FORMATS: Mapping[str, Callable[[Document], str]] = {".html": _page, ".md": markdown}


def _parsed(path: Path) -> object:
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        text = content.decode()
        return json.loads(text)
    except FileNotFoundError as cause:
        raise UsageError(f"There is no run file {path}", remedies=["check the path", _ANOTHER_RUN]) from cause
    except (gzip.BadGzipFile, zlib.error, EOFError) as cause:
        raise UsageError(
            f"{path} is not JSON: the gzip file is corrupt or truncated",
            remedies=[f"check it with `gzip -t {path}`", "restore the file, if it was truncated", _ANOTHER_RUN],
        ) from cause
    except OSError as cause:
        raise UsageError(
            f"The run file {path} cannot be read: {cause.strerror}", remedies=["check the path"]
        ) from cause
    except json.JSONDecodeError as cause:
        raise UsageError(
            f"{path} is not JSON: {'it ends early' if _ends_early(text, cause) else cause.msg}",
            where=Place(path=path, line=cause.lineno, column=cause.colno),
            remedies=["name a run file, which ends in .json", "restore the file, if it was truncated", _ANOTHER_RUN],
        ) from cause
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"{path} is not JSON: {cause}", remedies=["name a run file", _ANOTHER_RUN]) from cause


def _ends_early(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether a text that begins like a run file is truncated JSON: a string, word or bracket is open."""
    left = len(text.rstrip()) - error.pos
    open_string = error.msg.startswith("Unterminated string")  # json reports the start of the string
    return text.startswith("{") and error.msg != "Extra data" and (open_string or left <= _UNFINISHED)


def _check_format(path: Path, value: object) -> None:
    """Refuse a run of another format before reading its fields."""
    found = value.get("format") if isinstance(value, dict) else None
    if isinstance(found, int) and not OLDEST_FORMAT <= found <= FORMAT:
        newer = found > FORMAT
        made = f"schemabench {value['version']}" if isinstance(value, dict) and "version" in value else "schemabench"
        raise UsageError(
            f"The run in {path} has format {found}, {'newer' if newer else 'older'} than "
            f"{FORMAT if newer else OLDEST_FORMAT}, which this version reads",
            checked=[f"it was written by {made}"],
            remedies=["upgrade schemabench" if newer else "draw the report with that version", _ANOTHER_RUN],
        )


def _found(value: object, message: str) -> str:
    """Return the value at the place that a validation error names, as in `; found 'many'`."""
    _, at, path = message.partition(" - at `$")
    if not at or "[...]" in path:
        return ""
    for step in _STEP.finditer(path):
        try:
            value = value[step["key"] or int(step["index"])]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return ""
    shown = repr(value)
    return f"; found {shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + '...'}"


def _replace(path: Path, text: str) -> None:
    try:
        placing.replace(path, text.encode(errors=_ESCAPED))
    except OSError as cause:
        raise _unwritten(path, path.absolute().parent, cause) from cause


def _unwritten(path: Path, folder: Path, cause: OSError) -> UsageError:
    return UsageError(
        f"The report {path} cannot be written: {cause.strerror}",
        checked=[f"its folder is {folder}"],
        remedies=["name a path that you may write to, on a disk with space left"],
    )
