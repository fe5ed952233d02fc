"""Counters of real servers of each version: each moves when it should, by as much as it should, and not otherwise."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, suppress

import psutil
import psycopg
import pytest
import servers

from schemabench.monitor.counters import (
    AFTER_CHECKPOINT,
    AT_THE_END,
    DEAD_AT_THE_END,
    MEASURES,
    RETRIES,
    UNDER_WAY,
    Counters,
    cost,
    growth,
    increase,
)
from schemabench.records import CHECKPOINTED
from schemabench.server import Database, Server
from schemabench.server.dsn import with_words

LIBRARY = "pg_stat_statements"
BLOCK = 8192
LIMIT_S = 20.0
WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
HOT_SHARE = next(measure for measure in MEASURES if measure.name == "hot_share")

Connection = psycopg.Connection[tuple[object, ...]]
Connect = Callable[[], Connection]


def _has_library(major: int) -> bool:
    return any(servers.FOUND[major].folder.parent.rglob(f"{LIBRARY}.so"))


def _serving(major: int, settings: dict[str, str]) -> AbstractContextManager[Server]:
    return servers.serving(str(major), settings=settings, clients=16, run_id="counters")


@pytest.fixture(scope="module", params=servers.MAJORS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server of each version where nothing is at work but what a test does, and little is cached."""
    settings = {"autovacuum": "off", "deadlock_timeout": "20ms", "shared_buffers": "16MB"}
    if _has_library(request.param):
        settings["shared_preload_libraries"] = LIBRARY
    with _serving(request.param, settings) as server:
        yield server


@pytest.fixture
def major(server: Server) -> int:
    return server.record.version_num // 10000


@pytest.fixture
def connect(conninfo: str) -> Iterator[Connect]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(psycopg.connect(conninfo, autocommit=True))


@pytest.fixture
def writer(connect: Connect) -> Connection:
    writer = connect()
    _make_accounts(writer)
    return writer


@pytest.fixture
def counters(conninfo: str, writer: Connection) -> Iterator[Counters]:
    with _opened(conninfo, writer) as counters:
        yield counters


@pytest.fixture
def guest(conninfo: str, writer: Connection) -> Iterator[str]:
    """Make a role with no rights but everybody's, and return how it connects."""
    writer.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    yield psycopg.conninfo.make_conninfo(conninfo, user="guest", password="guest")  # noqa: S106 (of this test's own)
    writer.execute("DROP ROLE guest")


def _make_accounts(writer: Connection) -> None:
    writer.execute("CREATE TABLE account (id int PRIMARY KEY, total int, note text) WITH (fillfactor = 40)")
    writer.execute("INSERT INTO account SELECT n, 0, '' FROM generate_series(1, 100) AS n")


def _opened(conninfo: str, *sessions: Connection, local: bool = True) -> closing[Counters]:
    return closing(Counters.open([conninfo], pids=[session.info.backend_pid for session in sessions], local=local))


def _flush(*sessions: Connection) -> None:
    for session in sessions:
        session.execute("SELECT pg_stat_force_next_flush()")


def _grown(counters: Counters, session: Connection, *statements: str) -> dict[str, float]:
    _flush(session)
    before = counters.read()
    for statement in statements:
        session.execute(statement)  # type: ignore[call-overload]
    _flush(session)
    return increase(before, counters.read())


def _value(session: Connection, query: str) -> int:
    row = session.execute(query).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return int(row[0])


def _until(counters: Counters, counter: str, target: float) -> float:
    """Wait until a counter that a process of the server keeps has come to a target, and return where it stands."""
    deadline = time.monotonic() + LIMIT_S
    while (stands := counters.read()[counter]) < target and time.monotonic() < deadline:
        time.sleep(0.05)
    return stands


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + LIMIT_S
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_all_is_offered_but_what_the_version_or_the_programs_lack(counters: Counters, major: int) -> None:
    lacking = {"blocks_written", "blocks_extended", "vacuum_accesses"} if major < 16 else set()
    lacking |= {"parallel_workers"} if major < 18 else set()
    lacking |= set() if _has_library(major) else {"blocks_dirtied"}

    assert set(counters.missing) == lacking
    assert not lacking & set(counters.read())
    elsewhere = {*AFTER_CHECKPOINT.values(), *AT_THE_END.values(), DEAD_AT_THE_END, RETRIES}
    offered = {*counters.read(), *counters.sizes(), *elsewhere}
    read = {measure.counter for measure in MEASURES if not measure.counter.startswith("upkeep_")}
    assert read - lacking <= offered
    for counter in lacking - {"blocks_dirtied"}:
        first = 18 if counter == "parallel_workers" else 16
        assert f"{first} is the first" in counters.missing[counter]


