"""Statements of a schema that are passed over on a server.

Owns which: those that another server needs, and that change nothing for the sessions of a run. A role that the server
lacks has no session, so that nothing is measured otherwise without its privileges. A policy for such a role is not
passed over: who writes one wants to see its cost. See docs/decisions/0037-candidates-as-differences.md.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import psycopg
from pglast import ast, parse_sql
from pglast.enums import AlterTableType, RoleSpecType, VariableSetKind
from pglast.parser import ParseError
from pglast.visitors import Visitor

Connection = psycopg.Connection[tuple[object, ...]]
Reason: TypeAlias = Literal["role", "owner", "mapping", "setting", "schema", "database"]

_SINCE_17 = "transaction_timeout"
"""The only setting of a dump's that not all versions have."""
_AUTHORIZATION = "session_authorization"
_ROLES = "SELECT rolname, pg_catalog.pg_has_role(oid, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = ANY ($1)"
_KNOWN = "SELECT pg_catalog.current_setting($1, true) IS NOT NULL"
_SCHEMA = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)"


class Passed(NamedTuple):
    """Why a statement is passed over."""

    reason: Reason
    names: tuple[str, ...]
    """The roles, the setting or the schema; of a database none, for it has another name here."""


def passed(node: ast.Node | None, connection: Connection) -> Passed | None:
    """Return why a statement is passed over on a server; None if it is executed.

    Args:
        node: The tree of the statement; None if the grammar cannot parse it: the server judges it.
        connection: A connection to the server.
    """
    match node:
        case ast.GrantStmt() | ast.AlterDefaultPrivilegesStmt():
            return _without_roles(connection, node)
        case ast.CreateUserMappingStmt() if missing := missing_roles(connection, node):
            return Passed("mapping", missing)
        case ast.AlterOwnerStmt() | ast.AlterTableStmt() if _gives_away(node):
            return _without_roles(connection, node) or _of_others(connection, node)
        case ast.VariableSetStmt(kind=VariableSetKind.VAR_SET_VALUE):
            return _setting(connection, node)
        case ast.CreateSchemaStmt(schemaname="public") if _asked(connection, _SCHEMA, "public"):
            return Passed("schema", ("public",))
    return None


def parsed(sql: str) -> ast.Node | None:
    """Return the tree of a statement; None if it is several, or if the grammar cannot parse it."""
    try:
        (found,) = parse_sql(sql)
    except (ParseError, ValueError):
        return None
    return found.stmt


def missing_roles(connection: Connection, node: ast.Node | None) -> tuple[str, ...]:
    """Return the roles that a statement names and the server lacks, in order."""
    names = tuple(_roles(node)) if node is not None else ()
    known = _members(connection, names)
    return tuple(name for name in names if name not in known)


def _without_roles(connection: Connection, node: ast.Node) -> Passed | None:
    """Return that the server lacks the roles of a statement; None if it has some, and must refuse the others."""
    missing = missing_roles(connection, node)
    partly = isinstance(node, ast.GrantStmt) and len(missing) < len(node.grantees or ())
    return Passed("role", missing) if missing and not partly else None


def _of_others(connection: Connection, node: ast.Node) -> Passed | None:
    """Return that the session's role must not give anything to the owners that a statement names."""
    names = tuple(_roles(node))
    members = _members(connection, names)
    others = tuple(name for name in names if not members.get(name))
    return Passed("owner", others) if others else None


def _setting(connection: Connection, node: ast.VariableSetStmt) -> Passed | None:
    if node.name == _SINCE_17 and not _asked(connection, _KNOWN, _SINCE_17):
        return Passed("setting", (_SINCE_17,))
    if node.name == _AUTHORIZATION and node.args:
        role = str(node.args[0].val.sval)
        return None if role in _members(connection, (role,)) else Passed("role", (role,))
    return None


def _gives_away(node: ast.AlterOwnerStmt | ast.AlterTableStmt) -> bool:
    """Return whether a statement changes an owner, and nothing else."""
    return isinstance(node, ast.AlterOwnerStmt) or all(
        one.subtype == AlterTableType.AT_ChangeOwner for one in node.cmds or ()
    )


def _roles(node: ast.Node) -> Iterator[str]:
    """Yield each role that a statement names, once."""
    search = _Search()
    search(node)
    yield from dict.fromkeys(search.found)


class _Search(Visitor):
    """Collects the names of roles."""

    def __init__(self) -> None:
        self.found: list[str] = []
        super().__init__()

    def visit_RoleSpec(self, _: object, node: ast.RoleSpec) -> None:  # noqa: N802 (pglast's name)
        """Collect a role that is named, rather than CURRENT_USER or PUBLIC."""
        if node.roletype == RoleSpecType.ROLESPEC_CSTRING:
            self.found.append(str(node.rolename))


def _members(connection: Connection, names: tuple[str, ...]) -> dict[str, bool]:
    """Return the roles that exist, and whether the session's role may act as each."""
    cursor = psycopg.RawCursor(connection)
    return {str(name): bool(member) for name, member in cursor.execute(_ROLES, [list(names)])} if names else {}


def _asked(connection: Connection, question: str, name: str) -> bool:
    row = psycopg.RawCursor(connection).execute(question.encode(), [name]).fetchone()
    return bool(row and row[0])
