"""The script that draws the charts, as it was bundled when the package was built."""

import re
from pathlib import Path

import altair as alt
import pytest

from schemabench.errors import UsageError
from schemabench.report.page import vega


def test_script_draws_the_major_version_of_vega_lite_that_charts_are_written_in() -> None:
    heading, _, libraries = vega.script().partition("\n")
    bundled = re.search(r"Vega-Lite (\d+)\.(\d+)", heading)

    assert bundled
    assert alt.SCHEMA_VERSION.startswith(f"v{bundled[1]}.")
    assert re.search(rf'"{bundled[1]}\.{bundled[2]}\.\d+"', libraries), "and it is what the heading says"


def test_script_neither_ends_its_element_nor_opens_a_comment_in_it() -> None:
    assert not re.findall(r"</script|<!--", vega.script(), re.IGNORECASE)


def test_script_loads_no_other() -> None:
    assert not re.findall(r"\bimport\s*\(|\bimportScripts\b|<script|\bnew Worker\b", vega.script())


def test_missing_script_is_an_error_that_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vega, "FILE", tmp_path / "vega.js")

    with pytest.raises(UsageError, match=r"vega\.js") as caught:
        vega.script()

    assert "pip install --editable ." in str(caught.value)
