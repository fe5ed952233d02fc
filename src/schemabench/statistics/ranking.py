"""Who is better than whom by one criterion: standings, from the differences of all pairs.

Owns ranks, ties and the notices that every criterion has. Must not choose a method: `throughput`, `lock_waits` and
`cost` do, each for its own figures.

A candidate's rank is one more than the number of candidates that are better than it beyond chance, or better than one
of these, all pairs considered at once: whoever is proved better ranks above, and among equal candidates, any is ranked
above any other in at most 5 % of runs. The interval of a
comparison with the baseline belongs to the same set of comparisons, so that the table cannot contradict itself: it
excludes equality exactly where the candidate does not tie with the baseline. The price is width: intervals grow with
the number of candidates, by half from one rival to eight. Three things may still surprise, and are right:

* Ties are not transitive. With A at 100, B at 97 and C at 94, A may be better than C while B ties with both.
* A candidate with scattered figures may tie with the best, and rank above a faster one whose figures are close: the
  data exclude that the second is best, but not that the first is.
* A candidate whose rates are lower bounds is never worse than another, whatever its figures: it may be as fast as any.
  Two bounds cannot be ordered, and tie. A bound above another candidate's interval can be.
"""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from schemabench.records import Criterion, Estimate, Notice, Standing
from schemabench.statistics.comparison import Spans, greater
from schemabench.statistics.sign_flips import Span, fewest
from schemabench.units import format_percent, plural

FEW_BLOCKS = "few-blocks"
"""The code of a notice that no difference, however large, could have been found."""
_SAME: Mapping[str, Estimate] = {
    "ratio": Estimate(value=1.0, low=1.0, high=1.0),
    "difference": Estimate(value=0.0, low=0.0, high=0.0),
}
"""How the baseline compares with itself."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The candidates of one experiment by one criterion, best first, with what the control says about it."""

    standings: tuple[Standing, ...]
    """In order of rank, then figure (best first), then name; empty where nothing is known of the baseline."""
    control: Standing | None
    """The baseline's second entry, with rank and ties of its own only towards the baseline; None without one."""
    better: frozenset[tuple[str, str]]
    """(better, worse), of all ranked candidates that are told apart."""
    notices: tuple[Notice, ...]
    smallest_difference: float | None = None
    """Half the control's interval as a relative difference: equal schemas may differ by as much by chance. None without
    a control, where there are too few blocks, and for criteria that are compared by differences."""
    copies_share: float | None = None
    """Of the variance of a block's log ratio, how much lies between copies, all pairs together; None with one copy."""
    effective_blocks: float | None = None
    """As many independent blocks would say as much of the ratio to the baseline that is known worst."""

    @property
    def decides(self) -> bool:
        """Whether there were enough blocks to tell any two candidates apart."""
        return bool(self.standings) and all(notice.code != FEW_BLOCKS for notice in self.notices)


def ranked(  # noqa: PLR0913 (all that a standing is made of)
    criterion: Criterion,
    spans: Spans,
    figures: Mapping[str, Estimate],
    relative: Callable[[str, Span], Estimate],
    *,
    baseline: str,
    control: str | None,
    blocks: int,
    late: Spans | None = None,
    bounds: Container[str] = (),
) -> Ranking:
    """Return the ranking by one criterion.

    Args:
        criterion: Says which way is better, and how candidates are compared.
        spans: By how much the first of each pair exceeds the second, for every ordered pair of `figures`.
        figures: Name -> its own figure, the control's included.
        relative: From a name and its span over another's to what is shown of it.
        baseline: The name to compare with.
        control: The name of the baseline's second entry, which is not ranked among the others; None without one.
        blocks: How many the spans are made of.
        late: The same spans over the last third of the blocks; None where the criterion does not look at it.
        bounds: The names whose figures are lower bounds: no candidate is told to be better than they are.
    """
    names = tuple(name for name in figures if name != control)
    twins = None if control is None or control not in figures else (control, baseline)
    better = frozenset(pair for pair in _better(criterion, spans, names) if pair[1] not in bounds)

    def standing(name: str, rivals: Sequence[str], known: frozenset[tuple[str, str]]) -> Standing:
        place, ties = placed(name, rivals, known)
        own = name == baseline
        at_last = (late or {}).get((name, baseline))
        return Standing(
            name=name,
            figure=figures[name],
            to_baseline=_SAME[criterion.compared] if own else relative(name, spans[name, baseline]),
            to_others={other: relative(name, spans[name, other]) for other in rivals if other not in {name, baseline}},
            rank=place,
            tied_with=ties,
            late=relative(name, at_last) if at_last else None,
            at_least=name in bounds,
        )

    def order(one: Standing) -> tuple[int, float, str]:
        value = one.to_baseline.value
        return one.rank, -value if criterion.better == "more" else value, one.name

    checked = None if twins is None else standing(twins[0], twins, _better(criterion, spans, twins))
    return Ranking(
        standings=tuple(sorted((standing(name, names, better) for name in names), key=order)),
        control=checked,
        better=better,
        notices=(*_few_blocks(blocks, len(names)), *(() if checked is None else _control_differs(criterion, checked))),
    )


