"""Server settings: schemabench's choices, the user's additions, the server's reports.

Owns the values that make a temporary server behave like one in production. Must not start or connect to anything.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench.errors import ServerError, UsageError
from schemabench.redaction import MASK, hides

OPTION = "--postgres-setting"
OURS = "schemabench"
OWN_CONNECTIONS = 8
"""Connections of a run in addition to its clients: the session that holds the lock, the sampler, loading and
comparing."""
WATCHERS = 1
"""Connections to each database in addition to its clients: the one that reads its counters."""
BUFFERS_SHARE = 0.25
"""Share of memory for shared_buffers, as the manual advises for a dedicated server (section 19.4.1)."""
BUFFERS_LIMIT_MIB = 1024
"""Tables that are loaded within a run need no more, and more would be taken from other programs on the machine."""
BUFFERS_LEAST_MIB = 16
"""With less than this, nothing is cached."""
SESSIONS_SHARE = 0.5
"""Share of memory for sessions; those that do not fit are open by turns."""
SESSION_MIB = 4
"""Memory of a session that has executed its operations: 2.7 for those of `usage`, and more with many partitions."""
WAL_LIMIT_MIB = 4096
"""Large enough to keep forced checkpoints out of the measurement; the default of 1 GB fills within a minute."""
WAL_SHARE = 0.25
"""Share of the free disk that WAL may take."""
RESERVED = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "logging_collector",
        "port",
        "unix_socket_directories",
    }
)
"""Settings that schemabench needs to find and stop its own server and to explain its failures."""
_OF_DATABASE = """
SELECT setting.setrole <> 0, unnest(setting.setconfig)
FROM pg_catalog.pg_db_role_setting AS setting
JOIN pg_catalog.pg_database AS database ON database.oid = setting.setdatabase
WHERE setting.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
  AND database.datname = %s
"""
_SET_LOCAL = "SELECT pg_catalog.set_config(%s, %s, true)"
"""The text is parsed as in a configuration file: `a, b` is a list if the setting takes a list."""
_PER_DATABASE = ("user", "superuser")
_SOURCES = {
    "client": "environment or DSN",
    "database": "candidate's database",
    "database user": "candidate's database, for the role",
    "environment variable": "the server's environment",
    "global": "all roles",
    "session": "an operation",
    "user": "role",
}
"""Readable names for the server's terse words for a setting's source. Databases of a run are new: a setting of their
own that `--postgres-setting` did not give them comes from the candidate's SQL."""


