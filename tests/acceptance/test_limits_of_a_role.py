"""Limits that a server sets applications end no run: they hold for what is measured, not for what looks after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from shared_server import PASSWORD, Shared
from shop import Shop, assert_clear, said

SLOW_STATE = (
    "SELECT customer, count(*), sum(amount_cents), pg_sleep(0.01) FROM orders GROUP BY customer ORDER BY customer;"
)
STATE = "SELECT customer, count(*), sum(amount_cents) FROM orders GROUP BY customer ORDER BY customer;"
"""Twenty customers, so that it takes longer than any of the limits."""


@contextmanager
def limited(shared: Shared, clause: str) -> Iterator[str]:
    """Make a role with a limit, yield its DSN, and drop it."""
    with psycopg.connect(shared.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE limited LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        connection.execute(f"ALTER ROLE limited {clause}")
        try:
            yield shared.dsn(user="limited")
        finally:
            connection.execute("DROP ROLE limited")


@pytest.mark.parametrize(
    "clause",
    [
        "SET statement_timeout = '100ms'",
        "SET transaction_timeout = '100ms'",
        "SET lock_timeout = '1ms'",
        "SET idle_in_transaction_session_timeout = '50ms'",
        "SET idle_session_timeout = '100ms'",
    ],
)
def test_a_limit_of_time_ends_no_run(shop: Shop, shared: Shared, clause: str) -> None:
    shop.change("workloads/orders/operations.sql", STATE, SLOW_STATE)
    with limited(shared, clause) as dsn:
        result = shop.run("--postgres", dsn, "--report", "run.md")

    assert result.ret == 0, said(result)
    assert "disqualified" not in said(result)


def test_a_measured_call_that_a_limit_ends_is_told_with_the_limit(shop: Shop, shared: Shared) -> None:
    shop.candidate("slow", "-- name: customer_total\nSELECT pg_sleep(0.3), :customer::text;\n")
    with limited(shared, "SET statement_timeout = '100ms'") as dsn:
        result = shop.run("--postgres", dsn)

    assert_clear(result, "failed under the candidate 'slow'", "canceling statement due to statement timeout")
    assert "Traceback" not in said(result)


def test_a_limit_of_temporary_files_is_told_in_words(shop: Shop, shared: Shared) -> None:
    big = "SELECT key, count(*) FROM generate_series(1, 300_000) AS key GROUP BY key ORDER BY count(*), key DESC;"
    shop.change("workloads/orders/operations.sql", STATE, big)
    with limited(shared, "SET temp_file_limit = '64kB'") as dsn:
        result = shop.run("--postgres", dsn, PGOPTIONS="-c work_mem=64kB")

    assert_clear(result, "temp_file_limit")


def test_fewer_connections_than_a_run_needs_are_told_before_anything_is_made(shop: Shop, shared: Shared) -> None:
    with limited(shared, "CONNECTION LIMIT 5") as dsn:
        result = shop.run("--postgres", dsn)

    assert_clear(result, "the user may have 5", "CONNECTION LIMIT")
