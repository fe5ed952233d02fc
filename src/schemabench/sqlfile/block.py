"""One `-- name:` block: an operation, how its calls are sent, its statements, and what they take from each other.

Owns the lines that may stand in a block, and what is refused there. Must not talk to a server.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError, Token, split
from pglast.stream import RawStream

from schemabench import sending
from schemabench.errors import Place, SchemabenchError
from schemabench.naming import nearest
from schemabench.sending import Sending
from schemabench.sqlfile.tokens import COMMENTS, copies, scanned, without_comments
from schemabench.statements import Kind, Mark, Operation, Rest, Statement, Text
from schemabench.units import parse_duration_s, plural

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_NOTHING = re.compile(r"--\s*nothing", re.IGNORECASE)
_GIVES = re.compile(r"--\s*as:\s*(?P<name>.*?)\s*", re.IGNORECASE)
_WITHOUT_ROW = re.compile(r"--\s*if none:\s*(?P<then>.*?)\s*", re.IGNORECASE)
_PAUSE = re.compile(r"--\s*pause:\s*(?P<time>.*?)\s*", re.IGNORECASE)
_NAMED_TIME = re.compile(r":(?P<name>\w+)\s*(?P<unit>us|ms|s)")
LINES = {
    "as: placed": "above a statement: names its row, whose columns later statements take as `:placed.order_id`",
    "if none: stop": "above a statement whose row has a name: what happens without one; `stop` commits and ends the "
    "operation, `fail`, the default, fails the candidate",
    "pause: 5 ms": "above a statement or below the last one: how long the client pauses there, `:think ms` for a value "
    "of each call; above the first one it pauses before the transaction begins, below the last one before the commit",
    "nothing": "in place of statements: there is nothing to do",
}
"""What may stand in a block, as in an example -> its meaning; see `sending` for how its calls are sent."""
_LITERAL = re.compile(r"'(?P<name>(?:[^']|'')*)'")
"""The first piece of a string constant, which may go on in the next line."""
_STOP, _FAIL = "stop", "fail"


def operation(name: str, text: Text, place: Place, error: type[SchemabenchError]) -> Operation:
    """Return the operation of a block.

    Args:
        name: What follows `-- name:`.
        text: What is below it.
        place: Of the name.
        error: The class of error to raise.

    Raises:
        SchemabenchError: As `parse` does for what is in a block.
    """
    if not _IDENTIFIER.fullmatch(name):
        raise error(
            f"{name!r} is not a valid operation name",
            where=place,
            remedies=[
                "write `-- name:` with lower-case letters, digits and underscores, as in `-- name: insert_order`"
            ],
        )
    statements = tuple(_statements(text, error))
    if not statements and not _has_nothing(text, error):
        raise error(
            f"The operation {name!r} has no statement",
            where=place,
            remedies=["write its SQL below the name", "write `-- nothing` below the name where there is nothing to do"],
        )
    operation = Operation(
        name=name, text=text, statements=statements, sending=_sending(text, error), rest=_last_rest(text, error)
    )
    if operation.copies and len(statements) > 1:
        raise error(
            f"The operation {name!r} copies from the client and has {plural(len(statements), 'statement')}, not one",
            where=place,
        )
    if refusal := _unsendable(operation):
        raise error(f"The operation {name!r} {refusal[0]}", where=place, remedies=refusal[1:])
    _check_links(operation, error)
    return operation


def _check_links(operation: Operation, error: type[SchemabenchError]) -> None:
    """Refuse what is taken from a row that no earlier statement gives, and a row that is given twice."""
    given: set[str] = set()
    for statement in operation.statements:
        for giver, column in statement.takes:
            if giver not in given:
                raise error(
                    f"No earlier statement of {operation.name!r} gives :{giver}.{column}{nearest(giver, given)}",
                    where=statement.text.place(statement.mark(f"{giver}.{column}")),
                    remedies=[
                        f"write `-- as: {giver}` above the statement whose row has {column!r}",
                        "for an array slice, write a space after the colon",
                    ],
                )
        if statement.gives in given:
            raise error(f"Two statements of {operation.name!r} give {statement.gives!r}", where=statement.text.place())
        given |= {statement.gives} - {""}
        if operation.sending.batch > 1 and statement.literals:
            raise error(
                f"The operation {operation.name!r} gathers calls, and :'name' takes one value of one call",
                where=statement.text.place(statement.mark(min(statement.literals))),
                remedies=["write :name, which is an array of the calls' values", "remove the line `-- batch:`"],
            )


def _unsendable(operation: Operation) -> tuple[str, ...]:
    """Return why an operation cannot be sent as its lines say, and what to do; nothing if it can."""
    sending, statements = operation.sending, operation.statements
    takes = any(statement.takes for statement in statements)
    rests = operation.rest is not None or any(statement.rest for statement in statements)
    refusals = (
        (sending.calls > 1 and not statements, "gathers calls, but has no statement"),
        (sending.pipeline > 1 and not statements, "has a pipeline, but no statement"),
        (
            sending.batch > 1 and sending.transaction > 1,
            "gathers calls both into a batch and into a transaction",
            "keep one of `-- batch:` and `-- transaction:`",
        ),
        (
            sending.pipeline > 1 and operation.copies,
            "copies from the client in a pipeline, and libpq's pipeline mode has no COPY",
            "leave out `-- pipeline:`; `-- batch:` makes each COPY larger",
        ),
        (
            sending.begins and operation.copies,
            "copies from the client, which gathers calls by `-- batch:`",
            "write `-- batch:`, not `-- transaction:`",
        ),
        (
            sending.pipeline > 1 and any(statement.gives or takes for statement in statements),
            "looks at rows in a pipeline, which sends all statements of a request at once",
            "leave out `-- pipeline:`",
            "write one statement: WITH placed AS (INSERT ... RETURNING id) INSERT ... SELECT id FROM placed",
        ),
        (
            rests and (sending.calls > 1 or sending.pipeline > 1 or operation.copies),
            "pauses, which no copy, gathered call or pipeline can",
            "leave out `-- pause:`",
        ),
        (
            operation.rest is not None and not operation.transacts,
            "pauses behind its last statement, when everything is done",
            "write `-- pause:` above a statement",
            "to pause before the commit, make it a transaction: `-- transaction: 1` below `-- name:`",
        ),
        (
            sending.transaction > 1 and any(statement.stops for statement in statements),
            "would end without a row, and other calls of its transaction with it",
            "leave out `-- transaction:`",
        ),
    )
    return next((tuple(words) for refused, *words in refusals if refused), ())


def _has_nothing(text: Text, error: type[SchemabenchError]) -> bool:
    """Return whether a block says that there is nothing to do."""
    comments = (text.sql[token.start : token.end + 1] for token in scanned(text, error))
    return any(_NOTHING.fullmatch(comment.rstrip()) for comment in comments)


def _sending(text: Text, error: type[SchemabenchError]) -> Sending:
    """Return what the comments above a block's first statement say of how its calls are sent."""
    tokens = scanned(text, error)
    first = next((token.start for token in tokens if token.name not in COMMENTS), len(text.sql))
    found = Sending()
    for token in (token for token in tokens if token.name == "SQL_COMMENT"):
        comment = text.sql[token.start : token.end + 1]
        line = sending.line(comment)
        if line is None:
            if token.start < first and (meant := sending.suggestion(comment)):
                raise error(
                    f"`{comment.rstrip()}` has no effect{meant}",
                    where=text.place(token.start),
                    remedies=["if it is a comment, remove the colon or begin with a capital letter"],
                )
            continue
        if token.start > first:
            raise error(
                f"`-- {line[0]}:` has no effect here",
                where=text.place(token.start),
                remedies=["write it between `-- name:` and the operation's first statement"],
            )
        try:
            found = sending.parse([line], found)
        except ValueError as cause:
            raise error(f"`-- {line[0]}:` {cause}", where=text.place(token.start)) from cause
    return found


