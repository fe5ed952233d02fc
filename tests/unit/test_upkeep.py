"""What autovacuum would do about a table, by the counts that the server keeps."""

from collections.abc import Mapping

import pytest

from schemabench.monitor.upkeep import Counts, Due, Table, due

SETTINGS = {
    "autovacuum_vacuum_threshold": "50",
    "autovacuum_vacuum_scale_factor": "0.2",
    "autovacuum_vacuum_insert_threshold": "1000",
    "autovacuum_vacuum_insert_scale_factor": "0.2",
    "autovacuum_analyze_threshold": "50",
    "autovacuum_analyze_scale_factor": "0.1",
}


def _due(
    counts: Counts,
    options: Mapping[str, str],
    *,
    is_toast: bool = False,
    unfrozen: float = 1.0,
    **settings: str,
) -> Due:
    table = Table(
        oid=1,
        owner=1,
        name="t",
        is_toast=is_toast,
        tuples=1000,
        dead=0,
        inserted=0,
        modified=0,
        unfrozen=unfrozen,
        options=options,
    )
    return due(table, counts, SETTINGS | settings)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        (Counts(dead=250), (False, False)),
        (Counts(dead=251), (True, False)),
        (Counts(inserted=1200), (False, False)),
        (Counts(inserted=1201), (True, False)),
        (Counts(modified=150), (False, False)),
        (Counts(modified=151), (False, True)),
        (Counts(dead=251, modified=151), (True, True)),
    ],
)
def test_a_table_is_due_once_it_is_past_a_threshold(counts: Counts, wanted: tuple[bool, bool]) -> None:
    assert _due(counts, {}) == wanted


def test_a_tables_own_settings_are_stronger_than_the_servers() -> None:
    assert _due(Counts(dead=100), {"autovacuum_vacuum_scale_factor": "0.01"}) == (True, False)
    assert _due(Counts(modified=151), {"autovacuum_analyze_threshold": "500"}) == (False, False)


@pytest.mark.parametrize("word", ["off", "false", "f", "of", "n", "FALS", "0"])
def test_a_table_that_autovacuum_is_to_leave_alone_is_never_due(word: str) -> None:
    assert _due(Counts(dead=1e9, inserted=1e9, modified=1e9), {"autovacuum_enabled": word}) == (False, False)


def test_a_limit_of_dead_rows_is_heeded_where_the_server_has_one() -> None:
    assert _due(Counts(dead=101), {}, autovacuum_vacuum_max_threshold="100") == (True, False)
    assert _due(Counts(dead=101), {}, autovacuum_vacuum_max_threshold="-1") == (False, False)


def test_a_threshold_of_insertions_can_be_switched_off() -> None:
    assert _due(Counts(inserted=1e9), {}, autovacuum_vacuum_insert_threshold="-1") == (False, False)


def test_rows_that_are_frozen_do_not_delay_the_vacuum_after_insertions() -> None:
    assert _due(Counts(inserted=1101), {}, unfrozen=0.5) == (True, False)
    assert _due(Counts(inserted=1100), {}, unfrozen=0.5) == (False, False)
    assert _due(Counts(dead=200), {}, unfrozen=0.0) == (False, False), "dead rows are counted against all"


def test_a_toast_table_is_never_analyzed() -> None:
    assert _due(Counts(modified=1e9), {}, is_toast=True) == (False, False)
