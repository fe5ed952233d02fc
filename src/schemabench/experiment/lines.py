"""Lines of input files, plain or gzip, which are streamed and never entirely in memory.

Owns the reading, and where a file is damaged. Must not know what a line means.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from schemabench.errors import UsageError

LINE_LIMIT_BYTES = 1 << 20
"""A longer line means that the file is not a text file."""
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31  # zlib's window bits for a gzip member
_READ_BYTES = 1 << 16
_OUTPUT_BYTES = 1 << 20  # at a time: a small file may hold a large one


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, plain or gzip, without line endings.

    Raises:
        UsageError: The file cannot be read, is a pipe, is binary, or is a corrupt or truncated gzip file.
    """
    if path.is_fifo():
        raise UsageError(
            f"{path} is a pipe, which can be read only once, and a replay restarts when its file ends",
            remedies=["write it into a file first, plain or gzip"],
        )
    number = 0
    try:
        with path.open("rb") as plain:
            packed = plain.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            while line := file.readline(LINE_LIMIT_BYTES):
                number += 1
                if b"\0" in line or len(line) == LINE_LIMIT_BYTES:
                    raise UsageError(
                        f"{path} is binary: line {number} holds a NUL byte or is over {LINE_LIMIT_BYTES:,} bytes long",
                        remedies=["give a text file, plain or gzip"],
                    )
                yield line.rstrip(b"\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
        raise UsageError(
            f"{path} is a gzip file that {_damage(path)}, after line {number}: {cause}",
            remedies=["fetch the file again", f"check it with `gzip -t {path}`"],
        ) from cause
    except OSError as cause:
        raise UsageError(f"Cannot read {path}: {cause.strerror}", remedies=["check --replay NAME=PATH"]) from cause


def _damage(path: Path) -> str:
    """Return what is wrong with a gzip file, and at which byte, counted from 0."""
    size, member = path.stat().st_size, zlib.decompressobj(_GZIP)
    position = 0
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            before = member.copy()
            try:
                member = _read(member, chunk)
            except zlib.error:
                return f"is corrupt at byte {position + _first_wrong(before, chunk):,} of {size:,}"
            position += len(chunk)
    return f"ends early, at byte {size:,}"


def _first_wrong(member: "zlib._Decompress", chunk: bytes) -> int:
    """Return the first byte of a chunk at which decompression fails."""
    for place in range(len(chunk)):
        try:
            member = _read(member, chunk[place : place + 1])
        except zlib.error:
            return place
    return len(chunk)


def _read(member: "zlib._Decompress", data: bytes) -> "zlib._Decompress":
    """Decompress data, which may end a member of the file and begin another one; return the last member."""
    while data:
        if member.eof:
            data = data.lstrip(b"\0")  # padding, which gzip passes over, too
            if not data:
                break
            member = zlib.decompressobj(_GZIP)
        member.decompress(data, _OUTPUT_BYTES)
        while member.unconsumed_tail:
            member.decompress(member.unconsumed_tail, _OUTPUT_BYTES)
        data = member.unused_data
    return member
