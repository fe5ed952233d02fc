"""Which statements of a migration its own ROLLBACK undoes.

Owns what transaction statements mean for those before them. Must not know how a statement is sent, nor why one fails.
"""

from dataclasses import dataclass, field

from pglast import ast
from pglast.enums import TransactionStmtKind

from schemabench.candidate.passing import parsed

_ROLLBACKS = {TransactionStmtKind.TRANS_STMT_ROLLBACK, TransactionStmtKind.TRANS_STMT_ROLLBACK_TO}


@dataclass(kw_only=True, eq=False)
class Block:
    """What is executed since the last commit: a transaction block, or one statement outside of one.

    Attributes:
        first: The place of its first statement.
    """

    first: int = 0
    _savepoints: list[tuple[str | None, int]] = field(default_factory=list)
    """The names of those that there are, each with its statement's place."""

    def begin(self, place: int) -> None:
        """Begin anew with a statement."""
        self.first = place
        self._savepoints.clear()

    def undone(self, place: int, sql: str) -> range:
        """Return the places of those before a statement that it undid; it was executed, and did not fail."""
        node = parsed(sql)
        if not isinstance(node, ast.TransactionStmt):
            return range(0)
        since = self._since(node.savepoint_name)
        match node.kind:
            case TransactionStmtKind.TRANS_STMT_ROLLBACK:
                self._savepoints.clear()
                return range(self.first, place)
            case TransactionStmtKind.TRANS_STMT_SAVEPOINT:
                self._savepoints.append((node.savepoint_name, place))
            case TransactionStmtKind.TRANS_STMT_RELEASE if since is not None:
                del self._savepoints[since:]
            case TransactionStmtKind.TRANS_STMT_ROLLBACK_TO if since is not None:
                del self._savepoints[since + 1 :]
                return range(self._savepoints[since][1] + 1, place)
        return range(0)

    def _since(self, name: str | None) -> int | None:
        """Return where the last savepoint of a name is; None if there is none."""
        return next((at for at in reversed(range(len(self._savepoints))) if self._savepoints[at][0] == name), None)


def is_rollback(sql: str) -> bool:
    """Return whether a statement does nothing but undo others."""
    node = parsed(sql)
    return isinstance(node, ast.TransactionStmt) and node.kind in _ROLLBACKS
