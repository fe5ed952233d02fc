"""Statements by their shape: literals that an application wrote into the text become parameters.

Owns which literals are values, and which belong to the statement. Must not know tables.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pglast import parse_sql
from pglast.parser import ParseError, Token, scan

from schemabench.logs.values import array
from schemabench.sqlfile.tokens import without_comments

Value: TypeAlias = str | None
_CONSTANTS = {"SCONST", "ICONST", "FCONST"}
_WORDS = {"NULL_P": None, "TRUE_P": "t", "FALSE_P": "f"}
"""Key words that are values where they stand alone in a list of values."""
_OPENING, _CLOSING, _COMMA, _MINUS = "ASCII_40", "ASCII_41", "ASCII_44", "ASCII_45"
_OPENINGS, _CLOSINGS = {_OPENING, "ASCII_91"}, {_CLOSING, "ASCII_93"}
_OPERANDS = {"IDENT", "PARAM", "SCONST", "ICONST", "FCONST", _CLOSING, "ASCII_93"}
"""What stands before a minus that subtracts."""
_ENDS_ORDER = {
    *("LIMIT", "OFFSET", "HAVING", "UNION", "INTERSECT", "EXCEPT", "SELECT"),
    *("FOR", "FETCH", "WINDOW", "RETURNING", "ORDER"),
}
_LITERAL = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?(?:\*/|\Z)|(?<![\w$.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])""",
    re.DOTALL,
)
_MOST_KNOWN = 20_000
"""Texts that are remembered: an application that writes values into its statements has endless ones."""
_ALWAYS = 20
"""A literal that so many calls have alike belongs to the statement."""


@dataclass
class Shape:
    """Statements that differ in values alone."""

    number: int
    sql: str
    """With `$1`, `$2`, ... for values."""
    calls: int = 0
    total_ms: float = 0.0
    timed: int = 0
    """Calls whose duration is known."""
    roles: dict[str, int] = field(default_factory=dict)
    """Role -> calls."""
    literal: bool = False
    """Whether its values stood in the text of every call: what some call gave as a parameter is one."""
    numeric: frozenset[int] = frozenset()
    """The values that stood there as numbers, and those that were lists, by their number."""
    lists: frozenset[int] = frozenset()
    alike: list[Any] = field(default_factory=list)
    """Of each value: what all calls have had, in a tuple; an empty one where they differ."""

    def note(self, values: Sequence[Value]) -> None:
        """Take the values of a call."""
        if not self.calls:
            self.alike = [(value,) for value in values]
        elif self.literal:
            self.alike = [one if one and one[0] == value else () for one, value in zip(self.alike, values, strict=True)]
        self.calls += 1

    @property
    def fixed(self) -> dict[int, Value]:
        """The values that belong to the statement, by their number."""
        if not self.literal or self.calls < _ALWAYS:
            return {}
        return {number: one[0] for number, one in enumerate(self.alike, start=1) if one and number not in self.lists}


@dataclass(frozen=True)
class _Plan:
    """How values follow from a text whose literals are at known places."""

    shape: Shape
    groups: Sequence[tuple[str, Sequence[int]]]
    """Of each parameter: a sign or nothing, or `IN` for a list; and the places of its literals."""
    fixed: Sequence[tuple[int, str]]
    """Places of literals that belong to the statement, and what they are."""


