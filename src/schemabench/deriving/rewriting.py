"""The text of counted statements: what the server wrote as `$1` where only a constant can stand, and the names.

Owns changes of the text, token by token. Must not know what a parameter is about.
"""

import re
from collections.abc import Mapping, Sequence

from pglast.parser import ParseError, Token, scan

from schemabench.sqlfile.tokens import COMMENTS, without_comments

_TYPES = {
    "INTERVAL": "interval",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIME": "time",
    "TIMESTAMPTZ": "timestamptz",
    "JSON": "json",
    "JSONB": "jsonb",
    "UUID": "uuid",
    "INET": "inet",
    "BYTEA": "bytea",
    "POINT": "point",
}
"""Words before a constant that say its type, as in `interval '1 day'`."""
_CAST = re.compile(r"\s*::")
_SQUASHED = "..."
"""In the comment that stands for the other elements of a list, since PostgreSQL 18."""
_WIDTH, _INDENT = 110, "    "


def prepared(sql: str) -> str:
    """Return a counted statement as one that can be prepared: without comments, and casts where types stood.

    >>> prepared("SELECT 1 FROM t WHERE id IN ($1 /*, ... */) AND at > now() - interval $2")
    'SELECT 1 FROM t WHERE id = ANY ($1) AND at > now() - $2::interval'
    """
    try:
        tokens = list(scan(sql))
    except ParseError:
        return sql.strip()
    pieces: list[str] = []
    words = without_comments(tokens)
    squashed = _squashed(sql, tokens)
    end = 0
    for place, token in enumerate(words):
        before = words[place - 1] if place else None
        if token.name == "PARAM" and before and (kind := _TYPES.get(sql[before.start : before.end + 1].upper())):
            pieces[-1:] = [_gap(pieces[-1], before, sql), f"{sql[token.start : token.end + 1]}::{kind}"]
        elif token.start in squashed:
            pieces += [_between(sql, end, token.start), squashed[token.start]]
        else:
            pieces += [_between(sql, end, token.start) + sql[token.start : token.end + 1]]
        end = token.end + 1
    return "".join(pieces).strip().rstrip(";").strip()


def _gap(piece: str, word: Token, sql: str) -> str:
    """Return what stands before a word that is left out."""
    return piece.removesuffix(sql[word.start : word.end + 1])


def _between(sql: str, start: int, end: int) -> str:
    """Return what stands between two tokens, without comments: a space or a line break where there was one."""
    gap = sql[start:end]
    if "--" not in gap and "/*" not in gap:
        return gap
    if "\n" in gap:
        return "\n"
    return "" if sql[end : end + 1] in {")", ","} else " "


def _squashed(sql: str, tokens: Sequence[Token]) -> dict[int, str]:
    """Return what replaces the words of shortened lists, by their start: `IN ($1 /*, ... */)` is `= ANY ($1)`."""
    found: dict[int, str] = {}
    for place, token in enumerate(tokens[1:-2], start=1):
        comment = tokens[place + 1]
        if token.name != "PARAM" or comment.name not in COMMENTS or _SQUASHED not in sql[comment.start : comment.end]:
            continue
        opening, word, negation = tokens[place - 1], tokens[place - 2], tokens[place - 3]
        if opening.name != "ASCII_40" or word.name != "IN_P":
            continue
        negated = place >= len("NOT") and negation.name.startswith("NOT")
        found[word.start] = "<> ALL" if negated else "= ANY"
        if negated:
            found[negation.start] = ""
    return found


def named(sql: str, names: Mapping[int, str], types: Mapping[int, str]) -> str:
    """Return a statement with names and types in place of numbers; where a type is cast to, it is enough.

    >>> named("SELECT $1::int, $2", {1: "a", 2: "b"}, {1: "integer", 2: "text"})
    'SELECT :a::int, :b::text'
    """
    pieces: list[str] = []
    end = 0
    for token in scan(sql):
        if token.name != "PARAM":
            continue
        number = int(sql[token.start + 1 : token.end + 1])
        is_cast = _CAST.match(sql, token.end + 1) or sql.endswith("CAST(", end, token.start)
        cast = "" if is_cast else f"::{types[number]}"
        gap = " " if sql.endswith(":", end, token.start) else ""  # of a slice: two colons are a cast
        pieces += [sql[end : token.start], f"{gap}:{names[number]}{cast}"]
        end = token.end + 1
    return "".join([*pieces, sql[end:]])


def with_intervals(sql: str) -> str:
    """Return a statement in which parameters that are added or taken away, and have no type, are intervals.

    >>> with_intervals("SELECT 1 FROM t WHERE at < now() - $1")
    'SELECT 1 FROM t WHERE at < now() - $1::interval'
    """
    return re.sub(r"([-+]\s*\$\d+)(?!\d|\s*::)", r"\1::interval", sql)


def command(sql: str) -> str:
    """Return the command of a statement, without anything that may be a constant."""
    words = re.findall(r"[A-Za-z]+", sql[:200])
    many = {"CREATE", "ALTER", "DROP", "REFRESH"}
    return " ".join(words[: 2 if words and words[0].upper() in many else 1]).upper() or "a statement without a word"


def wrapped(sql: str) -> str:
    """Return a statement without needless indentation, in lines that are broken between tokens where they are long."""
    first, *others = [line.rstrip() for line in sql.split("\n") if line.strip()]
    cut = min((len(line) - len(line.lstrip()) for line in others), default=0)
    text = "\n".join([first, *(line[cut:] for line in others)])
    starts = [token.start for token in scan(text) if text[token.start - 1 : token.start] == " "]
    broken, line_start, last = [], 0, 0
    for start in [*starts, len(text)]:
        if newline := text.rfind("\n", line_start, start) + 1:
            line_start = last = max(newline, line_start)
        if start - line_start > _WIDTH and last > line_start:
            broken.append(last)
            line_start = last - len(_INDENT)
        last = start
    for start in reversed(broken):
        text = f"{text[: start - 1]}\n{_INDENT}{text[start:]}"
    return text
