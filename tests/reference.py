"""What the page on the author's interface, docs/reference.md, has of the code: signatures, docstrings, tables of lines.

Owns how it looks; what it says is in the docstrings.
"""

import re
from collections.abc import Iterator, Mapping

import griffe

import schemabench
from schemabench import sending
from schemabench.candidate import headers
from schemabench.sqlfile import block, file, schema

LINES: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("the first comment lines of a candidate", headers.HEADERS),
    ("a candidate's schema", schema.LINES),
    ("a line of its own", file.LINES),
    ("between `-- name:` and the first statement", sending.LINES),
    ("a block", block.LINES),
)
"""Where lines stand, and what they mean."""


def lines() -> str:
    """Return the table of all lines that mean something in annotated SQL."""
    rows = [
        f"| `-- {example}` | {where} | {_cell(meaning)} |" for where, some in LINES for example, meaning in some.items()
    ]
    return "\n".join(["| line | where | meaning |", "|---|---|---|", *rows])


def names() -> str:
    """Return a section for each public name."""
    package = griffe.load("schemabench", docstring_parser="google", resolve_aliases=True)
    return "\n\n".join("\n\n".join(_section(name, package[name].final_target)) for name in schemabench.__all__)


def _section(name: str, one: griffe.Object) -> Iterator[str]:
    yield f"### `{name}`"
    if isinstance(one, griffe.Function):
        yield f"```python\n{name}({', '.join(map(_parameter, one.parameters))}) -> {one.returns}\n```"
    fields = [member for member in one.members.values() if member.is_attribute and _is_field(member)]
    examples = []
    for part in _parts(one):
        match part:
            case griffe.DocstringSectionText():
                yield part.value
            case griffe.DocstringSectionParameters() | griffe.DocstringSectionRaises():
                yield from _list(part)
            case griffe.DocstringSectionExamples():
                examples += [text for _, text in part.value]
            case _:
                raise AssertionError(f"{name}: a docstring with {part.kind}")
    if fields:
        yield "\n".join(["| field | type | default | meaning |", "|---|---|---|---|", *map(_row, fields)])
    for method in _methods(one):
        yield f"`{method.name}({', '.join(map(_parameter, list(method.parameters)[1:]))}) -> {method.returns}`: " + (
            _text(method)
        )
    yield "```python\n" + "\n".join(examples) + "\n```"


def _list(part: griffe.DocstringSectionParameters | griffe.DocstringSectionRaises) -> Iterator[str]:
    raising = isinstance(part, griffe.DocstringSectionRaises)
    if raising:
        yield "Raises:"
    heads = [str(one.annotation) if raising else one.name for one in part.value]
    yield "\n".join(f"- `{head}`: {_flat(one.description)}" for head, one in zip(heads, part.value, strict=True))


def _row(member: griffe.Object) -> str:
    assert isinstance(member, griffe.Attribute)
    return f"| `{member.name}` | {_code(member.annotation)} | {_default(member)} | {_cell(_text(member))} |"


def _default(member: griffe.Attribute) -> str:
    if member.value is None:
        return ""
    empty = re.fullmatch(r"field\(default_factory=(\w+)\)", str(member.value))
    return _code("{}" if empty else member.value)


def _is_field(member: griffe.Object) -> bool:
    return isinstance(member, griffe.Attribute) and not member.name.startswith("_") and member.annotation is not None


def _methods(one: griffe.Object) -> list[griffe.Function]:
    """Return the methods of a class that are part of the interface: those with a result."""
    return [
        member
        for name, member in one.members.items()
        if isinstance(member, griffe.Function) and not name.startswith("_") and str(member.returns) != "None"
    ]


def _parameter(one: griffe.Parameter) -> str:
    default = "" if one.default is None else f" = {one.default}"
    return f"{one.name}: {one.annotation}{default}"


def _parts(one: griffe.Object) -> list[griffe.DocstringSection]:
    assert one.docstring, f"{one.path} has no docstring"
    return one.docstring.parsed


def _text(one: griffe.Object) -> str:
    return _flat(_parts(one)[0].value)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _code(expression: object) -> str:
    return f"`{_flat(str(expression))}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
