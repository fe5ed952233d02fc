"""Counters of the server: reading, subtraction, and the cost of a write.

Owns the queries for each version of the server, the reasons for unavailable counters, and the table of measures. Must
not know trials or candidates, nor compare anything.

A session flushes its counts occasionally, and at once after `SELECT pg_stat_force_next_flush()`: the caller makes sure
that the measured sessions have flushed. WAL, blocks written and extended, multixacts, vacuums and checkpoints are
counted for the whole server, and so include any other activity on it. Writes of other databases are counted, too, to
state their share; their sessions flush up to seconds late, which affects only single readings. The processor time of
parallel workers is known only from the postmaster's total for its ended children, which may include autovacuum workers.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Literal, TypeAlias

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench.monitor import queries
from schemabench.monitor.flushing import OF_SESSIONS, UNFLUSHED, may_flush
from schemabench.monitor.processor import Processor
from schemabench.records import Per, Unit
from schemabench.server.dsn import opened
from schemabench.server.settings import OPTION

Reading: TypeAlias = Mapping[str, float]
"""Counter -> its value, in the unit of its name, or a count. Unavailable counters are absent."""
Connection: TypeAlias = psycopg.Connection[TupleRow]

CPU = "cpu_s"
"""The one counter that the operating system keeps, not the server."""
AFTER_CHECKPOINT = {"wal_bytes": "wal_bytes_after_checkpoint", "wal_fpi": "wal_fpi_after_checkpoint"}
"""Counter -> what it is called where it is read around a burst that a checkpoint comes before."""
LOCK_LIMIT_S = 30.0
"""How long the reading of sizes waits for a table that another session has locked."""
SIZES = ("table_bytes", "index_bytes")
"""Read before the first block and after the last, not around each trial."""
AT_THE_END = {"table_bytes": "table_bytes_at_the_end", "index_bytes": "index_bytes_at_the_end"}
"""Size -> its name as a size rather than a growth."""
DEAD_AT_THE_END = "rows_dead_at_the_end"
"""Dead rows that are left, by the server's estimates, which copies of a database carry over."""
RETRIES = "retries"
"""Attempts that the server rolled back, counted by the load loop."""
UNDER_WAY = "vacuums_under_way"
"""The only one that is not a count but a state at the moment of a reading."""
_PARALLEL = "parallel_workers"
"""Parallel workers that sessions in this database have had."""
_SETTING = "SELECT reset_val, boot_val FROM pg_catalog.pg_settings WHERE name = %s"
"""The value in writers' sessions, regardless of this session's own, and the built-in default; no row if the library
that defines the setting is not loaded."""
_SEARCH_IN = """
SELECT set_config('search_path', quote_ident(nspname), false)
FROM pg_catalog.pg_extension JOIN pg_catalog.pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname = %s
"""
_REFUSALS = (psycopg.ProgrammingError, psycopg.NotSupportedError)
"""No such view or function, no right to it, or not on this server: any other error is a failure."""


@dataclass(frozen=True, kw_only=True)
class _Source:
    """A query of one row, and the counters that are its columns."""

    name: str
    """The name of its file in `queries`."""
    counters: tuple[str, ...]
    majors: tuple[int, ...] = (0,)
    """The first major version that has it, and the later ones with a changed text: file `name_post_major`."""
    setting: str = ""
    """The server setting that it requires; empty if it always counts."""
    extension: str = ""
    """The extension that provides it."""
    whole_server: bool = False
    """Whether it counts for all databases of the server together."""


