"""The page's templates: HTML whose every value is escaped unless it is `Markup`.

Owns how templates are found and filled in. Must not hold any text of the page: that is in `templates/page/`.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from schemabench.report.characters import TAB_COLUMNS, escaped


def render(template: str, **values: object) -> Markup:
    """Return a template of `templates/page/` filled in, as in `render("cost.html.j2", rows=rows)`."""
    return Markup(_environment().get_template(f"page/{template}").render(values))  # noqa: S704 (autoescape is on)


def source(name: str) -> str:
    """Return a file of `templates/page/` as it is, as in `source("style.css")`."""
    environment = _environment()
    assert environment.loader is not None, "the environment has a loader"
    text, _, _ = environment.loader.get_source(environment, f"page/{name}")
    return text


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("schemabench.report"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _printable(value: object) -> object:
    """Return what a template prints: text with its invisible and control characters as escapes, the rest as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return "\n".join(map(escaped, value.expandtabs(TAB_COLUMNS).splitlines()))
    return value
