"""Server settings: what we choose, what the user adds, what a server reports.

Owns the values that make a throw-away server behave like a production one. Must not start or connect to anything.
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
"""Connections of a run beside its clients: the session that holds the lock, the sampler, loading and comparing."""
WATCHERS = 1
"""Connections to each database beside its clients: the one that reads its counters."""
BUFFERS_SHARE = 0.25
"""Share of memory for shared_buffers, as the manual advises for a dedicated server (section 19.4.1)."""
BUFFERS_LIMIT_MIB = 1024
"""More is not needed by tables that are loaded within a run, and would be taken from whatever else runs here."""
BUFFERS_LEAST_MIB = 16
"""Less than this and nothing is cached."""
WAL_LIMIT_MIB = 4096
"""Large enough that a run does not measure forced checkpoints; the default of 1 GB fills within a minute."""
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
"""What our own server depends on to be found, stopped and explained."""
_OF_DATABASE = """
SELECT setting.setrole <> 0, unnest(setting.setconfig)
FROM pg_catalog.pg_db_role_setting AS setting
JOIN pg_catalog.pg_database AS database ON database.oid = setting.setdatabase
WHERE setting.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
  AND database.datname = %s
"""
_SET_LOCAL = "SELECT pg_catalog.set_config(%s, %s, true)"
"""The text is read as that of a configuration file is, so that `a, b` is a list where a list is asked for."""
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
"""Who set a setting, by the server's word for it, where that tells little. Databases of a run are new: what they have
of their own, and `--postgres-setting` did not give them, comes from the candidate's SQL."""


def normalised(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the user's settings by lower-case name.

    Raises:
        UsageError: A name is none, or one that schemabench decides by itself.
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


def chosen(max_connections: int, memory: int, free_disk: int | None = None) -> dict[str, str]:
    """Return the settings of a server of our own: durable as in production, sized for this machine.

    `memory` and `free_disk` are in bytes; `max_connections` is the number of clients.
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
    """Return setting -> who set it, for those that this run set."""
    return dict.fromkeys(ours, OURS) | dict.fromkeys(asked, OPTION)


def in_words(source: str) -> str:
    """Return who set a setting, from what the server names as its source."""
    return _SOURCES.get(source, source)


def shown(name: str, value: str) -> str:
    """Return the value of a setting, unless it may hold a secret."""
    return "(not shown)" if hides(name) else value


def check_per_database(connection: psycopg.Connection[TupleRow], asked: Mapping[str, str]) -> dict[str, str]:
    """Return the user's settings in the server's own form, as in `8MB` for `8192kB`, for single databases.

    Raises:
        UsageError: A setting is unknown, refused by the server, or one for the whole server.
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
        except psycopg.errors.CantChangeRuntimeParam as error:  # one that is not shown to this role
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
    """Return what the server said, which may quote the value."""
    said = error.diag.message_primary or str(error)
    return said.replace(value, MASK) if value and hides(name) else said


def _for_the_whole(name: str, reason: str) -> UsageError:
    return UsageError(
        f"{OPTION} {name} cannot be set on an external server: {reason}",
        remedies=[f"set {name} on that server, and leave the option out", "use --postgres embedded"],
    )


def give(inside: psycopg.Connection[TupleRow], name: str, settings: Mapping[str, str], *, role: bool = False) -> None:
    """Give a database settings of its own, for everyone, or for our role alone.

    By way of the session's own value, for `ALTER DATABASE ... SET search_path = 'a, b'` makes one name of a list.

    Args:
        inside: A session in the database, or in another in which the texts are valid.
        name: Of the database.
        settings: Setting -> its text, as in a configuration file or in the server's catalog.
        role: Whether they are for our role alone, which then has them rather than those for everyone.
    """
    whose = sql.SQL("ROLE CURRENT_USER IN DATABASE {}" if role else "DATABASE {}").format(sql.Identifier(name))
    for setting, value in settings.items():
        with inside.transaction():
            inside.execute(_SET_LOCAL, [setting, value])
            inside.execute(sql.SQL("ALTER {} SET {} FROM CURRENT").format(whose, sql.Identifier(*setting.split("."))))


def of_database(connection: psycopg.Connection[TupleRow], name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings that a database has of its own: for everyone, and for our role alone."""
    found: tuple[dict[str, str], dict[str, str]] = {}, {}
    for for_role, entry in connection.execute(_OF_DATABASE, [name]):
        setting, _, value = entry.partition("=")
        found[for_role][setting] = value
    return found
