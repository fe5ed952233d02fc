"""What a report says, as plain data: a document of sections, of paragraphs, tables and charts.

Owns the parts that a report is made of. Any format draws any document: see `screen`, `flavored`, `page`, and `csv`.
Must not know what a report is about, nor how a format draws it. A text may hold the marks of `text`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemabench.report.drawings import Drawing

Tone = Literal["", "less-0", "less-1", "less-2", "less-3", "more-0", "more-1", "more-2", "more-3"]
"""How far a figure is below or above what it is compared with; empty where the two were not told apart."""


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph of prose."""

    text: str
    notes: tuple[int, ...] = ()
    """The numbers of footnotes that limit it."""
    emphasis: Literal["", "strong", "small"] = ""


@dataclass(frozen=True, kw_only=True)
class Bullets:
    """A list, under a line that introduces it."""

    lead: str
    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Names with what there is to say of them."""

    items: tuple[tuple[str, str], ...]
    """Term and text; those without a text are left out."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple((term, text) for term, text in self.items if text))


@dataclass(frozen=True, kw_only=True)
class Verbatim:
    """Lines that stand as they are: SQL, a command, an error."""

    text: str
    label: str = ""
    """What stands above them."""
    notes: tuple[int, ...] = ()
    """Of the label."""
    language: str = ""
    is_failure: bool = False
    """Whether they say what went wrong."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a difference between two texts."""

    kind: Literal["same", "added", "removed", "gap"]
    """gap: lines that are left out, with how many they are as its text."""
    text: str
    """Words that changed are marked."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How one text differs from another, line by line."""

    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    heading: str
    """With its unit."""
    short: str = ""
    """The heading where room is scarce; empty for the same."""
    align: Literal["left", "right"] = "left"
    prose: bool = False
    """Whether it holds sentences, which need room."""
    legend: str = ""
    """What its figures are, where the heading cannot say it."""
    is_name: bool = False
    """Whether it holds what rows are about; the first column does where none is marked."""
    drop: int | None = None
    """Where room is scarce: the order in which columns are left out, the least first, 0 at once; None for never."""
    drop_interval: int | None = None
    """The same of the intervals in its cells."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table."""

    text: str
    interval: str = ""
    """Of its figure."""
    below: str = ""
    """A second line: a ratio to what the figure is compared with."""
    sort: float | None = None
    """What its column is sorted by, where that is not its text; None sorts last."""
    notes: tuple[int, ...] = ()
    tone: Tone = ""
    strong: bool = False
    more: "Verbatim | None" = None
    """What can be unfolded where a format can."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table."""

    caption: str
    """What it shows, in a sentence without its full stop."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    footer: tuple[tuple[Cell, ...], ...] = ()
    """Rows that are never sorted among the others."""
    legend: tuple[tuple[str, str], ...] = ()
    """Signs in its cells, and what they stand for."""

    def __post_init__(self) -> None:
        for row in (*self.rows, *self.footer):
            assert len(row) == len(self.columns), f"a row of {self.caption!r} has not {len(self.columns)} cells"

    @property
    def named(self) -> int:
        """The place of the first column that holds what rows are about."""
        return self.names[0]

    @property
    def names(self) -> tuple[int, ...]:
        """The places of all columns that it takes to tell what a row is about."""
        return tuple(place for place, column in enumerate(self.columns) if column.is_name) or (0,)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart. Formats that draw none show its table, unless another table of the section holds the same figures."""

    title: str
    """What it shows, and in which unit."""
    description: str
    """What there is to see in it, for who cannot."""
    drawing: Drawing
    table: Table
    repeats: bool = False
    """Whether another table of the section holds the same figures."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """What is unfolded by who wants to know it: left out where nothing can be unfolded."""

    summary: str
    nodes: "Nodes"
    is_open: bool = False
    heading: str = ""
    """A name that the summary begins with, as a heading of its own."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Charts that stand side by side where there is room."""

    charts: tuple[Chart, ...]


Node = Paragraph | Bullets | Terms | Verbatim | Difference | Table | Chart | Fold | Beside
Nodes = tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Footnotes: number and text, by number."""

    items: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """What one question is answered with."""

    id: str
    """Unique within its part, as in `cost`."""
    title: str
    nodes: Nodes
    brief: bool = False
    """Whether it belongs to the shortest report, too; others are folded where a format can, or left out."""
    needs_charts: bool = False
    """Whether formats that draw no charts leave it out."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """All on one subject: an experiment, or a comparison of several."""

    id: str
    """Unique within the document."""
    title: str
    """A text, as in `usage at typical` with both names marked."""
    link: str = ""
    """The title in as few words as a menu has room for."""
    summary: str = ""
    setting: str = ""
    """How it came about, in a line."""
    verdict: tuple[Paragraph, ...] = ()
    answer: Nodes = ()
    """What the verdict rests on, in a few lines."""
    findings: Nodes = ()
    """What else is worth knowing, in a few lines."""
    notes: Notes = field(default_factory=Notes)
    sections: tuple[Section, ...] = ()
    names: tuple[str, ...] = ()
    """The names that its charts tell apart, in an order that is the same in all parts of one subject: first what the
    others are compared with."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report."""

    title: str
    origin: str = ""
    """Where its figures are from, in a line."""
    notes: Notes = field(default_factory=Notes)
    """Those that hold for every part."""
    parts: tuple[Part, ...] = ()
    sections: tuple[Section, ...] = ()
    """What belongs to no part alone."""
    empty: str = ""
    """What is said where there is nothing that a short report would show."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that a short report would show."""
        return not self.parts and not any(section.brief for section in self.sections)


def cells(*texts: object) -> tuple[Cell, ...]:
    """Return a row of plain cells, figures sorted by what they are; what is a cell already is left as it is."""
    return tuple(text if isinstance(text, Cell) else _cell(text) for text in texts)


def columns(*headings: str, numbers: Sequence[str] = ()) -> tuple[Column, ...]:
    """Return plain columns; those that `numbers` names are set flush right."""
    return tuple(Column(heading=one, align="right" if one in numbers else "left") for one in headings)


def _cell(value: object) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(text=f"{value:,}", sort=float(value))
    return Cell(text=str(value))
