"""Pages say what the code says, where they are made of it."""

from pathlib import Path

import made_pages
import pytest


@pytest.mark.parametrize("page", made_pages.MADE)
def test_page_is_as_the_code_makes_it(page: str) -> None:
    text = (made_pages.ROOT / page).read_text(encoding="utf-8")

    assert made_pages.written(page) == text, "write it anew: python tests/made_pages.py"


def test_a_page_with_two_places_for_a_part_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text("<!-- rows -->\n<!-- /rows -->\nkept\n<!-- rows -->\n<!-- /rows -->\n")
    monkeypatch.setattr(made_pages, "ROOT", tmp_path)
    monkeypatch.setattr(made_pages, "MADE", {"page.md": {"rows": lambda: "made"}})

    with pytest.raises(ValueError, match="has 2 places for 'rows'"):
        made_pages.written("page.md")
