"""The ranking on pages of others: pytest-html's, and the summary of a step of GitHub's Actions."""

from pathlib import Path

import pytest
from shop import Shop


def test_ranking_stands_once_on_the_page_of_pytest_html_and_in_the_summary_of_the_step(
    shop: Shop, tmp_path: Path
) -> None:
    pytest.importorskip("pytest_html", reason="pytest-html is not installed: pip install '.[test]'")
    summary = tmp_path / "step"
    summary.write_text("# Before\n")

    result = shop.run("-n", "2", "--html", "tests.html", "--self-contained-html", GITHUB_STEP_SUMMARY=str(summary))

    assert result.ret == 0
    assert shop.read("tests.html").count("<h3>schemabench: Ranking of candidate schemas</h3>") == 1
    assert summary.read_text().startswith("# Before\n\n# Ranking of candidate schemas\n")
    assert summary.read_text().count("# Ranking of candidate schemas") == 1
