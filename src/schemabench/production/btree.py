"""The height of a B-tree, and roots above its root.

Owns the few bytes of PostgreSQL's pages that this takes. The planner takes a B-tree's height from its first page, and
may look for the smallest or the largest key while it plans, so that the tree has to be whole. A root above the root has
one entry, which leads to it. Must not touch a file that a server may have read.

Sources: bufpage.h, itemid.h, itup.h, nbtree.h; the format is the same since PostgreSQL 13.
"""

import struct
from dataclasses import dataclass
from math import ceil
from typing import BinaryIO

_HEADER = struct.Struct("=QHHHHHHI")
"""Log position, checksum, flags, end of the list of items, start of items, start of the special part, size and version
of the page, oldest row to prune."""
_HEADER_BYTES, _ITEM_BYTES = 24, 4
_ITEM = struct.Struct("=I")
_ENTRY = struct.Struct("=HHHH")
"""The block below in two halves, the number of its key's columns, its size and flags."""
_SPECIAL = struct.Struct("=IIIHH")
"""Left neighbour, right neighbour, level, flags, cycle of a vacuum."""
_META = struct.Struct("=IIIIII")
"""Magic, version, root and its level, the root at which searches begin and its level."""
_MAGIC = 0x053162
_LAYOUT, _NORMAL, _IS_LEAF, _IS_ROOT, _IS_PIVOT = 4, 1, 1, 2, 0x2000
"""Version of the page's layout; flags of an item, of pages and of an entry."""
_FULL = 0.7
"""How full inner pages other than the root are."""
_ALIGNED = 8
_ROW_BYTES = 6
"""Of a row's place in an entry that several rows share."""
_SHARED_PART = 0.1
"""Of a page, the largest such entry in a tree that is built at once."""
_FEWEST_SHARED = 2
"""Rows with equal keys, from which on they are taken to share entries."""


def height(pages: int, page_bytes: int, key_bytes: int) -> int:
    """Return the level of the root of a tree with so many pages; 0 if that is a page of entries.

    An estimate: entries of inner pages are taken to hold a whole key, and no row to tell equal keys apart; the root is
    taken to be split when it is full.

    Args:
        pages: All of them.
        page_bytes: Of each.
        key_bytes: Mean bytes of a key.
    """
    key = ceil(key_bytes / _ALIGNED) * _ALIGNED
    entries = max(2.0, page_bytes / (_ENTRY.size + _ITEM_BYTES + key))
    level, reached = 0, 1.0
    while reached < pages - 1:
        reached *= entries if level == 0 else max(2.0, entries * _FULL)
        level += 1
    return level


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What an index of a table has to hold."""

    rows: float
    distinct: float
    """Different keys."""
    key_bytes: int
    """Mean bytes of a key, with all columns."""
    fill: float
    """How full a page of entries is made, from 0 to 1."""
    shared: bool
    """Whether rows with equal keys share an entry (since PostgreSQL 13)."""


def pages(keys: Keys, page_bytes: int) -> int:
    """Return how many pages a new tree has: an estimate, by the mean key.

    Source: _bt_buildadd and _bt_load in PostgreSQL, for entries that rows share.
    """
    key = ceil(keys.key_bytes / _ALIGNED) * _ALIGNED
    entry = _ENTRY.size + _ITEM_BYTES + key
    each = max(1.0, keys.rows / max(1.0, keys.distinct))
    together = (page_bytes * _SHARED_PART - _ENTRY.size - key) // _ROW_BYTES
    if keys.shared and each >= _FEWEST_SHARED and together >= _FEWEST_SHARED:
        some = ceil(each / together)
        total = keys.rows / each * (some * entry + each * _ROW_BYTES)
    else:
        total = keys.rows * entry
    leaves = ceil(total / (keys.fill * (page_bytes - _HEADER_BYTES - _SPECIAL.size)))
    inner = ceil(leaves * entry / (_FULL * page_bytes)) if leaves > 1 else 0
    return 1 + leaves + inner


def heighten(file: BinaryIO, level: int, page_bytes: int) -> None:
    """Put roots above a tree's root, at the end of its file, until it has a level; an empty one first gets a leaf.

    Args:
        file: The index, open for reading and writing.
        level: Of the root, as it is to be.
        page_bytes: Of each page.
    """
    file.seek(_HEADER_BYTES)
    magic, version, root, now, *_ = _META.unpack(file.read(_META.size))
    assert magic == _MAGIC, "it is not a B-tree"
    end = file.seek(0, 2) // page_bytes
    top = root
    if not root:
        file.write(_page(b"", 0, _IS_ROOT | _IS_LEAF, page_bytes))
        top, end = end, end + 1
    for above in range(now + 1, level + 1):
        entry = _ENTRY.pack(top >> 16, top & 0xFFFF, 0, _ENTRY.size | _IS_PIVOT)
        file.write(_page(entry, above, _IS_ROOT, page_bytes))
        top, end = end, end + 1
    if top != root:
        file.seek(_HEADER_BYTES)
        file.write(_META.pack(magic, version, top, level, top, level))


def _page(entry: bytes, level: int, flags: int, page_bytes: int) -> bytes:
    """Return a page without neighbours, with one entry, for keys from the smallest on, or none."""
    special = page_bytes - _SPECIAL.size
    upper = special - len(entry)
    item = _ITEM.pack(upper | _NORMAL << 15 | len(entry) << 17) if entry else b""
    header = _HEADER.pack(0, 0, 0, _HEADER_BYTES + len(item), upper, special, page_bytes | _LAYOUT, 0)
    return (header + item).ljust(upper, b"\0") + entry + _SPECIAL.pack(0, 0, level, flags, 0)
