"""The traffic of a log: its statements as those that a server has counted, and what becomes of each.

Owns the way from shapes to operations, and what is told of a log. Must not know keys.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path

from pglast.parser import scan

from schemabench.deriving import catalog, log_keys, operations, rewriting
from schemabench.deriving.calls import WORDS
from schemabench.deriving.catalog import Server
from schemabench.deriving.found import Executed, LeftOut, Table, Traffic
from schemabench.deriving.log_calls import Target
from schemabench.deriving.operations import Operation
from schemabench.deriving.parameters import Use
from schemabench.deriving.source import SESSION_NAME, Source, opened
from schemabench.deriving.statement import Kind, kind_of
from schemabench.deriving.traffic import gathered
from schemabench.deriving.writers import Writer
from schemabench.errors import UsageError
from schemabench.logs import Found, Shape, Spool, read
from schemabench.server.dsn import Conninfo
from schemabench.statements import literal
from schemabench.units import plural

MOST_STATEMENTS = 500
"""Statements of a log that become operations, unless a number is given: a transaction is whole or it is another one."""
WRITER = "sessions"
_DUMP = "pg_dump"
"""What its sessions are called."""
_CALLS = 200
_CLIENTS = 8
_PLAIN = {"N", "B", "E", "D", "T"}
"""Categories of types whose values are no texts."""
_PLAIN_TYPE = re.compile(
    r"(smallint|integer|bigint|numeric|real|float8|boolean|date|time.*|interval|oid|reg\w+)(\[\])?"
)
"""The same of types, and those that name something of the schema."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Heard:
    """What a log says of a database."""

    found: Found
    spool: Spool

    def traffic(self, source: Source, server: Server) -> Traffic:
        """Return the statements with the figures of the log.

        Raises:
            UsageError: It has no statement of an application in this database.
        """
        functions = {row["name"] for row in source.ask("functions")}
        executed: list[Executed] = []
        left_out: list[LeftOut] = []
        for shape in self.found.shapes:
            kind, why = kind_of(shape.sql, functions)
            if kind is None:
                left_out.append(LeftOut(what=rewriting.command(shape.sql), why=why, calls=shape.calls))
            else:
                executed.append(_executed(shape, kind))
        if not executed:
            raise _nothing(self.found, server, left_out)
        until = server.read_at
        return Traffic(
            executed=executed,
            left_out=gathered([*left_out, *(LeftOut(what=what, why=why, calls=n) for what, why, n in self._others())]),
            since=until - timedelta(seconds=self.found.span_s),
            until=until,
            notes=[*notes(self.found)],
        )

    def _others(self) -> Iterator[tuple[str, str, int]]:
        why = "they changed nothing that lasts, or cannot be told from the log"
        return ((what, why, count) for what, count in self.found.left_out.items() if count)


def heard(conninfo: Conninfo, paths: Sequence[Path], spool: Spool) -> Heard:
    """Read log files, as far as they are about a database.

    Raises:
        ServerError: The server cannot be reached.
        UsageError: A file cannot be read, or is none.
    """
    with opened(conninfo) as source:
        database = catalog.server(source).database
    return Heard(read(paths, database, spool, without={SESSION_NAME, _DUMP}), spool)


