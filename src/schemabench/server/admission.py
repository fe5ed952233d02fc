"""Checks that a server suits a run: its version, our rights, and room for our connections.

Owns the refusals before anything is created. Must not change anything on the server.
"""

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench.errors import ServerError, UsageError
from schemabench.server import settings as server_settings
from schemabench.server.offer import refusal
from schemabench.units import plural

_FITNESS = """
SELECT pg_is_in_recovery(), rolcreatedb OR rolsuper, rolname,
       (SELECT source FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only' AND setting = 'on')
FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
_LIMITS = """
SELECT current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', true)::int, 0),
       (SELECT count(*) FROM pg_catalog.pg_stat_activity
        WHERE datid IS NOT NULL AND pid <> pg_backend_pid()
          AND coalesce(backend_type, 'client backend') = 'client backend'),
       (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user),
       current_user
"""

_OTHER_FILES = 200
"""Files that this process has open in addition to its connections, with room to spare: modules, logs, the server's
pipes."""


def check_fitness(session: psycopg.Connection[TupleRow], place: str) -> None:
    """Refuse an unsupported version, a standby, and a user without the right to create databases.

    Raises:
        ServerError: With `place`, the server's address without a password.
    """
    if (reason := refusal(session.info.server_version // 10000)) is not None:
        raise ServerError(f"{reason} ({place})", remedies=["use a newer server", "use --postgres embedded"])
    row = session.execute(_FITNESS).fetchone()
    standby, may_create, user, read_only = row or (False, True, "", None)
    if standby:
        raise ServerError(
            f"{place} is a standby, which accepts no writes",
            remedies=["give the primary's address", "name several hosts, with target_session_attrs=primary"],
        )
    if read_only:
        name = "default_transaction_read_only"
        raise ServerError(
            f"Sessions of the user {user} on {place} are read-only: {name} is on",
            checked=[f"it is set by: {server_settings.in_words(read_only)}"],
            remedies=[
                f"make the run's sessions writable: add ?options=-c%20{name}%3Doff to the DSN",
                f"reset the setting, if the role has it: ALTER ROLE {_quoted(user)} RESET {name}",
            ],
        )
    if not may_create:
        raise ServerError(
            f"The user {user} may not create databases on {place}",
            sqlstate="42501",
            remedies=[
                f"run as a superuser: ALTER ROLE {_quoted(user)} CREATEDB",
                "connect as another user",
            ],
        )


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


def check_room(  # noqa: PLR0913 (what takes connections)
    session: psycopg.Connection[TupleRow],
    clients: int,
    companions: int,
    databases: int,
    *,
    parts: int,
    neighbours: int = 0,
    owned: bool,
) -> None:
    """Refuse more clients than the server has connections for, and raise this process's limit of open files.

    Args:
        session: A session on the server.
        clients: Connections to each database, or to those of all parts together.
        companions: Further connections to each database.
        databases: Number of databases with that many connections at once, those of all parts counted as one.
        parts: The most databases that are counted as one.
        neighbours: Connections of the noise, to another database.
        owned: Whether the server, and hence its settings, are ours.

    Raises:
        UsageError: The clients do not fit; holds the numbers, and the number of clients that would fit.
    """
    row = session.execute(_LIMITS).fetchone()
    assert row is not None, "a query without FROM returns one row"
    limit, reserved, used, role_limit, user = row
    others = (companions + server_settings.WATCHERS) * parts
    own = (clients + others) * databases + server_settings.OWN_CONNECTIONS
    need = own + neighbours
    room = limit - reserved - used
    asked = _asked(clients, databases, neighbours)
    if need > room:
        raise UsageError(
            f"{asked} is too much for this server: the run needs {plural(need, 'connection')} with its own "
            f"{own - clients * databases}, and {room} are free",
            checked=[f"max_connections {limit}, of which reserved {reserved}, in use {used}"],
            remedies=[
                *_fewer(room - neighbours, others, databases, companions),
                *_quieter(room - own, neighbours),
                "leave out --postgres-setting max_connections=..."
                if owned
                else f"raise the server's max_connections to {need + reserved + used} or more and restart it",
            ],
        )
    if 0 <= role_limit < need:
        raise UsageError(
            f"{asked} is too much for the user {user}: the run needs {plural(need, 'connection')}, and the user may "
            f"have {role_limit}",
            remedies=[
                *_fewer(role_limit - neighbours, others, databases, companions),
                *_quieter(role_limit - own, neighbours),
                f"raise the user's limit: ALTER ROLE {user} CONNECTION LIMIT {need}",
            ],
        )
    _allow_files(need + _OTHER_FILES)


def _asked(clients: int, databases: int, neighbours: int) -> str:
    """Return what takes connections, as the subject of a sentence."""
    further = [
        *([f"for {databases} databases at once"] if databases > 1 else []),
        *([f"beside the {plural(neighbours, 'connection')} of --noise"] if neighbours else []),
    ]
    return ", ".join([f"--clients {clients}", *further]) + ("," if further else "")


def _allow_files(number: int) -> None:
    """Raise this process's limit of open files, often 1,024, as far as permitted: a connection is one file."""
    import resource  # noqa: PLC0415 (not on Windows, where reports are drawn all the same)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _fewer(room: int, others: int, databases: int, companions: int) -> list[str]:
    """Return the remedies that need fewer connections."""
    clients = (room - server_settings.OWN_CONNECTIONS) // databases - others
    fewer = [f"fewer clients: --clients {clients}"] if clients > 0 else []
    fewer += ["leave companions out: --without-companions"] if companions else []
    return fewer + (["rank fewer candidates at a time: --candidate NAME"] if databases > 1 else [])


def _quieter(room: int, neighbours: int) -> list[str]:
    """Return the remedies that leave fewer connections to the noise, where these are enough."""
    if not neighbours or room < 0:
        return []
    slower = f"slow the noise down to {plural(room, 'connection')}, one for ten runs a second: --noise-speed"
    return [*([slower] if room > 0 else []), "leave out --noise"]
