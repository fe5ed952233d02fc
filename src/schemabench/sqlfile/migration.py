"""Migrations: which files of a folder are applied, in which order, and which part of each.

Owns what dbmate, goose, golang-migrate and Flyway write into names and comments. Must not know candidates, nor talk to
a server. What such a file holds is said by the documentation of its tool:
https://github.com/amacneil/dbmate, https://pressly.github.io/goose/documentation/annotations,
https://github.com/golang-migrate/migrate/blob/master/MIGRATIONS.md,
https://documentation.red-gate.com/fd/migrations-184127470.html
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Literal, TypeAlias

from pglast import ast, parse_sql
from pglast.parser import ParseError

from schemabench.errors import Place, SchemabenchError
from schemabench.sqlfile.file import DOWN, UP, SqlFile, comments
from schemabench.sqlfile.naming import is_sql
from schemabench.sqlfile.tokens import scanned, without_comments
from schemabench.statements import Text

_FLYWAY = re.compile(r"(?P<kind>[VURB])(?P<version>\d+(?:[._]\d+)*)?__.+\.sql")
_GOLANG = re.compile(r"\d+_.+\.(?P<direction>up|down)\.sql")
_VERSION = re.compile(r"[Vv]?(?P<version>\d+(?:[._]\d+)*)")
_NUMBERS = re.compile(r"(\d+)")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_ALONE = re.compile(r"--\s*\+goose\s+no\s+transaction\b.*", re.IGNORECASE | re.DOTALL)
_ENVSUB = re.compile(r"--\s*\+goose\s+envsub\s+on\b.*", re.IGNORECASE | re.DOTALL)
_ALONE_OPTION = "transaction:false"
_PROGRAMS = {".go", ".java", ".js", ".kt", ".py", ".rb", ".ts"}

_Tool: TypeAlias = Literal["Flyway", "golang-migrate", ""]


def ordered(paths: Sequence[Path], error: type[SchemabenchError]) -> tuple[Path, ...]:
    """Return the migrations that are applied, in order: by version, 2 before 10, then by name; repeatable ones last.

    Args:
        paths: All files of a folder of migrations, without what belongs to its candidate alone.
        error: The class of error to raise.

    Raises:
        SchemabenchError: A file is a program, a baseline of Flyway's, or not named as the tool names its migrations
            that named the others.
    """
    for path in paths:
        if path.suffix in _PROGRAMS and _VERSION.match(path.name):
            raise error(
                f"The migration {path} is a program, and a candidate is SQL",
                remedies=["write what it does as SQL", "start from a dump of its result: pg_dump --schema-only"],
            )
    files = [path for path in paths if is_sql(path)]
    tools = {path: _tool(path) for path in files}
    tool = next(filter(None, tools.values()), "")
    for path in files:
        if tools[path] != tool:
            raise error(
                f"{path} is not named as {tool} names migrations, and other files of its folder are",
                where=Place(path=path, line=1),
                remedies=[f"give it a name by which {tool} would execute it", "put it into another folder"],
            )
        if tool == "Flyway" and path.name.startswith("B"):
            raise error(
                f"{path} is a baseline migration, which takes the place of others",
                where=Place(path=path, line=1),
                remedies=["keep either it, named as V, or the versions that it stands for"],
            )
    return tuple(sorted((path for path in files if not _is_undo(path)), key=_order))


def applied(file: SqlFile, error: type[SchemabenchError], *, in_folder: bool) -> SqlFile:
    """Return a file whose schema is the part that is applied, and how.

    Args:
        file: A file as it was read.
        error: The class of error to raise.
        in_folder: Whether it is one of a folder of migrations: each is a transaction of its own, unless it says
            otherwise or holds a statement that cannot be in one.

    Raises:
        SchemabenchError: It holds a placeholder, undoes something and does nothing, or does something that its tool
            would not execute.
    """
    marks = list(comments(file.preamble))
    ups = [one for one in marks if UP.fullmatch(one.sql)]
    up = next(iter(ups), None)
    down = next((one for one in marks if DOWN.fullmatch(one.sql) and (up is None or one.start > up.start)), None)
    if up is None and down is not None:
        raise error(
            f"{file.path} says what undoes it, and not what it does",
            where=down.place(),
            remedies=["write `-- migrate:up` or `-- +goose Up` above what it does"],
        )
    _check_placeholders(file, marks, error)
    schema = file.preamble
    if up is not None:
        _check_all_is_executed(schema, ups, error)
        schema = schema.part(up.end - schema.start, (down.start if down else schema.end) - schema.start)
    alone = any(_ALONE.fullmatch(one.sql) for one in marks) or (up is not None and _ALONE_OPTION in up.sql)
    transaction = (in_folder or up is not None) and not alone and not _must_be_alone(schema)
    return replace(file, preamble=schema, one_transaction=transaction)


def _check_all_is_executed(schema: Text, ups: Sequence[Text], error: type[SchemabenchError]) -> None:
    """Refuse statements above the part that is applied, and a second such part: no tool would execute them."""
    first, *further = ups
    for again in further:
        raise error(
            f"`{again.sql}` stands in a file that has one already, at line {first.line()}",
            where=again.place(),
            remedies=["write what it does below the first one", "write it in a migration of its own"],
        )
    above = schema.part(0, first.start - schema.start)
    for word in without_comments(scanned(above, error)):
        raise error(
            f"This statement stands above `{first.sql}`, and would not be executed",
            where=above.place(word.start),
            remedies=[f"write it below `{first.sql}`"],
        )


def _tool(path: Path) -> _Tool:
    """Return the tool that a file's name is for, if one alone names files like that."""
    if _FLYWAY.fullmatch(path.name):
        return "Flyway"
    return "golang-migrate" if _GOLANG.fullmatch(path.name) else ""


