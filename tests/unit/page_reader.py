"""Reads a page as a browser would, as far as the standard library can: elements, ids, links, scripts."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from schemabench.report import page
from schemabench.report import view as report_view
from schemabench.report.tree import Document, Notes, Part, Section
from schemabench.report.view import View

VOID = {"meta", "br", "img", "link", "input", "hr"}
"""Elements of the page's own that have no end."""


@dataclass
class Element:
    """One element, with the text that stands in it directly."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    inside: str = ""
    """The name of the element that it stands in."""


@dataclass
class Reader(HTMLParser):
    """Collects the elements of a page; what is not closed in order is an error."""

    elements: list[Element] = field(default_factory=list)
    _open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and wait for its end."""
        inside = self._open[-1].name if self._open else ""
        element = Element(tag, {name: value or "" for name, value in attrs}, inside=inside)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that ends at once."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """Refuse an end that is not that of the element begun last."""
        assert self._open[-1].name == tag, f"</{tag}> closes <{self._open[-1].name}>, line {self.getpos()[0]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Add to the text of the innermost element."""
        if self._open:
            self._open[-1].text += data

    def named(self, *names: str) -> list[Element]:
        """Return the elements of some names, in order."""
        return [element for element in self.elements if element.name in names]

    def specifications(self) -> list[dict[str, Any]]:
        """Return what each chart is drawn from."""
        scripts = [one for one in self.named("script") if one.attributes.get("class") == "specification"]
        return [json.loads(script.text) for script in scripts]


def drawn(view: View, section: Callable[[View], Section | None]) -> str:
    """Return what the page shows of one section of an experiment, without its heading."""
    found = section(view)
    assert found is not None
    names = report_view.names(view.run, view.experiment.workload)
    part = Part(id="1", title="one", notes=notes(view), sections=(found,), names=names)
    html = page.html(Document(title="one", parts=(part,)))
    _, begin, rest = html.partition(f'<h3 id="1-{found.id}-title">')
    assert begin
    return rest.partition("</h3>")[2].partition("</section>")[0]


def notes(view: View) -> Notes:
    """Return all notes that an experiment may refer to."""
    return Notes(items=tuple((number, notice.text) for notice, number in view.numbers.items()))


def read(html: str) -> Reader:
    """Return what stands on a page, all of whose elements are closed in order."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert not reader._open, f"never closed: {[element.name for element in reader._open]}"
    return reader
