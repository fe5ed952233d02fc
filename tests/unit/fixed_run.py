"""One run with everything in it that a report can show, the same each time: the source of the golden files.

Two workloads, one of them as an older version wrote it, with nothing sampled or counted; candidates that lead, tie,
lose, are disqualified, invalid, failed and were skipped; notices of the run, of an experiment and of candidates;
operations with too few samples for a percentile; locks, costs, retries and plans; a control; a server by DSN.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from schemabench.records import (
    LOCK_WAITS,
    THROUGHPUT,
    Adequacy,
    CandidateResult,
    Contention,
    Cost,
    Estimate,
    Experiment,
    Latency,
    LockWait,
    Notice,
    OptionValue,
    Pacing,
    RolledBack,
    Run,
    ServerRecord,
    Setting,
    Slope,
    Soak,
    SoakFigures,
    SoakSlice,
    Standing,
    StatementPlan,
    Trial,
    WaitEvent,
    WaitPair,
    WriterRatio,
    WriterShare,
)

OPERATIONS, ROWS = 1240, 2400
"""In a burst of the usage workload."""
PRODUCTION_S = 9.0
"""What such a burst stands for."""

SQL_ERROR = """\
The candidate narrow_keys cannot be installed: column "site" does not exist (SQLSTATE 42703)
at schemas/usage/narrow_keys.sql:14:12
      ON site_key (site);
                   ^
To fix this, either:
  - correct the statement
  - leave the candidate out with --candidate"""

STATE_DIFFERS = """\
the state 'media' differs from the baseline's:
row 17: expected mlw_00017,2026-02-16,1204,8812345, found mlw_00017,2026-02-16,1204,
row 18: expected mlw_00018,2026-02-16,77,1200, found none"""

SATURATED = """\
the load loop was busy 97 % of the time: the client limits the figures, not the server
To fix this, either:
  - use more workers with -n
  - use fewer clients with --clients"""

RETRIES = Notice(code="retries", text="split_events: deadlocks were retried and charged: upsert_media_count 3")


CURVE = ((0.25, 0.7, 11), (0.5, 1.0, 5), (0.75, 1.6, 11), (0.95, 3.1, 59), (0.99, 7.3, 299), (0.999, 15.0, 2995))
"""Level, its quantile over the median, and the fewest samples that support it."""


def estimate(value: float, share: float = 0.04) -> Estimate:
    return Estimate(value=value, low=value * (1 - share), high=value * (1 + share))


def latency(operation: str, count: int, p50_ms: float, retries: int = 0) -> Latency:
    """Return percentiles in plausible proportions; None where so few samples support none, as statistics has it."""
    p50_ns = p50_ms * 1e6
    return Latency(
        operation=operation,
        count=count,
        p50_ns=p50_ns if count >= 5 else None,
        p95_ns=p50_ns * 3.1 if count >= 59 else None,
        p99_ns=p50_ns * 7.3 if count >= 299 else None,
        max_ns=p50_ns * 21,
        retries=retries,
        curve=tuple((level, p50_ns * factor) for level, factor, fewest in CURVE if count >= fewest),
    )


def trial(block: int, duration_s: float) -> Trial:
    return Trial(
        block=block,
        position=block % 3,
        warmup=block < 2,
        started_s=block * 1.1,
        duration_s=duration_s,
        operations=OPERATIONS,
        rows=ROWS,
        retries=0,
        busy_share=0.41,
        writers_s={"media_library": duration_s, "aggregation_cdn": duration_s * 0.9},
        counters={"checkpoints": 1.0 * (block == 3), "autovacuums": 1.0 * (block == 4)},
    )


def standing(name: str, rank: int, ratio: Estimate, tied_with: tuple[str, ...] = ()) -> Standing:
    return Standing(
        name=name, figure=estimate(4.9 * ratio.value, 0.1), to_baseline=ratio, rank=rank, tied_with=tied_with
    )


TABLE = """\
CREATE TABLE media_storage (
    site_id text NOT NULL,
    utc_date date NOT NULL,
    media_count bigint,
    PRIMARY KEY (site_id, utc_date)
);
"""
UPSERT_SQL = """\
INSERT INTO media_storage AS stored VALUES (:site_id, :utc_date, :media_count)
ON CONFLICT (site_id, utc_date) DO UPDATE SET media_count = excluded.media_count;
"""
SQL = {
    "hash_partitioned": TABLE.replace(");", ") PARTITION BY HASH (site_id);"),
    "split_events": TABLE.replace("media_storage", "media_counts")
    + "\n-- name: upsert_media_count\n"
    + UPSERT_SQL.replace("media_storage AS stored", "media_counts"),
    "fillfactor": TABLE.replace(");", ") WITH (fillfactor = 70);"),
    "secondary_index": TABLE + "CREATE INDEX media_storage_utc_date ON media_storage (utc_date);\n",
}
"""Candidate -> its definitions and overrides, where they differ from the baseline's."""


