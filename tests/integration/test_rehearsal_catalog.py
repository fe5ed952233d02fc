"""What the comparison of catalogs sees: whatever a migration may leave otherwise than a fresh installation does."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
import pytest
import servers

from schemabench.rehearsal import catalogs
from schemabench.server import Server

BASE = """\
CREATE TABLE account (account_id integer PRIMARY KEY);
CREATE TABLE entry (
    entry_id bigserial PRIMARY KEY,
    account_id integer REFERENCES account,
    note text,
    amount integer NOT NULL
);
CREATE INDEX notes ON entry (note);
CREATE VIEW amounts AS SELECT amount FROM entry;
CREATE SEQUENCE receipts;
CREATE TYPE mood AS ENUM ('glad');
CREATE DOMAIN words AS text;
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION told() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE AGGREGATE total (integer) (sfunc = int4pl, stype = integer);
CREATE STATISTICS pairs ON note, amount FROM entry;
CREATE RULE quiet AS ON DELETE TO account DO ALSO NOTHING;
CREATE TABLE wide (a integer, b integer, CONSTRAINT few CHECK (b < 9));
"""
CHANGES = {
    "comment": "COMMENT ON COLUMN entry.note IS 'as said'",
    "comment of a schema": "COMMENT ON SCHEMA public IS 'ours'",
    "statistics object": "CREATE STATISTICS more (ndistinct) ON account_id, amount FROM entry",
    "target of statistics": "ALTER STATISTICS pairs SET STATISTICS 7",
    "target of a column": "ALTER TABLE entry ALTER COLUMN note SET STATISTICS 7",
    "compression": "ALTER TABLE entry ALTER COLUMN note SET COMPRESSION pglz",
    "storage": "ALTER TABLE entry ALTER COLUMN note SET STORAGE EXTERNAL",
    "option of a column": "ALTER TABLE entry ALTER COLUMN note SET (n_distinct = 5)",
    "collation": 'ALTER TABLE entry ALTER COLUMN note TYPE text COLLATE "POSIX"',
    "parameter of a table": "ALTER TABLE entry SET (fillfactor = 70)",
    "parameter of an index": "ALTER INDEX notes SET (fillfactor = 70)",
    "operator class": "DROP INDEX notes; CREATE INDEX notes ON entry (note text_pattern_ops)",
    "replica identity": "ALTER TABLE entry REPLICA IDENTITY FULL",
    "triggers of a foreign key": "ALTER TABLE entry DISABLE TRIGGER ALL",
    "rule": "ALTER TABLE account DISABLE RULE quiet",
    "trigger": "CREATE TRIGGER fill BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION fill()",
    "owner of a sequence": "ALTER SEQUENCE receipts OWNED BY entry.note",
    "no owner of a sequence": "ALTER SEQUENCE entry_entry_id_seq OWNED BY NONE",
    "step of a sequence": "ALTER SEQUENCE receipts INCREMENT 2",
    "grant on a sequence": "GRANT USAGE ON SEQUENCE receipts TO public",
    "grant on a table": "GRANT SELECT ON entry TO public",
    "default privileges": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO public",
    "publication": "CREATE PUBLICATION feed FOR TABLE entry (entry_id, amount) WHERE (amount > 0)",
    "extension": "CREATE EXTENSION pg_trgm",
    "label of an enum": "ALTER TYPE mood ADD VALUE 'sad' BEFORE 'glad'",
    "check of a domain": "ALTER DOMAIN words ADD CHECK (VALUE <> '')",
    "aggregate": "CREATE OR REPLACE AGGREGATE total (integer) (sfunc = int4pl, stype = integer, initcond = 7)",
    "event trigger": "CREATE EVENT TRIGGER told ON ddl_command_end EXECUTE FUNCTION told()",
    "collation object": """CREATE COLLATION plain (provider = libc, locale = 'C')""",
    "setting of the database": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 99', current_database()); "
    "END $$",
    "row level security": "ALTER TABLE entry ENABLE ROW LEVEL SECURITY",
    "security of a view": "ALTER VIEW amounts SET (security_barrier)",
}
ALONE = {
    "place of a column": (
        "ALTER TABLE wide DROP COLUMN a; ALTER TABLE wide ADD COLUMN a integer",
        ["column wide.a", "column wide.b"],
    ),
    "type of a column": ("ALTER TABLE wide ALTER COLUMN a TYPE bigint", ["column wide.a"]),
    "default": ("ALTER TABLE wide ALTER COLUMN b SET DEFAULT 3", ["column wide.b"]),
    "unlogged": ("ALTER TABLE wide SET UNLOGGED", ["table wide"]),
    "owner of a table": ("ALTER TABLE wide OWNER TO pg_monitor", ["table wide"]),
    "constraint that is not validated": (
        "ALTER TABLE wide DROP CONSTRAINT few; ALTER TABLE wide ADD CONSTRAINT few CHECK (b < 9) NOT VALID",
        ["constraint wide.few"],
    ),
    "policy": ("CREATE POLICY own ON wide USING (b = 1)", ["policy wide.own"]),
    "unlogged sequence": ("ALTER SEQUENCE receipts SET UNLOGGED", ["sequence receipts"]),
    "role of a sequence": ("ALTER SEQUENCE receipts OWNER TO pg_monitor", ["sequence receipts"]),
    "body of a function": (
        "CREATE OR REPLACE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        ["function fill()"],
    ),
    "owner of a function": ("ALTER FUNCTION fill OWNER TO pg_monitor", ["function fill()"]),
}
"""Likewise, with the objects that change, and no others."""
OLDEST, *_, NEWEST = servers.MAJORS


@pytest.fixture(scope="module", params=[pytest.param(*OLDEST.values, marks=OLDEST.marks), NEWEST])
def ends(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server of the oldest version, and of the newest."""
    with servers.serving(str(request.param), settings={}, clients=8, run_id="catalog") as server:
        yield server


