"""Readings subtracted and divided, and the tables of counters and measures."""

from dataclasses import fields
from importlib import resources
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench import monitor
from schemabench.monitor import counters, wear
from schemabench.monitor.counters import (
    AFTER_CHECKPOINT,
    AT_THE_END,
    CPU,
    DEAD_AT_THE_END,
    MEASURES,
    RETRIES,
    UNDER_WAY,
    Measure,
    cost,
    growth,
    increase,
)
from schemabench.monitor.upkeep import Done
from schemabench.records import Cost

readings = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2**53).map(float))
BY_NAME = {measure.name: measure for measure in MEASURES}


@given(readings, readings)
def test_an_increase_leads_from_one_reading_to_the_next(before: dict[str, float], after: dict[str, float]) -> None:
    grown = increase(before, after)

    assert set(grown) == {name for name in before if name in after and after[name] >= before[name]}
    assert all(before[name] + by == after[name] for name, by in grown.items())


def test_a_counter_that_fell_has_no_increase_and_the_others_keep_theirs() -> None:
    assert increase({"deadlocks": 5.0, "seq_scans": 2.0}, {"deadlocks": 1.0, "seq_scans": 2.0}) == {"seq_scans": 0.0}


def test_a_size_may_shrink() -> None:
    assert growth({"table_bytes": 8192.0, "index_bytes": 0.0}, {"table_bytes": 0.0}) == {"table_bytes": -8192.0}


@pytest.mark.parametrize(("before", "after"), [(2.0, 0.0), (0.0, 2.0), (2.0, 1.0)])
def test_what_was_under_way_at_either_end_was_under_way(before: float, after: float) -> None:
    assert increase({UNDER_WAY: before}, {UNDER_WAY: after}) == {UNDER_WAY: 2.0}
    assert increase({UNDER_WAY: before}, {}) == {}


@pytest.mark.parametrize(
    ("measure", "increases", "expected"),
    [
        ("wal_bytes", {"wal_bytes": 1000.0}, 10.0),
        ("seq_scans", {"seq_scans": 10.0}, 0.5),
        ("deadlocks", {"deadlocks": 3.0}, 3.0),
        ("hot_share", {"rows_hot_updated": 3.0, "rows_updated": 4.0}, 0.75),
        ("index_bytes", {"index_bytes": -100.0}, -1.0),
        ("temp_bytes", {"temp_bytes": 0.0}, 0.0),
    ],
)
def test_each_measure_is_divided_by_what_it_says(measure: str, increases: dict[str, float], expected: float) -> None:
    assert cost(BY_NAME[measure], increases, rows=100, operations=20) == expected


@pytest.mark.parametrize(
    ("measure", "increases", "rows", "operations"),
    [
        ("wal_bytes", {}, 100, 20),
        ("wal_bytes", {"wal_bytes": 1000.0}, 0, 20),
        ("seq_scans", {"seq_scans": 10.0}, 100, 0),
        ("hot_share", {"rows_hot_updated": 0.0, "rows_updated": 0.0}, 100, 20),
        ("hot_share", {"rows_hot_updated": 1.0}, 100, 20),
        ("hot_share", {"rows_updated": 1.0}, 100, 20),
    ],
)
def test_what_is_missing_or_cannot_be_divided_has_no_value(
    measure: str, increases: dict[str, float], rows: int, operations: int
) -> None:
    assert cost(BY_NAME[measure], increases, rows=rows, operations=operations) is None


def test_measures_have_names_of_their_own_and_are_made_of_counters_that_are_read() -> None:
    sources = (*counters._SOURCES, counters._SIZES)
    read = [counter for source in sources for counter in source.counters] + [CPU]

    assert len(BY_NAME) == len(MEASURES)
    assert len(read) == len(set(read))
    done = {f"upkeep_{one.name}" for one in fields(Done)}
    renamed = {*AFTER_CHECKPOINT.values(), *AT_THE_END.values(), DEAD_AT_THE_END}
    assert {measure.counter for measure in MEASURES} <= {*read, *done, *renamed, RETRIES}
    assert set(AFTER_CHECKPOINT) <= set(read)


def test_units_and_divisors_are_those_of_the_record() -> None:
    ours, recorded = get_type_hints(Measure), get_type_hints(Cost)

    assert (ours["unit"], ours["per"]) == (recorded["unit"], recorded["per"])


def test_there_is_a_file_for_every_source_and_version() -> None:
    files = {path.name for path in resources.files(monitor).joinpath("queries").iterdir()}
    sources = (*counters._SOURCES, counters._SIZES)
    first = {f"{source.name}.sql" for source in sources}
    later = {f"{source.name}_post_{major}.sql" for source in sources for major in source.majors[1:]}
    later.add(f"wear_post_{wear._TIMED_SINCE}.sql")

    assert first | later <= files
    assert later == {name for name in files if "_post_" in name}


def test_a_library_that_is_not_loaded_is_told_with_the_option_that_loads_it() -> None:
    without = SimpleNamespace(fetchone=lambda: None)
    connection: Any = SimpleNamespace(info=SimpleNamespace(server_version=180001), execute=lambda *_: without)
    (source,) = [one for one in counters._SOURCES if one.extension]

    assert counters._hindrance(connection, source) == (
        "pg_stat_statements is not loaded; a server of schemabench's own loads it with --postgres-setting "
        "shared_preload_libraries=pg_stat_statements"
    )
