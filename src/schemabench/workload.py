"""Workloads: their definition, and loading and checking their modules.

Owns the interface for authors of workloads: operations, writers, cardinalities, bursts, and what must hold afterwards.
Must not know candidates or servers.
"""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from schemabench import cardinality as cardinalities
from schemabench import sqlfile
from schemabench.cardinality import Axis, Frozen
from schemabench.errors import Place, SchemabenchError, UsageError, WorkloadError
from schemabench.naming import nearest
from schemabench.statements import Operation

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Cardinality = TypeVar("Cardinality")
State = TypeVar("State")
Row: TypeAlias = tuple[object, ...]
"""One row of a result, as psycopg reads it: `int` or `Decimal` for numbers, `date`, `datetime`, `str`, lists, None."""

OPERATIONS_FILE = "operations.sql"


class Call(NamedTuple):
    """One execution of an operation.

    Values have types that psycopg adapts: str, int, float, Decimal, bool, date, datetime, None, lists, Jsonb.
    """

    operation: str
    values: Mapping[str, object]
    """Parameter -> value, for every parameter of the operation."""
    key: str | None = None
    """Calls of one key keep their order, on one connection. None: assigned to the writer's connections in turn."""
    rows: int = 1
    """Logical rows that the call writes: 0 for a read or a refresh."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A role that executes operations over its own connections: a stream, a batch, or a reader."""

    name: str
    kind: Literal["stream", "batch", "reader"]
    weight: int
    """Calls in the smallest burst. The size of a burst multiplies the weights of all writers."""
    clients: int = 1
    """Its share of the connections: `--clients` are divided in this proportion, with at least one for each writer."""
    pace: str = ""
    """The writer's activity in production, in words, as in `2,000 sites every 30 s`."""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    """The value of each `:"name"` in the operations for this writer."""


class BadLineError(ValueError):
    """Raised by a workload's replay for an unusable line, which is counted, shown and skipped."""


@dataclass(frozen=True, kw_only=True)
class OtherInput:
    """A further file for a replay: read whole, before its calls start."""

    columns: str
    """Its columns, for people."""
    parse: Callable[[str], Any]
    """One line of it -> the value for `Replay.calls`; as in `Replay`."""


@dataclass(frozen=True, kw_only=True)
class Replay(Generic[Cardinality]):
    """How files replace a writer's generator.

    Attributes:
        writer: The writer that the main file feeds.
        columns: How the file's columns map to parameters, for people.
        parse: One line of the main file -> the value for `calls`; None to skip the line (a blank one, a header). Raises
            `BadLineError` for an unusable line.
        calls: (cardinality, parsed lines, parsed lines of other inputs by name, cycle) -> calls. Consumed lazily: the
            main file is never entirely in memory. At its end, `calls` is called again, with `cycle` increased by one;
            the first is 0.
        others: Further input files by name (`--replay workload.name=PATH`), each optional.
    """

    writer: str
    columns: str
    parse: Callable[[str], Any]
    calls: Callable[[Cardinality, Iterator[Any], Mapping[str, Sequence[Any]], int], Iterator[Call]]
    others: Mapping[str, OtherInput] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model(Generic[Cardinality, State]):
    """The expected rows of a database that starts without rows, after any sequence of calls, in plain Python.

    Every candidate is checked against it before it is measured (see `--equivalence`).
    """

    initial: Callable[[], State]
    """The state of a database without rows."""
    calls: "Callable[[Cardinality], SearchStrategy[Call]]"
    """A Hypothesis strategy of single calls, with few keys, so that calls collide, and with edge cases."""
    apply: Callable[[State, Call], Sequence[Row] | None]
    """Apply a call to the state, in place. Returns the expected rows of the call, in order; None if it returns none, or
    candidates may return different ones."""
    state: Callable[[State], Mapping[str, Sequence[Row]]]
    """Query -> its expected rows, in order, for `state` queries and invariants; omitted queries are not compared."""
    possible: Callable[[State, Call], bool] = lambda *_: True
    """Whether the writers could make the call in this state; otherwise it is dropped from its sequence."""


