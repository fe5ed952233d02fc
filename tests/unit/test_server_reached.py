"""What is said where a server breaks a connection, refuses one, or refuses a statement over one that stands."""

import psycopg
import pytest
from psycopg import errors

from schemabench.server import gone, lost


class Dead:
    """A server that does not answer."""

    def conninfo_for(self, database: str) -> str:
        """Return nothing: nobody connects."""
        return database

    def failure(self) -> str | None:
        """Return how it died."""
        return "it was killed"


@pytest.mark.parametrize(
    ("cause", "is_gone"),
    [
        (psycopg.OperationalError("the connection is closed"), True),
        (errors.AdminShutdown(), True),
        (errors.ConnectionFailure(), True),
        (errors.ConfigurationLimitExceeded(), False),
        (errors.DiskFull(), False),
        (errors.QueryCanceled(), False),
        (errors.DeadlockDetected(), False),
        (errors.LockNotAvailable(), False),
        (errors.UndefinedTable(), False),
    ],
)
def test_a_refused_statement_leaves_the_connection(cause: psycopg.Error, *, is_gone: bool) -> None:
    assert gone(cause) == is_gone
    assert ("The connection to the server was lost" in lost(Dead(), cause).what) == is_gone


@pytest.mark.parametrize(
    "said",
    [
        'FATAL:  too many connections for role "limited"',
        'FATAL:  too many connections for database "sb_run"',
        "FATAL:  sorry, too many clients already",
        "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
    ],
)
def test_a_server_that_has_no_connection_left_is_not_lost(said: str) -> None:
    error = lost(Dead(), said)
    assert error.what == f"The server runs, but refused another connection: {said}"
    assert any("CONNECTION LIMIT" in remedy for remedy in error.remedies)
