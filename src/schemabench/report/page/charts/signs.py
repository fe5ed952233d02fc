"""A sign of a chart, as its key explains it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sign:
    """Something that is drawn alike wherever it is."""

    name: str
    colour: str
    """As in style sheets."""
    shape: str
    """The path of an SVG, in a square from -1 to 1."""
