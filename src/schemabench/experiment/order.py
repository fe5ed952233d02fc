"""The order of the entrants in each block.

Owns the balance of after-effects of one trial on the next: dirty pages, a full cache, an ageing checkpoint. Must not
know what an entrant is.

Shuffling alone balances them only in the long run. In a Williams design (1949, Aust. J. Sci. Res. A 2:149) each entrant
follows each other equally often, and has each position equally often, within as many blocks as there are entrants, or
twice as many if their number is odd. Names are assigned to the design at random for each round, and its rows are
shuffled, so that any two entrants are equally likely to swap places.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import TypeVar

_Entrant = TypeVar("_Entrant")


def williams(number: int) -> list[tuple[int, ...]]:
    """Return the rows of the design: over all of them, each entrant, numbered from 0, follows each other equally often.

    Args:
        number: At least 1.
    """
    steps = [place // 2 if place % 2 == 0 else number - 1 - place // 2 for place in range(number)]
    rows = [tuple((step + shift) % number for step in steps) for shift in range(number)]
    return rows if number % 2 == 0 else rows + [row[::-1] for row in rows]


class Orders:
    """The orders of consecutive blocks.

    Args:
        seed: The same seed, the same orders.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rounds = count()
        self._left: Iterator[tuple[int, ...]] = iter(())
        self._dealt: list[int] = []

    def following(self, present: Sequence[_Entrant]) -> list[_Entrant]:
        """Return the order of the next block; after a candidate has left, a new round starts."""
        row = next(self._left, None) if len(self._dealt) == len(present) else None
        if row is None:
            random = Random(f"{self._seed}/order/{next(self._rounds)}")  # noqa: S311 (reproducible on purpose)
            self._dealt = random.sample(range(len(present)), len(present))
            rows = williams(len(present))
            self._left = iter(random.sample(rows, len(rows)))
            row = next(self._left)
        return [present[self._dealt[place]] for place in row]
