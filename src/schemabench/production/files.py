"""The files of a copy, as long as production's, though nearly empty.

Owns their lengths. The planner takes the size of a table or an index from the length of its file, whatever the
catalogs say. A file is made longer by a hole, which takes no room on the disk. Must not touch a file that a server may
have read.

Source: table_block_relation_estimate_size and estimate_rel_size in PostgreSQL.
"""

import os
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from schemabench.production import btree

_SEGMENT_BYTES = 2**30
"""A relation is split into files of this length, unless PostgreSQL was built with `--with-segsize`."""


@dataclass(frozen=True, kw_only=True)
class File:
    """The first file of a relation."""

    path: str
    """Relative to the server's data folder, as in `base/16384/16391`."""
    pages: int
    """As many as it is to have."""
    page_bytes: int
    is_btree: bool
    key_bytes: int
    """Mean bytes of an index's key."""


def extend(path: Path, file: File) -> None:
    """Make a relation as long as is asked, and its B-tree as high; it never becomes shorter.

    Args:
        path: Its first file. No server has read it.
        file: As it is to be.

    Raises:
        OSError: It cannot be written.
    """
    length = file.pages * file.page_bytes
    if file.is_btree and path.stat().st_size < length:
        level = btree.height(file.pages, file.page_bytes, file.key_bytes)
        with path.open("r+b") as opened:
            btree.heighten(opened, level, file.page_bytes)
    owner = path.stat()
    for number in range(ceil(length / _SEGMENT_BYTES)):
        segment = path.with_name(f"{path.name}.{number}") if number else path
        if not segment.exists():
            segment.touch(mode=0o600)
            os.chown(segment, owner.st_uid, owner.st_gid)
        wanted = min(_SEGMENT_BYTES, length - number * _SEGMENT_BYTES)
        if segment.stat().st_size < wanted:
            os.truncate(segment, wanted)
