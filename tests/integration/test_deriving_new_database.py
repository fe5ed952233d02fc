"""A database that was made a moment ago: its statistics hold the statements that made it, beside the application's."""

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import programs
import psycopg
import pytest
import servers

from schemabench import cli
from schemabench import workload as workloads
from schemabench.server.dsn import with_words

MIGRATION = """
CREATE EXTENSION pg_stat_statements;
CREATE TABLE product (id int PRIMARY KEY, price int NOT NULL, colour text);
CREATE INDEX product_colour ON product (colour);
CREATE TABLE orders (id bigserial PRIMARY KEY, method text NOT NULL CHECK (method IN ('card', 'invoice')));
CREATE TABLE line (
    order_id bigint REFERENCES orders, number smallint, product_id int NOT NULL REFERENCES product,
    PRIMARY KEY (order_id, number));
INSERT INTO product SELECT g, g, 'red' FROM generate_series(1, 200) g;
INSERT INTO orders (method) SELECT (ARRAY['card', 'invoice'])[1 + id % 2] FROM product;
INSERT INTO line SELECT o.id, number, 1 + o.id % 200 FROM orders o, generate_series(1, 3) AS number;
UPDATE product SET price = price + 1;
ANALYZE;
"""
ORDERS = 40


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
                for line in range(2):
                    connection.execute("INSERT INTO line VALUES (%s, %s::smallint, %s)", [order, 1 + line, 1 + number])
            connection.execute("ANALYZE")
        folder = tmp_path_factory.mktemp("new") / "project"
        assert cli.main(["init", str(folder), "--from", place, "--statements", "3"]) == 0
        yield place, folder


def test_what_was_executed_once_becomes_no_operation_and_takes_no_place(project: tuple[str, Path]) -> None:
    operations = (project[1] / "workloads" / "new" / "operations.sql").read_text()
    derived = [line.removeprefix("-- name: ") for line in operations.splitlines() if line.startswith("-- name: ")]

    assert {*derived[:3]} == {"select_product_by_id", "insert_orders", "insert_line"}
    assert "it was executed once, as by a person or a migration" in operations
    assert "generate_series" not in operations


def test_a_new_line_of_an_order_has_a_number_that_no_other_has(project: tuple[str, Path]) -> None:
    workload = workloads.load(project[1] / "workloads", "new").workload
    calls = workload.burst(workload.cardinalities["typical"], "writer", 0, Random(1))  # noqa: S311 (reproducible)
    lines = [call.values["number"] for call in islice(calls, 1_000) if call.operation == "insert_line"]

    assert len({*lines}) == len(lines)
    assert min(lines) > 3


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