def test_reading_adds_nothing_to_what_is_read(counters: Counters, writer: Connection) -> None:
    _flush(writer)
    before = counters.read()
    for _ in range(2):
        time.sleep(0.6)  # a session hands its counts over once a second
        after = counters.read()

    moved = {name for name, by in increase(before, after).items() if by}
    # the server notes running transactions now and then, and other sessions hand over what they did before
    assert moved <= {"wal_bytes", "wal_records", "wal_fpi", "blocks_written", "blocks_extended"}


def test_an_update_of_an_indexed_column_is_never_hot_and_of_another_always(
    counters: Counters, writer: Connection
) -> None:
    free = _grown(counters, writer, "UPDATE account SET total = total + 1")
    writer.execute("CREATE INDEX ON account (total)")
    indexed = _grown(counters, writer, "UPDATE account SET total = total + 1")

    assert cost(HOT_SHARE, free, rows=100, operations=1) == 1.0
    assert cost(HOT_SHARE, indexed, rows=100, operations=1) == 0.0
    assert free["rows_updated"] == indexed["rows_updated"] == 100


def test_updated_and_deleted_row_versions_are_dead_and_inserted_ones_are_not(
    counters: Counters, writer: Connection
) -> None:
    update = "UPDATE account SET total = 1 WHERE id <= 10"
    grown = _grown(counters, writer, update, "DELETE FROM account WHERE id > 95")
    inserted = _grown(counters, writer, "INSERT INTO account SELECT n, 0, '' FROM generate_series(1001, 1100) AS n")

    assert (grown["rows_dead"], grown["rows_updated"]) == (15, 10)
    assert (inserted["rows_dead"], inserted["rows_updated"], inserted["rows_hot_updated"]) == (0, 0, 0)


def test_values_out_of_line_are_no_rows_of_their_own(counters: Counters, writer: Connection) -> None:
    writer.execute("ALTER TABLE account ALTER note SET STORAGE EXTERNAL")
    writer.execute("UPDATE account SET note = repeat('x', 20000) WHERE id = 1")
    grown = _grown(counters, writer, "UPDATE account SET note = repeat('y', 20000) WHERE id = 1")

    assert (grown["rows_updated"], grown["rows_dead"]) == (1, 1)


def test_wal_bytes_are_what_the_log_grew_by(counters: Counters, writer: Connection) -> None:
    position = "SELECT pg_current_wal_insert_lsn() - '0/0'"
    start = _value(writer, position)
    grown = _grown(counters, writer, "INSERT INTO account SELECT n, 0, '' FROM generate_series(1001, 21000) AS n")
    length = _value(writer, position) - start

    assert grown["wal_bytes"] > 1_000_000
    assert grown["wal_bytes"] == pytest.approx(length, rel=0.02)  # the log has page headers beside its records
    assert grown["wal_records"] >= 40_000


def test_the_first_change_of_a_page_after_a_checkpoint_is_a_full_page_image(
    counters: Counters, writer: Connection
) -> None:
    update = "UPDATE account SET total = total + 1 WHERE id = 1"
    writer.execute("CHECKPOINT")
    first = _grown(counters, writer, update)
    second = _grown(counters, writer, update)

    assert first["wal_fpi"] >= 1
    assert second["wal_fpi"] == 0
    assert first["wal_bytes"] > second["wal_bytes"] > 0


