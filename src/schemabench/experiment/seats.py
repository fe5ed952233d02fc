"""Which process has which connections.

Owns how connections are dealt out to the workers that execute a burst together. Must not know what workers are.
"""

from collections.abc import Sequence

from schemabench.errors import UsageError
from schemabench.workload import Writer


def seated(writers: Sequence[tuple[Writer, int]], workers: int) -> tuple[int, ...]:
    """Return for each connection, in the order of the writers and their clients, the worker that it belongs to.

    A writer's connections stay together, so that with as many workers as writers each has a process of its own, as in
    production; the largest are parted only where there are more workers. Readers fill up what is least at work, one
    connection at a time.

    Args:
        writers: Each with its number of connections.
        workers: How many processes there are, at least one.

    Raises:
        UsageError: There are fewer connections than workers.
    """
    positions: list[list[int]] = []
    readers: list[int] = []
    first = 0
    for writer, clients in writers:
        own = list(range(first, first + clients))
        first += clients
        if writer.kind == "reader":
            readers += own
        else:
            positions.append(own)
    if first < workers:
        raise UsageError(
            f"--clients {first} is fewer than the {workers} workers: each must have a connection",
            remedies=[f"use at least --clients {workers}", f"use fewer workers: -n {first}"],
        )
    parts = positions or [[position] for position in readers[:1]]
    readers = readers if positions else readers[1:]
    while len(parts) < workers and max(map(len, parts)) > 1:
        largest = max(parts, key=len)
        parts.remove(largest)
        parts += [largest[: len(largest) // 2], largest[len(largest) // 2 :]]
    owned: list[list[int]] = [[] for _ in range(workers)]
    for part in [*sorted(parts, key=len, reverse=True), *([position] for position in readers)]:
        min(owned, key=len).extend(part)
    owner = {position: worker for worker, own in enumerate(owned) for position in own}
    return tuple(owner[position] for position in range(first))
