"""EXPLAIN's JSON plans: traversal of nodes, and a summary in one line.

Owns the summary, and the differences between two plans. Must not query a server.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from schemabench.records import InnerPlan
from schemabench.units import format_bytes, plural

Node: TypeAlias = Mapping[str, Any]
"""A JSON object of EXPLAIN: a query with its `Plan`, or a node of it with its children under `Plans`."""

_APPENDS = {"Append", "Merge Append"}
_JOINS = {"Hash Join", "Merge Join", "Nested Loop"}
_AGGREGATES = {"Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate"}
"""Strategy -> its name in EXPLAIN's text format; likewise for joins and sets below."""
_SOURCES = ("Relation Name", "CTE Name", "Function Name", "Table Function Name", "Tuplestore Name")
_CTE = "CTE "
"""The prefix of the names of subplans that are CTEs."""
_NUMBER = re.compile(r"_\d+$")
"""The suffix that the planner appends to a table's alias to name its partitions."""
_DOTS = "..."
"""Stands for what is left out of a text."""
_BLOCKS = {
    "hit": ("Shared Hit Blocks", "Local Hit Blocks"),
    "read": ("Shared Read Blocks", "Local Read Blocks"),
    "dirtied": ("Shared Dirtied Blocks", "Local Dirtied Blocks"),
    "written to temporary files": ("Temp Written Blocks",),
}


def summarise(plan: Sequence[Node], inside: Sequence[InnerPlan] = ()) -> tuple[str, str]:
    """Return a plan's nodes from the outside in, and the same with its figures; each in one line.

    The nodes name tables, indexes and triggers, but nothing that differs between executions of the same statement.
    Parts of an Append that differ only in the names of partitions and their indexes are merged.

    The rows are those that the outermost node returned, or received to write. EXPLAIN does not report the blocks of
    AFTER triggers, such as foreign keys: the figures exclude them, and say so.

    Args:
        plan: The output of EXPLAIN (ANALYZE, BUFFERS, WAL, FORMAT JSON): one query, several if a rule expanded it, none
            for a call of a procedure.
        inside: The plans of the statements in functions that were called.
    """
    nodes = [_nodes(query) for query in plan] or ["Call"]
    nodes[-1] += "".join(f"; in {one.function}: {outline(one.plan)}" for one in inside)
    figures = [_figures(query) for query in plan] or [""]
    if inside:
        executed = plural(sum(one.times for one in inside), "statement")
        figures[-1] = "; ".join(filter(None, (figures[-1], f"{executed} in functions")))
    summaries = [f"{line}; {text}" for line, text in zip(nodes, figures, strict=True)]
    return " + ".join(nodes), " + ".join(summaries)


def outline(plan: Sequence[Node]) -> str:
    """Return a plan's nodes from the outside in, without triggers, which EXPLAIN reports only with ANALYZE."""
    return " + ".join(_line(query["Plan"]) for query in plan)


def differing(old: Sequence[Node], new: Sequence[Node]) -> tuple[str, str]:
    """Return the nodes that two plans of a statement do not share, each as in `Seq Scan on item`, innermost first.

    If only their order differs, both plans are returned completely.
    """
    ours, theirs = exchanged(old, new)
    return (ours, theirs) if ours and theirs else (outline(old), outline(new))


def exchanged(old: Sequence[Node], new: Sequence[Node]) -> tuple[str, str]:
    """Return the nodes that only the one plan has, and those that only the other has; empty if there are none."""
    before, after = (Counter(_titles(plan)) for plan in (old, new))
    ours, theirs = (", ".join(dict.fromkeys(some)) for some in (before - after, after - before))
    return ours, theirs


