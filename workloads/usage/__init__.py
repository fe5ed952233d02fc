"""Usage metering of a video platform: a stream of upserts, two batch writers, and the dashboards that read them.

Owns the writers' calls. Must not know tables: the SQL is in `operations.sql`, and in the candidates that override it.

A burst of size 1 is a *slice*: `slice_s` seconds out of the eight minutes in which a run of the aggregations writes, so
that every writer is at its worst. From the production figures follow, for a slice,

- media_library: two events for each of its entries, all entries once in `media_cycle_s`;
- aggregation_cdn and aggregation_ping: the compaction of an earlier slice's batch, then the slice's share of a run's
  rows (two for each site, from two CDNs; one for each analytics id) in one insert, then a refresh of the views;
- reader: `reads` of three kinds.

The writers' rows thus have the proportions of production, with three exceptions. Compaction comes with each insert
rather than once per run, so that every trial has some and the batch tables keep a constant size, the average of empty
and full. The rate of reads is not known: `reads` is a guess for a few dashboards. And a trial executes at once what
production spreads over seconds, since it measures the possible speed.

How many slices a block has is not known here, and differs between blocks, but half a run of batches is to be open at
any time. So there are `open_slices` places for them: a slice's compaction empties a place, its batch takes it. Places
are used in turn, and with `SLICES_PER_BLOCK` what is compacted is the oldest batch. With fewer slices, some batches
stay; with more, some are compacted sooner. The price: batch ids begin with the place, and do not ascend with time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import count, cycle, islice
from random import Random
from typing import Any

from schemabench import Call, Replay, Workload, Writer

from .cardinality import AXES, CDNS, MONTH_DAYS, SLICES_PER_BLOCK, TODAY, TYPICAL, WORST, Usage, strategy
from .model import MODEL
from .replay import COLUMNS, DailyRow, parse

FIRST_DAY = date(2026, 2, 16)  # the day on which blocks begin, with history before it

# A real day has 24 x 2 runs of some 70 blocks, more than 3,000. A shorter one lets a long experiment meet the change of
# the date, when every entry is inserted rather than updated, and keeps inserts to some 1 % of the events.
BLOCKS_PER_DAY = 480

DAYS_WITH_BATCHES = 2  # the first day and the one before it: half a run of batches is open when blocks begin
BATCHES_PER_BLOCK = 1000  # batch ids set apart for a block: far more than a burst has slices
BATCHES_PER_PLACE = 10**12  # batch ids set apart for a place: enough for a billion blocks
ROWS_PER_LOAD = 10_000  # ids in one call that loads history

# Sizes. The sites' follow Zipf's law, as customers' do; the rest is uniform below a bound that is merely plausible.
LARGEST_SITE_MEDIA = 200_000
BYTES_PER_MEDIA = 50_000_000
DAILY_CHANGE = 0.02  # how far a site's media may move from its usual number, up or down
BYTES_PER_CDN_ROW = 2_000_000_000
PLAYS_PER_PING_ROW = 500


def writers(usage: Usage) -> tuple[Writer, ...]:
    """Return the four writers; an aggregation's weight counts compaction, insert and refresh separately."""
    return (
        Writer(
            name="media_library",
            kind=usage.media_kind,
            weight=usage.media_events,
            clients=5,
            pace=f"{usage.media_entries:,} (date, site) entries in {usage.media_cycle_s} s, two events each",
        ),
        Writer(
            name="aggregation_cdn",
            kind="batch",
            weight=len(AGGREGATION_STEPS),
            pace=f"{len(CDNS) * usage.sites:,} rows in 8 minutes, every 30 minutes",
        ),
        Writer(
            name="aggregation_ping",
            kind="batch",
            weight=len(AGGREGATION_STEPS),
            pace=f"{usage.analytics_ids:,} rows in 8 minutes, every 30 minutes",
        ),
        Writer(name="reader", kind="reader", weight=usage.reads, pace="not known; a few dashboards"),
    )


AGGREGATION_STEPS = ("compact", "insert", "refresh")


