"""Plans as outlines: nodes with their figures, and nothing left out but what is zero or empty."""

from schemabench.report.outline import outline

SCAN = {
    "Node Type": "Index Scan",
    "Parent Relationship": "Outer",
    "Relation Name": "daily",
    "Index Name": "daily_pkey",
    "Startup Cost": 0.42,
    "Total Cost": 8.44,
    "Plan Rows": 1,
    "Plan Width": 12,
    "Actual Startup Time": 0.03,
    "Actual Total Time": 0.6,
    "Actual Rows": 62.0,
    "Actual Loops": 1,
    "Index Cond": "(site_id = $1)",
    "Shared Read Blocks": 0,
    "Async Capable": False,
}


def test_node_stands_above_its_fields_and_its_children_further_in() -> None:
    plan = [{"Plan": {"Node Type": "Sort", "Sort Key": ["a", "b DESC"], "Plans": [SCAN]}, "Execution Time": 1.4}]
    scan = "Index Scan, relation daily, index daily_pkey (cost=0.42..8.44 rows=1 width=12) (actual time=0.03..0.6"
    assert outline(plan).splitlines() == [
        "Execution Time: 1.4",
        "Plan:",
        "    -> Sort",
        "        Sort Key: a, b DESC",
        f"        -> {scan} rows=62.0 loops=1)",
        "            Parent Relationship: Outer; Index Cond: (site_id = $1)",
    ]


def test_node_that_was_not_executed_shows_its_estimates_alone() -> None:
    planned = {key: value for key, value in SCAN.items() if not key.startswith("Actual")}
    assert outline(planned).splitlines()[0].endswith("(cost=0.42..8.44 rows=1 width=12)")


def test_figures_of_which_one_is_missing_are_shown_by_name() -> None:
    assert outline({"Node Type": "Result", "Plan Rows": 3}).splitlines() == ["-> Result", "    Plan Rows: 3"]


def test_whatever_has_fields_of_its_own_stands_below_its_name() -> None:
    found = outline({"Node Type": "Result", "Triggers": [{"Trigger Name": "kept", "Calls": 2}], "Planning": {"Hit": 0}})
    assert found.splitlines() == ["-> Result", "    Triggers:", "        Trigger Name: kept; Calls: 2"]


def test_what_is_no_plan_is_shown_as_it_is() -> None:
    assert outline("none") == "none"
    assert outline([]) == ""
