"""What docs/growth.md tells people to type works in the project that `schemabench init` writes."""

import re
import shlex
from functools import partial
from pathlib import Path

import pytest
from shared_server import UNREACHABLE
from shop import Shop, assert_clear, said

from schemabench.report import read

PAGE = (Path(__file__).parents[2] / "docs" / "growth.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"<!-- commands -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
QUICK = "--over rows"
"""In the command that is tried in every session of tests."""
SHORT = ("--budget", "8s", "--precision", "0.5")
"""Enough for a step or some, with the fewest blocks."""
AXES = {"rows": "background_orders", "clients": "clients", "round-trip": "round trip (ms)", "customers": "customers"}
"""As a command names them, and as its report does."""
COMMANDS = [
    pytest.param(shlex.split(line), id=line, marks=[] if QUICK in line else [pytest.mark.thorough])
    for line in BLOCK.splitlines()
]


@pytest.fixture
def shop(tmp_path: Path, environment: dict[str, str]) -> Shop:
    """Return the project."""
    return Shop.open(tmp_path / "shop", environment)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_draws_a_curve(shop: Shop, words: list[str]) -> None:
    result = shop.schemabench(*words[1:], *SHORT)

    assert result.ret == 0
    assert f"orders over {AXES[words[words.index('--over') + 1]]}" in said(result)
    assert max(map(len, result.outlines)) <= 80
    for place, word in enumerate(words):
        if word == "--report":
            assert (shop.path / words[place + 1]).stat().st_size > 1_000
    if "growth.json" in words:
        (growth,) = read(shop.path / "growth.json").growths
        assert growth.steps[0].value == 30
        assert growth.steps[0].figures[0].calls_per_s


def test_an_axis_that_there_is_not_is_told_without_a_server(shop: Shop) -> None:
    told = partial(shop.schemabench, "growth", "orders", "--over", SCHEMABENCH_POSTGRES=UNREACHABLE)
    both = told("clients", "--clients", "8")
    assert_clear(both, "--over clients sets the connections of each step", "leave out --clients", "--to 8")
    assert_clear(told("customer"), "did you mean 'customers'")
    assert_clear(told("rows", "--to", "1x"), "does not reach beyond")
    assert_clear(told("rows", "--cardinality", "all"), "starts at one cardinality")
