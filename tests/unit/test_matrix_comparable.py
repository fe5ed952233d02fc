"""Which runs may stand side by side: what is refused, and what is said of those that are not."""

from dataclasses import replace

import pytest
from fixed_run import PAGEVIEWS, unranked
from several_runs import OPERATIONS, candidate, compared, experiment, led_by, only, places, run, unsampled, waiting

from schemabench import report
from schemabench.errors import UsageError
from schemabench.records import (
    LOCK_WAITS,
    THROUGHPUT,
    CompanionShare,
    Criterion,
    Experiment,
    Extended,
    Run,
    Setting,
    WriterShare,
)
from schemabench.report import matrix
from schemabench.report.matrix.model import Matrix

RANKS = ("hash_by_site",), ("baseline",)


def at(**changes: object) -> Experiment:
    return experiment(*RANKS, **changes)


def codes(*runs: Run) -> list[str]:
    return [notice.code for notice in only(*runs).notices]


def texts(*runs: Run) -> list[str]:
    return [notice.text for notice in only(*runs).notices]


def matrix_of(runs: list[Run]) -> Matrix:
    (found,) = matrix.compare([(f"{number}.json", one) for number, one in enumerate(runs)]).matrices
    return found


def writers(stream: int, batch: int) -> tuple[WriterShare, ...]:
    return (
        WriterShare(name="stream", kind="stream", clients=4, operations=stream, pace=""),
        WriterShare(name="batch", kind="batch", clients=4, operations=batch, pace=""),
    )


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        (
            {"digest": "other", "values": {**at().values, "sites": 5}},
            "have different cardinalities named 'typical'(.|\n)*  - sites: 2000 against 5\n",
        ),
        (
            {"digest": "other", "replay": {"usage": "more.csv"}},
            r"have different cardinalities(.|\n)*  - input: generated against more\.csv; digests sha256:5f0c6d1e ",
        ),
        ({"digest": "other"}, "in files of the same name or in how the digest was made"),
        (
            {"operations_sql": {**OPERATIONS, "upsert": "SELECT 1;\n"}},
            "execute different SQL of the workload's own(.|\n)*  - operation upsert\n",
        ),
        ({"isolation": "serializable"}, "isolation levels(.|\n)*  - read committed against serializable\n"),
        (
            {"writers": at().writers[:2]},
            "share the load out to writers in different ways(.|\n)*writer dashboard: .* against absent\n",
        ),
    ],
    ids=["values", "replay", "digest", "operations", "isolation", "writers"],
)
def test_runs_of_other_work_are_refused_with_files_reason_and_remedy(changes: dict[str, object], reasons: str) -> None:
    with pytest.raises(UsageError, match=reasons) as caught:
        compared(run("15.1", at()), run("16.1", at(**changes)))
    assert caught.value.what.startswith("a.json and b.json cannot be compared: their runs of usage ")
    assert "schemabench report FILE" in str(caught.value)


def test_run_is_not_compared_with_itself() -> None:
    with pytest.raises(UsageError, match=r"a\.json and b\.json hold the same run, run-15\.1(.|\n)*name each run once"):
        compared(run("15.1", at()), run("15.1", at()))


def test_runs_without_a_workload_in_common_are_an_error_that_lists_what_each_holds() -> None:
    with pytest.raises(
        UsageError, match=r"no workload in common(.|\n)*a\.json: usage at typical\n.*b\.json: pageviews"
    ):
        compared(run("15.1", at()), run("16.1", PAGEVIEWS))


def test_cardinalities_of_one_run_are_nothing_in_common_with_another() -> None:
    both = run("15.1", at())
    worst = replace(both.experiments[0], cardinality="worst", digest="other")
    with pytest.raises(UsageError, match="no workload in common"):
        compared(replace(both, experiments=(*both.experiments, worst)), run("16.1", PAGEVIEWS))


def test_bursts_of_another_size_are_the_same_work() -> None:
    one, other = at(writers=writers(300, 3), operations=303), at(writers=writers(700, 7), operations=707)
    assert codes(run("15.1", one), run("16.1", other)) == []


def test_another_share_of_the_work_is_refused() -> None:
    one, other = at(writers=writers(300, 3)), at(writers=writers(300, 4))
    with pytest.raises(UsageError, match="writer batch: a batch of 1/101 of the operations against a batch of 1/76"):
        compared(run("15.1", one), run("16.1", other))


