"""The parts of a workload: disjoint sets of clients, each with writers of its own.

Owns what a part is called in SQL. Must not know where parts live: candidates say that.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from schemabench.errors import WorkloadError
from schemabench.workload.authoring import Writer

Names: TypeAlias = Mapping[str, Collection[str]]
"""Part -> the names that have a value for it."""
NO_PART = ""
"""The name of what belongs to no part, or to all of them."""

NOWHERE: Names = {NO_PART: ()}
"""No part at all."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a workload at a cardinality."""

    by_name: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Part -> the value of each `:"name"` for it, in the order of the writers; empty for a workload without parts."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """The value of each `:"name"` for what belongs to no part."""

    @property
    def every(self) -> dict[str, Mapping[str, str]]:
        """The names of each part, and of what belongs to none."""
        return {NO_PART: self.shared, **self.by_name}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts."""
        return tuple(self.by_name)

    def of(self, databases: Iterable[str]) -> dict[str, list[Mapping[str, str]]]:
        """Return the names of the parts that live in each database, by what `Databases` calls it."""
        return {one: [self.by_name[one]] if one else [*self.by_name.values()] for one in databases}

    def identifiers(self, part: str) -> Mapping[str, str]:
        """Return the value of each `:"name"` for a part, or for what belongs to none."""
        return self.by_name[part] if part else self.shared


def divided(writers: Iterable[Writer]) -> Parts:
    """Return the parts to which writers belong.

    Raises:
        WorkloadError: Writers of one part differ in their identifiers.
    """
    found: dict[str, Writer] = {}
    shared: dict[str, str] = {}
    for writer in writers:
        first = found.setdefault(writer.part, writer)
        if writer.part and writer.identifiers != first.identifiers:
            raise WorkloadError(
                f"Writers of the part {writer.part!r} have different identifiers: {first.name!r} and {writer.name!r}",
                checked=[f"{one.name}: {_shown(one.identifiers)}" for one in (first, writer)],
                remedies=["give all writers of a part the same identifiers", "give one of them another part"],
            )
        if not writer.part:
            shared = {**writer.identifiers, **shared}
    return Parts(
        by_name={part: first.identifiers for part, first in found.items() if part},
        shared=shared if set(found) <= {NO_PART} else {},
    )


def names_of(writer: Writer) -> Names:
    """Return what the part of a writer's calls may be, and the names that have a value for it."""
    return dict.fromkeys((NO_PART, writer.part), writer.identifiers)


def _shown(identifiers: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in identifiers.items()) or "none"
