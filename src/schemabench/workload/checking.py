"""What is found in a workload's folder, and whether its parts fit each other.

Must not import a workload's module: see `folder`.
"""

import math
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from schemabench import cardinality as cardinalities
from schemabench.cardinality import Frozen
from schemabench.errors import Place, SchemabenchError, WorkloadError
from schemabench.naming import nearest
from schemabench.statements import Operation
from schemabench.units import plural
from schemabench.workload.adjusting import Adjustment, adjusted
from schemabench.workload.authoring import Call, Companion, Workload, Writer
from schemabench.workload.parts import NOWHERE, Names, Parts, divided, names_of

OPERATIONS_FILE = "operations.sql"


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
    files: Mapping[str, Path] = field(default_factory=dict)
    """The cardinalities that files define, by name."""
    adjustments: Mapping[str, Mapping[str, Adjustment]] = field(default_factory=dict)
    """Cardinality -> writer -> what its file says of it."""

    def writers(self, name: str) -> Sequence[Writer]:
        """Return the writers at a cardinality, as its file wants them where it is of a file.

        Raises:
            ValueError: The file wants what cannot be.
        """
        workload, sizes = self.workload, self.workload.cardinalities[name]
        production_s = None if workload.production_s is None else workload.production_s(sizes)
        return adjusted(workload.writers(sizes), self.adjustments.get(name, {}), production_s)

    def parts(self, cardinality: Any) -> Parts:  # noqa: ANN401 (the author's own type)
        """Return the parts at a cardinality: also those whose writers a file leaves out, since their rows are there.

        Raises:
            WorkloadError: Writers of one part differ in their identifiers.
        """
        with authored(self, "writers"):
            return divided(self.workload.writers(cardinality))

    def bounds(self, cardinality: Any) -> Mapping[str, str | None]:  # noqa: ANN401 (the author's own type)
        """Return the value of each `:'name'` in the invariants, as text.

        Raises:
            WorkloadError: The author's function failed.
        """
        with authored(self, "bounds"):
            values = self.workload.bounds(cardinality)
            return {name: None if value is None else str(value) for name, value in values.items()}

    def bounded(self, cardinality: Any) -> tuple[str, ...]:  # noqa: ANN401 (the author's own type)
        """Return the invariants with bounds of the cardinality."""
        known = {*self.bounds(cardinality)}
        return tuple(name for name in self.workload.invariants if known & self.operations[name].statements[0].literals)

    @property
    def queries(self) -> tuple[str, ...]:
        """The names of all blocks that check rather than load."""
        return (*self.workload.state, *self.workload.invariants)


def check(found: Found) -> None:
    """Refuse a workload whose parts do not fit each other."""
    workload = found.workload
    if "typical" not in workload.cardinalities:
        raise WorkloadError(f"The workload {workload.name!r} pins no cardinality named 'typical'")
    _check_queries(found)
    _check_freshness(found)
    with authored(found, "axes"):
        _check_axes(workload)
    _check_grows(workload)
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
    parts = found.parts(cardinality)
    if workload.interference and (len(parts.names) < 2 or any(not writer.part for writer in writers)):  # noqa: PLR2004
        raise WorkloadError(
            f"At {label!r}, {workload.name!r} measures the interference of parts, and "
            + _lacking(parts.names, [writer.name for writer in writers if not writer.part]),
            remedies=["give every writer one of two parts or more: `Writer.part`", "leave out `Workload.interference`"],
        )
    if parts.names and workload.model is not None and workload.model.fresh_within_s:
        raise WorkloadError(
            f"At {label!r}, {workload.name!r} has parts, and answers that may be old, which count rows of all parts",
            remedies=["leave out `Model.fresh_within_s`", "leave out `Writer.part`"],
        )
    for writer in writers:
        with authored(found, "burst"):
            sample = islice(workload.burst(cardinality, writer.name, 0, Random(0)), writer.weight)  # noqa: S311
            check_calls(found, sample, f"writer {writer.name!r} at {label!r}", names_of(writer))
    with authored(found, "companions"):
        companions = workload.companions(cardinality)
        names = [*(one.name for one in writers), *(one.name for one in companions)]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise WorkloadError(
                f"At {label!r}, several writers or companions of {workload.name!r} are called {', '.join(repeated)}"
            )
        for companion in companions:
            _check_companion(found, companion, f"companion {companion.name!r} at {label!r}", parts)


def check_bounds(found: Found, label: str, cardinality: Any) -> None:  # noqa: ANN401 (the author's own type)
    """Refuse a cardinality whose bounds do not fit the invariants.

    Apart from `check`: bounds may take long to compute, so they are computed for the cardinality of a run only.

    Raises:
        WorkloadError: An invariant has a `:'name'` without a value, or the model has expected rows of one with bounds.
    """
    known, shared = found.bounds(cardinality), found.parts(cardinality)
    parts = [*shared.by_name.values()] or [shared.shared]
    for name in found.workload.invariants:
        (statement,) = found.operations[name].statements
        if lacking := sorted(one for one in statement.literals - {*known} if any(one not in part for part in parts)):
            raise WorkloadError(
                f"At {label!r}, `bounds` of {found.workload.name!r} has no value for {', '.join(lacking)}",
                where=found.operations[name].text.place(statement.mark(lacking[0])),
                checked=[f"values: {', '.join(known) or 'none'}"],
            )
    expected = found.workload.model.state(found.workload.model.initial()) if found.workload.model else {}
    if wrong := [name for name in found.bounded(cardinality) if name in expected]:
        raise WorkloadError(
            f"The model of {found.workload.name!r} returns rows of {', '.join(wrong)}, which have bounds of the "
            "cardinality, and the model check makes few rows",
            remedies=["leave them out of the rows that the model returns"],
        )


