"""Cardinalities as a user meets them: drawn and frozen, searched, mapped, and told apart when runs are compared."""

import json

import pytest
from shop import Shop, assert_clear, said

SOON = "from schemabench.crossover import finding\n\nfinding.FULL_S = 1.0\n"
"""Has full experiments end as soon as there is an interval."""
SEARCH = """

@pytest.mark.workload("orders")
def test_winner(crossover):
    found = crossover()
    assert found.candidate == "without_index"
    assert found.probes
"""


@pytest.fixture(autouse=True)
def small(shop: Shop) -> None:
    """Have no shop of many orders: each is loaded by a call of its own."""
    shop.change("workloads/orders/__init__.py", "log_scale(100, 20_000)", "log_scale(100, 500)")
    shop.change("workloads/orders/__init__.py", "low=100, high=20_000", "low=100, high=500")


def test_command_line_draws_lists_and_maps(shop: Shop) -> None:
    drawn = shop.schemabench("cardinalities", "draw", "orders", "-n", "2")
    listed = shop.schemabench("cardinalities", "list", "orders")
    drawing = shop.schemabench("crossover", "orders", "--map", "2x2", "--budget", "8s", "--report", "map.md")

    assert (drawn.ret, listed.ret, drawing.ret) == (0, 0, 0), said(drawing)
    assert "drawn-2: drawn by Hypothesis" in said(listed)
    assert listed.outlines == drawn.outlines
    assert "orders, customers by background_orders" in said(drawing)
    assert "| customers, background_orders: | 100 | 500 |" in " ".join(shop.read("map.md").split())


def test_file_of_sizes_and_writers_is_written_changed_and_run(shop: Shop) -> None:
    shown = shop.schemabench("cardinalities", "show", "orders", "--toml")
    (text,) = ["\n".join(shown.outlines)]
    changed = text.replace("customers = 20", "customers = 7").replace('kind = "reader"', 'kind = "reader"\noff = true')
    shop.write("review.toml", changed)
    run = shop.run("--cardinality", "review.toml", "--report", "run.json", "--budget", "2s", "--candidate", "baseline")

    assert (shown.ret, run.ret) == (0, 0), said(run)
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    assert (experiment["cardinality"], experiment["origin"]) == ("review", "file")
    assert experiment["values"]["customers"] == 7
    assert [writer["name"] for writer in experiment["writers"]] == ["shop"]

    shop.write("review.toml", changed.replace("customers = 7", "costumers = 7"))
    refused = shop.run("--cardinality", "review.toml")
    assert_clear(refused, "has no field 'costumers'; did you mean 'customers'?", "review.toml:")


@pytest.mark.thorough
def test_run_at_other_sizes_is_not_compared(shop: Shop) -> None:
    shop.write("conftest.py", SOON)
    shop.write("tests/test_search.py", "import pytest" + SEARCH)
    saved = shop.run("--benchmark-autosave", "--report", "run.json", "--candidate", "without_index", "--budget", "3s")
    shop.change(
        "workloads/orders/__init__.py", "customers=20, background_orders=30", "customers=21, background_orders=30"
    )

    refused = shop.run("tests/test_orders.py", "--benchmark-compare")

    assert saved.ret == 0, said(saved)
    (search,) = json.loads(shop.read("run.json"))["schemabench"]["crossovers"]
    assert search["start"]["cardinality"] == "typical"
    assert "When the answer changes" in said(saved)
    assert not (shop.path / "workloads/orders/cardinalities.json").exists(), "only the command freezes"
    assert_clear(
        refused,
        "This run cannot be compared with",
        "orders at typical has the digest",
        "customers 21, but 20 in that run",
    )
