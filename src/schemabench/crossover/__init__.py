"""Where the ranking changes: a search over cardinalities, and a map over two of their fields."""

from schemabench.crossover.command import add_map, add_search, searched
from schemabench.crossover.laboratory import Laboratory

__all__ = ["Laboratory", "add_map", "add_search", "searched"]