_SOURCES = (
    _Source(name="wal", counters=("wal_bytes", "wal_records", "wal_fpi"), whole_server=True),
    _Source(
        name="database",
        counters=("blocks_hit", "blocks_read", "temp_bytes", "deadlocks"),
        setting="track_counts",
    ),
    _Source(
        name="tables",
        counters=("rows_updated", "rows_hot_updated", "rows_dead", "seq_scans", "autovacuums"),
        setting="track_counts",
    ),
    _Source(name="parallel", counters=(_PARALLEL,), majors=(18,), setting="track_counts"),
    _Source(
        name="io", counters=("blocks_written", "blocks_extended", "vacuum_accesses"), majors=(16, 18), whole_server=True
    ),
    _Source(name="multixacts", counters=("multixacts",), whole_server=True),
    _Source(
        name="checkpoints",
        counters=("checkpoints", "checkpoint_blocks", "checkpoint_s"),
        majors=(0, 17),
        whole_server=True,
    ),
    _Source(name="under_way", counters=(UNDER_WAY,), whole_server=True),
    _Source(name="strangers", counters=("strangers_rows",), setting="track_counts", whole_server=True),
    _Source(
        name="statements",
        counters=("blocks_dirtied",),
        setting="pg_stat_statements.track",
        extension="pg_stat_statements",
    ),
)
_SIZES = _Source(name="sizes", counters=SIZES)


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure of the cost of writes."""

    name: str
    """A short stable name, as in `records.Cost`; likewise below."""
    title: str
    unit: Unit
    per: Per
    counter: str
    """The counter to divide."""
    better: Literal["less", "more"] = "less"
    """The cheaper direction."""


MEASURES = (
    Measure(name="wal_bytes", title="WAL", unit="bytes", per="row", counter="wal_bytes"),
    Measure(name="full_page_images", title="full-page images", unit="count", per="row", counter="wal_fpi"),
    Measure(
        name="wal_bytes_after_checkpoint",
        title="WAL after a checkpoint",
        unit="bytes",
        per="row",
        counter=AFTER_CHECKPOINT["wal_bytes"],
    ),
    Measure(
        name="full_page_images_after_checkpoint",
        title="full-page images after a checkpoint",
        unit="count",
        per="row",
        counter=AFTER_CHECKPOINT["wal_fpi"],
    ),
    Measure(name="blocks_hit", title="blocks hit", unit="blocks", per="row", counter="blocks_hit"),
    Measure(name="blocks_read", title="blocks read", unit="blocks", per="row", counter="blocks_read"),
    Measure(name="blocks_dirtied", title="blocks dirtied", unit="blocks", per="row", counter="blocks_dirtied"),
    Measure(name="blocks_extended", title="blocks added", unit="blocks", per="row", counter="blocks_extended"),
    Measure(
        name="hot_share", title="HOT updates", unit="share", per="update", counter="rows_hot_updated", better="more"
    ),
    Measure(name="rows_dead", title="dead rows", unit="rows", per="row", counter="rows_dead"),
    Measure(name="seq_scans", title="sequential scans", unit="count", per="operation", counter="seq_scans"),
    Measure(name="retries", title="retries", unit="count", per="operation", counter=RETRIES),
    Measure(name="temp_bytes", title="temporary files", unit="bytes", per="row", counter="temp_bytes"),
    Measure(name="multixacts", title="multixacts", unit="count", per="row", counter="multixacts"),
    Measure(name="deadlocks", title="deadlocks", unit="count", per="run", counter="deadlocks"),
    Measure(name="cpu_s", title="backend CPU", unit="seconds", per="row", counter=CPU),
    Measure(name="vacuum_s", title="vacuum time", unit="seconds", per="row", counter="upkeep_elapsed_s"),
    Measure(name="vacuum_wal_bytes", title="WAL of vacuums", unit="bytes", per="row", counter="upkeep_wal_bytes"),
    Measure(name="table_bytes", title="table growth", unit="bytes", per="row", counter="table_bytes"),
    Measure(name="index_bytes", title="index growth", unit="bytes", per="row", counter="index_bytes"),
    Measure(name="dead_rows_left", title="dead rows left", unit="rows", per="end", counter=DEAD_AT_THE_END),
    Measure(name="table_size", title="tables", unit="bytes", per="end", counter=AT_THE_END["table_bytes"]),
    Measure(name="index_size", title="indexes", unit="bytes", per="end", counter=AT_THE_END["index_bytes"]),
)
"""The measures in display order."""


def cost(measure: Measure, increases: Reading, *, rows: float, operations: float) -> float | None:
    """Return the cost of writes by one measure, in its unit.

    None if the server does not provide the counter, or the divisor is zero: no rows, or no updates.

    Args:
        measure: One of `MEASURES`.
        increases: Counter -> its increase over all the trials in question.
        rows: Logical rows written meanwhile.
        operations: Operations executed meanwhile, retries not counted.
    """
    divisors = {"row": rows, "operation": operations, "update": increases.get("rows_updated", 0.0)}
    amount, divisor = increases.get(measure.counter), divisors.get(measure.per, 1.0)
    return amount / divisor if amount is not None and divisor else None


def increase(before: Reading, after: Reading) -> dict[str, float]:
    """Return the increase of each counter between two readings, for those in both.

    A counter that fell is omitted: statistics were reset, or a table was dropped with its counts, and the increase is
    unknown. For `UNDER_WAY`, which does not grow, it is the larger of the two readings.
    """
    grown = {name: by for name, by in growth(before, after).items() if by >= 0 and name != UNDER_WAY}
    both = UNDER_WAY in before and UNDER_WAY in after
    return grown | {UNDER_WAY: max(before[UNDER_WAY], after[UNDER_WAY])} if both else grown


def growth(before: Reading, after: Reading) -> dict[str, float]:
    """Return the change of each size between two readings, for those in both; negative if it shrank."""
    return {name: after[name] - before[name] for name in before if name in after}


class Counters:
    """Reads the server's counters for one entrant's databases, added up.

    Attributes:
        connections: The connections for reading, one for each database.
        missing: Counter or size -> why it is unavailable on this server or to this role.
    """

    def __init__(self, connections: Sequence[Connection], pids: Sequence[int], *, local: bool) -> None:
        """Find the available counters; use `open`."""
        self.connections = connections
        own = [source for source in _SOURCES if not source.whole_server]
        self._readers = [_Reader(one, own if place else _SOURCES) for place, one in enumerate(connections)]
        self._processor = Processor(pids, local=local)
        hindrances: dict[str, str] = {}
        for reader in self._readers:
            hindrances |= reader.hindrances
        if self._processor.hindrance:
            hindrances[CPU] = self._processor.hindrance
        if "rows_dead" in hindrances:
            hindrances[DEAD_AT_THE_END] = hindrances["rows_dead"]
        hindrances |= {AT_THE_END[name]: hindrances[name] for name in AT_THE_END if name in hindrances}
        self.missing: Mapping[str, str] = hindrances

    @classmethod
    def open(cls, conninfos: Sequence[str], *, pids: Sequence[int], local: bool) -> "Counters":
        """Connect to the entrant's databases and find the available counters.

        If pg_stat_statements is loaded and the role may, its extension is created in these databases.

        Args:
            conninfos: The conninfo of each of the entrant's databases.
            pids: The process ids of the writers' sessions.
            local: Whether these processes are on this machine.

        Raises:
            psycopg.Error: The server cannot be reached, refused a connection or failed.
        """
        with ExitStack() as stack:
            connections = []
            for conninfo in conninfos:
                connections.append(stack.enter_context(closing(opened(conninfo))))
                connections[-1].execute("SET idle_session_timeout = 0")  # it waits while other candidates are built
                connections[-1].execute(f"SET lock_timeout = '{LOCK_LIMIT_S:g}s'".encode())  # sizes lock their tables
            found = cls(connections, pids, local=local)
            stack.pop_all()
            return found

    def attend(self, pids: Sequence[int]) -> None:
        """Read the processor time of other processes from now on, between two trials."""
        self._processor.close()
        self._processor = Processor(pids, local=not self._processor.hindrance)
        if self._processor.hindrance and CPU not in self.missing:
            self.missing = {**self.missing, CPU: self._processor.hindrance}

    def read(self) -> Reading:
        """Return the counters: the counts that sessions have flushed, and their processor time.

        Raises:
            psycopg.Error: The server failed or is gone.
        """
        reading = self._sum([reader.counters() for reader in self._readers])
        return reading if CPU in self.missing else reading | {CPU: self._processor.seconds(reading.get(_PARALLEL))}

    def sizes(self) -> Reading:
        """Return `table_bytes` (with TOAST, materialized views too) and `index_bytes` of all relations of users.

        Raises:
            psycopg.Error: The server failed or is gone.
        """
        return self._sum([reader.sizes() for reader in self._readers])

    def close(self) -> None:
        """Close the connections, and what tells the processor time."""
        self._processor.close()
        for connection in self.connections:
            connection.close()

    def _sum(self, readings: Sequence[Reading]) -> dict[str, float]:
        """Return the sum of each counter over databases; those of the whole server are read in one of them."""
        names = dict.fromkeys(name for reading in readings for name in reading if name not in self.missing)
        return {name: sum(reading.get(name, 0.0) for reading in readings) for name in names}


class _Reader:
    """Reads counters over one connection."""

    def __init__(self, connection: Connection, sources: Sequence[_Source]) -> None:
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET track_counts = off")  # what is read here is not counted as the writers' doing
        connection.execute("SET max_parallel_workers_per_gather = 0")  # nor does it have workers
        self.hindrances: dict[str, str] = {}
        """Counter or size -> why it is unavailable."""
        self._connection = connection
        self._counters = _offered(connection, sources, self.hindrances)
        self._sizes = _offered(connection, [_SIZES], self.hindrances)
        with suppress(*_REFUSALS):
            connection.execute("SELECT pg_stat_force_next_flush()")  # what this took falls into no trial

    def counters(self) -> Reading:
        """Return the counters of its sources."""
        return self._values(self._counters)

    def sizes(self) -> Reading:
        """Return the sizes of the database."""
        return self._values(self._sizes)

    def _values(self, query: bytes | None) -> dict[str, float]:
        if query is None:
            return {}
        cursor = self._connection.execute(query, prepare=True)
        row = cursor.fetchone()
        assert row is not None, "every source is one row"
        return dict(zip((column.name for column in cursor.description or ()), row, strict=True))


def _offered(connection: Connection, sources: Sequence[_Source], hindrances: dict[str, str]) -> bytes | None:
    """Return one query for all available counters, as floats by name, or None if there are none; note the others."""
    columns, parts, flushes = [], [], may_flush(connection)
    for source in sources:
        if reason := _hindrance(connection, source):
            hindrances.update(dict.fromkeys(source.counters, reason))
            continue
        text = sql.SQL(queries.text_for(connection, source.name, source.majors))
        part = sql.SQL("({}) AS {}").format(text, sql.Identifier(source.name))
        offered = []
        for counter in source.counters:  # one by one: a right to one function does not imply another
            if counter in OF_SESSIONS and not flushes:
                hindrances[counter] = UNFLUSHED
                continue
            column = sql.SQL("{0}::float8 AS {0}").format(sql.Identifier(counter))
            try:
                connection.execute(sql.SQL("SELECT {} FROM {}").format(column, part))
            except _REFUSALS as error:
                hindrances[counter] = _worded(error)
            else:
                offered.append(column)
        if offered:
            columns += offered
            parts.append(part)
    if not parts:
        return None
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), sql.SQL(" CROSS JOIN ").join(parts))
    return query.as_bytes(connection)


def _hindrance(connection: Connection, source: _Source) -> str:
    """Return why a source counts nothing on this server, or an empty text; create its extension if it is missing."""
    major = queries.major(connection)
    if major < source.majors[0]:
        return f"PostgreSQL {major} does not provide it; {source.majors[0]} is the first version that does"
    if source.setting:
        setting = connection.execute(_SETTING, [source.setting]).fetchone()
        if setting is None:
            return (
                f"{source.extension} is not loaded; a server of schemabench's own loads it with {OPTION} "
                f"shared_preload_libraries={source.extension}"
            )
        value, default = setting
        if value in ("off", "none"):
            return f"{source.setting} is {value}: {OPTION} {source.setting}={default}"
    return _install(connection, source.extension) if source.extension else ""


def _install(connection: Connection, extension: str) -> str:
    """Create an extension in this database, unless it exists, and add it to the search path; return why that failed."""
    refusal = ""
    try:
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
    except psycopg.Error as error:
        if connection.closed:
            raise
        refusal = _worded(error)
    return "" if connection.execute(_SEARCH_IN, [extension]).fetchone() else refusal


def _worded(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    denied = isinstance(error, psycopg.errors.InsufficientPrivilege)
    return f"this role may not read it: {message}" if denied else f"this server does not provide it: {message}"
