"""How a candidate becomes a template: schema and background rows in databases from which entrants are cloned.

Owns the loading. Settings that speed it up, and time limits that are lifted for it, are those of the loading sessions
alone: no setting, statistics or lock of it may reach a trial.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from operator import itemgetter
from random import Random

import psycopg

from schemabench import candidate as candidates
from schemabench.candidate import Candidate, Remark
from schemabench.encoding import DOCUMENTS, UNFIT, Document, Encoder, Ranges, held, register_json, unfit
from schemabench.errors import WorkloadError
from schemabench.experiment import failures
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.feed import Chunk
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.template import Template
from schemabench.server import Server, offering, opened, several, unlimited
from schemabench.sqlfile import copied
from schemabench.statements import Operation, Statement
from schemabench.workload import Call, Parts, Writer

_LOADER = "background"
"""The name of the writer that loads."""
_LOADED_AT_ONCE = 1000  # calls of the background in memory at a time
_QUICKLY = "SET synchronous_commit TO off"
"""Loading is not measured."""
_LOOKED_AFTER = (
    "SET synchronous_commit TO on",
    "SELECT pg_catalog.pg_logical_emit_message(true, 'schemabench', '')",
    "VACUUM (ANALYZE)",
)
"""The first two have the WAL of all rows written: VACUUM marks no page as visible to all before that, and without such
pages no index-only scan is worth while."""


def build(  # noqa: PLR0913 (what makes a template)
    candidate: Candidate,
    defaults: Mapping[str, Operation],
    server: Server,
    background: Iterable[Chunk],
    isolation: str = "",
    *,
    parts: Parts | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Template:
    """Create databases with the candidate's schema and the background rows, vacuumed and analyzed.

    Args:
        candidate: The candidate to build.
        defaults: The workload's operations.
        server: The server.
        background: What fills the databases, in order, in chunks that fit into memory.
        isolation: The isolation level of the writers' transactions; empty for the server's default.
        parts: The parts of the workload; None if it has none.
        told: Receives the number of rows of each chunk that is being sent.

    Raises:
        CandidateError: The server refused the schema or an operation, or the schema is for other parts.
        WorkloadError: A value of the background cannot be sent.
        ServerError: The server failed.
    """
    parts = parts or Parts()
    candidates.check_parts(candidate, [*parts.by_name.values()])
    apart = parts.names if candidate.databases == "part" else ()
    template = Template(
        candidate=candidate,
        operations=candidates.operations(candidate, defaults),
        server=server,
        databases=several.create(server, f"{candidate.name}_template", apart),
        parts=parts,
        isolation=isolation,
    )
    try:
        return replace(template, remarks=_fill(template, _counted(background, told)))
    except BaseException:
        several.give_up(server, template.databases)
        raise


def extend(template: Template, background: Iterable[Chunk], told: Callable[[int], None] = lambda _: None) -> None:
    """Add rows to the databases of a template, and vacuum and analyze them again; errors are as for `build`.

    Args:
        template: Filled before.
        background: The further rows, in order, in chunks that fit into memory.
        told: Receives the number of rows of each chunk that is being sent.
    """
    with _in_words(template):
        load(template, _counted(background, told))
        _look_after(template)


def _fill(template: Template, background: Iterable[Chunk]) -> tuple[Remark, ...]:
    """Fill the databases of a template; return what is to be known of how the candidate was installed."""
    candidate, server, by_part = template.candidate, template.server, template.databases.by_part
    remarks: list[Remark] = []
    with _in_words(template):
        for part, names in template.parts.of(by_part).items():
            with opened(server.conninfo_for(by_part[part].name)) as connection:
                remarks += candidates.install(candidate, connection, names, offering)
        load(template, background)
        _look_after(template)
    return tuple(dict.fromkeys(remarks))


def _look_after(template: Template) -> None:
    """Vacuum and analyze the databases of a template, with the WAL of what was loaded written before."""
    for one in template.databases:
        with opened(template.server.conninfo_for(one.name)) as connection:
            connection.execute("SET statement_timeout = 0")  # the role's own limit is for the writers
            for statement in _LOOKED_AFTER:
                connection.execute(statement.encode())


@contextmanager
def _in_words(template: Template) -> Iterator[None]:
    """Raise an error of the server, while a template is filled, as its own or the candidate's."""
    try:
        yield
    except psycopg.Error as cause:
        raise failures.refused(template, cause) from cause