@pytest.mark.parametrize("queries", [("state",), None], ids=["named", "older"])
def test_query_that_only_checks_may_differ(queries: tuple[str, ...] | None) -> None:
    for checks in ("SELECT site FROM storage;\n", "SELECT site FROM storage HAVING count(*) < :'fewest'::bigint;\n"):
        checked = at(operations_sql={**OPERATIONS, "state": checks}, queries=queries)
        assert codes(run("15.1", at(queries=queries)), run("16.1", checked)) == []


def test_block_that_the_run_file_names_as_a_query_may_differ_however_it_looks() -> None:
    one, other = (at(operations_sql={**OPERATIONS, "state": f"SELECT sites_in_{place}();\n"}) for place in "ab")
    assert codes(run("15.1", one), run("16.1", other)) == []


@pytest.mark.parametrize(
    ("one_names", "other_names"), [(("state",), ("state",)), (None, ("state",)), (("state",), None)]
)
def test_loader_without_parameters_counts_where_either_run_file_names_its_queries(
    one_names: tuple[str, ...] | None, other_names: tuple[str, ...] | None
) -> None:
    shorter = "SELECT load(n) FROM generate_series(1, 10) AS n;\n"
    one = at(operations_sql={**OPERATIONS, "load": shorter}, queries=one_names)
    other = at(operations_sql={**OPERATIONS, "load": shorter.replace("10", "20")}, queries=other_names)
    with pytest.raises(UsageError, match=r"execute different SQL of the workload's own(.|\n)*  - operation load\n"):
        compared(run("15.1", one), run("16.1", other))


@pytest.mark.parametrize("queries", [("state",), None], ids=["named", "older"])
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO storage SELECT unnest(:sites::text[]);\n",
        "SELECT load(:sites::text[]) FROM storage;\n",
        "SELECT load_all();\n",
        "WITH loaded AS (INSERT INTO storage VALUES ('a') RETURNING site) SELECT count(*) FROM loaded;\n",
        "SELECT site FROM storage;\nSELECT site FROM storage;\n",
        "what no version of Postgres can read (\n",
    ],
)
def test_operation_that_no_writer_executes_counts_unless_it_can_only_check(
    sql: str, queries: tuple[str, ...] | None
) -> None:
    one, other = (
        at(operations_sql={**OPERATIONS, "load": text}, queries=queries)
        for text in (sql, sql.replace("storage", "stored"))
    )
    if one == other:
        other = at(operations_sql=OPERATIONS, queries=queries)
    with pytest.raises(UsageError, match=r"execute different SQL of the workload's own(.|\n)*  - operation load\n"):
        compared(run("15.1", one), run("16.1", other))


@pytest.mark.parametrize("queries", [("state", "sites_twice"), None], ids=["named", "older"])
@pytest.mark.parametrize(
    "sql", ["TABLE storage;\n", "(SELECT 1 FROM storage);\n", "WITH a AS (TABLE storage) TABLE a;\n"]
)
def test_query_that_only_one_version_of_the_workload_checks_does_not_count(
    sql: str, queries: tuple[str, ...] | None
) -> None:
    checked = at(operations_sql={**OPERATIONS, "sites_twice": sql}, queries=queries)
    assert codes(run("15.1", at()), run("16.1", checked)) == []


def test_operation_of_a_companion_that_only_one_run_had_is_told_as_a_companion() -> None:
    beside = CompanionShare(
        name="report", operation="sums", clients=1, every_s=1.0, holds=False, isolation="read committed"
    )
    more = at(companions=(beside,), operations_sql={**OPERATIONS, "sums": "SELECT sum(:a::int) FROM storage;\n"})
    assert codes(run("15.1", at()), run("15.1", more, run_id="more")) == ["other-companions"]


def test_fronts_over_other_criteria_are_not_marked_and_a_notice_says_so() -> None:
    one, other = waiting(at(), *RANKS, front=("hash_by_site",)), over_wal(at())
    found = only(run("15.1", one), run("16.1", other))

    (told,) = [notice.text for notice in found.notices if notice.code == "other-criteria"]
    assert told == (
        "The Pareto front is not over the same criteria in all runs, and so not marked: throughput and lock waits on "
        "PostgreSQL 15, throughput and WAL on PostgreSQL 16"
    )
    assert not any(criterion.on_front for criterion in found.criteria)
    assert not any(cell.on_front for row in found.rows for cell in row.cells)
    assert "Pareto)" not in report.shown(report.compared(compared(run("15.1", one), run("16.1", other))))


