"""What each parameter of a statement is about: which column of which table, and in what way.

Owns the reading of the parse tree, and the names that follow. Must not know types or values.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pglast import parse_sql

from schemabench.deriving.code import apart
from schemabench.deriving.found import Column, Table
from schemabench.deriving.tree import ast

_KEEPING = {"lower", "upper", "trim", "btrim"}
"""Functions that change how a text is written, and not what it is about."""


class Role(StrEnum):
    """In what way a parameter is about its column."""

    EQUALS = "equals"
    """The column's value, in a condition."""
    DIFFERS = "differs"
    """A value that the column must not have."""
    HOLDS = "holds"
    """What the column's value must contain, or overlap."""
    SEARCH = "search"
    """Words that the column's document must have."""
    SET = "set"
    """The column's new value."""
    INSERT = "insert"
    """The column's value in a new row."""
    INSERT_MANY = "insert many"
    """A list of the column's values in new rows."""
    CHANGE = "change"
    """What is added to the column's value, or taken from it."""
    FROM = "from"
    """A lower bound of the column's values; likewise an upper one."""
    TO = "to"
    ANY = "any"
    """A list of the column's values."""
    PATTERN = "pattern"
    """A pattern of LIKE."""
    KEY = "key"
    """A member of a JSON document."""
    LIMIT = "limit"
    OFFSET = "offset"
    OTHER = "other"
    """Anything else: an argument, or an answer."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """What one parameter is about."""

    number: int
    """As in `$1`."""
    role: Role
    table: Table | None = None
    column: Column | None = None
    alias: str = ""
    """What the statement calls the table: parameters with the same alias are about the same row."""
    row: int = 0
    """The row of VALUES, from 0."""
    word: str = ""
    """What it is called where there is no column: the function whose argument it is, for example."""
    subtracted: bool = False
    """Of a change: whether it is taken away."""


@dataclass(frozen=True)
class _Scope:
    """The tables that columns of a query may belong to."""

    tables: Mapping[str, Table | None]
    """Alias -> table; None for what is no table."""
    outer: "_Scope | None" = None

    def find(self, reference: Any) -> tuple[str, Table, Column] | None:  # noqa: ANN401 (pglast has no types)
        """Return the alias, table and column that a reference names."""
        words = [one.sval for one in reference.fields if isinstance(one, ast.String)]
        if not words or len(words) != len(reference.fields):
            return None
        *path, name = words
        for alias, table in self.tables.items():
            if table and name in table.columns and (not path or path[-1] == alias):
                return alias, table, table.columns[name]
        return self.outer.find(reference) if self.outer else None


@dataclass
class _Reader:
    """Walks through a statement and gathers the uses of its parameters."""

    known: Mapping[tuple[str, str], Table]
    """(schema or nothing, name) -> table."""
    uses: dict[int, Use] = field(default_factory=dict)

    def note(self, number: int, role: Role, about: tuple[str, Table, Column] | None = None, **more: Any) -> None:  # noqa: ANN401 (fields of Use)
        """Take a use; the first one of a parameter counts, unless it said nothing of a column."""
        alias, table, column = about or ("", None, None)
        use = Use(number=number, role=role, table=table, column=column, alias=alias, **more)
        before = self.uses.get(number)
        if before is None or (before.column is None and column is not None):
            self.uses[number] = use

    def walk(self, node: Any, scope: _Scope) -> None:  # noqa: ANN401, C901, PLR0912 (pglast has no types; one branch for each kind of node)
        """Gather the uses in a part of a statement."""
        match node:
            case tuple() | list():
                for one in node:
                    self.walk(one, scope)
            case ast.SelectStmt():
                self._select(node, scope)
            case ast.InsertStmt():
                self._insert(node, scope)
            case ast.UpdateStmt():
                inner = self._scope([node.relation, *(node.fromClause or ())], scope)
                self._assignments(node.targetList, node.relation, inner)
                self._rest(node, inner, {"targetList", "relation"})
            case ast.DeleteStmt():
                self._rest(node, self._scope([node.relation, *(node.usingClause or ())], scope), {"relation"})
            case ast.A_Expr():
                self._expression(node, scope)
            case ast.FuncCall():
                for place, argument in enumerate(node.args or (), start=1):
                    if (number := _parameter(argument)) is not None:
                        word = f"{node.funcname[-1].sval}_{place}" if len(node.args) > 1 else node.funcname[-1].sval
                        self.note(number, Role.OTHER, word=word)
                self._rest(node, scope, {"funcname"})
            case ast.ParamRef():
                self.note(node.number, Role.OTHER)
            case ast.Node():
                self._rest(node, scope, set())
            case _:
                pass

    def _rest(self, node: Any, scope: _Scope, without: set[str]) -> None:  # noqa: ANN401 (pglast has no types)
        for name in node:
            if name not in without:
                self.walk(getattr(node, name), scope)

    def _scope(self, sources: Sequence[Any], outer: _Scope) -> _Scope:
        """Return the tables of a FROM list."""
        tables: dict[str, Table | None] = {}
        pending = [*sources]
        while pending:
            one = pending.pop(0)
            if isinstance(one, ast.JoinExpr):
                pending[:0] = [one.larg, one.rarg]
            elif isinstance(one, ast.RangeVar):
                alias = one.alias.aliasname if one.alias else one.relname
                tables[alias] = self.known.get((one.schemaname or "", one.relname))
            elif one is not None and getattr(one, "alias", None):
                tables[one.alias.aliasname] = None
        return _Scope(tables, outer)

    def _select(self, node: Any, outer: _Scope) -> None:  # noqa: ANN401 (pglast has no types)
        scope = self._scope(node.fromClause or (), outer)
        for part, role in ((node.limitCount, Role.LIMIT), (node.limitOffset, Role.OFFSET)):
            if (number := _parameter(part)) is not None:
                self.note(number, role)
        self._rest(node, scope, set())

    def _insert(self, node: Any, outer: _Scope) -> None:  # noqa: ANN401 (pglast has no types)
        scope = self._scope([node.relation], outer)
        ((alias, table),) = scope.tables.items()
        if table:
            names = [one.name for one in node.cols or ()] or list(table.columns)
            columns = [table.columns.get(name) for name in names]
            query = node.selectStmt
            rows = (query.valuesLists or [_answers(query)]) if query else []
            for place, row in enumerate(rows):
                for column, value in zip(columns, row, strict=False):
                    number, role = _parameter(value), Role.INSERT
                    if number is None and isinstance(value, ast.FuncCall | ast.CoalesceExpr):
                        number = next(filter(None, map(_parameter, value.args or ())), None)
                        role = Role.INSERT_MANY if _is_unnest(value) else role
                    if number is not None and column:
                        self.note(number, role, (alias, table, column), row=place)
        if node.onConflictClause:
            self._assignments(node.onConflictClause.targetList or (), node.relation, scope)
        self._rest(node, scope, {"cols", "relation"})

    def _assignments(self, targets: Sequence[Any], relation: Any, scope: _Scope) -> None:  # noqa: ANN401 (pglast has no types)
        """Gather the uses in SET."""
        alias = relation.alias.aliasname if relation.alias else relation.relname
        table = scope.tables.get(alias)
        for target in targets:
            column = table.columns.get(target.name) if table and target.name else None
            value = target.val
            if isinstance(value, ast.MultiAssignRef) and isinstance(value.source, ast.RowExpr):
                value = value.source.args[value.colno - 1]
            number = _parameter(value)
            if number is None and isinstance(value, ast.CoalesceExpr | ast.MinMaxExpr | ast.FuncCall):
                number = next(filter(None, map(_parameter, value.args or ())), None)
            if number is not None and table and column:
                self.note(number, Role.SET, (alias, table, column))
            self.walk(target, scope)

    def _expression(self, node: Any, scope: _Scope) -> None:  # noqa: ANN401 (pglast has no types)
        if isinstance(node.lexpr, ast.RowExpr):
            for row in node.rexpr if isinstance(node.rexpr, tuple) else (node.rexpr,):
                for first, second in zip(node.lexpr.args, getattr(row, "args", None) or (), strict=False):
                    self._expression(ast.A_Expr(kind=node.kind, name=node.name, lexpr=first, rexpr=second), scope)
        if "BETWEEN" in node.kind.name:
            for bound, role in zip(node.rexpr, (Role.FROM, Role.TO), strict=True):
                for number in _parameters(bound):
                    self.note(number, role, _column(node.lexpr, scope))
        else:
            self._beside(node, node.lexpr, node.rexpr, scope, turned=False)
            self._beside(node, node.rexpr, node.lexpr, scope, turned=True)
        self._rest(node, scope, {"name", "kind"})

    def _beside(self, node: Any, one: Any, other: Any, scope: _Scope, *, turned: bool) -> None:  # noqa: ANN401 (likewise)
        """Gather the uses on one side of an operator, which are about the column on the other."""
        operator, kind = node.name[-1].sval, node.kind.name
        about, role = _column(one, scope), _role(operator, kind, turned=turned)
        words = other.args[-1] if operator == "@@" and isinstance(other, ast.FuncCall) and other.args else None
        if about and (number := _parameter(words)) is not None:
            self.note(number, Role.SEARCH, about)
        several = isinstance(other, tuple | list)
        for number in filter(None, map(_parameter, other if several else [other])):
            word = "like" if role is Role.PATTERN and "LIKE" in kind else _word(one)
            self.note(number, role, about, word=word, subtracted=operator == "-")
        if about and role in {Role.EQUALS, Role.FROM, Role.TO} and not several:
            for number in _parameters(other):
                word = "" if role is Role.EQUALS else f"{about[2].name}_{role.value}"
                self.note(number, Role.OTHER, word=word)


def read(sql: str, tables: Sequence[Table], path: Sequence[str]) -> dict[int, Use]:
    """Return what each parameter of a statement is about, by its number.

    Args:
        sql: One statement, with numbers for parameters.
        tables: All tables.
        path: The schemas in which names without a schema are looked for, in order.
    """
    known = {(table.schema, table.name): table for table in tables}
    for schema in reversed(path):
        known |= {("", table.name): table for table in tables if table.schema == schema}
    reader = _Reader(known)
    (parsed,) = parse_sql(sql)
    reader.walk(parsed.stmt, _Scope({}))
    return dict(sorted(reader.uses.items()))


def names(uses: Mapping[int, Use]) -> dict[int, str]:
    """Return a name for each parameter: that of its column, with what it does there; clashes get numbers.

    Args:
        uses: By number, as `read` returns them.
    """
    found: dict[int, str] = {}
    for number, use in uses.items():
        found[number] = apart(_plain(_name(use)) or "value", found.values())
    return found


def _name(use: Use) -> str:
    if use.role in {Role.LIMIT, Role.OFFSET}:
        return use.role.value
    column = use.column.name if use.column else use.word
    match use.role:
        case Role.CHANGE | Role.FROM | Role.TO | Role.PATTERN | Role.KEY | Role.HOLDS | Role.SEARCH:
            return f"{column}_{use.role.value}"
        case Role.ANY | Role.INSERT_MANY:
            return plural(column)
        case _:
            return column


def plural(name: str) -> str:
    """Return the plural of a name.

    >>> plural("site_id"), plural("status"), plural("category")
    ('site_ids', 'statuses', 'categories')
    """
    if name.endswith("y") and name[-2:-1] not in set("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def _plain(name: str) -> str:
    """Return a name with letters, digits and underscores alone, that does not begin with a digit."""
    found = "".join(one if one.isascii() and one.isalnum() else "_" for one in name.lower()).strip("_")
    return f"_{found}" if found[:1].isdigit() else found


def _role(operator: str, kind: str, *, turned: bool) -> Role:  # noqa: PLR0911 (one for each kind of operator)
    """Return what a parameter beside an operator is, if the column is on the other side."""
    if kind in {"AEXPR_OP_ANY", "AEXPR_OP_ALL"}:
        return Role.ANY
    if kind in {"AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR"} or operator in {"~", "~*"}:
        return Role.PATTERN
    if operator in {"->", "->>", "#>", "#>>", "?"}:
        return Role.KEY
    if operator in {"+", "-", "*", "/", "||"}:
        return Role.CHANGE
    lower, upper = {">", ">="}, {"<", "<="}
    if operator in (upper if turned else lower):
        return Role.FROM
    if operator in (lower if turned else upper):
        return Role.TO
    if operator in {"@>", "<@", "&&"}:
        return Role.HOLDS
    if operator in {"<>", "!="}:
        return Role.DIFFERS
    return Role.EQUALS if operator == "=" or kind == "AEXPR_IN" else Role.OTHER


def _column(node: Any, scope: _Scope) -> tuple[str, Table, Column] | None:  # noqa: ANN401 (pglast has no types)
    """Return the column that an expression is about: itself, or within casts and functions of it."""
    match node:
        case ast.ColumnRef():
            return scope.find(node)
        case ast.TypeCast() | ast.CollateClause():
            return _column(node.arg, scope)
        case ast.FuncCall() | ast.CoalesceExpr() | ast.MinMaxExpr():
            return next(filter(None, (_column(one, scope) for one in node.args or ())), None)
        case ast.A_Expr() if node.kind.name == "AEXPR_OP":
            return _column(node.lexpr, scope) or _column(node.rexpr, scope)
        case _:
            return None


def _answers(query: Any) -> Sequence[Any]:  # noqa: ANN401 (pglast has no types)
    """Return what a query answers: of one that unnests parameters, these in the order of its answers."""
    values = [one.val for one in query.targetList or ()]
    source = query.fromClause[0] if query.fromClause and len(query.fromClause) == 1 else None
    if not isinstance(source, ast.RangeFunction):
        return values
    ((call, _),) = source.functions
    if not _is_unnest(call):
        return values
    lists = [ast.FuncCall(funcname=call.funcname, args=(one,)) for one in call.args]
    named = dict(zip([one.sval for one in getattr(source.alias, "colnames", None) or ()], lists, strict=False))
    if len(values) == 1 and isinstance(values[0], ast.ColumnRef) and isinstance(values[0].fields[-1], ast.A_Star):
        return lists
    return [named.get(_word(_uncast(one)), one) for one in values]


def _uncast(node: Any) -> Any:  # noqa: ANN401 (pglast has no types)
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return node


def _is_unnest(node: Any) -> bool:  # noqa: ANN401 (pglast has no types)
    return isinstance(node, ast.FuncCall) and node.funcname[-1].sval == "unnest"


def _word(node: Any) -> str:  # noqa: ANN401 (pglast has no types)
    """Return the name in a reference to a column of no table, such as that of a view; nothing for anything else."""
    return str(getattr(node.fields[-1], "sval", "")) if isinstance(node, ast.ColumnRef) else ""


def _parameter(node: Any) -> int | None:  # noqa: ANN401 (pglast has no types)
    """Return the number of a parameter, also within casts and the like; None if it is none."""
    while isinstance(node, ast.TypeCast) or _is_kept(node):
        node = node.arg if isinstance(node, ast.TypeCast) else node.args[0]
    return int(node.number) if isinstance(node, ast.ParamRef) else None


def _is_kept(node: Any) -> bool:  # noqa: ANN401 (pglast has no types)
    """Return whether a node is a function that leaves its argument what it is."""
    return isinstance(node, ast.FuncCall) and node.funcname[-1].sval in _KEEPING and len(node.args or ()) == 1


def _parameters(node: Any) -> Iterator[int]:  # noqa: ANN401 (pglast has no types)
    """Yield the numbers of the parameters in an expression, but not of those in queries within it.

    Those that a function takes beside others, as the unit of date_trunc, are about the function.
    """
    match node:
        case ast.ParamRef():
            yield int(node.number)
        case tuple() | list():
            for one in node:
                yield from _parameters(one)
        case ast.SelectStmt():
            return
        case ast.FuncCall() if len(node.args or ()) > 1:
            yield from _parameters([one for one in node.args if _parameter(one) is None])
        case ast.Node():
            for name in node:
                yield from _parameters(getattr(node, name))
