"""Statements of a candidate that reach beyond its own database.

Owns the list of such statements, and the rule that they need the user's consent. Must not execute anything. Statements
inside a function or a DO block are not seen: `server.outside` reports their effects afterwards, as far as they are
visible.

The grammar is that of one version, and the server may have another. A statement that cannot be parsed is left to the
server, unless a word in it might reach beyond the database: then it is refused.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

from pglast import ast, parse_sql, parser
from pglast.enums import ObjectType, TransactionStmtKind
from pglast.parser import ParseError
from pglast.visitors import Visitor

from schemabench import sqlfile
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError
from schemabench.statements import Text

FLAG = "--allow-server-changes"
_OF_THE_SERVER: dict[type[ast.Node], str] = {
    ast.AlterSystemStmt: "ALTER SYSTEM",
    ast.CreateRoleStmt: "CREATE ROLE",
    ast.AlterRoleStmt: "ALTER ROLE",
    ast.AlterRoleSetStmt: "ALTER ROLE ... SET",
    ast.DropRoleStmt: "DROP ROLE",
    ast.GrantRoleStmt: "GRANT or REVOKE of a role",
    ast.CreateTableSpaceStmt: "CREATE TABLESPACE",
    ast.AlterTableSpaceOptionsStmt: "ALTER TABLESPACE",
    ast.DropTableSpaceStmt: "DROP TABLESPACE",
    ast.CreatedbStmt: "CREATE DATABASE",
    ast.AlterDatabaseStmt: "ALTER DATABASE",
    ast.AlterDatabaseRefreshCollStmt: "ALTER DATABASE",
    ast.AlterDatabaseSetStmt: "ALTER DATABASE ... SET",
    ast.DropdbStmt: "DROP DATABASE",
    ast.ReassignOwnedStmt: "REASSIGN OWNED",
    ast.DropOwnedStmt: "DROP OWNED",
    ast.CreateSubscriptionStmt: "CREATE SUBSCRIPTION",
    ast.AlterSubscriptionStmt: "ALTER SUBSCRIPTION",
    ast.DropSubscriptionStmt: "DROP SUBSCRIPTION",
}
"""Statements that always change more than one database."""
_BY_OBJECT: dict[type[ast.Node], tuple[str, str]] = {
    ast.RenameStmt: ("renameType", "RENAME of"),
    ast.AlterOwnerStmt: ("objectType", "ALTER ... OWNER of"),
    ast.GrantStmt: ("objtype", "GRANT or REVOKE on"),
    ast.CommentStmt: ("objtype", "COMMENT on"),
    ast.SecLabelStmt: ("objtype", "SECURITY LABEL on"),
}
"""Statements that do so depending on the object: the field with the object's kind, and the words for the error."""
_SHARED_OBJECTS = {
    ObjectType.OBJECT_DATABASE,
    ObjectType.OBJECT_ROLE,
    ObjectType.OBJECT_TABLESPACE,
    ObjectType.OBJECT_PARAMETER_ACL,
    ObjectType.OBJECT_SUBSCRIPTION,
}
_PREPARED = {
    TransactionStmtKind.TRANS_STMT_PREPARE,
    TransactionStmtKind.TRANS_STMT_COMMIT_PREPARED,
    TransactionStmtKind.TRANS_STMT_ROLLBACK_PREPARED,
}
_WRITES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)
_SHARED_CATALOGS = {
    "pg_auth_members",
    "pg_authid",
    "pg_database",
    "pg_db_role_setting",
    "pg_parameter_acl",
    "pg_replication_origin",
    "pg_shdepend",
    "pg_shdescription",
    "pg_shseclabel",
    "pg_subscription",
    "pg_tablespace",
}
"""https://www.postgresql.org/docs/current/catalogs-overview.html: the catalogs shared by the whole server."""
_FUNCTIONS = re.compile(
    r"pg_(create|copy|drop)_(physical_|logical_)?replication_slot|pg_replication_slot_advance"
    r"|pg_sync_replication_slots|pg_logical_slot_get(_binary)?_changes|pg_replication_origin_\w+"
    r"|pg_(terminate|cancel)_backend|pg_reload_conf|pg_rotate_logfile|pg_promote|pg_switch_wal|pg_create_restore_point"
    r"|pg_backup_(start|stop)|pg_file_(write|rename|unlink)|lo_(im|ex)port"
)
"""Functions that change the server or access its files."""
_READING = "standard_conforming_strings"
"""The setting that changes the server's parsing of quotes: when it is off, later text cannot be parsed in the same way
here."""
_AS_HERE = "on"
_WORDS = {
    *("COMMENT", "COPY", "DATABASE", "GRANT", "GROUP", "LABEL", "OWNED", "PREPARE", "PREPARED", "REASSIGN"),
    *("REVOKE", "ROLE", "SUBSCRIPTION", "SYSTEM", "TABLESPACE", "USER"),
}
"""Words that every statement of the kinds above contains."""
_PROGRAM = "PROGRAM"


