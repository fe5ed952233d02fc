"""The calls that entrants of a soak execute, turn after turn, without a server."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made_up

from schemabench import Call, Workload
from schemabench.experiment.burst import Burst
from schemabench.experiment.turns import Pattern, Turns

ROWS = 30


def _timed(
    sizes: made_up.Sizes, rows: Iterator[tuple[str, int]], others: Mapping[str, Sequence[str]], cycle: int
) -> Iterator[Call]:
    """Yield calls that are due every second."""
    for place, call in enumerate(made_up.replayed(sizes, rows, others, cycle)):
        yield call._replace(at_s=float(cycle * ROWS + place))


def _turns(folder: Path, bursts: list[Burst]) -> Turns:
    """Return the turns of an entrant, of ten seconds each, which note what they would execute."""
    path = folder / "rows.csv"
    path.write_text("".join(f"key,{number}\n" for number in range(ROWS)))
    plan = made_up.plan(folder, inputs={"made_up": path})
    workload: Workload[Any] = replace(plan.found.workload, replay=replace(made_up.REPLAY, calls=_timed, timed=True))
    plan = replace(plan, found=replace(plan.found, workload=workload))

    def execute(_: object, burst: Burst, *__: object) -> tuple[object, dict[str, object]]:
        bursts.append(burst)
        return SimpleNamespace(cut=False), {}

    around: Any = SimpleNamespace(name="baseline", databases=(), watch=lambda _: None)
    pattern = Pattern(slice_s=10.0, rounds=11, size=1, burst_s=10.0, paced=True)
    turns = Turns(plan=plan, server=around, entrant=around, wear=around, vacuuming=around, pattern=pattern)
    turns._team = SimpleNamespace(execute=execute)  # type: ignore[assignment] (the part that turns use)
    return turns


def test_a_timed_file_goes_on_from_turn_to_turn_and_all_entrants_get_the_same_calls(tmp_path: Path) -> None:
    one_s, other_s = list[Burst](), list[Burst]()
    one, other = _turns(tmp_path, one_s), _turns(tmp_path, other_s)
    for turns in (one, other, other, one, one, one, other, other):
        turns._burst()

    values = [
        [int(call.values["value"] or b"") for call in burst.calls() if call.operation == "add"] for burst in one_s
    ]
    assert [sorted(some) for some in values[:3]] == [list(range(start, start + 10)) for start in (0, 10, 20)]
    assert sorted(values[3]) == list(range(1000, 1010)), "the file begins anew"
    assert [burst.digest for burst in one_s] == [burst.digest for burst in other_s]
    for burst in one_s:
        assert burst.pace is not None
        assert list(burst.pace.due_s[:10]) == [float(place) for place in range(10)]