@contextmanager
def migrated(server: Server, statements: Sequence[str]) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Connect to a database that is the base with changes, and drop it at the end of the block."""
    database = server.create("catalog")
    try:
        with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
            for sql in statements:
                connection.execute(sql.encode())
            yield connection
    finally:
        server.drop(database)


@pytest.mark.thorough
def test_every_change_of_the_schema_is_one_of_the_catalog(ends: Server) -> None:
    several = _differences(ends, CHANGES)

    assert [name for name, lines in several.items() if not lines] == []
    assert several["comment"] == ["comment on column note of table entry is left over: as said"]
    assert several["grant on a sequence"][0].startswith("sequence receipts differs: ")


@pytest.mark.thorough
def test_a_change_of_one_object_is_one_of_that_object_alone(ends: Server) -> None:
    found = _differences(ends, {name: sql for name, (sql, _) in ALONE.items()})

    for name, (_, objects) in ALONE.items():
        assert len(found[name]) == len(objects), (name, found[name])
        for line, changed in zip(found[name], objects, strict=True):
            assert line.startswith(f"{changed} "), (name, line)


def _differences(server: Server, changes: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what each change of the base is told as, by its name; each is undone before the next."""
    found = {}
    with migrated(server, [BASE]) as connection:
        plain = catalogs.read(connection)
        for name, sql in changes.items():
            connection.execute(f"BEGIN; {sql}".encode())
            changed = catalogs.read(connection)
            connection.execute("ROLLBACK")
            found[name] = list(catalogs.differences(plain, changed, {}))
        assert list(catalogs.differences(plain, catalogs.read(connection), {})) == []
    return found


@pytest.mark.thorough
def test_a_schema_that_came_about_otherwise_is_the_same(ends: Server) -> None:
    detour = "ALTER TABLE entry ADD COLUMN draft text; {} ALTER TABLE entry DROP COLUMN draft;"
    publication = "CREATE PUBLICATION feed FOR TABLE entry (entry_id, late);"
    late = "ALTER TABLE entry ADD COLUMN late integer;"
    with (
        migrated(ends, [BASE, late, publication]) as straight,
        migrated(ends, [BASE, detour.format(late), publication]) as bent,
    ):
        assert list(catalogs.differences(catalogs.read(straight), catalogs.read(bent), {})) == []
