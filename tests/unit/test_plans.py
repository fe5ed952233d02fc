"""One line for a plan: what it names, what it folds, and that it says the same again."""

import random as randomness
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.monitor.nodes import cut, summarise
from schemabench.monitor.plans import compared
from schemabench.records import StatementPlan

Node = dict[str, Any]
OUTER = "Outer"


def node(kind: str, *children: Node, **more: object) -> Node:
    """Return a node; `Join_Type="Left"` becomes its key `Join Type`."""
    keys = {key.replace("_", " "): value for key, value in more.items()}
    below = {"Plans": [{"Parent Relationship": OUTER, **child} for child in children]} if children else {}
    return {"Node Type": kind, "Actual Rows": 1, "Actual Loops": 1, **keys, **below}


def scan(table: str, **more: object) -> Node:
    return node("Seq Scan", Relation_Name=table, **{"Alias": table, **more})


def partitions(count: int, alias: str = "item") -> list[Node]:
    return [scan(f"item_p{number}", Alias=f"{alias}_{number}") for number in range(1, count + 1)]


def nodes(plan: Node, **query: object) -> str:
    return summarise([{"Plan": plan, **query}])[0]


def figures(plan: Node, **query: object) -> str:
    line, summary = summarise([{"Plan": plan, **query}])
    return summary.removeprefix(f"{line}; ")


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (scan("item", Parallel_Aware=True), "Parallel Seq Scan on item"),
        (node("Index Scan", Index_Name="item_pkey", Relation_Name="item"), "Index Scan using item_pkey on item"),
        (
            node("Index Only Scan", Index_Name="i", Relation_Name="item", Scan_Direction="Backward"),
            "Index Only Scan Backward using i on item",
        ),
        (
            node("Bitmap Heap Scan", node("Bitmap Index Scan", Index_Name="i"), Relation_Name="item"),
            "Bitmap Heap Scan on item <- Bitmap Index Scan on i",
        ),
        (node("Function Scan", Function_Name="unnest", Alias="new"), "Function Scan on unnest"),
        (
            node("Aggregate", node("Sort", scan("item")), Strategy="Sorted", Partial_Mode="Simple"),
            "GroupAggregate <- Sort <- Seq Scan on item",
        ),
        (node("Aggregate", scan("item"), Strategy="Hashed"), "HashAggregate <- Seq Scan on item"),
        (
            node("Aggregate", scan("item"), Strategy="Plain", Partial_Mode="Finalize"),
            "Finalize Aggregate <- Seq Scan on item",
        ),
        (
            node("Hash Join", scan("a"), node("Hash", scan("b")), Join_Type="Left"),
            "Hash Left Join <- [Seq Scan on a, Hash <- Seq Scan on b]",
        ),
        (node("Nested Loop", scan("a"), scan("b"), Join_Type="Inner"), "Nested Loop <- [Seq Scan on a, Seq Scan on b]"),
        (node("Nested Loop", scan("a"), Join_Type="Anti"), "Nested Loop Anti Join <- Seq Scan on a"),
        (node("SetOp", scan("a"), Strategy="Hashed", Command="Except"), "HashSetOp Except <- Seq Scan on a"),
        (
            node("ModifyTable", node("Result"), Operation="Insert", Relation_Name="a", Conflict_Resolution="NOTHING"),
            "Insert on a (conflict: nothing) <- Result",
        ),
        (
            node("ModifyTable", scan("item_1"), Operation="Update", Relation_Name="item", Target_Tables=[{}]),
            "Update on item (1 partition) <- Seq Scan on item_1",
        ),
    ],
)
def test_nodes_are_worded_as_in_the_text_of_explain(plan: Node, line: str) -> None:
    assert nodes(plan) == line


