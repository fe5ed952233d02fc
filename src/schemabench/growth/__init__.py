"""How candidates grow: experiments at a ladder of sizes, and what follows from them."""

from schemabench.growth.axis import Over, over
from schemabench.growth.command import add_growth, prepared

__all__ = ["Over", "add_growth", "over", "prepared"]
