"""In which words catalogs differ."""

from schemabench.rehearsal import catalogs


def test_equal_catalogs_do_not_differ() -> None:
    catalog = {("table", "entry"): "", ("column", "entry.id"): "place 1, bigint"}

    assert list(catalogs.differences(catalog, dict(catalog))) == []


def test_what_is_missing_left_over_or_other_is_named() -> None:
    expected = {("index", "receipts"): "CREATE UNIQUE INDEX", ("column", "entry.id"): "place 1, bigint"}
    found = {("index", "receipts"): "CREATE UNIQUE INDEX, invalid", ("table", "draft"): ""}

    assert list(catalogs.differences(expected, found)) == [
        "column entry.id is missing: place 1, bigint",
        "index receipts is another one: CREATE UNIQUE INDEX, invalid; it should be: CREATE UNIQUE INDEX",
        "table draft is left over",
    ]
