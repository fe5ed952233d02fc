"""Inputs that are almost right: what people and programs really write, with a few places damaged.

Owns what damage is done. Hypothesis chooses it, and makes it small again where an input is answered badly.
"""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

_PLACED = "\0 \r\n \t ' \" $$ $a$ ; -- /* */ \\ : :x :\"x\" :'x' :: E'\\' U&' -1 1e400 NaN null true \\. % = \x1b[31m"
_HEADERS = ("name: a", "batch: 100 within 50 ms", "pipeline: 20", "extends: baseline", "as: a", "retry: 23505", "end")
_TOKENS = (
    *(token.encode() for token in _PLACED.split(" ")),
    *(f"-- {header}\n".encode() for header in (*_HEADERS, "for each part", "nothing")),
    *(b"\xff", b"\xf0\x9f\x90\x98", b"\xed\xa0\x80", "\u202e".encode(), b"\xef\xbb\xbf"),
    *(b"(" * 2_000, b"[" * 20_000, b"{" * 2_000, b"9" * 5_000, b"COPY t FROM STDIN;\n"),
)
"""Pieces that mean something to one of the readers, and what breaks careless ones."""
_TEXTS = ("", "x", "\0", "\ud800", "9" * 5_000)
_NUMBERS = (0, -1, 1, 2**63, 10**400, 0.5, -0.0, 1e308)
_JSON_VALUES = st.sampled_from([None, True, False, *_NUMBERS, *_TEXTS, [], {}, [[]], {"": 0}])


@st.composite
def texts(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Return a text with up to six places damaged: pieces are left out, doubled, moved, cut off or put in.

    Args:
        draw: Hypothesis's.
        seeds: Texts that are right.
    """
    text = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 200)))
        match draw(st.sampled_from(["put", "replace", "leave out", "double", "move", "cut off"])):
            case "put":
                text = text[:start] + draw(st.sampled_from(_TOKENS)) + text[start:]
            case "replace":
                text = text[:start] + draw(st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=8))) + text[end:]
            case "leave out":
                text = text[:start] + text[end:]
            case "double":
                text = text[:end] + text[start:end] + text[end:]
            case "move":
                rest = text[:start] + text[end:]
                place = draw(st.integers(0, len(rest)))
                text = rest[:place] + text[start:end] + rest[place:]
            case _:
                text = text[:start]
    return text


@st.composite
def documents(draw: st.DrawFn, seeds: Callable[[], Sequence[Any]]) -> bytes:
    """Return a JSON document of which up to four values are others, or missing.

    Args:
        draw: Hypothesis's.
        seeds: Returns documents that are right, as JSON reads them.
    """
    document = deepcopy(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(1, 4))):
        _damage(draw, document)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _damage(draw: st.DrawFn, document: Any) -> None:  # noqa: ANN401 (what JSON has)
    """Change one value, somewhere in a document."""
    node = document
    while node:
        place = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if isinstance(node[place], dict | list) and node[place] and draw(st.integers(0, 9)):
            node = node[place]
            continue
        if draw(st.booleans()):
            node[place] = deepcopy(draw(_JSON_VALUES))
        elif isinstance(node, dict) and draw(st.booleans()):
            node[place + draw(st.sampled_from(["", " ", "x"]))] = node.pop(place)
        else:
            del node[place]
        return