def derived(  # noqa: PLR0913, PLR0917 (as `operations.derived`, with the log)
    source: Source,
    chosen: Sequence[Executed],
    most: int,
    tables: Sequence[Table],
    path: Sequence[str],
    log: Found,
    *,
    values: bool,
) -> tuple[list[Operation], list[LeftOut], list[Executed], dict[int, Target]]:
    """Return operations, the statements that cannot be prepared, those beyond the number, and what shapes became.

    A literal that all calls have alike, and that names no row and is no text, belongs to the statement. Statements that
    are then the same are one operation.

    Args:
        source: The database, likewise below as for `operations.derived`.
        chosen: The statements.
        most: How many become operations at most.
        tables: All tables.
        path: The schemas.
        log: Has the shapes.
        values: Whether texts may stand in statements.
    """
    shapes = log.shapes
    size = len(chosen)
    first, *_ = operations.derived(source, chosen, size, tables, path)
    known = {one.id: one for one in tables}
    fixed = _fixed_of_all(first, shapes, known, values=values)
    written = [_with_literals(one, shapes[one.shapes[0]], fixed.get(one.shapes[0], {})) for one in chosen]
    second, *_ = operations.derived(source, written, size, tables, path)
    able = {one.executed.shapes[0] for one in second}
    for place, one in enumerate(written):
        if one.shapes[0] not in able:  # as it was, then
            written[place], fixed[one.shapes[0]] = chosen[place], {}
    each, *_ = operations.derived(source, written, size, tables, path)
    own = {one.executed.shapes[0]: one.names for one in each}
    found, failed, others = operations.derived(source, _merged(written, each), most, tables, path)
    targets: dict[int, Target] = {}
    for operation in found:
        for number in operation.executed.shapes:
            places = count(1)
            left = fixed.get(number, {})
            values_of = range(1, len(shapes[number].alike) + 1)
            names = ["" if one in left else own[number].get(next(places), "") for one in values_of]
            targets[number] = Target(operation=operation, names=names)
    return found, failed, others, targets


def writers(found: Sequence[Operation], log: Found) -> tuple[list[Writer], float]:
    """Return the one writer that executes what all sessions did, and the seconds that the smallest burst stands for."""
    rates = {one.name: one.executed.calls / log.span_s for one in found}
    total = sum(rates.values())
    slice_s = _CALLS / total
    weight = max(1, round(total * slice_s))
    return [Writer(name=WRITER, kind="stream", rates=rates, weight=weight, clients=_CLIENTS)], slice_s


def notes(found: Found) -> Iterator[str]:
    """Yield what restricts what a log says."""
    damage = found.damage
    yield from (f"{one}: what comes before is used" for one in damage.ended)
    if damage.broken:
        yield f"Left out, because cut off, too long, or none: {plural(damage.broken, 'entry', 'entries')} of the log"
    if found.repeated:
        yield f"Counted once, because in more than one of the files: {plural(found.repeated, 'entry', 'entries')}"
    if found.late:
        late = plural(found.late, "entry", "entries")
        yield f"Behind later ones of their session: {late}; the order of the files cannot be told, nor all transactions"
    if found.zones:
        zones = ", ".join(found.zones)
        yield f"No session began while the clock of the log showed {zones}: how far that is from UTC is guessed"
    if found.others or found.elsewhere:
        yield (
            f"Left out of {plural(found.entries, 'entry', 'entries')} of the log: {found.others:,} about no statement, "
            f"{found.elsewhere:,} about other databases"
        )
    if found.truncated:
        yield (
            f"Cut off after {plural(found.longest_cut - 3, 'character')}, and replayed so: "
            f"{plural(found.truncated, 'value')}; the server's log_parameter_max_length"
        )
    if found.untimed:
        yield (
            f"Without a duration in the log: {plural(found.untimed, 'statement')}; log_duration = on, or "
            "log_min_duration_statement = 0"
        )
    if found.begun_before:
        yield f"Replayed statement by statement, because without BEGIN: {plural(found.begun_before, 'transaction')}"
    levels = {level: count for level, count in found.levels.items() if level}
    if levels:
        shown = ", ".join(f"{count:,} at {level}" for level, count in levels.items())
        yield f"Transactions asked for an isolation level: {shown}. The workload has one for all: `Workload.isolation`"


def _executed(shape: Shape, kind: Kind) -> Executed:
    each_ms = shape.total_ms / shape.timed if shape.timed else 0.0
    return Executed(
        sql=shape.sql,
        kind=kind,
        role="",
        calls=shape.calls,
        total_ms=each_ms * shape.calls,
        rows=shape.calls,
        shapes=(shape.number,),
    )