def _counted(background: Iterable[Chunk], told: Callable[[int], None]) -> Iterator[Chunk]:
    for chunk in background:
        yield chunk
        told(len(chunk.rows))


def load(template: Template, background: Iterable[Chunk]) -> None:
    """Execute a background in order: by COPY where that is what an operation is, otherwise call by call.

    What belongs to no part is executed in every database.

    Raises:
        WorkloadError: A value cannot be sent.
        CandidateError: The server refused an operation or a row.
        ServerError: The server failed.
        psycopg.Error: The server ended the session.
    """

    def alike(chunk: Chunk) -> tuple[str, str]:
        return chunk.part, chunk.operation if template.operations[chunk.operation].copies else ""

    with ExitStack() as stack:
        loaders = {part: stack.enter_context(closing(_Loader(template, part))) for part in _loaded_apart(template)}
        for (part, operation), chunks in groupby(background, key=alike):
            own = [loaders[part]] if part else [loaders[one] for one in template.databases.by_part]
            if operation:
                _copy(own, template.operations[operation], chunks)
            else:
                _call(own, chain.from_iterable(chunk.calls() for chunk in chunks))


def _loaded_apart(template: Template) -> list[str]:
    """Return what is loaded over connections of its own: each part, and what belongs to none."""
    return [*dict.fromkeys((*template.databases.by_part, *template.parts.names))]


class _Loader:
    """The connections that load the rows of one part, or of none.

    Raises:
        ServerError: The server cannot be reached or refused.
    """

    def __init__(self, template: Template, part: str) -> None:
        self.template = template
        self.writer = Writer(
            name=_LOADER, kind="batch", weight=1, identifiers=template.parts.identifiers(part), part=part
        )
        self.sessions = Sessions(template, template.databases, [self.writer])
        for session, _ in self.sessions:
            session.connection.exec_(_QUICKLY.encode())
            session.connection.exec_(unlimited(session.connection.server_version).encode())
        try:
            self.copier = opened(template.server.conninfo_for(template.databases.of(part).name))
            self.copier.execute(_QUICKLY)
            register_json(self.copier.adapters)
        except BaseException:
            self.sessions.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self.copier.close()
        self.sessions.close()


def _call(loaders: Sequence[_Loader], calls: Iterator[Call]) -> None:
    operations, random = loaders[0].template.operations, Random(0)  # noqa: S311 (only jitter)
    encode = Encoder(operations)
    at_once = max(_LOADED_AT_ONCE, *(operation.sending.batch for operation in operations.values()))
    while some := list(islice(calls, at_once)):
        queue = [
            Encoded(number, call.operation, encode(call.operation, call.values), _LOADER)
            for number, call in enumerate(some)
        ]
        burst = Burst(owners=[_LOADER], queues=[queue], operations=[call.operation for call in some], rows=0)
        for one in loaders:
            one.sessions.execute(burst, random)


def _copy(loaders: Sequence[_Loader], operation: Operation, chunks: Iterable[Chunk]) -> None:
    """Send rows by one COPY, while the server writes those before: a COPY has no round trips.

    Raises:
        WorkloadError: A value cannot be sent.
        CandidateError: The server refused the statement or a row.
        ServerError: The server failed.
    """
    template, (statement,) = loaders[0].template, operation.statements
    before = 0
    try:
        with ExitStack() as stack:
            copies = [stack.enter_context(_begun(one, operation)) for one in loaders]
            for chunk in chunks:
                for copy in copies:
                    copy.write(chunk, before)
                before += len(chunk.rows)
    except psycopg.Error as cause:
        raise failures.refused(template, cause, statement.text, operation.name) from cause


