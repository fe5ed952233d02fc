"""Ties as letters next to names: a compact letter display (Piepho 2004).

Owns the assignment of letters. Must not judge ties: the standings do.
"""

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_letters

from schemabench.records import Standing


def letters(standings: Sequence[Standing]) -> Mapping[str, str]:
    """Return the letters of each candidate, in order: two share one exactly where they cannot be told apart.

    Each letter stands for a maximal set of candidates that all tie. Empty if there are more sets than letters.
    """
    order = {standing.name: place for place, standing in enumerate(standings)}
    ties = {standing.name: {other for other in standing.tied_with if other in order} for standing in standings}
    sets = sorted(
        _largest(frozenset(), frozenset(order), frozenset(), ties),
        key=lambda some: sorted(order[name] for name in some),
    )
    if len(sets) > len(ascii_letters):
        return {}
    return {
        name: "".join(letter for letter, some in zip(ascii_letters, sets, strict=False) if name in some)
        for name in order
    }


def _largest(
    chosen: frozenset[str], left: frozenset[str], done: frozenset[str], ties: Mapping[str, set[str]]
) -> Iterator[frozenset[str]]:
    """Yield the maximal sets of names that all tie (Bron & Kerbosch 1973, with a pivot).

    Args:
        chosen: Names of the set so far.
        left: Names that tie with all of them and may still join.
        done: Names that tie with all of them and whose sets have all been yielded.
        ties: Name -> the names that it ties with.
    """
    if not left and not done:
        yield chosen
        return
    pivot = max(sorted(left | done), key=lambda name: len(ties[name] & left))
    for name in sorted(left - ties[pivot]):
        yield from _largest(chosen | {name}, left & ties[name], done & ties[name], ties)
        left, done = left - {name}, done | {name}