class Shapes:
    """The shapes of a log, by number."""

    def __init__(self) -> None:
        self.every: list[Shape] = []
        self._by_text: dict[tuple[str, ...], Shape] = {}
        self._plans: dict[str, _Plan] = {}
        self._prepared: dict[str, tuple[Shape, Sequence[Sequence[int]]] | None] = {}

    def of(self, sql: str, given: Sequence[Value] | None) -> tuple[Shape, list[Value]] | None:
        """Return the shape of a statement, and its values.

        Args:
            sql: The statement.
            given: The values of its `$1`, `$2`, ...; None if it has none.

        Returns:
            None if its values are not known.

        Raises:
            ParseError: It is no SQL.
        """
        if "$1" in sql and (given or sql in self._prepared or any(token.name == "PARAM" for token in scan(sql))):
            return self._with_parameters(sql, given or ())
        return self._with_literals(sql)

    def _with_parameters(self, sql: str, given: Sequence[Value]) -> tuple[Shape, list[Value]] | None:
        if sql not in self._prepared:
            if len(self._prepared) >= _MOST_KNOWN:
                self._prepared.clear()
            text, groups = _Text(sql, literals=False).rewritten()
            self._prepared[sql] = self._shape(text, literal=False), [places for _, places in groups]
        known = self._prepared[sql]
        if known is None:
            return None
        shape, places = known
        try:
            values = [
                given[some[0] - 1] if some[0] > 0 else array([given[-one - 1] for one in some]) for some in places
            ]
        except IndexError:
            return None
        return shape, values

    def _with_literals(self, sql: str) -> tuple[Shape, list[Value]]:
        literals: list[str] = []

        def taken(match: re.Match[str]) -> str:
            text = match[0]
            if text[0] == '"':
                return text
            if text[0] in "-/":
                return " "
            literals.append(text)
            return "?"

        cacheable = "\\" not in sql and "$" not in sql
        mask = _LITERAL.sub(taken, sql) if cacheable else ""
        plan = self._plans.get(mask) if mask else None
        if plan is None or any(literals[place] != text for place, text in plan.fixed):
            return self._slowly(sql, mask, literals)
        return plan.shape, [_value(kind, [literals[place] for place in places]) for kind, places in plan.groups]

    def _slowly(self, sql: str, mask: str, literals: Sequence[str]) -> tuple[Shape, list[Value]]:
        parts = _Text(sql, literals=True)
        text, groups = parts.rewritten()
        shape = self._shape(text, literal=True)
        if not shape.calls:
            shape.numeric = frozenset(number for number, one in enumerate(groups, 1) if parts.is_number(one[1][0]))
            shape.lists = frozenset(number for number, one in enumerate(groups, 1) if one[0] == "IN")
        constants = [sql[token.start : token.end + 1] for token in parts.constants]
        values = [_value(kind, [parts.literal(place) for place in places]) for kind, places in groups]
        if (
            mask
            and constants == list(literals)
            and mask not in self._plans
            and all(parts.is_plain(place) for _, places in groups for place in places)
        ):
            if len(self._plans) >= _MOST_KNOWN:
                self._plans.clear()
            used = {place for _, places in groups for place in places}
            fixed = [(place, text) for place, text in enumerate(literals) if place not in used]
            self._plans[mask] = _Plan(shape, groups, fixed)
        return shape, values

    def _shape(self, text: str, *, literal: bool) -> Shape:
        words = tuple(text[token.start : token.end + 1] for token in scan(text))
        if words not in self._by_text:
            self._by_text[words] = Shape(number=len(self.every), sql=text, literal=literal)
            self.every.append(self._by_text[words])
        shape = self._by_text[words]
        shape.literal = shape.literal and literal
        return shape


@dataclass
class _Level:
    """What is within the same parentheses."""

    is_order: bool = False
    """Whether what comes next is what rows are ordered or grouped by."""
    is_type: bool = False
    """Whether it is what belongs to a type, so far."""


