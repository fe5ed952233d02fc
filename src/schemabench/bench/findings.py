"""What a run holds: the experiments that are over, and what searches found.

Owns how these come together. A value: whoever finds something makes a new one. Must not know how anything was found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from schemabench.errors import SchemabenchError
from schemabench.records import Crossover, Experiment, Notice, RatioMap

Key: TypeAlias = tuple[str, str]
"""The workload and the cardinality of an experiment."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What has been found so far."""

    ended: Mapping[Key, Experiment | SchemabenchError] = field(default_factory=dict)
    """What came of each experiment that tests asked for, in the order in which they ended."""
    further: tuple[Experiment, ...] = ()
    """Experiments that were made for searches."""
    crossovers: tuple[Crossover, ...] = ()
    """Searches for where the answer changes."""
    maps: tuple[RatioMap, ...] = ()
    """Of ratios over two sizes."""

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """All that have a record."""
        return (*(one for one in self.ended.values() if isinstance(one, Experiment)), *self.further)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Which experiments have no result, and why; and what they changed on the server."""
        failed = {key: one for key, one in self.ended.items() if isinstance(one, SchemabenchError)}
        return (
            *(
                Notice(code="experiment-failed", text=f"{' '.join(key)} has no result: {one.what}")
                for key, one in failed.items()
            ),
            *(Notice(code="server-changed", text=text) for one in failed.values() for text in one.notices),
        )

    def with_ended(self, key: Key, outcome: Experiment | SchemabenchError) -> "Findings":
        """Return these with what came of an experiment."""
        return replace(self, ended={**self.ended, key: outcome})

    def with_further(self, *experiments: Experiment) -> "Findings":
        """Return these with experiments that were made for a search."""
        return replace(self, further=(*self.further, *experiments))

    def with_crossover(self, crossover: Crossover) -> "Findings":
        """Return these with the result of a search."""
        return replace(self, crossovers=(*self.crossovers, crossover))

    def with_map(self, drawn: RatioMap, *, instead_of: RatioMap | None) -> "Findings":
        """Return these with a map, in the place of what it was before it grew."""
        return replace(self, maps=(*(one for one in self.maps if one is not instead_of), drawn))
