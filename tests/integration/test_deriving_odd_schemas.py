"""Schemas that are not simple: odd names and types, partitions, circles, views; all of it runs at once, too."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import programs
import psycopg
import pytest
import servers

from schemabench import cli
from schemabench.deriving import catalog, dump
from schemabench.deriving.source import opened
from schemabench.server.dsn import parse_dsn, with_words

DEEP = "1" + " + 1" * 400
"""An expression that is nested more deeply than what becomes an operation."""
SCHEMA = """
CREATE EXTENSION pg_stat_statements;
CREATE SCHEMA billing;
CREATE SCHEMA "100%";
CREATE TABLE "100%".nothing ();
CREATE SCHEMA "it's $$ ""odd"" $block_1$";
CREATE TABLE "it's $$ ""odd"" $block_1$"."what's $1" ("n's" serial PRIMARY KEY, "a$$b" text);
INSERT INTO "it's $$ ""odd"" $block_1$"."what's $1" ("a$$b") SELECT 'x' || g FROM generate_series(1, 50) g;
CREATE VIEW deep AS SELECT DEEP AS sum;
CREATE TABLE computed (one int GENERATED ALWAYS AS (1) STORED);
CREATE DOMAIN billing.cents AS bigint CHECK (value >= 0);
CREATE TABLE "User Accounts" (
    "Id" uuid PRIMARY KEY DEFAULT gen_random_uuid(), "E-Mail" text UNIQUE NOT NULL, "order" int,
    tags text[] DEFAULT '{}',
    born date, active boolean NOT NULL DEFAULT true, score double precision, price numeric(10, 2), during tstzrange,
    at time, took interval,
    search tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce("E-Mail", ''))) STORED);
CREATE TABLE billing.invoice (
    id serial PRIMARY KEY, account uuid NOT NULL REFERENCES "User Accounts" ON DELETE CASCADE,
    amount billing.cents NOT NULL, parent int REFERENCES billing.invoice,
    state varchar(10) NOT NULL CHECK (state IN ('new', 'paid', 'void')),
    created timestamp NOT NULL DEFAULT localtimestamp);
CREATE TABLE billing.stock (
    item text PRIMARY KEY, left_over int NOT NULL CHECK (left_over >= 0), version int NOT NULL);
