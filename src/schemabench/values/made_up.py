"""Contents that say nothing: texts of a given shape, documents, bytes and addresses of a given size.

Owns how they are made up. Nothing in them comes from anywhere: a shape is a pattern of letters and digits.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import shake_128
from itertools import groupby
from string import ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple

from schemabench.values.columns import Column, Spot
from schemabench.values.distributions import Choice
from schemabench.values.scattering import scattered, share_of
from schemabench.values.skews import Even, Skew

_ALPHABETS = {"a": ascii_lowercase, "A": ascii_uppercase, "9": digits, "ä": "àâäçèéêëîïñôöùûü"}
"""A character of a shape -> what may stand in its place. Any other character stands for itself."""
_ENCODING = "latin-1"
_TABLES = {
    kind: bytes(alphabet.encode(_ENCODING)[octet % len(alphabet)] for octet in range(256))
    for kind, alphabet in _ALPHABETS.items()
}
_RUN = re.compile(r"(?P<character>.)(?:\{(?P<times>\d+)\})?", re.DOTALL)
_ENOUGH = 1 << 40
"""More texts than any table has rows: further characters are there for the length alone."""
_OCTETS = 8
_WORD_LENGTH = 6
_WORD = "a" * _WORD_LENGTH
"""The shape of a word of a vocabulary."""


def filled(shape: str, number: int) -> str:
    """Return the text of a shape that has a number: two numbers have different texts.

    In a shape, `a` stands for a small letter, `A` for a capital, `9` for a digit and `ä` for a small letter beyond
    ASCII; `a{30}` is thirty of them. A shape that has too few of them for the number grows by digits.

    >>> filled("Aaaa-99", 0), filled("Aaaa-99", 1), filled("", 12)
    ('Aaaa-00', 'Qbuo-71', '12')
    """
    laid = _laid_out(shape)
    octets, pieces, start = shake_128(number.to_bytes(_OCTETS, "big")).digest(laid.length), [], 0
    for kind, literal in laid.runs:
        end = start + len(literal)
        pieces.append(octets[start:end].translate(_TABLES[kind]).decode(_ENCODING) if kind else literal)
        start = end
    characters = list("".join(pieces))
    extra, left = divmod(number, laid.total)
    left = scattered(left, laid.total)
    for place, alphabet in laid.counting:
        left, digit = divmod(left, len(alphabet))
        characters[place] = alphabet[digit]
    return "".join(characters) + (str(extra) if extra or not shape else "")


class _Laid(NamedTuple):
    """A shape, laid out."""

    runs: tuple[tuple[str, str], ...]
    """(what may stand there, or nothing for a literal; the characters of the shape) of each run."""
    length: int
    counting: tuple[tuple[int, str], ...]
    """(place, alphabet) of the characters in which texts of different numbers differ."""
    total: int
    """How many texts these make."""


@lru_cache(maxsize=4096)
def _laid_out(shape: str) -> _Laid:
    plain = "".join(match["character"] * int(match["times"] or 1) for match in _RUN.finditer(shape))
    runs = [(kind, "".join(some)) for kind, some in groupby(plain, lambda one: one if one in _ALPHABETS else "")]
    counting: list[tuple[int, str]] = []
    total = 1
    for place in reversed(range(len(plain))):
        if (alphabet := _ALPHABETS.get(plain[place])) and total < _ENOUGH:
            counting.append((place, alphabet))
            total *= len(alphabet)
    return _Laid(tuple(runs), len(plain), tuple(counting), total)


@dataclass(frozen=True)
class Words(Column):
    """Texts of given shapes."""

    shapes: Mapping[str, float]
    """Shape -> its share, as in `filled`."""
    distinct: int = 0
    """How many texts there are; 0 for as many as there are rows."""
    skew: Skew = field(default_factory=Even)
    """How often each of them is used."""
    unique: bool = False
    """Whether every row has a text of its own."""
    vocabulary: int = 0
    """How many different words texts are made of, so that a search finds a word in several; 0 for words at random."""

    def value(self, spot: Spot) -> str:
        """Return the text of a row."""
        if self.unique:
            return self.nth(spot.place, spot)
        return self.nth(self.skew.place(self.distinct or max(1, spot.rows), spot.share), spot)

    def nth(self, number: int, _: Spot) -> str:
        """Return one of the texts by its number; without `unique`, two of a short shape may be the same."""
        shape = self._shapes.at(share_of(number, 0))
        if self.vocabulary:
            places = range(max(1, round(_laid_out(shape).length / (_WORD_LENGTH + 1))))
            return " ".join(filled(_WORD, int(self.vocabulary * share_of(number, one + 1))) for one in places)
        return filled(shape, number if self.unique else number % _laid_out(shape).total)

    @cached_property
    def _shapes(self) -> Choice:
        return Choice(self.shapes or {"": 1.0})


@dataclass(frozen=True)
class Octets(Column):
    """Bytes, so many that they cannot be compressed."""

    size: int

    def value(self, spot: Spot) -> bytes:
        """Return the bytes of a row."""
        return shake_128(struct.pack("d", spot.share)).digest(self.size)


@dataclass(frozen=True)
class Document(Column):
    """JSON objects of about a size, in characters."""

    size: int
    keys: Sequence[str] = ("key",)
    """The names of its members, which share the size."""
    distinct: int = 0
    """How many different objects there are; 0 for as many as there are rows."""

    def value(self, spot: Spot) -> str:
        """Return the object of a row, as text."""
        share = int(spot.share * self.distinct) / self.distinct if self.distinct else spot.share
        each = max(1, self.size // max(1, len(self.keys)) - len('"": "", '))
        texts = shake_128(struct.pack("d", share)).hexdigest(each * len(self.keys))
        members = (f'"{key}": "{texts[place * each :][:each]}"' for place, key in enumerate(self.keys))
        return "{" + ", ".join(members) + "}"


@dataclass(frozen=True)
class Network(Column):
    """Addresses of the private network 10.0.0.0/8."""

    suffix: str = ""
    """What follows an address, as in `/32`."""
    unique: bool = False
    """Whether every row has an address of its own."""

    def value(self, spot: Spot) -> str:
        """Return the address of a row."""
        return self.nth(scattered(spot.place % 2**24, 2**24) if self.unique else int(spot.share * 2**24), spot)

    def nth(self, number: int, _: Spot) -> str:
        """Return one of the addresses by its number."""
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}{self.suffix}"