def cut(old: str, new: str, most: int) -> tuple[str, str]:
    """Return two texts cut to at most `most` characters each, so that their first difference is in what is left.

    Texts are cut between words; only a word that is too long for that is cut itself.
    """
    different = (place for place, (one, other) in enumerate(zip(old, new, strict=False)) if one != other)
    same = next(different, min(len(old), len(new)))
    begin = 0
    if max(len(old), len(new)) > most and same > most - most // 4:
        begin = max(old.rfind(" ", 0, same - most // 4) + 1, same - most // 2)
    before, after = (_cut(text, begin, same, most) for text in (old, new))
    return before, after


def _cut(text: str, begin: int, needed: int, most: int) -> str:
    """Return a text from one place on, at most `most` characters, and in any case beyond a needed one."""
    dots = f"{_DOTS} " if begin else ""
    shown = dots + text[begin:]
    if len(shown) <= most:
        return shown
    last = most - len(f" {_DOTS}")
    end = shown.rfind(" ", len(dots) + needed - begin + 1, last + 1)
    return f"{shown[: end if end > 0 else last].rstrip()} {_DOTS}"


def every_node(plan: Sequence[Node]) -> Iterator[Node]:
    """Yield all nodes of a plan, from the outside in."""
    for query in plan:
        yield from _walk(query["Plan"])


def _titles(plan: Sequence[Node]) -> list[str]:
    return [f"{_title(node)}{_target(node)}" for node in reversed(list(every_node(plan)))]


def _nodes(query: Node) -> str:
    # a trigger that enforces a key is named by an OID, but belongs to a constraint
    triggers = {trigger.get("Constraint Name") or trigger["Trigger Name"] for trigger in query.get("Triggers", ())}
    fired = f"; triggers: {', '.join(sorted(triggers))}" if triggers else ""
    return _line(query["Plan"]) + fired


def _line(node: Node) -> str:
    """Return a node with all of its inputs: operation, target, and children."""
    children = node.get("Plans", ())
    asides = [child for child in children if _is_aside(child)]
    inputs = [child for child in children if not _is_aside(child)]
    text = f"{_title(node)}{_target(node)}{''.join(f' with {_aside(child)}' for child in asides)}"
    if inputs and node["Node Type"] in _APPENDS:
        text += f" of {_joined(_folded(inputs))}"
    elif inputs:
        text += f" <- {_joined(map(_line, inputs))}"
    removed = node.get("Subplans Removed", 0)
    return f"{text} ({removed} pruned)" if removed else text


def _is_aside(node: Node) -> bool:
    """Return whether a node computes values or a CTE for the one above, rather than being its input."""
    return node.get("Parent Relationship") in {"InitPlan", "SubPlan"}


def _aside(node: Node) -> str:
    name: str = node.get("Subplan Name", "")
    return f"{name if name.startswith(_CTE) else node['Parent Relationship']} ({_line(node)})"


def _joined(lines: Iterable[str]) -> str:
    some = list(lines)
    return some[0] if len(some) == 1 else f"[{', '.join(some)}]"


def _folded(parts: Iterable[Node]) -> list[str]:
    """Return the parts of an Append, with parts of the same shape merged.

    Sorted, since a parallel Append orders its parts by cost.
    """
    groups: defaultdict[object, list[str]] = defaultdict(list)
    for part in parts:
        groups[_shape(part)].append(f"({_line(part)})" if "Plans" in part else _line(part))
    return sorted(min(lines) if len(lines) == 1 else f"{len(lines)} x {min(lines)} ..." for lines in groups.values())


def _shape(node: Node) -> tuple[object, ...]:
    """Return a key that scans of two partitions of a table share, and scans of two tables do not."""
    return (
        _title(node),
        _NUMBER.sub("", node.get("Alias", "")),
        "Index Name" in node,
        node.get("Subplans Removed"),
        *map(_shape, node.get("Plans", ())),
    )


def _title(node: Node) -> str:
    """Return a node's operation, as in EXPLAIN's text format."""
    kind: str = node["Node Type"]
    strategy, join = node.get("Strategy"), node.get("Join Type", "Inner")
    if kind == "ModifyTable":
        kind = node.get("Operation", kind)
    elif kind == "Aggregate":
        kind = _AGGREGATES.get(str(strategy), kind)
    elif kind == "SetOp":
        kind = f"{'Hash' if strategy == 'Hashed' else ''}SetOp {node.get('Command', '')}".rstrip()
    elif kind in _JOINS and join != "Inner":
        kind = f"{kind.removesuffix(' Join')} {join} Join"
    partial = node.get("Partial Mode", "Simple")
    words = ["" if partial == "Simple" else partial, "Parallel" if node.get("Parallel Aware") else "", kind]
    if node.get("Scan Direction") == "Backward":
        words.append("Backward")
    return " ".join(filter(None, words))


def _target(node: Node) -> str:
    """Return a node's table or other source, and its index."""
    index = node.get("Index Name")
    source = next((node[key] for key in _SOURCES if key in node), None)
    text = f" using {index}" if index and source else f" on {index}" if index else ""
    if source:
        text += f" on {source}"
    if tables := len(node.get("Target Tables", ())):
        text += f" ({plural(tables, 'partition')})"
    if resolution := node.get("Conflict Resolution"):
        arbiters = [*node.get("Conflict Arbiter Indexes", ()), resolution.lower()]
        text += f" (conflict: {', '.join(arbiters)})"
    return text


def _figures(query: Node) -> str:
    """Return rows, blocks and WAL."""
    top = query["Plan"]
    nodes = list(_walk(top))
    apart = [top, *_unread(nodes)]

    def total(*keys: str) -> int:
        return sum(node.get(key, 0) for node in apart for key in keys)

    touched = [f"{plural(count, 'block')} {word}" for word, keys in _BLOCKS.items() if (count := total(*keys))]
    if wal_bytes := total("WAL Bytes"):
        touched.append(f"{format_bytes(wal_bytes)} WAL")
    if images := total("WAL FPI"):
        touched.append(plural(images, "full-page image"))
    figures = [plural(_rows(top), "row"), ", ".join(touched) or "no blocks"]
    if query.get("Triggers"):
        figures[-1] += " (without AFTER triggers)"
    if idle := sum(node.get("Actual Loops") == 0 for node in nodes):
        figures.append(f"{plural(idle, 'node')} never executed")
    if functions := query.get("JIT", {}).get("Functions"):
        figures.append(f"JIT of {plural(functions, 'function')}")
    return "; ".join(figures)


def _rows(node: Node) -> int:
    """Return the rows that a node returned, or received to write: without RETURNING it returns none."""
    if node["Node Type"] == "ModifyTable":
        return sum(_rows(child) for child in node.get("Plans", ()) if not _is_aside(child))
    mean: float = node.get("Actual Rows", 0)  # over loops, since 18 with decimals
    loops: int = node.get("Actual Loops", 1)
    return round(mean * loops)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from _walk(child)


def _unread(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield the writes in CTEs that nothing reads: they are executed last, and outside the outermost node."""
    read = {node.get("CTE Name") for node in nodes}
    for node in nodes:
        name: str = node.get("Subplan Name", "")
        if node["Node Type"] == "ModifyTable" and name.startswith(_CTE) and name.removeprefix(_CTE) not in read:
            yield node