def ranked(
    place: Standing, summary: str, slowest: str = "compact_cdn", notices: tuple[Notice, ...] = ()
) -> CandidateResult:
    rate, speed = place.figure, place.to_baseline.value
    return CandidateResult(
        name=place.name,
        summary=summary,
        expects="" if place.name == "baseline" else "fewer lock waits between the two event streams",
        path=f"schemas/usage/{place.name}.sql",
        sql=f"-- candidate: {place.name}\n-- summary: {summary}\n\n{SQL.get(place.name, TABLE)}",
        status="ranked",
        standings={"throughput": place},
        operations_per_s=estimate(rate.value * OPERATIONS, 0.1),
        rows_per_s=estimate(rate.value * ROWS, 0.1),
        headroom=estimate(rate.value * PRODUCTION_S, 0.1),
        latencies=(
            latency("upsert_media_count", 25_200, 0.31 / speed, retries=3 if notices else 0),
            latency("compact_cdn", 84, 9.4 / speed),
            latency("insert_cdn", 84, (14.8 if slowest == "insert_cdn" else 6.2) / speed),
            latency("refresh_usage", 42, 31.0 / speed),
            latency("read_month", 4, 1.7),
        ),
        trials=tuple(trial(block, 0.203 / speed) for block in range(6)),
        notices=notices,
    )


def unranked(name: str, status: str, reason: str, summary: str = "") -> CandidateResult:
    return CandidateResult(
        name=name,
        summary=summary,
        expects="",
        path=f"schemas/usage/{name}.sql",
        sql="",
        status=status,
        reason=reason,
    )


BASELINE = Estimate(value=1.0, low=1.0, high=1.0)

BUSY = {"running": 0.54, "LWLock": 0.11, "IO": 0.25, "Client": 0.09, "other": 0.01}
"""How writers spend the time in which they do not wait for locks."""

LOCK_SHARES = {
    "hash_partitioned": (0.031, 1, ("split_events",)),
    "split_events": (0.0004, 1, ("hash_partitioned",)),
    "rollup_kept_by_trigger_as_rows_arrive": (0.127, 3, ()),
    "baseline": (0.184, 4, ("fillfactor",)),
    "fillfactor": (0.176, 4, ("baseline",)),
    "secondary_index": (0.312, 6, ()),
}
"""Candidate -> share of the writers' time, rank, ties."""


LOCKS = (
    ("transactionid", "ShareLock", "media_storage", 0.71),
    ("tuple", "ExclusiveLock", "media_storage", 0.22),
    ("relation", "AccessExclusiveLock", "cdn_open", 0.06),
    ("advisory", "ExclusiveLock", "", 0.01),
)
"""Kind, mode, relation, part of all waiting for locks."""


