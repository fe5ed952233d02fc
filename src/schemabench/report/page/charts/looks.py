"""What a candidate looks like in every chart of the page: colour, shape and dash.

Owns which candidate has which; told apart by shape and dash, too, for who sees no colours. Must not draw anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt

COLOURS = 7
"""Of the style sheet, `--candidate-1` to `--candidate-7`, after Okabe & Ito 2008, "Color Universal Design"; darker on
white where theirs has a contrast below 3:1. From the eighth candidate on they come again, with another shape."""
_SHAPES = (
    "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z",  # circle
    "M-.9,-.9H.9V.9H-.9Z",  # square
    "M0,-1L1,.8H-1Z",  # triangle that points up
    "M0,-1.2L.9,0L0,1.2L-.9,0Z",  # diamond
    "M0,1L1,-.8H-1Z",  # triangle that points down
    "M-.4,-1H.4V-.4H1V.4H.4V1H-.4V.4H-1V-.4H-.4Z",  # cross
)
"""In a square from -1 to 1, as SVG and Vega both read them; six, so that colours and shapes pair up anew each round."""
_DASHES = ((1, 0), (6, 2), (2, 2), (8, 2, 2, 2), (12, 3))
_REFERENCE_COLOUR = "var(--baseline)"
_REFERENCE_SHAPE = "M-.35,-1.1H.35V1.1H-.35Z"
"""A bar, upright as the line at 1 that its ratio is."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one candidate is drawn."""

    colour: str
    """As in style sheets."""
    shape: str
    """Of its points: the path of an SVG, in a square from -1 to 1."""
    dash: tuple[int, ...]
    """Of its lines: lengths of strokes and of gaps, in pixels."""


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return the look of each name, by its place: the first, with which others are compared, looks like no other.

    Those that charts compare most should come next, so that they differ in colour as long as there are enough.
    """
    reference = Look(colour=_REFERENCE_COLOUR, shape=_REFERENCE_SHAPE, dash=_DASHES[0])
    return dict(zip(names[:1], [reference], strict=False)) | {name: _look(at) for at, name in enumerate(names[1:])}


def scale(known: Mapping[str, Look], names: Sequence[str], channel: Literal["colour", "shape", "dash"]) -> alt.Scale:
    """Return the scale that draws some candidates as they look."""
    return alt.Scale(domain=list(names), range=[getattr(known[name], channel) for name in names])


def _look(number: int) -> Look:
    return Look(
        colour=f"var(--candidate-{number % COLOURS + 1})",
        shape=_SHAPES[number % len(_SHAPES)],
        dash=_DASHES[number % len(_DASHES)],
    )
