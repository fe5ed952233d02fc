"""Limits that a server sets applications end no run: they hold for what is measured, not for what looks after it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
import pytest
from psycopg import sql
from shared_server import PASSWORD, Shared
from shop import Shop, assert_clear, said, wait_for

SLOW_STATE = (
    "SELECT customer, count(*), sum(amount_cents), pg_sleep(0.03) FROM orders GROUP BY customer ORDER BY customer;"
)
STATE = "SELECT customer, count(*), sum(amount_cents) FROM orders GROUP BY customer ORDER BY customer;"
"""Twenty customers, so that it takes longer than any of the limits."""

BIG = """SET LOCAL work_mem = '64kB';
SELECT :customer::text, count(*)
FROM (SELECT key FROM generate_series(1, 100000) AS key ORDER BY key DESC OFFSET 10) AS many;"""
"""Sorts more than work_mem holds."""
TWO_STEPS = "SELECT 1;\nSELECT pg_sleep(0.3), :customer::text;"
LOCKING = """LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE;
SELECT count(*), pg_sleep(0.003) FROM orders WHERE customer = :customer::text;"""


@contextmanager
def limited(shared: Shared, *clauses: str) -> Iterator[str]:
    """Make a role with limits, yield its DSN, and drop it."""
    with psycopg.connect(shared.conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE limited LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        for clause in clauses:
            connection.execute(f"ALTER ROLE limited {clause}")
        try:
            yield shared.dsn(user="limited")
        finally:
            connection.execute("DROP ROLE limited")


TIMES = [
    pytest.param(
        (
            "SET statement_timeout = '100ms'",
            "SET lock_timeout = '1ms'",
            "SET idle_in_transaction_session_timeout = '50ms'",
            "SET idle_session_timeout = '100ms'",
        ),
        id="all others",
    ),
    pytest.param(("SET transaction_timeout = '300ms'",), id="of transactions"),
]
"""Limits, of which each would end a run by itself; that of transactions hides that of statements if it is shorter."""


@pytest.mark.parametrize("clauses", TIMES)
def test_limits_of_time_end_no_run(shop: Shop, shared: Shared, clauses: tuple[str, ...]) -> None:
    shop.change("workloads/orders/operations.sql", STATE, SLOW_STATE)
    with limited(shared, *clauses) as dsn:
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


@pytest.mark.parametrize(
    ("clause", "operation", "words"),
    [
        ("SET temp_file_limit = '64kB'", BIG, "temporary file size exceeds"),
        ("SET transaction_timeout = '100ms'", "SELECT pg_sleep(0.3), :customer::text;", "transaction timeout"),
        pytest.param("SET transaction_timeout = '100ms'", TWO_STEPS, "transaction timeout", marks=pytest.mark.thorough),
        ("SET statement_timeout = '100ms'", TWO_STEPS, "statement timeout"),
    ],
    ids=["temporary files", "transaction", "transaction of two statements", "statement of two"],
)
def test_a_limit_that_a_candidates_call_reaches_ends_the_candidate_alone(
    shop: Shop, shared: Shared, clause: str, operation: str, words: str
) -> None:
    shop.candidate("greedy", f"-- name: customer_total\n{operation}\n")
    with limited(shared, clause) as dsn:
        result = shop.run("--postgres", dsn, "--report", "run.md")

    assert_clear(result, "failed under the candidate 'greedy'", words)
    assert "was lost" not in said(result)
    assert "1 failed, 2 passed" in said(result)


def test_a_lock_timeout_is_repeated_as_an_application_would(shop: Shop, shared: Shared) -> None:
    shop.candidate("locking", f"-- name: customer_total\n{LOCKING}\n")
    with limited(shared, "SET lock_timeout = '1ms'") as dsn:
        result = shop.run("--postgres", dsn, "--report", "run.md")

    assert result.ret == 0, said(result)
    assert "lock timeout" in shop.read("run.md")


def of_the_role(shared: Shared) -> ExitStack:
    """Take the role's connections away, but for those that it has."""
    with psycopg.connect(shared.conninfo, autocommit=True) as connection:
        connection.execute("ALTER ROLE limited CONNECTION LIMIT 1")
    return ExitStack()


def of_a_database(shared: Shared) -> ExitStack:
    """Take the connections to the databases of the second experiment away, but for those that there are."""
    with psycopg.connect(shared.conninfo, autocommit=True) as connection:
        for name in shared.databases():
            if "returns" in name:
                connection.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 1").format(sql.Identifier(name)))
    return ExitStack()


def of_the_server(shared: Shared) -> ExitStack:
    """Take all connections that the server has left, until the returned block ends."""
    taken = ExitStack()
    with suppress(psycopg.OperationalError):
        while True:
            taken.enter_context(psycopg.connect(shared.dsn(user="reader")))
    return taken


@pytest.mark.parametrize(
    "take",
    [
        of_the_role,
        pytest.param(of_a_database, marks=pytest.mark.thorough),
        pytest.param(of_the_server, marks=pytest.mark.thorough),
    ],
)
def test_connections_that_run_out_in_mid_run_are_told_and_what_is_finished_is_kept(
    shop: Shop, shared: Shared, take: Callable[[Shared], ExitStack]
) -> None:
    shop.add_long("returns")
    with limited(shared, "NOINHERIT") as dsn:
        run = shop.start("--postgres", dsn, "--report", "run.md")
        wait_for(run, lambda: shared.executes("returns_typical_without_index"))
        with take(shared):
            result = shop.finish(run)

    assert_clear(result, "returns typical has no result", "refused another connection", "To fix this")
    assert "was lost" not in said(result)
    assert "`orders` at `typical`: No verdict" in shop.read("run.md")


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        (
            "SET default_transaction_read_only = on",
            ["read-only: default_transaction_read_only is on", "set by: role", "RESET default_transaction_read_only"],
        ),
        ("SET search_path = foo", ["no schema has been selected", "search_path is foo, set by the role"]),
        ("SET session_preload_libraries = absent", ["could not access file", "ALTER ROLE ... RESET"]),
    ],
    ids=["only reads", "search path", "library"],
)
def test_a_setting_of_the_role_that_stands_in_the_way_is_named(
    shop: Shop, shared: Shared, clause: str, words: list[str]
) -> None:
    with limited(shared, clause) as dsn:
        result = shop.run("--postgres", dsn)

    assert_clear(result, *words)


def test_a_setting_of_the_role_that_the_dsn_undoes_stands_in_no_way(shop: Shop, shared: Shared) -> None:
    with limited(shared, "SET default_transaction_read_only = on") as dsn:
        result = shop.run("--postgres", f"{dsn}?options=-c%20default_transaction_read_only%3Doff")

    assert result.ret == 0, said(result)


def test_idle_sessions_that_are_measured_have_limits_of_ours(shop: Shop, shared: Shared) -> None:
    with limited(shared, "SET idle_in_transaction_session_timeout = '50ms'") as dsn:
        shop.run("--postgres", dsn, "--report", "run.md")

    (line,) = [line for line in shop.read("run.md").splitlines() if "`idle_in_transaction_session_timeout`" in line]
    assert "5s" in line
    assert "schemabench" in line


def test_a_problem_of_the_server_is_told_whole_once_and_then_in_a_line(shop: Shop, shared: Shared) -> None:
    shop.add("returns")
    shop.add("third")
    with limited(shared, "CONNECTION LIMIT 1") as dsn:
        result = shop.run("--postgres", dsn)

    assert result.ret != 0
    assert str(result.stdout).split("short test summary info")[0].count("To fix this") == 1
    assert said(result).count("see above") >= 2