def contention(locks: float, partitions: int = 0) -> Contention:
    """Return plausible samples in which writers wait for locks for such a share of their time."""
    classes = {"Lock": locks, "pause": 0.0, **{kind: share * (1 - locks) for kind, share in BUSY.items()}}
    return Contention(
        samples=2980,
        late=14,
        lost=6,
        observations=21_300,
        classes=classes,
        events=(
            WaitEvent(wait_class="running", name="", share=classes["running"]),
            WaitEvent(wait_class="IO", name="WALSync", share=classes["IO"] * 0.93),
            WaitEvent(wait_class="LWLock", name="WALWrite", share=classes["LWLock"] * 0.8),
            WaitEvent(wait_class="Lock", name="transactionid", share=locks * 0.71),
        ),
        locks=tuple(
            LockWait(
                kind=kind,
                mode=mode,
                relation=relation,
                partitions=partitions if relation == "media_storage" else 0,
                share=locks * part,
                longest_s=0.166 * part,
            )
            for kind, mode, relation, part in LOCKS
        ),
        pairs=(
            WaitPair(waiting="upsert_bytes_stored", blocking="upsert_media_count", share=locks * 0.74),
            WaitPair(waiting="upsert_media_count", blocking="upsert_media_count", share=locks * 0.24),
            WaitPair(waiting="refresh_usage", blocking="(autovacuum)", share=locks * 0.02),
        ),
        deepest_queue=3,
        longest_wait_s=0.118,
    )


def stands(result: CandidateResult, **changes: object) -> CandidateResult:
    """Return a candidate whose standing by throughput is changed, as in its `to_baseline`."""
    place = replace(result.standings["throughput"], **changes)  # type: ignore[arg-type]
    return replace(result, standings={**result.standings, "throughput": place})


def judged(experiment: Experiment, criterion: str, **changes: object) -> Experiment:
    """Return an experiment of which one criterion's record is changed, as in its `control`."""
    return replace(
        experiment,
        criteria=tuple(
            replace(one, **changes) if one.name == criterion else one  # type: ignore[arg-type]
            for one in experiment.criteria
        ),
    )


def lock_standing(name: str, share: float, rank: int, tied_with: tuple[str, ...]) -> Standing:
    difference = share - LOCK_SHARES["baseline"][0]
    return Standing(
        name=name,
        figure=estimate(share, 0.13),
        to_baseline=Estimate(value=difference, low=difference - 0.011, high=difference + 0.012),
        rank=rank,
        tied_with=tied_with,
    )


Unit = Literal["bytes", "blocks", "rows", "count", "seconds", "share"]
Per = Literal["row", "operation", "run", "update", "end"]
MEASURES: tuple[tuple[str, str, Unit, Per, float | None], ...] = (
    ("wal_bytes", "WAL", "bytes", "row", 412.3),
    ("full_page_images", "full-page images", "count", "row", 0.0213),
    ("blocks_hit", "blocks hit", "blocks", "row", 9.84),
    ("blocks_read", "blocks read", "blocks", "row", 0.0),
    ("blocks_dirtied", "blocks dirtied", "blocks", "row", None),
    ("hot_share", "HOT updates", "share", "update", 0.412),
    ("rows_dead", "dead rows", "rows", "row", 0.97),
    ("seq_scans", "sequential scans", "count", "operation", 0.0016),
    ("retries", "retries", "count", "operation", 0.0),
    ("multixacts", "multixacts", "count", "row", 0.52),
    ("deadlocks", "deadlocks", "count", "run", 0.0),
    ("cpu_s", "backend CPU", "seconds", "row", 31.4e-6),
    ("table_bytes", "table growth", "bytes", "row", 145.6),
    ("index_bytes", "index growth", "bytes", "row", 61.2),
    ("table_size", "tables", "bytes", "end", 36.5e6),
    ("index_size", "indexes", "bytes", "end", 14.4e6),
)
"""Name, title, unit, divisor, the baseline's figure."""
FACTORS = {
    "hash_partitioned": {"wal_bytes": 1.02, "blocks_hit": 1.31, "index_bytes": 1.22, "index_size": 1.22},
    "split_events": {"wal_bytes": 1.27, "table_bytes": 1.84, "index_bytes": 2.06, "multixacts": 0.04},
    "rollup_kept_by_trigger_as_rows_arrive": {"wal_bytes": 1.61, "rows_dead": 1.94},
    "fillfactor": {"wal_bytes": 0.62, "blocks_hit": 0.98, "table_bytes": 1.43, "hot_share": 2.4, "rows_dead": 0.71},
    "secondary_index": {"wal_bytes": 1.88, "index_bytes": 1.71, "hot_share": 0.0},
}
"""Candidate -> measure -> its figure over the baseline's, where the two differ."""


