"""The height of a B-tree, and roots above its root.

Owns the few bytes of PostgreSQL's pages that this takes. The planner takes a B-tree's height from its first page, and
may look for the smallest or the largest key while it plans, so that the tree has to be whole. A root above the root has
one entry, which leads to it. Must not touch a file that a server may have read.

Sources: bufpage.h, itemid.h, itup.h, nbtree.h; the format is the same since PostgreSQL 13.
"""

import struct
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
_LAYOUT, _NORMAL, _IS_ROOT, _IS_PIVOT = 4, 1, 2, 0x2000
"""Version of the page's layout; flags of an item, a page and an entry."""
_FULL = 0.7
"""How full inner pages other than the root are."""
_ALIGNED = 8


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


def heighten(file: BinaryIO, level: int, page_bytes: int) -> None:
    """Put roots above a tree's root, at the end of its file, until it has a level; do nothing if it is empty.

    Args:
        file: The index, open for reading and writing.
        level: Of the root, as it is to be.
        page_bytes: Of each page.
    """
    file.seek(_HEADER_BYTES)
    magic, version, root, now, *_ = _META.unpack(file.read(_META.size))
    assert magic == _MAGIC, "it is not a B-tree"
    if not root:
        return
    end = file.seek(0, 2) // page_bytes
    for above in range(now + 1, level + 1):
        file.write(_root(root, above, page_bytes))
        root, end = end, end + 1
    if level > now:
        file.seek(_HEADER_BYTES)
        file.write(_META.pack(magic, version, root, level, root, level))


def _root(below: int, level: int, page_bytes: int) -> bytes:
    """Return a root with one entry, for keys from the smallest on."""
    special = page_bytes - _SPECIAL.size
    upper, lower = special - _ENTRY.size, _HEADER_BYTES + _ITEM_BYTES
    header = _HEADER.pack(0, 0, 0, lower, upper, special, page_bytes | _LAYOUT, 0)
    item = _ITEM.pack(upper | _NORMAL << 15 | _ENTRY.size << 17)
    entry = _ENTRY.pack(below >> 16, below & 0xFFFF, 0, _ENTRY.size | _IS_PIVOT)
    return (header + item).ljust(upper, b"\0") + entry + _SPECIAL.pack(0, 0, level, _IS_ROOT, 0)
