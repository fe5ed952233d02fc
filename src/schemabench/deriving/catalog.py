"""The tables of a live database, by its catalogs and statistics.

Owns the reading, and what a CHECK allows. Must not read a table.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError
from pglast.visitors import Visitor

from schemabench.deriving.found import Column, ForeignKey, Partial, Statistics, Table
from schemabench.deriving.source import Record, Source
from schemabench.deriving.tree import ast

_ASSIGNED = re.compile(r"\bNEW\s*\.\s*\"?(\w+)\"?\s*:?=|\bINTO\s+NEW\s*\.\s*\"?(\w+)", re.IGNORECASE)
_LISTS = {"AEXPR_OP_ANY", "AEXPR_IN"}
_NEXT = re.compile(r"nextval\('(?P<name>[^']+)'::regclass\)")
_MASK = chr(127)
"""What the query of statistics writes for a character that is not in ASCII."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """What is known of the server and the role."""

    version: str
    version_num: int
    """As in 180006."""
    database: str
    role: str
    read_at: datetime


def server(source: Source) -> Server:
    """Return what is known of the server."""
    (row,) = source.ask("server")
    return Server(**row)


def tables(source: Source, *, values: bool) -> list[Table]:
    """Return all tables, those of the schema `public` first.

    Args:
        source: The database.
        values: Whether contents may be read, from the statistics.
    """
    found = source.ask("tables")
    asked = {"tables": [row["id"] for row in found]}
    statistics = {
        (row["table"], row["name"]): _statistics(row) for row in source.ask("statistics", {**asked, "values": values})
    }
    checks = source.ask("checks", asked)
    allowed, checked = _allowed(checks)
    ascending = _grouped({"table": row["table"], "pairs": ascending_pairs(row["definition"])} for row in checks)
    columns: dict[int, dict[str, Column]] = defaultdict(dict)
    for row in source.ask("columns", asked):
        table, name = row.pop("table"), row["name"]
        row["sequence"] = row["sequence"] or _sequence(row["default"])
        row["labels"] = row["labels"] or allowed.get((table, name), ())
        columns[table][name] = Column(**row, statistics=statistics.get((table, name)))
    triggers = _grouped(source.ask("triggers", asked))
    partial = _grouped(source.ask("partial_indexes", asked))
    keys, references = _grouped(source.ask("unique_keys", asked)), _grouped(source.ask("references", asked))
    return [
        Table(
            **row,
            columns=columns[row["id"]],
            primary=next((one["columns"] for one in keys[row["id"]] if one["primary"]), ()),
            unique=[one["columns"] for one in keys[row["id"]] if one["whole"]],
            apart=[one["columns"] for one in keys[row["id"]] if not one["whole"]],
            partial=[Partial(columns=one["columns"], tests=tests(one["predicate"])) for one in partial[row["id"]]],
            references=[ForeignKey(**one) for one in references[row["id"]]],
            triggered={column for one in triggers[row["id"]] for column in _set_by(**one)},
            touched={word for one in triggers[row["id"]] for word in re.findall(r"\w+", one["text"])},
            checked=sorted(checked[row["id"]]),
            ascending=[pair for one in ascending[row["id"]] for pair in one["pairs"]],
        )
        for row in found
    ]


def _set_by(text: str, *, compiled: bool) -> Sequence[str]:
    """Return the columns that a trigger may set: of a function that has no text, all that its arguments name."""
    words = re.findall(r"\w+", text)
    return words if compiled else [one for pair in _ASSIGNED.findall(text) for one in pair if one]


def _sequence(default: str | None) -> str | None:
    """Return the sequence that a default takes numbers from, though no column owns it."""
    match = _NEXT.fullmatch(default or "")
    return match["name"] if match else None


def _grouped(rows: Iterable[Record]) -> Mapping[int, list[Record]]:
    """Return rows by their table."""
    found: dict[int, list[Record]] = defaultdict(list)
    for row in rows:
        found[row.pop("table")].append(row)
    return found


def _statistics(row: Record) -> Statistics:
    shares = row["freqs"] or []
    values: Sequence[Any] = _texts(row["common"]) or [None] * len(shares)
    return Statistics(
        nulls=row["null_frac"],
        distinct=row["n_distinct"],
        width=row["avg_width"],
        correlation=row["correlation"] or 0.0,
        common=list(zip(values, shares, strict=True)),
        bounds=_texts(row["bounds"]),
        elements=list(zip(_texts(row["elements"]), row["element_freqs"] or (), strict=False)),
        lengths=[round(one) for one in (row["element_counts"] or ())[:-1]],  # the last one is their mean
    )


def _texts(found: Sequence[str] | None) -> list[str]:
    """Return values or shapes, with a letter for what is none of ASCII's: databases do not all have it."""
    return [one.replace(_MASK, "ä") for one in found or ()]


def _allowed(checks: Sequence[Record]) -> tuple[dict[tuple[int, str], Sequence[str]], Mapping[int, set[str]]]:
    """Return the values that checks allow, by table and column, and the columns of each table that have a check."""
    allowed: dict[tuple[int, str], Sequence[str]] = {}
    checked: dict[int, set[str]] = defaultdict(set)
    for row in checks:
        checked[row["table"]] |= set(row["columns"])
        if len(row["columns"]) == 1 and (values := listed(row["definition"])):
            allowed[row["table"], row["columns"][0]] = values
    return allowed, checked


def listed(definition: str) -> tuple[str, ...]:
    """Return the values that a check of one column allows, if it lists them; otherwise none.

    >>> listed("CHECK ((plan = ANY (ARRAY['free'::text, 'pro'::text])))")
    ('free', 'pro')
    """
    test = _test(definition)
    lists = isinstance(test, ast.A_Expr) and test.name[0].sval == "=" and test.kind.name in _LISTS
    if not lists:
        return ()
    gathered = _Constants()
    gathered(test.rexpr)
    return tuple(gathered.texts)


def ascending_pairs(definition: str) -> list[tuple[str, str]]:
    """Return pairs of columns of which the second must not be below the first.

    >>> ascending_pairs("CHECK (((ended IS NULL) OR (ended >= started)))")
    [('started', 'ended')]
    """
    pending, found = [_test(definition)], []
    while pending:
        match pending.pop():
            case ast.BoolExpr() as one if one.boolop.name != "NOT_EXPR":
                pending += one.args
            case ast.A_Expr(lexpr=ast.ColumnRef() as left, rexpr=ast.ColumnRef() as right) as one:
                pair = (left.fields[-1].sval, right.fields[-1].sval)
                if one.name[0].sval in {"<=", "<"}:
                    found.append(pair)
                elif one.name[0].sval in {">=", ">"}:
                    found.append(pair[::-1])
            case _:
                pass
    return found


def tests(predicate: str) -> dict[tuple[str, str], Sequence[str]]:
    """Return which values the rows of an index have: (column, `=` or `<>`) -> values.

    >>> tests("((state = 'new'::text) AND (gone IS NULL))")
    {('state', '='): ('new',)}
    """
    pending = [_test(f"CHECK ({predicate})")]
    found: dict[tuple[str, str], Sequence[str]] = {}
    while pending:
        match pending.pop():
            case ast.BoolExpr() as one if one.boolop.name == "AND_EXPR":
                pending += one.args
            case ast.A_Expr(lexpr=left, rexpr=right) as one:
                while isinstance(left, ast.TypeCast):
                    left = left.arg
                values = _Constants()
                values(right)
                operator = one.name[-1].sval
                if isinstance(left, ast.ColumnRef) and operator in {"=", "<>"} and values.texts:
                    found[left.fields[-1].sval, operator] = tuple(values.texts)
            case _:
                pass
    return found


@lru_cache(maxsize=4096)
def _test(definition: str) -> Any:  # noqa: ANN401 (pglast has no types)
    """Return the condition of a check; None if it is newer than the parser."""
    try:
        (parsed,) = parse_sql(f"ALTER TABLE t ADD {definition}")
    except ParseError:
        return None
    statement: Any = parsed.stmt
    (command,) = statement.cmds
    return command.def_.raw_expr


class _Constants(Visitor):
    """Gathers the texts of constants."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def visit_A_Const(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 (pglast has no types, and names it so)
        """Take a constant."""
        if isinstance(node.val, ast.String):
            self.texts.append(node.val.sval)
        elif isinstance(node.val, ast.Integer):
            self.texts.append(str(node.val.ival))