def _lacking(parts: Sequence[str], partless: Sequence[str]) -> str:
    """Return in words what a workload lacks for interference to be measured."""
    if partless:
        return f"these writers belong to none: {', '.join(partless)}"
    return f"has only the part {parts[0]!r}"


def _check_companion(found: Found, companion: Companion, source: str, parts: Parts) -> None:
    """Refuse a companion whose fields do not fit each other, or whose operation or parameters are not known."""
    if companion.clients < 1 or not 0 <= companion.every_s < math.inf:
        raise WorkloadError(
            f"The {source} has {plural(companion.clients, 'client')}, and executes every {companion.every_s:g} s",
            remedies=["give it 1 client or more, and 0 s or more"],
        )
    if not companion.name.strip():
        raise WorkloadError(f"The {source} has no name", remedies=["name it: reports show it under its name"])
    if companion.holds and companion.every_s:
        raise WorkloadError(
            f"The {source} holds its transaction open, and so cannot execute every {companion.every_s:g} s",
            remedies=["leave out `holds`", "leave out `every_s`"],
        )
    values = islice(companion.values(Random(0)), 1) if companion.values else ({},)  # noqa: S311
    calls = (Call(companion.operation, one, part=companion.part) for one in values)
    check_calls(found, calls, source, {part: {*own, *companion.identifiers} for part, own in parts.every.items()})


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
                f"The query {name!r} has {plural(len(found.operations[name].statements), 'statement')}, not one",
                where=found.operations[name].text.place(),
            )
        if parameters := found.operations[name].statements[0].parameters:
            raise WorkloadError(
                f"The query {name!r} has parameters: {', '.join(parameters)}",
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


def _check_freshness(found: Found) -> None:
    model, known = found.workload.model, tuple(found.operations)
    if model is None or not (model.includes or model.counted or model.fresh_within_s):
        return
    for name in (*model.includes, *model.counted):
        if name not in known:
            raise WorkloadError(
                f"The model of {found.workload.name!r} names the operation {name!r}, which is not in "
                f"{found.path.parent / OPERATIONS_FILE}{nearest(name, known)}"
            )
    missing = [
        name
        for name, value in (
            ("Model.fresh_within_s", model.fresh_within_s > 0),
            ("Model.includes", model.includes),
            ("Model.counted", model.counted),
            ("Workload.production_s", found.workload.production_s),
        )
        if not value
    ]
    if missing:
        raise WorkloadError(
            f"The workload {found.workload.name!r} bounds the age of answers without {', '.join(missing)}",
            remedies=["see docs/staleness.md"],
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


def _check_grows(workload: Workload[Any]) -> None:
    known = cardinalities.values(workload.cardinalities["typical"]) if workload.grows else {}
    numbers = [name for name, value in known.items() if type(value) in {int, float}]
    if workload.grows and workload.grows not in numbers:
        raise WorkloadError(
            f"`grows` of {workload.name!r} is no number of its cardinality: {workload.grows!r}",
            checked=[f"numbers of its cardinality: {', '.join(sorted(numbers))}"],
            remedies=["name the one that says how many rows the background has, or none"],
        )


def check_calls(found: Found, calls: Iterable[Call], source: str, parts: Names = NOWHERE) -> None:
    """Refuse calls whose operation or parameters are not in `operations.sql`, or of a part that they cannot belong to.

    Args:
        found: The workload.
        calls: The calls.
        source: What makes them, in words.
        parts: What their part may be, and the names that have a value for it.

    Raises:
        WorkloadError: With the call's source, the name, and the nearest name that exists; or it is not a call.
    """
    for call in calls:
        if not isinstance(call, Call):
            raise WorkloadError(f"The {source} makes {call!r}, which is not a schemabench.Call")
        if call.part not in parts:
            known = [part for part in parts if part]
            raise WorkloadError(
                f"The {source} calls {call.operation!r} for the part {call.part!r}{nearest(call.part, known)}",
                checked=[f"parts: {', '.join(known) or 'none'}"],
                remedies=["say which writers belong to which part: `Writer.part`"],
            )
        if (operation := found.operations.get(call.operation)) is None:
            raise WorkloadError(
                f"The {source} calls {call.operation!r}, which is not in {found.path.parent / OPERATIONS_FILE}"
                f"{nearest(call.operation, tuple(found.operations))}"
            )
        if all(map(call.values.__contains__, operation.parameters)):
            continue
        names = {*call.values, *parts[call.part]}
        if missing := {name for one in operation.statements for name in one.lacks(call.values, names)}:
            raise WorkloadError(
                f"The {source} calls {call.operation!r} without {', '.join(sorted(missing))}",
                where=operation.text.place(),
            )
