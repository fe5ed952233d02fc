"""A sequence of calls after which a candidate disagrees with the model, and its description.

Owns the wording, and the SQL that reproduces it. Must not execute anything.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from psycopg import sql

from schemabench.candidate import Candidate
from schemabench.encoding import Encoder, as_array, as_rows
from schemabench.equivalence.states import SHOWN_ROWS
from schemabench.statements import Kind, Operation, Statement
from schemabench.units import plural
from schemabench.workload import NO_PART, Call, Parts, Row

_BINARY = re.compile(r"\bFORMAT\s+'?\"?binary\b'?\"?", re.IGNORECASE)
"""What psql cannot be given in a script."""


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A difference between a candidate and the model."""

    requests: tuple[tuple[Call, ...], ...]
    """Calls, those of a request together, executed from a database without rows; after the last the two disagree."""
    query: str
    """The query that is refused, or whose rows differ; empty if it is the last call itself."""
    expected: tuple[Row, ...] | None
    """The model's rows; None if the last call, or the query, must only succeed."""
    found: tuple[Row, ...] | str
    """The candidate's rows; or why the server refused the last call, or the query."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls, in order."""
        return tuple(call for request in self.requests for call in request)

    def summary(self) -> str:
        """Return the disagreement in one line."""
        calls = plural(len(self.calls), "call")
        what = f"the rows of {self.query!r}" if self.query else f"the answer of {self.calls[-1].operation!r}"
        if isinstance(self.found, str):
            return f"after {calls}, {(self.query or self.calls[-1].operation)!r} is refused: {self.found}"
        return f"after {calls}, {what} differ{'' if self.query else 's'} from the model's"

    def differences(self) -> Iterator[str]:
        """Yield the first rows that differ, a line each; nothing where something was refused."""
        if isinstance(self.found, str):
            return
        pairs = enumerate(zip_longest(self.expected or (), self.found), start=1)
        different = ((number, pair) for number, pair in pairs if pair[0] != pair[1])
        for number, (expected, found) in islice(different, SHOWN_ROWS):
            yield f"row {number}: expected {_shown(expected)}, found {_shown(found)}"


def described(
    disagreement: Disagreement,
    candidate: Candidate,
    operations: Mapping[str, Operation],
    parts: Parts,
) -> str:
    """Return a disagreement for people: its summary, the rows, and SQL that reproduces it on the candidate's schema.

    Args:
        disagreement: The disagreement.
        candidate: The candidate.
        operations: The candidate's operations.
        parts: The parts of the workload.
    """
    lines = [
        disagreement.summary(),
        *disagreement.differences(),
        f"To reproduce it with the schema of {', then '.join(str(one.path) for one in candidate.lineage)} and no rows:",
        script(disagreement, operations, parts),
    ]
    return "\n".join(lines)


def script(disagreement: Disagreement, operations: Mapping[str, Operation], parts: Parts) -> str:
    """Return SQL for psql: each request with its values in place, then the query that returns wrong rows."""
    query = [
        (Call(disagreement.query, parts.identifiers(part), part=part),)
        for part in parts.names or (NO_PART,)
        if disagreement.query
    ]
    return "\n".join(
        f"-- {number}. {_named(request[0])}\n"
        + _sql(request, operations[request[0].operation], parts.identifiers(request[0].part))
        for number, request in enumerate([*disagreement.requests, *query], start=1)
    )


def _named(call: Call) -> str:
    return f"{call.operation} of the part {call.part}" if call.part else call.operation


def _sql(request: Sequence[Call], operation: Operation, identifiers: Mapping[str, str]) -> str:
    gathered = operation.sending.batch > 1 and not operation.copies
    values = arrays(request) if gathered else request[0].values
    texts = [_literal(statement, values, identifiers) for statement in operation.statements]
    if operation.copies:
        texts = [*(_BINARY.sub("FORMAT text", text) for text in texts), _rows(request, operation)]
    return "\n".join(["BEGIN;", *texts, "COMMIT;"] if len(operation.statements) > 1 else texts)


def arrays(request: Sequence[Call]) -> dict[str, object]:
    """Return the values of gathered calls, each an array as text."""
    encode = Encoder({})
    encoded = [encode(call.operation, call.values) for call in request]
    return {name: as_array([values[name] for values in encoded]).decode() for name in encoded[0]}


def _rows(request: Sequence[Call], operation: Operation) -> str:
    """Return the calls of an operation that copies, as psql takes rows."""
    encode = Encoder({})
    encoded = (encode(call.operation, call.values) for call in request)
    rows = as_rows([values[name] for name in operation.statements[0].columns] for values in encoded)
    return b"".join(rows).decode() + "\\."


def _literal(statement: Statement, values: Mapping[str, object], identifiers: Mapping[str, str]) -> str:
    """Return a statement with literals in place of its parameters, and psql's variables for those of earlier rows."""
    source, pieces, written = statement.text.sql, [], 0
    for start, end, name, kind in statement.marks:
        pieces += [source[written:start], _replaced(name, kind, values, identifiers)]
        written = end
    pieces.append(source[written:])
    text = "".join(pieces).rstrip()
    commented = "--" in text.rpartition("\n")[2]  # a semicolon there would be part of the comment
    ends = f" \\gset {statement.gives}_" if statement.gives else ";"
    return text + (f"\n{ends.strip()}" if commented else ends)


def _replaced(name: str, kind: Kind, values: Mapping[str, object], identifiers: Mapping[str, str]) -> str:
    if kind is Kind.IDENTIFIER:
        value = identifiers[name] if name in identifiers else str(values[name])
        return sql.Identifier(value).as_string()
    if kind is Kind.LITERAL and name in identifiers:
        return sql.Literal(identifiers[name]).as_string()
    if name not in values:
        row, _, column = name.partition(".")
        return f":'{row}_{column}'"
    return sql.Literal(values[name]).as_string()


def _shown(row: Row | None) -> str:
    return "no row" if row is None else f"({', '.join(map(_value, row))})"


def _value(value: object) -> str:
    """Return a value as SQL would show it."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else str(value)
