"""Servers that cannot be had, or not used: each a clear error that says what to do."""

import pytest
from shared_server import ROOM, Shared
from shop import Shop, assert_clear, said

UNREACHABLE = "postgresql://maker@127.0.0.1:1/postgres"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("local:99", ["PostgreSQL 99 is not installed on this machine", "Checked:", "--postgres local:"]),
        ("local:/nowhere", ["--postgres local:/nowhere cannot be used", "schemabench servers"]),
        ("embeded", ["'embeded' is not a server that --postgres accepts", "--postgres embedded"]),
        ("9", ["PostgreSQL 9 is older than", "--postgres embedded"]),
        ("postgresql://maker@127.0.0.1:port/postgres", ["The DSN of --postgres cannot be read"]),
    ],
    ids=["version", "folder", "misspelt", "old", "malformed"],
)
def test_a_server_that_cannot_be_had_is_a_clear_error(shop: Shop, spec: str, words: list[str]) -> None:
    result = shop.run("--postgres", spec)

    assert result.ret == 1
    assert_clear(result, *words)


def test_candidates_after_the_first_refer_to_the_error_in_a_line_and_an_old_report_is_said_to_be_old(
    shop: Shop,
) -> None:
    shop.write("run.md", "of yesterday")
    result = shop.run("--postgres", UNREACHABLE, "--report", "run.md", "--report", "new.md")

    result.assert_outcomes(failed=2)
    assert_clear(result, f"No connection to {UNREACHABLE}", "--postgres embedded")
    assert said(result).count("start the server, or open its port") == 1
    assert "orders typical has no result: No connection to" in said(result)
    assert "run.md is of an earlier run: this one has no result" in said(result)
    assert "new.md is" not in said(result)
    assert shop.read("run.md") == "of yesterday"


def test_a_wrong_password_is_a_clear_error(shop: Shop, shared: Shared) -> None:
    result = shop.run("--postgres", shared.dsn(password="mistyped"))  # noqa: S106

    assert_clear(result, "password authentication failed", "correct the password")
    assert "mistyped" not in said(result)


def test_an_unknown_database_is_a_clear_error(shop: Shop, shared: Shared) -> None:
    result = shop.run("--postgres", shared.dsn(database="nowhere"))

    assert_clear(result, 'database "nowhere" does not exist', "correct the user or the database")


def test_a_user_who_may_not_make_databases_is_a_clear_error(shop: Shop, shared: Shared) -> None:
    result = shop.run("--postgres", shared.dsn(user="reader"))

    assert_clear(result, "The user reader may not create databases", "ALTER ROLE", "CREATEDB")


def test_more_clients_than_the_server_takes_are_a_clear_error(shop: Shop) -> None:
    result = shop.run("--clients", str(ROOM))

    assert_clear(result, "is too much for this server", "rank fewer candidates at a time", "max_connections")


def test_fewer_clients_than_writers_are_a_clear_error(shop: Shop) -> None:
    result = shop.run("--clients", "1")

    assert_clear(result, "--clients 1 is fewer than the writers: shop, website", "use at least --clients 2")


def test_a_setting_that_the_server_refuses_is_a_clear_error(shop: Shop) -> None:
    result = shop.run("--postgres", "embedded", "--postgres-setting", "work_mem=plenty")

    assert_clear(result, "The server refuses --postgres-setting work_mem", "plenty")


def test_databases_cannot_be_kept_on_a_server_that_goes(shop: Shop) -> None:
    result = shop.run("--postgres", "embedded", "--keep-databases")

    assert_clear(result, "--keep-databases needs a server that outlives the run")
