"""From a column's statistics to the values that are made up for it.

Owns the choice of a distribution, as Python that is written into a workload. Must not know keys or references.
"""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from schemabench.deriving.code import Made, apart, made
from schemabench.deriving.found import Column, Statistics
from schemabench.values import filled

WHOLE = {"int2", "int4", "int8"}
_REAL = {"float4", "float8"}
_NUMBERS = WHOLE | _REAL | {"numeric"}
_TEXTS = {"text", "varchar", "bpchar", "name"}
_NETWORKS = {"inet", "cidr"}
_TIMESTAMPS = {"timestamp", "timestamptz"}
_DOCUMENTS = {"json", "jsonb"}
_NEUTRAL = {"tsvector": "", "xml": "<x/>", "macaddr": "02:00:00:00:00:00", "money": "1", "oid": 0}
"""A value that says nothing, of types that are seldom worth more."""
_ORDERED = 0.95
"""With a correlation of so much, values ascend with rows."""
_NEGLIGIBLE = 0.0005
_FREQUENT = 0.01
"""Numbers that are rarer are part of the histogram."""
_MOST_BOUNDS = 21
"""Of a histogram: a twentieth of the rows is between two."""
_MOST_SHAPES = 12
"""Further shapes are rare."""
_LONGEST_SHAPE, _CUT = 80, 40
"""Characters of a shape that is still read by a person, and of a longer text that have a shape of their own."""
_LETTERS = 7
"""Of a word, with the space behind it."""
_WIDTH = 8
"""Characters of a text of which nothing is known."""
_LENGTH = re.compile(r"\((?P<characters>\d+)\)")
"""In a type, as in `character varying(20)`."""
_PRECISION = re.compile(r"\((\d+),(-?\d+)\)")
"""In a type, as in `numeric(10,2)`."""
_DIGITS = 4
"""Of a number whose type does not say how many it has."""
_ALIKE = 1.5
"""Common values whose shares differ from equal ones by less than this factor are as good as equal."""
_GUESSED = {"mail": "a{8}@a{7}.aaa", "url": "aaaaa://a{7}.aaa/a{8}", "phone": "+99 9{9}", "color": "#99aa99"}
"""A word in the name of a column without statistics -> the shape of its texts, which a check may be about."""
_REPEATED = re.compile(r"([aA9ä ])\1{3,}")
_UNKNOWN = Statistics()
_SHORT_OF_WHOLE = 0.999
_DAYS = (date(2026, 1, 1), date(2026, 12, 31))
_TIMES = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))


def plain(column: Column, *, values: bool) -> Made:
    """Return what makes the values of a column that is part of no key.

    Args:
        column: The column.
        values: Whether texts were read as they are, rather than as shapes.
    """
    statistics = column.statistics or _UNKNOWN
    inner = _not_null(column, statistics, values=values)
    if column.required or statistics.nulls < _NEGLIGIBLE:
        return inner
    return made("Maybe", statistics.nulls, inner)


def shapes(column: Column) -> dict[str, float]:
    """Return the shapes of a text column with their shares, the most frequent first."""
    statistics = column.statistics or _UNKNOWN
    found: dict[str, float] = defaultdict(float)
    known = sum(share for _, share in statistics.common)
    for value, share in statistics.common:
        found[shape(value or "")] += share
    for value in statistics.bounds:
        found[shape(value)] += max(0.0, 1 - known - statistics.nulls) / len(statistics.bounds)
    if not found:
        guessed = next((one for word, one in _GUESSED.items() if word in column.name.lower()), f"a{{{_WIDTH}}}")
        least = f"a{{{min(statistics.width or _WIDTH, _longest(column))}}}"
        found[least if statistics.width or len(guessed) > _longest(column) else guessed] = 1.0
    most = dict(sorted(found.items(), key=lambda one: -one[1])[:_MOST_SHAPES])
    return {one: round(share / sum(most.values()), 4) for one, share in most.items()}


