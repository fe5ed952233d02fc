"""Whether a background continues a smaller one, and with which rows.

Owns the mark of a background's rows, and the comparison with the mark of a larger one's first rows. Must not load
anything.

A background continues a smaller one if it begins with the same executions. Calls at its end that write no rows, such as
a refresh, do not count: both have them at their ends. They may leave something behind all the same, as a snapshot does.
So what is grown is a database as it is before them, and they are executed once, after the further rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from schemabench.experiment.feed import Chunk


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How far a background reaches: up to its last execution that writes rows."""

    executions: int
    mark: int
    """A digest of these executions, in this process."""
    rows: int
    """Logical rows that they write."""


@dataclass(kw_only=True)
class Closing:
    """The calls at the end of a background that write no rows.

    Attributes:
        chunks: Calls without rows that no row has followed so far; in the end, those that none does.
    """

    chunks: list[Chunk] = field(default_factory=list)

    def before(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Yield what comes before these calls; they are in memory until a row follows, or for good."""
        for chunk in chunks:
            if chunk.rows and not chunk.written:
                self.chunks.append(chunk)
                continue
            yield from self.chunks
            self.chunks.clear()
            yield chunk


@dataclass(kw_only=True)
class Tracker:
    """Takes note of a background while it is loaded."""

    executions: int = 0
    mark: int = 0
    rows: int = 0
    extent: Extent = field(default_factory=lambda: Extent(executions=0, mark=0, rows=0))

    def add(self, chunk: Chunk) -> None:
        """Add successive executions."""
        kind = hash((chunk.operation, tuple(chunk.columns), chunk.part))
        mark = self.mark
        for row in chunk.rows:
            mark = hash((mark, kind, _mark(row)))
        self.mark = mark
        self.executions += len(chunk.rows)
        self.rows += chunk.written
        if chunk.written:
            self.extent = Extent(executions=self.executions, mark=self.mark, rows=self.rows)

    def along(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Yield chunks, adding each."""
        for chunk in chunks:
            self.add(chunk)
            yield chunk


def rest(chunks: Iterator[Chunk], loaded: Extent, tracker: Tracker) -> Iterator[Chunk] | None:
    """Return what a background adds to one that is loaded; None if it does not continue it.

    Args:
        chunks: All of the background; read up to where the loaded one ends.
        loaded: The one that is loaded.
        tracker: Takes note of all of it while it is read.
    """
    for chunk in chunks:
        left = loaded.executions - tracker.executions
        before, after = _split(chunk, left)
        tracker.add(before)
        if tracker.executions == loaded.executions:
            if tracker.mark != loaded.mark:
                return None
            return tracker.along(_behind(after, chunks))
    return None


def _behind(first: Chunk, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    if first.rows:
        yield first
    yield from chunks


def _split(chunk: Chunk, left: int) -> tuple[Chunk, Chunk]:
    """Return the first executions of a chunk, and the others; one of several writes a row with each."""
    nothing = chunk._replace(rows=(), written=0)
    if left >= len(chunk.rows):
        return chunk, nothing
    if not left:
        return nothing, chunk
    return chunk._replace(rows=chunk.rows[:left], written=left), chunk._replace(
        rows=chunk.rows[left:], written=len(chunk.rows) - left
    )


def _mark(row: object) -> int:
    """Return a digest of a row; of one with lists in it, which have no hash, that of its text."""
    try:
        return hash(tuple(row) if isinstance(row, list) else row)
    except TypeError:
        return hash(repr(row))
