"""Which worker owns which connections.

Owns the distribution of connections among the workers that execute a burst together. Must not know what workers are.
"""

from collections.abc import Sequence

from schemabench.workload import Writer


def seated(writers: Sequence[tuple[Writer, int]], workers: int) -> tuple[int, ...]:
    """Return the worker that owns each connection, in the order of the writers and their clients.

    The connections of a stream or a batch stay in one process while there are enough of these writers for all workers;
    otherwise the largest is halved. Readers are assigned one connection at a time, to the worker with the fewest
    connections.

    Args:
        writers: Each with its number of connections.
        workers: The number of processes, at least one, and at most as many as there are connections.
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
    assert first >= workers, f"{workers} workers are refused before they have to share {first} connections"
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
