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
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from typing import Literal, TypeAlias

import psutil
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

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
_VERSIONS_IN_MAJOR = 10_000
"""As in 180006 for 18.6."""
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


_SOURCES = (
    _Source(name="wal", counters=("wal_bytes", "wal_records", "wal_fpi")),
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
    _Source(name="io", counters=("blocks_written", "blocks_extended", "vacuum_accesses"), majors=(16, 18)),
    _Source(name="multixacts", counters=("multixacts",)),
    _Source(name="checkpoints", counters=("checkpoints", "checkpoint_blocks", "checkpoint_s"), majors=(0, 17)),
    _Source(name="under_way", counters=(UNDER_WAY,)),
    _Source(name="strangers", counters=("strangers_rows",), setting="track_counts"),
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
    """Reads the server's counters for one entrant's database.

    Attributes:
        connection: The connection for reading.
        missing: Counter or size -> why it is unavailable on this server or to this role.
    """

    def __init__(self, connection: Connection, pids: Sequence[int], *, local: bool) -> None:
        """Find the available counters; use `open`."""
        with suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET track_counts = off")  # what is read here is not counted as the writers' doing
        connection.execute("SET max_parallel_workers_per_gather = 0")  # nor does it have workers
        hindrances: dict[str, str] = {}
        self.connection = connection
        self._moment = _offered(connection, _SOURCES, hindrances)
        self._sizes = _offered(connection, [_SIZES], hindrances)
        self._processor = _Processor(pids, local=local)
        if self._processor.hindrance:
            hindrances[CPU] = self._processor.hindrance
        if "rows_dead" in hindrances:
            hindrances[DEAD_AT_THE_END] = hindrances["rows_dead"]
        hindrances |= {AT_THE_END[name]: hindrances[name] for name in AT_THE_END if name in hindrances}
        self.missing: Mapping[str, str] = hindrances
        with suppress(*_REFUSALS):
            connection.execute("SELECT pg_stat_force_next_flush()")  # what this took falls into no trial

    @classmethod
    def open(cls, conninfo: str, *, pids: Sequence[int], local: bool) -> "Counters":
        """Connect to the entrant's database and find the available counters.

        If pg_stat_statements is loaded and the role may, its extension is created in that database.

        Args:
            conninfo: The conninfo of the entrant's database.
            pids: The process ids of the writers' sessions.
            local: Whether these processes are on this machine.

        Raises:
            psycopg.Error: The server cannot be reached, refused the connection or failed.
        """
        connection = opened(conninfo)
        try:
            connection.execute("SET idle_session_timeout = 0")  # it waits while other candidates are built
            return cls(connection, pids, local=local)
        except BaseException:
            connection.close()
            raise

    def read(self) -> Reading:
        """Return the counters: the counts that sessions have flushed, and their processor time.

        Raises:
            psycopg.Error: The server failed or is gone.
        """
        reading = self._values(self._moment)
        return reading if CPU in self.missing else reading | {CPU: self._processor.seconds(reading.get(_PARALLEL))}

    def sizes(self) -> Reading:
        """Return `table_bytes` (with TOAST, materialized views too) and `index_bytes` of all relations of users.

        Raises:
            psycopg.Error: The server failed or is gone.
        """
        return self._values(self._sizes)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _values(self, query: bytes | None) -> dict[str, float]:
        if query is None:
            return {}
        cursor = self.connection.execute(query, prepare=True)
        row = cursor.fetchone()
        assert row is not None, "every source is one row"
        return dict(zip((column.name for column in cursor.description or ()), row, strict=True))


class _Processor:
    """The processor time of the writers' sessions and of their parallel workers.

    A parallel worker is a child of the postmaster, and is gone before its query ends; its time is then in the sum over
    all ended children. The sum's increase counts if the server reports such workers for this database, since version
    18, and always if it cannot report them. It includes any other child that ended since the last reading, mostly
    autovacuum workers, with its total time. Systems other than Linux keep no such sum: there, only leaders count.
    """

    def __init__(self, pids: Sequence[int], *, local: bool) -> None:
        self.hindrance = "" if local else "the server is not on this machine"
        """Why their time is unknown; empty if it is known."""
        self._processes: list[psutil.Process] = []
        self._seconds: dict[int, float] = {}
        self._postmaster: psutil.Process | None = None
        self._ended_s = self._workers_s = 0.0
        self._launched: float | None = None
        try:
            for pid in pids if local else ():
                self._processes.append(psutil.Process(pid))
                self._processes[-1].cpu_times()  # which some systems deny
            if self._processes:
                self._postmaster = self._processes[0].parent()
        except psutil.Error as error:
            self.hindrance = f"the CPU time of the server's processes cannot be read on this machine: {error}"

    def seconds(self, launched: float | None) -> float:
        """Return the sum of user and system time; an ended process counts with its last known time.

        Args:
            launched: Number of parallel workers that the sessions have had so far; None if the server does not report
                it.
        """
        for process in tuple(self._processes):
            try:
                times = process.cpu_times()
                self._seconds[process.pid] = times.user + times.system
            except psutil.Error:
                self._processes.remove(process)
                self._ended_s += self._seconds.get(process.pid, 0.0)  # a session of ours that ended is no worker
        ended_s = self._ended()
        if launched is None or launched != self._launched:
            self._workers_s += ended_s - self._ended_s
        self._ended_s, self._launched = ended_s, launched
        return sum(self._seconds.values()) + self._workers_s

    def _ended(self) -> float:
        """Return the time of all ended children of the postmaster, in seconds; 0 if unknown."""
        if self._postmaster is not None:
            with suppress(psutil.Error):
                times = self._postmaster.cpu_times()
                return float(getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))
        return self._ended_s


def _offered(connection: Connection, sources: Sequence[_Source], hindrances: dict[str, str]) -> bytes | None:
    """Return one query for all available counters, as floats by name, or None if there are none; note the others."""
    columns, parts = [], []
    for source in sources:
        if reason := _hindrance(connection, source):
            hindrances.update(dict.fromkeys(source.counters, reason))
            continue
        part = sql.SQL("({}) AS {}").format(_text(connection, source), sql.Identifier(source.name))
        offered = []
        for counter in source.counters:  # one by one: a right to one function does not imply another
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
    major = _major(connection)
    if major < source.majors[0]:
        return f"PostgreSQL {major} does not provide it; {source.majors[0]} is the first version that does"
    if source.setting:
        setting = connection.execute(_SETTING, [source.setting]).fetchone()
        if setting is None:
            return (
                f"{source.extension} is not loaded: shared_preload_libraries={source.extension}, on a server of "
                f"schemabench's own by {OPTION}"
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


def _text(connection: Connection, source: _Source) -> sql.SQL:
    """Return a source's query for this version of the server."""
    since = max(major for major in source.majors if major <= _major(connection))
    name = source.name if since == source.majors[0] else f"{source.name}_post_{since}"
    return sql.SQL(resources.files(__package__).joinpath(f"queries/{name}.sql").read_text(encoding="utf-8"))


def _major(connection: Connection) -> int:
    return connection.info.server_version // _VERSIONS_IN_MAJOR


def _worded(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    denied = isinstance(error, psycopg.errors.InsufficientPrivilege)
    return f"this role may not read it: {message}" if denied else f"this server does not provide it: {message}"