CREATE TABLE event (
    id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, kind char(3) NOT NULL, body json,
    PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE event_2 PARTITION OF event DEFAULT;
CREATE TABLE member (account uuid REFERENCES "User Accounts", grp int, role text, PRIMARY KEY (account, grp));
CREATE TABLE a (id int PRIMARY KEY, b int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
CREATE TABLE class (id bigserial PRIMARY KEY, "date" date, "from" text);
CREATE MATERIALIZED VIEW billing.totals AS SELECT account, sum(amount) FROM billing.invoice GROUP BY account;
CREATE UNIQUE INDEX ON billing.totals (account);
CREATE FUNCTION billing.pay(i int) RETURNS void LANGUAGE sql
AS $$ UPDATE billing.invoice SET state = 'paid' WHERE id = i $$;
INSERT INTO "User Accounts" ("E-Mail", "order", tags, born, score, price, during, at, took)
SELECT 'user' || g || '@secret.example', g % 7, ARRAY['x'], date '1980-01-01' + g, random(), random() * 100,
       tstzrange(now(), NULL), '10:00', g * interval '1 hour' FROM generate_series(1, 300) g;
INSERT INTO billing.invoice (account, amount, state)
SELECT "Id", random() * 10000, (ARRAY['new', 'paid', 'void'])[1 + g % 3] FROM "User Accounts", generate_series(1, 5) g;
UPDATE billing.invoice SET parent = id - 1 WHERE id % 3 = 0;
INSERT INTO billing.stock SELECT 'item ' || g, 100, 0 FROM generate_series(1, 200) g;
INSERT INTO event (at, kind, body) SELECT timestamptz '2026-01-01' + g * interval '2 hours',
    (ARRAY['abc', 'xyz'])[1 + g % 2], '{"secret": 1}' FROM generate_series(1, 2000) g;
INSERT INTO member SELECT "Id", g, 'r' FROM "User Accounts", generate_series(1, 3) g;
INSERT INTO a SELECT g FROM generate_series(1, 10) g;
INSERT INTO b SELECT g, g FROM generate_series(1, 10) g;
UPDATE a SET b = id;
INSERT INTO class ("date", "from") SELECT current_date, 'x' || g FROM generate_series(1, 50) g;
REFRESH MATERIALIZED VIEW billing.totals;
ANALYZE;
""".replace("DEEP", DEEP)
PASSWORD = "counted"  # noqa: S105 (of a server of this test's own)
STATEMENTS = """
INSERT INTO "User Accounts" ("E-Mail", "order") VALUES ('n@secret.example', 1) ON CONFLICT ("E-Mail") DO NOTHING
SELECT * FROM "User Accounts" u JOIN billing.invoice i ON i.account = u."Id" WHERE u."Id" = gen_random_uuid() AND i.state = 'new' AND i.created > now() - interval '7 days' ORDER BY i.created LIMIT 5 OFFSET 2
UPDATE billing.stock SET left_over = left_over - 1, version = version + 1 WHERE item = 'item 3' AND left_over >= 1
INSERT INTO billing.invoice (account, amount, state) SELECT "Id", 5, 'new' FROM "User Accounts" WHERE "E-Mail" = 'user1@secret.example'
DELETE FROM member WHERE account = gen_random_uuid() AND grp = 1
INSERT INTO member (account, grp, role) SELECT "Id", 2, 'q' FROM "User Accounts" LIMIT 1 ON CONFLICT (account, grp) DO UPDATE SET role = excluded.role
INSERT INTO event (at, kind, body) VALUES (now(), 'abc', '{"secret": 2}')
SELECT count(*) FROM event WHERE at BETWEEN '2026-02-01' AND '2026-03-01' AND kind = 'abc'
SELECT date_trunc('day', at), count(*) FROM event WHERE at > now() - interval '3 days' GROUP BY date_trunc('day', at)
SELECT billing.pay(7)
SELECT "from" FROM class WHERE id = DEEP
SELECT * FROM billing.totals WHERE account = '00000000-0000-0000-0000-000000000000'
SELECT "from" FROM class WHERE "date" = '2026-01-01' AND "from" LIKE 'x%'
WITH moved AS (DELETE FROM billing.stock WHERE item = 'item 5' RETURNING *) INSERT INTO billing.stock SELECT item || 'x', left_over, 0 FROM moved ON CONFLICT DO NOTHING
SELECT id FROM billing.invoice WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
SELECT body ->> 'secret' FROM event WHERE id = 5
SELECT * FROM event WHERE (at, id) > ('2026-03-01', 7) ORDER BY at, id LIMIT 10
UPDATE "it's $$ ""odd"" $block_1$"."what's $1" SET "a$$b" = 'y' WHERE "n's" = 7
INSERT INTO "it's $$ ""odd"" $block_1$"."what's $1" ("a$$b") VALUES ('z')
INSERT INTO class ("date", "from") SELECT * FROM unnest('{2026-01-01, 2026-01-02}'::date[], '{a, b}'::text[])
UPDATE billing.invoice SET state = 'void' WHERE id IN (SELECT id FROM billing.invoice WHERE parent = 9 LIMIT 3)
REFRESH MATERIALIZED VIEW CONCURRENTLY billing.totals
UPDATE "User Accounts" SET score = 0.5, price = coalesce(1, price), tags = array_append(tags, 't') WHERE lower("E-Mail") = 'user3@secret.example'
UPDATE "User Accounts" SET "E-Mail" = 'other@secret.example' WHERE "order" IN (1, 2) AND "E-Mail" = 'nobody'
"""  # noqa: E501 (a statement a line)

LIBRARY = """
SET check_function_bodies = false;
CREATE SCHEMA büro;
CREATE FUNCTION büro.code() RETURNS text LANGUAGE sql AS $$ SELECT 'c' || max(id) FROM büro.bücher $$;
CREATE TABLE büro.bücher (
    id int PRIMARY KEY, code text COLLATE "C" DEFAULT büro.code(), grün int,
    double int GENERATED ALWAYS AS (grün * 2) KIND) WITH (fillfactor = 70);
CREATE FUNCTION büro.titles(b büro.bücher) RETURNS SETOF büro.bücher LANGUAGE sql AS $$ SELECT b $$;
CREATE VIEW büro.great WITH (security_barrier = true) AS SELECT * FROM büro.bücher WHERE grün > 20;
INSERT INTO büro.bücher (id, grün) SELECT g, g FROM generate_series(1, 9) g;
ANALYZE;
"""
COLUMNS = """
SELECT c.relname, c.reloptions, a.attname, a.attcollation, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON (adrelid, adnum) = (c.oid, attnum)
WHERE c.relnamespace = 'büro'::regnamespace AND attnum > 0 ORDER BY c.relname, attnum
"""


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """Make a database with such a schema, and execute some statements in it."""
    settings = {"shared_preload_libraries": "pg_stat_statements", "max_connections": "60"}
    with servers.serving("embedded", settings=settings, clients=8, run_id="odd") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute("CREATE DATABASE odd")
            connection.execute(f"CREATE ROLE counter LOGIN PASSWORD '{PASSWORD}'".encode())
            connection.execute("GRANT pg_read_all_stats TO counter")
        place = str.__str__(with_words(server.conninfo, dbname="odd"))
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(SCHEMA.encode())
            connection.execute("SELECT pg_stat_statements_reset()")
            for statement in STATEMENTS.strip().splitlines():
                for _ in range(3):
                    connection.execute(statement.replace("DEEP", DEEP).encode())
        yield place


def run(project: Path, dsn: str) -> str:
    """Run a project on the server of the database; return what it says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCHEMABENCH_", "PYTEST_", "PG"))}
    limits = {"SCHEMABENCH_POSTGRES": dsn, "SCHEMABENCH_BUDGET": "200ms", "SCHEMABENCH_CLIENTS": "2"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"]

    result = programs.run(command, cwd=project, env={**kept, **limits}, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_schema_of_all_sorts_runs_at_once(dsn: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert cli.main(["init", str(project), "--from", dsn]) == 0
    operations = (project / "workloads" / "odd" / "operations.sql").read_text()

    assert "States cannot be compared" not in run(project, dsn)
    assert "cannot prepare" not in operations
    assert "3 SELECT: it is no SQL that schemabench reads: it is nested more than 100 levels deep" in " ".join(
        operations.replace("\n-- ", " ").split()
    )
    assert "secret.example" not in "".join(path.read_text() for path in project.rglob("*.py"))


def test_a_role_that_may_not_use_every_schema_derives_what_it_may_and_that_runs(dsn: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    counter = str.__str__(with_words(parse_dsn(dsn, "test"), user="counter", password=PASSWORD))
    assert cli.main(["init", str(project), "--from", counter]) == 0
    operations = (project / "workloads" / "odd" / "operations.sql").read_text().replace("\n-- ", " ")
    schema = (project / "schemas" / "odd" / "baseline.sql").read_text()

    run(project, dsn)
    assert "the server cannot prepare it: permission denied for schema billing" in operations
    assert "CREATE MATERIALIZED VIEW billing.totals" in schema
    assert "FUNCTION billing.pay" in schema


@pytest.mark.parametrize(("encoding", "letter"), [("LATIN1", "ü"), ("WIN1251", "ж"), ("UTF8", "ü")])
def test_a_schema_in_any_encoding_is_the_same_by_the_catalogs_and_by_pg_dump(
    dsn: str, encoding: str, letter: str
) -> None:
    names = {kind: f"{encoding}_{kind}".lower() for kind in ("given", "dumped", "told")}
    places = {kind: str.__str__(with_words(parse_dsn(dsn, "test"), dbname=name)) for kind, name in names.items()}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in names.values():
            made = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
            connection.execute(made.encode())
        virtual = connection.info.server_version >= 180_000
    library, query = (one.replace("ü", letter) for one in (LIBRARY, COLUMNS))
    execute(places["given"], library.replace("KIND", "VIRTUAL" if virtual else "STORED"))

    with opened(parse_dsn(places["given"], "test")) as source:
        version = catalog.server(source).version_num
        (table,) = catalog.tables(source, values=False)
        found = {"dumped": dump.read(source, version).statements, "told": source.definitions()}
    for kind, statements in found.items():
        execute(places[kind], ";\n".join(statements))

    assert (table.name, [*table.columns]) == (f"b{letter}cher", ["id", "code", f"gr{letter}n", "double"])
    columns = {kind: execute(place, query) for kind, place in places.items()}
    assert columns["given"] == columns["dumped"] == columns["told"]


def execute(dsn: str, sql: str) -> list[tuple[object, ...]]:
    """Execute SQL in a database; return the rows, if there are any."""
    with psycopg.connect(dsn, autocommit=True, client_encoding="UTF8") as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []
