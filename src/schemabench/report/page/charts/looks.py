"""The look of each candidate in every chart of the page: colour, shape and dash.

Owns the assignment of looks; shape and dash differ, too, for readers who cannot see colours. Must not draw anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt

COLOURS = 7
"""Colours of the style sheet, `--candidate-1` to `--candidate-7`, after Okabe & Ito 2008, "Color Universal Design";
darker on white if theirs has a contrast below 3:1. From the eighth candidate on they repeat, with another shape."""
_SHAPES = (
    "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z",  # circle
    "M-.9,-.9H.9V.9H-.9Z",  # square
    "M0,-1L1,.8H-1Z",  # triangle that points up
    "M0,-1.2L.9,0L0,1.2L-.9,0Z",  # diamond
    "M0,1L1,-.8H-1Z",  # triangle that points down
    "M-.4,-1H.4V-.4H1V.4H.4V1H-.4V.4H-1V-.4H-.4Z",  # cross
)
"""Paths in a square from -1 to 1 that both SVG and Vega accept; six of them, so that each repetition of the colours has
other shapes."""
_DASHES = ((1, 0), (6, 2), (2, 2), (8, 2, 2, 2), (12, 3))
_REFERENCE_COLOUR = "var(--baseline)"
_REFERENCE_SHAPE = "M-.35,-1.1H.35V1.1H-.35Z"
"""The baseline's shape: a vertical bar, like the line at its ratio of 1."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The look of one candidate."""

    colour: str
    """A CSS colour."""
    shape: str
    """The shape of its points: an SVG path in a square from -1 to 1."""
    dash: tuple[int, ...]
    """The dash pattern of its lines: lengths of strokes and gaps, in pixels."""


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return the look of each name by its position; the first, the reference of the comparison, has a unique look.

    The names that charts compare most should come next: they get distinct colours while these last.
    """
    reference = Look(colour=_REFERENCE_COLOUR, shape=_REFERENCE_SHAPE, dash=_DASHES[0])
    return dict(zip(names[:1], [reference], strict=False)) | {name: _look(at) for at, name in enumerate(names[1:])}


def scale(known: Mapping[str, Look], names: Sequence[str], channel: Literal["colour", "shape", "dash"]) -> alt.Scale:
    """Return the scale that maps candidates to their looks."""
    return alt.Scale(domain=list(names), range=[getattr(known[name], channel) for name in names])


def _look(number: int) -> Look:
    return Look(
        colour=f"var(--candidate-{number % COLOURS + 1})",
        shape=_SHAPES[number % len(_SHAPES)],
        dash=_DASHES[number % len(_DASHES)],
    )
