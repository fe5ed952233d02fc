"""Names, marks and locks of databases."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.server.database import Database, Mark, database_name, lock_key, read_mark


@given(st.text(max_size=200), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", fullmatch=True))
def test_a_name_is_plain_and_short_whatever_the_label(label: str, run_id: str) -> None:
    name = database_name(run_id, label)

    assert len(name.encode()) <= 63
    assert set(name) <= set(string.ascii_lowercase + string.digits + "_")
    assert name.startswith("sb_")


def test_a_name_carries_run_and_label() -> None:
    assert database_name("3f2a", "Hash partitioned") == "sb_3f2a_hash_partitioned"


def test_equal_labels_get_different_names() -> None:
    names: list[str] = []
    for label in ["a", "A", "a!", "x" * 100, "x" * 100, "x" * 101]:
        names.append(database_name("run", label, names))

    assert len(set(names)) == len(names)


def test_long_labels_that_differ_at_the_end_get_different_names() -> None:
    assert database_name("run", "x" * 100 + "a") != database_name("run", "x" * 100 + "b")


@given(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), st.from_regex(r"[a-z]\w{0,80}", fullmatch=True), st.booleans())
def test_a_mark_is_read_as_it_was_written(run: str, label: str, keep: bool) -> None:  # noqa: FBT001 - drawn
    mark = Mark(run=run, label=label, keep=keep)

    assert read_mark(database_name(run, label), str(mark)) == mark


@pytest.mark.parametrize("name", ["shop", "sb", "sb_prod", "sb_deadly_a", "x_sb_dead_a"])
@pytest.mark.parametrize("run", ["dead", "", "_", "%"])
def test_a_mark_on_a_database_of_another_name_is_none(name: str, run: str) -> None:
    assert read_mark(name, str(Mark(run=run, label="a", keep=False))) is None


@pytest.mark.parametrize(
    "comment",
    [
        None,
        "",
        "schemabench",
        "[]",
        "1",
        "{",
        '{"run": "a", "label": "b", "keep": false}',
        '{"schemabench": 2, "run": "a", "label": "b", "keep": false}',
        '{"schemabench": 1, "run": 3, "label": "b", "keep": false}',
        '{"schemabench": 1, "run": "a", "label": "b"}',
    ],
)
def test_any_other_comment_is_no_mark(comment: str | None) -> None:
    assert read_mark("sb_a_b", comment) is None


def test_the_lock_of_a_run_is_a_signed_64_bit_number_of_its_own() -> None:
    keys = {lock_key(f"run{number}") for number in range(100)}

    assert len(keys) == 100
    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert lock_key("run1") == lock_key("run1")


def test_a_database_says_what_it_is_for() -> None:
    assert "baseline" in repr(Database(name="sb_r_baseline", label="baseline"))
