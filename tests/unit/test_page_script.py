"""The script that draws the charts is bundled once, and kept where the user's caches are."""

from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from schemabench.report.page import vega


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _name: tmp_path / "cache")
    vega.script.cache_clear()
    yield tmp_path / "cache"
    vega.script.cache_clear()


def test_script_is_bundled_once_and_kept_for_the_next_process(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter(["the script"])
    monkeypatch.setattr(vega, "_bundled", lambda: next(made))

    first = vega.script()
    vega.script.cache_clear()  # as another process would begin

    assert (first, vega.script()) == ("the script", "the script")
    assert [path.suffix for path in cache.iterdir()] == [".js"]


def test_script_that_cannot_be_kept_is_used_all_the_same(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_text("a file where the folder would be")
    monkeypatch.setattr(vega, "_bundled", lambda: "the script")

    assert vega.script() == "the script"