def normalised(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the user's settings by lower-case name.

    Raises:
        UsageError: A name is not a setting name, or schemabench sets it itself.
    """
    named = {name.strip().lower(): value.strip() for name, value in settings.items()}
    for name in named:
        if not name.replace(".", "_").isidentifier():
            raise UsageError(f"{OPTION} {name!r} is not a setting name", remedies=[f"write {OPTION} NAME=VALUE"])
        if name in RESERVED:
            raise UsageError(
                f"{OPTION} {name} cannot be set: schemabench sets it on its own servers",
                remedies=["leave it out", "set it on an external server and use --postgres postgresql://..."],
            )
    return named


def sessions(memory: int) -> int:
    """Return how many sessions of a server of ours fit into memory, which is in bytes."""
    return int(memory * SESSIONS_SHARE) // (SESSION_MIB * 2**20)


def chosen(max_connections: int, memory: int, free_disk: int | None = None) -> dict[str, str]:
    """Return the settings of our own server: durable as in production, sized for this machine.

    `memory` and `free_disk` are in bytes; `max_connections` are those of candidates.
    """
    mebibyte = 2**20
    buffers = max(BUFFERS_LEAST_MIB, min(BUFFERS_LIMIT_MIB, int(memory * BUFFERS_SHARE) // mebibyte))
    wal = WAL_LIMIT_MIB if free_disk is None else min(WAL_LIMIT_MIB, int(free_disk * WAL_SHARE) // mebibyte)
    return {
        "autovacuum": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "max_connections": str(max_connections + OWN_CONNECTIONS + 3),  # 3: superuser_reserved_connections
        "max_wal_size": f"{max(64, wal)}MB",
        "shared_buffers": f"{buffers}MB",
        "synchronous_commit": "on",
    }


def sources(ours: Mapping[str, str], asked: Mapping[str, str]) -> dict[str, str]:
    """Return setting -> its source, for the settings of this run."""
    return dict.fromkeys(ours, OURS) | dict.fromkeys(asked, OPTION)


def in_words(source: str) -> str:
    """Return a readable name for a setting's source as the server reports it."""
    return _SOURCES.get(source, source)


def shown(name: str, value: str) -> str:
    """Return a setting's value as it may be shown: without a secret."""
    return "(not shown)" if hides(name) else value


def check_per_database(connection: psycopg.Connection[TupleRow], asked: Mapping[str, str]) -> dict[str, str]:
    """Return the user's settings in the server's own form, as in `8MB` for `8192kB`, to be set per database.

    Raises:
        UsageError: A setting is unknown, refused by the server, or applies to the whole server only.
    """
    known: dict[str, str] = {}
    for name, value in asked.items():
        row = connection.execute("SELECT context FROM pg_catalog.pg_settings WHERE name = %s", [name]).fetchone()
        if row is not None and row[0] not in _PER_DATABASE:
            need = "a restart" if row[0] == "postmaster" else "a change of its configuration"
            raise _for_the_whole(name, f"it needs {need} of the whole server")
        try:
            with connection.transaction(force_rollback=True):
                (known[name],) = connection.execute(_SET_LOCAL, [name, value]).fetchone() or (value,)
        except psycopg.errors.CantChangeRuntimeParam as error:  # pg_settings does not show it to this role
            raise _for_the_whole(name, f"{error.diag.message_primary}") from None
        except psycopg.OperationalError as error:
            raise ServerError(f"The connection was lost: {error}") from error
        except psycopg.Error as error:
            raise UsageError(
                f"The server refuses {OPTION} {name}={shown(name, value)}: {_reason(error, name, value)}",
                sqlstate=error.sqlstate,
                remedies=[f"correct or leave out {OPTION} {name}=..."],
            ) from None
    return known


def _reason(error: psycopg.Error, name: str, value: str) -> str:
    """Return the server's message, with a secret value masked."""
    said = error.diag.message_primary or str(error)
    return said.replace(value, MASK) if value and hides(name) else said


def _for_the_whole(name: str, reason: str) -> UsageError:
    return UsageError(
        f"{OPTION} {name} cannot be set on an external server: {reason}",
        remedies=[f"set {name} on that server, and leave the option out", "use --postgres embedded"],
    )


def give(inside: psycopg.Connection[TupleRow], name: str, settings: Mapping[str, str], *, role: bool = False) -> None:
    """Give a database its own settings, for all roles or for our role alone.

    Sets the session's value first: `ALTER DATABASE ... SET search_path = 'a, b'` would turn a list into one name.

    Args:
        inside: A session in the database, or in another one in which the values are valid.
        name: The database's name.
        settings: Setting -> its value as text, as in a configuration file or in the server's catalog.
        role: Whether they are for our role alone, where they override those for all roles.
    """
    whose = sql.SQL("ROLE CURRENT_USER IN DATABASE {}" if role else "DATABASE {}").format(sql.Identifier(name))
    for setting, value in settings.items():
        with inside.transaction():
            inside.execute(_SET_LOCAL, [setting, value])
            inside.execute(sql.SQL("ALTER {} SET {} FROM CURRENT").format(whose, sql.Identifier(*setting.split("."))))


def of_database(connection: psycopg.Connection[TupleRow], name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return a database's own settings: those for all roles, and those for our role alone."""
    found: tuple[dict[str, str], dict[str, str]] = {}, {}
    for for_role, entry in connection.execute(_OF_DATABASE, [name]):
        setting, _, value = entry.partition("=")
        found[for_role][setting] = value
    return found
