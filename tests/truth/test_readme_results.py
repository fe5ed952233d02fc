"""The results that README.md shows are those of run files that are kept, drawn as a terminal shows them."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest

from schemabench import report

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "reports" / "example"
SHOWN = re.search(r"<!-- result -->\n(.*?)<!-- /result -->", README, re.DOTALL)
BLOCKS = re.findall(r"```text\n(.*?)```", SHOWN[1] if SHOWN else "", re.DOTALL)
TITLES = [block.partition("\n")[0] for block in BLOCKS]
"""As in `usage at worst`: its run file is `usage_at_worst.json.gz`."""
EXCERPT = re.search(r"<!-- excerpt -->\n```text\n(.*?)```\n<!-- /excerpt -->", README, re.DOTALL)
LEFT_OUT = "..."
"""Stands for lines of a result that an excerpt of it does not show."""


def test_readme_shows_results() -> None:
    assert TITLES


def test_the_excerpt_on_the_first_screen_is_of_the_first_result() -> None:
    assert EXCERPT, "README.md has no <!-- excerpt --> ... <!-- /excerpt -->"
    lines = [line for line in EXCERPT[1].splitlines() if line != LEFT_OUT]
    remaining = iter(BLOCKS[0].splitlines())

    assert lines
    assert [line for line in lines if line not in remaining] == []


@pytest.mark.parametrize(("title", "block"), list(zip(TITLES, BLOCKS, strict=True)), ids=TITLES)
def test_a_result_in_readme_is_that_of_its_run_file(title: str, block: str, tmp_path: Path) -> None:
    kept = EXAMPLES / f"{title.replace(' ', '_')}.json.gz"
    assert kept.exists(), (
        f"README.md shows '{title}', and the run file that it came from is not kept: measure again with "
        "`--report run.json`, put what the terminal shows of this experiment into README.md, and "
        f"`gzip -9 -n < run.json > {kept.relative_to(ROOT)}`"
    )
    run_file = tmp_path / "run.json"
    run_file.write_bytes(gzip.decompress(kept.read_bytes()))

    run = report.read(run_file)
    shown = tuple(one for one in run.experiments if f"{one.workload} at {one.cardinality}" == title)

    assert report.terminal(replace(run, experiments=shown)).strip() == block.strip()
