"""One run with everything in it that a report can show, the same each time: the source of the golden files.

Two workloads; candidates that lead, tie, lose, are disqualified, failed and were skipped; notices of the run, of an
experiment and of candidates; operations with too few samples for a percentile; a control; a server by DSN.
"""

from schemabench.records import (
    CandidateResult,
    Estimate,
    Experiment,
    Latency,
    Notice,
    OptionValue,
    Run,
    ServerRecord,
    Setting,
    Standing,
    Trial,
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

RETRIES = Notice(code="retries", text="split_events: deadlocks were retried and charged: upsert_media_count 3")


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
    )


def standing(name: str, rank: int, ratio: Estimate, tied_with: tuple[str, ...] = ()) -> Standing:
    return Standing(name=name, rate=estimate(4.9 * ratio.value, 0.1), ratio=ratio, rank=rank, tied_with=tied_with)


def ranked(
    place: Standing, summary: str, slowest: str = "compact_cdn", notices: tuple[Notice, ...] = ()
) -> CandidateResult:
    rate, speed = place.rate, place.ratio.value
    return CandidateResult(
        name=place.name,
        summary=summary,
        expects="" if place.name == "baseline" else "fewer lock waits between the two event streams",
        path=f"schemas/usage/{place.name}.sql",
        sql="CREATE TABLE media_storage (site_id text, utc_date date, PRIMARY KEY (site_id, utc_date));\n",
        status="ranked",
        standing=place,
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
    elapsed_s=60.4,
    stopped="budget",
    candidates=(
        ranked(
            standing("hash_partitioned", 1, estimate(1.312), ("split_events",)),
            "media_storage hash-partitioned by site, eight ways",
        ),
        ranked(
            standing("split_events", 1, estimate(1.287), ("hash_partitioned", "rollup_kept_by_trigger_as_rows_arrive")),
            "the two events in two tables, joined by a view | no lock is shared",
            "insert_cdn",
            (RETRIES,),
        ),
        ranked(
            standing("rollup_kept_by_trigger_as_rows_arrive", 2, estimate(1.243), ("split_events",)),
            "cdn_daily kept by a trigger, not by refreshing a view",
        ),
        ranked(standing("baseline", 4, BASELINE, ("fillfactor",)), "one table for each writer, views refreshed"),
        ranked(standing("fillfactor", 4, estimate(1.012, 0.026), ("baseline",)), "media_storage at fillfactor 70"),
        ranked(standing("secondary_index", 6, estimate(0.871)), "an index on utc_date for the top sites of a day"),
        unranked("brin", "skipped", "it needs PostgreSQL >= 19; the server is 18", "BRIN on the batches"),
        unranked("narrow_keys", "failed", SQL_ERROR, "bigint keys in place of text ids"),
        unranked("unlogged_landing", "disqualified", STATE_DIFFERS, "batches land in an unlogged table"),
    ),
    control=standing("baseline (control)", 1, Estimate(value=1.004, low=0.979, high=1.031), ("baseline",)),
    smallest_difference=0.026,
    notices=(
        Notice(
            code="client-saturated",
            text="The load loop was busy 83% of the time: the client limits the figures, differences look smaller",
        ),
        Notice(code="bad-lines", text="3 of 1,204,311 lines could not be used, the first of them line 17: no date"),
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
        ranked(standing("baseline", 1, BASELINE, ("flat",)), "fact, domain and page tables"),
        ranked(standing("flat", 1, Estimate(value=1.08, low=0.91, high=1.22), ("baseline",)), "one wide table"),
    ),
    control=standing("baseline (control)", 1, Estimate(value=0.99, low=0.87, high=1.11), ("baseline",)),
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