def _statements(text: Text, error: type[SchemabenchError]) -> Iterator[Statement]:
    pieces = split(text.sql, with_parser=False, only_slices=True)
    rest = text.part(pieces[-1].stop if pieces else 0, len(text.sql))
    for whole in [*(text.part(piece.start, piece.stop) for piece in pieces), rest]:
        tokens = scanned(whole, error)
        words = [token for token in without_comments(tokens) if token.name != "ASCII_59"]
        gives, stops = _row(whole, tokens, words, error)
        if not words:
            continue
        first = words[0].start
        if number := next((token for token in words if token.name == "PARAM"), None):
            raise error(
                f"A parameter has a name, not a number: {whole.sql[number.start : number.end + 1]}",
                where=whole.place(number.start),
                remedies=["write :name, as in :customer::text"],
            )
        found = tuple(mark._replace(start=mark.start - first, end=mark.end - first) for mark in marks(whole, words))
        sql = whole.part(first, len(whole.sql))
        pause = _rest(whole, [token for token in tokens if token.start < first], error)
        statement = Statement(text=sql, marks=found, gives=gives, stops=stops, rest=pause)
        yield _copying(statement, error) if copies(words) else statement


def _row(
    whole: Text, tokens: Sequence[Token], words: Sequence[Token], error: type[SchemabenchError]
) -> tuple[str, bool]:
    """Return what the comments above a statement call its row, and whether the operation ends without one."""
    gives, then = "", ""
    for token in (token for token in tokens if token.name == "SQL_COMMENT"):
        comment = whole.sql[token.start : token.end + 1].rstrip()
        named, without = _GIVES.fullmatch(comment), _WITHOUT_ROW.fullmatch(comment)
        if named is None and without is None:
            continue
        if not words or token.start > words[0].start:
            raise error(
                f"`{comment}` has no effect here",
                where=whole.place(token.start),
                remedies=["write it directly above the statement whose row it is about"],
            )
        if named and not _IDENTIFIER.fullmatch(named["name"]):
            raise error(
                f"{named['name']!r} is not a valid name for a row",
                where=whole.place(token.start),
                remedies=["write lower-case letters, digits and underscores, as in `-- as: placed`"],
            )
        if without and without["then"] not in {_STOP, _FAIL}:
            raise error(
                f"`-- if none:` {without['then']!r} is neither `{_STOP}` nor `{_FAIL}`", where=whole.place(token.start)
            )
        gives, then = named["name"] if named else gives, without["then"] if without else then
    if then and not gives:
        raise error(
            "`-- if none:` is about a row that has no name",
            where=whole.place(words[0].start),
            remedies=["name it with `-- as:`, as in `-- as: placed`"],
        )
    return gives, then == _STOP


