"""What a workload is, and how its module is found and checked.

Owns the interface for authors of workloads: operations, writers, cardinalities, bursts, and what must hold
afterwards. Must not know candidates or servers.
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

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Cardinality = TypeVar("Cardinality")
State = TypeVar("State")
Row: TypeAlias = tuple[object, ...]
"""One row of an answer, as psycopg reads it: `int` or `Decimal` for numbers, `date`, `datetime`, `str`, lists, None."""

OPERATIONS_FILE = "operations.sql"


class Call(NamedTuple):
    """One execution of an operation.

    Values are what psycopg can adapt: str, int, float, Decimal, bool, date, datetime, None, lists of these, and Jsonb.
    """

    operation: str
    values: Mapping[str, object]
    """Parameter -> value, for every parameter of the operation."""
    key: str | None = None
    """Calls of one key keep their order, on one connection. None: any connection of the writer, in turn."""
    rows: int = 1
    """Logical rows that the call writes: 0 for a read or a refresh."""


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A role that executes operations over its own connections: a stream, a batch, or a reader."""

    name: str
    kind: Literal["stream", "batch", "reader"]
    weight: int
    """Calls in the smallest burst. The size of a burst multiplies the weights of all writers alike."""
    clients: int = 1
    """Its share of the connections: `--clients` are shared out in this proportion, at least one for each writer."""
    pace: str = ""
    """What the writer does in production, in words, as in `2,000 sites every 30 s`."""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    """What each `:"name"` in the operations stands for, when this writer executes them."""


class BadLineError(ValueError):
    """Raised by a workload's replay for a line that it cannot use: it is counted, shown and skipped."""


@dataclass(frozen=True, kw_only=True)
class OtherInput:
    """A further file that a replay may take: read whole, before its calls begin."""

    columns: str
    """What it holds, for people."""
    parse: Callable[[str], Any]
    """One line of it -> what `Replay.calls` receives in its place; as in `Replay`."""


@dataclass(frozen=True, kw_only=True)
class Replay(Generic[Cardinality]):
    """How files take the place of a writer's generator.

    Attributes:
        writer: The writer that the main file feeds.
        columns: How the file's columns map to parameters, for people.
        parse: One line of the main file -> what `calls` receives in its place; None to pass the line over (a blank
            one, a header). Raises `BadLineError` for a line that cannot be used.
        calls: (cardinality, parsed lines, parsed lines of other inputs by name, cycle) -> calls. Consumed lazily: the
            main file is never all in memory. At its end it is called again, with a `cycle` one higher; the first is 0.
        others: Further input files by name (`--replay workload.name=PATH`), each optional.
    """

    writer: str
    columns: str
    parse: Callable[[str], Any]
    calls: Callable[[Cardinality, Iterator[Any], Mapping[str, Sequence[Any]], int], Iterator[Call]]
    others: Mapping[str, OtherInput] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Model(Generic[Cardinality, State]):
    """What a database that starts without rows must hold after any sequence of calls, in plain Python.

    Every candidate is proved to agree with it before it is measured (see `--equivalence`).
    """

    initial: Callable[[], State]
    """The state of a database without rows."""
    calls: "Callable[[Cardinality], SearchStrategy[Call]]"
    """A Hypothesis strategy of single calls: few keys, so that they meet, and the values at the edges on purpose."""
    apply: Callable[[State, Call], Sequence[Row] | None]
    """Execute a call on the state, in place. Returns the rows that the call must answer with, in order; None where it
    answers nothing, or candidates are free to answer differently."""
    state: Callable[[State], Mapping[str, Sequence[Row]]]
    """Query -> the rows that it must return now, in order, for `state` queries and invariants; one that is left out is
    not looked at."""
    possible: Callable[[State, Call], bool] = lambda *_: True
    """Whether the writers could make the call now; one that they could not is left out of its sequence."""


