"""Candidates: SQL files that are found, checked against a workload's operations, and installed.

Owns the contents of a candidate's file and its errors. Must not know workloads beyond their operations, nor how servers
and databases are created.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import psycopg

from schemabench import sqlfile
from schemabench.errors import CandidateError, Place, ServerError, UsageError, is_servers_fault
from schemabench.naming import nearest
from schemabench.statements import Operation, Query, Statement, Text

BASELINE = "baseline"

HEADERS = {
    "candidate: hash_by_site": "its name; by default that of the file, without `.sql`",
    "summary: one table for each month": "one line for people",
    "expects: reads get faster": "what its author expects of it, shown beside the result",
    "postgres: >= 15, < 18": "the major versions that it applies to; on other servers it is skipped",
    "databases: part": "`part`: a database for each part of the workload; `one`, the default: one for all",
}
"""What may stand in the comment lines at the top of a candidate, as in an example -> its meaning."""
_HEADERS = tuple(example.partition(":")[0] for example in HEADERS)
_HEADER = re.compile(rf"--\s*(?P<key>{'|'.join(_HEADERS)}):.*", re.IGNORECASE)
_AS_PROSE = "if it is a comment and not a header, remove the colon or begin with a capital letter"
_NAME = re.compile(r"\w[\w.-]*")  # part of test names and options
_BOUND = re.compile(r"\s*(?P<relation>>=|<=|<|>|==|=)\s*(?P<major>\d+)\s*")
_SETTERS = {
    "user": "the role",
    "client": "the environment or the DSN",
    "database": "the database",
    "global": "all roles",
}
"""The source of a setting, by the server's name for it."""
_FIRST_POSITION = 1  # the server counts positions from 1


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One schema variation: one SQL file."""

    name: str
    summary: str
    """One line for people."""
    expects: str
    """What its author expects of it; empty if the file does not say."""
    bounds: tuple[tuple[str, int], ...]
    """(relation, major version) that the server must satisfy, all of them."""
    file: sqlfile.SqlFile
    databases: Literal["one", "part"] = "one"
    """Whether all parts of the workload live in one database, or each in one of its own."""

    @cached_property
    def schema(self) -> tuple[sqlfile.Section, ...]:
        """What creates its objects.

        Raises:
            CandidateError: As `sqlfile.sections` does.
        """
        return sqlfile.sections(self.file.preamble, CandidateError)

    def refuses(self, version_num: int) -> str | None:
        """Return why a server of this version (as in 180006) cannot serve the candidate, or None."""
        major = version_num // 10_000
        for relation, bound in self.bounds:
            if not _RELATIONS[relation](major, bound):
                return f"it needs PostgreSQL {relation} {bound}; the server is {major}"
        return None


_RELATIONS = {
    ">=": int.__ge__,
    "<=": int.__le__,
    ">": int.__gt__,
    "<": int.__lt__,
    "=": int.__eq__,
    "==": int.__eq__,
}


def find(folder: Path) -> dict[str, Candidate]:
    """Return the candidates of a folder by name: the baseline first, then by name.

    Raises:
        UsageError: There is no such folder, or no baseline in it.
        CandidateError: A file cannot be read, has an unknown header, or has the name of another.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder of candidates {folder}", remedies=[f"create {folder}/{BASELINE}.sql"])
    candidates: dict[str, Candidate] = {}
    for path in sorted(folder.glob("*.sql")):
        candidate = _read(path)
        if candidate.name in candidates:
            raise CandidateError(
                f"Two candidates are named {candidate.name!r}: {candidates[candidate.name].file.path} and {path}",
                where=Place(path=path, line=1),
                remedies=["give one of them another name in its `-- candidate:` line"],
            )
        candidates[candidate.name] = candidate
    if BASELINE not in candidates:
        raise UsageError(
            f"There is no candidate named {BASELINE!r} in {folder}",
            checked=[f"candidates there: {', '.join(candidates) or 'none'}"],
            remedies=[f"write {folder}/{BASELINE}.sql, the schema that all candidates are compared with"],
        )
    return {BASELINE: candidates.pop(BASELINE), **candidates}


def select(candidates: Mapping[str, Candidate], wanted: Iterable[str]) -> tuple[Candidate, ...]:
    """Return the candidates with the wanted names, or all if none is wanted, in the order of `candidates`.

    Raises:
        UsageError: A name is unknown; the message names the nearest.
    """
    chosen = set(wanted)
    for name in sorted(chosen - set(candidates)):
        raise UsageError(
            f"There is no candidate {name!r}{nearest(name, candidates)}",
            checked=[f"candidates: {', '.join(candidates)}"],
        )
    return tuple(candidate for candidate in candidates.values() if not chosen or candidate.name in chosen)