def _longest(column: Column) -> int:
    """Return how many characters a column holds at most, by its type."""
    match = _LENGTH.search(column.type)
    return int(match["characters"]) if match else sys.maxsize


def shape(text: str) -> str:
    """Return the shape of a text, or of a shape: letters and digits by their class, long runs by their length.

    >>> shape("Ada.Lovelace@example.org")
    'Aaa.Aa{7}@a{7}.aaa'
    """
    found = "".join(map(_class, text))
    short = _compressed(found)
    if len(short) <= _LONGEST_SHAPE:
        return short
    return _compressed(found[:_CUT]) + f"a{{{len(found) - _CUT}}}"


def _compressed(text: str) -> str:
    return _REPEATED.sub(lambda match: f"{match[1]}{{{len(match[0])}}}", text)


def shares(statistics: Statistics | None) -> Made | None:
    """Return the skew of a column's common values; None if there are none, or they are hardly more common."""
    if statistics is None or not statistics.common:
        return None
    rest = 1 - statistics.nulls
    found = [share / rest for _, share in statistics.common if share > 0]
    if len(found) < 2 or found[0] < _ALIKE * found[-1] or found[0] < 2 * _NEGLIGIBLE:  # noqa: PLR2004 (one has no skew)
        return None
    scale = min(1.0, 1 / sum(found))
    return made("Shares", tuple(round(share * scale, 4) for share in found))


def distinct(column: Column, rows: int) -> int:
    """Return how many values a column has; 0 if unknown."""
    known = column.statistics.distinct if column.statistics else 0.0
    return round(known if known >= 0 else -known * rows)


def times(column: Column) -> Made | None:
    """Return the histogram of a column of times or numbers whose values ascend with rows; None for any other."""
    statistics = column.statistics
    bounds = numbers(column, statistics.bounds) if statistics else []
    few = len(bounds) < 2  # noqa: PLR2004 (a histogram has two bounds or more)
    if statistics is None or few or statistics.correlation < _ORDERED or column.base in {"time", "timetz", "interval"}:
        return None
    return made("Ascending", made("Histogram", tuple(_thinned(sorted(bounds)))))


def numbers(column: Column, texts: Sequence[str | None]) -> list[Any]:
    """Return numbers or times that Python can write, of those in the statistics, without those it cannot."""
    parsed = (_parsed(column.base, one) for one in texts if one is not None)
    return [one for one in parsed if one is not None]


def nth(column: Column, count: int) -> Made:
    """Return what makes so many different values of a column, by their number."""
    if column.labels or column.base == "bool":
        return made("Listed", tuple(column.labels) or (True, False))
    known = _known(column)
    if column.base in _TIMESTAMPS and len(known) >= count:
        return made("Listed", tuple(known[:count]))
    return unique(column)


def unique(column: Column) -> Made:
    """Return what gives each row a value of its own."""
    if column.base == "uuid":
        return made("Identified")
    if column.base in _NETWORKS:
        return made("Network", unique=True)
    if column.category == "S":
        return made("Words", shapes(column), unique=True)
    known = _known(column)
    if column.base == "date":
        return made("Dated", min(known, default=_DAYS[0]))
    if column.base in _TIMESTAMPS:
        return made("Ascending", made("Histogram", tuple(_thinned(known)) if len(known) > 1 else _usual(column)))
    return made("Numbered", int(min(known, default=1)))


def _known(column: Column) -> list[Any]:
    """Return the different numbers or times in the statistics of a column, in order."""
    statistics = column.statistics or _UNKNOWN
    return sorted({*numbers(column, [value for value, _ in statistics.common]), *numbers(column, statistics.bounds)})