def test_values_and_ctes_stand_beside_the_node_that_they_are_for() -> None:
    moved = node("ModifyTable", scan("batch"), Operation="Delete", Relation_Name="batch")
    plan = node(
        "ModifyTable",
        {**moved, "Parent Relationship": "InitPlan", "Subplan Name": "CTE moved"},
        {**scan("limits"), "Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 2 (returns $1)"},
        node("CTE Scan", CTE_Name="moved"),
        Operation="Insert",
        Relation_Name="daily",
    )

    assert nodes(plan) == (
        "Insert on daily with CTE moved (Delete on batch <- Seq Scan on batch) with InitPlan (Seq Scan on limits)"
        " <- CTE Scan on moved"
    )


def test_partitions_are_folded_and_counted() -> None:
    assert nodes(node("Append", *partitions(8))) == "Append of 8 x Seq Scan on item_p1 ..."
    assert nodes(node("Append", *partitions(2))) == "Append of 2 x Seq Scan on item_p1 ..."


def test_pruned_partitions_are_fewer() -> None:
    plan = node("Append", *partitions(1), Subplans_Removed=7)

    assert nodes(plan) == "Append of Seq Scan on item_p1 (7 pruned)"


def test_partitions_that_are_read_by_indexes_of_their_own_are_folded() -> None:
    parts = [
        node(
            "Bitmap Heap Scan",
            node("Bitmap Index Scan", Index_Name=f"item_p{number}_pkey"),
            Relation_Name=f"item_p{number}",
            Alias=f"item_{number}",
        )
        for number in (1, 2)
    ]

    expected = "Merge Append of 2 x (Bitmap Heap Scan on item_p1 <- Bitmap Index Scan on item_p1_pkey) ..."
    assert nodes(node("Merge Append", *parts)) == expected


def test_different_tables_are_not_folded() -> None:
    plan = node("Append", *partitions(3), scan("open"), scan("daily"))

    assert nodes(plan) == "Append of [3 x Seq Scan on item_p1 ..., Seq Scan on daily, Seq Scan on open]"


@given(st.permutations([*partitions(4), scan("open")]))
def test_the_order_of_parts_by_their_costs_does_not_matter(parts: list[Node]) -> None:
    assert nodes(node("Append", *parts)) == "Append of [4 x Seq Scan on item_p1 ..., Seq Scan on open]"


def test_partitions_that_are_read_differently_are_not_folded() -> None:
    by_index = node("Index Scan", Index_Name="item_p4_pkey", Relation_Name="item_p4", Alias="item_4")

    assert nodes(node("Append", *partitions(3), by_index)) == (
        "Append of [3 x Seq Scan on item_p1 ..., Index Scan using item_p4_pkey on item_p4]"
    )


def test_triggers_are_named_once_and_keys_by_their_constraint() -> None:
    triggers = [
        {"Trigger Name": "rollup", "Relation": "item_p1", "Calls": 1},
        {"Trigger Name": "rollup", "Relation": "item_p2", "Calls": 1},
        {"Trigger Name": "RI_ConstraintTrigger_c_16437", "Constraint Name": "item_site_fkey", "Calls": 1},
    ]
    line, summary = summarise([{"Plan": node("Result", Shared_Hit_Blocks=3), "Triggers": triggers}])

    assert line == "Result; triggers: item_site_fkey, rollup"
    assert summary == f"{line}; 1 row; 3 blocks hit (without AFTER triggers)"


def test_several_queries_of_a_rule_are_all_told() -> None:
    found = summarise([{"Plan": scan("a")}, {"Plan": scan("b", Actual_Rows=0)}])

    assert found == (
        "Seq Scan on a + Seq Scan on b",
        "Seq Scan on a; 1 row; no blocks + Seq Scan on b; 0 rows; no blocks",
    )


def test_figures_are_those_of_the_outermost_node() -> None:
    inner = scan("item", Actual_Rows=1200, Shared_Hit_Blocks=4)
    more = {"Shared Hit Blocks": 3, "Local Hit Blocks": 2, "Shared Dirtied Blocks": 1, "Temp Written Blocks": 9}
    outer = node("Limit", inner, **more, WAL_Bytes=8400, WAL_FPI=1)

    assert figures(outer) == (
        "1 row; 5 blocks hit, 1 block dirtied, 9 blocks written to temporary files, 8.20 KiB WAL, 1 full-page image"
    )


