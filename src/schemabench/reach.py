"""Statements of a candidate that reach beyond its own database.

Owns which those are, and that they need the user's word. Must not execute anything. What a function or a DO block
hides is not seen: `server.outside` tells of it afterwards.
"""

from collections.abc import Iterator, Sequence

from pglast import ast, parse_sql
from pglast.parser import ParseError

from schemabench import sqlfile
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError

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
    ast.AlterDatabaseSetStmt: "ALTER DATABASE ... SET",
    ast.DropdbStmt: "DROP DATABASE",
}
"""What changes more than one database."""


def check(candidate: Candidate, *, owned: bool) -> None:
    """Refuse a candidate that runs a program, or changes more of a server that is not ours than its own database.

    Args:
        candidate: With its preamble and the operations that it overrides.
        owned: Whether the server ends with the run, and all that is done to it.

    Raises:
        CandidateError: With the place of the statement.
    """
    for text, query in _statements(candidate.file):
        trees = _trees(query)
        what = _program(trees) or ("" if owned else _change(trees))
        if what:
            raise CandidateError(
                f"{candidate.name!r} reaches beyond its own database: {what}",
                where=text.place(len(text.sql) - len(text.sql.lstrip())),
                remedies=["leave it out", f"if it may do that on this server: {FLAG}"],
            )


def _statements(file: sqlfile.SqlFile) -> Iterator[tuple[sqlfile.Text, str]]:
    """Yield each statement: where it stands, and its SQL as a server gets it."""
    for text in sqlfile.split_preamble(file.preamble):
        yield text, text.sql
    for operation in file.operations.values():
        for statement in operation.statements:
            identifiers = {name: name for _, _, name, identifier in statement.marks if identifier}
            yield statement.text, statement.render(identifiers).sql


def _program(trees: Sequence[ast.Node]) -> str:
    runs = any(isinstance(tree, ast.CopyStmt) and tree.is_program for tree in trees)
    return "COPY ... PROGRAM runs a program on the server's machine" if runs else ""


def _change(trees: Sequence[ast.Node]) -> str:
    known = (_OF_THE_SERVER.get(type(tree)) for tree in trees)
    return next((f"{what} changes the server" for what in known if what), "")


def _trees(query: str) -> list[ast.Node]:
    """Return the statements' trees; none where the grammar does not know them, as those of a newer version."""
    try:
        return [raw.stmt for raw in parse_sql(query) if raw.stmt is not None]
    except ParseError:
        return []
