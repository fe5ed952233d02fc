"""The files of a project from a live database: names in Python, and what the schema needs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from stated import STATED, column, table

from schemabench.deriving import project, rows, sqlfiles
from schemabench.deriving.derived import Derived
from schemabench.deriving.dump import Schema
from schemabench.deriving.found import ForeignKey, Traffic
from schemabench.deriving.scale import Scale
from schemabench.pgbench import project as scripts
from schemabench.production import Production


def derived(name: str = "shop", *tables: Any, **more: Any) -> Derived:  # noqa: ANN401 (tables, and fields)
    """Return what was derived from a database."""
    plain: dict[str, Any] = dict.fromkeys(
        ("operations", "others", "left_out", "writers", "states", "not_compared", "unused", "views"), ()
    )
    return Derived(
        **plain,
        name=name,
        server="PostgreSQL 18.6",
        day="2026-11-29",
        production=Production(server="", day="", relations=()),
        schema=Schema(statements=("CREATE TABLE t ()",)),
        rows=rows.planned(tables or [STATED], Scale(1.0), values=False),
        traffic=Traffic(executed=(), left_out=(), since=None, until=datetime(2026, 11, 29, tzinfo=UTC)),
        slice_s=1.0,
        scale=Scale(1.0),
        values=False,
        **{"path": ["public"], **more},
    )


@pytest.mark.parametrize("name", ["2024_sales", "rows", "call"])
def test_the_class_of_sizes_is_one_whatever_the_database_is_called(name: str) -> None:
    written = project.of_database(derived(name))[f"workloads/{name}/cardinality.py"]

    names: dict[str, Any] = {"__name__": "schemabench"}
    exec(written, names)  # noqa: S102 (what was just written)
    assert type(names["TYPICAL"]).__name__.startswith("Live")


@pytest.mark.parametrize(
    ("path", "setting"),
    [(["public"], ""), (["app"], "search_path = app"), (["public", "b"], "path = public, b")],
)
def test_names_without_a_schema_are_found_wherever_the_database_has_its_tables(path: list[str], setting: str) -> None:
    found = sqlfiles.baseline(derived(path=path))

    assert setting in found
    assert ("search_path" in found) == bool(setting)


def test_the_background_of_scripts_opens_circles_and_closes_them() -> None:
    def other(name: str, number: int, target: int) -> Any:  # noqa: ANN401 (a table)
        key = ForeignKey(name=f"{name}_key", columns=["other"], target=target, keys=["id"])
        return table(name, column("id"), column("other"), number=number, unique=[["id"]], references=[key])

    live = derived("shop", other("a", 1, 2), other("b", 2, 1))
    files = scripts.files(scripts.Project(name="shop", scripts=(), variables=(), schema="", live=live))
    workload = files["workloads/shop/__init__.py"]

    assert "-- name: open_circles" in files["workloads/shop/operations.sql"]
    assert workload.index("open_circles") < workload.index("Rows(f") < workload.index("close_circles")
