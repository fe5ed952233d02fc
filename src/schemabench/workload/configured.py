"""Cardinalities from files: sizes, and the pace, kind and connections of writers, without Python.

Owns the format of such a file, its errors with their lines, and the file to start from. Must not know how a workload is
found.
"""

import ast
import inspect
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from schemabench import cardinality as cardinalities
from schemabench.errors import Place, UsageError
from schemabench.naming import nearest
from schemabench.units import parse_duration_s
from schemabench.workload.adjusting import PACES, Adjustment
from schemabench.workload.checking import Found, check_cardinality

SUFFIX = ".toml"
"""Tells a file from a name."""
_NAME = re.compile(r"\w[\w.-]*")  # part of test names
_TABLES = ("workload", "from", "cardinality", "writers")


@dataclass(frozen=True)
class _File:
    """A file that was read."""

    path: Path
    source: str
    content: Mapping[str, Any]

    def place(self, table: str, key: str = "") -> Place:
        """Return where a table is, or a key in it; the first line if neither is found."""
        lines = self.source.splitlines() or [""]
        inside = table == ""
        for number, line in enumerate(lines, start=1):
            if header := re.fullmatch(r"\s*\[\s*(.*?)\s*\]\s*(#.*)?", line):
                inside = re.sub(r"[\s\"']", "", header[1]) == table
                if inside and not key:
                    return Place(path=self.path, line=number, text=line)
            elif inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return Place(path=self.path, line=number, column=len(line) - len(line.lstrip()) + 1, text=line)
        return Place(path=self.path, line=1, text=lines[0])

    def error(self, what: str, table: str, key: str = "", remedies: Sequence[str] = ()) -> UsageError:
        """Return an error about a table, or about a key in it."""
        return UsageError(what, where=self.place(table, key), remedies=remedies)


def with_files(found: Found, wanted: Iterable[str]) -> tuple[Found, tuple[str, ...]]:
    """Return a workload with the cardinalities that files define, and the names of the wanted ones.

    Args:
        found: The workload.
        wanted: Names of cardinalities, and files. Files of other workloads are passed over.

    Raises:
        UsageError: A file cannot be read, or is wrong; with its place.
        WorkloadError: The workload makes no acceptable bursts of the sizes.
    """
    names: list[str] = []
    for one in wanted:
        if not one.endswith(SUFFIX):
            names.append(one)
            continue
        file = _read(Path(one))
        if file.content.get("workload", found.workload.name) == found.workload.name:
            found, name = _with(found, file)
            names.append(name)
    return found, tuple(names)


def as_toml(found: Found, name: str) -> str:
    """Return a cardinality as a file to start from, with what each field means."""
    sizes = found.workload.cardinalities[name]
    meanings = _meanings(type(sizes))
    lines = [
        f"# {found.workload.summary}",
        "# Change what differs, and run at it: pytest tests/evaluation --cardinality FILE.toml",
        f"workload = {json.dumps(found.workload.name)}",
        f"from = {json.dumps(name)}  # has all sizes that are missing below",
        "",
        "[cardinality]",
    ]
    for field, value in cardinalities.values(sizes).items():
        lines += [*(f"# {line}" for line in meanings.get(field, "").splitlines()), f"{field} = {_toml(value)}"]
    lines += [
        "",
        f"# A writer may also have a `pace`, {PACES};",
        "# `off = true` leaves it out.",
    ]
    for writer in found.writers(name):
        lines += [
            "",
            f"[writers.{writer.name}]  # {writer.pace or 'pace not known'}",
            f"kind = {json.dumps(writer.kind)}",
            f"connections = {writer.clients}  # its share of --clients",
        ]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> _File:
    try:
        source = path.read_text(encoding="utf-8")
        return _File(path, source, tomllib.loads(source))
    except OSError as cause:
        raise UsageError(
            f"Cannot read {path}: {cause.strerror}",
            remedies=["write one to start from: schemabench cardinalities show WORKLOAD --toml > FILE.toml"],
        ) from cause
    except UnicodeDecodeError as cause:
        raise UsageError(f"{path} is not UTF-8: byte {cause.start}", remedies=["save the file as UTF-8"]) from cause
    except tomllib.TOMLDecodeError as cause:
        at = re.search(r"line (\d+), column (\d+)", str(cause))
        line, column = (int(at[1]), int(at[2])) if at else (len(source.splitlines()), 1)
        text = (source.splitlines() or [""])[min(line, len(source.splitlines())) - 1]
        raise UsageError(
            f"{path} is not TOML: {cause}", where=Place(path=path, line=line, column=column, text=text)
        ) from cause
    except (ValueError, RecursionError) as cause:  # of any number of digits, and any depth
        raise UsageError(f"{path} cannot be used: {cause}", remedies=["correct the file"]) from cause


