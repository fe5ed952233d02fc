"""How a candidate becomes a template: schema and background rows in a database from which entrants are cloned.

Owns the loading. Settings that speed it up apply to the loading session only: no setting, statistics or lock of it may
reach a trial.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing
from itertools import islice
from random import Random

import psycopg

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.encoding import Encoder
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.databases import drop
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.template import Template
from schemabench.server import Server, gone, lost, opened
from schemabench.statements import Operation
from schemabench.workload import Call, Writer

_LOADER = Writer(name="background", kind="batch", weight=1)
_LOADED_AT_ONCE = 1000  # calls of the background in memory at a time
_QUICKLY = b"SET synchronous_commit TO off"
"""Loading is not measured."""


def build(
    candidate: Candidate,
    defaults: Mapping[str, Operation],
    server: Server,
    background: Iterable[Call],
    isolation: str = "",
) -> Template:
    """Create a database with the candidate's schema and the background rows, vacuumed and analyzed.

    Args:
        candidate: The candidate to build.
        defaults: The workload's operations.
        server: The server.
        background: The calls that load the background rows.
        isolation: The isolation level of the writers' transactions; empty for the server's default.

    Raises:
        CandidateError: The server refused the schema or an operation.
        ServerError: The server failed.
    """
    operations = candidates.operations(candidate, defaults)
    database = server.create(f"{candidate.name}_template")
    template = Template(
        candidate=candidate, operations=operations, server=server, database=database, isolation=isolation
    )
    try:
        _fill(template, background)
    except BaseException:
        drop(server, database)
        raise
    return template


def _fill(template: Template, background: Iterable[Call]) -> None:
    candidate, server, database = template.candidate, template.server, template.database
    try:
        with opened(server.conninfo_for(database.name)) as connection:
            candidates.install(candidate, connection)
        with closing(Sessions(template, database, [_LOADER])) as loader:
            for session, _ in loader:
                session.connection.exec_(_QUICKLY)
            _load(loader, template, background)
        with opened(server.conninfo_for(database.name)) as connection:
            connection.execute("SET statement_timeout = 0")  # the role's own limit is for the writers
            connection.execute("VACUUM (ANALYZE)")
    except psycopg.Error as cause:  # ANALYZE executes index expressions
        if gone(cause):
            raise lost(server, cause) from cause
        raise candidates.refused(candidate, candidate.file.preamble, cause) from cause


def _load(loader: Sessions, template: Template, calls: Iterable[Call]) -> None:
    encode, random = Encoder(template.operations), Random(0)  # noqa: S311 (only jitter)
    remaining = iter(calls)
    while some := list(islice(remaining, _LOADED_AT_ONCE)):
        queue = [
            Encoded(number, call.operation, encode(call.operation, call.values), _LOADER.name)
            for number, call in enumerate(some)
        ]
        operations = [call.operation for call in some]
        loader.execute(Burst(owners=[_LOADER.name], queues=[queue], operations=operations, rows=0), random)
