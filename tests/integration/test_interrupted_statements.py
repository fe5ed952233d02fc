"""An interrupt between the sending of a statement and its result: psycopg has nothing to warn of."""

import pytest

from schemabench.server import Database, Server, opened


def test_a_connection_that_is_left_in_the_middle_of_a_statement_is_closed(
    server: Server, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt), opened(server.conninfo_for(database.name)) as connection:  # noqa: PT012 (all of it)
        connection.pgconn.send_query(b"SELECT pg_sleep(15)")
        raise KeyboardInterrupt

    assert connection.closed
    assert not caplog.messages


def test_so_is_one_that_is_left_in_a_transaction_which_is_rolled_back(
    server: Server, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    conninfo = server.conninfo_for(database.name)
    connection = opened(conninfo)
    with pytest.raises(KeyboardInterrupt), connection.transaction():  # noqa: PT012 (all of it)
        connection.execute("CREATE TABLE item ()")
        connection.pgconn.send_query(b"SELECT 1")
        raise KeyboardInterrupt

    assert connection.closed
    assert not caplog.messages
    with opened(conninfo) as other:
        assert other.execute("SELECT to_regclass('item')").fetchone() == (None,)


def test_a_connection_between_two_statements_stays_open(server: Server, database: Database) -> None:
    with opened(server.conninfo_for(database.name)) as connection:
        with pytest.raises(ValueError, match="a fault"), connection.transaction():  # noqa: PT012 (all of it)
            connection.execute("CREATE TABLE item ()")
            raise ValueError("a fault")

        assert connection.execute("SELECT to_regclass('item')").fetchone() == (None,)
