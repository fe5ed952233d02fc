"""A sign in a chart, with the text of its key."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A sign with the same form in all charts."""

    name: str
    colour: str
    """A CSS colour."""
    shape: str
    """The path of an SVG, in a square from -1 to 1."""