def _last_rest(text: Text, error: type[SchemabenchError]) -> Rest | None:
    """Return the pause below a block's last statement."""
    tokens = scanned(text, error)
    last = max((token.end for token in without_comments(tokens)), default=len(text.sql))
    return _rest(text, [token for token in tokens if token.start > last], error)


def _rest(text: Text, tokens: Sequence[Token], error: type[SchemabenchError]) -> Rest | None:
    """Return the pause that a comment among tokens asks for."""
    found: Rest | None = None
    for token in tokens:
        match = _PAUSE.fullmatch(text.sql[token.start : token.end + 1].rstrip())
        if match is None:
            continue
        where = text.place(token.start)
        if found is not None:
            raise error("Two pauses follow each other", where=where, remedies=["write their sum in one line"])
        line, given = f"-- pause: {match['time']}", _NAMED_TIME.fullmatch(match["time"])
        try:
            seconds = parse_duration_s(f"1{given['unit']}" if given else match["time"])
        except ValueError as cause:
            remedies = ["write `-- pause: 5 ms`, or `-- pause: :think ms` for a value of each call"]
            raise error(f"`{line}`: {cause}", where=where, remedies=remedies) from cause
        found = Rest(given["name"] if given else "", seconds, line)
    return found


def copied(sql: str) -> str:
    """Return a query for the columns that a copy from the client fills, none of its rows."""
    (parsed,) = parse_sql(sql)
    copy: Any = parsed.stmt
    columns = ", ".join('"' + one.sval.replace('"', '""') + '"' for one in copy.attlist)
    return f"SELECT {columns} FROM {RawStream()(copy.relation)} LIMIT 0"  # noqa: S608 (of the author's own statement)


