"""Records of log files: complete ones, as they stand in the file, plain or gzip.

Owns the reading, and what is damaged in a file. Must not know what a record means.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from schemabench.errors import UsageError

LONGEST_BYTES = 1 << 24
"""Of a record. A longer one is passed over, so that a file without line breaks needs no memory."""
_GZIP_MAGIC = b"\x1f\x8b"
_BEGINS = re.compile(rb'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [^,"]*,("[^"]*")?,("[^"]*")?,\d*,')
"""How a record of csvlog begins: after a record that was cut off, this tells where the next one is."""
_NOT_A_FILE = "give log files, plain or gzip: --from-log postgresql-*.csv"


@dataclass
class Damage:
    """What could not be read."""

    broken: int = 0
    """Records that are cut off, too long, or no records."""
    ended: list[str] = field(default_factory=list)
    """What is said of files that end early, in sentences."""


def lines(path: Path, damage: Damage) -> Iterator[bytes]:
    """Yield the lines of a file, without those that are too long.

    Args:
        path: The file.
        damage: Receives what cannot be read.

    Raises:
        UsageError: The file cannot be opened or read.
    """
    number = 0
    try:
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
            raise UsageError(f"{path} {kind}", remedies=[_NOT_A_FILE])
        with _opened(path) as file:
            while line := file.readline(LONGEST_BYTES):
                number += 1
                if len(line) == LONGEST_BYTES and not line.endswith(b"\n"):
                    damage.broken += 1
                    _skip(file)
                else:
                    yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
        damage.ended.append(f"{path} is a gzip file that ends early or is damaged after line {number:,} ({cause})")
    except OSError as cause:
        raise UsageError(f"Cannot read {path}: {cause.strerror or cause}", remedies=[_NOT_A_FILE]) from cause


def csv_records(some: Iterator[bytes], damage: Damage) -> Iterator[str]:
    """Yield complete records of csvlog, which may have line breaks in quotes.

    Args:
        some: Lines.
        damage: Receives what is no complete record.
    """
    pieces: list[bytes] = []
    size, is_open = 0, False
    for line in some:
        if is_open and _BEGINS.match(line):
            damage.broken += 1  # the record before was cut off
            pieces, size, is_open = [], 0, False
        if not is_open and line.count(b'"') % 2 == 0:
            yield line.decode(errors="replace")
            continue
        pieces.append(line)
        size += len(line)
        is_open ^= line.count(b'"') % 2 == 1
        if not is_open:
            yield b"".join(pieces).decode(errors="replace")
        elif size > LONGEST_BYTES:
            damage.broken += 1
            is_open = False
        if not is_open:
            pieces, size = [], 0
    damage.broken += is_open


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as plain:
        packed = plain.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")


def _skip(file: BinaryIO) -> None:
    """Pass over the rest of a line."""
    while (rest := file.readline(LONGEST_BYTES)) and not rest.endswith(b"\n"):
        pass
