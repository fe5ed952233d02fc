"""Connections that an interrupt may leave in the middle of a statement.

Owns what becomes of them. psycopg would roll back, which the server refuses there, and say so on standard error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow


class Connection(psycopg.Connection[TupleRow]):
    """A connection that is closed where an error leaves a block in the middle of a statement: the server rolls back."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the connection's own block."""
        if kind:
            self._close_if_busy()
        super().__exit__(kind, error, traceback)

    @contextmanager
    def transaction(
        self,
        savepoint_name: str | None = None,
        force_rollback: bool = False,  # noqa: FBT001, FBT002 (as psycopg has it)
    ) -> Iterator[psycopg.Transaction]:
        """Execute a block in a transaction, as psycopg does."""
        with super().transaction(savepoint_name, force_rollback) as transaction:
            try:
                yield transaction
            except BaseException:
                self._close_if_busy()
                raise

    def _close_if_busy(self) -> None:
        if self.info.transaction_status == TransactionStatus.ACTIVE:
            self.close()