@dataclass(frozen=True, kw_only=True)
class Workload(Generic[Cardinality]):
    """A team's write pattern.

    The SQL of its operations stands in `operations.sql` beside the module: each `-- name:` block is one operation,
    which a candidate may override. `state` and `invariants` name blocks of that file too.
    """

    name: str
    summary: str
    """One line for people."""
    cardinalities: Mapping[str, Cardinality]
    """The pinned ones, `typical` among them: frozen dataclasses whose fields are plain values."""
    writers: Callable[[Cardinality], Sequence[Writer]]
    burst: Callable[[Cardinality, str, int, Random], Iterator[Call]]
    """(cardinality, writer, block, random) -> the writer's calls in that block, endless: the harness takes as many as
    the size of the burst asks for. All chance comes from `random`, so that a seed repeats a run."""
    production_s: Callable[[Cardinality], float] | None = None
    """The seconds of production that the smallest burst stands for, where its writers keep production's proportions:
    from it follow how much headroom a candidate has, and the pace of `--adequacy`. None where nothing is known of
    production."""
    background: Callable[[Cardinality, Random], Iterator[Call]] = lambda *_: iter(())
    """Calls that fill a fresh database before anything is measured, in order, over one connection."""
    state: tuple[str, ...] = ()
    """Queries whose ordered rows all candidates must agree on after the same bursts."""
    invariants: tuple[str, ...] = ()
    """Queries that return the rows that break a rule: none, when all is well."""
    replay: Replay[Cardinality] | None = None
    isolation: Literal["read committed", "repeatable read", "serializable"] = "read committed"
    """Of all transactions. What the server undoes for its sake is repeated, counted and charged to the candidate."""
    strategy: "Callable[[], SearchStrategy[Cardinality]] | None" = None
    """All cardinalities that make sense, for Hypothesis to choose from: sizes by `schemabench.log_scale`, bounded so
    that the background is loaded in seconds. A function, as Hypothesis is loaded only where something is drawn."""
    axes: tuple[Axis, ...] = ()
    """The two fields of the cardinality that are likeliest to change the answer, for a map of it; or none."""
    model: Model[Cardinality, Any] | None = None
    """What the rows must be: without it, candidates are only compared with the baseline, after the last block."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A workload with what its folder holds."""

    workload: Workload[Any]
    path: Path
    """The module's file."""
    operations: Mapping[str, sqlfile.Operation]
    """The blocks of `operations.sql`, in order."""
    frozen: Mapping[str, Frozen] = field(default_factory=dict)
    """The cardinalities that Hypothesis chose, by name, as far as they are among the workload's; none are pinned."""

    @property
    def queries(self) -> tuple[str, ...]:
        """The names of all blocks that check rather than load."""
        return (*self.workload.state, *self.workload.invariants)


def names(folder: Path) -> tuple[str, ...]:
    """Return the names of the workloads in a folder, sorted: its subfolders that hold a module."""
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
    """Return a workload with the cardinalities of its `cardinalities.json` after those that are pinned.

    Raises:
        WorkloadError: The file is broken, was changed by hand, or freezes a name that is pinned.
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
    """Draw cardinalities and freeze them in place of those drawn before; what a search found stays.

    Args:
        found: The workload.
        number: How many to draw: `drawn-1` and so on, which need not be from the smallest to the largest.
        seed: The same seed freezes the same bytes.

    Raises:
        WorkloadError: The workload has no strategy, or one that fails or yields what it cannot make bursts of.
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
        del sys.modules[stale]  # of another folder, or of an import that failed
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
    """Refuse a cardinality of which the workload makes no acceptable writers or bursts.

    Raises:
        WorkloadError: With the cardinality's label, and what is wrong.
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
    """Put into words what a function of a workload's author raises, with its line in the author's files.

    Args:
        found: The workload.
        part: The field of `Workload` that holds the function.

    Raises:
        WorkloadError: In place of any other error than ours.
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
    if len(set(named)) not in {0, 2} or not set(known).issuperset(named):
        raise WorkloadError(
            f"The axes of {workload.name!r} are {', '.join(named)}",
            checked=[f"fields of its cardinality: {', '.join(sorted(known))}"],
            remedies=["name two of the fields, or no axes"],
        )
    for axis in workload.axes:
        axis.check(known[axis.field])


def check_calls(found: Found, calls: Iterable[Call], source: str) -> None:
    """Refuse calls whose operation or parameters `operations.sql` does not know.

    Raises:
        WorkloadError: With the call's source, the name, and the nearest name that exists; or it is no call.
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
