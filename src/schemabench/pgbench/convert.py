"""From the commands of a script to operations, and to the Python that makes their calls.

Owns what becomes of each command. Must not write files.

A statement outside of BEGIN and END is an operation of its own, and what is between them is one. Nothing in a script
depends on an answer, so that all variables are set before the first call. One that is set again has another name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from keyword import iskeyword
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError, scan

from schemabench.deriving.code import Name, apart, made, rendered
from schemabench.deriving.tree import ast
from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.pgbench.expressions import translated, variables
from schemabench.pgbench.known import DOUBLE, INT, Known, named
from schemabench.pgbench.scripts import Command, Executed, Script, Setting, Sleep
from schemabench.sqlfile.block import marks
from schemabench.sqlfile.tokens import without_comments
from schemabench.statements import Kind, Mark, Text

PLANNED = {"SELECT", "INSERT", "UPDATE", "DELETE_P", "MERGE", "WITH", "VALUES", "TABLE", "ASCII_40"}
"""First tokens of statements that can have parameters."""
_CHANGING = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)
_BEGIN = re.compile(r"(?:BEGIN|START)(?:\s+(?:WORK|TRANSACTION))?\s*", re.IGNORECASE)
_WRITTEN = re.compile(r"(?<!:):(?P<name>\w+)")
_BEGINS, _ENDS = {"TRANS_STMT_BEGIN", "TRANS_STMT_START"}, {"TRANS_STMT_COMMIT"}
_WITHIN = {"TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"}
_RESERVED = {"sizes", "tables", "cardinality", "random", "client_id", "pgbench", "abs", "min", "max", "int", "Call"}
"""Names that the functions of a workload use otherwise."""
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


@dataclass
class Operation:
    """An operation in the making."""

    statements: list[str] = field(default_factory=list)
    rests: dict[int, Sleep] = field(default_factory=dict)
    """Place of a statement -> the pause before it; behind the last one, that before the commit."""
    values: dict[str, Known] = field(default_factory=dict)
    """Parameter -> its value."""
    transaction: bool = False
    """Whether it was between BEGIN and END."""
    written: int = 0
    """How many of its statements change rows."""
    name: str = ""

    @property
    def block(self) -> str:
        """Its block in operations.sql."""
        lines = [f"-- name: {self.name}"]
        lines += ["-- transaction: 1"] if self.transaction and len(self.statements) == 1 else []
        for place, statement in enumerate([*self.statements, ""]):
            lines += [_pause(self.rests[place])] if place in self.rests else []
            lines += [f"{statement};"] if statement else []
        return "\n".join(lines)

    @property
    def call(self) -> str:
        """The Python that makes its call."""
        values = {name: Name(_sent(value)) for name, value in self.values.items()}
        written = {} if self.written == 1 else {"rows": self.written}
        return rendered(made("Call", self.name, values, **written), 1, before=len("    yield "))


@dataclass(frozen=True)
class Converted:
    """A script that was converted."""

    script: Script
    settings: Sequence[str]
    """The lines of its function that set variables."""
    operations: Sequence[Operation]
    sets: frozenset[str]
    """The variables that it sets."""
    takes: Mapping[str, Text]
    """The variables that it takes as they are before it, and where it does so first."""


def check(scripts: Sequence[Converted]) -> None:
    """Refuse scripts that take what a run before has set.

    Raises:
        UsageError: One does.
    """
    kept = frozenset[str]().union(*(one.sets for one in scripts))
    for script in scripts:
        for name, taken in script.takes.items():
            if name in kept:
                raise UsageError(
                    f"pgbench keeps :{name} from run to run, and a burst cannot: it must not depend on those before it",
                    where=taken.place(),
                    remedies=[
                        rf"set it above this line: \set {name} random(1, 1000000)",
                        rf"give it one value, -D {name}=1, and no \set {name}",
                    ],
                )


def converted(script: Script, known: Mapping[str, Known], taken: set[str]) -> Converted:
    """Return a script as a function and operations.

    Args:
        script: The script.
        known: The variables that are set before it begins.
        taken: The names that its operations cannot have; theirs are added.

    Raises:
        UsageError: It has something that is not converted.
    """
    conversion = _Conversion(script, dict(known))
    for command in script.commands:
        conversion.take(command)
    return conversion.ended(taken)


class _Conversion:
    """The conversion of one script."""

    def __init__(self, script: Script, known: dict[str, Known]) -> None:
        self._script = script
        self._known = known
        self._names: set[str] = set()
        self._settings: list[str] = []
        self._done: list[Operation] = []
        self._open: Operation | None = None
        self._began: Text = script.text
        self._rest: Sleep | None = None
        self._sets: set[str] = set()
        self._takes: dict[str, Text] = {}

    def take(self, command: Command) -> None:
        """Convert the next command."""
        match command:
            case Setting():
                self._set(command)
            case Sleep():
                if command.variable or command.number:
                    self._rest = command if self._rest is None else _sum(self._rest, command)
            case Executed():
                self._execute(command.text)

    def ended(self, taken: set[str]) -> Converted:
        """Return what was converted, with names other than those taken."""
        if self._open is not None:
            remedies = ["write END; at the end of the script"]
            raise UsageError("BEGIN has no END in this script", where=self._began.place(), remedies=remedies)
        if not self._done:
            raise UsageError(f"{self._script.label} executes no statement", where=self._script.text.place())
        if self._rest is not None:  # another run follows, and so it is before the first statement of that
            first = self._done[0]
            self._pause(first, _sum(first.rests[0], self._rest) if 0 in first.rests else self._rest)
        for number, operation in enumerate(self._done, start=1):
            plain = self._script.name if len(self._done) == 1 else f"{self._script.name}_{number}"
            operation.name = apart(plain, taken)
            taken.add(operation.name)
        return Converted(self._script, self._settings, self._done, frozenset(self._sets), self._takes)

    def _set(self, setting: Setting) -> None:
        value = translated(setting.expression, self._known)
        for taken in variables(setting.expression):
            self._take(taken, setting.expression)
        self._sets.add(setting.name)
        name = _python_name(setting.name, self._names)
        self._names.add(name)
        self._settings.append(f"{name} = {value.python}")
        self._known[setting.name] = replace(value, code=named(name, ()).code)

    def _execute(self, text: Text) -> None:
        found = list(marks(text, without_comments(list(scan(text.sql)))))
        root = _parsed(text, found)
        if isinstance(root, ast.TransactionStmt):
            kind = root.kind.name
            if kind in _BEGINS:
                return self._begin(text)
            if kind in _ENDS and not root.chain:
                return self._end(text)
            if kind not in _WITHIN:
                raise UsageError(
                    f"{text.sql.split()[0].upper()} cannot be converted: an operation ends with a commit",
                    where=text.place(),
                    remedies=["end the transaction by END;"],
                )
        operation = self._open or Operation()
        self._add(operation, self._written(operation, text, found))
        operation.written += isinstance(root, _CHANGING)
        if self._open is None:
            self._done.append(operation)
        return None

    def _begin(self, text: Text) -> None:
        if self._open is not None:
            raise UsageError("A transaction begins within another", where=text.place(), remedies=["write END; above"])
        self._began, self._open = text, Operation(transaction=True)
        if modes := text.sql[_BEGIN.match(text.sql).end() :]:  # type: ignore[union-attr]  # the parser knows it as one
            self._add(self._open, f"SET TRANSACTION {modes}")

    def _end(self, text: Text) -> None:
        if self._open is None or not self._open.statements:
            what = "ends no transaction" if self._open is None else "ends a transaction without a statement"
            raise UsageError(f"{text.sql.upper()} {what}", where=text.place(), remedies=["leave it out"])
        if self._rest is not None:
            self._pause(self._open, self._rest, last=True)
        self._done.append(self._open)
        self._open = self._rest = None

    def _add(self, operation: Operation, sql: str) -> None:
        operation.statements.append(sql)
        if self._rest is not None:
            self._pause(operation, self._rest, last=True)
            place = len(operation.statements)
            operation.rests[place - 1] = operation.rests.pop(place)
            self._rest = None

    def _pause(self, operation: Operation, sleep: Sleep, *, last: bool = False) -> None:
        """Put a pause before the first statement of an operation, or behind its last one."""
        if sleep.variable:
            name = self._parameter(operation, sleep.variable, sleep.text, 0)
            sleep = replace(sleep, variable=name)
        operation.rests[len(operation.statements) if last else 0] = sleep

    def _written(self, operation: Operation, text: Text, found: Sequence[Mark]) -> str:
        """Return a statement with its parameters, whose values are added to those of the operation."""
        tokens = without_comments(list(scan(text.sql)))
        planned = tokens[0].name in PLANNED
        for token in tokens:
            mentioned = _WRITTEN.finditer(text.sql, token.start, token.end + 1) if token.name == "SCONST" else ()
            if inside := next((one for one in mentioned if one["name"] in self._known), None):
                raise UsageError(
                    f"pgbench writes the value of {inside[0]} into this text, and an operation cannot",
                    where=text.place(inside.start()),
                    remedies=[f"put it together: 'text ' || {inside[0]}", "rename the variable, if it is none"],
                )
        ends = {token.end + 1 for token in tokens}
        pieces, done = [], 0
        for mark in found:
            if mark.kind is not Kind.VALUE:
                raise UsageError(
                    f"pgbench has no {text.sql[mark.start : mark.end]}, which is psql's",
                    where=text.place(mark.start),
                    remedies=["write :name"],
                )
            if mark.start in ends and re.match(r"\w", text.sql[mark.start - 1]):
                raise UsageError(
                    f"pgbench writes the value of :{mark.name} into a name, and an operation cannot",
                    where=text.place(mark.start),
                    remedies=['in operations.sql, write :"name", and give its value in the call'],
                )
            name = self._parameter(operation, mark.name, text, mark.start)
            written = f":{name}{_cast(operation.values[name], text.sql[mark.end :])}" if planned else f":'{name}'"
            pieces += [text.sql[done : mark.start], written]
            done = mark.end
        return "".join([*pieces, text.sql[done:]])

    def _take(self, variable: str, text: Text) -> None:
        """Note that a variable is taken, at the start of a text."""
        if variable not in self._sets:
            self._takes.setdefault(variable, text)

    def _parameter(self, operation: Operation, variable: str, text: Text, offset: int) -> str:
        """Return the name of the parameter that a variable is, in an operation."""
        if variable not in self._known:
            raise UsageError(
                f"Nothing sets :{variable} before this line{nearest(variable, self._known)}",
                where=text.place(offset),
                remedies=[
                    rf"set it above: \set {variable} random(1, 10)",
                    f"give it a value: -D {variable}=1",
                    "for an array slice, write a space after the colon",
                ],
            )
        self._take(variable, text.part(offset, len(text.sql)))
        value = self._known[variable]
        name = variable
        while name in operation.values and operation.values[name] != value:
            stem, _, number = name.rpartition("_")
            name = f"{stem}_{int(number) + 1}" if stem and number.isdecimal() else f"{name}_2"
        operation.values[name] = value
        return name


def _cast(value: Known, rest: str) -> str:
    """Return the cast that a parameter needs: a float in the text of a statement is numeric, whatever it is beside."""
    return "::numeric" if DOUBLE <= value.kinds <= DOUBLE | {"null"} and not rest.lstrip().startswith("::") else ""


def _parsed(text: Text, found: Sequence[Mark]) -> Any:  # noqa: ANN401 (pglast has no types)
    """Return the parse tree of a statement, with numbers for parameters."""
    sql = text.sql
    for mark in reversed(found):
        sql = f"{sql[: mark.start]}$1{sql[mark.end :]}"
    try:
        (parsed,) = parse_sql(sql)
    except (ParseError, ValueError):
        return None  # newer than the parser, or a utility with parameters: the server has the last word
    return parsed.stmt


def _python_name(variable: str, taken: set[str]) -> str:
    """Return a Python name for a variable, other than those taken."""
    plain = re.sub(r"\W", "_", variable)
    plain = f"_{plain}" if plain[0].isdigit() else plain
    plain = f"{plain}_" if iskeyword(plain) or plain in _RESERVED else plain
    return apart(plain, taken)


def _sent(value: Known) -> str:
    """Return the Python of a value as it is sent."""
    return value.python if value.kinds <= INT | {"null", "text"} else f"pgbench.text({value.python})"


def _pause(sleep: Sleep) -> str:
    """Return the line for a pause."""
    if sleep.variable:
        return f"-- pause: :{sleep.variable} {sleep.unit}"
    unit = next(unit for unit, size in _MICROSECONDS.items() if _microseconds(sleep) % size == 0)
    return f"-- pause: {_microseconds(sleep) // _MICROSECONDS[unit]} {unit}"


def _sum(one: Sleep, other: Sleep) -> Sleep:
    """Return two pauses in one."""
    if one.variable or other.variable:
        raise UsageError(
            "Two pauses follow each other, at least one of a time that varies",
            where=other.text.place(),
            remedies=[r"write their sum: \set both :one + :other, and \sleep :both ms"],
        )
    return replace(other, number=_microseconds(one) + _microseconds(other), unit="us")


def _microseconds(sleep: Sleep) -> int:
    return sleep.number * _MICROSECONDS[sleep.unit]
