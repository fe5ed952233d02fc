"""The roles as which writers execute.

Owns what becomes of a role that a server lacks. Must not know writers.
"""

from collections.abc import Iterable

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench.errors import UsageError
from schemabench.statements import LONGEST_NAME


def provide(session: psycopg.Connection[TupleRow], roles: Iterable[str], *, create: bool) -> None:
    """Make sure that roles exist.

    Args:
        session: Of the server.
        roles: Their names.
        create: Whether to create those that do not, without any right.

    Raises:
        UsageError: One does not, and is not to be created; or it cannot be the name of a role.
    """
    known = {name for (name,) in session.execute("SELECT rolname FROM pg_catalog.pg_roles")}
    for role in sorted({*roles} - known):
        if role.startswith("pg_") or len(role.encode()) > LONGEST_NAME:
            raise UsageError(
                f"{role!r}, as which a writer executes, cannot be the name of a role",
                remedies=[f"use at most {LONGEST_NAME} bytes, and do not begin with `pg_`"],
            )
        statement = sql.SQL("CREATE ROLE {}").format(sql.Identifier(role))
        if not create:
            raise UsageError(
                f"The server has no role {role!r}, as which a writer executes",
                remedies=[f"create it there: {statement.as_string(session)}"],
            )
        session.execute(statement)
