"""A schema with a bit of everything, and dumps of it by the pg_dump of each server.

Owns what is in the schema. Must not know candidates.
"""

import subprocess
from pathlib import Path

import programs
import psycopg

from schemabench.server import Server

ROLES = ("dump_owner", "dump_reader")
"""Who owns things, and who may read them, where the schema is dumped."""
SCHEMA = r"""
CREATE SCHEMA audit;
CREATE TYPE public.mood AS ENUM ('sad', 'happy');
CREATE DOMAIN public.cents AS bigint CHECK (VALUE >= 0);
CREATE TABLE public.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    mood public.mood DEFAULT 'happy',
    tags text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX customers_tags ON public.customers USING gin (tags);
CREATE TABLE public.orders (
    id bigserial,
    customer bigint NOT NULL REFERENCES public.customers,
    day date NOT NULL,
    amount public.cents NOT NULL,
    tax bigint GENERATED ALWAYS AS (amount / 5) STORED,
    note text,
    PRIMARY KEY (id, day)
) PARTITION BY RANGE (day);
CREATE TABLE public.orders_2026_01 PARTITION OF public.orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE public.orders_rest PARTITION OF public.orders DEFAULT;
CREATE TABLE audit.log (what text);
CREATE FUNCTION audit.noted() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO audit.log (what) VALUES (TG_OP || $$
\restrict is no command here
COPY public.orders FROM stdin;
-- name: neither is this an operation
$$);
    RETURN NEW;
END
$body$;
CREATE TRIGGER noted AFTER INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION audit.noted();
CREATE FUNCTION public.twice(x int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT 1; SELECT x * 2; END;
CREATE MATERIALIZED VIEW public.totals AS
SELECT customer, sum(amount) AS amount FROM public.orders GROUP BY customer;
CREATE UNIQUE INDEX totals_key ON public.totals (customer);
ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.orders FOR SELECT USING (customer > 0);
COMMENT ON TABLE public.orders IS 'orders; of ''all''';
COMMENT ON SCHEMA audit IS 'who did what';
ALTER TABLE public.customers OWNER TO dump_owner;
ALTER SCHEMA audit OWNER TO dump_owner;
GRANT SELECT ON public.orders TO dump_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE dump_owner IN SCHEMA public GRANT SELECT ON TABLES TO dump_reader;
INSERT INTO public.customers (name, tags) VALUES (E'a''s\tb\n\\.\nc', '{x,y}'), ('é🎉', '{}'), ('\N', '{}');
INSERT INTO public.orders (customer, day, amount)
SELECT 1 + n % 3, '2026-01-05'::date + n, n FROM generate_series(0, 60) n;
REFRESH MATERIALIZED VIEW public.totals;
"""
PRIVILEGE = "GRANT CONNECT ON DATABASE {} TO dump_reader; ALTER DATABASE {} SET jit = off;"


def dump(server: Server, folder: Path, *flags: str, policy: str = "") -> bytes:
    """Return a dump of the schema with its rows, by a server's own pg_dump; its roles are gone afterwards.

    Args:
        server: Where the schema is made, and dumped.
        folder: The server's programs.
        flags: Of pg_dump.
        policy: Further statements of the schema.
    """
    database = server.create("dumped")
    conninfo = server.conninfo_for(database.name)
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for role in ROLES:
                connection.execute(f"CREATE ROLE {role}".encode())
            connection.execute((SCHEMA + policy + PRIVILEGE.replace("{}", database.name)).encode())
        command = [str(folder / "pg_dump"), *flags, "-d", conninfo]
        done: subprocess.CompletedProcess[bytes] = programs.run(command, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout
    finally:
        forget(conninfo)
        server.drop(database)


def forget(conninfo: str) -> None:
    """Remove the roles, and what they own in a database."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for role in ROLES:
            connection.execute(f"DROP OWNED BY {role} CASCADE".encode())
            connection.execute(f"DROP ROLE {role}".encode())


def outline(server: Server, folder: Path, database: str) -> list[str]:
    """Return what pg_dump says of a schema, without owners, privileges, and what differs from dump to dump."""
    command = [str(folder / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges"]
    done: subprocess.CompletedProcess[str] = programs.run(
        [*command, "-d", server.conninfo_for(database)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\"))]
