"""Who leads in which run, and when that is called a change."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from several_runs import DIFFERING_CONTROL, experiment, led_by, only, run

from schemabench.records import Run
from schemabench.report.matrix import winner
from schemabench.report.matrix.model import Matrix


def marks(matrix: Matrix) -> list[str]:
    return [winner.mark(column) for column in matrix.columns]


def said(*runs: Run) -> str:
    return " ".join(winner.sentences(only(*runs), str))


def test_leader_that_stays_is_the_same_winner() -> None:
    runs = led_by("hash_by_site", version="15.1"), led_by("hash_by_site", version="16.1")
    assert marks(only(*runs)) == ["first to tell", "same"]
    assert said(*runs) == "hash_by_site leads in both runs. The winner is the same."


def test_winner_changes_where_no_leader_is_shared() -> None:
    runs = led_by("hash_by_site", version="15.1"), led_by("two_tables", version="16.1")
    assert marks(only(*runs)) == ["first to tell", "changes from PostgreSQL 15"]
    assert said(*runs) == (
        "hash_by_site leads on PostgreSQL 15; two_tables leads on PostgreSQL 16. "
        "The winner changes between PostgreSQL 15 and 16."
    )


def test_leaders_that_overlap_cannot_be_told_apart() -> None:
    runs = (
        led_by("hash_by_site", version="15.1"),
        led_by("hash_by_site", version="16.1"),
        led_by("hash_by_site", "two_tables", version="17.1"),
    )
    assert marks(only(*runs)) == ["first to tell", "same", "cannot be told apart"]
    assert said(*runs) == (
        "hash_by_site leads on PostgreSQL 15 and 16; hash_by_site and two_tables lead, tied, on PostgreSQL 17. "
        "Whether the winner changes cannot be told: any two of these runs may have the same one."
    )


def test_same_tie_in_two_runs_does_not_show_that_the_winner_is_the_same() -> None:
    tied = [led_by("hash_by_site", "two_tables", version=version) for version in ("15.1", "16.1")]
    assert marks(only(*tied)) == ["first to tell", "cannot be told apart"]


def test_change_shows_across_a_run_that_ties_with_both_sides() -> None:
    runs = (
        led_by("hash_by_site", version="15.1"),
        led_by("hash_by_site", "two_tables", version="16.1"),
        led_by("two_tables", version="17.1"),
    )
    assert marks(only(*runs))[1:] == ["cannot be told apart", "changes from PostgreSQL 15"]
    assert said(*runs).endswith("The winner changes between PostgreSQL 15 and 17.")


def test_every_change_is_named() -> None:
    leaders = ("hash_by_site", "two_tables", "hash_by_site")
    runs = [led_by(leader, version=f"{15 + place}.1") for place, leader in enumerate(leaders)]
    assert said(*runs).endswith("The winner changes between PostgreSQL 15 and 16, and between PostgreSQL 16 and 17.")


def test_runs_with_the_same_leaders_are_said_together_whichever_of_them_was_faster() -> None:
    runs = (
        led_by("hash_by_site", "two_tables", version="15.1"),
        led_by("two_tables", "hash_by_site", version="16.1"),
        led_by("two_tables", version="17.1"),
    )
    assert said(*runs).startswith("hash_by_site and two_tables lead, tied, on PostgreSQL 15 and 16; two_tables leads")


def test_new_candidate_that_leads_is_no_change_of_winner() -> None:
    before = run("15.1", experiment(("hash_by_site",), ("baseline",)))
    after = run("16.1", experiment(("new",), ("hash_by_site",), ("baseline",)))
    assert marks(only(before, after)) == ["first to tell", "cannot be told apart"]
    assert "new leads on PostgreSQL 16" in said(before, after)


def test_winner_changes_among_candidates_that_both_runs_ranked() -> None:
    before = run("15.1", experiment(("gone",), ("hash_by_site",), ("baseline",)))
    after = run("16.1", experiment(("new",), ("baseline",), ("hash_by_site",)))
    assert marks(only(before, after))[1] == "changes from PostgreSQL 15"


@pytest.mark.parametrize(
    ("changes", "mark", "sentence"),
    [
        ({"control": DIFFERING_CONTROL}, "doubtful", "the ranking is doubtful on PostgreSQL 16"),
        ({"smallest_difference": None}, "too few blocks", "there were too few blocks to tell anything apart on"),
        ({"candidates": ()}, "nothing ranked", "nothing was ranked on PostgreSQL 16"),
    ],
)
def test_run_that_says_nothing_shows_no_change(changes: dict[str, object], mark: str, sentence: str) -> None:
    runs = (
        led_by("hash_by_site", version="15.1"),
        run("16.1", experiment(("two_tables",), ("hash_by_site",), ("baseline",), **changes)),
    )
    assert marks(only(*runs)) == ["first to tell", mark]
    assert sentence in said(*runs)
    assert said(*runs).endswith("Too little was measured to tell whether the winner changes.")


def test_change_shows_across_a_run_that_says_nothing() -> None:
    doubtful = run("16.1", experiment(("two_tables",), ("baseline",), control=DIFFERING_CONTROL))
    runs = led_by("hash_by_site", version="15.1"), doubtful, led_by("two_tables", version="17.1")
    assert marks(only(*runs))[1:] == ["doubtful", "changes from PostgreSQL 15"]


def test_where_all_tie_nobody_leads() -> None:
    tied = [run(version, experiment(("baseline", "hash_by_site"))) for version in ("15.1", "16.1")]
    matrix = only(*tied)
    assert said(*tied).startswith("All candidates tie in both runs.")
    assert not any(winner.leads(row.cells[0], matrix.columns[0]) for row in matrix.rows)


@given(
    st.lists(st.sets(st.sampled_from(["baseline", "hash_by_site", "two_tables"]), min_size=1), min_size=2, max_size=6)
)
def test_change_is_claimed_only_between_runs_without_a_shared_leader(leading: list[set[str]]) -> None:
    matrix = only(*(led_by(*sorted(some), version=f"{10 + place}.1") for place, some in enumerate(leading)))
    leaders = {column.label: set(column.leaders) for column in matrix.columns}
    for column in matrix.columns:
        assert not column.changed_from or not leaders[column.label] & leaders[column.changed_from]
    if all(one & other for one, other in combinations(leading, 2)):
        assert not any(column.changed_from for column in matrix.columns)
