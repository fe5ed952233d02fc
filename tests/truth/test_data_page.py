"""docs/data.md: its code, run on the example that is kept, prints what it shows; its tables are those there are."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from schemabench import frames

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|text)\n(.*?)```", PAGE, re.DOTALL)


def test_page_shows_what_its_code_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    printed = ""
    shown = 0
    for kind, block in BLOCKS:
        if kind == "python":
            assert printed == "", "what a block prints is shown below it"
            with redirect_stdout(StringIO()) as output:
                exec(compile(block, "docs/data.md", "exec"), names)  # noqa: S102 (the page's own code)
            printed = output.getvalue()
        else:
            assert block == printed, (
                "the page shows something else than its code prints: put this there, and see whether what the page "
                f"says of it is still true:\n{printed}"
            )
            printed, shown = "", shown + 1

    assert printed == ""
    assert shown == 2


def test_page_has_all_tables_with_their_columns() -> None:
    match = re.search(r"<!-- tables -->\n(?P<tables>.*?)<!-- /tables -->", PAGE, re.DOTALL)

    assert match, "docs/data.md has no <!-- tables --> ... <!-- /tables -->"
    assert match["tables"].strip() == frames.markdown()