def _copying(statement: Statement, error: type[SchemabenchError]) -> Statement:
    """Return a statement that copies from the client with its columns and its format."""
    sql = statement.text.sql
    for start, end, name, _ in reversed(statement.marks):
        sql = f'{sql[:start]}"{name}"{sql[end:]}'
    try:
        (parsed,) = parse_sql(sql)
    except ParseError as cause:
        raise error(f"Postgres cannot read this SQL: {cause.args[0]}", where=statement.text.place()) from cause
    copy: Any = parsed.stmt
    if not copy.is_from:
        raise error("An operation cannot copy to the client", where=statement.text.place())
    if any(mark.kind is not Kind.IDENTIFIER for mark in statement.marks):
        raise error(
            "A copy takes its values from its columns, and has no parameters",
            where=statement.text.place(),
            remedies=["name the columns as the call's values are named: COPY t (customer, amount) FROM STDIN"],
        )
    if not copy.attlist:
        raise error(
            "A copy from the client must name its columns",
            where=statement.text.place(),
            remedies=["name them as the call's values are named: COPY t (customer, amount) FROM STDIN"],
        )
    formats = [one.arg.sval.lower() for one in copy.options or () if one.defname == "format"]
    if copy.options and formats not in (["text"], ["binary"]):
        raise error(
            "An operation copies in text or binary format, without other options",
            where=statement.text.place(),
            remedies=["write COPY t (a, b) FROM STDIN", "write COPY t (a, b) FROM STDIN (FORMAT binary)"],
        )
    return replace(statement, columns=tuple(one.sval for one in copy.attlist), binary=formats == ["binary"])


def marks(text: Text, words: Sequence[Token]) -> Iterator[Mark]:
    """Yield what stands for something else: a colon and what follows it without a space."""
    for place, (colon, token) in enumerate(pairwise(words)):
        if colon.name != "ASCII_58" or token.start != colon.end + 1:
            continue
        word = text.sql[token.start : token.end + 1]
        if token.name == "IDENT" and word.startswith('"'):
            yield Mark(colon.start, token.end + 1, word[1:-1].replace('""', '"'), Kind.IDENTIFIER)
        elif token.name == "SCONST" and (first := _LITERAL.match(word)):
            yield Mark(colon.start, token.start + first.end(), first["name"].replace("''", "'"), Kind.LITERAL)
        elif _is_word(token):
            end = _after_dot(words, place + 1)
            yield Mark(colon.start, end, text.sql[token.start : end], Kind.VALUE)


def _is_word(token: Token) -> bool:
    return bool(token.name == "IDENT" or token.kind != "NO_KEYWORD")


def _after_dot(words: Sequence[Token], place: int) -> int:
    """Return where a name ends that may have a second part after a dot, both without spaces."""
    name, *rest = words[place : place + 3]
    if len(rest) == 2 and rest[0].name == "ASCII_46" and _is_word(rest[1]):  # noqa: PLR2004 (the dot and what follows it)
        adjacent = rest[0].start == name.end + 1 and rest[1].start == rest[0].end + 1
        return int(rest[1].end + 1 if adjacent else name.end + 1)
    return int(name.end + 1)
