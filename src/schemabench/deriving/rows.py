"""From tables to the rows that are made up for them: order, sizes, keys, references, and everything else.

Owns how keys stay unique and references whole. Must not know statements.
"""

import keyword
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemabench.deriving import contents
from schemabench.deriving.code import Made, Name, made
from schemabench.deriving.found import Column, ForeignKey, Table
from schemabench.deriving.scale import Scale

_TAKEN = {"slice_s", "date", "datetime", *keyword.kwlist, *keyword.softkwlist}
"""Names that no table can have in Python here."""
_MANY = 100
"""With more values than this, whole numbers in a key count rows rather than name kinds."""
_MOSTLY = 0.1
"""A column of a key with more values than this share of the rows tells rows apart by itself."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is made up for a table."""

    table: Table
    name: str
    """In Python: its module's variable, and the field of the cardinality."""
    size: int
    """Its rows at the typical cardinality."""
    whole: int
    """Its rows at production's size."""
    columns: Mapping[str, Made]
    """Column -> what makes its values."""
    combination: Made | None = None
    """Of a key whose columns all repeat: the combinations of their values."""
    combined: Sequence[str] = ()
    """The columns of that key."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Columns of that key that count, as the lines of an order do, and the first number that no row has."""
    uncertain: bool = False
    """Whether a new row may have the key of another."""
    questions: Sequence[str] = field(default_factory=tuple)


def planned(tables: Sequence[Table], scale: Scale, *, values: bool) -> list[Rows]:
    """Return what is made up for each table that has columns to write, referenced ones first.

    Args:
        tables: All tables.
        scale: From real rows to those that are made up.
        values: Whether texts were read as they are.
    """
    names: dict[str, int] = {}
    known: dict[int, Rows] = {}
    referenced = {one.target for table in tables for one in table.references if table.rows}
    for table in _ordered(tables):
        taken = {**dict.fromkeys(_TAKEN), **names}
        alone = sum(one.name == table.name for one in tables) == 1
        name = contents.python_name(table.name if alone else f"{table.schema}_{table.name}", taken)
        names[name] = table.id
        size = max(scale.of(table.rows), 1 if table.id in referenced else 0)
        known[table.id] = _rows(table, name, size, known, values=values)
    return [one for one in known.values() if one.columns]


def _ordered(tables: Sequence[Table]) -> list[Table]:
    """Return tables, each after those that it refers to; of a circle, in the order that they have."""
    left = {table.id: table for table in tables}
    found: list[Table] = []
    while left:
        free = [
            one
            for one in left.values()
            if not any(key.target in left and key.target != one.id for key in one.references)
        ]
        found.extend(left.pop(table.id) for table in free or [next(iter(left.values()))])
    return found


def _rows(table: Table, name: str, size: int, known: Mapping[int, Rows], *, values: bool) -> Rows:
    columns: dict[str, Made] = {}
    questions: list[str] = []
    references = _references(table, known, columns, questions)
    combination, uncertain, whole = None, False, max(size, table.rows)
    combined: tuple[str, ...] = ()
    for key in sorted(table.unique, key=len):
        own = _own(table, key, references)
        if own is not None:
            columns.setdefault(own, _unique(table.columns[own]))
        elif combination is None:
            combination, most, at_most = _combined(table, key, references, columns, known)
            size, whole, combined = min(size, most), min(whole, at_most), tuple(key)
            columns |= {one: made("Digit", Name(f"{name}_key"), place) for place, one in enumerate(key)}
        uncertain = uncertain or own is None
    for column in table.columns.values():
        if not column.generated and column.name not in columns:
            columns[column.name] = contents.plain(column, values=values)
            if columns[column.name].name == "Fixed":
                questions.append(f"what does {column.name} ({column.type}) hold? Nothing was made up for it.")
    questions += _independent(table, known)
    return Rows(
        table=table,
        name=name,
        size=size,
        whole=whole,
        columns={one: columns[one] for one in table.columns if one in columns},
        combination=combination,
        combined=combined,
        counts=_counts(table, combination, combined),
        uncertain=uncertain,
        questions=questions,
    )


def _references(
    table: Table, known: Mapping[int, Rows], columns: dict[str, Made], questions: list[str]
) -> dict[str, ForeignKey]:
    """Add the columns of foreign keys, those of several columns first; return the foreign key of each."""
    found: dict[str, ForeignKey] = {}
    for reference in table.references:
        if any(column in found for column in reference.columns):
            continue
        target = known.get(reference.target)
        if target is None and reference.target != table.id:
            questions.append(
                f"which rows does {', '.join(reference.columns)} refer to? Tables refer to each other in a circle."
            )
            columns |= {column: made("Fixed", None) for column in reference.columns}
        else:
            columns |= _referring(table, reference, target)
        found |= dict.fromkeys(reference.columns, reference)
    return found