@dataclass(frozen=True, kw_only=True)
class Workload(Generic[Cardinality]):
    """A team's write pattern.

    The SQL of its operations is in `operations.sql`, next to the module: each `-- name:` block is one operation, which
    a candidate may override. `state` and `invariants` name blocks of that file, too.
    """

    name: str
    summary: str  # one line for people
    cardinalities: Mapping[str, Cardinality]
    """The pinned ones, `typical` among them: frozen dataclasses whose fields are plain values."""
    writers: Callable[[Cardinality], Sequence[Writer]]
    burst: Callable[[Cardinality, str, int, Random], Iterator[Call]]
    """(cardinality, writer, block, random) -> the writer's calls in that block, endless: as many are taken as the size
    of the burst requires. All random values must come from `random`, so that a seed repeats a run."""
    production_s: Callable[[Cardinality], float] | None = None
    """The seconds of production load in the smallest burst, if its writers have production's proportions: it determines
    headroom and the pace of `--adequacy`. None if nothing is known of production."""
    background: Callable[[Cardinality, Random], Iterator[Call]] = lambda *_: iter(())
    """Calls that fill an empty database before measuring, in order, over one connection."""
    state: tuple[str, ...] = ()
    """Queries that must return the same rows, in the same order, for all candidates after the same bursts."""
    invariants: tuple[str, ...] = ()
    """Queries that return violations: no rows if all is well."""
    replay: Replay[Cardinality] | None = None
    isolation: Literal["read committed", "repeatable read", "serializable"] = "read committed"
    """The isolation level of all transactions. Resulting rollbacks are retried, counted and charged to the
    candidate."""
    strategy: "Callable[[], SearchStrategy[Cardinality]] | None" = None
    """All sensible cardinalities, for Hypothesis to choose from: sizes by `schemabench.log_scale`, limited so that the
    background loads in seconds. A function, because only draws and searches load Hypothesis."""
    axes: tuple[Axis, ...] = ()
    """The two fields of the cardinality that are most likely to change the ranking, for a map; or none."""
    model: Model[Cardinality, Any] | None = None
    """The expected rows: without a model, candidates are only compared with the baseline, after the last block."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A workload with the contents of its folder."""

    workload: Workload[Any]
    path: Path
    """The module's file."""
    operations: Mapping[str, Operation]
    """The blocks of `operations.sql`, in order."""
    frozen: Mapping[str, Frozen] = field(default_factory=dict)
    """The cardinalities of the workload that Hypothesis chose, by name, without the pinned ones."""

    @property
    def queries(self) -> tuple[str, ...]:
        """The names of all blocks that check rather than load."""
        return (*self.workload.state, *self.workload.invariants)


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
            remedies=["name one of these with --workload", "run `schemabench init` in an empty folder for a starter"],
        )
    workload = _exported(_import(path), path)
    if workload.name != name:
        raise WorkloadError(f"The workload in {path} calls itself {workload.name!r}, its folder {name!r}")
    operations = sqlfile.read(path.parent / OPERATIONS_FILE, WorkloadError).operations
    found = Found(workload=workload, path=path, operations=operations)
    _check(found)
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
            f"{path} exports {len(found)} workloads, not one",
            remedies=["assign exactly one schemabench.Workload to a name of the module"],
        )
    return found[0]


def _check(found: Found) -> None:
    """Refuse a workload whose parts do not fit each other."""
    workload = found.workload
    if "typical" not in workload.cardinalities:
        raise WorkloadError(f"The workload {workload.name!r} pins no cardinality named 'typical'")
    _check_queries(found)
    with authored(found, "axes"):
        _check_axes(workload)
    for label, cardinality in workload.cardinalities.items():
        check_cardinality(found, label, cardinality)
    if workload.replay is not None and any(
        workload.replay.writer not in {writer.name for writer in workload.writers(cardinality)}
        for cardinality in workload.cardinalities.values()
    ):
        raise WorkloadError(f"The replay of {workload.name!r} feeds {workload.replay.writer!r}, which is not a writer")


