"""The nodes of parse trees.

Owns their lack of types: every field of a node may be None for pglast, while the grammar says which never is.
"""

from typing import Any

import pglast.ast

ast: Any = pglast.ast
"""The classes of nodes, as in `ast.SelectStmt`."""
