"""Which candidates are worth choosing among, where there are several ways to be better.

Owns the Pareto front under ties. Must not rank, nor weigh one measure against the other.
"""

from collections.abc import Sequence


def pareto(names: Sequence[str], *better: frozenset[tuple[str, str]]) -> frozenset[str]:
    """Return the candidates on the Pareto front.

    A candidate is off the front if another is significantly better by at least one measure and significantly worse by
    none. A tie counts neither way, so all are on the front if nothing can be told apart. Ties are not transitive: a
    candidate that keeps another off the front may itself be off it because of a third.

    Args:
        names: The candidates.
        better: For each measure (better, worse), of all pairs that differ significantly.
    """
    somewhere = frozenset[tuple[str, str]]().union(*better)
    return frozenset(
        name
        for name in names
        if not any((rival, name) in somewhere and (name, rival) not in somewhere for rival in names)
    )
