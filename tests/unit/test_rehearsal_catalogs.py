"""In which words catalogs differ."""

from schemabench.rehearsal import catalogs


def test_equal_catalogs_do_not_differ() -> None:
    catalog = {("table", "entry"): "", ("column", "entry.id"): "place 1, bigint"}

    assert list(catalogs.differences(catalog, dict(catalog), {})) == []


def test_where_calls_change_the_schema_an_object_may_be_as_it_was_before_them() -> None:
    earlier = {("index", "receipts"): "on entry", ("index", "notes"): "on entry"}
    later = {("index", "receipts"): "on spare", ("index", "notes"): "on entry", ("table", "made"): ""}
    found = {("index", "receipts"): "on entry", ("index", "notes"): "on spare"}

    assert list(catalogs.differences(later, found, earlier)) == ["index notes differs: on spare instead of on entry"]


def test_tables_of_both_with_other_numbers_of_rows_are_named_with_both() -> None:
    expected, found = {"entry": 5, "result": 2016, "gone": 1}, {"entry": 5, "result": 1, "new": 7}

    assert list(catalogs.counted(expected, found)) == ["result has 1 row instead of 2,016"]


def test_what_is_missing_left_over_or_other_is_named() -> None:
    expected = {("index", "receipts"): "CREATE UNIQUE INDEX", ("column", "entry.id"): "place 1, bigint"}
    found = {("index", "receipts"): "CREATE UNIQUE INDEX, invalid", ("table", "draft"): ""}

    assert list(catalogs.differences(expected, found, {})) == [
        "column entry.id is missing: place 1, bigint",
        "index receipts differs: CREATE UNIQUE INDEX, invalid instead of CREATE UNIQUE INDEX",
        "table draft is left over",
    ]
