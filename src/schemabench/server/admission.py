"""Checks that a server suits a run: its version, our rights, and room for our connections.

Owns the refusals before anything is created. Must not change anything on the server.
"""

from dataclasses import dataclass

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
       (SELECT CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END FROM pg_catalog.pg_roles WHERE rolname = session_user),
       (SELECT count(*) FROM pg_catalog.pg_stat_activity
        WHERE datid IS NOT NULL AND pid <> pg_backend_pid() AND usename = session_user),
       session_user
"""
"""A limit is that of the role that logs in; superusers have none."""

_FILES = 4
"""Of a connection: its socket and what tells the processor time of its session, in the lower half of those allowed."""
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


@dataclass(frozen=True, kw_only=True)
class Needs:
    """The connections that a run needs."""

    clients: int
    """To each database, or to those of all parts together."""
    companions: int = 0
    """Further connections to each database."""
    databases: int = 1
    """Databases with that many connections, those of all parts counted as one."""
    parts: int = 1
    """The most databases that are counted as one."""
    neighbours: int = 0
    """Connections of the noise, to another database."""
    links: int = 0
    """Connections through which workers meet."""
    by_turns: bool = False
    """Whether it is enough if the clients have connections to one database at a time."""

    @property
    def others(self) -> int:
        """Connections to each database beside the clients'."""
        return (self.companions + server_settings.WATCHERS) * self.parts

    @property
    def all_at_once(self) -> int:
        """Connections to all databases at once, and those of the noise."""
        return (self.clients + self.others) * self.databases + self.neighbours

    @property
    def fewest(self) -> int:
        """The fewest connections with which the run is possible, with its own."""
        spared = self.clients * (self.databases - 1) if self.by_turns else 0
        return self.all_at_once - spared + self.links + server_settings.OWN_CONNECTIONS

    def offered(self, most: int) -> int:
        """Return the connections for a server of the run's own, without its own: for all at once, or this many.

        Never fewer than with which the run is possible.
        """
        return max(self.fewest - server_settings.OWN_CONNECTIONS, min(most, self.all_at_once + self.links))

    def fit(self, room: int) -> bool:
        """Return whether so many connections are enough for all databases at once."""
        return self.all_at_once + server_settings.OWN_CONNECTIONS <= room


def check_room(session: psycopg.Connection[TupleRow], needs: Needs, *, owned: bool) -> int:
    """Refuse more clients than the server has connections for, and raise this process's limit of open files.

    Args:
        session: A session on the server.
        needs: What takes connections.
        owned: Whether the server, and hence its settings, are ours.

    Returns:
        How many connections the run may have, without those of the links.

    Raises:
        UsageError: The clients do not fit; holds the numbers, and the number of clients that would fit.
    """
    row = session.execute(_LIMITS).fetchone()
    assert row is not None, "a query without FROM returns one row"
    limit, reserved, used, role_limit, role_used, user = row
    need = needs.fewest
    own = need - needs.neighbours
    room = limit - reserved - used
    asked = _asked(needs)
    if need > room:
        raise UsageError(
            f"{asked} is too much for this server: the run needs {plural(need, 'connection')} with its own "
            f"{own - needs.clients * (1 if needs.by_turns else needs.databases)}, and {room} are free",
            checked=[f"max_connections {limit}, of which reserved {reserved}, in use {used}"],
            remedies=[
                *_fewer(room, needs),
                *_quieter(room - own, needs.neighbours),
                "leave out --postgres-setting max_connections=... and those that reserve connections"
                if owned
                else f"raise the server's max_connections to {need + reserved + used} or more and restart it",
            ],
        )
    role_room = room if role_limit < 0 else role_limit - role_used
    if need > role_room:
        raise UsageError(
            f"{asked} is too much for the user {user}: the run needs {plural(need, 'connection')}, and the user may "
            f"have {role_limit}" + (f", of which in use {role_used}" if role_used else ""),
            remedies=[
                *_fewer(role_room, needs),
                *_quieter(role_room - own, needs.neighbours),
                f"raise the user's limit: ALTER ROLE {_quoted(user)} CONNECTION LIMIT {need + role_used}",
            ],
        )
    most = int(min(room, role_room))
    most -= needs.links
    _allow_files(_FILES * min(most, needs.all_at_once + server_settings.OWN_CONNECTIONS) + _OTHER_FILES)
    return most


def _asked(needs: Needs) -> str:
    """Return what takes connections, as the subject of a sentence."""
    further = [
        *([f"for {needs.databases} databases at once"] if needs.databases > 1 and not needs.by_turns else []),
        *([f"beside the {plural(needs.neighbours, 'connection')} of --noise"] if needs.neighbours else []),
    ]
    return ", ".join([f"--clients {needs.clients}", *further]) + ("," if further else "")


def _allow_files(number: int) -> None:
    """Raise this process's limit of open files, often 1,024, as far as permitted."""
    import resource  # noqa: PLC0415 (not on Windows, where reports are drawn all the same)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _fewer(room: int, needs: Needs) -> list[str]:
    """Return the remedies that need fewer connections."""
    left, others = room - needs.neighbours - needs.links - server_settings.OWN_CONNECTIONS, needs.others
    clients = left - others * needs.databases if needs.by_turns else left // needs.databases - others
    fewer = [f"fewer clients: --clients {clients}"] if clients > 0 else []
    fewer += ["leave companions out: --without-companions"] if needs.companions else []
    return fewer + (["rank fewer candidates at a time: --candidate NAME"] if needs.databases > 1 else [])


def _quieter(room: int, neighbours: int) -> list[str]:
    """Return the remedies that leave fewer connections to the noise, where these are enough."""
    if not neighbours or room < 0:
        return []
    slower = f"slow the noise down to {plural(room, 'connection')}, one for ten runs a second: --noise-speed"
    return [*([slower] if room > 0 else []), "leave out --noise"]