def test_rows_of_a_write_are_those_that_it_was_given() -> None:
    unread = node("ModifyTable", scan("b", Actual_Rows=9), Operation="Delete", Relation_Name="b", Actual_Rows=0)
    aside = {**unread, "Parent Relationship": "InitPlan", "Subplan Name": "CTE gone"}
    plan = node("ModifyTable", aside, scan("a", Actual_Rows=3), Operation="Delete", Relation_Name="a", Actual_Rows=0)

    assert figures(plan) == "3 rows; no blocks"


def test_mean_rows_of_several_loops_are_added_up() -> None:
    assert figures(scan("item", Actual_Rows=333.33, Actual_Loops=3)) == "1,000 rows; no blocks"


def test_writes_in_a_cte_count_once() -> None:
    cte = node("ModifyTable", Operation="Insert", Relation_Name="b", Shared_Hit_Blocks=10, WAL_Bytes=100)
    unread = {**cte, "Parent Relationship": "InitPlan", "Subplan Name": "CTE unread"}
    read = {**cte, "Parent Relationship": "InitPlan", "Subplan Name": "CTE read"}
    plan = node("Limit", unread, read, node("CTE Scan", CTE_Name="read"), Shared_Hit_Blocks=12, WAL_Bytes=110)

    assert figures(plan) == "1 row; 22 blocks hit, 210 B WAL"


def test_nodes_that_were_never_executed_and_compiled_functions_are_told() -> None:
    plan = node("Append", *partitions(2), *(scan("x", Actual_Loops=0) for _ in range(2)))

    assert figures(plan, JIT={"Functions": 23}) == "1 row; no blocks; 2 nodes never executed; JIT of 23 functions"


def planned(position: int, line: str | None, operation: str = "add") -> StatementPlan:
    plan = None if line is None else [{}]
    return StatementPlan(operation=operation, position=position, nodes=line or "", summary="", same=None, plan=plan)


def test_plans_are_compared_with_those_in_the_same_place() -> None:
    baseline = [planned(0, "Result"), planned(1, "Seq Scan on a"), planned(2, None), planned(0, "Limit", "look")]
    own = [
        planned(0, "Limit", "look"),
        planned(0, "Result"),
        planned(1, "Seq Scan on b"),
        planned(2, None),
        planned(3, "Result"),
    ]

    found = compared(own, baseline)

    assert [one.same for one in found] == [True, True, False, None, None]
    assert [one.nodes for one in found] == [one.nodes for one in own]


def test_a_plan_is_not_compared_with_the_lack_of_one() -> None:
    assert [one.same for one in compared([planned(0, None)], [planned(0, "Result")])] == [None]
    assert [one.same for one in compared([planned(0, "Result")], [planned(0, None)])] == [None]


