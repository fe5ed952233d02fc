"""Distributions of values for workloads: which row a call is about, and what a column holds.

    from schemabench.values import Choice, Zipf

    plan = Choice({"free": 0.8, "paid": 0.2}).draw(random)
    tenant = Zipf(1.1).draw(1_000, random)                       # a place below 1,000, low ones more often

Everything random comes from the `random.Random` that the caller has, one `random.random()` for each value, so that a
seed repeats a burst. Rows of a background need none: a `Table` knows its rows by their places, and so can say again
which key a row has.
"""

from schemabench.values.columns import (
    Ascending,
    AtLeast,
    Column,
    Dated,
    Drawn,
    Elements,
    Fixed,
    Identified,
    Listed,
    Maybe,
    Met,
    Numbered,
    Reference,
    Related,
    Spot,
)
from schemabench.values.distributions import Choice, Distribution, Histogram, Mixed
from schemabench.values.keys import Combination, Digit, Matching
from schemabench.values.made_up import Document, Network, Octets, Words, filled
from schemabench.values.scattering import scattered, share_of
from schemabench.values.skews import Even, Geometric, Hot, Power, Recent, Shares, Skew, Zipf
from schemabench.values.tables import Table

__all__ = [
    "Ascending",
    "AtLeast",
    "Choice",
    "Column",
    "Combination",
    "Dated",
    "Digit",
    "Distribution",
    "Document",
    "Drawn",
    "Elements",
    "Even",
    "Fixed",
    "Geometric",
    "Histogram",
    "Hot",
    "Identified",
    "Listed",
    "Matching",
    "Maybe",
    "Met",
    "Mixed",
    "Network",
    "Numbered",
    "Octets",
    "Power",
    "Recent",
    "Reference",
    "Related",
    "Shares",
    "Skew",
    "Spot",
    "Table",
    "Words",
    "Zipf",
    "filled",
    "scattered",
    "share_of",
]
