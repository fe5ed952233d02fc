"""In which order the entrants of a block come.

Owns the balance of what one trial leaves behind for the next: dirty pages, a full cache, an ageing checkpoint. Must not
know what an entrant is.

Shuffling alone balances that only in the long run. In a Williams design (1949, Aust. J. Sci. Res. A 2:149) each entrant
follows each other equally often, and stands in each place equally often, within as many blocks as there are entrants,
or twice as many where their number is odd. Names are dealt to the design anew for each round, and its rows are
shuffled, so that any two entrants are as likely to change places as before.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import TypeVar

_Entrant = TypeVar("_Entrant")


def williams(number: int) -> list[tuple[int, ...]]:
    """Return the rows of the design for so many, numbered from 0: each follows each other equally often over all rows.

    Args:
        number: At least 1.
    """
    steps = [place // 2 if place % 2 == 0 else number - 1 - place // 2 for place in range(number)]
    rows = [tuple((step + shift) % number for step in steps) for shift in range(number)]
    return rows if number % 2 == 0 else rows + [row[::-1] for row in rows]


class Orders:
    """The orders of block after block.

    Args:
        seed: The same seed, the same orders.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rounds = count()
        self._left: Iterator[tuple[int, ...]] = iter(())
        self._dealt: list[int] = []

    def following(self, present: Sequence[_Entrant]) -> list[_Entrant]:
        """Return the order of the next block; a candidate that left since the last one begins a new round."""
        row = next(self._left, None) if len(self._dealt) == len(present) else None
        if row is None:
            random = Random(f"{self._seed}/order/{next(self._rounds)}")  # noqa: S311 (reproducible on purpose)
            self._dealt = random.sample(range(len(present)), len(present))
            rows = williams(len(present))
            self._left = iter(random.sample(rows, len(rows)))
            row = next(self._left)
        return [present[self._dealt[place]] for place in row]
