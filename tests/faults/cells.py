"""What is found in a cell of the table of faults, and the table itself, as Markdown.

Owns which words of a run's output tell of a fault. Must not know how a fault comes about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- faults -->", "<!-- /faults -->"
_SHOWN_CHARACTERS = 120
_WORDS = (
    "was interrupted",
    "cannot be written",
    "was killed",
    "is gone",
    "was stopped",
    "died",
    "is failed: ",
    "KeyboardInterrupt",
)
_TELLS = re.compile(rf"has no result: (?P<reason>.+)|(?P<line>.*({'|'.join(_WORDS)}).*)")
_ADDRESSES = re.compile(r"sb_[0-9a-f]{8}|\(process \d+\)|port \d+|/[\w./-]*/(?=\w)|\d+(\.\d+)? m?s\b")
"""What differs from run to run."""
_BEFORE = re.compile(r"^(!+ ((schemabench\.errors|xdist\.dsession)\.\w+: )?|\(\d+\) |E +)")
"""What pytest puts before a sentence."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What became of a run that met a fault."""

    fault: str
    kind: str
    kept: tuple[str, ...]
    """The finished experiments in the run file."""
    told: str
    """The first line that tells of the fault."""
    seconds: float
    """From the fault to the end of the run."""
    left: tuple[str, ...]
    """What stayed behind, which the next run removed."""


def told(output: str) -> str:
    """Return the first line of a run's output that tells of a fault; empty if there is none."""
    for line in output.splitlines():
        if match := _TELLS.search(line):
            sentence = (
                _BEFORE.sub("", (match["reason"] or match["line"]).strip()).rstrip("! ").removesuffix(" (see above)")
            )
            text = _ADDRESSES.sub("...", sentence).replace("|", "\\|")
            return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return ""


def put(path: Path, cells: Sequence[Cell]) -> None:
    """Write a table into a page, in place of the one between its marks."""
    rows = [
        f"| {one.fault} | {one.kind} | {' and '.join(one.kept) or 'none'} | {one.told} | {one.seconds:.0f} | "
        f"{', '.join(one.left) or 'nothing'} |"
        for one in sorted(cells, key=lambda one: one.fault)
    ]
    head = ["| fault | server | kept | first line | seconds | left until the next run |", "|---|---|---|---|---|---|"]
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text("\n".join([f"{before}{BEGIN}", *head, *rows, f"{END}{after}"]), encoding="utf-8")