def costs(name: str) -> Iterator[Cost]:
    """Yield what a candidate costs by every measure."""
    for measure, title, unit, per, value in MEASURES:
        factor = FACTORS.get(name, {}).get(measure, 1.0)
        compared = name != "baseline" and unit != "share" and per != "end" and value
        yield Cost(
            name=measure,
            title=title,
            unit=unit,
            per=per,
            value=None if value is None else value * factor,
            ratio=estimate(factor, 0.006) if compared else None,
            differs=factor != 1 and per != "end",
        )


UPSERT = "Insert on media_storage (conflict: media_storage_pkey, update) <- Result"
READ = "Sort <- HashAggregate <- Append of [Seq Scan on cdn_batch, Seq Scan on cdn_daily]"
SCATTERED = UPSERT.replace("Insert", "Insert (8 partitions)")
LOOKED_UP = "Index Scan using cdn_daily_pkey on cdn_daily"
_RESULT = {"Node Type": "Result"}
_INSERT = {"Node Type": "ModifyTable", "Operation": "Insert", "Relation Name": "media_storage", "Plans": [_RESULT]}
_SCANS = [{"Node Type": "Seq Scan", "Relation Name": table} for table in ("cdn_batch", "cdn_daily")]
NODES = {
    UPSERT: _INSERT,
    SCATTERED: {**_INSERT, "Target Tables": [{"Relation Name": f"media_storage_{number}"} for number in range(8)]},
    READ: {"Node Type": "Sort", "Plans": [{"Node Type": "Append", "Plans": _SCANS}]},
    LOOKED_UP: {"Node Type": "Index Scan", "Index Name": "cdn_daily_pkey", "Relation Name": "cdn_daily"},
}
"""Nodes in one line -> what EXPLAIN says of them."""
NO_PLAN = "no plan: EXPLAIN has none for REFRESH MATERIALIZED VIEW cdn_open"


def plans(name: str) -> Iterator[StatementPlan]:
    """Yield how a candidate executes two operations, one of them of two statements, the first of which has no plan."""
    upsert = SCATTERED if name == "hash_partitioned" else UPSERT
    read = LOOKED_UP if name.startswith("rollup") else READ
    for operation, position, nodes, usual in (
        ("upsert_media_count", 0, upsert, UPSERT),
        ("refresh_usage", 0, "", ""),
        ("refresh_usage", 1, read, READ),
    ):
        yield StatementPlan(
            operation=operation,
            position=position,
            nodes=nodes,
            summary=f"{nodes}; 1 row, 7 blocks hit, 1 block dirtied" if nodes else NO_PLAN,
            same=nodes == usual if nodes and name != "baseline" else None,
            plan=[{"Plan": NODES[nodes]}] if nodes else None,
        )


def pacing(name: str, clients: int, utilisation: float) -> Pacing:
    """Return how a writer fares whose calls take so much of its time."""
    spare = 1 - utilisation
    return Pacing(
        name=name,
        clients=clients,
        utilisation=estimate(utilisation, 0.05),
        busiest=estimate(utilisation * 1.1, 0.1) if clients > 1 else None,
        backlog_s=0.02 * utilisation if spare > 0 else PRODUCTION_S * -spare,
        drain_s=0.02 * utilisation / spare if spare > 0 else None,
        slowest_s=0.25 if spare > 0 else 2.4,
        keeps_up=spare > 0,
    )