def test_front_that_one_run_was_not_asked_for_is_not_marked_where_it_has_ranks_by_all_of_its_criteria() -> None:
    without = at(criteria=tuple(replace(one, on_front=False) for one in at().criteria))
    found = only(run("15.1", at()), run("16.1", without))
    assert [notice.code for notice in found.notices] == ["other-criteria"]
    assert not any(cell.on_front for row in found.rows for cell in row.cells)


def test_front_is_marked_where_another_run_has_no_ranks_by_its_criteria() -> None:
    found = only(run("15.1", at()), run("16.1", unsampled(at(), sample_hz=50.0)))
    assert [notice.code for notice in found.notices] == ["no-lock-waits"]
    assert [[cell.on_front for cell in row.cells] for row in found.rows] == [[True, False], [False, False]]


def test_rankings_by_other_criteria_without_a_front_are_a_notice() -> None:
    one, other = unsampled(at()), unsampled(over_wal(at()))
    other = replace(other, criteria=tuple(replace(criterion, on_front=False) for criterion in other.criteria))
    (told,) = [text for text in texts(run("15.1", one), run("16.1", other)) if "criteria" in text]
    assert told == (
        "Runs were ranked by different criteria: throughput on PostgreSQL 15, throughput and WAL on PostgreSQL 16"
    )


def over_wal(experiment: Experiment) -> Experiment:
    """Return an experiment with a front over throughput and WAL, and no ranking by lock waits."""
    wal = Criterion(name="wal_bytes", title="WAL", unit="bytes", per="row", better="less", compared="ratio")
    criteria = tuple(one for one in experiment.criteria if one.name == THROUGHPUT.name)
    candidates = tuple(
        replace(one, standings={"throughput": one.standings["throughput"], "wal_bytes": one.standings["throughput"]})
        for one in experiment.candidates
    )
    return replace(experiment, criteria=(*criteria, wal), candidates=candidates)


def test_other_cardinality_by_another_name_is_compared() -> None:
    worst = at(cardinality="worst", digest="other", values={}, writers=writers(1, 1))
    assert codes(run("15.1", at()), run("15.1", worst, run_id="other")) == []


def test_run_file_that_does_not_hold_its_operations_is_a_notice() -> None:
    found = only(run("15.1", at(operations_sql={})), run("16.1", at()))
    assert [notice.text for notice in found.notices] == [
        "Whether all runs executed the same operations cannot be checked: their SQL is not in a.json"
    ]


def test_candidate_that_extends_what_changed_carries_a_notice() -> None:
    (leader, baseline) = places(*RANKS)
    above = [Extended(name="above", path="above.sql", sql=sql) for sql in ("SELECT 1;\n", "SELECT 2;\n")]
    runs = [at(candidates=(replace(candidate(leader), extends=(one,)), candidate(baseline))) for one in above]
    (notice,) = only(run("15.1", runs[0]), run("16.1", runs[1])).rows[0].notices

    assert notice.text.endswith("not the same in all runs: text 1 on PostgreSQL 15, text 2 on PostgreSQL 16")


def test_candidate_whose_file_changed_carries_a_notice() -> None:
    (leader, baseline) = places(*RANKS)
    changed = at(candidates=(candidate(leader, "CREATE TABLE other ();\n"), candidate(baseline)))
    found = only(run("15.1", at()), run("16.1", changed), run("17.1", at()))
    noted, unnoted = found.rows
    (notice,) = noted.notices
    assert notice.text.endswith("not the same in all runs: text 1 on PostgreSQL 15 and 17, text 2 on PostgreSQL 16")
    assert not unnoted.notices


def test_candidate_whose_own_settings_changed_carries_a_notice() -> None:
    (leader, baseline) = places(*RANKS)
    own = (Setting(name="jit", value="on", source="candidate's database"),)
    changed = at(candidates=(replace(candidate(leader), settings=own), candidate(baseline)))
    noted, unnoted = only(run("15.1", at()), run("16.1", changed)).rows
    (notice,) = noted.notices
    assert notice.text == (
        f"The setting jit of {leader.name} is not the same in all runs: off on PostgreSQL 15, on on PostgreSQL 16"
    )
    assert not unnoted.notices
    assert not only(run("15.1", at(), settings={"jit": "on"}), run("16.1", changed)).rows[0].notices


