"""From a small copy's relations to production's size: what grows with what, and how high a tree is then."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from schemabench.errors import WorkloadError
from schemabench.production import FILE, Column, File, Production, Relation, btree, extend, grown, read, written
from schemabench.production.restoring import shares

PAGE = 8192
COLUMN = Column(type="integer", nulls=0.1, width=4, distinct=100.0, correlation=0.5, shares=(0.3, 0.2))


def table(name: str, rows: float, pages: int, root: str = "", columns: dict[str, Column] | None = None) -> Relation:
    return Relation(
        name=name, kind="table", root=root or name, rows=rows, pages=pages, visible=pages, columns=columns or {}
    )


def index(name: str, root: str, rows: float, pages: int) -> Relation:
    return Relation(name=name, kind="index", root=root, rows=rows, pages=pages, visible=0)


WHOLE = Production(
    server="PostgreSQL 18.6",
    day="2026-11-29",
    relations=(
        table("public.orders", 100_000.0, 2_000, columns={"id": COLUMN}),
        index("public.orders_pkey", "public.orders", 100_000.0, 300),
        table("public.unread", -1.0, 0),
    ),
)
COPY = (table("public.orders", 1_000.0, 21), index("public.orders_pkey", "public.orders", 1_000.0, 5))


def test_what_the_baseline_shares_with_production_is_as_large_as_there() -> None:
    found = grown(COPY, WHOLE, COPY)

    assert [(one.rows, one.pages) for one in found.relations] == [(100_000.0, 2_000), (100_000.0, 300)]
    assert found.relations[0].columns == {"id": COLUMN}
    assert not found.unknown


def test_candidate_differs_from_production_as_its_copy_does_from_the_baselines() -> None:
    wide = replace(COPY[0], pages=42)
    found = grown((wide, COPY[1]), WHOLE, COPY)

    assert [(one.rows, one.pages) for one in found.relations] == [(100_000.0, 4_000), (100_000.0, 300)]


def test_new_index_grows_as_its_table_does_but_for_pages_that_every_index_has() -> None:
    found = grown((*COPY, index("public.orders_more", "public.orders", 1_000.0, 6)), WHOLE, COPY)

    assert found.relations[-1].pages == 2 + 4 * 100
    assert found.relations[-1].rows == 100_000.0


def test_partitions_of_a_table_that_production_has_whole_share_its_rows() -> None:
    parts = [table(f"public.orders_{n}", rows, 10, "public.orders") for n, rows in enumerate((600.0, 400.0))]
    whole = replace(COPY[0], kind="partitioned table", rows=1_000.0, pages=0)
    found = grown((whole, *parts), WHOLE, COPY)

    assert [one.rows for one in found.relations[1:]] == [60_000.0, 40_000.0]
    assert found.relations[0].columns == {"id": COLUMN}


def test_tables_of_which_production_says_nothing_are_told() -> None:
    own = (*COPY, table("public.totals", 10.0, 1), table("public.unread", 10.0, 1))

    assert grown(own, WHOLE, own).unknown == {"public.totals", "public.unread"}


def test_index_of_a_table_that_is_empty_in_the_copy_is_to_be_estimated() -> None:
    empty = (replace(COPY[0], rows=0.0, pages=0), replace(COPY[1], rows=0.0, pages=1))
    found = grown((*empty, index("public.orders_more", "public.orders", 0.0, 1)), WHOLE, empty)

    assert [(one.rows, one.pages) for one in found.relations] == [(100_000.0, 2_000), (100_000.0, 300)]
    assert found.unsized == ("public.orders_more",)
    assert not found.unknown


def test_nothing_is_known_of_partitions_that_are_empty_in_the_copy() -> None:
    part = table("public.orders_1", 0.0, 0, "public.orders")
    whole = replace(COPY[0], kind="partitioned table", rows=0.0, pages=-1)

    assert grown((whole, part), WHOLE, COPY).unknown == {"public.orders"}


def test_index_of_a_table_that_is_empty_in_production_too_stays_as_it_is() -> None:
    nothing = table("public.nothing", 0.0, 0)
    own = (nothing, index("public.nothing_id", "public.nothing", 0.0, 1))
    found = grown(own, replace(WHOLE, relations=(nothing,)), (nothing,))

    assert [one.pages for one in found.relations] == [0, 1]
    assert not found.unsized


@pytest.mark.parametrize(
    ("count", "expected"),
    [(2, [0.3, 0.2]), (1, [0.3]), (4, [0.3, 0.2, 0.4 / 98, 0.4 / 98]), (0, [])],
)
def test_common_values_of_a_copy_have_productions_shares_and_others_an_equal_part(
    count: int, expected: list[float]
) -> None:
    assert shares(count, COLUMN, 1_000.0) == pytest.approx(expected)


def test_share_of_a_rare_value_follows_from_rows_where_values_grow_with_them() -> None:
    assert shares(1, replace(COLUMN, distinct=-1.0, nulls=0.0, shares=()), 1_000.0) == pytest.approx([0.001])


@pytest.mark.parametrize(("pages", "level"), [(1, 0), (2, 0), (3, 1), (386, 1), (825, 2), (200_000, 3)])
def test_height_of_a_tree_of_whole_numbers(pages: int, level: int) -> None:
    assert btree.height(pages, PAGE, 4) == level


@pytest.mark.parametrize("level", [0, 3])
def test_empty_tree_gets_a_leaf_and_as_many_levels_as_others(level: int) -> None:
    file = BytesIO((24 * b"\0" + (0x053162).to_bytes(4, "little")).ljust(PAGE, b"\0"))
    btree.heighten(file, level, PAGE)

    meta = [int.from_bytes(file.getvalue()[at : at + 4], "little") for at in range(32, 48, 4)]
    assert meta == [1 + level, level, 1 + level, level]
    assert len(file.getvalue()) == PAGE * (2 + level)


def test_file_beyond_a_gibibyte_has_segments_and_no_file_becomes_shorter(tmp_path: Path) -> None:
    path = tmp_path / "16391"
    path.write_bytes(PAGE * b"1")
    asked = File(path="base/1/16391", pages=2**17 + 5, page_bytes=PAGE, is_btree=False, key_bytes=8)
    extend(path, asked)
    extend(path, replace(asked, pages=0))

    assert path.stat().st_size == 2**30
    assert (tmp_path / "16391.1").stat().st_size == 5 * PAGE
    assert path.stat().st_blocks * 512 <= 8 * PAGE


def test_file_of_another_format_or_none_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / FILE
    for text in (written(WHOLE).replace('"format": 1', '"format": 9'), "{}", None):
        path.unlink(missing_ok=True)
        if text:
            path.write_text(text)
        with pytest.raises(WorkloadError, match="production") as failure:
            read(path)
        assert "--production off" in str(failure.value)


@pytest.mark.parametrize(
    ("as_written", "by_hand"),
    [
        ('"rows": 100000.0', '"rows": 1e308'),
        ('"rows": 100000.0', '"rows": -2'),
        ('"pages": 2000', '"pages": 9999999999'),
        ('"pages": 2000', '"pages": -2'),
        ('"width": 4', '"width": -1'),
        ('"nulls": 0.1', '"nulls": 1.1'),
        ('"distinct": 100.0', '"distinct": 1e300'),
        ("0.3", "-0.3"),
        ('"id"', r'"i\u0000d"'),
    ],
)
def test_number_that_no_catalog_could_hold_is_refused_with_its_place(
    tmp_path: Path, as_written: str, by_hand: str
) -> None:
    path = tmp_path / FILE
    whole = written(WHOLE)
    assert as_written in whole
    path.write_text(whole.replace(as_written, by_hand, 1))

    with pytest.raises(WorkloadError, match=r"at .*\$\.relations\[0\]"):
        read(path)
