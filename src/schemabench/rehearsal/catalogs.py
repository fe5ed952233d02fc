"""Whether two databases have the same schema, by their catalogs.

Owns the comparison of catalogs and of the numbers of rows, and its wording. Must not compare rows.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import NamedTuple, TypeAlias

import psycopg

from schemabench.units import plural

_TABLES = """
SELECT oid::pg_catalog.regclass::text
FROM pg_catalog.pg_class
WHERE
    relkind = 'r'
    AND relnamespace::pg_catalog.regnamespace::text !~ '^(pg_|information_schema$)'
    AND pg_catalog.has_table_privilege(oid, 'SELECT')
"""
_NUMBER = re.compile(r"[0-9a-f]{8}(?:[-_]?[0-9a-f]{4}){3}[-_]?[0-9a-f]{12}|[0-9a-f]*[0-9][0-9a-f]*")
"""In a name: a UUID, or a number, decimal or hexadecimal."""
_RENUMBERED = (
    "some objects have other numbers in their names than those of a fresh installation, and a second one, which "
    "executed the same calls at their pace, has the same as the first: either they are named by the clock, or the "
    "migration changes how they are named. To find out, rehearse again: what only the clock was the reason for need "
    "not differ then"
)
Catalog: TypeAlias = Mapping[tuple[str, str], str]
"""(kind, name) of each object, as in `column`, `orders.note` -> its definition, without object ids."""


def read(connection: psycopg.Connection[tuple[object, ...]]) -> Catalog:
    """Return the catalog of a database.

    Raises:
        psycopg.Error: The server failed.
    """
    query = resources.files(__package__).joinpath("queries/catalog.sql").read_text(encoding="utf-8")
    rows = connection.execute(query.encode()).fetchall()
    return {(str(kind), str(name)): str(definition) for kind, name, definition in rows}


def counts(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    """Return how many rows each table has that is not partitioned and may be read, by its name.

    Raises:
        psycopg.Error: The server failed.
    """
    found = {}
    for name in (str(name) for (name,) in connection.execute(_TABLES).fetchall()):
        row = connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()  # noqa: S608 (quoted by the server)
        found[name] = int(str(row[0])) if row else 0
    return found


def counted(expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    """Yield in words which tables of both have other numbers of rows, as in `result has 2 rows instead of 2,016`."""
    for name in sorted(expected.keys() & found.keys()):
        if expected[name] != found[name]:
            yield f"{name} has {plural(found[name], 'row')} instead of {expected[name]:,}"


class Change(NamedTuple):
    """An object that is not as in a fresh installation."""

    kind: str
    name: str
    expected: str | None
    """Its definition there; None if it is left over."""
    found: str | None
    """None if it is missing."""

    def __str__(self) -> str:
        shown = f"{self.kind} {self.name}"
        if self.found is None:
            return f"{shown} is missing{_more(self.expected)}"
        if self.expected is None:
            return f"{shown} is left over{_more(self.found)}"
        return f"{shown} differs: {self.found or 'plain'} instead of {self.expected or 'plain'}"

    @property
    def manner(self) -> tuple[str, bool, bool]:
        """Its kind, and whether it is left over or missing."""
        return self.kind, self.expected is None, self.found is None

    @property
    def in_general(self) -> "Change":
        """The same of any object whose names differ in numbers alone, as of a table for each run: `scratch_17`."""
        expected, found = (None if one is None else _NUMBER.sub("#", one) for one in (self.expected, self.found))
        return Change(self.kind, _NUMBER.sub("#", self.name), expected, found)


class Attributed(NamedTuple):
    """In what catalogs differ, in words."""

    own: tuple[str, ...] = ()
    """The migration's doing."""
    others: tuple[str, ...] = ()
    """What calls or companions made, changed or dropped."""
    unclear: tuple[str, ...] = ()
    """What may be either."""
    why: str = ""
    """Why that is not known; empty if nothing is unclear."""

    def left_open(self, why: str) -> "Attributed":
        """Return the same with what seemed the migration's doing as unclear, too; as it is without a reason why."""
        if not why or not self.own:
            return self
        whys = [self.why, *([] if why in self.why else [why])]
        return Attributed(
            others=self.others, unclear=(*self.own, *self.unclear), why="\n".join(one for one in whys if one)
        )


