"""A small copy, grown on a scratch server, has the plans that production has; and what was measured stays as it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import servers

from schemabench import production
from schemabench.monitor.nodes import every_node, outline
from schemabench.production import Production, Relation
from schemabench.server import Database, Server, scratch

ROWS, SHARE = 300_000, 100
"""The orders of production, and how many times as many as those of the copy."""
CLOSE = 1.25
"""The factor within which costs are equal: the samples that ANALYZE takes differ."""
SCHEMA = """
CREATE TABLE customers (id int PRIMARY KEY, region text NOT NULL);
CREATE TABLE orders (
    id int PRIMARY KEY, customer_id int NOT NULL, tenant_id int NOT NULL, status text NOT NULL, amount int NOT NULL,
    at timestamptz NOT NULL, note text
);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_tenant ON orders (tenant_id, at);
CREATE INDEX orders_at ON orders (at);
CREATE INDEX orders_open ON orders (id) WHERE status = 'open';
CREATE INDEX orders_note ON orders (lower(note));
CREATE TABLE events (tenant_id int NOT NULL, day int NOT NULL, hits int NOT NULL) PARTITION BY LIST (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
CREATE TABLE events_3 PARTITION OF events FOR VALUES IN (3);
CREATE INDEX events_tenant ON events (tenant_id);
CREATE TABLE nothing (id int PRIMARY KEY, note text);
CREATE TABLE visits (at int NOT NULL, tags int[] NOT NULL, path text NOT NULL);
CREATE INDEX visits_at ON visits USING brin (at);
CREATE INDEX visits_tags ON visits USING gin (tags);
CREATE INDEX visits_path ON visits USING hash (path);
"""
FILL = """
INSERT INTO customers SELECT n, (ARRAY['north', 'south', 'east', 'west'])[1 + n %% 4]
FROM generate_series(1, %(rows)s / 15) AS n;
INSERT INTO orders SELECT n, 1 + n * 7919::bigint %% (%(rows)s / 15), 1 + floor(50 * power(n * 0.618 %% 1, 3)),
    CASE n %% 50 WHEN 7 THEN 'open' ELSE 'shipped' END, n * 31::bigint %% 1000,
    '2026-01-01'::timestamptz + n * interval '365 days' / %(rows)s, repeat('note ', (3 + n %% 5)::int)
FROM generate_series(1, %(rows)s) AS n;
INSERT INTO events SELECT 1 + n * 7919::bigint %% 50, 1 + n %% 3, n %% 100 FROM generate_series(1, %(rows)s / 2) AS n;
INSERT INTO visits SELECT n * (300000 / %(rows)s), ARRAY[n %% 50, 50 + n %% 7], 'page ' || n %% (%(rows)s / 10)
FROM generate_series(1, %(rows)s) AS n;
CREATE MATERIALIZED VIEW busy AS SELECT customer_id, count(*) AS orders FROM orders GROUP BY customer_id;
"""
QUERIES = (
    "SELECT * FROM orders WHERE id = 77",
    "SELECT * FROM orders WHERE customer_id = 5",
    "SELECT * FROM orders WHERE status = 'open'",
    "SELECT * FROM orders WHERE at > '2026-12-30'",
    "SELECT count(*) FROM orders",
    "SELECT max(id) FROM orders",
    "SELECT status, count(*) FROM orders GROUP BY status",
    "SELECT customer_id, sum(amount) FROM orders GROUP BY customer_id",
    "SELECT * FROM orders ORDER BY at DESC LIMIT 10",
    "SELECT * FROM orders WHERE tenant_id = 3 ORDER BY at DESC LIMIT 10",
    "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.region = 'north'",
    "SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = 12",
    "SELECT * FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id)",
    "SELECT a.id FROM orders a JOIN orders b ON b.customer_id = a.customer_id WHERE a.id = 40",
    "SELECT sum(hits) FROM events WHERE day = 2",
    "SELECT tenant_id, sum(hits) FROM events GROUP BY tenant_id",
    "SELECT * FROM events e JOIN customers c ON c.id = e.tenant_id WHERE e.tenant_id = 9",
    "SELECT * FROM orders WHERE lower(note) = 'nothing'",
    "SELECT * FROM busy WHERE orders > 20",
    "SELECT * FROM visits WHERE at BETWEEN 1000 AND 4000",
    "SELECT at FROM visits WHERE tags @> '{7}'",
    "SELECT * FROM visits WHERE path = 'page 12'",
    "SELECT * FROM nothing WHERE id = 1",
    "UPDATE orders SET amount = 0 WHERE customer_id = 7",
    "DELETE FROM events WHERE tenant_id = 4 AND day = 1",
)
Plan = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Place:
    """A server with production and its copy, and a scratch server beside it."""

    server: Server
    whole: Database
    copy: Database
    beside: Server

    def production(self) -> Production:
        """Return what production says of itself."""
        with psycopg.connect(self.server.conninfo_for(self.whole.name)) as connection:
            return production.taken(connection, server="PostgreSQL", day="2026-11-29")


@pytest.fixture(scope="module", params=servers.NEWEST)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Fill a large database and a small one, on a server of the newest version, and thoroughly of the oldest."""
    settings = {"autovacuum": "off", "max_parallel_workers_per_gather": "2"}
    with servers.serving(str(request.param), settings=settings, clients=8, run_id="plans") as server:
        whole, copy = server.create("whole"), server.create("copy")
        fill(server, whole, ROWS)
        fill(server, copy, ROWS // SHARE)
        with scratch(server) as beside:
            yield Place(server, whole, copy, beside)


def fill(server: Server, database: Database, rows: int, more: str = "") -> None:
    """Make the tables, with so many orders."""
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        connection.execute(SCHEMA)
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(FILL, {"rows": rows})
        connection.execute(more.encode())
        connection.execute("VACUUM (ANALYZE)")


def explained(server: Server, database: Database, queries: Sequence[str] = QUERIES) -> dict[str, Plan]:
    """Return the plan of each query."""
    with psycopg.connect(server.conninfo_for(database.name)) as connection:
        found = {}
        for query in queries:
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode()).fetchone()
            assert row is not None
            found[query] = row[0]
        return found


def grown(
    server: Server, asked: Production, baseline: Sequence[Relation] = (), more: str = "", rows: int = ROWS // SHARE
) -> tuple[Database, production.Grown, tuple[Relation, ...]]:
    """Return a copy on a scratch server at production's size, how it was grown, and what it was before."""
    small = server.create("small")
    fill(server, small, rows, more)
    with psycopg.connect(server.conninfo_for(small.name), autocommit=True) as connection:
        own = production.relations(connection)
        found = production.grown(own, asked, baseline or own)
        production.restore(connection, found.relations)
        production.estimate(connection, found.unsized)
        files = production.files(connection)
    clone = server.clone(small, "grown")
    with psycopg.connect(server.conninfo) as connection:
        query = "SELECT oid::text FROM pg_database WHERE datname = %s"
        ((number,),) = connection.execute(query, [clone.name]).fetchall()
    assert server.data is not None
    for one in files:
        production.extend(server.data / "base" / number / Path(one.path).name, one)
    return clone, found, own


@pytest.fixture(scope="module")
def baseline(place: Place) -> tuple[Database, tuple[Relation, ...]]:
    """Grow the copy as it is."""
    clone, _, own = grown(place.beside, place.production())
    return clone, own


def cost(plan: Plan) -> float:
    """Return what the planner thinks that a plan takes."""
    return float(plan[0]["Plan"]["Total Cost"])


@pytest.mark.parametrize("query", QUERIES)
def test_grown_copy_has_the_plan_of_production(
    place: Place, baseline: tuple[Database, tuple[Relation, ...]], query: str
) -> None:
    real = explained(place.server, place.whole, [query])[query]
    found = explained(place.beside, baseline[0], [query])[query]

    assert outline(found) == outline(real)
    assert cost(real) / CLOSE <= cost(found) <= cost(real) * CLOSE


def test_small_copy_itself_has_other_plans_than_production(place: Place) -> None:
    small, whole = explained(place.server, place.copy), explained(place.server, place.whole)

    assert sum(outline(small[query]) != outline(whole[query]) for query in QUERIES) >= len(QUERIES) // 4


def test_index_that_only_a_candidate_has_is_as_large_as_production_would_make_it(
    place: Place, baseline: tuple[Database, tuple[Relation, ...]]
) -> None:
    more = "CREATE INDEX orders_amount ON orders (amount, id)"
    query = "SELECT id FROM orders WHERE amount = 31"
    asked = place.production()
    clone, found, _ = grown(place.beside, asked, baseline[1], more)
    with psycopg.connect(place.server.conninfo_for(place.whole.name), autocommit=True) as connection:
        connection.execute(more.encode())
        real = production.relations(connection)
        expected = explained(place.server, place.whole, [query])[query]
        connection.execute("DROP INDEX orders_amount")

    sizes = {one.name: one.pages for one in real}
    made = {one.name: one.pages for one in found.relations}
    assert abs(made["public.orders_amount"] - sizes["public.orders_amount"]) < 0.2 * sizes["public.orders_amount"]
    assert {name: made[name] for name in made if name != "public.orders_amount"} == {
        name: pages for name, pages in sizes.items() if name in made and name != "public.orders_amount"
    }
    assert outline(explained(place.beside, clone, [query])[query]) == outline(expected)


def test_index_of_a_table_that_is_empty_in_the_copy_is_as_large_as_production_would_make_it(place: Place) -> None:
    told = {
        "amount": "orders (amount)",
        "amount_id": "orders (amount, id)",
        "tenant": "orders (tenant_id) WITH (fillfactor = 70)",
        "id_note": "orders (id) INCLUDE (note)",
        "note": "orders (note, id)",
    }
    more = ";".join(f"CREATE INDEX new_{name} ON {columns}" for name, columns in told.items())
    untold = """
        CREATE INDEX untold_brin ON orders USING brin (at);
        CREATE INDEX untold_part ON orders (amount) WHERE status = 'shipped';
        CREATE INDEX untold_expression ON orders ((amount + id));
    """
    asked, query = place.production(), "SELECT id FROM orders WHERE amount = 31"
    clone, _, own = grown(place.beside, asked, more=f"TRUNCATE orders; {more}; {untold}")
    with psycopg.connect(place.server.conninfo_for(place.whole.name), autocommit=True) as connection:
        connection.execute(more.encode())
        real = {one.name: one.pages for one in production.relations(connection) if one.name.startswith("public.new_")}
        expected = explained(place.server, place.whole, [query])[query]
        connection.execute(";".join(f"DROP INDEX new_{name}" for name in told).encode())
    with psycopg.connect(place.beside.conninfo_for(clone.name)) as connection:
        made = {one.name: one.pages for one in production.relations(connection)}
        connection.execute("SET enable_seqscan = off")
        largest = connection.execute("SELECT max(id), max(amount) FROM orders").fetchone()

    assert largest == (None, None)
    for name, pages in real.items():
        assert made[name] == pytest.approx(pages, rel=0.2), name
    made_plan = explained(place.beside, clone, [query])[query]
    assert outline(made_plan) == outline(expected)
    assert cost(expected) / CLOSE <= cost(made_plan) <= cost(expected) * CLOSE
    assert {one.name for one in own if made[one.name] == one.pages and "untold" in one.name} == {
        f"public.untold_{name}" for name in ("brin", "part", "expression")
    }


def test_index_of_a_single_page_in_the_copy_is_as_large_as_production_would_make_it(place: Place) -> None:
    more = "CREATE INDEX new_amount ON orders (amount, id)"
    few = "CREATE TABLE kept AS TABLE orders; TRUNCATE orders; INSERT INTO orders SELECT * FROM kept WHERE id <= 100"
    untold = "DROP TABLE kept; CREATE INDEX untold ON orders ((amount + id))"
    clone, found, _ = grown(place.beside, place.production(), more=f"{few}; {untold}; {more}")
    with psycopg.connect(place.server.conninfo_for(place.whole.name), autocommit=True) as connection:
        connection.execute(more.encode())
        (real,) = (one.pages for one in production.relations(connection) if one.name == "public.new_amount")
        connection.execute("DROP INDEX new_amount")
    with psycopg.connect(place.beside.conninfo_for(clone.name)) as connection:
        made = {one.name: one.pages for one in production.relations(connection)}

    assert {"public.new_amount", "public.untold"} <= {*found.unsized}
    assert made["public.new_amount"] == pytest.approx(real, rel=0.2)


def test_candidate_with_partitions_is_as_large_as_the_table_that_production_has(
    place: Place, baseline: tuple[Database, tuple[Relation, ...]]
) -> None:
    more = """
        DROP MATERIALIZED VIEW busy;
        ALTER TABLE orders RENAME TO old;
        CREATE TABLE orders (LIKE old) PARTITION BY LIST (status);
        CREATE TABLE orders_left PARTITION OF orders FOR VALUES IN ('open');
        CREATE TABLE orders_rest PARTITION OF orders DEFAULT;
        INSERT INTO orders SELECT * FROM old;
        DROP TABLE old;
        CREATE TABLE totals AS SELECT customer_id, sum(amount) AS amount FROM orders GROUP BY customer_id;
    """
    clone, found, _ = grown(place.beside, place.production(), baseline[1], more)

    rows = {one.name: one.rows for one in found.relations}
    assert rows["public.orders_left"] == ROWS // 50
    assert rows["public.orders_rest"] == ROWS - ROWS // 50
    assert found.unknown == {"public.totals"}
    query = "SELECT count(*) FROM orders WHERE status = 'shipped'"
    scans = [node for node in every_node(explained(place.beside, clone, [query])[query]) if "Relation Name" in node]
    assert [node["Relation Name"] for node in scans] == ["orders_rest"]
    assert scans[0]["Plan Rows"] > 0.9 * ROWS / 3  # divided among the leader and two workers


def test_large_table_takes_no_room_on_the_disk(place: Place, baseline: tuple[Database, tuple[Relation, ...]]) -> None:
    with psycopg.connect(place.beside.conninfo_for(baseline[0].name)) as connection:
        row = connection.execute("SELECT pg_relation_size('orders'), pg_relation_filepath('orders')").fetchone()
    assert row is not None
    assert place.beside.data is not None
    file = (place.beside.data / row[1]).stat()

    assert row[0] == file.st_size > 20 * 2**20
    assert file.st_blocks * 512 < 2 * 2**20


def test_grown_copy_can_still_be_read(place: Place, baseline: tuple[Database, tuple[Relation, ...]]) -> None:
    with psycopg.connect(place.beside.conninfo_for(baseline[0].name)) as connection:
        connection.execute("SET enable_seqscan = off")
        for query in ("SELECT max(id) FROM orders", "SELECT count(*) FROM orders WHERE id > 0"):
            assert connection.execute(query.encode()).fetchone() == (ROWS // SHARE,)


def test_file_of_production_holds_no_value(place: Place, tmp_path: Path) -> None:
    asked = place.production()
    text = production.written(asked)
    (tmp_path / production.FILE).write_text(text)

    assert production.read(tmp_path / production.FILE) == asked
    for value in ("north", "shipped", "2026-01", "note note"):
        assert value not in text
    orders = asked.by_name["public.orders"]
    assert (orders.rows, orders.columns["status"].shares[0]) == (ROWS, pytest.approx(0.98, abs=0.01))
