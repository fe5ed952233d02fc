"""A ghost town in a database: the schema that holds it, and the record of what was made there.

Owns the record, the lock that keeps two commands apart, and the rule that only what is recorded is ever removed. Must
not make rows.

The record is a table in the schema itself, and each table has a comment, the mark, which names the record's model. A
table without it was not made here, whatever its name: it is never touched. Dumps keep comments.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from time import monotonic, sleep

import msgspec
import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow

from schemabench import signals
from schemabench.errors import ServerError, UsageError
from schemabench.noise.entities import ENTITIES
from schemabench.noise.model import Model
from schemabench.server.dsn import Conninfo, connect, with_words
from schemabench.server.reached import gone
from schemabench.statements import LONGEST_NAME

SCHEMA_NAME = "ghost"
"""The schema of a ghost town, unless another is named."""
SESSION_NAME = "schemabench noise"
"""What its sessions are called in `pg_stat_activity`."""
_PATIENCE_S, _ASKED_EVERY_S = 5.0, 0.1
"""The session of a command that was killed holds its lock for a moment more."""
_RECORD, _FILLED, _SEQUENCE = "noise_record", "noise_filled", "audit_ids"
_MAKE_RECORD = """
CREATE TABLE {record} (
    digest text NOT NULL,
    seed bigint NOT NULL,
    organisations integer NOT NULL,
    variables text NOT NULL,
    mapping text NOT NULL,
    made_schema boolean NOT NULL
);
CREATE TABLE {filled} (
    entity text PRIMARY KEY,
    organisations integer NOT NULL,
    rows bigint NOT NULL
);
"""
_HELD = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace(quote_ident(%(schema)s))::oid),
       to_regclass(quote_ident(%(schema)s) || '.noise_record') IS NOT NULL
"""
_STRANGERS = """
SELECT relname FROM pg_catalog.pg_class
WHERE relnamespace = quote_ident(%(schema)s)::regnamespace AND relname = ANY(%(names)s)
  AND obj_description(oid, 'pg_class') IS DISTINCT FROM %(mark)s
ORDER BY relname
"""
_OWNER = """
SELECT pg_catalog.pg_get_userbyid(relowner), pg_catalog.pg_get_userbyid(relowner) = current_user
FROM pg_catalog.pg_class WHERE oid = %s::regclass
"""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was made in a schema."""

    digest: str
    """The model's, with its variables."""
    seed: int
    organisations: int
    variables: Mapping[str, str]
    mapping: str
    """The text of the mapping file; empty without one."""
    owner: str
    """The role that made it."""
    trusted: bool
    """Whether that is this role: only then is the recorded mapping executed."""
    made_schema: bool
    """Whether the schema itself was made, too."""

    @property
    def mark(self) -> str:
        """The comment of what was made."""
        return _mark(self.digest)


def _mark(digest: str) -> str:
    return f"schemabench noise, model {digest}"