def test_blocks_of_a_scan_are_hit_where_they_are_cached_and_read_where_they_are_not(
    counters: Counters, writer: Connection
) -> None:
    writer.execute("CREATE TABLE wide AS SELECT repeat('x', 1000) AS note FROM generate_series(1, 30000)")  # 2 x cache
    writer.execute("VACUUM ANALYZE")
    scan, look = "SELECT count(note) FROM wide", "SELECT count(note) FROM account"
    blocks, few = (_value(writer, f"SELECT pg_relation_size('{name}') / {BLOCK}") for name in ("wide", "account"))
    uncached = _grown(counters, writer, scan)
    writer.execute(look)
    cached = _grown(counters, writer, look)

    assert blocks * 0.7 < uncached["blocks_read"] < blocks * 1.1
    assert few <= cached["blocks_hit"] < few + 40
    assert cached["blocks_read"] == 0


def test_only_a_scan_without_an_index_is_sequential(counters: Counters, writer: Connection) -> None:
    writer.execute("SET enable_seqscan = off")
    by_index = _grown(counters, writer, "SELECT total FROM account WHERE id = 7")
    sequential = _grown(counters, writer, "SELECT count(total) FROM account", "SELECT sum(total) FROM account")

    assert by_index["seq_scans"] == 0
    assert sequential["seq_scans"] == 2


def test_blocks_written_and_added_are_those_of_sessions(counters: Counters, writer: Connection, major: int) -> None:
    rows = "SELECT repeat('x', 900) AS note FROM generate_series(1, 20000)"
    before = counters.sizes()
    grown = _grown(counters, writer, f"CREATE TABLE bulk AS {rows}")  # makes a file longer by many blocks at once
    added = sum(growth(before, counters.sizes()).values()) / BLOCK

    assert added > 2000
    if major < 16:
        assert not {"blocks_extended", "blocks_written"} & set(grown)
    else:
        assert grown["blocks_extended"] == pytest.approx(added, rel=0.01)
        assert added * 0.3 < grown["blocks_written"] < added * 1.3


def test_blocks_are_dirtied_once_until_they_are_written(counters: Counters, writer: Connection, major: int) -> None:
    update = "UPDATE account SET total = total + 1 WHERE id = 1"
    writer.execute("VACUUM account")  # or the first scan notes which rows are committed, on all pages
    writer.execute("CHECKPOINT")
    first = _grown(counters, writer, update)
    second = _grown(counters, writer, update, "SELECT count(*) FROM account")

    if _has_library(major):
        assert 1 <= first["blocks_dirtied"] <= 3
        assert second["blocks_dirtied"] == 0
    else:
        assert "blocks_dirtied" not in first
        remedy = "--postgres-setting shared_preload_libraries=pg_stat_statements"
        assert counters.missing["blocks_dirtied"].endswith(remedy)


def test_a_sort_beyond_its_memory_makes_temporary_files(counters: Counters, writer: Connection) -> None:
    sort = "SELECT count(*) FROM (SELECT n FROM generate_series(1, 100000) AS n ORDER BY -n OFFSET 0) AS sorted"
    writer.execute("SET work_mem = '64MB'")
    inside = _grown(counters, writer, sort)
    writer.execute("SET work_mem = '64kB'")
    beyond = _grown(counters, writer, sort)

    assert beyond["temp_bytes"] - inside["temp_bytes"] > 1_000_000


def test_a_deadlock_is_counted_and_a_wait_is_none(counters: Counters, writer: Connection, connect: Connect) -> None:
    other = connect()
    before = counters.read()
    writer.execute("BEGIN; UPDATE account SET total = 1 WHERE id = 1")
    other.execute("BEGIN; UPDATE account SET total = 1 WHERE id = 2")
    writer.pgconn.send_query(b"UPDATE account SET total = 1 WHERE id = 2")
    time.sleep(0.1)
    waited = increase(before, counters.read())
    with suppress(psycopg.errors.DeadlockDetected):
        other.execute("UPDATE account SET total = 1 WHERE id = 1")
    other.execute("ROLLBACK")
    while writer.pgconn.get_result() is not None:
        pass
    writer.execute("ROLLBACK")
    _flush(writer, other)

    assert waited["deadlocks"] == 0
    assert increase(before, counters.read())["deadlocks"] == 1


