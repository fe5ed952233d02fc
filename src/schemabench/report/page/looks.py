"""What a candidate looks like in every chart of the page: colour, shape and dash.

Owns which candidate has which; told apart by shape and dash, too, for who sees no colours. Must not draw anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt

from schemabench.records import Run
from schemabench.report.verdict import BASELINE

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
_BASELINE_COLOUR = "var(--baseline)"
_BASELINE_SHAPE = "M-.35,-1.1H.35V1.1H-.35Z"
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


def looks(run: Run, workload: str) -> dict[str, Look]:
    """Return the look of each candidate of a workload: the same in all of its experiments, whatever the ranks.

    Those that were ranked come first, so that what a chart compares differs in colour as long as there are enough.
    """
    results = [
        result
        for experiment in run.experiments
        if experiment.workload == workload
        for result in experiment.candidates
        if result.name != BASELINE
    ]
    ranked = {result.name for result in results if result.standing}
    others = sorted({result.name for result in results}, key=lambda name: (name not in ranked, name))
    baseline = Look(colour=_BASELINE_COLOUR, shape=_BASELINE_SHAPE, dash=_DASHES[0])
    return {BASELINE: baseline} | {name: _look(number) for number, name in enumerate(others)}


def scale(known: Mapping[str, Look], names: Sequence[str], channel: Literal["colour", "shape", "dash"]) -> alt.Scale:
    """Return the scale that draws some candidates as they look."""
    return alt.Scale(domain=list(names), range=[getattr(known[name], channel) for name in names])


def _look(number: int) -> Look:
    return Look(
        colour=f"var(--candidate-{number % COLOURS + 1})",
        shape=_SHAPES[number % len(_SHAPES)],
        dash=_DASHES[number % len(_DASHES)],
    )
