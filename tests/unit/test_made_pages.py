"""Pages say what the code says, where they are made of it."""

import made_pages
import pytest


@pytest.mark.parametrize("page", made_pages.MADE)
def test_page_is_as_the_code_makes_it(page: str) -> None:
    text = (made_pages.ROOT / page).read_text(encoding="utf-8")

    assert made_pages.written(page) == text, "write it anew: python tests/made_pages.py"