def test_a_row_that_two_transactions_share_takes_one_multixact(
    counters: Counters, writer: Connection, connect: Connect
) -> None:
    share = "BEGIN; SELECT FROM account WHERE id = 1 FOR KEY SHARE"
    alone = _grown(counters, writer, share)
    shared = _grown(counters, connect(), share)

    assert alone["multixacts"] == 0
    assert shared["multixacts"] == 1


def test_a_checkpoint_is_counted(counters: Counters, writer: Connection) -> None:
    before = counters.read()["checkpoints"]
    writer.execute("CHECKPOINT")

    assert _until(counters, "checkpoints", before + 1) == before + 1


@pytest.mark.parametrize("major", servers.ENDS)
def test_a_checkpoint_that_began_before_shows_by_what_it_writes(major: int) -> None:
    # a server of its own, where a checkpoint that the length of the log asks for takes minutes for what it writes; all
    # that is changed stays in memory until then, or a session that needs room writes it if the checkpoint begins late
    settings = {"max_wal_size": "128MB", "checkpoint_timeout": "5min", "autovacuum": "off", "shared_buffers": "256MB"}
    with (
        _serving(major, settings) as server,
        psycopg.connect(conninfo := server.conninfo_for(server.create("test").name), autocommit=True) as writer,
        _opened(conninfo, writer) as counters,
    ):
        writer.execute("CREATE TABLE bulk AS SELECT n, repeat('x', 900) AS note FROM generate_series(1, 72000) AS n")
        writer.execute("CHECKPOINT")
        start = counters.read()
        writer.execute("UPDATE bulk SET n = -n WHERE n % 8 = 0")  # a page image for each, some 72 MB
        _until(counters, "checkpoints", start["checkpoints"] + 1)
        _until(counters, "checkpoint_blocks", start["checkpoint_blocks"] + 1)
        for _ in range(3):  # another one may begin meanwhile, where the machine is slow
            before = counters.read()
            _until(counters, "checkpoint_blocks", before["checkpoint_blocks"] + 1)
            grown = increase(before, counters.read())
            if not grown["checkpoints"]:
                break

    assert (grown["checkpoints"], grown["checkpoint_s"]) == (0, 0)
    assert grown["checkpoint_blocks"] >= 1


def test_a_vacuum_of_another_database_shows_while_it_is_under_way(counters: Counters, server: Server) -> None:
    idle = counters.read()[UNDER_WAY]
    with psycopg.connect(server.conninfo, autocommit=True) as other:
        other.execute("SET vacuum_cost_delay = '100ms'")
        other.execute("SET vacuum_cost_limit = 1")
        other.pgconn.send_query(b"VACUUM (FREEZE)")
        under_way = _until(counters, UNDER_WAY, 1)
        other.cancel()
        while other.pgconn.get_result() is not None:
            pass

    assert (idle, under_way) == (0, 1)


def test_rows_that_others_write_are_counted_and_those_of_this_run_are_not(
    counters: Counters, server: Server, writer: Connection
) -> None:
    rows = "INSERT INTO account SELECT n, 0, '' FROM generate_series(1001, 1500) AS n"
    ours = _grown(counters, writer, rows)
    with psycopg.connect(server.conninfo, autocommit=True) as stranger:
        stranger.execute("CREATE TABLE theirs (id int)")
        _flush(stranger)
        theirs = _grown(counters, stranger, "INSERT INTO theirs SELECT generate_series(1, 500)", "DELETE FROM theirs")
        stranger.execute("DROP TABLE theirs")

    assert ours["strangers_rows"] == 0
    assert theirs["strangers_rows"] == 1000


@pytest.mark.parametrize("major", servers.ENDS)
def test_an_autovacuum_of_another_database_is_counted_where_the_version_tells(major: int) -> None:
    with (
        _serving(major, {"autovacuum_naptime": "1s"}) as server,
        psycopg.connect(server.conninfo_for(server.create("other").name), autocommit=True) as other,
        psycopg.connect(conninfo := server.conninfo_for(server.create("test").name), autocommit=True) as writer,
        _opened(conninfo, writer) as counters,
    ):
        _make_accounts(other)
        other.execute("ALTER TABLE account SET (autovacuum_analyze_threshold = 1, autovacuum_vacuum_threshold = 1)")
        before = counters.read()
        other.execute("UPDATE account SET total = total + 1")
        _flush(other)
        deadline = time.monotonic() + LIMIT_S
        ended = "SELECT autovacuum_count + autoanalyze_count FROM pg_stat_user_tables"
        while _value(other, ended) < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        grown = increase(before, counters.read())

    assert grown["autovacuums"] == 0
    assert grown.get("vacuum_accesses", 0) > 0 or (major < 16 and "vacuum_accesses" in counters.missing)


