"""Templates that are kept for later experiments: what is noted of one belongs to it, and does not tell two apart."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Sizes:
    """A cardinality."""

    rows: int
    reads: int


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


def test_the_largest_smaller_template_with_all_else_equal_can_be_grown() -> None:
    def of(rows: int, reads: int = 1, seed: int = 1) -> kept.Recipe:
        return replace(RECIPE, values=Sizes(rows=rows, reads=reads), shown=f"{rows} {reads}", seed=seed, grows="rows")

    each = [of(10), of(100), of(1_000), of(50, reads=2), of(60, seed=2)]
    databases = {id(one): Databases(label="x", by_part={}) for one in each}
    server = cast(Server, SimpleNamespace(kept=[(("noise", 1), None), *((one, databases[id(one)]) for one in each)]))

    assert kept.smaller(server, of(500)) == (of(100), databases[id(each[1])])
    assert kept.smaller(server, of(10)) is None
    assert kept.smaller(server, of(500, reads=3)) is None
    assert kept.smaller(server, replace(of(500), source="SELECT 2")) is None


def test_a_template_that_may_be_grown_lacks_the_calls_at_the_end_and_is_not_taken_for_a_whole_one() -> None:
    whole = replace(RECIPE, values=Sizes(rows=10, reads=1))
    server = cast(Server, SimpleNamespace(kept=[(whole, Databases(label="x", by_part={}))]))
    larger = replace(whole, values=Sizes(rows=20, reads=1), grows="rows")

    assert kept.find(server, replace(whole, grows="rows")) is None
    assert kept.smaller(server, larger) is None
