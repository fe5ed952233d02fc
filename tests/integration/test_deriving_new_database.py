"""A database that was made a moment ago: its statistics hold the statements that made it, beside the application's."""

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import programs
import psycopg
import pytest
import servers

from schemabench import cli
from schemabench import workload as workloads
from schemabench.server.dsn import with_words

MIGRATION = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE product (
    id int PRIMARY KEY, price int NOT NULL, colour text, left_over int NOT NULL DEFAULT 100 CHECK (left_over >= 0));
CREATE INDEX product_colour ON product (colour);
CREATE TABLE orders (id bigserial PRIMARY KEY, method text NOT NULL CHECK (method IN ('card', 'invoice')));
CREATE TABLE line (
    order_id bigint REFERENCES orders, number smallint, product_id int NOT NULL REFERENCES product,
    PRIMARY KEY (order_id, number));
INSERT INTO product (id, price, colour) SELECT g, g, 'red' FROM generate_series(1, 200) g;
INSERT INTO orders (method) SELECT (ARRAY['card', 'invoice'])[1 + id % 2] FROM product;
INSERT INTO line SELECT o.id, number, 1 + o.id % 200 FROM orders o, generate_series(1, 3) AS number;
UPDATE product SET price = price + 1;
ANALYZE;
"""
TAKE = "UPDATE product SET left_over = left_over - 1 WHERE id = %(id)s AND left_over >= 1"
SEARCH = "SELECT id FROM product WHERE to_tsvector('english', colour) @@ plainto_tsquery('english', %s)"
ORDERS = 40
DERIVED = {
    "select_product_by_id",
    "select_product_by_colour",
    "insert_orders",
    "insert_line",
    "update_product_by_id_left_over",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Make a database, let its application work for a while, and derive a project: (its DSN, the project)."""
    settings = {"shared_preload_libraries": "pg_stat_statements", "max_connections": "60"}
    with servers.serving("embedded", settings=settings, clients=8, run_id="new") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("CREATE DATABASE new")
        place = str.__str__(with_words(server.conninfo, dbname="new"))
        with psycopg.connect(place, autocommit=True) as connection:
            for statement in MIGRATION.strip().split(";\n"):
                connection.execute(statement.encode())
            for number in range(ORDERS):
                connection.execute("SELECT price FROM product WHERE id = %s", [1 + number])
                (order,) = connection.execute("INSERT INTO orders (method) VALUES ('card') RETURNING id").fetchone()
                connection.execute(TAKE, {"id": 1 + number})
                connection.execute(SEARCH, ["red"])
                for line in range(2):
                    connection.execute("INSERT INTO line VALUES (%s, %s::smallint, %s)", [order, 1 + line, 1 + number])
            connection.execute("ANALYZE")
        folder = tmp_path_factory.mktemp("new") / "project"
        assert cli.main(["init", str(folder), "--from", place, "--statements", str(len(DERIVED))]) == 0
        yield place, folder


def made(folder: Path, writer: str, operation: str) -> list[dict[str, Any]]:
    """Return the values of an operation's calls."""
    workload = workloads.load(folder / "workloads", "new").workload
    calls = workload.burst(workload.cardinalities["typical"], writer, 0, Random(1))  # noqa: S311 (reproducible)
    found = [dict(call.values) for call in islice(calls, 1_000) if call.operation == operation]
    assert found
    return found


def test_what_was_executed_once_becomes_no_operation_and_takes_no_place(project: tuple[str, Path]) -> None:
    operations = (project[1] / "workloads" / "new" / "operations.sql").read_text()
    derived = [line.removeprefix("-- name: ") for line in operations.splitlines() if line.startswith("-- name: ")]

    assert {*derived[: len(DERIVED)]} == DERIVED
    assert "it was executed once, as by a person or a migration" in operations
    assert "generate_series" not in operations


def test_a_new_line_of_an_order_has_a_number_that_no_other_has(project: tuple[str, Path]) -> None:
    lines = [values["number"] for values in made(project[1], "writer", "insert_line")]

    assert len({*lines}) == len(lines)
    assert min(lines) > 3


def test_as_much_has_to_be_there_as_is_taken(project: tuple[str, Path]) -> None:
    taken = made(project[1], "writer", "update_product_by_id_left_over")

    assert {(values["left_over_from"], values["left_over_change"]) for values in taken} == {(1, 1)}


def test_a_search_for_words_has_a_configuration(project: tuple[str, Path]) -> None:
    assert all("simple" in values.values() for values in made(project[1], "reader", "select_product_by_colour"))


def test_a_first_candidate_drops_the_unused_indexes_of_the_baseline_and_the_project_runs(
    project: tuple[str, Path],
) -> None:
    place, folder = project
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCHEMABENCH_", "PYTEST_", "PG"))}
    limits = {"SCHEMABENCH_POSTGRES": place, "SCHEMABENCH_BUDGET": "200ms", "SCHEMABENCH_CLIENTS": "2"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]

    result = programs.run(command, cwd=folder, env={**kept, **limits}, capture_output=True, text=True)

    candidate = (folder / "schemas" / "new" / "without_unused_indexes.sql").read_text()
    assert "-- extends: baseline\n" in candidate
    assert candidate.endswith("\nDROP INDEX public.product_colour;\n")
    assert result.returncode == 0, result.stdout + result.stderr
