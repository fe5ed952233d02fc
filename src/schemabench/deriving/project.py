"""The files of a project that is derived from a live database.

Owns their text. Must not talk to a server, nor write anything.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemabench.deriving.calls import Caller, rows_written
from schemabench.deriving.code import Name, rendered, text
from schemabench.deriving.dump import Schema
from schemabench.deriving.found import Executed, LeftOut, Traffic, quoted
from schemabench.deriving.operations import Operation, search_path
from schemabench.deriving.rows import Rows
from schemabench.deriving.scale import Scale
from schemabench.deriving.states import State
from schemabench.deriving.writers import Writer

_WIDTH = 116
_SEVERAL = 2


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What was derived from a database."""

    name: str
    """Of the workload."""
    server: str
    """As in `PostgreSQL 18.6`."""
    day: str
    """When it was read, as in `2026-11-29`."""
    schema: Schema
    path: Sequence[str]
    """The schemas in which names are looked for."""
    rows: Sequence[Rows]
    operations: Sequence[Operation]
    others: Sequence[Executed]
    """Statements beyond the number that was asked for."""
    left_out: Sequence[LeftOut]
    traffic: Traffic
    writers: Sequence[Writer]
    slice_s: float
    scale: Scale
    states: Sequence[State]
    values: bool
    """Whether contents were read."""


def files(derived: Derived) -> dict[str, str]:
    """Return the files of a project: path -> text."""
    workload = f"workloads/{derived.name}"
    found = {
        f"{workload}/__init__.py": _workload(derived),
        f"{workload}/cardinality.py": _cardinality(derived),
        f"{workload}/tables.py": _tables(derived),
        f"{workload}/operations.sql": _operations(derived),
        f"schemas/{derived.name}/baseline.sql": _baseline(derived),
        f"tests/test_{derived.name}.py": _test(derived),
    }
    return {path: content for path, content in found.items() if content}


def class_name(name: str) -> str:
    """Return the name of a workload's cardinality in Python, as in `LiveShop`."""
    return "".join(part.capitalize() for part in name.split("_"))


def _origin(derived: Derived) -> str:
    return f"Derived by `schemabench init --from` from {derived.server} on {derived.day}."


def _prose(*paragraphs: str) -> str:
    return "\n\n".join(textwrap.fill(one, _WIDTH) for one in paragraphs)


def _comment(*paragraphs: str) -> str:
    wrap = {"width": _WIDTH, "initial_indent": "-- ", "subsequent_indent": "-- "}
    return "\n--\n".join(textwrap.fill(one, **wrap) for one in paragraphs)  # type: ignore[arg-type]


def _cardinality(derived: Derived) -> str:
    kind = class_name(derived.name)
    fields = "".join(
        f'    {one.name}: int\n    """Rows of {one.table.schema}.{one.table.name}."""\n' for one in derived.rows
    )
    typical = {one.name: one.size for one in derived.rows}
    made = "".join(f"    {name}={rendered(size)},\n" for name, size in typical.items())
    whole = "".join(f"    {one.name}={rendered(max(one.size, one.table.rows))},\n" for one in derived.rows)
    slice_s = f"    slice_s={derived.slice_s:.4g},\n"
    return f'''"""The sizes of the workload `{derived.name}`.

{_prose(_origin(derived) + f" `TYPICAL` has {derived.scale} of the rows of production, and `PRODUCTION` all of them. Tables that are small keep their rows.")}
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class {kind}:
    """How many rows each table has before anything is measured."""

{fields}    slice_s: float
    """Seconds of production in the smallest burst."""


TYPICAL = {kind}(
{made}{slice_s})

PRODUCTION = {kind}(
{whole}{slice_s})
'''


def _tables(derived: Derived) -> str:
    blocks = []
    for one in derived.rows:
        asked = "".join(f"# Question: {question}\n" for question in one.questions)
        key = ""
        if one.combination:
            key = f"{one.name}_key = {rendered(one.combination, before=len(one.name) + 7)}\n"
        inner = rendered(dict(one.columns), 1, 1000)
        blocks.append(f"{asked}{key}{one.name} = Table(\n    {text(one.name)},\n    {inner},\n)\n")
    body = "\n".join(blocks)
    names = [one for one in _VALUES if f"{one}(" in body]
    times = [one for one in ("UTC", "date", "datetime") if (f"{one}(" in body or (one == "UTC" and "=UTC" in body))]
    imports = [f"from datetime import {', '.join(times)}"] if times else []
    imports += ["from decimal import Decimal"] if "Decimal(" in body else []
    kept = "as they are in the statistics" if derived.values else "made up in the shape of the real ones"
    about = _prose(
        _origin(derived)
        + f" Numbers and times follow the server's statistics; texts are {kept}. A row follows from its place, so that a call can "
        "be about it: `orders.row(17, sizes)` is the same row whenever it is asked for."
    )
    listed = "\n".join(f"    {one}," for one in names)
    return (
        f'"""What the rows of `{derived.name}` hold before anything is measured, and what new rows hold.\n\n{about}\n"""\n\n'
        + "\n".join(imports)
        + ("\n\n" if imports else "")
        + f"from schemabench.values import (\n{listed}\n)\n\n{body}"
    )


