"""The expected rows of usage metering, in plain Python.

Owns the meaning of each operation: totals for each date and id, regardless of tables. Must not know SQL.

No column takes NULL, so none is drawn. A batch is sent once: each schema may handle a repeated one differently (most
refuse it, `straight_to_daily` counts it twice), and reads may or may not see a batch before the next refresh.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from schemabench import Call, Model

from .cardinality import CDNS, MONTH_DAYS, Usage

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LARGEST = 2**63 - 1  # of a bigint
TOP_SITES = 10  # that read_top_sites shows
IDS = ("mlw_000", "mlw_001", "ζώνη 'μία' \\ 🎬")  # sorted alike by bytes and by any language
DAYS = (date(2026, 2, 16), date(2025, 12, 31), date(2024, 2, 29))
AMOUNTS = (1, 0, 2, 3, 5, 7, 8, LARGEST)
BATCHES = range(12)

Row: TypeAlias = tuple[object, ...]
Values: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[date, str]


@dataclass
class State:
    """The totals of all writes."""

    media: dict[Key, list[int]] = field(default_factory=dict)
    """(date, site) -> media_count, its maximum, bytes_stored, its maximum."""
    cdn: dict[tuple[date, str, str], int] = field(default_factory=dict)
    """(date, site, CDN) -> bytes_streamed."""
    ping: dict[Key, tuple[int, int]] = field(default_factory=dict)
    """(date, analytics id) -> plays, ad impressions."""
    cdn_batches: set[int] = field(default_factory=set)
    """Ids of sent batches; likewise below."""
    ping_batches: set[int] = field(default_factory=set)
    cdn_served: bool = True
    """Whether reads see everything: all batches came before the last refresh; likewise below."""
    ping_served: bool = True

    def streamed(self, day: date, site: str) -> int | None:
        """Return the total that all CDNs streamed for a site on a day; None without any rows."""
        parts = [amount for (one, other, _), amount in self.cdn.items() if (one, other) == (day, site)]
        return sum(parts) if parts else None


def possible(state: State, call: Call) -> bool:
    """Return whether the writers could make a call: no batch twice, no history over rows, no total beyond a bigint."""
    values: Values = call.values
    if call.operation == "load_media_storage":
        return all((values["utc_date"], site) not in state.media for site in values["site_ids"])
    if call.operation in {"insert_cdn", "load_cdn_daily"}:
        keys = [(values["utc_date"], site, cdn) for site, cdn in zip(values["site_ids"], values["cdns"], strict=True)]
        new = not any(key in state.cdn for key in keys)
        fresh = values["batch_id"] not in state.cdn_batches if call.operation == "insert_cdn" else new
        totals: defaultdict[Key, int] = defaultdict(int)
        for (day, site, _), amount in zip(keys, values["bytes_streamed"], strict=True):
            totals[day, site] += amount
        return fresh and all((state.streamed(*key) or 0) + more <= LARGEST for key, more in totals.items())
    if call.operation in {"insert_ping", "load_ping_daily"}:
        known = [(values["utc_date"], one) for one in values["analytics_ids"]]
        new = not any(key in state.ping for key in known)
        fresh = values["batch_id"] not in state.ping_batches if call.operation == "insert_ping" else new
        before = (state.ping.get(key, (0, 0))[0] for key in known)
        return fresh and all(plays + more <= LARGEST for plays, more in zip(before, values["plays"], strict=True))
    return True


def apply(state: State, call: Call) -> Sequence[Row] | None:
    """Execute a call; return its expected answer."""
    if call.operation in _READS:
        return _READS[call.operation](state, call.values)
    _WRITES[call.operation](state, call.values)
    return None


def rows(state: State) -> dict[str, Sequence[Row]]:
    """Return the rows of each query; data for reads are compared with the batches once all are refreshed."""
    served = {
        "cdn_served_differs_from_batches": state.cdn_served,
        "ping_served_differs_from_batches": state.ping_served,
    }
    return {
        "state_media": [(*key, *state.media[key]) for key in _sorted(state.media)],
        "state_cdn": [(*key, state.cdn[key]) for key in _sorted(state.cdn)],
        "state_ping": [(*key, *state.ping[key]) for key in _sorted(state.ping)],
        "media_below_zero_or_above_its_maximum": (),
        "cdn_below_zero": (),
        "ping_below_zero_or_more_ads_than_plays": (),
        **{query: () for query, complete in served.items() if complete},
    }


def _media_count(state: State, values: Values) -> None:
    row = state.media.setdefault((values["utc_date"], values["site_id"]), [0, 0, 0, 0])
    row[:2] = values["media_count"], max(row[1], values["media_count"])


def _bytes_stored(state: State, values: Values) -> None:
    row = state.media.setdefault((values["utc_date"], values["site_id"]), [0, 0, 0, 0])
    row[2:] = values["bytes_stored"], max(row[3], values["bytes_stored"])


def _load_media(state: State, values: Values) -> None:
    for site, media, size in zip(values["site_ids"], values["media_counts"], values["bytes_stored"], strict=True):
        state.media[values["utc_date"], site] = [media, media, size, size]


def _add_cdn(state: State, values: Values) -> None:
    for site, cdn, amount in zip(values["site_ids"], values["cdns"], values["bytes_streamed"], strict=True):
        key = (values["utc_date"], site, cdn)
        state.cdn[key] = state.cdn.get(key, 0) + amount


def _add_ping(state: State, values: Values) -> None:
    for one, plays, ads in zip(values["analytics_ids"], values["plays"], values["ad_impressions"], strict=True):
        before = state.ping.get((values["utc_date"], one), (0, 0))
        state.ping[values["utc_date"], one] = (before[0] + plays, before[1] + ads)


def _insert_cdn(state: State, values: Values) -> None:
    _add_cdn(state, values)
    state.cdn_batches.add(values["batch_id"])
    state.cdn_served = False


def _insert_ping(state: State, values: Values) -> None:
    _add_ping(state, values)
    state.ping_batches.add(values["batch_id"])
    state.ping_served = False


def _serve_cdn(state: State, _: Values) -> None:
    state.cdn_served = True


def _serve_ping(state: State, _: Values) -> None:
    state.ping_served = True


_WRITES: Mapping[str, Callable[[State, Values], None]] = {
    "upsert_media_count": _media_count,
    "upsert_bytes_stored": _bytes_stored,
    "load_media_storage": _load_media,
    "load_cdn_daily": _add_cdn,
    "load_ping_daily": _add_ping,
    "insert_cdn": _insert_cdn,
    "insert_ping": _insert_ping,
    "refresh_cdn_views": _serve_cdn,
    "refresh_ping_views": _serve_ping,
    "compact_cdn": _serve_cdn,
    "compact_ping": _serve_ping,
}


def _site_month(state: State, values: Values) -> list[Row] | None:
    if not state.cdn_served:
        return None
    site, nothing = values["site_id"], (None, None, None, None)
    days = {day for day, one in state.media if one == site} | {day for day, one, _ in state.cdn if one == site}
    return [
        (day, *state.media.get((day, site), nothing), state.streamed(day, site))
        for day in sorted(days)
        if values["first_date"] <= day <= values["last_date"]
    ]


def _top_sites(state: State, values: Values) -> list[Row] | None:
    if not state.cdn_served:
        return None
    day = values["utc_date"]
    stored = [(site, row[2], row[0]) for (one, site), row in state.media.items() if one == day]
    top = sorted(stored, key=lambda entry: (-entry[1], entry[0].encode()))[:TOP_SITES]
    return [(site, size, media, state.streamed(day, site) or 0) for site, size, media in top]


def _analytics_month(state: State, values: Values) -> list[Row] | None:
    if not state.ping_served:
        return None
    return [
        (day, *state.ping[day, one])
        for day, one in _sorted(state.ping)
        if one == values["analytics_id"] and values["first_date"] <= day <= values["last_date"]
    ]


_READS: Mapping[str, Callable[[State, Values], list[Row] | None]] = {
    "read_site_month": _site_month,
    "read_top_sites": _top_sites,
    "read_analytics_month": _analytics_month,
}


def _sorted(keys: Iterable[Any]) -> list[Any]:
    """Return keys by date, then by the bytes of their ids."""
    return sorted(keys, key=lambda key: (key[0], *(part.encode() for part in key[1:])))


def calls(_usage: Usage) -> "SearchStrategy[Call]":
    """Return single calls on few keys, the same for any cardinality: the expected rows do not depend on sizes."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loading it takes half a second; only a check draws)

    days = st.one_of(st.just(DAYS[0]), st.sampled_from(DAYS))  # mostly the first, so that calls meet
    ids, amounts = st.sampled_from(IDS), st.sampled_from(AMOUNTS)
    batch = st.sampled_from(BATCHES)
    streams = st.lists(st.tuples(ids, st.sampled_from(CDNS), amounts), max_size=4, unique_by=lambda row: row[:2])
    plays = st.tuples(ids, amounts, st.sampled_from((0, 1))).map(lambda row: (row[0], row[1], min(row[1], row[2])))
    pings = st.lists(plays, max_size=4, unique_by=lambda row: row[0])
    media = st.lists(st.tuples(ids, amounts, amounts), max_size=4, unique_by=lambda row: row[0])
    media_count, bytes_stored = (
        st.builds(_event, st.just(kind), days, ids, amounts) for kind in ("media_count", "bytes_stored")
    )
    insert_cdn = st.builds(_rows, st.just("insert_cdn"), days, streams, batch)
    insert_ping = st.builds(_rows, st.just("insert_ping"), days, pings, batch)
    refresh = st.sampled_from(("refresh_cdn_views", "refresh_ping_views")).map(lambda name: Call(name, {}, rows=0))
    first, through = st.one_of(st.just(BATCHES[0]), batch), st.one_of(st.just(BATCHES[-1]), batch)  # mostly all of them
    compact = st.builds(_compaction, st.sampled_from(("compact_cdn", "compact_ping")), first, through)
    history = st.one_of(
        st.builds(_rows, st.just("load_media_storage"), days, media),
        st.builds(_rows, st.just("load_cdn_daily"), days, streams),
        st.builds(_rows, st.just("load_ping_daily"), days, pings),
    )
    reads = st.one_of(
        st.builds(_read, st.sampled_from(("site", "analytics")), days, ids),
        days.map(lambda day: Call("read_top_sites", {"utc_date": day}, rows=0)),
    )
    events, inserts = (media_count, bytes_stored), (insert_cdn, insert_ping)
    # By number, since one_of would merge the duplicates here.
    kinds = (*events, *inserts, compact, *inserts, compact, refresh, reads, *inserts, compact, history)
    return st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)


