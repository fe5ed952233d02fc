"""The findings of a run: finished experiments, and results of searches.

Owns their combination. A value: new findings make a new one. Must not know how anything was found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import TypeAlias

from schemabench.errors import BrokenOffError, SchemabenchError
from schemabench.records import Crossover, Experiment, Growth, Notice, RatioMap

Key: TypeAlias = tuple[str, str]
"""The workload and the cardinality of an experiment."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The findings so far."""

    ended: Mapping[Key, Experiment | SchemabenchError] = field(default_factory=dict)
    """The outcome of each experiment that tests requested, as they ended; an error may have a record."""
    further: tuple[Experiment, ...] = ()
    """Experiments made for searches."""
    crossovers: tuple[Crossover, ...] = ()
    """Searches for where the ranking changes."""
    maps: tuple[RatioMap, ...] = ()
    """Maps of ratios over two sizes."""
    growths: tuple[Growth, ...] = ()
    """Growth curves."""

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """All experiments with a record, each at a cardinality of a name of its own: searches may begin at the same."""
        named: dict[Key, Experiment] = {}
        known = (one if isinstance(one, Experiment) else one.known for one in self.ended.values())
        for one in (*(one for one in known if one), *self.further):
            names = chain([one.cardinality], (f"{one.cardinality} ({number})" for number in count(2)))
            name = next(name for name in names if (one.workload, name) not in named)
            named[one.workload, name] = replace(one, cardinality=name)
        return tuple(named.values())

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Notices on experiments without a result, with the reason, and on their changes of the server."""
        failed = {key: one for key, one in self.ended.items() if isinstance(one, SchemabenchError)}
        return (
            *(
                Notice(code="experiment-failed", text=_without_result(key, one))
                for key, one in failed.items()
                if one.known is None  # else its record says it
            ),
            *(Notice(code="server-changed", text=text) for one in failed.values() for text in one.notices),
        )

    def with_ended(self, key: Key, outcome: Experiment | SchemabenchError) -> "Findings":
        """Return these findings with the outcome of an experiment."""
        return replace(self, ended={**self.ended, key: outcome})

    def with_further(self, *experiments: Experiment) -> "Findings":
        """Return these findings with experiments made for a search."""
        return replace(self, further=(*self.further, *experiments))

    def with_crossover(self, crossover: Crossover) -> "Findings":
        """Return these findings with the result of a search."""
        return replace(self, crossovers=(*self.crossovers, crossover))

    def with_map(self, drawn: RatioMap, *, instead_of: RatioMap | None) -> "Findings":
        """Return these findings with a map, which replaces its earlier state."""
        return replace(self, maps=(*(one for one in self.maps if one is not instead_of), drawn))

    def with_growth(self, drawn: Growth, *, instead_of: Growth | None) -> "Findings":
        """Return these findings with a growth curve, which replaces its earlier state."""
        return replace(self, growths=(*(one for one in self.growths if one is not instead_of), drawn))


def _without_result(key: Key, failure: SchemabenchError) -> str:
    """Return that an experiment has no result, and why; that of an interrupted one says so itself."""
    if isinstance(failure, BrokenOffError):
        return failure.headline
    return f"{' '.join(key)} has no result: {failure.headline}"