class Town:
    """A session in the database of a ghost town, in autocommit mode.

    Args:
        connection: The session.
        schema: The schema that holds the town.
    """

    def __init__(self, connection: psycopg.Connection[TupleRow], schema: str) -> None:
        self.connection = connection
        self.schema = schema

    def table(self, name: str) -> sql.Identifier:
        """Return the name of one of its tables."""
        return sql.Identifier(self.schema, name)

    def record(self) -> Record | None:
        """Return what was made here; None if there is no such schema, or an empty one.

        Raises:
            UsageError: The schema holds something else, perhaps in place of a table that was made here.
        """
        row = self.connection.execute(_HELD, {"schema": self.schema}).fetchone()
        assert row is not None, "it is one row"
        holds, recorded = row
        found = None
        if recorded:
            with suppress(errors.UndefinedColumn, msgspec.DecodeError):  # a table of this name that is not ours
                found = self._recorded()
        if found is None and holds:
            raise UsageError(
                f"The schema {self.schema!r} holds other things than a ghost town: nothing was touched",
                remedies=["name another schema: --schema-name ghost_town"],
            )
        if found is not None:
            self._check_marks(found)
        return found

    def _check_marks(self, record: Record) -> None:
        """Refuse a table in place of one that was made here.

        Raises:
            UsageError: There is one.
        """
        names = [*ENTITIES, _RECORD, _FILLED, _SEQUENCE]
        values = {"schema": self.schema, "names": names, "mark": record.mark}
        strangers = [name for (name,) in self.connection.execute(_STRANGERS, values)]
        if strangers:
            name = self.table(strangers[0]).as_string()
            raise UsageError(
                f"{name} is not the table that populate made, whose comment is {record.mark!r}: nothing was touched",
                checked=[f"without that comment: {', '.join(strangers)}"],
                remedies=[
                    "move it to another schema, or drop it, and run again",
                    f"give it that comment, if it is from a dump without: COMMENT ON TABLE {name} IS '{record.mark}'",
                ],
            )

    def _recorded(self) -> Record | None:
        """Return what the record says; None if it says nothing."""
        record = self.table(_RECORD)
        query = "SELECT digest, seed, organisations, variables, mapping, made_schema FROM {}"
        row = self.connection.execute(sql.SQL(query).format(record)).fetchone()
        owned = self.connection.execute(_OWNER, [record.as_string()]).fetchone()
        if row is None or owned is None:
            return None
        digest, seed, organisations, variables, mapping, made_schema = row
        owner, trusted = owned
        return Record(
            digest=digest,
            seed=seed,
            organisations=organisations,
            variables=msgspec.json.decode(variables, type=dict[str, str]),
            mapping=mapping,
            owner=owner,
            trusted=trusted,
            made_schema=made_schema,
        )

    def made(self) -> Record:
        """Return what was made here.

        Raises:
            UsageError: Nothing was, or the schema holds something else.
        """
        record = self.record()
        if record is None:
            raise UsageError(
                f"There is no ghost town in the schema {self.schema!r}",
                remedies=[f"make it: schemabench noise populate --schema-name {self.schema}"],
            )
        return record

    def make(self, model: Model, mapping: str) -> None:
        """Make the tables, without rows.

        Args:
            model: What they are for.
            mapping: The text of the mapping file; empty without one.
        """
        tables = resources.files("schemabench.noise").joinpath("schema.sql").read_text(encoding="utf-8")
        schema = sql.Identifier(self.schema)
        with self.connection.transaction():
            known = self.connection.execute(
                "SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", [self.schema]
            ).fetchone()
            if known is None:
                self.connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            self.connection.execute(sql.SQL("SET LOCAL search_path = {}").format(schema))
            self.connection.execute(tables.encode())
            names = {"record": self.table(_RECORD), "filled": self.table(_FILLED)}
            self.connection.execute(sql.SQL(_MAKE_RECORD).format(**names))
            for kind, name in (*(("TABLE", one) for one in (*ENTITIES, _RECORD, _FILLED)), ("SEQUENCE", _SEQUENCE)):
                comment = sql.SQL("COMMENT ON {} {} IS {}").format(sql.SQL(kind), self.table(name), _mark(model.digest))
                self.connection.execute(comment)
            values = (
                *(model.digest, model.seed, len(model.organisations), json.dumps(dict(model.variables))),
                *(mapping, known is None),
            )
            place = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s, %s, %s)").format(self.table(_RECORD))
            self.connection.execute(place, values)
            for name in ENTITIES:
                self.connection.execute(sql.SQL("INSERT INTO {} VALUES (%s, 0, 0)").format(self.table(_FILLED)), [name])

    def remap(self, mapping: str) -> None:
        """Record the text of another mapping file."""
        self.connection.execute(sql.SQL("UPDATE {} SET mapping = %s").format(self.table(_RECORD)), [mapping])

    def filled(self) -> dict[str, tuple[int, int]]:
        """Return for each table the number of organisations whose rows are there, and of these rows."""
        query = sql.SQL("SELECT entity, organisations, rows FROM {}").format(self.table(_FILLED))
        return {name: (organisations, rows) for name, organisations, rows in self.connection.execute(query)}

    def note(self, entity: str, organisations: int, rows: int) -> None:
        """Record that the rows of so many more organisations are in a table; in the transaction that brings them."""
        query = "UPDATE {} SET organisations = organisations + %s, rows = rows + %s WHERE entity = %s"
        self.connection.execute(sql.SQL(query).format(self.table(_FILLED)), [organisations, rows, entity])

    def remove(self) -> None:
        """Remove what was made, in one transaction: all of it, or nothing.

        Raises:
            ServerError: Something else depends on it.
        """
        record = self.made()
        tables = [self.table(name) for name in (*ENTITIES, _FILLED, _RECORD)]
        statements = [sql.SQL("DROP TABLE IF EXISTS {}").format(sql.SQL(", ").join(tables))]
        statements.append(sql.SQL("DROP SEQUENCE IF EXISTS {}").format(self.table(_SEQUENCE)))
        if record.made_schema:
            statements.append(sql.SQL("DROP SCHEMA {}").format(sql.Identifier(self.schema)))
        try:
            with self.connection.transaction():
                for statement in statements:
                    self.connection.execute(statement)
        except errors.DependentObjectsStillExist as cause:
            raise ServerError(
                f"The ghost town in the schema {self.schema!r} was not removed, since something else depends on it: "
                f"{cause.diag.message_detail or cause.diag.message_primary}",
                remedies=["remove what depends on it, or move it to another schema, and run `noise drop` again"],
            ) from cause

    @contextmanager
    def held(self, *, shared: bool) -> Iterator[None]:
        """Keep other commands away from the town.

        Args:
            shared: Whether only those that make, verify or remove it, and not those that run jobs.

        Raises:
            UsageError: Another command is at work.
        """
        digest = sha256(f"schemabench noise {self.connection.info.dbname} {self.schema}".encode()).digest()
        key, how = int.from_bytes(digest[:8], "big", signed=True), "_shared" if shared else ""
        until_s = monotonic() + _PATIENCE_S
        while not self._asked(f"pg_try_advisory_lock{how}", key):
            if monotonic() > until_s:
                raise UsageError(
                    f"Another `schemabench noise` is at work in the schema {self.schema!r}",
                    remedies=["wait until it is done", "name another schema: --schema-name"],
                )
            sleep(_ASKED_EVERY_S)
        try:
            yield
        finally:
            with suppress(psycopg.Error):  # the lock ends with the session
                self._asked(f"pg_advisory_unlock{how}", key)

    def _asked(self, function: str, key: int) -> bool:
        """Return what a function of advisory locks says."""
        return self.connection.execute(f"SELECT {function}(%s)".encode(), [key]).fetchone() == (True,)


