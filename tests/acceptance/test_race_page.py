"""What docs/racing.md tells people to type: a race, and what does not go with one."""

import json
import re
import shlex
from pathlib import Path

import pytest
from shop import Shop, assert_clear, said

PAGE = (Path(__file__).parents[2] / "docs" / "racing.md").read_text(encoding="utf-8")
TOTAL = "-- name: customer_total\n"
PAUSED = f"{TOTAL}SELECT pg_sleep(0.005);\n"
ASKED = "SELECT count(*), sum(amount_cents) FROM orders WHERE customer = :customer::text;\n"
SLOW = f"\n{TOTAL}SELECT pg_sleep(0.015);\n{ASKED}"
"""Slower by a factor, which hardly depends on the machine, and not far slower."""


@pytest.fixture
def command() -> list[str]:
    """Return the arguments of the page's command, of one candidate: once it has left, the race is over."""
    (found,) = re.findall(r"^pytest (--race.*)$", PAGE, re.MULTILINE)
    return [*shlex.split(found), "--candidate", "slow"]


def test_the_command_of_the_page_says_who_left_and_on_what(shop: Shop, command: list[str]) -> None:
    shop.change("workloads/orders/operations.sql", TOTAL, PAUSED)
    shop.candidate("slow", SLOW)
    made = shop.run(*command, "--equivalence", "off", "--burst", "24", "--report", "run.json")
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    left = {one["name"]: one["retired"]["rule"] for one in experiment["candidates"] if one.get("retired")}

    assert (experiment["race"], experiment["stopped"]) == (3, "decided")
    assert left == {"slow": "race"}
    assert "Left the race, proved slower than the leader: slow." in said(made)
    assert "Who left the race, and on what" in said(made)


def test_a_race_is_refused_where_further_criteria_are_weighed(shop: Shop) -> None:
    made = shop.run("--race", "--criteria", "throughput,wal_bytes")

    assert_clear(made, "--race decides by throughput alone", "no place by wal_bytes", "leave out --race")
