"""A section of the page: what one question about an experiment is answered with.

Owns the shape that all sections share. Must not know what any of them shows. A module of a section offers
`section(experiment, run)`, which returns a `Section`, or None where the run holds nothing to show in it.
"""

import re
from dataclasses import dataclass

from markupsafe import Markup

from schemabench.records import Experiment, Run

_NO_LINK = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of one experiment, drawn."""

    id: str
    """Unique within an experiment, as in `cost`; the page puts the experiment's own id before it."""
    title: str
    """As the heading and the link to it say it, as in `Cost`."""
    html: Markup
    """What stands below the heading; headings in it begin at `<h4>`, and it holds no ids of its own."""


def anchor(experiment: Experiment, run: Run) -> str:
    """Return the id of an experiment on the page, as in `1-usage-typical`."""
    named = _NO_LINK.sub("-", f"{experiment.workload}-{experiment.cardinality}".lower()).strip("-")
    return f"{run.experiments.index(experiment) + 1}-{named}"