names = st.sampled_from(["item", "item_1", "item_2", "batch", "odd name"])
optional = {
    "Alias": names,
    "Relation Name": names,
    "Index Name": names,
    "CTE Name": names,
    "Join Type": st.sampled_from(["Inner", "Left", "Semi"]),
    "Strategy": st.sampled_from(["Plain", "Sorted", "Hashed", "Mixed"]),
    "Partial Mode": st.sampled_from(["Simple", "Partial", "Finalize"]),
    "Command": st.sampled_from(["Except", "Intersect All"]),
    "Operation": st.sampled_from(["Insert", "Update", "Delete", "Merge"]),
    "Conflict Resolution": st.sampled_from(["NOTHING", "UPDATE"]),
    "Conflict Arbiter Indexes": st.lists(names, max_size=2),
    "Target Tables": st.lists(st.fixed_dictionaries({"Relation Name": names}), max_size=3),
    "Subplans Removed": st.integers(0, 3),
    "Parallel Aware": st.booleans(),
}
KINDS = ["Append", "Merge Append", "ModifyTable", "Seq Scan", "Index Scan", "Hash Join", "Aggregate", "SetOp", "Result"]
ROLES = [
    *({"Parent Relationship": relationship} for relationship in ("Outer", "Inner", "Member", "Subquery")),
    {"Parent Relationship": "InitPlan", "Subplan Name": "CTE item"},
    {"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)"},
    {"Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 3"},
]
FIGURES: Mapping[str, Callable[[randomness.Random], float]] = {
    "Actual Rows": lambda random: random.choice([0, 1, 333.33, 10**9]),
    "Actual Loops": lambda random: random.randrange(4),
    "Total Cost": lambda random: random.random(),
    "Actual Total Time": lambda random: random.random(),
    "Shared Hit Blocks": lambda random: random.randrange(10**6),
    "WAL Bytes": lambda random: random.randrange(10**9),
    "Workers Launched": lambda random: random.randrange(3),
}


def _kinds(children: st.SearchStrategy[list[Node]]) -> st.SearchStrategy[Node]:
    own = st.fixed_dictionaries({"Node Type": st.sampled_from(KINDS)}, optional={**optional, "Plans": children})
    return st.builds(lambda node, role: {**node, **role}, own, st.sampled_from(ROLES))


trees = st.recursive(_kinds(st.just([])), lambda inner: _kinds(st.lists(inner, max_size=4)), max_leaves=12)


def measured(plan: Node, random: randomness.Random) -> Node:
    """Return a plan as executed once more: other figures, and a parallel Append in another order."""
    again = deepcopy(plan)
    again.update((key, figure(random)) for key, figure in FIGURES.items() if random.random() < 0.8)
    if "Plans" in again:
        again["Plans"] = [measured(child, random) for child in again["Plans"]]
        if again["Node Type"] == "Append" and all("Subplan Name" not in child for child in again["Plans"]):
            random.shuffle(again["Plans"])
    return again


@given(trees, st.randoms(use_true_random=False))
def test_any_plan_is_one_line_that_begins_with_its_nodes(plan: Node, random: randomness.Random) -> None:
    line, summary = summarise([{"Plan": measured(plan, random)}])

    assert summary.startswith(f"{line}; ")
    assert "\n" not in summary


@given(trees, st.randoms(use_true_random=False))
def test_nodes_are_the_same_when_a_statement_is_executed_again(plan: Node, random: randomness.Random) -> None:
    assert nodes(measured(plan, random)) == nodes(measured(plan, random))


@given(trees, st.sampled_from(["Relation Name", "Index Name"]))
def test_nodes_differ_when_another_table_or_index_is_used(plan: Node, key: str) -> None:
    outer = {**plan, key: "one", "Node Type": "Index Scan"}

    assert nodes(outer) != nodes({**outer, key: "other"})


@given(st.text("ab ", max_size=90), st.text("ab ", max_size=90), st.text("ab ", max_size=90))
def test_texts_that_differ_still_do_when_they_are_cut(common: str, old: str, new: str) -> None:
    before, after = cut(common + old, common + new, 60)

    assert max(len(before), len(after)) <= 60
    assert (before == after) == (old == new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("one two", "one three", ("one two", "one three")),
        ("", "Seq Scan on item, Sort, Limit", ("", "Seq Scan on ...")),
        (f"{'a' * 30}b", f"{'a' * 30}c", (f"... {'a' * 10}b", f"... {'a' * 10}c")),
        (
            "Limit <- Sort <- Seq Scan on item",
            "Limit <- Sort <- Seq Scan on open",
            ("... Scan on item", "... Scan on open"),
        ),
    ],
)
def test_texts_are_cut_around_their_first_difference(old: str, new: str, expected: tuple[str, str]) -> None:
    assert cut(old, new, 20) == expected