def test_an_autovacuum_is_counted() -> None:
    with (  # a server of its own, since autovacuum would disturb the other tests
        _serving(max(servers.FOUND), {"autovacuum_naptime": "1s"}) as server,
        psycopg.connect(conninfo := server.conninfo_for(server.create("test").name), autocommit=True) as writer,
        _opened(conninfo, writer) as counters,
    ):
        _make_accounts(writer)
        writer.execute("ALTER TABLE account SET (autovacuum_analyze_threshold = 1, autovacuum_vacuum_threshold = 1)")
        grown = _grown(counters, writer, "UPDATE account SET total = total + 1")
        before = counters.read()["autovacuums"] - grown["autovacuums"]

        assert _until(counters, "autovacuums", before + 2) >= before + 2


def test_processor_time_is_that_of_the_sessions_and_outlives_them(
    counters: Counters, writer: Connection, connect: Connect
) -> None:
    work = "SELECT sum(sqrt(n)) FROM generate_series(1, 1000000) AS n"
    of_another = _grown(counters, connect(), work)
    start = time.monotonic()
    of_the_writer = _grown(counters, writer, work)
    elapsed_s = time.monotonic() - start
    before = counters.read()["cpu_s"]
    pid = writer.info.backend_pid
    writer.close()
    _until_gone(pid)

    assert of_another["cpu_s"] < 0.05 < of_the_writer["cpu_s"] <= elapsed_s + 0.05
    assert counters.read()["cpu_s"] == pytest.approx(before, abs=0.05)


def test_what_dropping_a_database_writes_is_counted_at_once(
    counters: Counters, writer: Connection, server: Server
) -> None:
    dropped = server.create("dropped")
    _flush(writer)
    start, before = _value(writer, WRITTEN), counters.read()
    server.drop(dropped)
    written, counted = _value(writer, WRITTEN) - start, increase(before, counters.read())

    assert written > 0
    assert counted["wal_bytes"] > 0.5 * written  # the rest: headers of pages, and what the checkpointer counts later


def test_processor_time_is_missing_where_the_processes_are_elsewhere_or_gone(conninfo: str, writer: Connection) -> None:
    pid = writer.info.backend_pid
    with _opened(conninfo, writer, local=False) as elsewhere:
        reading = elsewhere.read()
    writer.close()
    _until_gone(pid)
    with closing(Counters.open([conninfo], pids=[pid], local=True)) as gone:
        reading_of_gone = gone.read()

    assert elsewhere.missing["cpu_s"] == "the server is not on this machine"
    assert str(pid) in gone.missing["cpu_s"]
    for one in (reading, reading_of_gone):
        assert "cpu_s" not in one
        assert "wal_bytes" in one


def test_sizes_are_of_tables_with_their_toast_and_of_indexes(counters: Counters, writer: Connection) -> None:
    before = counters.sizes()
    writer.execute("ALTER TABLE account ALTER note SET STORAGE EXTERNAL")
    writer.execute("UPDATE account SET note = repeat('x', 20000)")
    writer.execute("CREATE MATERIALIZED VIEW totals AS SELECT id, total FROM account")
    writer.execute("CREATE INDEX ON totals (id)")
    after = counters.sizes()
    tables = _value(writer, "SELECT pg_table_size('account') + pg_table_size('totals')")
    indexes = _value(writer, "SELECT pg_indexes_size('account') + pg_indexes_size('totals')")
    writer.execute("TRUNCATE account")

    assert (after["table_bytes"], after["index_bytes"]) == (tables, indexes)
    assert growth(before, after)["table_bytes"] > 100 * 20000
    assert growth(after, counters.sizes())["table_bytes"] < -100 * 20000


