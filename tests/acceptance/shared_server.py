"""A server that plays somebody else's, and its users."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

PASSWORD = "hunter2-of-the-shop"  # noqa: S105 (the password that must not be seen)
ROOM = 60
"""Connections that the shared server has room for."""
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nowhere"
"""Who asks this server for anything fails."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A running server of somebody else's."""

    conninfo: str
    """As its owner."""
    place: str
    """Host and port, as in a URL."""

    def dsn(self, user: str = "maker", password: str = PASSWORD, database: str = "postgres") -> str:
        """Return the URL that a user of the server would give."""
        return f"postgresql://{user}:{password}@{self.place}/{database}"

    def databases(self) -> set[str]:
        """Return the names of all databases but the server's own."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            rows = connection.execute("SELECT datname FROM pg_database WHERE datname NOT LIKE 'template_'").fetchall()
        return {name for (name,) in rows} - {"postgres"}

    def executes(self, database: str) -> bool:
        """Return whether a session of a run's database of such a name has executed an operation, as trials do."""
        asked = "SELECT FROM pg_stat_activity WHERE datname LIKE %s AND query LIKE '/* %%'"
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(asked, [f"sb_%_{database}"]).rowcount > 0

    def populates(self, database: str) -> bool:
        """Return whether rows are copied into a run's database of such a name."""
        asked = "SELECT FROM pg_stat_activity WHERE datname LIKE %s AND state = 'active' AND query LIKE 'COPY %%'"
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(asked, [f"sb_%_{database}"]).rowcount > 0

    def sleeps(self) -> bool:
        """Return whether a session has slept for long enough to be told of."""
        asked = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query_start < now() - '2.5 s'::interval"
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(asked).rowcount > 0

    def drop(self, name: str) -> None:
        """Drop a database."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
