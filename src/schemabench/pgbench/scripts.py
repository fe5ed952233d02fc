"""A script of pgbench, command by command.

Owns what a script may have, and what is refused, each with its place. Must not know Python.

What is between backslash commands is SQL, which SQL's own scanner takes apart: a backslash within a text or a
comment is none of a command's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pglast.parser import ParseError, scan, split

from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.sqlfile.tokens import copies, without_comments
from schemabench.statements import Text

_COMMAND = re.compile(r"\\(?P<word>[^\s\\]*)(?P<rest>(?:\\\n|[^\n])*)")
_SETTING = re.compile(r"\s*(?P<name>\w+)(?P<expression>\s(?:.|\n)*\S(?:.|\n)*|)")
_SLEEP = re.compile(r"\s*(?:(?P<number>\d+)|:(?P<variable>\w+))\s*(?P<unit>us|ms|s)?\s*", re.IGNORECASE)
_CONTINUED = "\\\n"
"""What continues a command on the next line."""
_BRANCH = (
    "branches are not converted",
    "write a script for each branch, and give them weights: --pgbench one.sql@3 --pgbench other.sql@1",
    r"choose a value instead: \set x CASE WHEN :y < 3 THEN 1 ELSE 2 END",
)
_TAKEN = (
    "values from a query's answer are not converted",
    "leave it out, and in operations.sql write `-- as: found` above the query and `:found.column` below it",
)
_OUTSIDE = (
    "a measurement executes no programs",
    r"set a value instead: \set x random(1, 10), or -D x=1",
)
_PIPELINE = (
    "how calls are sent stands in operations.sql",
    "leave it out, and write `-- pipeline: 20` below the `-- name:` there",
)
_REFUSED = {
    **dict.fromkeys(("if", "elif", "else", "endif"), _BRANCH),
    **dict.fromkeys(("gset", "aset"), _TAKEN),
    **dict.fromkeys(("setshell", "shell"), _OUTSIDE),
    **dict.fromkeys(("startpipeline", "endpipeline", "syncpipeline"), _PIPELINE),
    ";": ("several statements in one request are not converted", "end each statement with a semicolon alone"),
}
"""Command -> why it is refused, and what to do."""
_KNOWN = ("set", "sleep")


@dataclass(frozen=True)
class Setting:
    r"""`\set`: a variable gets the value of an expression."""

    name: str
    expression: Text


@dataclass(frozen=True)
class Sleep:
    r"""`\sleep`: a pause."""

    text: Text
    variable: str
    """That says how long it is; empty if it is always as long."""
    number: int
    unit: str
    """us, ms or s."""


@dataclass(frozen=True)
class Executed:
    """A statement of SQL, without its semicolon."""

    text: Text


Command = Setting | Sleep | Executed


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script, with its weight among others."""

    name: str
    """As it is called in Python."""
    label: str
    """As it is called by people: the name of its file, or pgbench's own."""
    weight: int
    commands: Sequence[Command]
    text: Text
    builtin: bool = False
    """Whether it is pgbench's own."""


def commands(path: Path, source: str) -> list[Command]:
    """Return the commands of a script, in order.

    Raises:
        UsageError: It has something that is not converted, or that pgbench does not have.
    """
    text = Text(path=path, source=source, start=0, end=len(source))
    return list(_commands(text))


def _commands(text: Text) -> Iterator[Command]:
    source, done = text.sql, 0
    for match in _COMMAND.finditer(source):
        if match.start() < done or not _is_outside(source[done : match.start()]):
            continue
        yield from _statements(text.part(done, match.start()))
        yield from _command(text, match)
        done = match.end()
    yield from _statements(text.part(done, len(source)))


def _is_outside(sql: str) -> bool:
    """Return whether what follows some SQL is within none of its texts and comments."""
    try:
        tokens = list(scan(sql))
    except ParseError:
        return False
    return not tokens or tokens[-1].name != "SQL_COMMENT" or "\n" in sql[tokens[-1].start :]


def _command(text: Text, match: re.Match[str]) -> Iterator[Command]:
    word, whole = match["word"].lower(), text.part(*match.span())  # its place only where it is told: that costs time
    word = ";" if word.startswith(";") else word
    rest = match["rest"].replace(_CONTINUED, " \n")
    if rest != match["rest"]:
        start, end = (text.start + one for one in match.span("rest"))
        text = replace(text, source=text.source[:start] + rest + text.source[end:])
    if word in _REFUSED:
        why, *remedies = _REFUSED[word]
        raise UsageError(rf"\{word} cannot be converted: {why}", where=whole.place(), remedies=remedies)
    if word == "set":
        setting = _SETTING.fullmatch(rest)
        if setting is None or not setting["expression"].strip():
            raise UsageError(
                r"\set has no name and expression", where=whole.place(), remedies=[r"write \set x random(1, 10)"]
            )
        start = match.start("rest") + setting.start("expression") + 1
        yield Setting(setting["name"], text.part(start, match.start("rest") + setting.end("expression")))
    elif word == "sleep":
        sleep = _SLEEP.fullmatch(rest)
        if sleep is None:
            raise UsageError(
                rf"\sleep {' '.join(rest.split())} is no time",
                where=whole.place(),
                remedies=[r"write \sleep 5 ms, with us, ms or s, or \sleep :x ms"],
            )
        unit = (sleep["unit"] or "s").lower()
        yield Sleep(text.part(*match.span()), sleep["variable"] or "", int(sleep["number"] or 0), unit)
    else:
        remedies = [r"converted are \set and \sleep, and SQL"]
        raise UsageError(
            rf"pgbench has no \{word}{nearest(word, [*_KNOWN, *_REFUSED])}", where=whole.place(), remedies=remedies
        )


def _statements(text: Text) -> Iterator[Executed]:
    try:
        words = without_comments(list(scan(text.sql)))
        pieces = split(text.sql, with_parser=False, only_slices=True) if words else ()
    except ParseError as cause:
        offset = max(0, cause.args[1]) if len(cause.args) > 1 else 0
        raise UsageError(f"Postgres cannot read this SQL: {cause.args[0]}", where=text.place(offset)) from cause
    rest = text.part(pieces[-1].stop if pieces else 0, len(text.sql))
    for whole in [*(text.part(piece.start, piece.stop) for piece in pieces), rest]:
        own = [token for token in without_comments(list(scan(whole.sql))) if token.name != "ASCII_59"]
        if not own:
            continue
        statement = whole.part(own[0].start, own[-1].end + 1)
        if copies(own):
            raise UsageError(
                "pgbench cannot copy from or to the client, and so the script cannot, either",
                where=statement.place(),
                remedies=["leave it out, and write COPY ... FROM STDIN as an operation of the workload"],
            )
        yield Executed(statement)