@contextmanager
def _begun(loader: _Loader, operation: Operation) -> Iterator["_Copying"]:
    """Yield a COPY over a loader's connection, which ends with the block."""
    (statement,) = operation.statements
    query = statement.render(loader.writer.identifiers, loader.template.fault(operation))
    copier = loader.copier
    described = copier.execute(copied(query.sql).encode()).description or ()
    types = [column.type_code for column in described]
    documents = {int(oid): Document(kind) for oid, kind in copier.execute(DOCUMENTS)}
    with copier.cursor().copy(query.sql.encode()) as copy:
        copying = _Copying(
            copy,
            operation.name,
            statement,
            types if statement.binary else (),
            {place: documents[one] for place, one in enumerate(types) if one in documents},
            Encoder(loader.template.operations),
        )
        copying.choose_format()
        yield copying


@dataclass(frozen=True)
class _Copying:
    """A COPY that is under way."""

    copy: psycopg.Copy
    operation: str
    statement: Statement
    types: Sequence[int]
    """The object ids of its columns' types in binary format; empty in text format."""
    kinds: Mapping[int, Document]
    """The columns that hold JSON, by place."""
    encode: Encoder

    def choose_format(self) -> None:
        """Have psycopg use the binary format of the columns' types.

        Raises:
            WorkloadError: It does not know one.
        """
        try:
            if self.types:
                self.copy.set_types(self.types)
        except psycopg.Error as cause:
            raise self._unfit(cause) from cause

    def write(self, chunk: Chunk, before: int) -> None:
        """Write rows.

        Args:
            chunk: The rows.
            before: Rows of the same COPY that were written before.

        Raises:
            WorkloadError: Says which value of which row cannot be sent.
        """
        number, write_row, ranges = 0, self.copy.write_row, Ranges(self.types)
        try:
            for number, row in enumerate(self._picked(chunk)):  # noqa: B007 (the last one is at fault)
                ranges.check(row)
                write_row(self._held(row) if self.kinds else row)
        except UNFIT as cause:
            if fault := self._fault(chunk, number, cause):
                fault.checked = (f"row {before + number + 1:,} of the COPY", *fault.checked)
                raise fault from cause
            raise

    def _picked(self, chunk: Chunk) -> Iterable[Sequence[object]]:
        """Return rows with the values of the columns, in their order."""
        places = [chunk.columns.index(name) for name in self.statement.columns]
        if places == list(range(len(chunk.columns))):
            return chunk.rows
        if len(places) == 1:
            return ((row[places[0]],) for row in chunk.rows)
        return map(itemgetter(*places), chunk.rows)

    def _held(self, row: Sequence[object]) -> Sequence[object]:
        """Return a row with lists as columns take them that hold JSON."""
        return [held(value, self.kinds[place]) if place in self.kinds else value for place, value in enumerate(row)]

    def _fault(self, chunk: Chunk, number: int, cause: BaseException) -> WorkloadError | None:
        """Return which value of a row cannot be sent; None if none is at fault."""
        values = dict(zip(chunk.columns, chunk.rows[number], strict=True))
        if not self.types:
            try:
                self.encode(chunk.operation, values)
            except WorkloadError as fault:
                return fault
            return None
        columns = self.statement.columns
        if not (value := unfit(columns, [values[name] for name in columns], self.types)):
            return None
        return self._unfit(cause, [value])

    def _unfit(self, cause: BaseException, checked: Sequence[str] = ()) -> WorkloadError:
        return WorkloadError(
            f"A row of {self.operation!r} cannot be copied in binary format: {cause}",
            where=self.statement.text.place(),
            checked=checked,
            remedies=[
                "give each value the type of its column, as in an int for bigint",
                "leave out (FORMAT binary): text format takes every type",
            ],
        )
