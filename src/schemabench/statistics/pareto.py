"""Which candidates are worth choosing among, where there are several ways to be better.

Owns the Pareto front under ties. Must not rank, nor weigh one measure against the other.
"""

from collections.abc import Sequence


def pareto(names: Sequence[str], *better: frozenset[tuple[str, str]]) -> frozenset[str]:
    """Return the candidates on the Pareto front.

    A candidate is off it where some other is better by one measure at least and worse by none, each beyond chance. A
    tie counts neither way, so that all are on the front where nothing can be told apart. Ties are no groups: whoever
    keeps a candidate off the front may be off it because of a third.

    Args:
        names: The candidates.
        better: For each measure (better, worse), of all pairs that are told apart by it.
    """
    somewhere = frozenset[tuple[str, str]]().union(*better)
    return frozenset(
        name
        for name in names
        if not any((rival, name) in somewhere and (name, rival) not in somewhere for rival in names)
    )