def check_cardinality(found: Found, label: str, cardinality: Any) -> None:  # noqa: ANN401 (the author's own type)
    """Refuse a cardinality for which the workload makes no acceptable writers or bursts.

    Raises:
        WorkloadError: With the cardinality's label, and the error.
    """
    workload = found.workload
    with authored(found, "writers"):
        writers = workload.writers(cardinality)
        if not writers or any(writer.weight < 1 or writer.clients < 1 for writer in writers):
            raise WorkloadError(f"At {label!r}, {workload.name!r} has no writers, or one of weight or clients below 1")
    for writer in writers:
        with authored(found, "burst"):
            sample = islice(workload.burst(cardinality, writer.name, 0, Random(0)), writer.weight)  # noqa: S311
            check_calls(found, sample, f"writer {writer.name!r} at {label!r}")


@contextmanager
def authored(found: Found, part: str) -> Iterator[None]:
    """Raise an exception of an author's function as a WorkloadError, with its line in the author's files.

    Args:
        found: The workload.
        part: The field of `Workload` that holds the function.

    Raises:
        WorkloadError: In place of any exception other than schemabench's own.
    """
    try:
        yield
    except SchemabenchError:
        raise
    except Exception as cause:
        own = [
            Place(path=Path(frame.filename), line=frame.lineno or 1, text=frame.line or "")
            for frame in traceback.extract_tb(cause.__traceback__)
            if Path(frame.filename).is_relative_to(found.path.parent)
        ]
        raise WorkloadError(
            f"`{part}` of the workload {found.workload.name!r} failed: {type(cause).__name__}: {cause}",
            where=own[-1] if own else None,
        ) from cause


def _check_queries(found: Found) -> None:
    workload, known, file = found.workload, tuple(found.operations), found.path.parent / OPERATIONS_FILE
    for name in found.queries:
        if name not in found.operations:
            raise WorkloadError(f"The query {name!r} is not in {file}{nearest(name, known)}")
        if len(found.operations[name].statements) != 1:
            raise WorkloadError(
                f"The query {name!r} has {len(found.operations[name].statements)} statements, not one",
                where=found.operations[name].text.place(),
            )
        if found.operations[name].parameters:
            raise WorkloadError(
                f"The query {name!r} has parameters: {', '.join(found.operations[name].parameters)}",
                where=found.operations[name].text.place(),
                remedies=["write a query over the whole state"],
            )
    for name in workload.model.state(workload.model.initial()) if workload.model else ():
        if name not in found.queries:
            raise WorkloadError(
                f"The model of {workload.name!r} returns rows of {name!r}, which is not a query of the "
                f"workload{nearest(name, found.queries)}",
                remedies=["name it in the workload's `state` or `invariants`"],
            )


def _check_axes(workload: Workload[Any]) -> None:
    known = cardinalities.values(workload.cardinalities["typical"]) if workload.axes else {}
    named = [axis.field for axis in workload.axes]
    if len(set(named)) not in {0, 2} or not set(known) >= set(named):
        raise WorkloadError(
            f"The axes of {workload.name!r} are {', '.join(named)}",
            checked=[f"fields of its cardinality: {', '.join(sorted(known))}"],
            remedies=["name two of the fields, or no axes"],
        )
    for axis in workload.axes:
        axis.check(known[axis.field])


def check_calls(found: Found, calls: Iterable[Call], source: str) -> None:
    """Refuse calls whose operation or parameters are not in `operations.sql`.

    Raises:
        WorkloadError: With the call's source, the name, and the nearest name that exists; or it is not a call.
    """
    for call in calls:
        if not isinstance(call, Call):
            raise WorkloadError(f"The {source} makes {call!r}, which is not a schemabench.Call")
        if (operation := found.operations.get(call.operation)) is None:
            raise WorkloadError(
                f"The {source} calls {call.operation!r}, which is not in {found.path.parent / OPERATIONS_FILE}"
                f"{nearest(call.operation, tuple(found.operations))}"
            )
        if missing := set(operation.parameters) - set(call.values):
            raise WorkloadError(
                f"The {source} calls {call.operation!r} without {', '.join(sorted(missing))}",
                where=operation.text.place(),
            )