def burst(usage: Usage, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Return a writer's endless calls in a block, as many slices as needed."""
    return _BURSTS[writer](usage, block, random)


def background(usage: Usage, random: Random) -> Iterator[Call]:
    """Yield the calls that load history, and leave half a run of batches open.

    The newest day comes first, so that a longer history continues a shorter one. Batches come after the days of which
    they are: a candidate may add them to daily rows.
    """
    sites, days = _sites(usage.sites), _days(usage.history_days)
    for day in _days(usage.analytics_history_days):
        yield from _load_ping(usage, day, random)
    for day in islice(days, DAYS_WITH_BATCHES):
        yield from _load_day(sites, day, random)
    for number in range(-usage.open_slices, 0):  # one in each place, in the order of their compaction
        block, slice_number = divmod(number, SLICES_PER_BLOCK)
        yield _insert_cdn(usage, block, slice_number, random)
        yield _insert_ping(usage, block, slice_number, random)
    for day in days:
        yield from _load_day(sites, day, random)
    yield Call("refresh_cdn_views", {}, rows=0)
    yield Call("refresh_ping_views", {}, rows=0)


def tenants(usage: Usage, organisations: Sequence[Any], random: Random) -> Iterator[Call]:
    """Yield the calls that load the history of other tenants' sites, one for each of their pipelines.

    No writer touches them: they are there.
    """
    sites = [f"tenant_{pipeline.id}" for one in organisations for pipeline in one.pipelines]
    for day in _days(usage.history_days):
        yield from _load_day(sites, day, random)
    yield Call("refresh_cdn_views", {}, rows=0)


def _media_library(usage: Usage, block: int, random: Random) -> Iterator[Call]:
    """Yield the two sources' events in turn: both go through the same entries, the second some entries behind."""
    day, apart, known = _day(block), usage.media_sources_apart, _sites(usage.sites)
    while True:
        entries = random.sample(range(usage.sites), usage.media_entries)
        for position, site in enumerate(entries):
            yield media_count_event(day, known[site], _media_count(site, random))
            other = entries[position - apart]
            yield bytes_stored_event(day, known[other], _media_count(other, random) * BYTES_PER_MEDIA)


def media_count_event(day: date, site_id: str, media_count: int) -> Call:
    """Return the event with a site's number of media.

    Its key holds the kind of event: events of one kind about one site come from one source and keep their order, those
    of the two kinds come from two and may meet on the row.
    """
    return Call(
        "upsert_media_count",
        {"utc_date": day, "site_id": site_id, "media_count": media_count},
        key=f"media_count {site_id}",
    )


def bytes_stored_event(day: date, site_id: str, bytes_stored: int) -> Call:
    """Return the event with a site's stored bytes; its key is like that of `media_count_event`."""
    return Call(
        "upsert_bytes_stored",
        {"utc_date": day, "site_id": site_id, "bytes_stored": bytes_stored},
        key=f"bytes_stored {site_id}",
    )


def _aggregation_cdn(usage: Usage, block: int, random: Random) -> Iterator[Call]:
    for slice_number in count():
        yield _compaction(usage, "compact_cdn", block, slice_number)
        yield _insert_cdn(usage, block, slice_number, random)
        yield Call("refresh_cdn_views", {}, key=_slice_key(slice_number), rows=0)


def _aggregation_ping(usage: Usage, block: int, random: Random) -> Iterator[Call]:
    for slice_number in count():
        yield _compaction(usage, "compact_ping", block, slice_number)
        yield _insert_ping(usage, block, slice_number, random)
        yield Call("refresh_ping_views", {}, key=_slice_key(slice_number), rows=0)


def _insert_cdn(usage: Usage, block: int, slice_number: int, random: Random) -> Call:
    known = _sites(usage.sites)
    chosen = sorted(random.sample(range(len(CDNS) * usage.sites), usage.cdn_rows))
    values = {
        "batch_id": _batch_id(usage, block, slice_number),
        "utc_date": _day(block),
        "site_ids": [known[row // len(CDNS)] for row in chosen],
        "cdns": [CDNS[row % len(CDNS)] for row in chosen],
        "bytes_streamed": [random.randrange(BYTES_PER_CDN_ROW) for _ in chosen],
    }
    return Call("insert_cdn", values, key=_slice_key(slice_number), rows=len(chosen))


def _insert_ping(usage: Usage, block: int, slice_number: int, random: Random) -> Call:
    known = _analytics(usage.analytics_ids)
    chosen = sorted(random.sample(range(usage.analytics_ids), usage.ping_rows))
    plays = [random.randrange(PLAYS_PER_PING_ROW) for _ in chosen]
    values = {
        "batch_id": _batch_id(usage, block, slice_number),
        "utc_date": _day(block),
        "analytics_ids": [known[row] for row in chosen],
        "plays": plays,
        "ad_impressions": [int(played * random.random()) for played in plays],
    }
    return Call("insert_ping", values, key=_slice_key(slice_number), rows=len(chosen))


def _compaction(usage: Usage, operation: str, block: int, slice_number: int) -> Call:
    """Return the compaction of all that is in the place of a slice's batch before it: mostly one batch.

    It comes before the batch, so that a burst that ends within a slice leaves no batch too many. Its key makes it one
    job. It writes no rows: it only moves them.
    """
    first = _place(usage, block, slice_number) * BATCHES_PER_PLACE
    through = _batch_id(usage, block, slice_number) - 1
    return Call(operation, {"first_batch": first, "through_batch": through}, key="compaction", rows=0)


def _reader(usage: Usage, block: int, random: Random) -> Iterator[Call]:
    sites, analytics = _sites(usage.sites), _analytics(usage.analytics_ids)
    last = _day(block)
    month = {"first_date": last - timedelta(days=MONTH_DAYS - 1), "last_date": last}
    for operation in cycle(("read_site_month", "read_analytics_month", "read_top_sites", "read_analytics_month")):
        if operation == "read_site_month":
            yield Call(operation, {"site_id": random.choice(sites), **month}, rows=0)
        elif operation == "read_analytics_month":
            yield Call(operation, {"analytics_id": random.choice(analytics), **month}, rows=0)
        else:
            yield Call(operation, {"utc_date": last}, rows=0)


_BURSTS: Mapping[str, Callable[[Usage, int, Random], Iterator[Call]]] = {
    "media_library": _media_library,
    "aggregation_cdn": _aggregation_cdn,
    "aggregation_ping": _aggregation_ping,
    "reader": _reader,
}


def _load_day(sites: Sequence[str], day: date, random: Random) -> Iterator[Call]:
    yield _load_media(sites, day, random)
    yield _load_cdn(sites, day, random)


def _load_media(sites: Sequence[str], day: date, random: Random) -> Call:
    counts = [_media_count(place, random) for place in range(len(sites))]
    values = {
        "utc_date": day,
        "site_ids": list(sites),
        "media_counts": counts,
        "bytes_stored": [media * BYTES_PER_MEDIA for media in counts],
    }
    return Call("load_media_storage", values, rows=len(sites))


def _load_cdn(sites: Sequence[str], day: date, random: Random) -> Call:
    values = {
        "utc_date": day,
        "site_ids": [site for site in sites for _ in CDNS],
        "cdns": list(CDNS) * len(sites),
        "bytes_streamed": [random.randrange(BYTES_PER_CDN_ROW) for _ in range(len(CDNS) * len(sites))],
    }
    return Call("load_cdn_daily", values, rows=len(CDNS) * len(sites))


def _load_ping(usage: Usage, day: date, random: Random) -> Iterator[Call]:
    known = _analytics(usage.analytics_ids)
    for start in range(0, len(known), ROWS_PER_LOAD):
        chosen = list(known[start : start + ROWS_PER_LOAD])
        plays = [random.randrange(PLAYS_PER_PING_ROW) for _ in chosen]
        values = {
            "utc_date": day,
            "analytics_ids": chosen,
            "plays": plays,
            "ad_impressions": [played // 2 for played in plays],
        }
        yield Call("load_ping_daily", values, rows=len(chosen))


def _day(block: int) -> date:
    return FIRST_DAY + timedelta(days=block // BLOCKS_PER_DAY)


def _days(number: int) -> Iterator[date]:
    """Yield the given number of days up to and including the first, the newest first."""
    return (FIRST_DAY - timedelta(days=before) for before in range(number))


def _batch_id(usage: Usage, block: int, slice_number: int) -> int:
    """Return the id of a batch: in its place, ascending over blocks and slices, those of the background included."""
    within_place = (block + usage.open_slices) * BATCHES_PER_BLOCK + slice_number  # not below 0
    return _place(usage, block, slice_number) * BATCHES_PER_PLACE + within_place


def _place(usage: Usage, block: int, slice_number: int) -> int:
    """Return the place of a slice's batch, from 0 on: in turn, if each block has `SLICES_PER_BLOCK`."""
    return (block * SLICES_PER_BLOCK + slice_number) % usage.open_slices


def _slice_key(slice_number: int) -> str:
    """Return the key that orders a refresh after its insert."""
    return f"slice {slice_number}"


@cache
def _sites(number: int) -> tuple[str, ...]:
    return tuple(f"mlw_{site:03d}" for site in range(number))


@cache
def _analytics(number: int) -> tuple[str, ...]:
    return tuple(f"aw_{analytics:07d}" for analytics in range(number))


def _media_count(site: int, random: Random) -> int:
    """Return a possible number of a site's media, near its usual number, so that maxima exceed most events."""
    return int(LARGEST_SITE_MEDIA / (site + 1) * (1 + DAILY_CHANGE * (2 * random.random() - 1)))


def replayed(
    _usage: Usage, rows: Iterator[DailyRow], _others: Mapping[str, Sequence[str]], _cycle: int
) -> Iterator[Call]:
    """Yield the two events of each row. Later cycles repeat the same rows, as updates to the same values."""
    for row in rows:
        yield media_count_event(row.utc_date, row.site_id, row.media_count)
        yield bytes_stored_event(row.utc_date, row.site_id, row.bytes_stored)


WORKLOAD = Workload[Usage](
    name="usage",
    summary="usage metering: two upserted events per site and day, batches compacted to daily rows, dashboards",
    cardinalities={"typical": TYPICAL, "today": TODAY, "worst": WORST},
    strategy=strategy,
    axes=AXES,
    writers=writers,
    burst=burst,
    production_s=lambda usage: usage.slice_s,
    background=background,
    grows="history_days",
    tenants=tenants,
    state=("state_media", "state_cdn", "state_ping"),
    invariants=(
        "media_below_zero_or_above_its_maximum",
        "cdn_below_zero",
        "ping_below_zero_or_more_ads_than_plays",
        "cdn_served_differs_from_batches",
        "ping_served_differs_from_batches",
    ),
    model=MODEL,
    replay=Replay(
        writer="media_library",
        columns=COLUMNS,
        parse=parse,
        calls=replayed,
    ),
)
