"""What a search or a map shows of the experiment at work."""

from types import SimpleNamespace
from typing import Any

import pytest

from schemabench.crossover import Laboratory


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [({"indexed": 1.234}, "block 3, 2.00 s indexed 1.23x"), ({}, "block 3, 2.00 s")],
    ids=["ranked", "failed or left early"],
)
def test_block_shows_the_ratio_of_the_candidate_if_it_has_one(ratios: dict[str, float], expected: str) -> None:
    shown: list[str] = []
    candidates: Any = [SimpleNamespace(name=name) for name in ("baseline", "indexed")]
    bench: Any = SimpleNamespace(
        subject=lambda _: SimpleNamespace(selected=()),
        wanted={},
        want=lambda *_: None,
        progress=SimpleNamespace(stage=lambda _, text, __: shown.append(text)),
    )
    laboratory = Laboratory(bench=bench, workload="items", start="typical", budget_s=9.0, doing="cell 1 of 4")

    laboratory.block(SimpleNamespace(budget_s=1.0, candidates=candidates), 3, 2.0, ratios)

    assert shown == [f"cell 1 of 4: {expected}"]
