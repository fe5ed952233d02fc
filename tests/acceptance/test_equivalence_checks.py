"""Candidates beside the workload's model, as a user sees it: who is disqualified, why, and what the reports say."""

import json

import pytest
from shop import Shop, said, section

LARGEST_STANDS = """
-- name: place_order
INSERT INTO orders (order_id, customer, amount_cents)
VALUES (:order_id::bigint, :customer::text, :amount_cents::bigint)
ON CONFLICT (order_id) DO UPDATE SET amount_cents = greatest(orders.amount_cents, excluded.amount_cents);
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[Shop, pytest.RunResult]:
    """Return a run of the starter with a candidate that no burst would ever tell apart, since no order comes twice."""
    shop = Shop.open(tmp_path_factory.mktemp("checked") / "shop", environment)
    shop.candidate("largest_stands", LARGEST_STANDS)
    return shop, shop.run("--equivalence", "quick", "--report", "run.json", "--report", "run.md")


def test_only_who_disagrees_with_the_model_fails(checked: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = checked
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]

    result.assert_outcomes(passed=2, failed=1)
    assert {one["name"]: (one["status"], one["equivalence"]["agrees"]) for one in experiment["candidates"]} == {
        "baseline": ("ranked", True),
        "without_index": ("ranked", True),
        "largest_stands": ("disqualified", False),
    }


def test_its_test_shows_the_calls_as_sql_with_the_rows_that_differ(checked: tuple[Shop, pytest.RunResult]) -> None:
    _, result = checked

    result.stdout.re_match_lines(
        [
            r"largest_stands is disqualified: it fails the model check: after 2 calls, the rows of",
            r"row \d: expected \('.+', 1, \d+\), found \('.+', 1, \d+\)",
            r"To reproduce it with the schema of .*largest_stands\.sql and no rows:",
            r"-- 1\. place_order",
            r"INSERT INTO orders \(order_id, customer, amount_cents\)",
            r"VALUES \(\d::bigint, '.+'::text, \d+::bigint\)",
            r"-- 3\. totals",
            r"SELECT customer, count\(\*\), sum\(amount_cents\) FROM orders GROUP BY customer ORDER BY customer;",
        ]
    )


def test_progress_and_reports_say_that_candidates_were_checked(checked: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = checked
    sentence = "2 of 3 candidates agree with the workload's model; rows compared after each of at least"

    assert "orders typical: drawing calls for the workload's model" in said(result)
    assert sentence in " ".join(" ".join(section(result)).split())
    assert f"- equivalence: {sentence}" in shop.read("run.md")
