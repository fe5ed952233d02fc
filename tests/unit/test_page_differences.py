"""What differs: definitions against the baseline's, operations against what they override, plans that are not alike."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import page_reader
from fixed_run import BASELINE, NO_PLAN, RUN, USAGE, estimate, ranked, standing

from schemabench.records import CandidateResult, Experiment, Extended, StatementPlan
from schemabench.report import differences, plans
from schemabench.report.tree import Section
from schemabench.report.view import View

BASE = "-- candidate: baseline\n-- summary: one table\n\nCREATE TABLE t (id int);\n"
OTHER = "-- candidate: other\n-- summary: with a key\n\nCREATE TABLE t (id bigint);\n"
OVERRIDE = "\n-- name: insert\nINSERT INTO t VALUES (2);\n"
DEFAULTS = {"insert": "INSERT INTO t VALUES (1);\n", "read": "SELECT id FROM t;\n"}


def candidate(name: str, sql: str, *plans: StatementPlan) -> CandidateResult:
    place = standing(name, 1, BASELINE if name == "baseline" else estimate(1.1))
    return replace(ranked(place, ""), expects="", sql=sql, plans=plans)


def drawn(sql: str, base: str = BASE, defaults: dict[str, str] | None = None) -> str:
    """Return what is shown, with a sign before each line and `[]` around what is marked; without explanations."""
    candidates = (candidate("other", sql), candidate("baseline", base))
    return shown(replace(USAGE, candidates=candidates, operations_sql=DEFAULTS if defaults is None else defaults))


def shown(experiment: Experiment, section: Callable[[View], Section | None] = differences.section) -> str:
    _, _, html = page_reader.drawn(View(experiment, RUN), section).partition("</p>")
    marked = html.replace("<mark>", "[").replace("</mark>", "]")
    lines = re.sub(r"<.*?>", "", re.sub("</t[dh]>(?=<t)", " ", marked.replace("<details>", "\n"))).splitlines()
    return unescape("\n".join(line for line in lines if line.strip()))


def plan(nodes: str, *, same: bool | None, position: int = 0) -> StatementPlan:
    return StatementPlan(
        operation="read",
        position=position,
        nodes=nodes,
        summary=f"{nodes}; 3 rows, 7 blocks hit" if nodes else NO_PLAN,
        same=same,
        plan=[{"Plan": {"Node Type": nodes}}] if nodes else None,
    )


def test_definitions_are_compared_without_the_comments_at_the_top() -> None:
    assert drawn(OTHER).splitlines() == [
        "other definitions +1 -1; no overrides",
        "-CREATE TABLE t (id [int]);",
        "+CREATE TABLE t (id [bigint]);",
    ]


def test_operation_is_compared_with_the_workloads_own() -> None:
    assert drawn(BASE + OVERRIDE).splitlines() == [
        "other definitions +0 -0; 1 override",
        "Its definitions are the same as the baseline's.",
        "Overrides insert +1 -1",
        "-INSERT INTO t VALUES ([1]);",
        "+INSERT INTO t VALUES ([2]);",
    ]


def test_operation_that_the_baseline_overrides_is_compared_with_the_baselines() -> None:
    assert "-INSERT INTO t VALUES ([2]);\n+INSERT INTO t VALUES ([1]);" in drawn(BASE, BASE + OVERRIDE)


def test_operation_that_both_override_alike_does_not_differ() -> None:
    assert "no overrides" in drawn(OTHER + OVERRIDE, BASE + OVERRIDE)


def test_operation_is_shown_whole_where_the_run_file_does_not_hold_the_workloads_own() -> None:
    found = drawn(OTHER + OVERRIDE, defaults={})
    assert "The run file does not hold the workload's own SQL for it.\n+INSERT INTO t VALUES (2);" in found


def test_sql_that_cannot_be_read_is_compared_as_a_whole() -> None:
    assert "+SELECT 'never ends" in drawn(BASE + "SELECT 'never ends\n")


def test_candidate_whose_sql_is_not_in_the_run_file_says_so() -> None:
    assert drawn("") == "other no SQL in the run file"


def test_candidate_without_a_rank_says_so_beside_its_difference() -> None:
    failed = replace(candidate("other", OTHER), status="failed", standings={})
    found = shown(replace(USAGE, candidates=(failed, candidate("baseline", BASE))))
    assert found.startswith("other not ranked, failed; definitions +1 -1")


def test_sql_is_escaped_and_its_control_characters_are_seen() -> None:
    experiment = replace(
        USAGE, candidates=(candidate("other", BASE + "-- </code><b>\x1b[0m\n"), candidate("baseline", BASE))
    )
    assert "+-- &lt;/code&gt;&lt;b&gt;\\x1b[0m" in page_reader.drawn(View(experiment, RUN), differences.section)


def test_nodes_that_the_baseline_does_not_have_are_marked() -> None:
    candidates = (
        candidate("other", BASE, plan("Index Scan on t", same=False)),
        candidate("alike", BASE, plan("Seq Scan on t", same=True)),
        candidate("baseline", BASE, plan("Seq Scan on t", same=None)),
    )
    experiment = replace(USAGE, candidates=candidates)
    assert "different plans: 1 of 1" in shown(experiment)
    found = shown(experiment, plans.section)
    assert [line.strip() for line in found.splitlines() if "Scan" in line or "as the" in line] == [
        "baseline Seq Scan on t; 3 rows, 7 blocks hit",
        "-> Seq Scan on t",
        "other [Index] Scan on t; 3 rows, 7 blocks hit",
        "-> Index Scan on t",
        "alike as the baseline",
    ]


def test_statements_that_are_executed_alike_are_folded_away() -> None:
    candidates = (
        candidate("other", BASE, plan("Seq Scan", same=True), plan("", same=None, position=1)),
        candidate("baseline", BASE, plan("Seq Scan", same=None), plan("", same=None, position=1)),
    )
    found = shown(replace(USAGE, candidates=candidates), plans.section)
    assert "All statements are executed with the same plan under every candidate" in found
    assert found.count(NO_PLAN) == 1


def test_there_is_no_section_where_there_is_nothing_to_compare() -> None:
    assert differences.section(View(replace(USAGE, candidates=(candidate("baseline", BASE),)), RUN)) is None
    assert differences.section(View(replace(USAGE, candidates=(candidate("other", BASE),)), RUN)) is None


def _extending(name: str, sql: str, *above: CandidateResult) -> CandidateResult:
    extends = tuple(Extended(name=one.name, path=one.path, sql=one.sql) for one in above)
    return replace(candidate(name, sql), extends=extends)


def test_candidate_that_extends_another_is_compared_with_that_one() -> None:
    base = candidate("baseline", BASE)
    first = _extending("first", "-- extends: baseline\nCREATE INDEX ON t (id);\n" + OVERRIDE, base)
    second = _extending("second", "-- extends: first\n\nALTER TABLE t ADD n int;\n", base, first)
    experiment = replace(USAGE, candidates=(second, first, base), operations_sql=DEFAULTS)

    assert shown(experiment).splitlines() == [
        "second extends first; definitions +1 -0; no overrides",
        " CREATE TABLE t (id int);",
        " CREATE INDEX ON t (id);",
        "+ALTER TABLE t ADD n int;",
        "first extends baseline; definitions +1 -0; 1 override",
        " CREATE TABLE t (id int);",
        "+CREATE INDEX ON t (id);",
        "Overrides insert +1 -1",
        "-INSERT INTO t VALUES ([1]);",
        "+INSERT INTO t VALUES ([2]);",
    ]


def test_what_takes_no_part_is_shown_with_what_extends_it() -> None:
    base = candidate("baseline", BASE)
    first = _extending("first", "-- extends: baseline\nCREATE INDEX ON t (id);\n" + OVERRIDE, base)
    second = _extending("second", "-- extends: first\n\nALTER TABLE t ADD n int;\n", base, first)
    experiment = replace(USAGE, candidates=(second, base), operations_sql=DEFAULTS)

    assert shown(experiment).splitlines()[0] == "second extends first; definitions +2 -0; 1 override"
