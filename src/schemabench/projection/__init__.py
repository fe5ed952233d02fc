"""What a measured series says about values beyond it: laws, their fit, and the refusal to say more.

Owns the projection. Must not measure, nor know what a candidate is: series in, figures out, the same for the same seed.
"""

from schemabench.projection.laws import USL, of_rows
from schemabench.projection.projecting import FARTHEST, Found, Point, Wording, project
from schemabench.projection.scalability import coefficients

__all__ = ["FARTHEST", "USL", "Found", "Point", "Wording", "coefficients", "of_rows", "project"]
