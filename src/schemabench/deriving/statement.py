"""What kind of statement it is: a write, a read, or none of an application's.

Owns the kinds, by the parse tree. Must not know tables.
"""

from collections.abc import Collection
from enum import Enum
from functools import lru_cache
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

from schemabench.deriving.tree import TOO_DEEP, ast, is_deep


class Kind(Enum):
    """What a statement does."""

    WRITE = "write"
    """It changes rows, or locks them."""
    READ = "read"


_CHANGING = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.RefreshMatViewStmt)
_UTILITY = "it is no query: a setting, a transaction's bounds, maintenance, or a change of the schema"
_UTILITIES = (
    *("SAVEPOINT", "RELEASE", "ROLLBACK", "PREPARE", "DEALLOCATE", "DECLARE", "FETCH", "CLOSE", "SET"),
    *("CREATE", "ALTER", "COMMENT", "DO"),
)
"""First words of statements that cannot be read with numbers for their texts."""
_CATALOGS = ("pg_catalog", "information_schema")


def kind_of(sql: str, functions: Collection[str]) -> tuple[Kind | None, str]:
    """Return what a statement does; if it is none of an application's, None and the reason.

    Args:
        sql: The statement, with numbers for parameters.
        functions: The names of functions of the database's own.
    """
    return _kind_of(sql, frozenset(functions))


@lru_cache(maxsize=4096)
def _kind_of(sql: str, functions: frozenset[str]) -> tuple[Kind | None, str]:  # noqa: PLR0911 (one for each reason)
    try:
        (parsed,) = parse_sql(sql)
    except ParseError:
        if sql.lstrip().upper().startswith(_UTILITIES):
            return None, _UTILITY
        return None, "its text is cut short, or newer than this version of schemabench"
    except ValueError:
        return None, "it is several statements"
    root = parsed.stmt
    if is_deep(root):
        return None, f"it is no SQL that schemabench reads: {TOO_DEEP}"
    if not isinstance(root, (*_CHANGING, ast.SelectStmt)):
        copies = isinstance(root, ast.CopyStmt)
        return None, "it copies rows: write it as an operation, COPY ... FROM STDIN" if copies else _UTILITY
    seen = _Seen()
    seen(root)
    tables = seen.tables - seen.named
    if tables and tables <= seen.catalogs:
        return None, "it asks the server's catalogs alone"
    if not tables and not seen.functions & functions:
        return None, "it concerns no table and no function of the database"
    return (Kind.WRITE if seen.changes or isinstance(root, _CHANGING) else Kind.READ), ""


class _Seen(Visitor):
    """Gathers the tables and functions of a statement, and whether it changes or locks anything."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: set[str] = set()
        self.named: set[str] = set()
        self.catalogs: set[str] = set()
        self.functions: set[str] = set()
        self.changes = False

    def visit_RangeVar(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 (pglast has no types, and names it so)
        """Take a table."""
        self.tables.add(node.relname)
        if node.schemaname in _CATALOGS or node.relname.startswith("pg_"):
            self.catalogs.add(node.relname)

    def visit_CommonTableExpr(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 (likewise)
        """Take a name of a query."""
        self.named.add(node.ctename)

    def visit_FuncCall(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 (likewise)
        """Take a function."""
        self.functions.add(node.funcname[-1].sval)

    def visit_LockingClause(self, *_: object) -> None:  # noqa: N802 (likewise)
        """Note a lock."""
        self.changes = True

    def visit_InsertStmt(self, *_: object) -> None:  # noqa: N802 (likewise)
        """Note a change."""
        self.changes = True

    visit_UpdateStmt = visit_DeleteStmt = visit_MergeStmt = visit_InsertStmt  # noqa: N815 (likewise)