def operations(candidate: Candidate, defaults: Mapping[str, Operation]) -> dict[str, Operation]:
    """Return the workload's operations with the candidate's own SQL where it overrides them.

    Raises:
        CandidateError: The candidate names an operation that the workload does not have, or a parameter that the
            operation does not take; the message names the nearest.
    """
    own = candidate.file.operations
    for operation in own.values():
        default = defaults.get(operation.name)
        if default is None:
            raise CandidateError(
                f"The workload has no operation {operation.name!r}{nearest(operation.name, defaults)}",
                where=operation.text.place(),
                checked=[f"operations: {', '.join(defaults)}"],
            )
        for statement in operation.statements:
            for name in statement.needs:
                if name in statement.literals:
                    continue  # writers may set it, who are not known here
                if default.statements and name not in default.parameters:  # calls of an empty one may have any values
                    suggestion = nearest(name, default.parameters)
                    raise CandidateError(
                        f"The operation {operation.name!r} takes no parameter :{name}{suggestion}",
                        where=statement.text.place(statement.mark(name)),
                        checked=[f"parameters: {', '.join(default.parameters) or 'none'}"],
                        remedies=["name one of these", "for an array slice, write a space after the colon"],
                    )
    return {**defaults, **own}


def check_parts(candidate: Candidate, parts: Sequence[Mapping[str, str]]) -> None:
    """Refuse a candidate that is for parts other than those of its workload.

    Args:
        candidate: The candidate.
        parts: The value of each `:"name"`, for each part; none if the workload has no parts.

    Raises:
        CandidateError: The workload has no parts, or a part has no value for a name.
    """
    todo = "say which writers belong to which part: `Writer.part`"
    if candidate.databases == "part" and not parts:
        raise CandidateError(
            f"{candidate.name!r} has a database for each part, and the workload has no parts",
            where=candidate.file.header("databases"),
            remedies=[todo, "leave out `-- databases: part`"],
        )
    for section in candidate.schema:
        if section.each_part and not parts:
            raise CandidateError(
                f"The schema of {candidate.name!r} has statements for each part, and the workload has no parts",
                where=section.text.place(),
                remedies=[todo, f"leave out `{sqlfile.BEGIN}`"],
            )
        for statement in section.statements:
            _check_names(statement, parts)


def _check_names(statement: Statement, parts: Sequence[Mapping[str, str]]) -> None:
    """Refuse a statement that uses a name for which a part has no value."""
    for mark in statement.marks:
        for names in parts:
            if mark.name not in names:
                raise CandidateError(
                    f"No part has a value for {statement.text.sql[mark.start : mark.end]}{nearest(mark.name, names)}",
                    where=statement.text.place(mark.start),
                    checked=[f"names: {', '.join(names) or 'none'}"],
                    remedies=["add it to the identifiers of every writer that belongs to a part"],
                )


def install(
    candidate: Candidate, connection: psycopg.Connection[tuple[object, ...]], parts: Sequence[Mapping[str, str]] = ()
) -> None:
    """Create the candidate's objects, statement by statement as psql does.

    Args:
        candidate: The candidate to install, which fits the workload's parts: see `check_parts`.
        connection: A connection to an empty database, in autocommit mode.
        parts: The value of each `:"name"`, for each part that lives in the database.

    Raises:
        CandidateError: The server refused a statement, with its place, line, caret and SQLSTATE; or a statement copies
            from or to the client.
        ServerError: The server refused for reasons of its own, such as a full disk.
        psycopg.OperationalError: The connection was lost.
    """
    for section in candidate.schema:
        for names in parts if section.each_part else ({},):
            for statement in section.statements:
                _execute(candidate, connection, statement, names)


def _execute(
    candidate: Candidate,
    connection: psycopg.Connection[tuple[object, ...]],
    statement: Statement,
    names: Mapping[str, str],
) -> None:
    """Execute a statement of a schema, with the names of a part."""
    if (offset := sqlfile.client_copy(statement.text)) is not None:
        raise CandidateError(
            f"The schema of the candidate {candidate.name!r} cannot copy from or to the client",
            where=statement.text.place(offset),
            remedies=["load rows in the workload's background", "write INSERT, as pg_dump --inserts does"],
        )
    query = sqlfile.rendered(statement, names)
    try:
        connection.execute(query.sql.encode())
    except psycopg.Error as cause:
        if connection.closed:
            raise
        raise refused(candidate, query, cause, checked=_search_path(connection, cause)) from cause


def _search_path(connection: psycopg.Connection[tuple[object, ...]], cause: psycopg.Error) -> list[str]:
    """Return the source of a search path without a schema of the candidate's database; otherwise nothing."""
    if not isinstance(cause, psycopg.errors.InvalidSchemaName):
        return []
    row = connection.execute("SELECT setting, source FROM pg_catalog.pg_settings WHERE name = 'search_path'").fetchone()
    if row is None or row[1] == "default":
        return []
    setter = _SETTERS.get(str(row[1]), str(row[1]))
    return [
        f"search_path is {row[0]}, set by {setter}; a new database has the schema public alone",
        "to have it otherwise: CREATE SCHEMA in the candidate's file, or ?options=-c%20search_path%3Dpublic in the DSN",
    ]


