"""Frozen cardinalities: the file `cardinalities.json` of a workload.

Owns the file's format, and the refusal of entries that do not match their digest. Must not draw anything.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec

from schemabench import placing
from schemabench.cardinality.identity import digest
from schemabench.errors import Place, UsageError, WorkloadError

FILE = "cardinalities.json"
Origin = Literal["drawn", "found"]


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A cardinality that Hypothesis chose, as stored in the file."""

    origin: Origin
    """drawn: from the workload's strategy, by `schemabench cardinalities draw`; found: by `schemabench crossover`."""
    hypothesis: str
    """The version of Hypothesis that chose it."""
    seed: int
    """The seed of the draw or the search."""
    digest: str
    """The digest of workload, name and values, as runs record it."""
    values: Mapping[str, Any]
    """The cardinality's fields."""
    about: str = ""
    """The finding there; empty for a drawn one."""


def freeze(  # noqa: PLR0913 (one keyword for each field of the record)
    workload: str,
    name: str,
    cardinality: Any,  # noqa: ANN401 (the author's own type)
    *,
    origin: Origin,
    seed: int,
    about: str = "",
) -> Frozen:
    """Return a cardinality, a dataclass of plain values, as stored in the file."""
    return Frozen(
        origin=origin,
        hypothesis=version("hypothesis"),
        seed=seed,
        digest=digest(workload, name, cardinality, {}),
        values=msgspec.to_builtins(cardinality),
        about=about,
    )


def read(path: Path) -> dict[str, Frozen]:
    """Return the frozen cardinalities by name, none without a file; digests are not checked yet.

    Raises:
        WorkloadError: It cannot be read, or has another form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(content, type=dict[str, Frozen])
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as cause:
        where = Place(path=path, line=cause.lineno, column=cause.colno)
        raise WorkloadError(f"{path.name} is not JSON: {cause.msg}", where=where, remedies=_remedies(path)) from cause
    except (OSError, ValueError, RecursionError) as cause:  # msgspec's errors are ValueErrors, too
        raise WorkloadError(f"{path} cannot be used: {cause}", remedies=_remedies(path)) from cause


def thaw(path: Path, workload: str, name: str, frozen: Frozen, kind: type[Any]) -> Any:  # noqa: ANN401 (the author's own type)
    """Return a cardinality of the file.

    Args:
        path: The file.
        workload: The workload's name.
        name: The cardinality's name.
        frozen: Its entry in the file.
        kind: The workload's dataclass.

    Raises:
        WorkloadError: Its values have changed since it was frozen, or the dataclass has.
    """
    try:
        cardinality = msgspec.convert(frozen.values, type=kind)
    except msgspec.ValidationError as cause:
        raise _unlike(path, name, f"it is not a {kind.__name__}: {cause}") from cause
    if (found := digest(workload, name, cardinality, {})) != frozen.digest:
        raise _unlike(path, name, f"its values have the digest {found}, not {frozen.digest}")
    return cardinality


def write(path: Path, frozen: Mapping[str, Frozen]) -> None:
    """Write the file atomically, in the order given.

    Raises:
        UsageError: It cannot be written.
    """
    entries = {name: msgspec.to_builtins(one) for name, one in frozen.items()}
    write_whole(path, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: no reader or interruption leaves half of it.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        placing.replace(path, text.encode())
    except OSError as cause:
        raise UsageError(f"{path} cannot be written: {cause.strerror}", remedies=["make it writable"]) from cause


def _unlike(path: Path, name: str, reason: str) -> WorkloadError:
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next((number for number, text in enumerate(lines, start=1) if text.strip() == f"{json.dumps(name)}: {{"), 1)
    return WorkloadError(
        f"The frozen cardinality {name!r} was changed: {reason}",
        where=Place(path=path, line=line, column=lines[line - 1].find('"') + 1, text=lines[line - 1]),
        checked=["frozen values must not change, so that runs can be compared"],
        remedies=_remedies(path),
    )


def _remedies(path: Path) -> tuple[str, ...]:
    workload = path.parent.name
    return (
        f"restore the frozen file, for example with `git checkout {path}`",
        f"draw new cardinalities, with other values: schemabench cardinalities draw {workload}",
        "remove the entry from the file, and pin your own sizes in the workload's module",
    )
