"""The workload of docs/parts.md with its candidates, as the page has them.

Owns the reading of the page.
"""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "parts.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def module() -> str:
    """Return the text of the workload's `__init__.py`."""
    (text,) = _blocks("python")
    return text


def operations() -> str:
    """Return the text of `operations.sql`."""
    return _blocks("sql")[0]


def candidates() -> dict[str, str]:
    """Return the text of each candidate's file, by name."""
    texts = _blocks("sql")[1:]
    return {text.partition("-- candidate: ")[2].partition("\n")[0]: text for text in texts}
