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


def test_readme_shows_results() -> None:
    assert TITLES


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
