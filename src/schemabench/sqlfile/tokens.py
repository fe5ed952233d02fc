"""Tokens of SQL by Postgres' own scanner.

Owns its errors. Must not know annotations.
"""

from collections.abc import Sequence

from pglast.parser import ParseError, Token, scan

from schemabench.errors import SchemabenchError
from schemabench.statements import Text

COMMENTS = {"SQL_COMMENT", "C_COMMENT"}


def without_comments(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens that are no comments."""
    return [token for token in tokens if token.name not in COMMENTS]


def copies(words: Sequence[Token]) -> bool:
    """Return whether the tokens of a statement are a copy from or to the client."""
    return bool(words) and words[0].name == "COPY" and not {"STDIN", "STDOUT"}.isdisjoint(one.name for one in words)


def scanned(text: Text, error: type[SchemabenchError]) -> list[Token]:
    """Return the tokens of a text.

    Raises:
        SchemabenchError: A quote or comment does not end; of the given class, with its place.
    """
    try:
        return list(scan(text.sql))
    except ParseError as cause:
        message, offset = str(cause.args[0]), cause.args[1] if len(cause.args) > 1 else 0
        told, _, _ = message.partition(" at or near ")  # what follows is the rest of the file, if a quote has no end
        raise error(f"Postgres cannot read this SQL: {told}", where=text.place(max(0, offset))) from None
