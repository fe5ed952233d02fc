"""The generator and the replay of the workload `usage`: no server, no clock."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemabench import BadLineError, Call, candidate, workload

ROOT = Path(__file__).parents[2]
FOUND = workload.load(ROOT / "workloads", "usage")
USAGE = FOUND.workload
NAMES = tuple(USAGE.cardinalities)
TYPICAL = USAGE.cardinalities["typical"]
HEADER = "base,name,date,trips,vehicles"

each_cardinality = pytest.mark.parametrize("name", NAMES)


def _random(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 (a seeded generator is the point)


def _calls(usage: Any, writer: str, block: int = 0, seed: int = 1, slices: int = 1) -> list[Call]:  # noqa: ANN401
    weight = next(each.weight for each in USAGE.writers(usage) if each.name == writer)
    return list(islice(USAGE.burst(usage, writer, block, _random(seed)), weight * slices))


def _parse(line: str) -> Any:  # noqa: ANN401 (the type of a row is its own module's)
    assert USAGE.replay is not None
    return USAGE.replay.parse(line)


def _replayed(lines: list[str], cycle: int = 0) -> Iterator[Call]:
    assert USAGE.replay is not None
    rows = (row for line in lines if (row := _parse(line)) is not None)
    return USAGE.replay.calls(TYPICAL, rows, {}, cycle)


@each_cardinality
def test_same_seed_gives_the_same_burst_and_another_seed_another(name: str) -> None:
    usage = USAGE.cardinalities[name]
    for writer in USAGE.writers(usage):
        assert _calls(usage, writer.name, seed=5) == _calls(usage, writer.name, seed=5)
    assert _calls(usage, "media_library", seed=5) != _calls(usage, "media_library", seed=6)


@each_cardinality
def test_all_calls_fit_the_operations(name: str) -> None:
    usage = USAGE.cardinalities[name]
    workload.check_calls(FOUND, USAGE.background(usage, _random()), "background")
    for writer in USAGE.writers(usage):
        calls = _calls(usage, writer.name, block=1_000, slices=3)
        workload.check_calls(FOUND, calls, writer.name)
        assert all(set(call.values) == set(FOUND.operations[call.operation].parameters) for call in calls)


def test_typical_burst_has_the_proportions_of_production() -> None:
    slices_per_run = 8 * 60 / TYPICAL.slice_s
    media = len(_calls(TYPICAL, "media_library"))
    cdn = sum(call.rows for call in _calls(TYPICAL, "aggregation_cdn"))
    ping = sum(call.rows for call in _calls(TYPICAL, "aggregation_ping"))
    assert media * slices_per_run == pytest.approx(2 * 2_000 * 8 * 60 / 30)
    assert cdn * slices_per_run == pytest.approx(2 * TYPICAL.sites)
    assert ping * slices_per_run == pytest.approx(TYPICAL.analytics_ids)


def test_batch_of_today_has_both_events_of_68_sites() -> None:
    calls = _calls(USAGE.cardinalities["today"], "media_library")
    sites = Counter(call.values["site_id"] for call in calls)
    assert len(sites) == 68
    assert set(sites.values()) == {2}


def test_worst_run_can_touch_every_analytics_id() -> None:
    worst = USAGE.cardinalities["worst"]
    assert worst.analytics_ids == 100_000
    loaded = [call for call in USAGE.background(worst, _random()) if call.operation == "load_ping_daily"]
    ids = {name for call in loaded for name in call.values["analytics_ids"]}  # type: ignore[attr-defined]
    assert (min(ids), max(ids), len(ids)) == ("aw_0000000", "aw_0099999", 100_000)


@each_cardinality
def test_events_of_one_source_share_a_key_and_those_of_two_sources_do_not(name: str) -> None:
    usage = USAGE.cardinalities[name]
    keys = {(call.operation, call.values["site_id"], call.key) for call in _calls(usage, "media_library", slices=9)}
    assert len({key for _, _, key in keys}) == len({(operation, site) for operation, site, _ in keys}) == len(keys)


def test_both_events_of_a_site_come_close_together() -> None:
    positions: dict[object, list[int]] = {}
    for position, call in enumerate(_calls(TYPICAL, "media_library")):
        positions.setdefault(call.values["site_id"], []).append(position)
    gaps = [pair[1] - pair[0] for pair in positions.values() if len(pair) == 2]
    assert len(gaps) > 100
    assert set(gaps) == {2 * TYPICAL.media_sources_apart + 1}


@each_cardinality
def test_a_date_stays_for_a_whole_day_of_blocks(name: str) -> None:
    usage = USAGE.cardinalities[name]
    days = [_calls(usage, "media_library", block=block)[0].values["utc_date"] for block in (0, 479, 480)]
    assert days[0] == days[1]
    assert isinstance(days[1], date)
    assert isinstance(days[2], date)
    assert (days[2] - days[1]).days == 1


@each_cardinality
@pytest.mark.parametrize("table", ["cdn", "ping"])
def test_each_compaction_is_followed_by_an_insert_and_a_refresh_on_the_same_connection(name: str, table: str) -> None:
    calls = _calls(USAGE.cardinalities[name], f"aggregation_{table}", slices=4)
    steps = [f"compact_{table}", f"insert_{table}", f"refresh_{table}_views"]
    assert [call.operation for call in calls] == steps * 4
    assert len({call.key for call in calls[0::3]}) == 1
    assert [call.key for call in calls[1::3]] == [call.key for call in calls[2::3]]
    assert len({call.key for call in calls[1::3]}) == 4


class _Open:
    """What is in a batch table: rows by batch, in the order in which they came."""

    def __init__(self, usage: Any, table: str) -> None:  # noqa: ANN401
        self.by_batch: dict[int, int] = {}
        self.table = table
        self.execute(USAGE.background(usage, _random()))

    def execute(self, calls: Iterable[Call]) -> list[int]:
        """Execute inserts and compactions; return how many rows were open after each of both."""
        found = []
        for call in calls:
            values: Any = call.values
            if call.operation == f"insert_{self.table}":
                assert values["batch_id"] not in self.by_batch
                self.by_batch[values["batch_id"]] = call.rows
            elif call.operation == f"compact_{self.table}":
                for batch in _compacted(self.by_batch, call):
                    del self.by_batch[batch]
            else:
                continue
            found.append(sum(self.by_batch.values()))
        return found


def _compacted(batches: Iterable[int], call: Call) -> list[int]:
    first, through = int(str(call.values["first_batch"])), int(str(call.values["through_batch"]))
    return [batch for batch in batches if first <= batch <= through]


@each_cardinality
@pytest.mark.parametrize("table", ["cdn", "ping"])
@pytest.mark.parametrize("slices", [1, 2, 25])
def test_as_many_rows_stay_open_however_many_slices_a_block_has(name: str, table: str, slices: int) -> None:
    usage = USAGE.cardinalities[name]
    found = _Open(usage, table)
    start, of_a_slice = sum(found.by_batch.values()), usage.cdn_rows if table == "cdn" else usage.ping_rows
    assert start == usage.open_slices * of_a_slice
    for block in range(2 * usage.open_slices // slices + 2):
        seen = found.execute(_calls(usage, f"aggregation_{table}", block=block, slices=slices))
        assert len(seen) == 2 * slices
        assert all(start - of_a_slice <= rows <= start for rows in seen)


@each_cardinality
def test_blocks_that_differ_in_slices_and_end_within_one_leave_no_batch_too_many(name: str) -> None:
    usage = USAGE.cardinalities[name]
    found = _Open(usage, "cdn")
    start = len(found.by_batch)
    for block in range(4 * usage.open_slices):
        calls = _calls(usage, "aggregation_cdn", block=block, slices=(1, 2, 9)[block % 3])
        found.execute(calls if block % 2 else calls[:2])
        assert start - 1 <= len(found.by_batch) <= start


@each_cardinality
def test_with_the_usual_slices_the_oldest_batch_is_compacted_and_history_first(name: str) -> None:
    usage = USAGE.cardinalities[name]
    found = _Open(usage, "ping")
    assert min(found.by_batch) >= 0
    for block in range(usage.open_slices):
        for call in _calls(usage, "aggregation_ping", block=block, slices=2):
            if call.operation == "compact_ping":
                assert _compacted(found.by_batch, call) == [next(iter(found.by_batch))]
            found.execute([call])


@each_cardinality
def test_rows_of_a_batch_are_distinct_sorted_and_within_bounds(name: str) -> None:
    usage = USAGE.cardinalities[name]
    cdn = _calls(usage, "aggregation_cdn")[1].values
    ping = _calls(usage, "aggregation_ping")[1].values
    sites, cdns = cdn["site_ids"], cdn["cdns"]
    assert isinstance(sites, list)
    assert isinstance(cdns, list)
    assert len(set(zip(sites, cdns, strict=True))) == usage.cdn_rows
    ids, plays, ads = ping["analytics_ids"], ping["plays"], ping["ad_impressions"]
    assert isinstance(ids, list)
    assert isinstance(plays, list)
    assert isinstance(ads, list)
    assert ids == sorted(set(ids))
    assert all(0 <= shown <= played for shown, played in zip(ads, plays, strict=True))


@each_cardinality
def test_reads_ask_for_ids_that_exist_and_span_a_month(name: str) -> None:
    usage = USAGE.cardinalities[name]
    calls = _calls(usage, "reader", slices=2)
    assert {call.operation for call in calls} == {"read_site_month", "read_analytics_month", "read_top_sites"}
    for call in calls:
        assert call.rows == 0
        if call.operation != "read_top_sites":
            first, last = call.values["first_date"], call.values["last_date"]
            assert isinstance(first, date)
            assert isinstance(last, date)
            assert (last - first).days == 30


def test_connections_are_shared_five_to_one() -> None:
    assert sum(writer.clients for writer in USAGE.writers(TYPICAL)) == 8


def test_nothing_joins_sites_and_analytics_ids() -> None:
    for operation in FOUND.operations.values():
        for statement in operation.statements:
            assert not ("site_id" in statement.text.sql and "analytics_id" in statement.text.sql), operation.name


def test_every_candidate_fits_the_operations_and_says_what_it_expects() -> None:
    candidates = candidate.find(ROOT / "schemas" / "usage")
    assert len(candidates) >= 10
    for each in candidates.values():
        candidate.operations(each, FOUND.operations)
        assert each.name == each.file.path.stem
        assert each.summary
        assert each.expects


def test_header_blank_line_and_byte_order_mark_are_passed_over() -> None:
    assert _parse(HEADER) is None
    assert _parse("\ufeff" + HEADER + "\r\n") is None
    assert _parse("Base,Name,Date,Trips,Vehicles") is None
    assert _parse("  \n") is None


def test_line_is_read_with_quoted_commas() -> None:
    row = _parse('B00013,"LOVE, ""CORP"" CAR, INC",01/31/2015,26,17\n')
    assert tuple(row) == (date(2015, 1, 31), "B00013", 26, 17)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("B1,CAR,01/31/2015,26", "4 columns, not 5"),
        ("B1,CAR, INC,01/31/2015,26,17", "6 columns, not 5"),
        ('B1,"CAR,01/31/2015,26,17', "not CSV"),
        (",CAR,01/31/2015,26,17", "cannot be a site's id"),
        ("B\0,CAR,01/31/2015,26,17", "cannot be a site's id"),
        ("B1,CAR,31/01/2015,26,17", "'31/01/2015' is not MM/DD/YYYY"),
        ("B1,CAR,2015-01-31,26,17", "'2015-01-31' is not MM/DD/YYYY"),
        ("B1,CAR,01/31/2015,-1,17", "trips is '-1'"),
        ("B1,CAR,01/31/2015,,17", "trips is ''"),
        ("B1,CAR,01/31/2015,26,1.5", "vehicles is '1.5'"),
        ("B1,CAR,01/31/2015,26,9223372036854775808", "vehicles is 9223372036854775808, above"),
    ],
)
def test_bad_line_is_refused_with_its_reason(line: str, message: str) -> None:
    with pytest.raises(BadLineError) as caught:
        _parse(line)
    assert message in str(caught.value)


def test_each_row_becomes_the_two_events_of_its_site_and_day() -> None:
    calls = list(_replayed([HEADER, "B1,CAR,01/31/2015,26,17", "", "B2,CAB,02/01/2015,3,0"]))
    assert [call.operation for call in calls] == ["upsert_media_count", "upsert_bytes_stored"] * 2
    assert dict(calls[0].values) == {"utc_date": date(2015, 1, 31), "site_id": "B1", "media_count": 26}
    assert dict(calls[3].values) == {"utc_date": date(2015, 2, 1), "site_id": "B2", "bytes_stored": 0}
    workload.check_calls(FOUND, calls, "replay")


def test_replay_takes_one_line_at_a_time_and_repeats_itself_in_each_cycle() -> None:
    def lines() -> Iterator[Any]:
        yield _parse("B1,CAR,01/31/2015,26,17")
        raise AssertionError("read ahead")

    assert USAGE.replay is not None
    calls = USAGE.replay.calls(TYPICAL, lines(), {}, 0)
    assert [next(calls).operation, next(calls).operation] == ["upsert_media_count", "upsert_bytes_stored"]
    file = [HEADER, "B1,CAR,01/31/2015,26,17"]
    assert list(_replayed(file, cycle=0)) == list(_replayed(file, cycle=1))