def _not_null(column: Column, statistics: Statistics, *, values: bool) -> Made:  # noqa: PLR0911 (one for each type)
    if column.labels:
        return made("Drawn", made("Choice", _labelled(column, statistics)))
    if column.base == "bool":
        known = {value == "t": share for value, share in statistics.common}
        return made("Drawn", made("Choice", known or {True: 0.5, False: 0.5}))
    if column.category == "T" or column.base in {"time", "timetz"}:
        bounds = _thinned(statistics.bounds)
        texts = dict(statistics.common) | dict.fromkeys(bounds, round(1 / max(1, len(bounds)), 4))
        return made("Drawn", made("Choice", texts or {"01:00:00": 1.0}))
    if column.category in {"N", "D"} and column.base not in _NEUTRAL:
        return times(column) or made("Drawn", _numeric(column, statistics))
    if column.category == "S":
        return _texts(column, statistics, values=values)
    if column.base in _DOCUMENTS:
        return made("Document", max(16, statistics.width or 64))
    if column.base == "bytea":
        return made("Octets", max(1, statistics.width or 32))
    if column.base in _NETWORKS:
        return made("Network")
    if column.base == "uuid":
        return made("Identified")
    return _other(column, values=values)


def _other(column: Column, *, values: bool) -> Made:
    """Return a value of a type that nothing is made up for."""
    if column.category == "A" and column.statistics and column.statistics.elements:
        return _elements(column.statistics, column.base.removeprefix("_"), values=values)
    if column.category in {"A", "R"}:
        return made("Fixed", "(,)" if column.category == "R" and not is_multirange(column) else "{}")
    return made("Fixed", _NEUTRAL.get(column.base, "") if column.required else None)


def is_multirange(column: Column) -> bool:
    """Return whether a column holds lists of ranges, which the server puts in the category of ranges."""
    return "multirange" in column.base


def matching(one: Made, part: float) -> Made:
    """Return a column of prose or of documents, of which a search finds a part of the rows; any other as it is."""
    if one.name == "Maybe":
        return made("Maybe", one.positional[0], matching(one.positional[1], part))
    if one.name == "Document":
        return made("Document", *one.positional, distinct=max(1, round(1 / part)))
    if one.name == "Words" and "unique" not in one.keywords and any(" " in text for text in one.positional[0]):
        number = max(1.0, sum(share * _words(text) for text, share in one.positional[0].items()))
        return made("Words", *one.positional, vocabulary=max(1, round(number / part)))
    return one


def _words(shape_of: str) -> int:
    """Return how many words a text of a shape has."""
    return max(1, round(len(filled(shape_of, 0)) / _LETTERS))


def _elements(statistics: Statistics, base: str, *, values: bool) -> Made:
    """Return arrays: of elements that are as frequent, and as many."""
    number = len(statistics.elements)
    is_shape = base in _TEXTS and not values
    found = [
        (filled(value, place) if is_shape else _parsed(base, value) if base in _NUMBERS else value, share)
        for place, (value, share) in enumerate(statistics.elements)
    ]
    weights = {one: round(share, 4) for one, share in found if one is not None and share > 0}
    lengths = Counter(min(one, number) for one in statistics.lengths or (1,))
    shares = {length: round(times / lengths.total(), 4) for length, times in sorted(lengths.items())}
    return made("Elements", weights, shares)


def _texts(column: Column, statistics: Statistics, *, values: bool) -> Made:
    few = abs(sum(share for _, share in statistics.common) + statistics.nulls - 1) < 1 - _SHORT_OF_WHOLE
    if values and few and statistics.common:
        return made("Drawn", made("Choice", dict(statistics.common)))
    if values and statistics.bounds:
        rest = 1 - statistics.nulls
        common = {value: share / rest for value, share in statistics.common if value is not None}
        others = made("Choice", dict.fromkeys(statistics.bounds, 1.0))
        return made("Drawn", made("Mixed", common, others) if common else others)
    keywords: dict[str, Any] = {}
    if statistics.distinct > 0:
        keywords["distinct"] = round(statistics.distinct)
    if skew := shares(statistics):
        keywords["skew"] = skew
    return made("Words", shapes(column), **keywords)