def test_partitions_are_counted_each_once(counters: Counters, writer: Connection) -> None:
    writer.execute("CREATE TABLE event (id int, total int) PARTITION BY HASH (id)")
    for remainder in range(4):
        writer.execute(
            f"CREATE TABLE event_{remainder} PARTITION OF event FOR VALUES WITH (MODULUS 4, REMAINDER {remainder})"
        )
    writer.execute("INSERT INTO event SELECT n, 0 FROM generate_series(1, 100) AS n")
    grown = _grown(counters, writer, "UPDATE event SET total = 1")

    assert (grown["rows_updated"], grown["seq_scans"]) == (100, 4)


def test_what_a_role_may_not_read_is_missing_and_nothing_else(
    guest: str, writer: Connection, counters: Counters
) -> None:
    writer.execute("REVOKE SELECT ON pg_stat_wal FROM PUBLIC")
    writer.execute("REVOKE EXECUTE ON FUNCTION pg_stat_get_db_deadlocks, pg_stat_get_numscans, mxid_age FROM PUBLIC")
    writer.execute("REVOKE EXECUTE ON FUNCTION pg_table_size FROM PUBLIC")
    refused = {"wal_bytes", "wal_records", "wal_fpi", "deadlocks", "seq_scans", "multixacts"}
    with _opened(guest, writer) as limited:
        grown = _grown(limited, writer, "UPDATE account SET total = total + 1")
        sizes = limited.sizes()

    assert set(limited.missing) == set(counters.missing) | refused | {*AT_THE_END, *AT_THE_END.values()}
    assert set(grown) == set(counters.read()) - refused
    assert limited.missing["wal_bytes"] == "this role may not read it: permission denied for view pg_stat_wal"
    assert grown["rows_updated"] == 100
    assert sizes == {}


def test_a_role_that_may_not_make_the_extension_is_told_so(guest: str, writer: Connection, major: int) -> None:
    with _opened(guest, writer) as limited:
        reading = limited.read()

    reason = f'permission denied to create extension "{LIBRARY}"' if _has_library(major) else f"{LIBRARY} is not loaded"
    assert reason in limited.missing["blocks_dirtied"]
    assert "blocks_dirtied" not in reading
    assert "blocks_hit" in reading


def test_the_extension_is_found_in_whatever_schema_it_is(conninfo: str, writer: Connection, major: int) -> None:
    if not _has_library(major):
        pytest.skip(f"the programs of PostgreSQL {major} come without {LIBRARY}")
    writer.execute('CREATE SCHEMA "Its own"')
    writer.execute(f'CREATE EXTENSION {LIBRARY} SCHEMA "Its own"')
    with _opened(conninfo, writer) as counters:
        assert counters.read()["blocks_dirtied"] > 0


def test_a_counter_that_is_turned_off_is_missing_rather_than_zero(
    conninfo: str, writer: Connection, database: Database, major: int
) -> None:
    off = {"track_counts": "off"} | ({f"{LIBRARY}.track": "none"} if _has_library(major) else {})
    for setting, value in off.items():
        writer.execute(f"ALTER DATABASE {database.name} SET {setting} = {value}")
    with _opened(conninfo, writer) as counters:
        reading = counters.read()

    server_wide = {"wal_bytes", "wal_records", "wal_fpi", *CHECKPOINTED, "multixacts", "cpu_s", UNDER_WAY}
    assert server_wide <= set(reading) <= server_wide | {"blocks_written", "blocks_extended", "vacuum_accesses"}
    assert counters.missing["deadlocks"] == "track_counts is off: --postgres-setting track_counts=on"
    if _has_library(major):
        words = f"{LIBRARY}.track is none: --postgres-setting {LIBRARY}.track=top"
        assert counters.missing["blocks_dirtied"] == words


def test_who_counts_may_idle_for_longer_than_the_server_lets_others(conninfo: str, writer: Connection) -> None:
    with _opened(with_words(conninfo, options="-c idle_session_timeout=100"), writer) as counters:
        time.sleep(0.3)

        assert counters.read()
