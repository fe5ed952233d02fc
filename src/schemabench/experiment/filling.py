"""How a candidate becomes a template: schema and background rows in a database from which entrants are cloned.

Owns the loading. Settings that speed it up apply to the loading session only: no setting, statistics or lock of it may
reach a trial.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain, groupby, islice
from operator import itemgetter
from random import Random
from typing import Any

import psycopg

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.encoding import Encoder
from schemabench.errors import CandidateError, WorkloadError
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.databases import drop
from schemabench.experiment.feed import Part
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.template import Template
from schemabench.server import Server, gone, lost, opened
from schemabench.sqlfile import copied
from schemabench.statements import Operation
from schemabench.workload import Call, Writer

_LOADER = Writer(name="background", kind="batch", weight=1)
_LOADED_AT_ONCE = 1000  # calls of the background in memory at a time
_QUICKLY = "SET synchronous_commit TO off"
"""Loading is not measured."""


def build(  # noqa: PLR0913 (what makes a template)
    candidate: Candidate,
    defaults: Mapping[str, Operation],
    server: Server,
    background: Iterable[Part],
    isolation: str = "",
    *,
    told: Callable[[int], None] = lambda _: None,
) -> Template:
    """Create a database with the candidate's schema and the background rows, vacuumed and analyzed.

    Args:
        candidate: The candidate to build.
        defaults: The workload's operations.
        server: The server.
        background: What fills the database, in order, in parts that fit into memory.
        isolation: The isolation level of the writers' transactions; empty for the server's default.
        told: Receives the number of rows of each part that is being sent.

    Raises:
        CandidateError: The server refused the schema or an operation.
        WorkloadError: A value of the background cannot be sent.
        ServerError: The server failed.
    """
    operations = candidates.operations(candidate, defaults)
    database = server.create(f"{candidate.name}_template", keep=False)
    template = Template(
        candidate=candidate, operations=operations, server=server, database=database, isolation=isolation
    )
    try:
        _fill(template, _counted(background, told))
    except BaseException:
        drop(server, database)
        raise
    return template


def _fill(template: Template, background: Iterable[Part]) -> None:
    candidate, server, database = template.candidate, template.server, template.database
    try:
        with opened(server.conninfo_for(database.name)) as connection:
            candidates.install(candidate, connection)
        load(template, background)
        with opened(server.conninfo_for(database.name)) as connection:
            connection.execute("SET statement_timeout = 0")  # the role's own limit is for the writers
            connection.execute("VACUUM (ANALYZE)")
    except psycopg.Error as cause:  # ANALYZE executes index expressions
        if gone(cause):
            raise lost(server, cause) from cause
        raise candidates.refused(candidate, candidate.file.preamble, cause) from cause


def _counted(background: Iterable[Part], told: Callable[[int], None]) -> Iterator[Part]:
    for part in background:
        yield part
        told(len(part.rows))


def load(template: Template, background: Iterable[Part]) -> None:
    """Execute a background in order: by COPY where that is what an operation is, otherwise call by call.

    Raises:
        WorkloadError: A value cannot be sent.
        CandidateError: The server refused an operation or a row.
        ServerError: The server failed.
        psycopg.Error: The server ended the session.
    """

    def by_copy(part: Part) -> str:
        return part.operation if template.operations[part.operation].copies else ""

    with (
        closing(Sessions(template, template.database, [_LOADER])) as loader,
        opened(template.server.conninfo_for(template.database.name)) as copier,
    ):
        for session, _ in loader:
            session.connection.exec_(_QUICKLY.encode())
        copier.execute(_QUICKLY)
        for operation, parts in groupby(background, key=by_copy):
            if operation:
                _copy(copier, template, template.operations[operation], parts)
            else:
                _call(loader, template, chain.from_iterable(part.calls() for part in parts))


def _call(loader: Sessions, template: Template, calls: Iterator[Call]) -> None:
    encode, random = Encoder(template.operations), Random(0)  # noqa: S311 (only jitter)
    at_once = max(_LOADED_AT_ONCE, *(operation.sending.batch for operation in template.operations.values()))
    while some := list(islice(calls, at_once)):
        queue = [
            Encoded(number, call.operation, encode(call.operation, call.values), _LOADER.name)
            for number, call in enumerate(some)
        ]
        operations = [call.operation for call in some]
        loader.execute(Burst(owners=[_LOADER.name], queues=[queue], operations=operations, rows=0), random)


def _copy(
    copier: psycopg.Connection[tuple[Any, ...]], template: Template, operation: Operation, parts: Iterable[Part]
) -> None:
    """Send rows by one COPY, while the server writes those before: a COPY has no round trips.

    Raises:
        WorkloadError: A value cannot be sent.
        CandidateError: The server refused the statement or a row.
        ServerError: The server failed.
    """
    (statement,) = operation.statements
    query = statement.render(_LOADER.identifiers, CandidateError if template.overrides(operation) else WorkloadError)
    before = 0
    try:
        types = copier.execute(copied(query.sql).encode()).description if statement.binary else None
        with copier.cursor().copy(query.sql.encode()) as copy:
            if types:
                copy.set_types([column.type_code for column in types])
            for part in parts:
                _write(copy, part, _picked(part, query.parameters), Encoder(template.operations), before)
                before += len(part.rows)
    except psycopg.Error as cause:
        if gone(cause):
            raise lost(template.server, cause) from cause
        raise candidates.refused(template.candidate, statement.text, cause, operation.name) from cause


def _picked(part: Part, columns: Sequence[str]) -> Iterable[Sequence[object]]:
    """Return rows with the values of the given columns, in their order."""
    places = [part.columns.index(name) for name in columns]
    if places == list(range(len(part.columns))):
        return part.rows
    if len(places) == 1:
        return ((row[places[0]],) for row in part.rows)
    return map(itemgetter(*places), part.rows)


def _write(copy: psycopg.Copy, part: Part, rows: Iterable[Sequence[object]], encode: Encoder, before: int) -> None:
    """Write rows; of one that cannot be sent, the encoder says which value is at fault.

    Args:
        copy: Where the rows go.
        part: The rows as the author gave them.
        rows: The same as they are written.
        encode: Raises the error for a value that cannot be sent.
        before: Rows of the same COPY that were written before.
    """
    number, write_row = 0, copy.write_row
    try:
        for number, row in enumerate(rows):  # noqa: B007 (the last one is the one that failed)
            write_row(row)
    except (psycopg.Error, TypeError, ValueError):
        try:
            encode(part.operation, dict(zip(part.columns, part.rows[number], strict=True)))
        except WorkloadError as told:
            told.checked = (f"row {before + number + 1:,} of the COPY", *told.checked)
            raise
        raise
