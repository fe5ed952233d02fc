"""The calls of a log as a file to replay: in order of time, with keys that stand for rows of another database.

Owns what becomes of each key: one that the server handed out is taken from its answer, one that the application made
is made again, and one of a row that was there before is that of a row which is made up. Must not know the file's use.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from schemabench.deriving import log_keys, log_numbers
from schemabench.deriving.found import Table
from schemabench.deriving.log_keys import Home, Keys
from schemabench.deriving.log_numbers import Insertion, Use
from schemabench.deriving.operations import Operation
from schemabench.deriving.rows import Rows
from schemabench.deriving.statement import Kind
from schemabench.logs import Part, Request, Spool
from schemabench.logs.form import FORMAT, Header

_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)')
_WHOLE = {"int2", "int4", "int8", "numeric"}
_LINES_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a statement of a log became."""

    operation: Operation
    names: Sequence[str]
    """The parameter of each of its values; empty for one that belongs to the statement."""


class Made(NamedTuple):
    """A key that a statement made."""

    order: int
    session: str
    committed: int
    committed_s: float


@dataclass
class Gathered:
    """What is known of the keys of a log."""

    made: dict[Home, dict[str, Made]] = field(default_factory=dict)
    """Those that statements chose themselves."""
    kept: dict[Home, set[str]] = field(default_factory=dict)
    """Those of which a row may be there or not, which stay as they are."""
    uses: dict[Home, dict[str, Use]] = field(default_factory=dict)
    insertions: dict[Home, list[Insertion]] = field(default_factory=dict)
    shared: set[tuple[Home, str]] = field(default_factory=set)
    """Keys that other sessions use than the one that made them."""
    steps: dict[Home, object] = field(default_factory=dict)
    """How keys that statements chose differ when the file is replayed again."""
    given: dict[Home, dict[str, Insertion]] = field(default_factory=dict)
    """Key -> the insertion for which the server chose it."""
    names: dict[tuple[int, Home], str] = field(default_factory=dict)
    """(when an insertion was done, its column) -> its key."""
    doubtful: Counter[Home] = field(default_factory=Counter)
    in_lists: int = 0
    """Keys that the server chose, in lists, where no answer can take their place."""
    named: set[int] = field(default_factory=set)
    """Tables of which the log names rows that it does not make."""
    calls: Counter[str] = field(default_factory=Counter)
    """Operation -> its calls."""
    left_out: int = 0
    """Statements that became no operation."""