def adequacy(name: str, speed: float) -> Adequacy:
    """Return how a candidate fares at production's pace: one falls behind."""
    count, slow = 1240, name == "secondary_index"
    responses = (latency("upsert_media_count", count - 41, 0.5 / speed), latency("compact_cdn", 41, 12.0 / speed))
    return Adequacy(
        duration_s=PRODUCTION_S,
        elapsed_s=PRODUCTION_S + 2.4 if slow else PRODUCTION_S - 0.1,
        operations_per_s=count / PRODUCTION_S,
        p99_ns=4.1e6 / speed,
        max_ns=252e6 / speed,
        responses=responses,
        services=(latency("upsert_media_count", count - 41, 0.31 / speed), latency("compact_cdn", 41, 9.4 / speed)),
        lag_p99_ns=0.21e6,
        waiting={"media_library": 310, "dashboard": 1} if slow else {},
        writers=(
            pacing("media_library", 4, 1.27 if slow else 0.31 / speed),
            pacing("aggregation_cdn", 2, 0.12 / speed),
            pacing("dashboard", 2, 0.042 / speed),
        ),
        keeps_up=not slow,
    )


SETTINGS = (
    Setting(name="idle_in_transaction_session_timeout", value="5s", source="schemabench"),
    Setting(name="jit", value="off", source="--postgres-setting"),
    Setting(name="shared_buffers", value="8GB", source="configuration file"),
    Setting(name="work_mem", value="64MB (media_library), 4MB (dashboard)", source="an operation, role"),
)
"""Of the baseline's writers."""
OWN_SETTINGS = (
    Setting(name="jit", value="on", source="candidate's database"),
    Setting(name="search_path", value='app, "$user"', source="candidate's database, for the role"),
)
"""Of one candidate's."""


WRITERS = {"media_library": 1.0, "aggregation_cdn": 1.4, "dashboard": 0.98}
"""Writer -> its own ratio over that of the throughput."""


def writers(place: Standing) -> tuple[WriterRatio, ...]:
    """Return each writer's own ratio; none of the baseline's."""
    if place.name == "baseline":
        return ()
    ratios = {writer: estimate(factor * place.to_baseline.value) for writer, factor in WRITERS.items()}
    return tuple(
        WriterRatio(writer=writer, ratio=ratio, differs=not ratio.low <= 1 <= ratio.high)
        for writer, ratio in ratios.items()
    )


def sampled(result: CandidateResult) -> CandidateResult:
    """Return a ranked candidate with all that is known besides throughput."""
    share, rank, tied_with = LOCK_SHARES[result.name]
    rate = result.operations_per_s
    return replace(
        result,
        standings={**result.standings, "lock_waits": lock_standing(result.name, share, rank, tied_with)},
        on_front=rank == 1,
        writers=writers(result.standing) if result.standing else (),
        contention=contention(share, partitions=8 if result.name == "hash_partitioned" else 0),
        costs=tuple(costs(result.name)),
        plans=tuple(plans(result.name)),
        adequacy=adequacy(result.name, result.standing.to_baseline.value if result.standing else 1.0),
        attempts_per_s=rate and estimate(rate.value * (1.002 if result.notices else 1.0), 0.1),
        retries=(RolledBack(operation="upsert_media_count", reason="deadlock", count=3, calls=25_200),)
        if result.notices
        else (),
        settings=OWN_SETTINGS if result.name == "fillfactor" else (),
    )