def test_baseline_whose_file_changed_puts_all_ratios_in_question() -> None:
    (leader, baseline) = places(*RANKS)
    changed = at(candidates=(candidate(leader), candidate(baseline, "CREATE TABLE other ();\n")))
    (*_, row) = only(run("15.1", at()), run("16.1", changed)).rows
    assert row.notices[0].text.endswith("; ratios are against different baselines")


def test_other_candidates_are_a_notice_since_ranks_count_them() -> None:
    more = experiment(("hash_by_site",), ("baseline",), ("index",))
    found = only(run("15.1", at()), run("16.1", more))
    assert [notice.code for notice in found.notices] == ["other-candidates"]
    for by in (THROUGHPUT, LOCK_WAITS):
        places = [[cell.places[by.name].text for cell in row.cells] for row in found.rows]
        assert places == [["1", "1"], ["2", "2"], ["not run", "3"]]


def test_candidate_that_failed_says_so_in_its_cell() -> None:
    failed = at(candidates=(*at().candidates, unranked("index", "failed", "no such column\nat index.sql:1")))
    (*_, row) = only(run("15.1", failed), run("16.1", failed)).rows
    assert [[place.text for place in cell.places.values()] for cell in row.cells] == [["failed", "failed"]] * 2
    assert row.cells[0].notices[0].text == "index (PostgreSQL 15), failed: no such column"


def test_workload_that_only_one_run_has_is_not_passed_over_in_silence() -> None:
    comparison = compared(run("15.1", at(), PAGEVIEWS), run("16.1", at()))
    assert [one.workload for one in comparison.matrices] == ["usage"]
    assert [notice.text for notice in comparison.notices] == [
        "pageviews at worst is in a.json only, and is not shown here"
    ]


def test_run_that_holds_nothing_is_not_passed_over_in_silence() -> None:
    comparison = compared(led_by("hash_by_site"), led_by("hash_by_site", version="16.1"), run("17.1"))
    assert [notice.text for notice in comparison.notices] == [
        "c.json holds no experiment: none of its experiments finished"
    ]


def test_each_cardinality_that_several_runs_have_is_a_matrix_of_its_own() -> None:
    worst = at(cardinality="worst", digest="other")
    comparison = compared(run("15.1", at(), worst), run("16.1", at(), worst))
    assert [(one.workload, one.cardinality) for one in comparison.matrices] == [
        ("usage", "typical"),
        ("usage", "worst"),
    ]


def test_notices_on_figures_that_a_matrix_does_not_hold_are_left_out() -> None:
    noted = replace(PAGEVIEWS.notices[0], code="counters-missing")
    columns = only(run("15.1", at(notices=(noted,))), run("16.1", at(notices=PAGEVIEWS.notices))).columns
    assert [column.notices for column in columns] == [(), PAGEVIEWS.notices]


def test_runs_that_were_not_sampled_are_one_notice_and_have_a_dash_for_lock_waits() -> None:
    runs = [run(version, unsampled(at(), sample_hz=50.0)) for version in ("15.1", "17.1")]
    found = only(runs[0], run("16.1", at()), runs[1])
    (notice,) = found.notices
    assert notice.text == (
        "Lock waits are not known on PostgreSQL 15 and 17: sampling was off (--sample-hz 0), or the run file holds "
        "no ranks by lock waits"
    )
    assert [[cell.places[LOCK_WAITS.name].text for cell in row.cells] for row in found.rows] == [
        ["-", "1", "-"],
        ["-", "2", "-"],
    ]


def test_where_no_run_was_sampled_there_is_a_notice_and_no_ranking_by_lock_waits() -> None:
    found = only(*(run(version, unsampled(at())) for version in ("15.1", "16.1")))
    assert [one.name for one in found.criteria] == [THROUGHPUT.name]
    assert [notice.code for notice in found.notices] == ["no-lock-waits"]


def test_run_without_any_ranking_is_not_said_to_lack_lock_waits() -> None:
    assert "no-lock-waits" not in codes(run("15.1", at()), run("16.1", at(candidates=())))


def test_many_runs_are_a_notice_since_chance_has_many_tries() -> None:
    runs = [run(f"{version}.1", at()) for version in range(10, 20)]
    (notice,) = matrix_of(runs).notices
    assert notice.text.startswith("Over 10 runs, two equal candidates may appear to swap places by chance, ")
    assert "up to 5.0 %" in notice.text
    assert not matrix_of(runs[:9]).notices