_VALUES = (
    "Ascending",
    "Choice",
    "Combination",
    "Dated",
    "Digit",
    "Document",
    "Drawn",
    "Fixed",
    "Histogram",
    "Identified",
    "Listed",
    "Maybe",
    "Mixed",
    "Network",
    "Numbered",
    "Octets",
    "Reference",
    "Shares",
    "Table",
    "Words",
)


def _operations(derived: Derived) -> str:
    parts = [
        _comment(
            f"{derived.name}: what the database executes. {_origin(derived)}",
            "Question: which of these does the application execute in one transaction? The server does not know. Write "
            "their statements under one name, one after the other, and remove the others' calls in __init__.py.",
        )
    ]
    for one in derived.operations:
        lines = _accepted(derived, one)
        comment = _comment(
            f"{one.executed.calls:,} calls, {one.executed.total_ms / max(1, one.executed.calls):.3g} ms and {one.rows:.3g} "
            "rows each."
        )
        parts.append("\n".join([comment, "", f"-- name: {one.name}", *lines, f"{one.sql};"]))
    parts += [_background_sql(derived)]
    if derived.states:
        about = (
            "What all candidates must agree on after the same calls. A column whose value depends on the order of calls is "
            "not here."
        )
        parts.append(_comment(about))
        parts += [f"-- name: {one.name}\n{one.sql};" for one in derived.states]
    parts.append(_left_out(derived))
    return "\n\n".join(filter(None, parts)) + "\n"


def _accepted(derived: Derived, operation: Operation) -> list[str]:
    """Return the lines that say which errors production goes on after."""
    found: list[str] = []
    reasons: list[str] = []
    kind = operation.root.__class__.__name__
    target = _target(derived, operation)
    if target is None:
        return []
    deleted = {one.table.id for one in derived.rows if _is_deleted(derived, one)}
    if kind == "InsertStmt" and target.uncertain and not operation.root.onConflictClause:
        found.append("23505")
        reasons.append("a new row may have the key of another")
    refers = {one.target for one in target.table.references}
    referring = any(target.table.id in {key.target for key in one.table.references} for one in derived.rows)
    if (kind != "DeleteStmt" and refers & deleted) or (kind == "DeleteStmt" and referring):
        found.append("23503")
        reasons.append("rows that others refer to are deleted meanwhile")
    if set(target.table.checked) & {use.column.name for use in operation.uses.values() if use.column and use.subtracted}:
        found.append("23514")
        reasons.append("what is taken away may be more than there is")
    return [f"-- accept: {', '.join(found)}"] if found else []


def _target(derived: Derived, operation: Operation) -> Rows | None:
    """Return the table that an operation changes; None if it changes none."""
    relation = getattr(operation.root, "relation", None)
    if relation is None:
        return None
    named = [one for one in derived.rows if one.table.name == relation.relname]
    return next((one for one in named if relation.schemaname in {None, one.table.schema}), None)


def _is_deleted(derived: Derived, rows: Rows) -> bool:
    return any(
        one.root.__class__.__name__ == "DeleteStmt" and _target(derived, one) is rows for one in derived.operations
    )


def _background_sql(derived: Derived) -> str:
    parts = [_comment("The rows before anything is measured.")]
    for one in derived.rows:
        columns = ", ".join(map(quoted, one.columns))
        parts.append(f"-- name: load_{one.name}\nCOPY {one.table.qualified} ({columns}) FROM STDIN;")
    if sequences := _sequences(derived):
        calls = ";\n".join(
            f"SELECT setval('{sequence}', :{name}::bigint)" for sequence, name in sequences.items()
        )
        parts.append(_comment("Sequences go on behind these rows."))
        parts.append(f"-- name: continue_sequences\n{calls};")
    return "\n\n".join(parts)


def _sequences(derived: Derived) -> dict[str, str]:
    """Return the sequences that columns take numbers from, and the table whose rows are numbered by each."""
    return {
        column.sequence.replace("'", "''"): one.name
        for one in derived.rows
        for column in one.table.columns.values()
        if column.sequence
    }


def _left_out(derived: Derived) -> str:
    lines = [f"{one.calls:,} calls of {one.what}: {one.why}" for one in derived.left_out]
    rare = [f"{one.calls:,} calls, {one.total_ms / max(1, one.calls):.3g} ms each: {one.sql}" for one in derived.others]
    if not lines and not rare:
        return ""
    shown = ["Left out. What belongs to the application is to be written by hand.", *lines]
    if rare:
        shown += ["Beyond the number of statements that was asked for (--statements):", *rare]
    return _comment(*shown)


