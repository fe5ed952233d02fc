"""The content of a report as plain data: a document of sections with paragraphs, tables and charts.

Owns the types of a report's parts. Any format draws any document: see `screen`, `flavored`, `page`, and `csv`. Must not
know a report's subject, nor the formats. A text may hold the marks of `text`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from schemabench.report.drawings import Drawing

Tone = Literal["", "less-0", "less-1", "less-2", "less-3", "more-0", "more-1", "more-2", "more-3"]
"""How far a figure is below or above the one it is compared with; empty if the two were not told apart."""


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph of prose."""

    text: str
    notes: tuple[int, ...] = ()
    """The numbers of its footnotes."""
    emphasis: Literal["", "strong", "small"] = ""


@dataclass(frozen=True, kw_only=True)
class Bullets:
    """A list, under a line that introduces it."""

    lead: str
    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A list of terms with their descriptions."""

    items: tuple[tuple[str, str], ...]
    """Term and text; terms without a text are omitted."""
    notes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Term -> the numbers of its footnotes; a term without any may be missing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple((term, text) for term, text in self.items if text))


@dataclass(frozen=True, kw_only=True)
class Verbatim:
    """Preformatted lines: SQL, a command, an error."""

    text: str
    label: str = ""
    """The text above them."""
    notes: tuple[int, ...] = ()
    """The footnotes of the label."""
    language: str = ""
    is_failure: bool = False
    """Whether they describe a failure."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a difference between two texts."""

    kind: Literal["same", "added", "removed", "gap"]
    """gap: omitted lines; its text states their number."""
    text: str
    """Changed words are marked."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The differences between two texts, line by line."""

    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    heading: str
    """The heading, with its unit."""
    short: str = ""
    """A shorter heading for narrow outputs; empty for the same."""
    align: Literal["left", "right"] = "left"
    prose: bool = False
    """Whether it holds sentences, which need more room."""
    legend: str = ""
    """An explanation of its figures beyond the heading."""
    is_name: bool = False
    """Whether it names the rows; if no column is marked, the first one does."""
    drop: int | None = None
    """The order in which columns are dropped if room is scarce: lowest first, 0 always; None for never."""
    drop_interval: int | None = None
    """The same for the intervals in its cells."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table."""

    text: str
    interval: str = ""
    """The interval of its figure."""
    below: str = ""
    """A second line: the ratio to the figure it is compared with."""
    sort: float | None = None
    """The sort key, if different from its text; None sorts last."""
    notes: tuple[int, ...] = ()
    tone: Tone = ""
    strong: bool = False
    more: "Verbatim | None" = None
    """Details that are unfolded in formats that support it, by a click on their label."""

    def __post_init__(self) -> None:
        assert self.more is None or self.more.label, "what unfolds needs a label to click on"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table."""

    caption: str
    """The caption, a sentence without its full stop."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    footer: tuple[tuple[Cell, ...], ...] = ()
    """Rows that stay below the sorted ones."""
    legend: tuple[tuple[str, str], ...] = ()
    """Signs in its cells, and their meaning."""
    notes: tuple[int, ...] = ()
    """The footnotes of the caption."""

    def __post_init__(self) -> None:
        for row in (*self.rows, *self.footer):
            assert len(row) == len(self.columns), f"a row of {self.caption!r} has not {len(self.columns)} cells"

    @property
    def intervals(self) -> int:
        """The number of columns in which any figure has an interval."""
        return sum(any(cell.interval for cell in column) for column in zip(*self.rows, strict=True))

    @property
    def named(self) -> int:
        """The index of the first column that names the rows."""
        return self.names[0]

    @property
    def names(self) -> tuple[int, ...]:
        """The indexes of all columns that identify a row."""
        return tuple(place for place, column in enumerate(self.columns) if column.is_name) or (0,)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart. Formats without charts show its table, unless another table of the section holds the same figures."""

    title: str
    """Its subject and unit."""
    description: str
    """A description for readers who cannot see it."""
    drawing: Drawing
    table: Table
    repeats: bool = False
    """Whether another table of the section holds the same figures."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Details that the reader can unfold; omitted in formats that cannot fold."""

    summary: str
    nodes: "Nodes"
    is_open: bool = False
    heading: str = ""
    """A name at the start of the summary, drawn as its own heading."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Charts that are drawn side by side if there is room."""

    charts: tuple[Chart, ...]


Node = Paragraph | Bullets | Terms | Verbatim | Difference | Table | Chart | Fold | Beside
Nodes = tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Notes:
    """Footnotes: number and text, by number."""

    items: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """The answer to one question."""

    id: str
    """Unique within its part, as in `cost`."""
    title: str
    nodes: Nodes
    brief: bool = False
    """Whether it belongs to the shortest report, too; other sections are folded if the format can, or omitted."""
    needs_charts: bool = False
    """Whether formats without charts omit it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The sections on one subject: an experiment, or a comparison of several."""

    id: str
    """Unique within the document."""
    title: str
    """A text, as in `usage at typical` with both names marked."""
    link: str = ""
    """A title short enough for a menu."""
    summary: str = ""
    setting: str = ""
    """How it was measured, in one line."""
    verdict: tuple[Paragraph, ...] = ()
    answer: Nodes = ()
    """The basis of the verdict, in a few lines."""
    findings: Nodes = ()
    """Further findings, in a few lines."""
    notes: Notes = field(default_factory=Notes)
    sections: tuple[Section, ...] = ()
    brief: bool = True
    """Whether it belongs to the shortest report, too; another one is folded if the format can, or omitted."""
    names: tuple[str, ...] = ()
    """The names that its charts distinguish, in the same order in all parts of one subject: the reference first."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report."""

    title: str
    origin: str = ""
    """The source of its figures, in one line."""
    notes: Notes = field(default_factory=Notes)
    """Footnotes that apply to every part."""
    parts: tuple[Part, ...] = ()
    sections: tuple[Section, ...] = ()
    """Sections that belong to no single part."""
    empty: str = ""
    """The text for a short report without any content."""

    @property
    def is_empty(self) -> bool:
        """Whether a short report would have no content."""
        return not self.parts and not any(section.brief for section in self.sections)


def cells(*texts: object) -> tuple[Cell, ...]:
    """Return a row of plain cells; numbers are sorted by value, and existing cells are kept."""
    return tuple(text if isinstance(text, Cell) else _cell(text) for text in texts)


def columns(*headings: str, numbers: Sequence[str] = ()) -> tuple[Column, ...]:
    """Return plain columns; those named in `numbers` are right-aligned."""
    return tuple(Column(heading=one, align="right" if one in numbers else "left") for one in headings)


def _cell(value: object) -> Cell:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(text=f"{value:,}", sort=float(value))
    return Cell(text=str(value))
