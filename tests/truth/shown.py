"""What a report says, read back from its text: tables by heading, and figures with how exactly they are shown.

Must not import the package: what is read back is to be compared with what others make of the same trials.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

SCALES = {
    "": 1.0, "x": 1.0, "%": 0.01, "k": 1e3, "M": 1e6, "G": 1e9,
    "B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
    "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0,
}  # fmt: skip
UNIT = "|".join(sorted(SCALES, reverse=True))
FIGURE = re.compile(rf"(?P<less><)?(?P<digits>-?\d[\d,]*(?:\.(?P<decimals>\d+))?)\s?(?P<unit>{UNIT})(?!\w)")
SIGNS = re.compile(r"[*`▲▼]|<sup>.*?</sup>| \(\d[\d,]*\)$")
"""What stands beside names and figures: emphasis, footnotes, which way a cost differs."""
Table = list[dict[str, str]]
"""A row for each candidate: heading -> cell."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number as it is shown."""

    value: float
    half: float
    """Of the last digit: by how much the number that was rounded may have been off."""

    def shows(self, exact: float) -> bool:
        """Return whether this is the exact number, rounded."""
        return abs(exact - self.value) <= self.half * (1 + 1e-6)


def figures(text: str) -> list[Figure]:
    """Return the numbers in a cell, in order: a value, perhaps a ratio, the ends of an interval."""
    found = []
    for match in FIGURE.finditer(text.replace("\xa0", " ")):
        unit = SCALES[match["unit"]]
        value, half = float(match["digits"].replace(",", "")) * unit, 0.5 * 10.0 ** -len(match["decimals"] or "") * unit
        found.append(
            Figure(value=value / 2 if match["less"] else value, half=max(half, value / 2 * bool(match["less"])))
        )
    return found


def terminal(text: str) -> Table:
    """Return the table of ranks; a later column `rank` is called for the one before it, as in `rank by locks`."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if re.match(r" *rank .* candidate ", line))
    spans = [match.span() for match in re.finditer("-+", lines[start + 1])]
    headings = [lines[start][first:last].strip() for first, last in spans]
    headings = [
        f"{one} by {headings[place - 1]}" if one in headings[:place] else one for place, one in enumerate(headings)
    ]
    rows = []
    for line in lines[start + 2 :]:
        if not line:
            break
        cells = [SIGNS.sub("", line[first:last].strip()).strip() for first, last in spans]
        rows.append(dict(zip(headings, cells, strict=True)))
    return rows


def markdown(text: str) -> list[Table]:
    """Return all tables."""
    tables: list[Table] = []
    headings: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            headings = []
            continue
        texts = [unescape(re.sub(r"\\(\W)", r"\1", cell)) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        cells = [SIGNS.sub("", text.strip()).strip() for text in texts]
        if not headings:
            headings = cells
            tables.append([])
        elif set(line) - set("|:- "):
            tables[-1].append(dict(zip(headings, cells, strict=True)))
    return tables


@dataclass
class Page(HTMLParser):
    """Collects the tables of a page, each under its caption."""

    tables: dict[str, Table] = field(default_factory=dict)
    _headings: list[str] = field(default_factory=list)
    _cells: list[str] = field(default_factory=list)
    _caption: str = ""
    _open: str = ""
    _in_footnote: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        """Begin a caption, a row or a cell."""
        if tag == "table":
            self._headings, self._caption = [], ""
        elif tag == "tr":
            self._cells = []
        elif tag in {"td", "th"}:
            self._cells.append("")
        self._in_footnote = tag == "sup" or self._in_footnote
        if tag in {"caption", "td", "th"}:
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        """Keep a row that ends."""
        if tag == self._open:
            self._open = ""
        if tag == "sup":
            self._in_footnote = False
        if tag == "tr":
            cells = [" ".join(SIGNS.sub("", cell).split()) for cell in self._cells]
            if self._headings:
                self.tables.setdefault(self._caption, []).append(dict(zip(self._headings, cells, strict=False)))
            else:
                self._headings = cells

    def handle_data(self, data: str) -> None:
        """Add to what is open."""
        if self._open == "caption":
            self._caption += data
        elif self._open and not self._in_footnote:
            self._cells[-1] += data


def page(text: str) -> dict[str, Table]:
    """Return the tables of a page by their captions."""
    reader = Page()
    reader.feed(text)
    return reader.tables


def column(table: Table, pattern: str) -> Mapping[str, str]:
    """Return a column of a table, whose heading matches, by candidate; nothing where there is none."""
    (*found,) = (heading for heading in table[0] if re.search(pattern, heading)) if table else ()
    return {row["candidate"]: row[found[0]] for row in table} if found else {}


def of_candidates(tables: Iterator[Table] | list[Table], *patterns: str) -> Table:
    """Return the first table of candidates that has a heading for each pattern."""
    for table in tables:
        headings = list(table[0]) if table else []
        if "candidate" in headings and all(any(re.search(one, other) for other in headings) for one in patterns):
            return table
    return []
