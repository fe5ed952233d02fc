"""Pages on run files: their code, run on kept examples, prints what they show."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("page", "outputs"), [("data.md", 2), ("run-file.md", 1)])
def test_page_shows_what_its_code_prints(page: str, outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    printed = ""
    shown = 0
    for kind, block in re.findall(r"```(python|text)\n(.*?)```", text, re.DOTALL):
        if kind == "python":
            assert printed == "", "what a block prints is shown below it"
            with redirect_stdout(StringIO()) as output:
                exec(compile(block, page, "exec"), names)  # noqa: S102 (the page's own code)
            printed = output.getvalue()
        else:
            assert block == printed, (
                "the page shows something else than its code prints: put this there, and see whether what the page "
                f"says of it is still true:\n{printed}"
            )
            printed, shown = "", shown + 1

    assert printed == ""
    assert shown == outputs
