"""Any document as one HTML page: a single file, read from disk with no network.

Owns the HTML form of a document's parts. Must not know the subject of a document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from schemabench.report.page import charts, shell
from schemabench.report.page.charts import embedding
from schemabench.report.page.charts.looks import Look, looks
from schemabench.report.page.rendering import render
from schemabench.report.text import plain
from schemabench.report.tree import Chart, Document, Part

_GENERAL = "all"
"""The prefix of the ids of notes on the whole document."""


@dataclass(frozen=True)
class Place:
    """A part of the page, as the templates use it."""

    id: str
    names: tuple[str, ...] = ()
    general: frozenset[int] = frozenset()
    """The numbers of the notes that apply to all parts and are shown once."""

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """The look of each name in all charts."""
        return looks(self.names)

    def note(self, number: int) -> str:
        """Return the id of a footnote."""
        return f"{_GENERAL if number in self.general else self.id}-note-{number}"

    def specification(self, chart: Chart) -> Markup:
        """Return the specification of a chart."""
        return embedding.specification(charts.chart(chart.drawing, self.looks))

    def keys(self, found: Sequence[Chart]) -> Mapping[str, object]:
        """Return the keys above charts: the look of each name, and the meaning of signs."""
        names = dict.fromkeys(name for chart in found for name in charts.names(chart.drawing))
        signs = dict.fromkeys(sign for chart in found for sign in charts.signs(chart.drawing))
        return {"candidates": [(name, self.looks[name]) for name in names], "signs": list(signs)}


def html(document: Document) -> str:
    """Return a document as one HTML page: the verdicts first, then the evidence."""
    general = frozenset(number for number, _ in document.notes.items)
    with embedding.unchecked():
        body = render(
            "document.html.j2",
            document=document,
            parts=[(part, Place(part.id, part.names, general)) for part in document.parts],
            general=Place(_GENERAL),
        )
    return shell.document(document.title, _links(document), body)


def brief(document: Document) -> Markup:
    """Return a document as a short HTML fragment to embed in another page: verdicts, ranks, notices.

    It needs no style sheet and no script. Empty if there is no part.
    """
    return render("brief.html.j2", document=document) if document.parts else Markup()


def _links(document: Document) -> list[tuple[str, str]]:
    return [
        *([("verdict", "Verdict")] if document.parts or document.is_empty else []),
        *((part.id, _short(part)) for part in document.parts),
        *((section.id, plain(section.title)) for section in document.sections),
    ]


def _short(part: Part) -> str:
    return part.link or plain(part.title)
