"""A complete plan as an outline: each node on a line, with EXPLAIN's details on the next line.

Owns the readable form of a plan's JSON. Must leave out only values that are zero, false or empty, as most of a plan's
counters are.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

_CHILDREN = "Plans"
_TYPE = "Node Type"
_HEADINGS = ("Operation", "Strategy", "Join Type")
"""A node's attributes after its type."""
_TARGETS = ("Relation Name", "Index Name", "CTE Name", "Function Name", "Subplan Name")
_STEP = "    "
_FIGURES = (
    (("Startup Cost", "Total Cost", "Plan Rows", "Plan Width"), "(cost={}..{} rows={} width={})"),
    (
        ("Actual Startup Time", "Actual Total Time", "Actual Rows", "Actual Loops"),
        "(actual time={}..{} rows={} loops={})",
    ),
)
"""As EXPLAIN's text format shows them: times in milliseconds, for each loop."""


def outline(plan: Any) -> str:  # noqa: ANN401 (any JSON that the run file holds)
    """Return a plan in EXPLAIN's JSON as text of several lines."""
    return "\n".join(_value(plan, ""))


def _value(value: Any, indent: str) -> Iterator[str]:  # noqa: ANN401 (as above)
    """Yield the lines of any JSON value."""
    if isinstance(value, Mapping):
        yield from _node(value, indent) if _TYPE in value else _fields(value, indent)
    elif isinstance(value, list):
        for one in value:
            yield from _value(one, indent)
    else:
        yield indent + _plain(value)


def _node(node: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Yield a node, its details, and its children with a deeper indent."""
    about = [str(node[key]) for key in (_TYPE, *_HEADINGS) if node.get(key)]
    targets = [f"{key.removesuffix(' Name').lower()} {node[key]}" for key in _TARGETS if node.get(key)]
    figures = {
        keys: shape.format(*(_plain(node[key]) for key in keys)) for keys, shape in _FIGURES if {*keys} <= {*node}
    }
    yield f"{indent}-> {' '.join([', '.join([' '.join(about), *targets]), *figures.values()])}"
    said = {_TYPE, _CHILDREN, *_HEADINGS, *_TARGETS, *chain(*figures)}
    yield from _fields({key: value for key, value in node.items() if key not in said}, indent + _STEP)
    for child in node.get(_CHILDREN) or ():
        yield from _value(child, indent + _STEP)


def _fields(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Yield names and values: all plain ones on one line, others below their name."""
    known = {name: value for name, value in fields.items() if value}
    nested = {name: value for name, value in known.items() if _is_nested(value)}
    if plain := [f"{name}: {_plain(value)}" for name, value in known.items() if name not in nested]:
        yield indent + "; ".join(plain)
    for name, value in nested.items():
        if lines := list(_value(value, indent + _STEP)):
            yield from (f"{indent}{name}:", *lines)


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(one, Mapping) for one in value))


def _plain(value: Any) -> str:  # noqa: ANN401 (as above)
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
