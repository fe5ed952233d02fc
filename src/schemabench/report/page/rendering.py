"""The page's templates: HTML in which every value is escaped unless it is `Markup`.

Owns loading and rendering of templates, and the form of a text. Must not hold any text of the page: that is in
`templates/`.
"""

import math
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from schemabench.report import tree
from schemabench.report.characters import TAB_COLUMNS, escaped
from schemabench.report.text import capital, plain, spans

_NODES = (
    tree.Paragraph,
    tree.Bullets,
    tree.Terms,
    tree.Verbatim,
    tree.Difference,
    tree.Table,
    tree.Chart,
    tree.Fold,
    tree.Beside,
)
_ELEMENTS = {"name": "code", "changed": "mark"}
_UNBROKEN_PERCENT = "\u00a0%"
"""Keeps a figure and its sign on one line."""
_DIGITS = 6
"""Significant digits of a sort key: more than any cell shows."""


def render(template: str, **values: object) -> Markup:
    """Return a rendered template, as in `render("shell.html.j2", title=title)`."""
    return Markup(_environment().get_template(template).render(values))  # noqa: S704 (autoescape is on)


def source(name: str) -> str:
    """Return the unchanged text of a file in the templates' folder, as in `source("style.css")`."""
    environment = _environment()
    assert environment.loader is not None, "the environment has a loader"
    text, _, _ = environment.loader.get_source(environment, name)
    return text


def drawn(text: str) -> Markup:
    """Return a text, escaped, with names as code and changes marked."""
    return Markup().join(_span(span.text, _ELEMENTS.get(span.kind, "")) for span in spans(text))


def key(cell: tree.Cell) -> str:
    """Return the sort key of a cell, as written in the page; empty for none."""
    return f"{cell.sort:.{_DIGITS}g}" if cell.sort is not None and math.isfinite(cell.sort) else ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("schemabench.report.page"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"drawn": drawn, "plain": plain, "key": key, "sentence": capital}
    environment.tests |= {kind.__name__.lower(): lambda node, kind=kind: isinstance(node, kind) for kind in _NODES}
    return environment


def _span(text: str, element: str) -> Markup:
    shown = escape(escaped(text.expandtabs(TAB_COLUMNS)).replace(" %", _UNBROKEN_PERCENT))
    return Markup("<{0}>{1}</{0}>").format(Markup(element), shown) if element else shown  # noqa: S704 (one of ours)


def _printable(value: object) -> object:
    """Return a value for a template: text with invisible and control characters escaped, other values unchanged."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(escaped, value.expandtabs(TAB_COLUMNS).splitlines()))
    return value