def check(candidate: Candidate, *, owned: bool) -> None:
    """Refuse a candidate that runs a program, or that changes more of an external server than its own database.

    Args:
        candidate: The candidate, with its preamble and overridden operations.
        owned: Whether the server, with all changes to it, is removed at the end of the run.

    Raises:
        CandidateError: It does; holds the place of the statement.
    """
    for text, query in _statements(candidate):
        try:
            what = _reaching(query, owned=owned)
        except ParseError:
            what = _perhaps_reaching(query, owned=owned)
        if what:
            raise CandidateError(
                f"{candidate.name!r} {what}",
                where=text.place(len(text.sql) - len(text.sql.lstrip())),
                remedies=["leave the statement out", f"allow it on this server: {FLAG}"],
            )


def _statements(candidate: Candidate) -> Iterator[tuple[Text, str]]:
    """Yield each statement: its place, and its SQL as a server receives it."""
    for section in candidate.schema:
        for statement in section.statements:
            if statement.marks:
                names = {mark.name: mark.name for mark in statement.marks}
                yield statement.text, sqlfile.rendered(statement, names).sql
                continue
            for piece in _pieces(statement.text):
                yield piece, piece.sql
    for operation in candidate.operations.values():
        for statement in operation.statements:
            identifiers = {name: name for name in statement.identifiers}
            query = statement.render(identifiers, literals=dict.fromkeys(statement.literals, ""))
            yield statement.text, query.sql


def _pieces(text: Text) -> tuple[Text, ...]:
    """Return the statements of a text; if the grammar cannot parse it, they are split at semicolons."""
    try:
        parse_sql(text.sql)
    except ParseError:
        with suppress(ParseError):
            slices = parser.split(text.sql, with_parser=False, only_slices=True)
            return tuple(text.part(piece.start, piece.stop) for piece in slices)
    return (text,)


class _Search(Visitor):
    """Search each node of a statement's tree for effects beyond its database."""

    def __init__(self, *, owned: bool) -> None:
        self.found = ""
        self._owned = owned
        super().__init__()

    def visit(self, _: object, node: ast.Node) -> None:
        """Keep the first effect."""
        if isinstance(node, ast.CopyStmt) and node.is_program:
            self.found = self.found or "COPY ... PROGRAM runs a program on the server's machine"
        elif self._owned or self.found:
            return
        elif isinstance(node, ast.CopyStmt) and node.filename:
            self.found = "COPY reads or writes a file of the server's machine"
        elif what := _change(node):
            self.found = f"{what} changes the server"


def _reaching(query: str, *, owned: bool) -> str:
    """Return how a statement reaches beyond its database; empty if it does not.

    Raises:
        ParseError: The grammar cannot parse it, as with a statement of another version.
    """
    search = _Search(owned=owned)
    search(parse_sql(query))
    return f"reaches beyond its own database: {search.found}" if search.found else ""


def _change(node: ast.Node) -> str:  # noqa: PLR0911 (a kind of statement each)
    """Return the effect of a node on the whole server; empty if it has none."""
    if what := _OF_THE_SERVER.get(type(node)):
        return what
    if type(node) in _BY_OBJECT:
        field, words = _BY_OBJECT[type(node)]
        return f"{words} what all databases share" if getattr(node, field) in _SHARED_OBJECTS else ""
    if isinstance(node, ast.TransactionStmt):
        return "a prepared transaction" if node.kind in _PREPARED else ""
    if isinstance(node, _WRITES) or (isinstance(node, ast.CopyStmt) and node.is_from):
        name = node.relation.relname if node.relation else ""
        return f"a write to {name}" if name in _SHARED_CATALOGS else ""
    if isinstance(node, ast.FuncCall):
        name = node.funcname[-1].sval if node.funcname else ""
        return f"{name}()" if _FUNCTIONS.fullmatch(name) else ""
    if isinstance(node, ast.VariableSetStmt) and node.name == _READING and not _reads_as_here(node):
        return f"SET {_READING}"
    return ""


def _reads_as_here(node: ast.VariableSetStmt) -> bool:
    """Return whether a setting gets the value that the grammar here assumes, as every dump sets it."""
    return [getattr(one.val, "sval", "").lower() for one in node.args or ()] == [_AS_HERE]


def _perhaps_reaching(query: str, *, owned: bool) -> str:
    """Return why a statement that cannot be parsed may reach beyond its database; empty if it cannot."""
    words = _words(query)
    found = [_PROGRAM] if _PROGRAM in words else [word for word in words if not owned and _suspicious(word)]
    if not found:
        return ""
    return f"may reach beyond its own database: the statement cannot be parsed, and contains the word {found[0]}"


def _suspicious(word: str) -> bool:
    return word in _WORDS or word in _SHARED_CATALOGS or bool(_FUNCTIONS.fullmatch(word))


def _words(query: str) -> list[str]:
    """Return the words of a statement outside strings and comments: keywords in capitals, names unchanged.

    If even its tokens cannot be read, all of its words are returned.
    """
    try:
        tokens = parser.scan(query)
    except ParseError:
        return [form for word in re.findall(r"\w+", query) for form in (word.upper(), word.lower())]
    found = []
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        text = query[token.start : token.end + 1]
        if token.name == "IDENT":
            found.append(text[1:-1] if text.startswith('"') else text.lower())
        elif token.kind != "NO_KEYWORD" and not (token.name == "GROUP_P" and following and following.name == "BY"):
            found.append(text.upper())
    return found
