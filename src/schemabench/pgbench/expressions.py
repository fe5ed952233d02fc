"""Expressions of pgbench's scripts as Python.

Owns the reading of an expression, and which Python does the same. Must not know scripts.

pgbench's grammar is a part of SQL's, with the same precedence, and so SQL's parser reads it. Only the tokens differ: to
pgbench `5%-3` has two operators, where SQL sees one, and `1--2` has no comment. Tokens are therefore put apart before.
Where types and bounds show that Python's own operator does the same, it is written; otherwise a function of
`schemabench.values.pgbench`.
"""

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError

from schemabench.deriving.tree import TOO_DEEP, is_deep
from schemabench.deriving.tree import ast as sql_ast
from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.pgbench.functions import FUNCTIONS, OPERATORS
from schemabench.pgbench.known import BOOLEAN, FALSE, NULL, TEXT, TRUE, Known, called, constant
from schemabench.statements import Text
from schemabench.values.pgbench.coercion import HIGHEST, LOWEST

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w.])|\.\d+(?:[eE][-+]?\d+)?(?![\w.]))
  | :(?P<variable>\w+)
  | (?P<word>[A-Za-z]\w*)
  | (?P<operator><=|>=|<>|!=|<<|>>|[-+*/%<>=|\#&~(),])
    )""",
    re.VERBOSE,
)
_WORDS = {
    *("and", "or", "not", "is", "isnull", "notnull", "null", "true", "false"),
    *("case", "when", "then", "else", "end"),
}
"""The words of pgbench's grammar that are no functions."""
_SHOWN_CHARACTERS = 80
"""Of an expression in an error."""
_SHOWN_DIGITS = 40


def variables(expression: Text) -> list[str]:
    """Return the names of the variables in an expression, each once.

    Raises:
        UsageError: It has something that no expression of pgbench has.
    """
    return list(dict.fromkeys(name for kind, name, _ in _tokens(expression) if kind == "variable"))


def translated(expression: Text, known: Mapping[str, Known]) -> Known:
    r"""Return an expression as Python, with what is known of its value.

    Args:
        expression: What follows `\set` and the name.
        known: Variable -> its Python, and what is known of its value.

    Raises:
        UsageError: pgbench has no such expression, or nothing sets one of its variables.
    """
    names: list[str] = []
    words: list[str] = []
    for kind, word, start in _tokens(expression):
        if kind == "variable":
            if word not in known:
                raise UsageError(
                    f"Nothing sets :{word} before this line{nearest(word, known)}",
                    where=expression.place(start),
                    remedies=[rf"set it above: \set {word} ...", f"give it a value: -D {word}=1"],
                )
            if known[word].kinds == TEXT:
                raise UsageError(
                    f"What -D gives :{word} is a text, and an expression of pgbench has none",
                    where=expression.place(start),
                    remedies=[f"give it a number, as in -D {word}=1", f"give it a boolean: -D {word}=true, or =false"],
                )
            names += [word] if word not in names else []
            words.append(f"${names.index(word) + 1}")
        else:
            words.append(f'"{word.lower()}"' if kind == "function" else word)
    try:
        (parsed,) = parse_sql(f"SELECT {' '.join(words)}")
    except (ParseError, ValueError) as cause:
        raise _unreadable(expression, f"pgbench could not read it: {cause.args[0]}") from cause
    statement: Any = parsed.stmt
    targets: Sequence[Any] = statement.targetList or ()
    if len(targets) != 1:
        raise _unreadable(expression, "it is not one expression")
    if is_deep(targets[0]):
        raise _unreadable(expression, TOO_DEEP)
    return _Translation(expression, [known[name] for name in names]).of(targets[0].val)


def _tokens(expression: Text) -> Iterator[tuple[str, str, int]]:
    """Yield (kind, text, offset) of each token: a number, a variable, a function, a word, or an operator."""
    sql, place = expression.sql.rstrip(), 0
    while place < len(sql):
        match = _TOKEN.match(sql, place)
        if match is None:
            start = place + len(sql[place:]) - len(sql[place:].lstrip())
            raise _unreadable(expression, f"no expression of pgbench has {sql[start : start + 1]!r} here", start)
        kind = str(match.lastgroup)
        word, start = match[kind], match.start(kind)
        if kind == "word" and word.lower() not in _WORDS:
            kind = "function"
            if word.lower() not in FUNCTIONS:
                near = nearest(word.lower(), FUNCTIONS)
                raise _unreadable(expression, f"pgbench has no function {word!r}{near}", start)
            if not re.match(r"\s*\(", sql[match.end() :]):
                raise _unreadable(expression, f"{word!r} is a function, and so parentheses follow it", start)
        yield kind, word, start - (kind == "variable")
        place = match.end()


def _unreadable(expression: Text, why: str, offset: int = 0) -> UsageError:
    written = expression.sql.strip()
    shown = written if len(written) <= _SHOWN_CHARACTERS else f"{written[:_SHOWN_CHARACTERS]} ..."
    return UsageError(f"The expression {shown!r} cannot be converted: {why}", where=expression.place(offset))


class _Translation:
    """The translation of one expression."""

    def __init__(self, expression: Text, parameters: list[Known]) -> None:
        self._expression = expression
        self._parameters = parameters

    def of(self, node: Any) -> Known:  # noqa: ANN401, PLR0911 (pglast has no types; one for each kind of node)
        """Return a part of the expression as Python."""
        match node:
            case sql_ast.ParamRef():
                parameter: int = node.number
                return self._parameters[parameter - 1]
            case sql_ast.A_Const():
                return self._constant(node)
            case sql_ast.A_Expr() if node.kind.name == "AEXPR_OP":
                return self._operator(node)
            case sql_ast.FuncCall():
                name = node.funcname[-1].sval
                arguments = [self.of(one) for one in node.args or ()]
                function = FUNCTIONS[name]
                if not function.fewest <= len(arguments) <= function.most:
                    raise _unreadable(self._expression, f"{name} takes {function.takes}, not {len(arguments)}")
                made: Known = function.made(*arguments)
                return made
            case sql_ast.BoolExpr():
                return self._boolean(node)
            case sql_ast.NullTest():
                return self._negated(_is(self.of(node.arg), NULL), node.nulltesttype.name == "IS_NOT_NULL")
            case sql_ast.BooleanTest() if "UNKNOWN" not in node.booltesttype.name:
                wanted = TRUE if node.booltesttype.name.endswith("TRUE") else FALSE
                return self._negated(_is(self.of(node.arg), wanted), "NOT" in node.booltesttype.name)
            case sql_ast.CaseExpr() if node.arg is None:
                return self._case(node)
            case _:
                raise _unreadable(self._expression, "it is one of SQL's, and not of pgbench's")

    def _constant(self, node: Any) -> Known:  # noqa: ANN401 (likewise)
        if node.isnull:
            return NULL
        match node.val:
            case sql_ast.Boolean():
                return TRUE if node.val.boolval else FALSE
            case sql_ast.Integer():
                return constant(int(node.val.ival))
            case _:
                written = node.val.fval
                try:
                    value = float(written) if re.search(r"[.eE]", written) else int(written)
                except ValueError:  # too many digits for an int
                    value = math.inf
                if not (math.isfinite(value) if isinstance(value, float) else LOWEST <= value <= HIGHEST):
                    raise _unreadable(self._expression, f"{written[:_SHOWN_DIGITS]} is too large a number")
                return constant(value)

    def _operator(self, node: Any) -> Known:  # noqa: ANN401 (likewise)
        name, right = node.name[-1].sval, self.of(node.rexpr)
        if node.lexpr is not None:
            return OPERATORS[name](self.of(node.lexpr), right)
        if name == "+":
            return right
        return OPERATORS["-"](constant(0), right) if name == "-" else OPERATORS["~"](right, right)

    def _boolean(self, node: Any) -> Known:  # noqa: ANN401 (likewise)
        operation = node.boolop.name
        first, *others = (self.of(one) for one in node.args)
        if operation == "NOT_EXPR":
            return self._negated(first, negated=True)
        word: type[ast.boolop] = ast.And if operation == "AND_EXPR" else ast.Or
        name = "conjunction" if operation == "AND_EXPR" else "disjunction"
        found = first
        for one in others:
            if found.kinds == one.kinds == {"boolean"}:
                found = Known(ast.BoolOp(word(), [found.code, one.code]), frozenset({"boolean"}))
            else:
                nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
                later = Known(ast.Lambda(nothing, one.code), one.kinds)
                kinds = {"boolean"} | ((found.kinds | one.kinds) & {"null"})
                found = called(name, (found, later), kinds)
        return found

    def _negated(self, one: Known, negated: bool) -> Known:  # noqa: FBT001 (the only thing to say)
        if not negated:
            return one
        if one in {TRUE, FALSE}:
            return FALSE if one is TRUE else TRUE
        if one.kinds == {"boolean"}:
            match one.code:
                case ast.Compare(left=left, ops=[ast.Is()], comparators=others):
                    return Known(ast.Compare(left, [ast.IsNot()], others), BOOLEAN)
                case _:
                    return Known(ast.UnaryOp(ast.Not(), one.code), BOOLEAN)
        return called("negated", (one,), {"boolean"} | (one.kinds & {"null"}))

    def _case(self, node: Any) -> Known:  # noqa: ANN401 (likewise)
        found = NULL if node.defresult is None else self.of(node.defresult)
        for one in reversed(node.args):
            test, result = self.of(one.expr), self.of(one.result)
            found = Known(
                ast.IfExp(test.code, result.code, found.code),
                result.kinds | found.kinds,
                min(result.low, found.low),
                max(result.high, found.high),
            )
        return found


def _is(one: Known, wanted: Known) -> Known:
    """Return `one IS wanted`; where kinds decide it, what they decide."""
    (kind,) = wanted.kinds
    if kind not in one.kinds:
        return FALSE
    if one == wanted:
        return TRUE
    return Known(ast.Compare(one.code, [ast.Is()], [wanted.code]), BOOLEAN)