def _baseline(derived: Derived) -> str:
    head = f"-- candidate: baseline\n-- summary: the schema of {derived.server}, as it was on {derived.day}\n"
    if derived.schema.reason:
        todo = _comment(
            f"The schema could not be read: {derived.schema.reason}.", f"Put it here, as it comes from: {derived.schema.command}"
        )
        return f"{head}\n{todo}\n"
    body = "".join(f"\n{one};\n" for one in derived.schema.statements)
    if len(derived.path) >= _SEVERAL:
        path = search_path(derived.path).replace("'", "''")
        body += (
            "\n-- Statements name tables of several schemas.\n"
            f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = {path}', current_database()); END $$;\n"
        )
    return f"{head}{body}"


def _test(derived: Derived) -> str:
    return f'''"""Which schema serves {derived.name} best?"""

from collections.abc import Callable

import pytest


@pytest.mark.workload({text(derived.name)})
def test_{derived.name}(evaluate: Callable[[], object]) -> None:
    evaluate()
'''


def _workload(derived: Derived) -> str:
    kind, argument = class_name(derived.name), "sizes"
    caller = Caller({one.table.id: one for one in derived.rows}, kind, argument)
    rates = {name: rate for writer in derived.writers for name, rate in writer.rates.items()}
    unit = "calls a second" if derived.traffic.seconds else "calls"
    functions = "\n\n".join(
        caller.function(one, f"{rates[one.name]:,.3g} {unit}.", rows_written(one)) for one in derived.operations
    )
    mixes = {
        writer.name: {Name(name): float(f"{rate:.4g}") for name, rate in writer.rates.items()} for writer in derived.writers
    }
    made = "".join(_writer(one, unit) for one in derived.writers)
    sequences = _sequences(derived)
    counts = ", ".join(f"{text(name)}: max(1, sizes.{name})" for name in dict.fromkeys(sequences.values()))
    continued = f'    yield Call("continue_sequences", {{{counts}}}, rows=0)\n' if sequences else ""
    loads = "".join(
        f"    yield _rows(tables.{one.name}, sizes)\n" for one in derived.rows
    )
    notes = [f"Note: {one}." for one in derived.traffic.notes]
    paced = "" if derived.traffic.seconds else "    # Question: how many seconds of production are that many calls?\n    # "
    state = ", ".join(text(one.name) for one in derived.states)
    recent = ", Recent" if "Recent(" in functions else ""
    now = f"NOW = {rendered(derived.traffic.until.replace(microsecond=0))}\n" if "NOW" in functions else ""
    dated = "from datetime import UTC, datetime\n" if now else ""
    about = _prose(
        _origin(derived) + " The mix of calls is production's, as pg_stat_statements counted it; what a call is about follows the "
        "statistics of the tables. Lines that begin with `Question:` ask what no server knows.",
        *notes,
    )
    return f'''"""{derived.name}: the statements of a live database, in its proportions.

{about}
"""

from collections.abc import Callable, Iterator, Mapping
{dated}from itertools import count
from random import Random

from schemabench import Call, Rows, Workload, Writer
from schemabench.values import Choice{recent}, Table

from . import tables
from .cardinality import PRODUCTION, TYPICAL, {kind}

{now}NEW_PER_BLOCK = 100_000  # places set apart for the new rows of a writer in a block: far more than a burst has calls


{functions}

# Question: do calls about one row come from one client, one after the other? Then give them the same `key`, as in
# Call("update_orders_by_id", values, key=str(values["id"])). Otherwise they may meet on the row, as here.

MIX: Mapping[str, Mapping[Callable[[{kind}, Iterator[int], Random], Call], float]] = {rendered(mixes, 0, 120)}
"""Writer -> what it calls, and how often: {unit}."""


def writers(_: {kind}) -> tuple[Writer, ...]:
    """Return who is at work: those who write, and those who read."""
    return (
{made}    )


def burst(sizes: {kind}, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Return a writer's endless calls in a block."""
    place = list(MIX).index(writer)
    fresh = count((block * len(MIX) + place) * NEW_PER_BLOCK)
    mix = Choice(MIX[writer])
    while True:
        yield mix.draw(random)(sizes, fresh, random)


def background(sizes: {kind}, _: Random) -> Iterator[Call | Rows]:
    """Yield the rows before anything is measured, those that others refer to first."""
{loads}{continued}

def _rows(table: Table, sizes: {kind}) -> Rows:
    return Rows(f"load_{{table.name}}", list(table.columns), table.rows(list(table.columns), sizes))


WORKLOAD = Workload(
    name={text(derived.name)},
    summary="the statements of a live database, in its proportions",
    cardinalities={{"typical": TYPICAL, "production": PRODUCTION}},
    writers=writers,
    burst=burst,
{paced or '    '}production_s=lambda sizes: sizes.slice_s,
    background=background,
    background_rows=lambda sizes: {_sum(derived)},
    state=({state}{',' if len(derived.states) == 1 else ''}),
)
'''


def _sum(derived: Derived) -> str:
    return "sum(table.size(sizes) for table in (" + "".join(f"tables.{one.name}, " for one in derived.rows).rstrip(" ") + "))"


def _writer(writer: Writer, unit: str) -> str:
    return f"""        Writer(
            name={text(writer.name)},
            kind={text(writer.kind)},
            weight={writer.weight},
            clients={writer.clients},
            pace="{writer.rate:,.3g} {unit}",
        ),
"""