def attributed(  # noqa: PLR0913, PLR0917 (four databases)
    expected: Catalog, found: Catalog, control: Catalog, bare: Catalog, earlier: Catalog, why: str
) -> Attributed:
    """Return in what a migrated database differs from a fresh installation, by whose doing that is.

    Calls or companions did what they did to the control, too, in the same object or in one whose name has other
    numbers. Where they did something to the control that is not found in the migrated database, they do not do the same
    each time. Then it is unclear who did the like to other objects of that kind. So it is of what the migrated database
    has under another number, and the control does not: by the clock, or as the migration has them named.

    Args:
        expected: As in `differences`, likewise `found` and `earlier`.
        found: Likewise.
        control: The catalog of a second fresh installation, after the same calls at their pace, beside companions.
        bare: That of one that executed no calls: whatever it lacks, calls or companions made.
        earlier: Likewise.
        why: Why something is unclear where the control has other objects of its kind.
    """
    changed, theirs = (list(_changes(expected, one, earlier)) for one in (found, control))
    forms, seen = ({one: _form(one, bare) for one in some} for some in (theirs, changed))
    missing = {form for one, form in seen.items() if one.found is None and (one.kind, one.name) not in bare}
    left = {form for one, form in seen.items() if one.expected is None}
    common = set(forms.values())
    alone = [one for one in changed if seen[one] not in common]
    renumbered = (missing & left) - common
    known = set(seen.values())
    varying = {one.manner for one, form in forms.items() if form not in known}
    doubts = {one: _RENUMBERED if seen[one] in renumbered else why if one.manner in varying else "" for one in alone}
    return Attributed(
        own=tuple(str(one) for one, doubt in doubts.items() if not doubt),
        others=tuple(_summed(one for one in changed if seen[one] in common)),
        unclear=tuple(_summed(one for one, doubt in doubts.items() if doubt)),
        why="\n".join(dict.fromkeys(filter(None, doubts.values()))),
    )


def _form(change: Change, bare: Catalog) -> Change:
    """Return a change in general: of what calls or companions made, that it is there in one database, and not in which.

    By the clock, what they make has another number in each.
    """
    one = change.in_general
    was_made = (change.kind, change.name) not in bare
    return one._replace(expected=None, found=one.expected) if was_made and one.found is None else one


def _summed(some: Iterable[Change]) -> Iterator[str]:
    """Yield changes in words; of those that differ in numbers alone, the first one, and how many there are."""
    alike: dict[Change, list[Change]] = {}
    for one in some:
        alike.setdefault(one.in_general, []).append(one)
    for first, *more in alike.values():
        yield f"{first}{f'; and {len(more):,} more whose names have other numbers' if more else ''}"


def differences(expected: Catalog, found: Catalog, earlier: Catalog) -> Iterator[str]:
    """Yield in words in which objects a migrated database differs from a fresh installation, by kind and name.

    Args:
        expected: The catalog of the fresh installation.
        found: That of the migrated database.
        earlier: The catalog of a fresh installation before its calls, where these may change it: an object may be as
            it was there. Empty if they do not.
    """
    yield from map(str, _changes(expected, found, earlier))


def _changes(expected: Catalog, found: Catalog, earlier: Catalog) -> Iterator[Change]:
    for key in sorted({*expected, *found}):
        if earlier and earlier.get(key) == found.get(key):
            continue
        if found.get(key) != expected.get(key):
            yield Change(*key, expected.get(key), found.get(key))


def _more(definition: str | None) -> str:
    return f": {definition}" if definition else ""