class _Text:
    """A statement's words, and which of its constants are values.

    Args:
        sql: The statement.
        literals: Whether values stand in its text; otherwise it has parameters.
    """

    def __init__(self, sql: str, *, literals: bool) -> None:
        if "\0" in sql:
            raise ParseError("a NUL ends the text for the parser", sql.index("\0"))
        self._sql = sql
        self._literals = literals
        self._words = without_comments(scan(sql))
        while self._words and self._words[-1].name == "ASCII_59":
            self._words.pop()
        self.constants = [one for one in self._words if one.name in _CONSTANTS]
        self._places = {one.start: place for place, one in enumerate(self.constants)}
        self._constant = _constant(self._words)
        self._marked: list[Token] = []
        """Key words that are values; their places follow those of the constants."""

    def literal(self, place: int) -> str | None:
        """Return the text of a constant."""
        if place >= len(self.constants):
            return _WORDS[self._marked[place - len(self.constants)].name]
        return self._text(self.constants[place])

    def is_plain(self, place: int) -> bool:
        """Return whether a constant is found by its characters alone."""
        return place < len(self.constants)

    def is_number(self, place: int) -> bool:
        """Return whether a constant is written as a number."""
        return self.is_plain(place) and self.constants[place].name != "SCONST"

    def rewritten(self) -> tuple[str, list[tuple[str, list[int]]]]:
        """Return the text with `$1`, `$2`, ... for values; and of each, a sign or `IN`, and where its values are.

        Places count constants from 0; of a statement with parameters they are the parameters' numbers, and below 0 in a
        list.
        """
        pieces: list[str] = []
        groups: list[tuple[str, list[int]]] = []
        known: dict[int, int] = {}
        position, end = 0, 0
        words = self._words
        while position < len(words):
            token = words[position]
            gap = self._gap(end, token.start) if end else ""
            listed = self._list(position)
            if listed:
                negated = position and words[position - 1].name.startswith("NOT")
                if negated:
                    pieces[-1] = pieces[-1][: -len(self._text(words[position - 1]))].rstrip()
                groups.append(("IN", [self._source(one, many=True) for one in listed]))
                pieces.append(f"{gap if not negated else ' '}{'<> ALL' if negated else '= ANY'} (${len(groups)})")
                position += 2 * len(listed) + 2
                end = words[position - 1].end + 1
                continue
            sign = self._is_sign(position)
            value = words[position + 1] if sign else token
            if self._is_value(position + sign):
                source = self._source(value, many=False)
                if self._literals or source not in known:
                    groups.append(("-" if sign else "", [source]))
                    known[source] = len(groups)
                pieces.append(f"{gap}${known[source]}")
                position += 1 + sign
            else:
                pieces.append(gap + self._text(token))
                position += 1
            end = words[position - 1].end + 1
        return "".join(pieces), groups

    def _text(self, token: Token) -> str:
        return self._sql[token.start : token.end + 1]

    def _gap(self, start: int, end: int) -> str:
        gap = self._sql[start:end]
        if "--" in gap or "/*" in gap:
            return "\n" if "\n" in gap else " "
        return gap

    def _source(self, token: Token, *, many: bool) -> int:
        if token.name == "PARAM":
            number = int(self._text(token)[1:])
            return -number if many else number
        if token.name in _CONSTANTS:
            return self._places[token.start]
        self._marked.append(token)
        return len(self.constants) + len(self._marked) - 1

    def _list(self, position: int) -> list[Token]:
        """Return the values of an `IN (...)` that begins at a word; nothing if it is none, or holds anything else."""
        words = self._words
        if [one.name for one in words[position : position + 2]] != ["IN_P", _OPENING]:
            return []
        wanted = _CONSTANTS if self._literals else {"PARAM"}
        found, place = [], position + 2
        while place + 1 < len(words) and words[place].name in wanted and words[place + 1].name in {_COMMA, _CLOSING}:
            found.append(words[place])
            if words[place + 1].name == _CLOSING:
                return found
            place += 2
        return []

    def _is_sign(self, position: int) -> bool:
        words = self._words
        if not self._literals or words[position].name != _MINUS or position + 1 >= len(words):
            return False
        number = words[position + 1]
        before = words[position - 1].name if position else ""
        adjacent = number.start == words[position].end + 1
        return number.name in {"ICONST", "FCONST"} and adjacent and before not in _OPERANDS

    def _is_value(self, position: int) -> bool:
        words = self._words
        token = words[position]
        before = words[position - 1] if position else token
        after = words[position + 1].name if position + 1 < len(words) else ""
        if not self._literals:
            return token.name == "PARAM"
        if token.name in _WORDS:
            return words[0].name == "INSERT" and before.name in {_COMMA, _OPENING} and after in {_COMMA, _CLOSING}
        if token.name not in _CONSTANTS:
            return False
        typed = before.name == "IDENT" or (
            before.kind == "COL_NAME_KEYWORD" and before.name not in {"BETWEEN", "VALUES"}
        )
        if token.name == "SCONST" and (
            typed or (before.kind == "UNRESERVED_KEYWORD" and before.name not in {"BY", "ESCAPE"})
        ):
            return False
        return position not in self._constant


def _constant(words: Sequence[Token]) -> set[int]:
    """Return which words are numbers that belong to the statement, by their place.

    These are the places of answers in ORDER BY or GROUP BY, and what belongs to a type, as in `::numeric(10, 2)`.
    """
    found: set[int] = set()
    levels = [_Level()]
    for position, token in enumerate(words):
        level, before = levels[-1], words[position - 1].name if position else ""
        if token.name == "ICONST":
            if level.is_type or (level.is_order and before in {"BY", _COMMA}):
                found.add(position)
        elif token.name in _OPENINGS:
            level.is_type = False
            typed = token.name == _OPENING and position > 1 and words[position - 2].name in {"TYPECAST", "AS"}
            levels.append(_Level(is_type=typed))
        elif token.name in _CLOSINGS and len(levels) > 1:
            levels.pop()
        elif token.name != _COMMA:
            level.is_type = False
            level.is_order = token.name == "BY" or (level.is_order and token.name not in _ENDS_ORDER)
    return found


def _value(kind: str, literals: Sequence[str | None]) -> Value:
    """Return the value of a parameter."""
    if kind == "IN":
        return array([_plain(one) for one in literals])
    value = _plain(literals[0])
    return f"-{value}" if kind == "-" and value is not None else value


def _plain(literal: str | None) -> Value:
    """Return the value of a literal as the server reads it."""
    if literal is None or literal[0] not in "'EeUu$":
        return literal
    if literal[0] == "'" and "\\" not in literal:
        return literal[1:-1].replace("''", "'")
    try:
        (parsed,) = parse_sql(f"SELECT {literal}")
    except ParseError:
        return literal
    statement: Any = parsed.stmt
    return str(statement.targetList[0].val.val.sval)
