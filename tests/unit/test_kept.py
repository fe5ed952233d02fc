"""Templates that are kept for later experiments: what is noted of one belongs to it, and does not tell two apart."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from schemabench import Call
from schemabench.candidate import Remark
from schemabench.experiment import kept
from schemabench.server import Databases, Server
from schemabench.workload import Parts


def _no_rows(*_: object) -> Iterator[Call]:
    yield from ()


RECIPE = kept.Recipe(
    name="baseline",
    source="SELECT 1",
    operations={},
    parts=Parts(),
    background=cast(Any, _no_rows),
    values=None,
    shown="None",
    seed=1,
    isolation="",
)
REMARKS = (Remark(path=Path("baseline.sql"), line=7, passed=None),)


def test_what_is_noted_of_a_template_is_known_when_it_is_used_again() -> None:
    databases = Databases(label="x", by_part={})
    server = cast(
        Server, SimpleNamespace(kept=[(("noise", 1), databases), (replace(RECIPE, remarks=REMARKS), databases)])
    )

    assert kept.find(server, RECIPE) is databases
    assert kept.noted(server, RECIPE).remarks == REMARKS
    assert kept.find(server, replace(RECIPE, source="SELECT 2")) is None
