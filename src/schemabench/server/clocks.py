"""The server's own clocks: how long it waits between two looks of autovacuum at a database, and between checkpoints.

Owns their slowing for a time, on a server that this run started. Must not know what happens meanwhile.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from time import monotonic, sleep

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench.errors import SchemabenchError, tell_besides
from schemabench.server.dsn import opened
from schemabench.server.reached import lost
from schemabench.server.serving import Server

_CLOCKS = ("autovacuum_naptime", "checkpoint_timeout")
_CHANGEABLE = """
SELECT name, setting::float8, max_val::float8 FROM pg_catalog.pg_settings
WHERE name = ANY(%s) AND source <> 'command line'
"""
"""A setting of the command line, where `--postgres-setting` puts it, wins over any that is set later."""
_READ = "SELECT name, setting::float8 FROM pg_catalog.pg_settings WHERE name = ANY(%s)"
_HEARD_WITHIN_S = 5.0
"""How long the server may take to read its settings again; a moment is usual."""
_POLL_S = 0.05


@contextmanager
def slowed(server: Server, times: int) -> Iterator[Mapping[str, float]]:
    """Make the server's clocks so many times as slow, while the context lasts; yield by how much, setting by setting.

    Nothing is changed on a server that this run did not start, nor a setting that `--postgres-setting` gave.

    Raises:
        ServerError: The server failed. At the end, an error of the block comes first, and then tells of that.
    """
    if not server.owned:
        yield {}
        return
    try:
        with closing(opened(server.conninfo)) as connection:
            known = connection.execute(_CHANGEABLE, [list(_CLOCKS)]).fetchall()
            _set(connection, {name: int(min(most, value * times)) for name, value, most in known})
        before = {name: value for name, value, _ in known}
        now = _read(server, {name: min(most, value * times) for name, value, most in known})
    except psycopg.Error as cause:
        raise lost(server, cause) from cause
    try:
        yield {name: now[name] / value for name, value in before.items()}
    except BaseException as error:
        try:
            _reset(server, before)
        except SchemabenchError as problem:
            tell_besides(error, problem)
        raise
    _reset(server, before)


def _reset(server: Server, before: Mapping[str, float]) -> None:
    """Make the clocks as fast as they were, unless their server is gone.

    Raises:
        ServerError: The server failed.
    """
    if not server.alive():
        return
    try:
        with closing(opened(server.conninfo)) as connection:
            _set(connection, dict.fromkeys(before))
        _read(server, before)
    except psycopg.Error as cause:
        raise lost(server, cause) from cause


def _set(connection: psycopg.Connection[TupleRow], values: Mapping[str, int | None]) -> None:
    """Set or, for None, reset settings in the server's file, and have it read that."""
    for name, value in values.items():
        if value is None:
            connection.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
        else:
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    connection.execute("SELECT pg_catalog.pg_reload_conf()")


def _read(server: Server, wanted: Mapping[str, float]) -> Mapping[str, float]:
    """Return the settings that new sessions have, once they are those wanted, or the wait is over."""
    until_s = monotonic() + _HEARD_WITHIN_S
    while True:
        with closing(opened(server.conninfo)) as connection:
            found: dict[str, float] = dict(connection.execute(_READ, [list(wanted)]).fetchall())
        if found == wanted or monotonic() > until_s:
            return found
        sleep(_POLL_S)
