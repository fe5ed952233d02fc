"""The page around its sections: one file that makes no network requests.

Owns style, scripts and the Content-Security-Policy that admits only these. Must not know the content.
"""

import base64
import hashlib
from collections.abc import Sequence

from markupsafe import Markup

from schemabench.report.page import vega
from schemabench.report.page.rendering import render, source

_STYLES = ("style.css", "sections.css")


def document(title: str, links: Sequence[tuple[str, str]], body: Markup) -> str:
    """Return a complete page.

    Args:
        title: The title of the page.
        links: Id and title of each entry of the menu, from top to bottom.
        body: Everything below the heading, with its charts.
    """
    style = "\n".join(map(source, _STYLES))
    # Vega first: the page's own script uses it; one element, so that one hash admits both
    script = f"{vega.script()}\n{source('page.js')}" if "specification" in body else source("page.js")
    page = render(
        "shell.html.j2",
        title=title,
        links=links,
        body=body,
        style=Markup(style),  # noqa: S704 (a file of ours)
        script=Markup(script),  # noqa: S704 (files of ours and of the bundler)
        policy=_policy(script, style),
    )
    return f"{page}\n"


def _policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy: this script and this style, by their hashes.

    Style attributes are admitted, since Vega sets them on its marks; they cannot load anything, because every source of
    images and fonts is blocked. `unsafe-eval` is not needed: Vega's expressions are interpreted.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src-elem '{_digest(style)}'",
            "style-src-attr 'unsafe-inline'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    """Return the hash of an inline element in the form of a policy (Content Security Policy Level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
