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


FRESH = {("table", "entry"): "", ("table", "day_1"): "partition of day"}
STRAY = ("index", "stray")


def test_what_a_second_fresh_installation_has_alike_is_not_the_migrations_doing() -> None:
    control = {("table", "entry"): "", ("table", "scratch_1"): "", ("table", "scratch_2"): ""}
    found = {("table", "entry"): "", ("table", "scratch_1"): "", ("table", "scratch_3"): "", STRAY: "on entry"}

    told = catalogs.attributed(FRESH, found, control, FRESH, {}, "it varies")

    assert told.own == ("index stray is left over: on entry",)
    assert told.others == (
        "table day_1 is missing: partition of day",
        "table scratch_1 is left over; and 1 more whose names have other numbers",
    )
    assert (told.unclear, told.why) == ((), "")


def test_where_others_do_not_do_the_same_each_time_it_is_unclear_who_did_the_like() -> None:
    control = {**FRESH, ("table", "tmp_gk"): ""}
    found = {**FRESH, ("table", "tmp_xy"): "", STRAY: "on entry"}

    told = catalogs.attributed(FRESH, found, control, FRESH, {}, "it varies")

    assert told.own == ("index stray is left over: on entry",)
    assert told.unclear == ("table tmp_xy is left over",)
    assert told.why == "it varies"


def test_what_only_the_migrated_database_has_is_the_migrations_doing() -> None:
    found = {("table", "entry"): "unlogged", ("table", "scratch_1"): ""}

    told = catalogs.attributed(FRESH, found, dict(FRESH), FRESH, {}, "it varies")

    assert told.own == (
        "table day_1 is missing: partition of day",
        "table entry differs: unlogged instead of plain",
        "table scratch_1 is left over",
    )
    assert (told.others, told.unclear) == ((), ())


def test_identifiers_are_numbers_too_whether_they_are_uuids_or_hexadecimal() -> None:
    one, other = "abcdefab-cdef-abcd-efab-cdefabcdefab", "01234567-89ab-cdef-0123-456789abcdef"
    control, found = {("table", f'"run {one}"'): "", ("table", "x_3fa"): ""}, {("table", f'"run {other}"'): ""}
    found["table", "x_b71"] = ""

    told = catalogs.attributed({}, found, control, {}, {}, "it varies")

    assert (told.own, told.unclear) == ((), ())
    assert len(told.others) == 2


def test_what_calls_name_by_the_clock_is_the_same_in_each_database() -> None:
    fresh, found = {**FRESH, ("table", "hour_13"): ""}, {**FRESH, ("table", "hour_12"): ""}
    controls = [{**FRESH, ("table", "hour_14"): ""}, {**fresh, ("table", "hour_14"): ""}]

    for control in controls:
        told = catalogs.attributed(fresh, found, control, FRESH, {}, "it varies")
        assert (told.own, told.unclear) == ((), ())
        assert told.others == ("table hour_12 is left over", "table hour_13 is missing")


def test_other_numbers_are_nobodys_for_certain_where_two_fresh_installations_agree() -> None:
    daily = {("table", "entry"): "", ("table", "orders_20260314"): "partition of orders"}
    monthly = {("table", "entry"): "", ("table", "orders_202603"): "partition of orders"}
    bare = {("table", "entry"): ""}

    told = catalogs.attributed(daily, {**monthly, STRAY: "on entry"}, daily, bare, {}, "it varies")

    assert told.own == ("index stray is left over: on entry",)
    assert told.others == ()
    assert told.unclear == (
        "table orders_202603 is left over: partition of orders",
        "table orders_20260314 is missing: partition of orders",
    )
    assert "named by the clock, or the migration changes how they are named" in told.why
    assert "it varies" not in told.why
    both = catalogs.attributed(
        daily, {**monthly, ("table", "tmp_xy"): ""}, {**daily, ("table", "tmp_gk"): ""}, bare, {}, "it varies"
    )
    assert both.own == ()
    assert len(both.unclear) == 3
    assert both.why.endswith("\nit varies")


def test_with_a_reason_for_it_what_seemed_the_migrations_doing_is_left_open() -> None:
    told = catalogs.Attributed(own=("table a is left over",), others=("table b is missing",), unclear=("c",), why="why")

    assert told.left_open("") == told
    assert told.left_open("two companions") == catalogs.Attributed(
        others=told.others, unclear=("table a is left over", "c"), why="why\ntwo companions"
    )
    assert told.left_open("why").why == "why", "it is said once"
    alone = catalogs.Attributed(others=told.others)
    assert alone.left_open("two companions") == alone


def test_what_the_candidate_made_is_not_excused_by_what_calls_make_of_other_numbers() -> None:
    fresh, found = {**FRESH, ("table", "day_2"): "partition of day"}, {("table", "entry"): ""}
    found["table", "day_3"] = "partition of day"

    told = catalogs.attributed(fresh, found, fresh, FRESH, {}, "it varies")

    assert told.own == ("table day_1 is missing: partition of day",)


def test_what_is_missing_left_over_or_other_is_named() -> None:
    expected = {("index", "receipts"): "CREATE UNIQUE INDEX", ("column", "entry.id"): "place 1, bigint"}
    found = {("index", "receipts"): "CREATE UNIQUE INDEX, invalid", ("table", "draft"): ""}

    assert list(catalogs.differences(expected, found, {})) == [
        "column entry.id is missing: place 1, bigint",
        "index receipts differs: CREATE UNIQUE INDEX, invalid instead of CREATE UNIQUE INDEX",
        "table draft is left over",
    ]