USAGE = Experiment(
    workload="usage",
    summary="Usage metering of a video platform: a stream of upserts, two batch writers, and dashboards",
    cardinality="typical",
    values={"media_kind": "stream", "sites": 2000, "slice_s": 0.25, "cdns": ["cdn_a", "cdn_b"]},
    digest="sha256:5f0c6d1e",
    replay={"usage": "daily_per_base.csv.gz"},
    seed=1,
    clients=8,
    writers=(
        WriterShare(
            name="media_library",
            kind="stream",
            clients=4,
            operations=1200,
            pace="two events for 2,000 sites, every 30 s",
        ),
        WriterShare(name="aggregation_cdn", kind="batch", clients=2, operations=6, pace="every half hour, for 8 min"),
        WriterShare(name="dashboard", kind="reader", clients=2, operations=34, pace="unknown; a guess"),
    ),
    operations=OPERATIONS,
    rows=ROWS,
    blocks=42,
    warmup_blocks=2,
    budget_s=60.0,
    precision=0.01,
    settings=SETTINGS,
    operations_sql={"upsert_media_count": UPSERT_SQL},
    queries=(),
    sample_hz=50.0,
    busy_share=0.83,
    steal_share=0.004,
    elapsed_s=60.4,
    stopped="budget",
    candidates=(
        *map(
            sampled,
            (
                ranked(
                    standing("hash_partitioned", 1, estimate(1.312), ("split_events",)),
                    "media_storage hash-partitioned by site, eight ways",
                ),
                ranked(
                    standing(
                        "split_events",
                        1,
                        estimate(1.287),
                        ("hash_partitioned", "rollup_kept_by_trigger_as_rows_arrive"),
                    ),
                    "the two events in two tables, joined by a view | no lock is shared",
                    "insert_cdn",
                    (RETRIES,),
                ),
                ranked(
                    standing("rollup_kept_by_trigger_as_rows_arrive", 2, estimate(1.243), ("split_events",)),
                    "cdn_daily kept by a trigger, not by refreshing a view",
                ),
                ranked(
                    standing("baseline", 4, BASELINE, ("fillfactor",)), "one table for each writer, views refreshed"
                ),
                ranked(
                    standing("fillfactor", 4, estimate(1.012, 0.026), ("baseline",)), "media_storage at fillfactor 70"
                ),
                ranked(
                    standing("secondary_index", 6, estimate(0.871)), "an index on utc_date for the top sites of a day"
                ),
            ),
        ),
        unranked("brin", "skipped", "it needs PostgreSQL >= 19; the server is 18", "BRIN on the batches"),
        unranked("narrow_keys", "failed", SQL_ERROR, "bigint keys in place of text ids"),
        unranked("one_table", "invalid", SATURATED, "batches and days in one table"),
        unranked("one_view", "invalid", SATURATED, "one view in place of two"),
        unranked("unlogged_landing", "disqualified", STATE_DIFFERS, "batches land in an unlogged table"),
    ),
    criteria=(
        replace(
            THROUGHPUT,
            control=standing("baseline (control)", 1, Estimate(value=1.004, low=0.979, high=1.031), ("baseline",)),
        ),
        replace(
            LOCK_WAITS,
            control=Standing(
                name="baseline (control)",
                figure=estimate(0.186, 0.13),
                to_baseline=Estimate(value=0.002, low=-0.009, high=0.013),
                rank=1,
                tied_with=("baseline",),
            ),
        ),
    ),
    smallest_difference=0.026,
    notices=(
        Notice(
            code="client-saturated",
            text="The load loop was busy 83% of the time: the client limits the figures, differences look smaller",
        ),
        Notice(code="bad-lines", text="3 of 1,204,311 lines could not be used, the first of them line 17: no date"),
    ),
)

TURNS, TURN_S = 12, 30.0


def soak(rate: float, kept: float, to_baseline: Estimate | None) -> SoakFigures:
    """Return turns of half a minute, each of which keeps so much of the rate of the one before."""
    slices = tuple(
        SoakSlice(
            round=number,
            position=number % 2,
            started_s=2.1 * TURN_S * number,
            worked_s=TURN_S * number,
            duration_s=TURN_S,
            operations=round(rate * kept**number * TURN_S),
            rows=0,
            retries=0,
            rate=rate * kept**number,
            p50_ns=4e6 / kept**number,
            p99_ns=9e6 / kept**number if number else None,
            busy_share=0.03,
            state={
                "dead_rows": 120.0 / kept ** (9 * number),
                "table_bytes": 2.0**23 / kept ** (4 * number),
                "pending_bytes": 8192.0 * (number % 4),
                "xid_age": 4000.0 * (number + 1),
            },
            meanwhile={
                "wal_bytes": 3.1e6,
                "checkpoints": float(number == 5),
                "own_vacuum_share": 0.1 * (number in {4, 8}),
                "others_vacuum_share": 0.3 * (number == 9),
            },
            looked_after={
                "vacuums": float(number in {4, 8}),
                "analyzes": float(number == 4),
                "vacuum_s": 1.7 * (number in {4, 8}),
            },
        )
        for number in range(TURNS)
    )
    own = Estimate(value=kept**2 - 1, low=kept**2 - 1.012, high=kept**2 - 0.988)
    return SoakFigures(
        slices=slices,
        slopes=(
            Slope(figure="rate", own=own, to_baseline=to_baseline),
            Slope(figure="p50_ns", own=None, to_baseline=None),
        ),
    )


