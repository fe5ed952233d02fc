"""A soak as a user starts it: the command of the page, ini file and environment, and what is refused in words."""

import json
import re
import shlex
from pathlib import Path

import pytest
from shop import Shop, said

PAGE = (Path(__file__).parents[2] / "docs" / "soak.md").read_text(encoding="utf-8")
QUICK = ("--budget", "1s", "--equivalence", "off")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Shop:
    """Return a project, for tests that do not change it."""
    return Shop.open(tmp_path_factory.mktemp("soak") / "shop", environment)


def test_the_command_of_the_page_shows_who_drifts_in_every_format(shop: Shop) -> None:
    (command,) = re.findall(r"^pytest tests/evaluation (--soak .*)$", PAGE, re.MULTILINE)
    reports = ("--report", "soak.html", "--report", "soak.md", "--report", "soak.json")
    result = shop.run(*QUICK, *shlex.split(command), "--soak", "1s", *reports)

    assert result.ret == 0
    assert "soak: 1.00 s of work each, by turns, as fast as connections allow" in " ".join(said(result).split())
    assert "Soak: what drifts while candidates work for long" in shop.read("soak.html")
    assert "What grew, from the end of the first turn" in shop.read("soak.md")
    (experiment,) = json.loads(shop.read("soak.json"))["schemabench"]["experiments"]
    assert experiment["soak"]["rounds"] == 21
    assert experiment["soak"]["settings"]["autovacuum"] == "on"
    assert 10 < len(experiment["soak"]["control"]["slices"]) <= 21, "where the machine stalls, fewer fit"
    drawn = shop.schemabench("report", "soak.json", "--table", "1-orders-typical-soak")
    assert drawn.ret == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        (("-o", "schemabench_soak=300ms", "-o", "schemabench_soak_closed=true"), {}),
        ((), {"SCHEMABENCH_SOAK": "300ms", "SCHEMABENCH_SOAK_CLOSED": "1"}),
    ],
    ids=["ini file", "environment"],
)
def test_a_soak_is_set_elsewhere_too(shop: Shop, settings: tuple[str, ...], variables: dict[str, str]) -> None:
    result = shop.run(*QUICK, "--candidate", "baseline", *settings, **variables)

    assert result.ret == 0
    assert "soak: 300 ms of work each" in said(result)


def test_several_workers_are_refused_before_anything_is_measured(shop: Shop) -> None:
    result = shop.run(*QUICK, "-n", "2", "--clients", "4", "--soak", "2s")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said(result).count("--soak needs one process, and there are 2") == 1
    assert "leave out -n, or use -n 1" in said(result)