def fewest_blocks(candidates: int) -> int:
    """Return the fewest blocks that can tell any of this many candidates (the baseline included) apart: 6 for two."""
    return fewest(math.comb(candidates, 2))


def placed(name: str, ranked: Sequence[str], better: frozenset[tuple[str, str]]) -> tuple[int, tuple[str, ...]]:
    """Return a candidate's rank and the candidates that it ties with.

    Whoever is better than one that is better ranks above, too, though the two may tie by themselves: pairs are not all
    known equally well, the less so where candidates left.

    Args:
        name: The candidate.
        ranked: All candidates in the comparison, itself included.
        better: (better, worse), of all pairs that differ significantly.
    """
    rivals = sorted(set(ranked) - {name})
    ties = tuple(rival for rival in rivals if (rival, name) not in better and (name, rival) not in better)
    ahead = set[str]()
    found = {name}
    while found := {first for first, second in better if second in found} - ahead - {name}:
        ahead |= found
    return 1 + len(ahead), ties


def _better(criterion: Criterion, spans: Spans, names: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return (better, worse) of all of these names that are told apart."""
    found = greater(spans, names)
    return found if criterion.better == "more" else frozenset((second, first) for first, second in found)


def _few_blocks(blocks: int, candidates: int) -> tuple[Notice, ...]:
    """Return a notice if no difference, however large, could have been detected."""
    needed = fewest_blocks(candidates)
    if blocks >= needed:
        return ()
    need = f"{candidates} candidates need" if candidates != 1 else "1 candidate needs"
    text = (
        f"Only {plural(blocks, 'block')}: {need} {needed} before "
        "any difference can be told from chance. Intervals show the observed range."
    )
    return (Notice(code=FEW_BLOCKS, text=text),)


def _control_differs(criterion: Criterion, control: Standing) -> tuple[Notice, ...]:
    """Return a notice where the baseline differs from itself."""
    if control.tied_with:
        return ()
    found = control.to_baseline
    if criterion.compared == "ratio":
        shown = f"ratio {found.value:.3f}, interval {found.low:.3f} to {found.high:.3f}"
        beyond = format_percent(abs(found.value - 1))
    else:
        low, centre, high = (f"{value:+.3g}" for value in _shown(criterion, found))
        shown, beyond = f"by {centre} {_unit(criterion)}, interval {low} to {high}", "that"
    text = (
        f"The baseline ran a second time as {control.name!r} and differs from itself in {criterion.title}: {shown}. "
        f"Trust only differences in {criterion.title} well beyond {beyond}."
    )
    return (Notice(code="control-differs", text=text),)


def _shown(criterion: Criterion, difference: Estimate) -> tuple[float, float, float]:
    """Return the low end, the centre and the high end of a difference, of shares in percentage points."""
    factor = 100 if criterion.unit == "share" else 1
    return difference.low * factor, difference.value * factor, difference.high * factor


def _unit(criterion: Criterion) -> str:
    return "points" if criterion.unit == "share" else f"{criterion.unit} per {criterion.per}"
