"""A data model from a database that exists: how many of everything its tenants have, and never what.

Owns the counting, and the histograms that come of it. Must not read a name or a text: queries return numbers.

Counts are those of whole tenants, so that the size, which multiplies them, is the same for all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.resources import as_file, files
from math import isfinite
from pathlib import Path

import msgspec

from schemabench import sqlfile
from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.noise import mapping
from schemabench.noise.datamodel import TABLES, USUAL_PERCENT, DataModel, Organisations, distributions, largest
from schemabench.noise.distributions import Bin, Constant, Histogram
from schemabench.noise.town import Town
from schemabench.sqlfile import SqlFile
from schemabench.statements import Operation, Query
from schemabench.units import plural

_FEWEST = 5
"""With fewer numbers than this, a histogram would tell of single tenants."""
_BINS = 16
"""A bin of a histogram has at most one of so many parts."""
_KNOWN = {
    f"{table}_{field}": (table, field)
    for table, kind in TABLES.items()
    for field in distributions(kind)
    if kind is not Organisations
}
"""Block -> the table of a data model, and the distribution in it."""


def fitted(town: Town, queries: Path | None, start: DataModel) -> tuple[DataModel, dict[str, int]]:
    """Return a data model with what a database's numbers say, and how many numbers each distribution comes from.

    What no query returns, such as the shares of roles and kinds, is as in another data model.

    Args:
        town: The database, and the schema that is `:"ghost"` in the queries.
        queries: A file of annotated SQL, with blocks such as `users_count`; None for those of a ghost town.
        start: Has everything else.

    Raises:
        UsageError: There is no ghost town, and there are no queries; or a block is none of a data model, or returns
            something else than whole numbers, or too few.
        ServerError: The server refused a query.
    """
    file = _read(queries)
    if queries is None:
        town.made()
    seen: dict[str, int] = {}
    tables = {name: getattr(start, name) for name in TABLES}
    tables["organisations"] = Organisations(size=Constant(value=USUAL_PERCENT))
    with town.connection.transaction():
        town.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name, operation in file.operations.items():
            entity, field = _KNOWN[name]
            numbers = _numbers(town, _query(town, operation), name, largest(entity, field))
            seen[name] = sum(numbers.values())
            if seen[name] < _FEWEST:
                raise UsageError(
                    f"{name} returned {plural(seen[name], 'number')}; fewer than {_FEWEST} would tell of single "
                    "tenants",
                    where=operation.text.place(),
                    remedies=["leave the block out", "fit from a database with more tenants"],
                )
            tables[entity] = msgspec.structs.replace(tables[entity], **{field: Histogram(bins=_bins(numbers))})
    return DataModel(digests={}, **tables), seen


def _read(queries: Path | None) -> SqlFile:
    """Return the queries, whose names are checked."""
    if queries:
        file = sqlfile.read(queries, UsageError)
    else:
        with as_file(files("schemabench.noise") / "fit.sql") as path:
            file = sqlfile.read(path, UsageError)
    for name, operation in file.operations.items():
        if name not in _KNOWN:
            raise UsageError(
                f"A data model has no numbers {name!r}{nearest(name, _KNOWN)}",
                where=operation.text.place(),
                remedies=[f"name some of {', '.join(_KNOWN)}"],
            )
        if len(operation.statements) != 1 or operation.copies or operation.parameters:
            raise UsageError(f"{name} is not one query without parameters", where=operation.text.place())
    return file


def _query(town: Town, operation: Operation) -> Query:
    (statement,) = operation.statements
    return statement.render({"ghost": town.schema}, UsageError)


def _numbers(town: Town, query: Query, name: str, most: int) -> Counter[int]:
    """Return how often a query returns each number."""
    with mapping.worded(query):
        rows = town.connection.execute(query.sql.encode()).fetchall()
    counted: Counter[int] = Counter()
    for row in rows:
        if len(row) != 1 or not _is_within(row[0], most):
            kinds = ", ".join(type(value).__name__ for value in row)
            raise UsageError(
                f"{name} returns ({kinds}), not one number from 0 to {most:,}",
                where=query.place(),
                remedies=["count, or measure: no names and texts are read"],
            )
        counted[round(row[0])] += 1
    return counted


def _is_within(value: object, most: int) -> bool:
    return isinstance(value, int | float | Decimal) and isfinite(value) and 0 <= value <= most


def _bins(numbers: Mapping[int, int]) -> Sequence[Bin]:
    """Return the bins of a histogram; a number that is frequent by itself has its own.

    None has much more than its share of the observations, nor of their sum, so that the few large ones count as they
    should.
    """
    observations, total = sum(numbers.values()), max(1, sum(number * times for number, times in numbers.items()))

    def is_full(group: Sequence[int]) -> bool:
        most = max(sum(numbers[one] for one in group) / observations, sum(one * numbers[one] for one in group) / total)
        return most >= 1 / _BINS

    groups: list[list[int]] = [[]]
    for number in sorted(numbers):
        if is_full([number]) or is_full([*groups[-1], number]):
            groups.append([])
        groups[-1].append(number)
    return [
        Bin(low=group[0], high=group[-1], weight=Decimal(sum(numbers[one] for one in group)))
        for group in groups
        if group
    ]
