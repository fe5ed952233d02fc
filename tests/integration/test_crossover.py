"""Searches and maps: what they record and freeze, interrupted ones too. What they find is for tests/calibration."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import items_project
import pytest

from schemabench import cardinality as cardinalities
from schemabench import crossover, workload
from schemabench.bench import Bench
from schemabench.crossover import finding
from schemabench.errors import SchemabenchError, UsageError
from schemabench.records import from_builtins, to_builtins


@pytest.fixture
def database() -> None:
    """Nothing: experiments make databases of their own."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return the bench of the project, and a server of its own."""
    with items_project.bench(tmp_path, budget_s=15.0) as bench:
        yield bench


def test_search_freezes_and_records_what_it_found(bench: Bench) -> None:
    crossover.add_search(bench, "items", resume=False)

    (found,) = bench.crossovers
    worst = found.found[0]
    assert (found.candidate, found.start.cardinality, worst.cardinality) == ("indexed", "typical", "worst-found")
    assert found.flips == ({found.start.side, *(one.side for one in found.found)} >= {"better", "worse"})
    assert [(one.cardinality, one.origin) for one in bench.further][:2] == [
        ("typical", "pinned"),
        ("worst-found", "found"),
    ]
    frozen = workload.with_frozen(workload.load(bench.root / "workloads", "items"))
    assert frozen.frozen["worst-found"].digest == worst.digest == bench.further[1].digest
    assert cardinalities.values(frozen.workload.cardinalities["worst-found"]) == worst.values
    assert not (bench.root / "workloads/items/crossover-state.json").exists()
    assert from_builtins(to_builtins(bench.record())) == bench.record()


def test_interrupted_search_freezes_nothing_and_goes_on_where_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "FULL_S", 1.0)
    looks: list[str] = []
    measure = crossover.Laboratory.measure

    def interrupt(self: crossover.Laboratory, name: str, *arguments: object, **options: object) -> object:
        looks.append(name)
        if len(looks) == 3:
            raise KeyboardInterrupt
        return measure(self, name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(crossover.Laboratory, "measure", interrupt)
    with pytest.raises(SchemabenchError, match=r"interrupted after .*: no worst-found was frozen") as caught:
        crossover.add_search(bench, "items", resume=False)
    assert caught.value.remedies == ("go on with it: schemabench crossover items --resume",)
    assert not (bench.root / "workloads/items/cardinalities.json").exists()

    looks[:] = ["again"] * 3
    bench.options = replace(bench.options, budget_s=8.0)
    crossover.add_search(bench, "items", resume=True)

    assert len(bench.crossovers[0].probes) == 1 + looks.count("probe")


def test_search_is_not_resumed_under_other_conditions(bench: Bench) -> None:
    state = bench.root / "workloads/items/crossover-state.json"
    state.write_text('{"fingerprint": "of another schema", "candidate": "indexed", "probes": {}}', encoding="utf-8")

    with pytest.raises(UsageError, match="its figures were measured under other conditions"):
        crossover.add_search(bench, "items", resume=True)
    state.unlink()
    with pytest.raises(UsageError, match="There is no search to resume"):
        crossover.add_search(bench, "items", resume=True)


def test_map_has_a_cell_for_each_place_and_says_no_more_than_its_interval(bench: Bench) -> None:
    bench.options = replace(bench.options, budget_s=8.0)

    crossover.add_map(bench, "items", (2, 2))

    (drawn,) = bench.maps
    assert [(cell.first, cell.second) for cell in drawn.cells] == [(10, 4), (10, 8), (40_000, 4), (40_000, 8)]
    for cell in drawn.cells:
        assert cell.ratio is not None
        assert cell.side in {"tied", "better" if cell.ratio.low > 1 else "worse"}
    assert from_builtins(to_builtins(bench.record())).maps == (drawn,)
