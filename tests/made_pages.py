"""The parts of pages that are made of the code: options, tables of a run file, the author's interface.

Owns where they stand. To write all of them anew: `python tests/made_pages.py`.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import option_table
import reference

from schemabench import frames

ROOT = Path(__file__).parents[1]
MADE: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"options": option_table.markdown_table},
    "docs/data.md": {"tables": frames.markdown},
    "docs/reference.md": {"lines": reference.lines, "names": reference.names},
}
"""What makes each part of each page: the text from `<!-- part -->` to `<!-- /part -->`."""


def written(page: str) -> str:
    """Return the text of a page with its parts as the code makes them now; the rest of it stays.

    Raises:
        ValueError: the page has not exactly one place for a part.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    for part, make in MADE[page].items():
        made = f"<!-- {part} -->\n{make()}\n<!-- /{part} -->"
        place = rf"<!-- {part} -->\n.*?<!-- /{part} -->"
        text, count = re.subn(place, lambda _, made=made: made, text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{page} has {count} places for {part!r}: <!-- {part} --> ... <!-- /{part} -->")
    return text


if __name__ == "__main__":
    for page in MADE:
        (ROOT / page).write_text(written(page), encoding="utf-8")
