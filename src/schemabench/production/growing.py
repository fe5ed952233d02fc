"""From the relations of a small copy to the same relations at production's size.

Owns the rule. What the baseline has in common with production is as large as there. A candidate differs from that as
its copy differs from the baseline's copy. What production lacks, such as a new index, grows as its table does. Where
that table is empty in the copy nothing grows: an index then has to be estimated, and nothing is known of a partition.
An index of a single page is estimated likewise: how full the page is, nobody knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from schemabench.production.recorded import Production, Relation

_ONCE = 2
"""Pages that an index has once, however large it is: the first one and the root."""


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A candidate's relations at production's size."""

    relations: tuple[Relation, ...]
    """With production's statistics of columns, where it has them; without unknown ones."""
    unknown: frozenset[str]
    """The topmost tables of which production says nothing, or that have parts of which it does not."""
    unsized: tuple[str, ...] = ()
    """The indexes that production lacks, on tables that are empty in the copy or hardly fill a page of the index."""


def grown(own: Sequence[Relation], production: Production, baseline: Sequence[Relation]) -> Grown:
    """Return a candidate's relations at production's size.

    Args:
        own: The relations of its copy.
        production: What production says of its own.
        baseline: The relations of the baseline's copy, which has the same rows.
    """
    known, usual = production.by_name, {one.name: one for one in baseline}
    factors = _factors(own, production)
    found, unsized, unknown = [], [], {one.root for one in own} - set(factors)
    for one in own:
        there, here = known.get(one.name), usual.get(one.name)
        if there and here and one.kind == here.kind == there.kind and there.rows >= 0:
            found.append(_alike(one, here, there))
        elif one.root in unknown:
            pass
        elif factors[one.root] < inf and not _is_too_small(one, factors[one.root]):
            found.append(_scaled(one, factors[one.root], there))
        elif one.kind == "index":
            unsized.append(one.name)
        elif one.kind != "partitioned table":
            unknown.add(one.root)
    return Grown(relations=tuple(found), unknown=frozenset(unknown), unsized=tuple(unsized))


def _is_too_small(one: Relation, factor: float) -> bool:
    """Return whether a relation that should be larger is an index without a page that could grow with it."""
    return one.kind == "index" and factor > 1 and one.pages <= _ONCE


def _factors(own: Sequence[Relation], production: Production) -> dict[str, float]:
    """Return how many times as many rows production has, by topmost table, of those that are known.

    It is infinite for a table that is empty in the copy alone.
    """
    whole, here = _totals(production.relations), _totals(own)
    empty = {root: inf if rows else 1.0 for root, rows in whole.items()}
    return {root: rows / here[root] if here[root] else empty[root] for root, rows in whole.items() if root in here}


def _totals(relations: Sequence[Relation]) -> Mapping[str, float]:
    """Return the rows of topmost tables, of those that were analyzed."""
    found: dict[str, float] = {}
    for one in relations:
        if one.kind in {"table", "materialized view"} and one.rows >= 0:
            found[one.root] = found.get(one.root, 0.0) + one.rows
    return found


def _alike(one: Relation, here: Relation, there: Relation) -> Relation:
    """Return a relation as large as production's, but for what the candidate's copy differs from the baseline's."""

    def as_there(own: float, usual: float, whole: float) -> float:
        return whole * own / usual if own != usual and usual > 0 else whole

    return replace(
        one,
        rows=as_there(one.rows, here.rows, there.rows),
        pages=round(as_there(one.pages, here.pages, there.pages)),
        visible=round(as_there(one.visible, here.visible, there.visible)),
        columns=there.columns,
    )


def _scaled(one: Relation, factor: float, there: Relation | None) -> Relation:
    """Return a relation that grows as its table does; its columns are those of production's table of that name."""
    once = min(one.pages, _ONCE) if one.kind == "index" else 0
    return replace(
        one,
        rows=one.rows * factor,
        pages=once + round((one.pages - once) * factor),
        visible=round(one.visible * factor),
        columns=there.columns if there and one.kind != "index" else {},
    )
