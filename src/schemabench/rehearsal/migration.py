"""The statements of a migration, in the order in which they are sent.

Owns what becomes of a candidate's own files, without those of what it extends. Must not execute a statement of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from pglast.parser import scan

from schemabench import sqlfile
from schemabench.candidate import Candidate, Remark
from schemabench.candidate.passing import parsed, passed
from schemabench.errors import CandidateError
from schemabench.experiment.template import Template
from schemabench.redaction import redact_line
from schemabench.statements import Statement

_COMMENTS = {"SQL_COMMENT", "C_COMMENT"}
_CONTROL = ("BEGIN", "COMMIT")


class Step(NamedTuple):
    """One statement."""

    sql: str
    """As it is sent."""
    where: str
    """Its file and line, as in `narrow.sql:7`; empty for what begins or ends the transaction that a file is."""
    begins: bool
    """Whether it is the first one of a file: a file has a session of its own."""

    @property
    def shown(self) -> str:
        """The statement on one line, without the comments above it."""
        return redact_line(self.sql[_start(self.sql) :]).rstrip(";")


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What is executed of a migration, and what is not."""

    steps: tuple[Step, ...]
    remarks: tuple[Remark, ...]
    """The statements that are passed over, as they are when the candidate is installed."""


def read(candidate: Candidate, template: Template, connection: psycopg.Connection[tuple[object, ...]]) -> Migration:
    """Return the statements of a candidate's own files.

    Args:
        candidate: A candidate that extends another one.
        template: What it extends, in one database.
        connection: A connection to this database, which tells what is passed over there.

    Raises:
        CandidateError: A statement copies from or to the client, or there is none.
    """
    remarks: list[Remark] = []
    steps: list[Step] = []
    for script in candidate.scripts[-len(candidate.files) :]:
        own = list(_own(candidate, script.sections, template, connection, remarks))
        if script.file.one_transaction:
            own = [(_CONTROL[0], ""), *own, (_CONTROL[1], "")]
        steps += [Step(sql, where, begins=place == 0) for place, (sql, where) in enumerate(own)]
    if not steps:
        raise CandidateError(
            f"{candidate.name!r} has no statement of its own: there is nothing to rehearse",
            where=candidate.file.header("extends"),
        )
    return Migration(steps=tuple(steps), remarks=tuple(remarks))


def _own(
    candidate: Candidate,
    sections: Sequence[sqlfile.Section],
    template: Template,
    connection: psycopg.Connection[tuple[object, ...]],
    remarks: list[Remark],
) -> Iterator[tuple[str, str]]:
    """Yield the statements of one file as they are sent, each with its place."""
    (parts,) = template.parts.of(template.databases.by_part).values()
    for section in sections:
        for names in parts if section.each_part else ({},):
            for statement in section.statements:
                _check_sendable(candidate, statement)
                query = sqlfile.rendered(statement, names)
                line = statement.text.line(_start(statement.text.sql))
                if why := passed(parsed(query.sql), connection):
                    remarks.append(Remark(path=statement.text.path, line=line, passed=why))
                else:
                    yield query.sql, f"{statement.text.path.name}:{line}"


def _check_sendable(candidate: Candidate, statement: Statement) -> None:
    """Refuse a statement that needs a client's rows."""
    if (offset := sqlfile.client_copy(statement.text)) is not None:
        raise CandidateError(
            f"The migration {candidate.name!r} cannot be rehearsed: it copies from or to the client",
            where=statement.text.place(offset),
            remedies=["write INSERT, as pg_dump --inserts does"],
        )


def _start(sql: str) -> int:
    """Return where a statement begins, below the comments above it."""
    return next((token.start for token in scan(sql) if token.name not in _COMMENTS), 0)
