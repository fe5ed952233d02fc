"""The nodes of parse trees.

Owns their lack of types: every field of a node may be None for pglast, while the grammar says which never is. Owns how
deep a tree may be: whoever walks through one, or prints one, calls itself for each level.
"""

from typing import Any

import pglast.ast

ast: Any = pglast.ast
"""The classes of nodes, as in `ast.SelectStmt`."""

DEEPEST = 100
"""Levels of nodes. Python allows 1,000 calls within each other, and printing a level takes up to six."""
TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"


def is_deep(root: Any) -> bool:  # noqa: ANN401 (pglast has no types)
    """Return whether a tree has more than `DEEPEST` levels of nodes."""
    pending = [(root, 1)]
    while pending:
        value, level = pending.pop()
        if isinstance(value, tuple | list):
            pending += [(one, level) for one in value]
        elif isinstance(value, ast.Node):
            if level > DEEPEST:
                return True
            pending += [(getattr(value, name), level + 1) for name in value]
    return False
