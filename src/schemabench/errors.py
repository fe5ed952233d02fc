"""Errors, one class for each person who must act.

Owns the form of every error that a user sees: what failed, with the value; where; what was checked; what to do. Must
not know any other part of schemabench.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemabench.redaction import redact_sql


@dataclass(frozen=True, kw_only=True)
class Place:
    """A position in a text file."""

    path: Path
    """The file."""
    line: int
    """The line, counted from 1."""
    column: int = 1
    """The column, counted from 1, in characters."""
    text: str = ""
    """The source line, without its line end and with passwords hidden; empty if it is not known."""
    caret: int = 0
    """The column of `text` for the caret, if hidden passwords before it have moved it."""

    def __str__(self) -> str:
        """Return `file:line:column`, the source line and a caret below the column."""
        head = f"{self.path}:{self.line}:{self.column}"
        if not self.text.strip():
            return head
        indent = "".join(
            "\t" if character == "\t" else " " for character in self.text[: (self.caret or self.column) - 1]
        )
        return f"{head}\n  {self.text}\n  {indent}^"


class SchemabenchError(Exception):
    """The base of all errors that schemabench raises on purpose. Passwords in quoted SQL are hidden.

    Attributes:
        what: One sentence: what failed, with the value.
        where: The place in a file, or None.
        sqlstate: The server's five-character code, or None.
        checked: What was checked before the failure, one line each.
        remedies: Remedies, one per line.
        notices: Further facts that have no report to appear in, one line each.
        known: The record of an experiment that it cut short; None if there is none.
    """

    notices: tuple[str, ...] = ()
    known: Any = None  # a record, which this module does not know

    def __init__(
        self,
        what: str,
        *,
        where: Place | None = None,
        sqlstate: str | None = None,
        checked: Sequence[str] = (),
        remedies: Sequence[str] = (),
    ) -> None:
        self.what = redact_sql(what)
        self.where = where
        self.sqlstate = sqlstate
        self.checked = tuple(map(redact_sql, checked))
        self.remedies = tuple(map(redact_sql, remedies))
        super().__init__(self.what)

    @property
    def headline(self) -> str:
        """The first line: what failed, without the end of a log and the like."""
        return self.what.partition("\n")[0]

    def __str__(self) -> str:
        """Return the whole message, several lines long."""
        lines = [self.what if self.sqlstate is None else f"{self.what} (SQLSTATE {self.sqlstate})"]
        if self.where is not None:
            lines.append(f"at {self.where}")
        if self.checked:
            lines += ["Checked:", *(f"  - {line}" for line in self.checked)]
        if len(self.remedies) == 1:
            lines.append(f"To fix this: {self.remedies[0]}")
        elif self.remedies:
            lines += ["To fix this, either:", *(f"  - {line}" for line in self.remedies)]
        lines += self.notices
        return "\n".join(lines)


class UsageError(SchemabenchError):
    """An option, a name or an input file is wrong: the user of the command must act."""


class CandidateError(SchemabenchError):
    """A candidate's SQL is wrong: the author of the schema must act."""


class WorkloadError(SchemabenchError):
    """A workload module is wrong: its author must act."""


class ServerError(SchemabenchError):
    """No server is available, or it failed or refused: its operator must act."""


class BrokenOffError(SchemabenchError):
    """The user interrupted it, and it tells what there is so far: the exit status is that of Ctrl-C."""


class WorkerError(SchemabenchError):
    """A process that shares the load is gone, stopped, or missing: the operator of its machine must act.

    Attributes:
        worker: Which one is to be ended, as in `gw1`, since the run cannot continue: it is gone, or would wait in vain.
            Empty if only the experiment cannot continue.
    """

    def __init__(self, what: str, *, worker: str = "", remedies: Sequence[str] = ()) -> None:
        super().__init__(what, remedies=remedies)
        self.worker = worker


def tell_besides(error: BaseException, problem: SchemabenchError) -> None:
    """Tell, with the error that ended something, what failed at that end: it must not take the error's place."""
    if isinstance(error, SchemabenchError):
        error.notices += (str(problem),)
    else:
        error.add_note(str(problem))


class Interrupted(KeyboardInterrupt):
    """A run was interrupted during an experiment, by the user.

    Attributes:
        known: The record of the experiment up to the interruption; None if there is none.
    """

    def __init__(self, what: str, known: Any = None) -> None:  # noqa: ANN401 (a record, which this module does not know)
        self.known = known
        super().__init__(what)


_SERVERS_FAULT = ("53", "57", "58")
"""Insufficient resources, operator intervention, system error:
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_STATEMENTS_OWN = ("53400", "57014", "58P01", "58P02")
"""Exceptions in these classes that concern the statement: it exceeded its temporary files or its time, or names a file
that is missing or already exists."""


def is_servers_fault(sqlstate: str | None) -> bool:
    """Return whether a server's refusal is unrelated to the refused statement."""
    return (sqlstate or "").startswith(_SERVERS_FAULT) and sqlstate not in _STATEMENTS_OWN
