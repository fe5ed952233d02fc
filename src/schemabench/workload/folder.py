"""Workloads' folders: their modules are found, imported and checked; cardinalities are drawn for them and frozen.

Must not know candidates or servers.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemabench import cardinality as cardinalities
from schemabench import sqlfile
from schemabench.errors import UsageError, WorkloadError
from schemabench.naming import nearest
from schemabench.units import plural
from schemabench.workload.authoring import Workload
from schemabench.workload.checking import OPERATIONS_FILE, Found, authored, check, check_cardinality


def names(folder: Path) -> tuple[str, ...]:
    """Return the names of the workloads in a folder, sorted: its subfolders with a module."""
    return tuple(sorted(path.parent.name for path in folder.glob("*/__init__.py")))


def load(folder: Path, name: str) -> Found:
    """Import a workload's module and check it.

    Raises:
        UsageError: There is no such workload; the message names the nearest.
        WorkloadError: The module cannot be imported, exports no workload or several, or is inconsistent.
    """
    path = folder / name / "__init__.py"
    if not path.is_file():
        known = names(folder)
        raise UsageError(
            f"There is no workload {name!r} in {folder}{nearest(name, known)}",
            checked=[f"workloads there: {', '.join(known) or 'none'}"],
            remedies=["name one of these", "run `schemabench init` in an empty folder for a starter"],
        )
    workload = _exported(_import(path), path)
    if workload.name != name:
        raise WorkloadError(f"The workload in {path} calls itself {workload.name!r}, its folder {name!r}")
    operations = sqlfile.read(path.parent / OPERATIONS_FILE, WorkloadError).operations
    found = Found(workload=workload, path=path, operations=operations)
    check(found)
    return found


def with_frozen(found: Found) -> Found:
    """Return a workload with the cardinalities of its `cardinalities.json` after the pinned ones.

    Raises:
        WorkloadError: The file is invalid, was edited by hand, or freezes a pinned name.
    """
    path, workload = found.path.parent / cardinalities.FILE, found.workload
    frozen = cardinalities.read(path)
    if both := set(frozen) & set(workload.cardinalities):
        raise WorkloadError(
            f"{path} freezes {', '.join(sorted(both))}, which {workload.name!r} pins itself",
            remedies=["rename what the workload's module pins"],
        )
    kind = type(workload.cardinalities["typical"])
    thawed = {name: cardinalities.thaw(path, workload.name, name, one, kind) for name, one in frozen.items()}
    return replace(found, workload=replace(workload, cardinalities={**workload.cardinalities, **thawed}), frozen=frozen)


def redraw(found: Found, number: int, seed: int) -> Found:
    """Draw cardinalities and freeze them, replacing those drawn before; those found by a search stay.

    Args:
        found: The workload.
        number: How many to draw: `drawn-1` and so on, in no particular order of size.
        seed: The same seed freezes the same bytes.

    Raises:
        WorkloadError: The workload has no strategy, or one that fails or yields an unacceptable cardinality.
        UsageError: The file cannot be written.
    """
    workload, path = found.workload, found.path.parent / cardinalities.FILE
    if workload.strategy is None:
        raise WorkloadError(
            f"The workload {workload.name!r} has no strategy to draw cardinalities from",
            remedies=["give it one: Workload(strategy=...), a function that returns a Hypothesis strategy"],
        )
    with authored(found, "strategy"):
        strategy = workload.strategy()
    drawn = {f"drawn-{place}": one for place, one in enumerate(cardinalities.draw(strategy, number, seed), 1)}
    for name, one in drawn.items():
        check_cardinality(found, name, one)
    frozen = {
        name: cardinalities.freeze(workload.name, name, one, origin="drawn", seed=seed) for name, one in drawn.items()
    }
    kept = {name: one for name, one in cardinalities.read(path).items() if one.origin != "drawn"}
    cardinalities.write(path, {**frozen, **kept})
    return with_frozen(found)


def _import(path: Path) -> Any:  # noqa: ANN401 (a module has whatever attributes its author gave it)
    name = f"schemabench_workload_{path.parent.name}"
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[str(path.parent)])
    assert spec is not None, f"{path} ends in .py"
    assert spec.loader is not None, f"{path} ends in .py"
    for stale in [other for other in sys.modules if other == name or other.startswith(f"{name}.")]:
        del sys.modules[stale]  # of another folder, or of a failed import
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as cause:
        raise WorkloadError(f"Importing {path} failed: {type(cause).__name__}: {cause}") from cause
    return module


def _exported(module: object, path: Path) -> Workload[Any]:
    found = list({id(value): value for value in vars(module).values() if isinstance(value, Workload)}.values())
    if len(found) != 1:
        raise WorkloadError(
            f"{path} exports {plural(len(found), 'workload')}, not one",
            remedies=["assign exactly one schemabench.Workload to a name of the module"],
        )
    return found[0]
