"""The headers of a candidate's file.

Owns their names, their values, and what is refused in their place. Must not know other candidates.
"""

import re
from collections.abc import Iterable
from typing import Literal

from schemabench import sqlfile
from schemabench.errors import CandidateError, Place
from schemabench.naming import nearest
from schemabench.sqlfile import SqlFile

HEADERS = {
    "candidate: hash_by_site": "its name; by default that of the file, without `.sql`, or of the folder",
    "summary: one table for each month": "one line for people",
    "expects: reads get faster": "what its author expects of it, shown beside the result",
    "extends: baseline": "the candidate whose schema and operations it changes, as a migration does",
    "postgres: >= 15, < 18": "the major versions that it applies to; on other servers it is skipped",
    "databases: part": "`part`: a database for each part of the workload; `one`, the default: one for all",
}
"""What may stand in the comment lines at the top of a candidate, as in an example -> its meaning."""
_HEADERS = tuple(example.partition(":")[0] for example in HEADERS)
_HEADER = re.compile(rf"--\s*(?P<key>{'|'.join(_HEADERS)}):.*", re.IGNORECASE)
_AS_PROSE = "if it is a comment and not a header, remove the colon or begin with a capital letter"
_NAME = re.compile(r"\w[\w.-]*")  # part of test names and options
_BOUND = re.compile(r"\s*(?P<relation>>=|<=|<|>|==|=)\s*(?P<major>\d+)\s*")


def check(file: SqlFile) -> None:
    """Refuse headers without effect: unknown ones, and known ones in a place where they are not read.

    Raises:
        CandidateError: There is one; with its place.
    """
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


def check_migration(file: SqlFile, home: str) -> None:
    """Refuse what belongs to a candidate rather than to one of its migrations.

    Args:
        file: The migration.
        home: The name of the file where it belongs.

    Raises:
        CandidateError: The migration holds a header of candidates, or an operation.
    """
    todo = f"write it in {home}, in the same folder"
    for comment in sqlfile.comments(file.preamble):
        if match := _HEADER.fullmatch(comment.sql.rstrip()):
            raise CandidateError(
                f"The header {match['key']!r} has no effect in a migration",
                where=comment.place(),
                remedies=[todo, _AS_PROSE],
            )
    for operation in file.operations.values():
        raise CandidateError(
            f"The operation {operation.name!r} stands in a migration", where=operation.text.place(), remedies=[todo]
        )


def name(file: SqlFile, default: str) -> str:
    """Return the name of a candidate: its header, or else the name of its file or folder.

    Raises:
        CandidateError: It cannot stand in the name of a test.
    """
    found = file.headers.get("candidate", default)
    if not _NAME.fullmatch(found):
        raise CandidateError(
            f"{found!r} is not a valid candidate name",
            where=file.header("candidate") if "candidate" in file.headers else Place(path=file.path, line=1),
            remedies=["use only letters, digits, `_`, `-` and `.`, as in `-- candidate: hash_by_site`"],
        )
    return found


def databases(file: SqlFile) -> Literal["one", "part"] | None:
    """Return where parts live; None if the file does not say.

    Raises:
        CandidateError: It says something else.
    """
    match file.headers.get("databases"):
        case ("one" | "part" | None) as where:
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


def bounds(file: SqlFile) -> Iterable[tuple[str, int]]:
    """Yield (relation, major version) of each version bound of a file.

    Raises:
        CandidateError: One is none.
    """
    for part in filter(None, file.headers.get("postgres", "").split(",")):
        match = _BOUND.fullmatch(part)
        if match is None:
            raise CandidateError(
                f"{part.strip()!r} is not a PostgreSQL version bound",
                where=file.header("postgres"),
                remedies=["write it as in `-- postgres: >= 15` or `-- postgres: >= 15, < 18`"],
            )
        yield match["relation"], int(match["major"])