def _with(found: Found, file: _File) -> tuple[Found, str]:
    """Return a workload with the cardinality of a file, and its name."""
    name, workload = file.path.stem, found.workload
    for key in file.content:
        if key not in _TABLES:
            raise file.error(
                f"Unknown entry {key!r}{nearest(key, _TABLES)}",
                key if isinstance(file.content[key], dict) else "",
                key,
                [f"write the sizes below [cardinality]; a file has {', '.join(_TABLES)}"],
            )
    if not _NAME.fullmatch(name) or name == "all":
        raise UsageError(f"{name!r}, the name of {file.path}, cannot name a cardinality", remedies=["rename the file"])
    if name in workload.cardinalities:
        raise UsageError(
            f"{file.path} has the name of the cardinality {name!r} of {workload.name!r}", remedies=["rename the file"]
        )
    start = file.content.get("from", cardinalities.DEFAULT)
    if start not in workload.cardinalities:
        raise file.error(
            f"The workload {workload.name!r} has no cardinality {start!r}{nearest(str(start), workload.cardinalities)}",
            "",
            "from",
            [f"name one of {', '.join(workload.cardinalities)}"],
        )
    sizes = _sizes(file, workload.cardinalities[start])
    found = replace(
        found,
        workload=replace(workload, cardinalities={**workload.cardinalities, name: sizes}),
        adjustments={**found.adjustments, name: _adjustments(file, [one.name for one in workload.writers(sizes)])},
        files={**found.files, name: file.path},
    )
    check_cardinality(found, name, sizes)
    try:
        if not found.writers(name):
            raise file.error("All writers are off", "writers", remedies=["leave one of them on"])
    except ValueError as cause:
        raise file.error(f"{file.path}: {cause}", "writers") from cause
    return found, name


def _sizes(file: _File, start: Any) -> Any:  # noqa: ANN401 (a workload's own type)
    """Return the cardinality of a file: what it does not name is as in another one."""
    given, kind = file.content.get("cardinality", {}), type(start)
    known = [one.name for one in fields(kind)]
    for key, value in given.items():
        if key not in known:
            raise file.error(
                f"A cardinality of this workload has no field {key!r}{nearest(key, known)}",
                "cardinality",
                key,
                [f"name one of {', '.join(known)}"],
            )
        if key.endswith("_s") and isinstance(value, str):
            try:
                given = {**given, key: _number(parse_duration_s(value))}
            except ValueError as cause:
                raise file.error(f"{key}: {cause}", "cardinality", key) from cause
    try:
        return msgspec.convert({**cardinalities.values(start), **given}, type=kind)
    except msgspec.ValidationError as cause:
        what, _, path = str(cause).partition(" - at `$.")
        key = path.rstrip("`")
        raise file.error(f"{key or 'cardinality'}: {what}, not {given.get(key)!r}", "cardinality", key) from cause


def _adjustments(file: _File, writers: Sequence[str]) -> dict[str, Adjustment]:
    """Return what a file says of each writer that it names."""
    found = {}
    for name, given in file.content.get("writers", {}).items():
        table = f"writers.{name}"
        if name not in writers:
            raise file.error(
                f"The workload has no writer {name!r}{nearest(name, writers)}",
                table,
                remedies=[f"name one of {', '.join(writers)}"],
            )
        known = [one.name for one in fields(Adjustment)]
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                raise file.error(
                    f"A writer has no {key!r}{nearest(key, known)}", table, key, [f"name one of {', '.join(known)}"]
                )
        try:
            one = msgspec.convert(given, type=Adjustment)
        except msgspec.ValidationError as cause:
            what, _, path = str(cause).partition(" - at `$.")
            raise file.error(f"{path.rstrip('`') or name}: {what}", table, path.rstrip("`")) from cause
        if one.connections is not None and one.connections < 1:
            raise file.error(
                "A writer has at least one connection", table, "connections", ["to leave it out: off = true"]
            )
        try:
            _ = one.calls_per_s
        except ValueError as cause:
            raise file.error(f"{name}: {cause}", table, "pace") from cause
        found[name] = one
    return found


def _meanings(kind: type[Any]) -> dict[str, str]:
    """Return what is written below each field of a dataclass; nothing where its source is not known."""
    try:
        (definition,) = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body
    except (OSError, SyntaxError, ValueError):
        return {}
    assert isinstance(definition, ast.ClassDef), "it is the source of a class"
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in zip(definition.body, definition.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _toml(value: object) -> str:
    """Return a plain value as TOML writes it: as JSON does."""
    return json.dumps(value, ensure_ascii=False)