def _fixed_of_all(
    first: Sequence[Operation], shapes: Sequence[Shape], tables: Mapping[int, Table], *, values: bool
) -> dict[int, dict[int, str | None]]:
    """Return the values that belong to each shape's statement: those that all shapes of one statement have alike."""
    alike: dict[str, list[Operation]] = {}
    for one in first:
        alike.setdefault(one.sql, []).append(one)
    found: dict[int, dict[int, str | None]] = {}
    for some in alike.values():
        each = [_fixed(one, shapes[one.executed.shapes[0]], tables, values=values) for one in some]
        named = [{one.names[at]: value for at, value in own.items()} for one, own in zip(some, each, strict=True)]
        common = set.intersection(*(set(own.items()) for own in named))
        for one, own in zip(some, each, strict=True):
            kept = {number: value for number, value in own.items() if (one.names[number], value) in common}
            found[one.executed.shapes[0]] = kept
    return found


def _fixed(operation: Operation, shape: Shape, tables: Mapping[int, Table], *, values: bool) -> dict[int, str | None]:
    """Return the values that belong to a statement, by their number: none that names a row, and no text."""
    keys = log_keys.keys(operation, tables)
    named = {*keys.homes, *keys.makes, *keys.upserts}
    found: dict[int, str | None] = {}
    for number, value in shape.fixed.items():
        if number not in operation.uses or operation.names[number] in named:
            continue
        if values or value is None or _is_plain(operation.uses[number], operation.types[number]):
            found[number] = value
    return found


def _is_plain(use: Use, kind: str) -> bool:
    """Return whether what a parameter of some type is about is no text, or one of a few words that a function takes."""
    if use.column is None:
        return use.word in WORDS or bool(_PLAIN_TYPE.fullmatch(kind))
    return bool(use.column.labels) or use.column.category in _PLAIN


def _with_literals(one: Executed, shape: Shape, fixed: Mapping[int, str | None]) -> Executed:
    """Return a statement with some of its values written into it, and others numbered anew."""
    if not fixed:
        return one
    free = (number for number in range(1, len(shape.alike) + 1) if number not in fixed)
    places = {number: place for place, number in enumerate(free, start=1)}
    pieces: list[str] = []
    end = 0
    for token in scan(one.sql):
        if token.name != "PARAM":
            continue
        number = int(one.sql[token.start + 1 : token.end + 1])
        if number in fixed:
            value = fixed[number]
            bare = number in shape.numeric and value is not None and _NUMBER.fullmatch(value)
            text = str(value) if bare else literal(value)
        else:
            text = f"${places[number]}"
        pieces += [one.sql[end : token.start], text]
        end = token.end + 1
    return replace(one, sql="".join([*pieces, one.sql[end:]]))


def _merged(written: Iterable[Executed], found: Iterable[Operation]) -> list[Executed]:
    """Return the statements, those that are the same once their types are known as one."""
    text = {one.executed.shapes[0]: one.sql for one in found}
    together: dict[str, Executed] = {}
    for one in written:
        key = text.get(one.shapes[0], f"{one.shapes}")
        known = together.get(key)
        together[key] = (
            replace(
                known,
                calls=known.calls + one.calls,
                total_ms=known.total_ms + one.total_ms,
                rows=known.rows + one.rows,
                shapes=known.shapes + one.shapes,
            )
            if known
            else one
        )
    return list(together.values())


def _nothing(found: Found, server: Server, left_out: Sequence[LeftOut]) -> UsageError:
    """Return the error for a log without statements of an application."""
    counted = Counter({one.what: one.calls for one in left_out})
    return UsageError(
        f"The log has no statement of an application in {server.database!r} that ended well",
        checked=[
            f"{plural(found.entries, 'entry', 'entries')} read, {found.elsewhere:,} of them about other databases",
            *notes(found),
            *(f"{plural(count, 'call')} of {what}" for what, count in counted.most_common(5)),
        ],
        remedies=[
            "have the server log statements: log_min_duration_statement = 0, or log_statement = all and log_duration",
            "name the database that the log is about: --from postgresql://.../DATABASE",
        ],
    )
