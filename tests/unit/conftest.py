"""What several tests of the page share."""

import pytest


@pytest.fixture
def short_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the library of the charts, a megabyte that is not what is tested."""
    monkeypatch.setattr("schemabench.report.page.vega.script", lambda: "/* vegaEmbed */")
