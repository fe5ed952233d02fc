"""Groups by an expression with constants, which the server counts under different numbers.

Owns their repair: `SELECT date_trunc($1, at) ... GROUP BY date_trunc($2, at)` groups by something else than it answers,
so that it cannot be prepared. Must not talk to a server.
"""

from typing import Any

from pglast import parse_sql
from pglast.stream import RawStream

from schemabench.deriving.tree import ast


def repaired(sql: str) -> str | None:
    """Return a query that groups by the places of its answers; None if none is like a group but for constants.

    >>> repaired("SELECT date_trunc($1, at), count(*) FROM t GROUP BY date_trunc($2, at)")
    'SELECT date_trunc($1, at), count(*) FROM t GROUP BY 1'
    """
    (parsed,) = parse_sql(sql)
    root: Any = parsed.stmt
    if not isinstance(root, ast.SelectStmt) or not root.groupClause:
        return None
    answers = [_shape(one.val) for one in root.targetList]
    places = [_place(_shape(one), answers) for one in root.groupClause]
    if not any(place for place, one in zip(places, root.groupClause, strict=True) if not isinstance(one, ast.A_Const)):
        return None
    root.groupClause = tuple(
        _number(place) if place else one for place, one in zip(places, root.groupClause, strict=True)
    )
    for one in root.sortClause or ():
        if place := _place(_shape(one.node), answers):
            one.node = _number(place)
    return str(RawStream()(root))


def _place(shape: object, answers: list[object]) -> int:
    """Return the place of an answer, from 1, that is alike; 0 if none is, or it is a plain column."""
    return answers.index(shape) + 1 if shape in answers and "Constant" in str(shape) else 0


def _number(place: int) -> Any:  # noqa: ANN401 (pglast has no types)
    return ast.A_Const(isnull=False, val=ast.Integer(ival=place))


def _shape(node: Any) -> object:  # noqa: ANN401 (likewise)
    """Return an expression without the values and numbers of its constants."""
    if isinstance(node, ast.ParamRef | ast.A_Const):
        return "Constant"
    if isinstance(node, ast.TypeCast) and _shape(node.arg) == "Constant":
        return "Constant"
    if isinstance(node, tuple | list):
        return tuple(_shape(one) for one in node)
    if isinstance(node, ast.Node):
        names = (name for name in node if name != "location")
        return type(node).__name__, tuple((name, _shape(getattr(node, name))) for name in names)
    return str(node)