PAGEVIEWS = Experiment(
    workload="pageviews",
    summary="Hourly page views of many domains in a star schema",
    cardinality="worst",
    values={"pages": 100_000, "top": 25},
    digest="sha256:91aa02bc",
    replay={},
    seed=1,
    clients=1,
    writers=(WriterShare(name="loader", kind="batch", clients=1, operations=1, pace="once an hour"),),
    operations=1,
    rows=9000,
    blocks=4,
    warmup_blocks=1,
    budget_s=60.0,
    precision=0.01,
    elapsed_s=61.0,
    stopped="budget",
    candidates=(
        replace(
            ranked(standing("baseline", 1, BASELINE, ("flat",)), "fact, domain and page tables"),
            soak=soak(250.0, 0.999, None),
        ),
        replace(
            ranked(standing("flat", 1, Estimate(value=1.08, low=0.91, high=1.22), ("baseline",)), "one wide table"),
            soak=soak(270.0, 0.94, Estimate(value=-0.116, low=-0.157, high=-0.081)),
        ),
    ),
    criteria=(
        replace(
            THROUGHPUT,
            on_front=False,
            decides=False,
            control=standing("baseline (control)", 1, Estimate(value=0.99, low=0.87, high=1.11), ("baseline",)),
        ),
    ),
    soak=Soak(
        asked_s=TURNS * TURN_S,
        paced=False,
        slice_s=TURN_S,
        rounds=TURNS,
        per_s=60.0,
        elapsed_s=3 * 1.1 * TURNS * TURN_S,
        slowed={"autovacuum_naptime": 3.0, "checkpoint_timeout": 3.0},
        settings={"autovacuum": "on", "autovacuum_freeze_max_age": "200000000", "autovacuum_naptime": "3min"},
        control=soak(249.0, 1.001, Estimate(value=0.004, low=-0.021, high=0.027)),
    ),
    smallest_difference=None,
    notices=(
        Notice(
            code="few-blocks",
            text="Only 4 blocks: 2 candidates need 6 before any difference can be told from chance. All tie; intervals "
            "are the range of what was seen.",
        ),
    ),
)

RUN = Run(
    run_id="20260216-3f9a",
    started="2026-02-16T09:30:00+00:00",
    version="0.1.0",
    command="pytest tests/evaluation --postgres 'postgresql://bench:***@db.example/postgres' --replay "
    "usage=daily_per_base.csv.gz",
    machine={
        "system": "Linux 6.1 x86_64",
        "processor": "8 x Example CPU @ 3.0 GHz",
        "memory": "31.3 GiB",
        "Python": "3.12.4",
    },
    options=(
        OptionValue(name="--postgres", value="postgresql://bench:***@db.example/postgres", source="environment"),
        OptionValue(name="--replay", value="usage=daily_per_base.csv.gz", source="command line"),
        OptionValue(name="--clients", value="8", source="default"),
        OptionValue(name="--budget", value="60s", source="ini file"),
        OptionValue(name="--candidate", value="", source="default"),
    ),
    server=ServerRecord(
        origin="postgresql://bench:***@db.example/postgres, by --postgres",
        version="18.6",
        version_num=180006,
        settings=(
            Setting(name="shared_buffers", value="8GB", source="configuration file"),
            Setting(name="jit", value="off", source="--postgres-setting"),
        ),
    ),
    experiments=(USAGE, PAGEVIEWS),
    notices=(
        Notice(code="data-in-memory", text="The server's data lie in memory: writing WAL costs less than on a disk."),
    ),
)

BENCHMARK_JSON = {"machine_info": {"node": "example"}, "benchmarks": [], "version": "5.3.1"}
"""What pytest-benchmark would have saved, cut short."""
