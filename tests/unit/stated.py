"""Tables and statements as they are found in a live database."""

from typing import Any

from pglast import parse_sql

from schemabench.deriving import parameters
from schemabench.deriving.found import Column, Executed, Table
from schemabench.deriving.operations import Operation
from schemabench.deriving.statement import kind_of


def column(name: str = "c", base: str = "int8", category: str = "N", **more: Any) -> Column:  # noqa: ANN401 (fields)
    """Return a column."""
    plain: dict[str, Any] = {
        "required": True,
        "generated": False,
        "sequence": None,
        "default": None,
        "labels": (),
        "statistics": None,
    }
    return Column(**{"name": name, "type": base, "base": base, "category": category, **plain, **more})


def table(name: str, *columns: Column, number: int = 1, count: int = 1_000, **more: Any) -> Table:  # noqa: ANN401 (fields)
    """Return a table."""
    known = {one.name: one for one in columns}
    return Table(
        id=number, schema="public", name=name, rows=count, inserted=1, updated=0, deleted=0, columns=known, **more
    )


STATED = table(
    "t",
    column("id", sequence="s", default="nextval('s')"),
    column("key"),
    column("total"),
    column("state", "text", "S", required=False),
    column("made_at", "timestamptz", "D", default="now()"),
    primary=["id"],
    unique=[["id"], ["key"]],
)


def operation(sql: str, *tables: Table, types: str = "text") -> Operation:
    """Return an operation on tables, or on the one that is stated, whose parameters are all of a type."""
    kind, _ = kind_of(sql, ())
    assert kind is not None
    (parsed,) = parse_sql(sql)
    uses = parameters.read(sql, tables or [STATED], ["public"])
    counted = Executed(sql=sql, kind=kind, role="", calls=1, total_ms=1, rows=1)
    return Operation(
        name="op",
        executed=counted,
        sql=sql,
        uses=uses,
        names=parameters.names(uses),
        types=dict.fromkeys(uses, types),
        root=parsed.stmt,
    )
