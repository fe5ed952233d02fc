"""What a search or a map measures at a cardinality without a name, and what it shows of the experiment at work."""

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import laboratory
import pytest

from schemabench import Call, Workload, Writer, experiment
from schemabench.crossover import Laboratory
from schemabench.experiment import Noise, Plan, with_tenants
from schemabench.noise import datamodel, making


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""

    rows: int = 1


NOTES = Workload(
    name="notes",
    summary="notes",
    cardinalities={"typical": Sizes()},
    writers=lambda _: (Writer(name="stream", kind="stream", weight=1),),
    burst=lambda *_: iter([Call("load", {})]),
    tenants=lambda _, organisations, __: (Call("load", {"owner": one.id}) for one in organisations),
)


def _plan(folder: Path) -> Plan:
    return Plan(
        found=laboratory.found(folder, NOTES, "-- name: load\nSELECT 1;\n"),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", dict.fromkeys(("baseline", "a"), "SELECT 1;\n")),
        clients=1,
        budget_s=1.0,
        precision=0.1,
        seed=1,
    )


def _measured(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Have nothing measured; return the plans that would be."""
    measured: list[Plan] = []
    monkeypatch.setattr(experiment, "measure", lambda one, *_: measured.append(one))
    return measured


def _laboratory(plan: Plan | None, shown: list[str]) -> Laboratory:
    bench: Any = SimpleNamespace(
        plan=lambda *_, **__: plan,
        serve=lambda: None,
        subject=lambda _: SimpleNamespace(selected=()),
        wanted={},
        want=lambda *_: None,
        progress=SimpleNamespace(stage=lambda _, text, __: shown.append(text)),
    )
    return Laboratory(bench=bench, workload="items", start="typical", budget_s=9.0, doing="cell 1 of 4")


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [({"indexed": 1.234}, "block 3, 2.00 s indexed 1.23x"), ({}, "block 3, 2.00 s")],
    ids=["ranked", "failed or left early"],
)
def test_block_shows_the_ratio_of_the_candidate_if_it_has_one(ratios: dict[str, float], expected: str) -> None:
    shown: list[str] = []
    candidates: Any = [SimpleNamespace(name=name) for name in ("baseline", "indexed")]

    _laboratory(None, shown).block(SimpleNamespace(budget_s=1.0, candidates=candidates), 3, 2.0, ratios)

    assert shown == [f"cell 1 of 4: {expected}"]


def test_tenants_of_the_noise_are_in_the_tables_at_every_cardinality(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = making.make(datamodel.load(None, sample=True), seed=1, organisations=2)
    noise = Noise(path=tmp_path / "noise.json", model=model)
    plain = _plan(tmp_path)
    plan = replace(plain, found=with_tenants(plain.found, noise), noise=noise)
    measured = _measured(monkeypatch)
    own = _laboratory(plan, [])

    own.measure("probe", Sizes(rows=7), ["a"], 1.0)

    (probe,) = measured
    assert probe.values == Sizes(rows=7)
    filling = probe.found.workload.background(probe.values, Random(1))  # noqa: S311 (reproducible on purpose)
    assert [call.values["owner"] for call in filling] == [1, 2]
    assert own.noise is not None
    assert own.noise.tenants


def test_an_experiment_measures_ratios_alone_for_as_long_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(_plan(tmp_path), race=3, soak_s=60.0, adequacy_s=10.0, equivalence="quick")
    measured = _measured(monkeypatch)

    _laboratory(plan, []).measure("probe", Sizes(), ["a"], 2.0, grace_s=0.5, most_growth=0.25)

    (probe,) = measured
    assert (probe.race, probe.soak_s, probe.adequacy_s, probe.equivalence) == (0, 0.0, 0.0, "off")
    assert (probe.budget_s, probe.grace_s, probe.most_growth) == (2.0, 0.5, 0.25)