def refused(
    candidate: Candidate, statement: Text | Query, cause: psycopg.Error, query: str = "", checked: Sequence[str] = ()
) -> CandidateError | ServerError:
    """Return the error for a statement that the server refused; its code tells who failed: candidate or server.

    Args:
        candidate: The candidate of the schema that the statement belongs to or is executed on.
        statement: The statement.
        cause: The refusal.
        query: The workload's query; empty for a statement of the schema.
        checked: Further observations.
    """
    position = int(cause.diag.statement_position or _FIRST_POSITION) - _FIRST_POSITION
    detail = [line for line in (cause.diag.message_detail, cause.diag.context) if line]
    todo = [cause.diag.message_hint] if cause.diag.message_hint else []
    if query:
        todo += remedies(candidate, statement.text if isinstance(statement, Query) else statement, query)
    elif statement.sql.startswith("\\", position):
        todo.append("remove psql commands, such as \\set, or \\restrict from pg_dump")
    what = f"the query {query!r} under " if query else ""
    kind = ServerError if is_servers_fault(cause.sqlstate) else CandidateError
    return kind(
        f"The server refused {what}the candidate {candidate.name!r}: {cause.diag.message_primary or cause}",
        where=statement.place(position),
        sqlstate=cause.sqlstate,
        checked=[*detail, *checked],
        remedies=todo,
    )


def remedies(candidate: Candidate, statement: Text, name: str) -> list[str]:
    """Return the remedies for SQL that the server refused under a candidate, which depend on its file.

    Args:
        candidate: The candidate under which it was executed.
        statement: The statement.
        name: The operation or query that it belongs to.
    """
    if statement.path == candidate.file.path:
        return []
    if candidate.name == BASELINE:
        return [
            f"fix {name!r} in {statement.path}, which is written for the baseline",
            f"fix the schema in {candidate.file.path}",
        ]
    return [f"override it: `-- name: {name}` in {candidate.file.path}"]


def _read(path: Path) -> Candidate:
    file = sqlfile.read(path, CandidateError)
    _check_headers(file)
    name = file.headers.get("candidate", path.stem)
    if not _NAME.fullmatch(name):
        raise CandidateError(
            f"{name!r} is not a valid candidate name",
            where=file.header("candidate") if "candidate" in file.headers else Place(path=path, line=1),
            remedies=["use only letters, digits, `_`, `-` and `.`, as in `-- candidate: hash_by_site`"],
        )
    sqlfile.sections(file.preamble, CandidateError)  # a mistake in it is told now
    return Candidate(
        name=name,
        summary=file.headers.get("summary", ""),
        expects=file.headers.get("expects", ""),
        bounds=tuple(_bounds(file)),
        file=file,
        databases=_databases(file),
    )


def _databases(file: sqlfile.SqlFile) -> Literal["one", "part"]:
    match file.headers.get("databases", "one"):
        case ("one" | "part") as where:
            return where
        case other:
            raise CandidateError(
                f"{other!r} does not say where parts live",
                where=file.header("databases"),
                remedies=[
                    "write `-- databases: one` for one database of all parts",
                    "write `-- databases: part` for a database for each part",
                ],
            )


def _check_headers(file: sqlfile.SqlFile) -> None:
    """Refuse headers without effect: unknown ones, and known ones in a place where they are not read."""
    for key in file.headers:
        suggestion = nearest(key, _HEADERS)
        if key not in _HEADERS and (suggestion or " " not in key):  # a colon after several words is prose
            raise CandidateError(
                f"Unknown header {key!r}{suggestion}",
                where=file.header(key),
                checked=[f"headers: {', '.join(_HEADERS)}"],
                remedies=["name one of these", _AS_PROSE],
            )
    known = [file.header(key) for key in file.headers]
    for comment in sqlfile.comments(file.preamble):
        if (match := _HEADER.fullmatch(comment.sql.rstrip())) and comment.place() not in known:
            raise CandidateError(
                f"The header {match['key']!r} has no effect here",
                where=comment.place(),
                remedies=[
                    f"write `-- {match['key'].lower()}:` once, in the comment lines at the top of the file",
                    _AS_PROSE,
                ],
            )


def _bounds(file: sqlfile.SqlFile) -> Iterable[tuple[str, int]]:
    for part in filter(None, file.headers.get("postgres", "").split(",")):
        match = _BOUND.fullmatch(part)
        if match is None:
            raise CandidateError(
                f"{part.strip()!r} is not a PostgreSQL version bound",
                where=file.header("postgres"),
                remedies=["write it as in `-- postgres: >= 15` or `-- postgres: >= 15, < 18`"],
            )
        yield match["relation"], int(match["major"])