def _labelled(column: Column, statistics: Statistics) -> dict[str, float]:
    """Return the shares of labels: of each that is common, by itself or by its shape, and little for the others."""
    found = dict.fromkeys(column.labels, 0.0)
    for value, share in statistics.common:
        alike = [one for one in column.labels if value == one] or [
            one for one in column.labels if _masked(one) == value
        ]
        for one in alike:
            found[one] += share / len(alike)
    rest = max(0.0, 1 - statistics.nulls - sum(found.values()))
    rare = [one for one in column.labels if not found[one]]
    found |= {one: round(rest / len(rare), 4) for one in rare}
    return {one: share for one, share in found.items() if share}


def _numeric(column: Column, statistics: Statistics) -> Made:
    """Return the distribution of numbers or times."""
    shared = [(numbers(column, [value]), share) for value, share in statistics.common]
    common = {value: share for values, share in shared for value in values}
    bounds = _thinned(sorted(numbers(column, statistics.bounds)) or sorted(common))
    rest = made("Histogram", tuple(bounds)) if len(bounds) > 1 else None
    if rest:
        common = {value: share for value, share in common.items() if share >= _FREQUENT}
    if common and rest and sum(common.values()) + statistics.nulls < _SHORT_OF_WHOLE:
        scale = 1 - statistics.nulls
        return made("Mixed", {value: share / scale for value, share in common.items()}, rest)
    if common and not (rest and sum(common.values()) + statistics.nulls < _SHORT_OF_WHOLE):
        return made("Choice", common)
    return rest or made("Histogram", _usual(column))


def _thinned(bounds: Sequence[Any]) -> list[Any]:
    """Return some of the bounds of a histogram, at equal distances, the first and the last among them."""
    if len(bounds) <= _MOST_BOUNDS:
        return list(bounds)
    step = (len(bounds) - 1) / (_MOST_BOUNDS - 1)
    return [bounds[round(place * step)] for place in range(_MOST_BOUNDS)]


def _usual(column: Column) -> tuple[Any, ...]:
    """Return the bounds of a column without statistics."""
    if column.base == "date":
        return _DAYS
    if column.base in _TIMESTAMPS:
        return _TIMES if column.base == "timestamptz" else tuple(one.replace(tzinfo=None) for one in _TIMES)
    if column.base in WHOLE:
        return (0, 1_000)
    if column.base in _REAL:
        return (0.0, 1_000.0)
    digits, places = map(int, match.groups()) if (match := _PRECISION.search(column.type)) else (_DIGITS, 0)
    return Decimal(0).scaleb(-places), min(Decimal(1_000), Decimal(10**digits - 1).scaleb(-places))


def _parsed(base: str, text: str) -> Any:  # noqa: ANN401 (numbers, dates or times)
    """Return a number or a time; None for one that Python does not have, such as infinity."""
    try:
        if base in WHOLE or base == "oid":
            return int(text)
        if base == "date":
            return date.fromisoformat(text)
        if base in _TIMESTAMPS:
            found = datetime.fromisoformat(text)
            return found.astimezone(UTC) if found.tzinfo else found
        found_number = Decimal(text)
    except (ValueError, InvalidOperation):
        return None
    if not found_number.is_finite():
        return None
    return float(found_number) if base in _REAL else found_number


def _class(character: str) -> str:
    if character.isascii():
        if character.isdigit():
            return "9"
        if character.isalpha():
            return "A" if character.isupper() else "a"
        return "(" if character in "{}" else character
    return "ä"


def _masked(text: str) -> str:
    """Return a text as the server masks it."""
    return "".join(map(_class, text))


def python_name(name: str, taken: Mapping[str, object]) -> str:
    """Return a name for Python, different from those taken."""
    found = "".join(one if one.isascii() and one.isalnum() else "_" for one in name.lower()).strip("_") or "table"
    found = f"_{found}" if found[0].isdigit() else found
    return apart(found, taken)