def _is_undo(path: Path) -> bool:
    flyway, golang = _FLYWAY.fullmatch(path.name), _GOLANG.fullmatch(path.name)
    return bool((flyway and flyway["kind"] == "U") or (golang and golang["direction"] == "down"))


def _order(path: Path) -> tuple[bool, tuple[float, ...], tuple[tuple[bool, int, str], ...]]:
    """Return what migrations are sorted by."""
    flyway, version = _FLYWAY.fullmatch(path.name), _VERSION.match(path.name)
    numbers = tuple(float(one) for one in re.split("[._]", version["version"])) if version else (inf,)
    return bool(flyway and flyway["kind"] == "R"), numbers, tuple(_pieces(path.stem))


def _pieces(name: str) -> Iterator[tuple[bool, int, str]]:
    """Yield the numbers and texts of a name, numbers first."""
    for piece in filter(None, _NUMBERS.split(name)):
        yield (False, int(piece), "") if piece.isdecimal() else (True, 0, piece)


def _check_placeholders(file: SqlFile, marks: Sequence[Text], error: type[SchemabenchError]) -> None:
    """Refuse what a tool would replace before it executes a file."""
    if found := next((one for one in marks if _ENVSUB.fullmatch(one.sql)), None):
        raise error(
            f"{file.path} takes values from the environment, which a candidate must not depend on",
            where=found.place(),
            remedies=["write the values into the file"],
        )
    placeholder = _PLACEHOLDER.search(file.preamble.sql) if _tool(file.path) == "Flyway" else None
    if placeholder:
        raise error(
            f"{placeholder[0]} is a placeholder, and only Flyway's configuration has its value",
            where=file.preamble.place(placeholder.start()),
            remedies=["write its value into the file"],
        )


def _must_be_alone(schema: Text) -> bool:
    """Return whether a statement refuses to be in a transaction with others."""
    with suppress(ParseError):
        return any(_refuses_company(one.stmt) for one in parse_sql(schema.sql))
    return False


def _refuses_company(statement: ast.Node | None) -> bool:
    if isinstance(statement, ast.VacuumStmt):
        return bool(statement.is_vacuumcmd)
    if isinstance(statement, ast.ReindexStmt):
        return any(one.defname == "concurrently" for one in statement.params or ())
    if isinstance(statement, ast.AlterTableStmt):
        return any(isinstance(one.def_, ast.PartitionCmd) and one.def_.concurrent for one in statement.cmds or ())
    return isinstance(statement, ast.IndexStmt | ast.DropStmt) and bool(statement.concurrent)
