"""Any document as GitHub Flavored Markdown, for pull requests.

Owns the Markdown form of a document's parts; sections that are not brief are folded. Must not know the subject of a
document.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

from schemabench.report import escape, tree
from schemabench.report.escape import line, prose
from schemabench.report.text import name
from schemabench.report.tree import Cell, Document, Node, Notes, Part, Table

_ITEM = "- "


def markdown(document: Document) -> str:
    """Return a document as Markdown."""
    blocks = [f"# {line(document.title)}"]
    blocks.append("\n".join(_head(part) for part in document.parts))
    blocks += [line(document.empty)] if document.is_empty else []
    blocks += [prose(document.origin), *_notes(document.notes, "Holds for every figure below:")]
    for part in document.parts:
        blocks += _part(part) if part.brief else _details(part.title, list(_part(part))[1:])
    for section in document.sections:
        blocks += [f"## {line(section.title)}", *_nodes(section.nodes)]
    return "\n\n".join(_apart(filter(None, blocks))) + "\n"


def _apart(blocks: Iterable[str]) -> Iterator[str]:
    """Yield blocks, with a comment between two lists, which would be one otherwise."""
    for before, block in pairwise(chain([""], blocks)):
        if before.startswith(_ITEM) and block.startswith(_ITEM):
            yield "<!-- -->"
        yield block


def _head(part: Part) -> str:
    """Return a part's verdict as an item of a list."""
    said = " ".join(line(one.text) + _marks(one.notes) for one in part.verdict)
    return f"- {line(part.title)}: {said}"


def _part(part: Part) -> Iterator[str]:
    yield f"## {line(part.title)}"
    yield prose(part.summary)
    yield from _nodes(part.verdict)
    yield from _nodes(part.answer)
    for section in part.sections:
        if section.brief:
            yield from _nodes(section.nodes)
    yield from _nodes(part.findings)
    yield from _notes(part.notes)
    yield prose(part.setting)
    for section in part.sections:
        if not section.brief and not section.needs_charts:
            yield from _details(section.title, list(_nodes(section.nodes)))


def _details(summary: str, blocks: Sequence[str]) -> Iterator[str]:
    """Yield a fold; nothing if it would be empty."""
    if blocks:
        yield f"<details>\n<summary>{line(summary)}</summary>"
        yield from blocks
        yield "</details>"


def _nodes(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        yield from filter(None, _node(node))


def _node(node: Node) -> Iterator[str]:
    match node:
        case tree.Paragraph():
            said = prose(node.text)
            yield (f"**{said}**" if node.emphasis == "strong" else said) + _marks(node.notes)
        case tree.Bullets():
            yield prose(node.lead)
            yield "\n".join(f"- {prose(item)}" for item in node.items)
        case tree.Terms():
            yield "\n".join(
                f"- {line(term)}: {line(said)}{_marks(node.notes.get(term, ()))}" for term, said in node.items
            )
        case tree.Verbatim():
            yield prose(node.label) + _marks(node.notes) if node.label else ""
            yield escape.fence(node.text, node.language)
        case tree.Difference():
            added, removed = (sum(one.kind == kind for one in node.lines) for kind in ("added", "removed"))
            yield f"{prose(node.label)}: +{added} -{removed} lines, which the HTML report shows"
        case Table():
            yield from _table(node)
        case tree.Chart():
            yield from () if node.repeats else _table(node.table)
        case tree.Beside():
            yield from _nodes(node.charts)
        case tree.Fold():
            yield from _details(" ".join(filter(None, (node.heading, node.summary))), list(_nodes(node.nodes)))


def _table(table: Table) -> Iterator[str]:
    yield f"{prose(table.caption)}{_marks(table.notes)}:" if table.caption else ""
    yield escape.table(
        [[_cell(cell) for cell in row] for row in (*table.rows, *table.footer)],
        [line(column.heading) for column in table.columns],
        "".join(column.align[0] for column in table.columns),
    )
    legend = [
        *((name(sign), said) for sign, said in table.legend),
        *((column.heading, column.legend) for column in table.columns if column.legend),
    ]
    yield "; ".join(f"{line(sign)}: {line(said)}" for sign, said in legend) + ("." if legend else "")


def _cell(cell: Cell) -> str:
    below = f"({line(cell.below)})" if cell.below else ""
    said = " ".join(filter(None, (line(cell.text), line(cell.interval), below)))
    return (f"**{said}**" if cell.strong or cell.tone else said) + _marks(cell.notes)


def _notes(notes: Notes, lead: str = "") -> Iterator[str]:
    if notes.items:
        yield lead
        yield "\n".join(f"- <sup>{number}</sup> {prose(said)}" for number, said in notes.items)


def _marks(notes: Sequence[int]) -> str:
    return f" <sup>{','.join(map(str, notes))}</sup>" if notes else ""