@contextmanager
def entered(conninfo: Conninfo, schema: str, doing: str, again: str = "run again") -> Iterator[Town]:
    """Open a session in the database of a town, and raise the server's errors in words.

    Args:
        conninfo: The database.
        schema: The schema.
        doing: What the session is for, as in `Populating the schema 'ghost'`.
        again: The remedy if it is interrupted: to repeat it, and what that finds.

    Raises:
        UsageError: The schema cannot have this name.
        ServerError: The server cannot be reached, refused or failed.
    """
    fits = 0 < len(schema.encode(errors="replace")) <= LONGEST_NAME and schema.isprintable()
    if not fits or schema.startswith("pg_"):
        raise UsageError(
            f"--schema-name {schema!r} cannot name a schema",
            remedies=[f"use a printable name of 1 to {LONGEST_NAME} bytes that does not begin with pg_"],
        )
    with ExitStack() as stack:
        signals.heed(stack.callback)
        connection = stack.enter_context(closing(connect(with_words(conninfo, application_name=SESSION_NAME))))
        try:
            yield Town(connection, schema)
        except psycopg.Error as cause:
            raise worded(cause, doing, again, connection) from cause


def worded(cause: psycopg.Error, doing: str, again: str, connection: psycopg.Connection[TupleRow]) -> ServerError:
    """Return the error for a statement that the server refused, or did not answer; arguments are those of `entered`."""
    said = cause.diag.message_primary or str(cause).strip()
    remedies = [again]
    if gone(cause):
        remedies = [again, "ask the server's log, or its operator, who ended the session"]
    elif isinstance(cause, errors.InsufficientPrivilege):
        user, database = connection.info.user, connection.info.dbname
        remedies = [
            f"grant what is missing, as in GRANT CREATE ON DATABASE {database} TO {user}",
            "connect as the role that made the town: --postgres",
            "name a schema that the role owns: --schema-name",
        ]
    elif isinstance(cause, errors.DiskFull):
        remedies = [f"free space on the server's disk; {again}", "make a smaller model: --orgs, --sample"]
    return ServerError(f"{doing} failed: {said}", sqlstate=cause.sqlstate, remedies=remedies)