def _independent(table: Table, known: Mapping[int, Rows]) -> Iterator[str]:
    """Yield questions about references that may depend on each other: an order's tenant may be its customer's."""
    for one in table.references:
        target = known.get(one.target)
        for other in target.table.references if target else ():
            shared = set(one.columns) & set(other.columns)
            alike = [own for own in table.references if own.target == other.target and own.columns == other.columns]
            if alike and not shared and other.target != one.target:
                column, via = ", ".join(other.columns), ", ".join(one.columns)
                yield f"does a row's {column} follow from its {via}? Here they are independent."


def _referring(table: Table, reference: ForeignKey, target: Rows | None) -> dict[str, Made]:
    """Return the columns of one foreign key: all are about one row."""
    most = max(reference.columns, key=lambda one: contents.distinct(table.columns[one], table.rows))
    keywords: dict[str, Any] = {}
    if skew := contents.shares(table.columns[most].statistics):
        keywords["skew"] = skew
    if len(reference.columns) > 1:
        keywords["constraint"] = reference.name
        for column, key in zip(reference.columns, reference.keys, strict=True):
            if target and column != most and (skew := contents.shares(table.columns[column].statistics)):
                keywords |= {"skew": skew, "within": key}
    found = {}
    for column, key in zip(reference.columns, reference.keys, strict=True):
        one = made("Reference", Name(target.name) if target else None, key, **keywords)
        statistics = table.columns[column].statistics
        nulls = statistics.nulls if statistics else 0.0
        found[column] = made("Maybe", nulls, one) if nulls and not table.columns[column].required else one
    return found


def _own(table: Table, key: Sequence[str], references: Mapping[str, ForeignKey]) -> str | None:
    """Return the column of a key that tells rows apart by itself; None if none does."""
    free = [table.columns[one] for one in key if one not in references and not table.columns[one].labels]
    if len(key) == 1 and free:
        return key[0]
    for column in free:
        if column.category not in {"N", "S", "U", "D"} or column.base in {"bool", "date"}:
            continue
        values = contents.distinct(column, table.rows)
        if (
            column.sequence
            or values > max(1, _MOSTLY * table.rows)
            or (column.base in contents.WHOLE and values > _MANY)
        ):
            return column.name
    return None


def _unique(column: Column) -> Made:
    """Return what gives each row a value of its own."""
    if column.base == "uuid":
        return made("Identified")
    if column.category == "S":
        return made("Words", contents.shapes(column), unique=True)
    if column.category == "D":
        return contents.times(column) or contents.nth(column, 0)
    return made("Numbered")


def _combined(
    table: Table,
    key: Sequence[str],
    references: Mapping[str, ForeignKey],
    columns: Mapping[str, Made],
    known: Mapping[int, Rows],
) -> tuple[Made, int, int]:
    """Return the combinations of a key whose columns all repeat, how many there are, and how many in production."""
    parts, counts, total, whole = [], [], 1, 1
    for place, name in enumerate(key):
        reference = references.get(name)
        if reference is None:
            count = max(1, len(table.columns[name].labels) or contents.distinct(table.columns[name], table.rows))
            parts.append(contents.nth(table.columns[name], count))
            counts.append(count)
            total, whole = total * count, whole * count
            continue
        follows = place > 0 and references.get(key[place - 1]) == reference
        parts.append(_without_skew(columns[name]))
        counts.append(-1 if follows else 0)
        if not follows and (target := known.get(reference.target)):
            total, whole = total * max(1, target.size), whole * max(1, target.whole)
    return made("Combination", tuple(parts), tuple(counts)), total, whole


def _counts(table: Table, combination: Made | None, combined: Sequence[str]) -> dict[str, int]:
    """Return the columns of a combination that are numbers, and the first number that no row has."""
    if combination is None:
        return {}
    found = zip(combined, *combination.positional, strict=True)
    return {
        name: part.positional[0] + count
        for name, part, count in found
        if part.name == "Numbered" and table.columns[name].base in contents.WHOLE
    }


def _without_skew(one: Made) -> Made:
    """Return a reference of which each row is as likely as any other, and which is never NULL."""
    inner = one.positional[1] if one.name == "Maybe" else one
    return Made(inner.name, inner.positional, {key: value for key, value in inner.keywords.items() if key != "skew"})
