"""What is kept of a log: its requests, in a file of their own, and where each begins.

Owns that file. Must not know what a statement means.
"""

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import msgspec


class Part(NamedTuple):
    """A statement of a request."""

    shape: int
    """The number of its shape."""
    values: list[str | None]
    order: int
    """When it was done: the number of its entry in the log."""
    start_s: float
    """When it began, likewise when it ended: in seconds, as in an entry."""
    end_s: float


class Request(NamedTuple):
    """What a session sent at once or in one transaction, and what was committed."""

    session: str
    start_s: float
    end_s: float
    order: int
    """When it was committed: the number of its entry in the log."""
    explicit: bool
    """Whether it had a BEGIN and a COMMIT."""
    parts: list[Part]


class Spool:
    """Requests, in a temporary file, which is deleted at the end of the block."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 (closed at the end of the block)
        self._offsets, self._starts_s, self._orders = array("q"), array("d"), array("q")
        self._encode, self._decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Request).decode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, request: Request) -> None:
        """Keep a request."""
        self._offsets.append(self._file.tell())
        self._starts_s.append(request.start_s)
        self._orders.append(request.order)
        self._file.write(self._encode(request) + b"\n")

    def in_order(self) -> Iterator[tuple[int, Request]]:
        """Yield the requests by when they were committed, each with its number."""
        self._file.seek(0)
        for number, line in enumerate(self._file):
            yield number, self._decode(line)

    def at(self, numbers: Sequence[int]) -> Iterator[Request]:
        """Yield the requests with these numbers, in this order."""
        for number in numbers:
            self._file.seek(self._offsets[number])
            yield self._decode(self._file.readline())

    def starts_s(self) -> Sequence[float]:
        """Return when each request began, by its number."""
        return self._starts_s

    def orders(self) -> Sequence[int]:
        """Return when each request was committed, by its number: the number of its entry in the log."""
        return self._orders