class Writer:
    """Writes the file.

    Args:
        spool: The requests.
        targets: The number of a shape -> what became of it.
        rows: What is made up for each table.

    Attributes:
        rows: What is made up for each table.
        gathered: What is known of keys.
    """

    def __init__(self, spool: Spool, targets: Mapping[int, Target], rows: Sequence[Rows]) -> None:
        self._spool = spool
        self._targets = targets
        self.rows = rows
        self._rows = {one.table.id: one for one in rows}
        self._tables: Mapping[int, Table] = {one.table.id: one.table for one in rows}
        self._keys: dict[str, Keys] = {}
        for one in targets.values():
            self._keys.setdefault(one.operation.name, log_keys.keys(one.operation, self._tables))
        self._places: dict[int, dict[tuple[str | None, ...], int]] = {}
        self._before: dict[str, int] = {}
        """Session -> when its statement before was done."""
        self._due_s: Sequence[float] = ()
        self.gathered = Gathered()

    def prepare(self) -> Gathered:
        """Find out what each key is; return what is known."""
        for _, request in self._spool.in_order():
            for part, target in self._parts(request):
                self._gather(request, part, target)
        gathered = self.gathered
        for home, insertions in gathered.insertions.items():
            insertions.sort()
            made = gathered.made.get(home, {})
            uses = {value: use for value, use in gathered.uses.get(home, {}).items() if value not in made}
            by = log_numbers.by_sequence if self._column(home).sequence else log_numbers.by_session
            matched = by(insertions, uses)
            gathered.given[home] = matched.by_value
            gathered.names |= {(one.order, home): value for value, one in matched.by_value.items()}
            gathered.doubtful[home] += matched.doubtful
        for home, made in gathered.made.items():
            gathered.steps[home] = self._step(home, made)
        for home, uses in gathered.uses.items():
            if any(self._is_old(home, value) for value in uses):
                gathered.named.add(home.table)
        self._due_s = self._starts_s()
        return gathered

    def lines(self, span_s: float, first_s: float) -> Iterator[bytes]:
        """Yield the file in pieces.

        Args:
            span_s: The time of the whole log.
            first_s: When it begins.
        """
        operations = {one.operation.name: one.operation for one in self._targets.values()}
        reads = sorted(name for name, one in operations.items() if one.kind is Kind.READ)
        encode = msgspec.json.Encoder().encode
        yield encode(Header(schemabench_log=FORMAT, span_s=round(span_s, 3), reads=reads)) + b"\n"
        starts_s, orders = self._due_s, self._spool.orders()
        numbers = sorted(range(len(starts_s)), key=lambda number: (starts_s[number], orders[number]))
        lines = (
            encode(line) + b"\n"
            for number, request in zip(numbers, self._spool.at(numbers), strict=True)
            if (line := self._line(request, starts_s[number] - first_s))
        )
        while some := b"".join(islice(lines, _LINES_AT_ONCE)):
            yield some

    def _parts(self, request: Request) -> Iterator[tuple[Part, Target]]:
        return ((part, self._targets[part.shape]) for part in request.parts if part.shape in self._targets)

    def _values(self, part: Part, target: Target) -> dict[str, str | None]:
        """Return the values of a statement by their parameters; keys in one of the ways in which they are written."""
        keys = self._keys[target.operation.name]
        homes = {**keys.homes, **keys.makes, **keys.upserts}
        return {
            name: log_keys.normal(value, self._column(homes[name])) if value is not None and name in homes else value
            for name, value in zip(target.names, part.values, strict=True)
            if name
        }

    def _elements(self, home: Home, text: str | None) -> list[str | None]:
        column = self._column(home)
        return [None if one is None else log_keys.normal(one, column) for one in elements(text)]

    def _gather(self, request: Request, part: Part, target: Target) -> None:
        """Note what a statement makes and uses."""
        gathered, keys = self.gathered, self._keys[target.operation.name]
        gathered.calls[target.operation.name] += 1
        values = self._values(part, target)
        for name, home in keys.makes.items():
            if (value := values.get(name)) is not None:
                made = Made(part.order, request.session, request.order, request.end_s)
                gathered.made.setdefault(home, {}).setdefault(value, made)
        for name, home in keys.upserts.items():
            if (value := values.get(name)) is not None:
                gathered.kept.setdefault(home, set()).add(value)
        used = [(home, values.get(name)) for name, home in keys.homes.items() if name not in keys.upserts]
        used += [(home, one) for name, home in keys.lists.items() for one in self._elements(home, values.get(name))]
        for home, value in used:
            if value is None:
                continue
            made_by = gathered.made.get(home, {}).get(value)
            if made_by and made_by.session != request.session:
                gathered.shared.add((home, value))
            uses = gathered.uses.setdefault(home, {})
            if value not in uses or part.order < uses[value].order:
                uses[value] = Use(part.order, request.session, request.order, self._before.get(request.session, -1))
        self._before[request.session] = part.order
        if keys.hands_out:
            one = Insertion(
                order=part.order,
                session=request.session,
                start_s=part.start_s,
                end_s=part.end_s,
                committed=request.order,
                committed_s=request.end_s,
                rows=keys.rows,
                gives=bool(keys.gives),
            )
            gathered.insertions.setdefault(keys.hands_out, []).append(one)

    def _starts_s(self) -> Sequence[float]:
        """Return when each request is due, by its number: when it began, but not before what it takes was committed."""
        found, last = list(self._spool.starts_s()), dict[str, float]()
        for number, request in self._spool.in_order():
            start_s = max(found[number], last.get(request.session, 0.0))
            for part, target in self._parts(request):
                self.gathered.in_lists += self._in_lists(part, target)
                for value, home in self._taken(part, target):
                    giver = self.gathered.given.get(home, {}).get(value) or self._maker(home, value)
                    if giver and giver.session != request.session and giver.committed < request.order:
                        start_s = max(start_s, giver.committed_s)
            found[number] = last[request.session] = start_s
        return found

    def _taken(self, part: Part, target: Target) -> Iterator[tuple[str, Home]]:
        """Yield the keys that a statement uses."""
        homes = self._keys[target.operation.name].homes
        for name, value in self._values(part, target).items():
            if name in homes and value is not None:
                yield value, homes[name]

    def _in_lists(self, part: Part, target: Target) -> int:
        """Return how many keys that the server handed out a statement has in lists."""
        lists = self._keys[target.operation.name].lists
        values = self._values(part, target) if lists else {}
        return sum(
            value in self.gathered.given.get(home, {})
            for name, home in lists.items()
            for value in self._elements(home, values.get(name))
        )

    def _maker(self, home: Home, value: str) -> Made | None:
        return self.gathered.made[home][value] if (home, value) in self.gathered.shared else None

    def _line(self, request: Request, at_s: float) -> dict[str, Any] | None:
        """Return a request as the file has it; None if nothing of it became an operation."""
        calls = [self._call(request, part, target) for part, target in self._parts(request)]
        if not calls:
            return None
        line: dict[str, Any] = {"session": request.session, "at": round(at_s, 4), "calls": calls}
        return line | {"transaction": True} if request.explicit else line

    def _call(self, request: Request, part: Part, target: Target) -> tuple[str, dict[str, Any], dict[str, str]]:
        keys = self._keys[target.operation.name]
        values = self._values(part, target)
        shown: dict[str, Any] = {}
        for table, group in keys.groups:
            if all(self._is_old(keys.homes[name], values.get(name)) for name in group if name in keys.homes):
                shown |= self._row(table, {column: values[name] for name, column in group.items()}, group)
        gives: dict[str, str] = {}
        for name, value in values.items():
            home = keys.makes.get(name)
            if home and value is not None:
                shown[name] = {"known": value, "step": self.gathered.steps[home]}
                if (home, value) in self.gathered.shared and self.gathered.made[home][value].order == part.order:
                    gives[""] = self._name(home, value)
            elif name in keys.homes and name not in shown and name not in keys.upserts:
                shown[name] = self._used(request, keys.homes[name], value)
            elif name in keys.lists:
                shown[name] = [self._listed(keys.lists[name], one) for one in self._elements(keys.lists[name], value)]
        if keys.hands_out and (own := self.gathered.names.get((part.order, keys.hands_out))):
            gives[keys.gives] = self._name(keys.hands_out, own)
        return target.operation.name, {name: shown.get(name, value) for name, value in values.items()}, gives

    def _used(self, request: Request, home: Home, value: str | None) -> Any:  # noqa: ANN401 (what JSON has)
        """Return what stands for a key that a statement uses."""
        gathered = self.gathered
        if value is None or value in gathered.kept.get(home, ()):
            return value
        if (giver := gathered.given.get(home, {}).get(value)) and giver.order < request.order:
            return {"given": self._name(home, value), "known": value}
        if made := gathered.made.get(home, {}).get(value):
            shown = {"known": value, "step": gathered.steps[home]}
            waits = (home, value) in gathered.shared and made.session != request.session
            return {**shown, "given": self._name(home, value)} if waits and made.committed < request.order else shown
        found = self._row(home.table, {home.column: value}, {"": home.column})
        return found.get("", value)

    def _listed(self, home: Home, value: str | None) -> Any:  # noqa: ANN401 (likewise)
        """Return what stands for a key in a list."""
        gathered = self.gathered
        if value is None:
            return None
        if value in gathered.given.get(home, {}):
            return value
        if value in gathered.made.get(home, {}):
            return {"known": value, "step": gathered.steps[home]}
        return self._row(home.table, {home.column: value}, {"": home.column}).get("", value)

    def _is_old(self, home: Home, value: str | None) -> bool:
        gathered = self.gathered
        known = (gathered.given.get(home, {}), gathered.made.get(home, {}), gathered.kept.get(home, ()))
        return value is not None and not any(value in one for one in known)

    def _row(self, table: int, key: Mapping[str, str | None], group: Mapping[str, str]) -> dict[str, Any]:
        """Return what stands for the key of a row that was there before: of which row, by the order of appearance."""
        rows = self._rows.get(table)
        if rows is None or not set(key) <= set(rows.columns):
            return {}
        places = self._places.setdefault(table, {})
        place = places.setdefault(tuple(key[column] for column in sorted(key)), len(places))
        return {
            name: {"row": place, "of": rows.name, "column": column, "known": key[column]}
            for name, column in group.items()
        }

    def _name(self, home: Home, value: str) -> str:
        return f"{self._tables[home.table].name}.{home.column} {value}"

    def _column(self, home: Home) -> Any:  # noqa: ANN401 (a column)
        return self._tables[home.table].columns[home.column]

    def _step(self, home: Home, made: Iterable[str]) -> object:
        """Return how keys differ when the file is replayed again: by a number, or by their kind."""
        column = self._column(home)
        if column.base in _WHOLE:
            numbers = [int(one) for one in made if one.lstrip("-").isdecimal()]
            return max(numbers, default=0) - min(numbers, default=0) + 1
        return "uuid" if column.base == "uuid" else "text" if column.category == "S" else None


def elements(text: str | None) -> list[str | None]:
    r"""Return the elements of an array of one dimension.

    >>> elements('{1,NULL,"a\\"b"}')
    ['1', None, 'a"b']
    """
    found: list[str | None] = []
    for quoted, plain in _ELEMENT.findall((text or "").strip()):
        if plain:
            found.append(None if plain == "NULL" else plain)
        else:
            found.append(re.sub(r"\\(.)", r"\1", quoted))
    return found