_COLUMNS = {
    "insert_cdn": ("site_ids", "cdns", "bytes_streamed"),
    "load_cdn_daily": ("site_ids", "cdns", "bytes_streamed"),
    "insert_ping": ("analytics_ids", "plays", "ad_impressions"),
    "load_ping_daily": ("analytics_ids", "plays", "ad_impressions"),
    "load_media_storage": ("site_ids", "media_counts", "bytes_stored"),
}


def _event(kind: str, day: date, site: str, value: int) -> Call:
    return Call(f"upsert_{kind}", {"utc_date": day, "site_id": site, kind: value}, key=f"{kind} {site}")


def _rows(operation: str, day: date, lines: Sequence[tuple[object, ...]], batch_id: int | None = None) -> Call:
    columns = {name: [line[place] for line in lines] for place, name in enumerate(_COLUMNS[operation])}
    batch = {} if batch_id is None else {"batch_id": batch_id}
    return Call(operation, {**batch, "utc_date": day, **columns}, rows=len(lines))


def _compaction(operation: str, first: int, through: int) -> Call:
    return Call(operation, {"first_batch": first, "through_batch": through}, key="compaction", rows=0)


def _read(kind: str, day: date, one: str) -> Call:
    first = day - timedelta(days=MONTH_DAYS - 1)
    return Call(f"read_{kind}_month", {f"{kind}_id": one, "first_date": first, "last_date": day}, rows=0)


MODEL: Model[Usage, State] = Model(initial=State, calls=calls, apply=apply, state=rows, possible=possible)
