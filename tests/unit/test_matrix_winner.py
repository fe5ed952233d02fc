"""Who leads in which run, and when that is called a change."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from fixed_run import RUN
from hypothesis import given
from hypothesis import strategies as st
from several_runs import DIFFERING_CONTROL, DIFFERING_LOCK_CONTROL, experiment, led_by, only, run, unsampled, waiting

from schemabench.records import LOCK_WAITS, THROUGHPUT, Criterion, Run
from schemabench.report import text
from schemabench.report.matrix import winner
from schemabench.report.matrix.model import Matrix

BY_EACH = pytest.mark.parametrize("by", [THROUGHPUT, LOCK_WAITS], ids=lambda criterion: criterion.title)
"""In these runs lock waits have the ranks of throughput: there is one rule for both."""
HASH, TABLES, BASELINE = ("hash_by_site",), ("two_tables",), ("baseline",)


def marks(matrix: Matrix, by: Criterion = THROUGHPUT) -> list[str]:
    return [winner.mark(column.leads[by.name]) for column in matrix.columns]


def said(*runs: Run, by: Criterion = THROUGHPUT) -> str:
    return " ".join(map(text.plain, winner.sentences(only(*runs), by)))


def waits(version: str, *ranks: tuple[str, ...], **changes: object) -> Run:
    """Return a run with these ranks by lock waits, in which nothing can be told apart by throughput."""
    return run(version, waiting(experiment(("baseline", "hash_by_site", "two_tables"), **changes), *ranks))


def test_what_is_of_one_run_is_not_called_several_runs() -> None:
    grown = led_by("hash_by_site", version="15.1")
    (found,) = grown.experiments
    steps = tuple(replace(found, cardinality=f"rows={rows}", digest=f"{rows}") for rows in (1_000, 10_000))
    runs = replace(grown, experiments=steps), led_by("hash_by_site", version="16.1")

    assert said(*runs) == "hash_by_site leads in all 3 experiments. The winner is the same."


@BY_EACH
def test_leader_that_stays_is_the_same_winner(by: Criterion) -> None:
    runs = led_by("hash_by_site", version="15.1"), led_by("hash_by_site", version="16.1")
    assert marks(only(*runs), by) == ["first to tell", "same"]
    assert said(*runs) == "hash_by_site leads in both runs. The winner is the same."


@BY_EACH
def test_winner_changes_where_no_leader_is_shared(by: Criterion) -> None:
    runs = led_by("hash_by_site", version="15.1"), led_by("two_tables", version="16.1")
    assert marks(only(*runs), by) == ["first to tell", "changes from PostgreSQL 15"]
    assert said(*runs) == (
        "hash_by_site leads on PostgreSQL 15; two_tables leads on PostgreSQL 16. "
        "The winner changes between PostgreSQL 15 and 16."
    )


@BY_EACH
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"settings": {"jit": "on"}}, "the setting jit"),
        ({"machine": {**RUN.machine, "memory": "1.0 GiB"}}, "the machine's memory"),
        (
            {"settings": {"jit": "on"}, "machine": {**RUN.machine, "cores": "9"}},
            "the setting jit and the machine's cores",
        ),
    ],
)
def test_what_else_differs_is_said_where_a_winner_changes(
    by: Criterion, changes: dict[str, Any], expected: str
) -> None:
    one, other = led_by("hash_by_site"), led_by("two_tables", **changes)
    seeds = [
        replace(found, run_id=f"{seed}", experiments=tuple(replace(some, seed=seed) for some in found.experiments))
        for seed, found in ((1, one), (2, other))
    ]

    assert said(*seeds, by=by).endswith(f" changes between seed 1 and 2, which also differ in {expected}.")


@BY_EACH
def test_a_candidate_that_is_another_is_said_where_a_winner_changes(by: Criterion) -> None:
    one, other = led_by("hash_by_site", version="15.1"), led_by("two_tables", version="16.1")
    (found,) = other.experiments
    changed = tuple(replace(some, sql=f"{some.sql}-- other\n") for some in found.candidates[:1])
    other = replace(other, experiments=(replace(found, candidates=(*changed, *found.candidates[1:])),))

    assert said(one, other, by=by).endswith("PostgreSQL 15 and 16, which also differ in the candidate two_tables.")


@BY_EACH
def test_leaders_that_overlap_cannot_be_told_apart(by: Criterion) -> None:
    runs = (
        led_by("hash_by_site", version="15.1"),
        led_by("hash_by_site", version="16.1"),
        led_by("hash_by_site", "two_tables", version="17.1"),
    )
    assert marks(only(*runs), by) == ["first to tell", "same", "cannot be told apart"]
    assert said(*runs) == (
        "hash_by_site leads on PostgreSQL 15 and 16; hash_by_site and two_tables lead, tied, on PostgreSQL 17. "
        "Whether the winner changes is unclear: any two of these runs may have the same one."
    )


@BY_EACH
def test_same_tie_in_two_runs_does_not_show_that_the_winner_is_the_same(by: Criterion) -> None:
    tied = [led_by("hash_by_site", "two_tables", version=version) for version in ("15.1", "16.1")]
    assert marks(only(*tied), by) == ["first to tell", "cannot be told apart"]
    assert said(*tied, by=by).endswith(" changes is unclear: both runs may have the same one.")


@BY_EACH
def test_change_shows_across_a_run_that_ties_with_both_sides(by: Criterion) -> None:
    runs = (
        led_by("hash_by_site", version="15.1"),
        led_by("hash_by_site", "two_tables", version="16.1"),
        led_by("two_tables", version="17.1"),
    )
    assert marks(only(*runs), by)[1:] == ["cannot be told apart", "changes from PostgreSQL 15"]
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


@BY_EACH
def test_new_candidate_that_leads_is_no_change_of_winner(by: Criterion) -> None:
    before = run("15.1", experiment(("hash_by_site",), ("baseline",)))
    after = run("16.1", experiment(("new",), ("hash_by_site",), ("baseline",)))
    assert marks(only(before, after), by) == ["first to tell", "cannot be told apart"]
    assert "new leads on PostgreSQL 16" in said(before, after)


@BY_EACH
def test_winner_changes_among_candidates_that_both_runs_ranked(by: Criterion) -> None:
    before = run("15.1", experiment(("gone",), ("hash_by_site",), ("baseline",)))
    after = run("16.1", experiment(("new",), ("baseline",), ("hash_by_site",)))
    assert marks(only(before, after), by)[1] == "changes from PostgreSQL 15"


@pytest.mark.parametrize(
    ("changes", "mark", "sentence"),
    [
        ({"control": DIFFERING_CONTROL}, "doubtful", "the ranking is doubtful on PostgreSQL 16"),
        ({"decides": False}, "too few blocks", "there were too few blocks to tell anything apart on"),
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


@BY_EACH
def test_where_all_tie_nobody_leads(by: Criterion) -> None:
    tied = [run(version, experiment(("baseline", "hash_by_site"))) for version in ("15.1", "16.1")]
    matrix = only(*tied)
    assert said(*tied).startswith("All candidates tie in both runs.")
    assert not any(winner.is_first(row.cells[0], matrix.columns[0], by) for row in matrix.rows)


@given(
    st.lists(st.sets(st.sampled_from(["baseline", "hash_by_site", "two_tables"]), min_size=1), min_size=2, max_size=6)
)
def test_change_is_claimed_only_between_runs_without_a_shared_leader(leading: list[set[str]]) -> None:
    matrix = only(*(led_by(*sorted(some), version=f"{10 + place}.1") for place, some in enumerate(leading)))
    for by in (THROUGHPUT, LOCK_WAITS):
        leads = {column.label: column.leads[by.name] for column in matrix.columns}
        for lead in leads.values():
            assert not lead.changed_from or not {*lead.leaders} & {*leads[lead.changed_from].leaders}
        if all(one & other for one, other in combinations(leading, 2)):
            assert not any(lead.changed_from for lead in leads.values())


def test_who_waits_least_for_locks_is_said_in_words_of_its_own() -> None:
    runs = (
        waits("15.1", HASH, TABLES, BASELINE),
        waits("16.1", ("hash_by_site", "two_tables"), BASELINE),
        waits("17.1", TABLES, HASH, BASELINE),
    )
    assert said(*runs, by=LOCK_WAITS) == (
        "hash_by_site has the lowest lock waits on PostgreSQL 15; hash_by_site and two_tables have the lowest lock "
        "waits, tied, on PostgreSQL 16; two_tables has the lowest lock waits on PostgreSQL 17. The candidate with the "
        "lowest lock waits changes between PostgreSQL 15 and 17."
    )


def test_who_waits_least_may_change_where_the_winner_does_not_and_the_other_way_round() -> None:
    faster = [led_by("hash_by_site", version=version).experiments[0] for version in ("15.1", "16.1")]
    runs = run("15.1", waiting(faster[0], HASH, TABLES)), run("16.1", waiting(faster[1], TABLES, HASH))
    assert marks(only(*runs))[1] == "same"
    assert marks(only(*runs), LOCK_WAITS)[1] == "changes from PostgreSQL 15"
    runs = led_by("hash_by_site", version="15.1"), run("16.1", waiting(experiment(TABLES, HASH), HASH, TABLES))
    assert marks(only(*runs))[1] == "changes from PostgreSQL 15"
    assert marks(only(*runs), LOCK_WAITS)[1] == "same"


def test_where_all_tie_by_lock_waits_nobody_waits_least() -> None:
    tied = [waits(version, ("baseline", "hash_by_site", "two_tables")) for version in ("15.1", "16.1")]
    assert said(*tied, by=LOCK_WAITS).startswith(
        "All candidates tie by lock waits in both runs. Whether the candidate with "
    )


@pytest.mark.parametrize(
    ("changes", "mark", "sentence"),
    [
        ({"lock_control": DIFFERING_LOCK_CONTROL}, "doubtful", "the ranking by lock waits is doubtful on"),
        ({"decides": False}, "too few blocks", "there were too few blocks to tell lock waits apart on"),
        (
            {"locks_decide": False},
            "too few blocks",
            "there were too few blocks to tell lock waits apart on PostgreSQL 16",
        ),
    ],
    ids=["doubtful", "too few blocks", "too few observed"],
)
def test_run_whose_lock_waits_say_nothing_shows_no_change_of_who_waits_least(
    changes: dict[str, object], mark: str, sentence: str
) -> None:
    runs = waits("15.1", HASH, TABLES), waits("16.1", TABLES, HASH, **changes)
    assert marks(only(*runs), LOCK_WAITS) == ["first to tell", mark]
    assert sentence in said(*runs, by=LOCK_WAITS)
    assert said(*runs, by=LOCK_WAITS).endswith(
        "Too little was measured to tell whether the candidate with the lowest lock waits changes."
    )


def test_doubt_about_one_ranking_is_none_about_the_other() -> None:
    for doubt, touched, untouched in (
        ({"control": DIFFERING_CONTROL}, THROUGHPUT, LOCK_WAITS),
        ({"lock_control": DIFFERING_LOCK_CONTROL}, LOCK_WAITS, THROUGHPUT),
    ):
        runs = led_by("hash_by_site", version="15.1"), run("16.1", experiment(HASH, BASELINE, **doubt))
        assert marks(only(*runs), touched)[1] == "doubtful"
        assert marks(only(*runs), untouched)[1] == "same"


def test_run_that_was_not_sampled_shows_no_change_and_is_no_obstacle_to_one() -> None:
    runs = (
        waits("15.1", HASH, TABLES),
        run("16.1", unsampled(experiment(HASH, TABLES))),
        waits("17.1", TABLES, HASH),
    )
    assert marks(only(*runs), LOCK_WAITS) == ["first to tell", "nothing ranked", "changes from PostgreSQL 15"]
    assert "nothing is known of lock waits on PostgreSQL 16" in said(*runs, by=LOCK_WAITS)
